"""Files as cameras, scanners and browsers know them: turned TIFF, camera raw, long texts, small damage that hurts no pixel."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import PictureError
from notebook_img.pictures import as_mask, icc, load, prepare, sniff
from notebook_img.pictures.formats import what_it_is
from tests.pictures.making import chunk, file, photo
from tests.pictures.test_decode import TURNS, UPRIGHT

PNG, JPEG = file(photo(300, 200)), file(photo(300, 200), "JPEG", quality=95)


def inserted(*chunks: bytes, into: bytes = PNG) -> bytes:
    return into[:33] + b"".join(chunks) + into[33:]


def same_pixels(data: bytes, like: bytes = PNG) -> bool:
    return load(data).pil().tobytes() == load(like).pil().tobytes()


# TIFF


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_turned_tiff_is_upright_in_every_way(orientation: int, compression: str | None):
    turn = TURNS[orientation]
    stored = UPRIGHT.transpose(turn) if turn is not None else UPRIGHT
    data = file(stored, "TIFF", tiffinfo={0x0112: orientation}, **({"compression": compression} if compression else {}))
    for picture in (load(data), load(Image.open(io.BytesIO(data)))):
        assert picture.size == UPRIGHT.size
        assert picture.pil().tobytes() == UPRIGHT.tobytes()
        assert as_mask(np.ones((24, 32), bool), picture).size == UPRIGHT.size, "a mask of what is seen fits"
    opened = Image.open(io.BytesIO(data))
    opened.load()
    assert load(opened).pil().tobytes() == UPRIGHT.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_that_pillow_has_opened_lazily_is_turned_once(orientation: int):
    turn = TURNS[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = UPRIGHT.transpose(turn) if turn is not None else UPRIGHT
    data = file(stored, "JPEG", exif=exif, quality=100, subsampling=0)
    assert load(Image.open(io.BytesIO(data))).size == UPRIGHT.size


def test_bigtiff_is_read():
    data = file(photo(), "TIFF", big_tiff=True)
    assert data[2] == 43
    assert sniff(data) == "image/tiff"
    assert same_pixels(data, file(photo()))


def directory(entries: list[tuple[int, int, int, bytes | int]], at: int, following: int = 0) -> bytes:
    """A TIFF directory with its values behind it (little-endian)."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}
    table, values = b"", b""
    behind = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        if isinstance(value, int):
            held = struct.pack("<H" if kind == 3 else "<I" if kind == 4 else "<B", value).ljust(4, b"\0")
        elif count * sizes[kind] <= 4:
            held = value.ljust(4, b"\0")
        else:
            held = struct.pack("<I", behind + len(values))
            values += value + bytes(len(value) % 2)
        table += struct.pack("<HHI", tag, kind, count) + held
    return struct.pack("<H", len(entries)) + table + struct.pack("<I", following) + values


def plain(
    pixels: np.ndarray, strip: int, photometric: int, *, subfile: int = 0, more: tuple[tuple[int, int, int, bytes | int], ...] = ()
) -> list:
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    return [
        (254, 4, 1, subfile), (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, struct.pack("<H", pixels.itemsize * 8) * channels),
        (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, strip), (277, 3, 1, channels), (278, 4, 1, height),
        (279, 4, 1, pixels.nbytes), *more,
    ]  # fmt: skip


def two_pictures(*, below: bool) -> bytes:
    """A TIFF whose first directory is a thumbnail, and whose picture comes next or hangs below it."""
    small, large = np.asarray(photo(8, 6)), np.asarray(photo(80, 60))
    pixels = small.tobytes() + large.tobytes()
    first, second = 8 + len(pixels), 8 + len(pixels) + 400
    hang = ((330, 4, 1, second),) if below else ()
    one = directory(plain(small, 8, 2, subfile=1, more=hang), first, 0 if below else second)
    two = directory(plain(large, 8 + small.nbytes, 2), second)
    return b"II*\0" + struct.pack("<I", first) + pixels + one.ljust(400, b"\0") + two


@pytest.mark.parametrize("below", [False, True])
def test_the_thumbnail_in_front_of_a_tiff_is_not_taken_for_the_picture(below: bool):
    picture = load(two_pictures(below=below))
    assert picture.size == (80, 60)
    assert picture.pil().tobytes() == photo(80, 60).tobytes()


# Camera raw


def dng(*, private: bool = False) -> bytes:
    """A small DNG: a thumbnail in front, as cameras write them, and a Bayer picture of red left and blue right below it."""
    small = np.asarray(photo(8, 6))
    bayer = np.zeros((120, 160), np.uint16)
    light = np.zeros((120, 160, 3))
    light[:, :80], light[:, 80:] = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        bayer[row::2, column::2] = light[row::2, column::2, channel] * 60000
    pixels = small.tobytes() + bayer.tobytes()
    first, second = 8 + len(pixels), 8 + len(pixels) + 1000

    def rational(*values: float) -> bytes:
        return b"".join(struct.pack("<ii", round(value * 10000), 10000) for value in values)

    matrix = rational(3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    about = (
        (271, 2, 5, b"Test\0"), (272, 2, 5, b"Made\0"), (330, 4, 1, second), (50706, 1, 4, b"\1\4\0\0"), (50707, 1, 4, b"\1\1\0\0"),
        (50708, 2, 10, b"Test Made\0"), (50721, 10, 9, matrix), (50728, 5, 3, rational(1, 1, 1)), (50778, 3, 1, 21), (274, 3, 1, 1),
    )  # fmt: skip
    if private:
        about += ((315, 2, 13, b"Ada Lovelace\0"), (50735, 2, 9, b"SN-12345\0"))
    one = directory(plain(small, 8, 2, subfile=1, more=about), first)
    cfa = ((33421, 3, 2, struct.pack("<HH", 2, 2)), (33422, 1, 4, b"\0\1\1\2"), (50717, 4, 1, 65535), (50714, 4, 1, 0))
    two = directory(plain(bayer, 8 + small.nbytes, 32803, more=cfa), second)
    return b"II*\0" + struct.pack("<I", first) + pixels + one.ljust(1000, b"\0") + two


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (dng(), "DNG"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(40), "CR2"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(40), "RAF"),
        (b"IIRO\x08\0\0\0" + bytes(40), "ORF"),
        (b"IIU\0\x18\0\0\0" + bytes(40), "RW2"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "CR3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_camera_raw_is_never_its_thumbnail(data: bytes, kind: str, monkeypatch: pytest.MonkeyPatch):
    assert sniff(data) == "image/x-camera-raw"
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(PictureError, match="photo is camera raw data") as caught:
        load(data, name="photo")
    assert "notebook-img[vision]" in str(caught.value.hints)


def test_camera_raw_is_developed_where_rawpy_is_installed():
    pytest.importorskip("rawpy", reason="needs rawpy (pip install 'notebook-img[vision]')")
    picture = load(dng())
    assert picture.size == (160, 120)
    assert any("camera raw developed" in note for note in picture.notes)
    pixels = picture.array().astype(int)
    assert pixels.shape == (120, 160, 3)
    left, right = pixels[40:80, 20:60].mean(axis=(0, 1)), pixels[40:80, 100:140].mean(axis=(0, 1))
    assert left[0] > left[2] + 60
    assert right[2] > right[0] + 60
    assert prepare(picture, mime_types=("image/tiff", "image/png")).mime_type == "image/png", "a service gets what was developed"


def test_damaged_camera_raw_is_an_error():
    pytest.importorskip("rawpy", reason="needs rawpy (pip install 'notebook-img[vision]')")
    with pytest.raises(PictureError, match="cannot be developed"):
        load(b"FUJIFILMCCD-RAW 0201" + bytes(400))


# PNG and JPEG that browsers show

WORKFLOW = b"workflow\0" + b'{"nodes": [' + b'{"id": 1},' * 300_000 + b"]}"


@pytest.mark.parametrize(
    "part",
    [
        chunk(b"tEXt", WORKFLOW),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(WORKFLOW)),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(WORKFLOW)),
        *[chunk(b"iTXt", b"prompt\0\0\0\0\0" + b"word " * 10_000)] * 1,
    ],
    ids=["tEXt", "zTXt", "iTXt packed", "iTXt"],
)
def test_a_png_may_carry_megabytes_of_text(part: bytes):
    picture = load(inserted(part))
    assert same_pixels(picture.data)
    assert picture.notes == ()


def test_a_png_may_carry_a_large_profile():

    profile = icc.rgb_profile("P3", icc.DISPLAY_P3, icc.srgb_curve())
    large = profile + bytes(3_000_000)
    large = struct.pack(">I", len(large)) + large[4:]
    picture = load(inserted(chunk(b"iCCP", b"P3\0\0" + zlib.compress(large))))
    assert same_pixels(picture.data)
    assert picture.facts.space == large


@pytest.mark.parametrize("name", [b"tEXt", b"iTXt", b"eXIf", b"pHYs", b"tIME"])
def test_a_wrong_checksum_outside_the_pixels_is_passed_over_and_said(name: bytes):
    broken = chunk(name, b"something\0\0\0\0\0here")[:-4] + b"\1\2\3\4"
    picture = load(inserted(broken))
    assert same_pixels(picture.data)
    assert picture.notes == ("a part that is not pixels had a wrong checksum and was passed over",)
    assert load(prepare(picture).data).notes == (), "a service gets a sound file"


def test_a_wrong_checksum_of_pixels_is_damage():
    at = PNG.index(b"IDAT") + 60
    with pytest.raises(PictureError, match="damaged"):
        load(PNG[:at] + bytes([PNG[at] ^ 1]) + PNG[at + 1 :])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=["baseline", "progressive", "4:4:4"])
@pytest.mark.parametrize("size", [(300, 200), (1200, 900)])
def test_a_jpeg_without_its_end_mark_is_whole(size: tuple[int, int], options: dict):
    whole = file(photo(*size), "JPEG", **options)
    picture = load(whole[:-2])
    assert same_pixels(picture.data, whole)
    assert picture.notes == ("the mark at its end was missing",)
    assert prepare(picture).data != picture.data, "a service gets a sound file"


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
@pytest.mark.parametrize("lost", [20, 400, 5000])
def test_a_jpeg_that_lacks_pixels_is_cut_off(lost: int, options: dict):
    with pytest.raises(PictureError, match="cut off"):
        load(file(photo(1200, 900), "JPEG", **options)[:-lost])


# Transparency and depth


def deep_png(colour_type: int, rows: bytes, key: bytes, size: tuple[int, int]) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 16, colour_type, 0, 0, 0))
        + chunk(b"tRNS", key)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_the_transparent_colour_of_16_bit_channels_is_kept_and_said():
    row = b"\0" + struct.pack(">HHH", 65535, 0, 300) + struct.pack(">HHH", 1000, 65535, 0)
    picture = load(deep_png(2, row, struct.pack(">HHH", 65535, 0, 300), (2, 1)))
    assert picture.array().tolist() == [[[255, 0, 1, 0], [3, 255, 0, 255]]]
    assert "the transparent colour of 16-bit channels taken at 8 bits" in picture.notes


def test_the_transparent_level_of_16_bit_grey_is_kept():
    picture = load(deep_png(0, b"\0" + struct.pack(">HHH", 40000, 40001, 65535), struct.pack(">H", 40000), (3, 1)))
    assert picture.array()[0, :, 1].tolist() == [0, 255, 255]
    assert picture.has_alpha


@pytest.mark.parametrize(
    ("highest", "note"),
    [
        (65535, "16-bit grey shown as 8-bit"),
        (4095, "dark 16-bit grey (up to 4095) shown as 8-bit, 16 times lighter"),
        (200, "dark 16-bit grey (up to 200) shown as 8-bit, 257 times lighter"),
    ],
)
def test_dark_16_bit_grey_is_lightened_and_that_is_said(highest: int, note: str):
    picture = load(file(Image.fromarray(np.linspace(0, highest, 64).astype(np.uint16).reshape(8, 8))))
    assert picture.notes == (note,)


# What is known and not read


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\x0a" + bytes(40), "a JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL image"),
        (b"8BPS" + bytes(40), "a Photoshop document"),
        (b"v/1\x01" + bytes(40), "an OpenEXR image"),
        (bytes(128) + b"DICM" + bytes(40), "DICOM"),
    ],
)
def test_a_format_that_is_known_and_not_read_is_named(head: bytes, name: str):
    assert what_it_is(head) == f"is {name}, which is not read here (export it as PNG or JPEG)"
    with pytest.raises(PictureError, match=name):
        load(head, name="picture")
