"""Place, serial numbers and owner are cut out of a file; pixels, orientation and colours stay, to the bit."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import PictureError
from notebook_img.pictures import icc, load, prepare
from notebook_img.pictures.privacy import to_leave, without_private_parts
from tests.pictures.making import chunk, file, photo
from tests.pictures.test_true_files import dng

P3 = icc.rgb_profile("Display P3", icc.DISPLAY_P3, icc.srgb_curve())
SECRETS = (b"SN-12345", b"Ada Lovelace", b"LENS-99", b"Somewhere 5", b"NOTE-OF-MAKER")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:GPSLatitude="52,31N" aux:SerialNumber="SN-12345">'
    b"<dc:creator>Ada Lovelace</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def exif(*, private: bool = True) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = 6
    tags[0x010F], tags[0x0110] = "Maker", "Model 7"
    details = tags.get_ifd(0x8769)
    details[0x829A], details[0xA001] = 0.01, 1
    if private:
        tags[315], tags[33432] = "Ada Lovelace", "(c) Ada Lovelace"
        details[0xA431], details[0xA435], details[0xA430] = "SN-12345", "LENS-99", "Ada Lovelace"
        details[0x927C] = b"NOTE-OF-MAKER with SN-12345"
        place = tags.get_ifd(0x8825)
        place[1], place[2], place[3], place[4] = "N", (52.0, 31.0, 12.5), "E", (13.0, 24.0, 1.0)
        place[27] = b"Somewhere 5"
    return tags


KINDS = {
    "JPEG": {"quality": 95, "subsampling": 0, "xmp": XMP},
    "PNG": {},
    "WEBP": {"lossless": True, "xmp": XMP},
    "TIFF": {},
    "HEIF": {"quality": -1, "xmp": XMP},
    "AVIF": {"quality": 90, "xmp": XMP},
}


def made(kind: str, *, private: bool = True) -> bytes:
    options = dict(KINDS[kind])
    if not private:
        options.pop("xmp", None)
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    tags = exif(private=private)
    return file(photo(64, 48), kind, exif=tags.tobytes(), icc_profile=P3, **options)


def place_of(data: bytes) -> dict:
    with Image.open(io.BytesIO(data)) as image:
        return dict(image.getexif().get_ifd(0x8825))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_private_goes_and_the_rest_stays(kind: str):
    data = made(kind)
    before = load(data)
    assert place_of(data)[2]
    cut, gone = without_private_parts(data)
    assert gone == ("place", "serial numbers", "owner")
    assert not [secret for secret in SECRETS if secret in cut]
    assert b"GPSLatitude" not in cut
    after = load(cut)
    assert place_of(cut) == {}
    assert np.array_equal(np.asarray(after.pil()), np.asarray(before.pil())), "no pixel is encoded again, and it is turned as before"
    assert after.facts.orientation == before.facts.orientation
    assert after.facts.space == before.facts.space == P3
    with Image.open(io.BytesIO(cut)) as image:
        tags = image.getexif()
        assert tags[0x0110] == "Model 7", "the camera's model is nobody's secret"
        assert tags.get_ifd(0x8769)[0xA001] == 1
        assert set(tags) & {315, 33432} == set()
    assert without_private_parts(cut) == (cut, ())


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_anything_private_is_the_same_object(kind: str):
    data = made(kind, private=False)
    assert without_private_parts(data)[0] is data


def test_camera_raw_goes_as_the_picture_it_is_developed_to():
    pytest.importorskip("rawpy", reason="needs rawpy (pip install 'notebook-img[vision]')")
    data = dng(private=True)
    assert b"SN-12345" in data
    cut, gone = without_private_parts(data)
    assert gone == ("place", "serial numbers", "owner")
    assert cut.startswith(b"\x89PNG")
    assert not [secret for secret in SECRETS if secret in cut]
    assert load(cut).pil().tobytes() == load(data).pil().tobytes()
    assert without_private_parts(cut) == (cut, ())
    photograph = load(data)
    assert to_leave(photograph) == (photograph, ()), "a service gets what is developed, and never the file"
    assert prepare(photograph).mime_type == "image/png"


def test_camera_raw_that_cannot_be_developed_stays_here(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(PictureError, match="stays here") as caught:
        without_private_parts(dng(private=True))
    assert "notebook-img[vision]" in str(caught.value.hints)


def test_an_icon_is_cut_where_a_picture_in_it_tells_something():
    plain = file(photo(32, 32), "ICO")
    assert without_private_parts(plain) == (plain, ())
    inner = file(photo(32, 32))
    inner = inner[:33] + chunk(b"tEXt", b"Author\0Ada Lovelace") + inner[33:]
    data = b"\0\0\1\0\1\0" + b"\x20\x20\0\0\1\0\x20\0" + struct.pack("<II", len(inner), 22) + inner
    cut, gone = without_private_parts(data)
    assert gone == ("owner",)
    assert b"Ada Lovelace" not in cut
    assert load(cut).pil().convert("RGB").tobytes() == load(data).pil().convert("RGB").tobytes()


@pytest.mark.parametrize("order", ["II", "MM"])
def test_both_byte_orders_are_understood(order: str):
    tags = exif()
    tags.endian = "<" if order == "II" else ">"
    data = file(photo(), "JPEG", exif=tags.tobytes())
    cut, gone = without_private_parts(data)
    assert "place" in gone
    assert place_of(cut) == {}


def test_iptc_goes():
    iptc = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x10" + b"\x1c\x02\x50\0\x0cAda Lovelace"[:17].ljust(17, b"\0")
    segment = b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc
    whole = file(photo(), "JPEG")
    cut, gone = without_private_parts(whole[:2] + segment + whole[2:])
    assert gone == ("owner",)
    assert cut == whole


def test_what_a_phone_keeps_behind_the_picture_goes():
    whole = file(photo(), "JPEG")
    cut, gone = without_private_parts(whole + made("JPEG"))
    assert gone == ("place",)
    assert cut == whole


@pytest.mark.parametrize(
    ("part", "gone"),
    [
        (chunk(b"tEXt", b"Author\0Ada Lovelace"), ("owner",)),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), ("place", "serial numbers", "owner")),
        (chunk(b"zTXt", b"Raw profile type exif\0\0" + b"anything"), ("place", "serial numbers", "owner")),
        (chunk(b"tEXt", b"prompt\0a watercolour fox"), ()),
    ],
)
def test_texts_of_a_png_go_where_they_name_somebody(part: bytes, gone: tuple[str, ...]):
    whole = file(photo())
    cut, names = without_private_parts(whole[:33] + part + whole[33:])
    assert names == gone
    assert (cut == whole) == bool(gone)


def told(data: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in data]


def test_a_fill_byte_before_exif_hides_nothing():
    whole = file(photo(), "JPEG", exif=exif().tobytes())
    at = whole.index(b"\xff\xe1")
    odd = whole[:at] + b"\xff" + whole[at:]
    assert place_of(odd)
    cut, gone = without_private_parts(odd)
    assert gone == ("place", "serial numbers", "owner")
    assert not told(cut)
    assert place_of(cut) == {}


def damaged(kind: str, where: str) -> bytes:
    """A file whose EXIF has a pointer that leads outside, or nowhere."""
    tags = exif()
    tags.endian = "<"
    block = bytearray(tags.tobytes()[6:])
    first = int.from_bytes(block[4:8], "little")
    count = int.from_bytes(block[first : first + 2], "little")
    places = {block[at] | block[at + 1] << 8: at + 8 for at in range(first + 2, first + 2 + 12 * count, 12)}
    at = {"first": 4, "second": first + 2 + 12 * count, "details": places[0x8769], "place": places[0x8825]}[where]
    block[at : at + 4] = (len(block) - 3 if where == "second" else 0x7FFFFFF0).to_bytes(4, "little")
    return file(photo(), kind, exif=b"Exif\0\0" + bytes(block))


@pytest.mark.parametrize("where", ["first", "second", "details", "place"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_pointer_keeps_nothing_private_that_can_be_found(kind: str, where: str):
    data = damaged(kind, where)
    assert told(data)
    cut, gone = without_private_parts(data)
    assert gone
    assert b"(c) Ada Lovelace" not in cut
    if where in {"first", "second"}:
        assert not told(cut)
    if where != "first":
        assert load(cut).facts.orientation == 6
    assert np.array_equal(np.asarray(load(cut).pil()), np.asarray(load(data).pil()))
    assert without_private_parts(cut) == (cut, ())


def test_exif_of_avif_that_begins_with_its_header_is_found():
    tags = exif()
    del tags[0x0112]  # which AVIF keeps elsewhere
    usual, block = file(photo(64, 48), "AVIF", quality=90, exif=tags.tobytes()), len(tags.tobytes()) - 6
    at = usual.index(b"\0\0\0\6Exif\0\0")
    data = usual[:at] + bytes(4) + usual[at + 10 : at + 10 + block] + bytes(6) + usual[at + 10 + block :]
    assert place_of(data)
    cut, gone = without_private_parts(data)
    assert gone == ("place", "serial numbers", "owner")
    assert not told(cut)
    assert place_of(cut) == {}
    assert np.array_equal(np.asarray(load(cut).pil()), np.asarray(load(data).pil()))


ODD = {
    "no byte order": lambda block: b"XX" + block[2:],
    "a first directory that is nowhere": lambda block: block[:4] + b"\xff\xff\xff\x7f" + block[8:],
    "a pointer of two bytes": lambda block: block.replace(b"\x69\x87\4\0\1\0\0\0", b"\x69\x87\3\0\1\0\0\0"),
    "details that are nowhere": lambda block: (
        block[: (at := block.index(b"\x69\x87\4\0\1\0\0\0") + 8)] + b"\xff\xff\xff\x7f" + block[at + 4 :]
    ),
    "nothing but numbers": lambda block: bytes(range(256)) + block[256:],
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("kind", KINDS)
def test_exif_that_is_odd_tells_nothing_in_any_file(kind: str, odd: str):
    tags = exif()
    tags.endian = "<"
    block = tags.tobytes()[6:]
    spoilt = ODD[odd](block)
    data = file(photo(64, 48), kind, exif=tags.tobytes(), **{key: value for key, value in KINDS[kind].items() if key != "xmp"})
    if kind == "TIFF":  # the file itself is the structure: its details and places can be odd
        spoilt, block = {
            "a pointer of two bytes": (data.replace(b"\x69\x87\4\0", b"\x69\x87\3\0"), data),
            "details that are nowhere": (data.replace(b"\x31\xa4\2\0", b"\x31\xa4\x7f\x7f"), data),
        }.get(odd, (data, data))
    assert len(spoilt) == len(block)
    data = data.replace(block, spoilt)
    cut, gone = without_private_parts(data)
    assert gone
    assert not told(cut)
    assert place_of(cut) == {}
    assert np.array_equal(np.asarray(load(cut).pil()), np.asarray(load(data).pil()))
    assert without_private_parts(cut) == (cut, ())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "TIFF"])
def test_what_stands_in_exif_without_an_entry_goes_too(kind: str):
    cut, gone = without_private_parts(file(photo(64, 48), kind, exif=exif().tobytes() + b"SN-12345 once more"))
    assert gone == ("place", "serial numbers", "owner")
    assert not told(cut)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("packet", [XMP.decode().encode("utf-16"), b"<?xpacket?>" + XMP[60:200], bytes(range(1, 255))])
def test_xmp_that_cannot_be_read_is_taken_to_tell_all(kind: str, packet: bytes):
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    data = file(photo(64, 48), kind, xmp=packet)
    assert packet[20:60] in data
    cut, gone = without_private_parts(data)
    assert gone == ("place", "serial numbers", "owner")
    assert packet[20:60] not in cut
    assert np.array_equal(np.asarray(load(cut).pil()), np.asarray(load(data).pil()))


def test_xmp_in_pieces_is_read_as_a_whole():
    packet = XMP.ljust(400)
    parts = [packet[: XMP.index(b"Serial") + 3], packet[XMP.index(b"Serial") + 3 :]]
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + len(packet).to_bytes(4, "big")
    bodies = [head + offset.to_bytes(4, "big") + part for offset, part in ((0, parts[0]), (len(parts[0]), parts[1]))]
    segments = b"".join(b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body for body in bodies)
    whole = file(photo(), "JPEG")
    cut, gone = without_private_parts(whole[:2] + segments + whole[2:])
    assert gone == ("place", "serial numbers", "owner")
    assert cut == whole


def test_gif_and_jpeg_2000_tell_nothing_either():
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    whole = file(photo().convert("P"), "GIF")
    at = whole.index(b"!\xf9") if b"!\xf9" in whole else whole.index(b",")
    cut, gone = without_private_parts(whole[:at] + b"!\xff\x0bXMP DataXMP" + XMP + trailer + whole[at:])
    assert (cut, gone) == (whole, ("place", "serial numbers", "owner"))
    usual = file(photo(64, 48), "JPEG2000")
    for body in (b"JpgTiffExif->JP2" + exif().tobytes()[6:], bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP):
        box = (len(body) + 8).to_bytes(4, "big") + b"uuid" + body
        cut, gone = without_private_parts(usual[: (place := usual.index(b"jp2c") - 4)] + box + usual[place:])
        assert gone == ("place", "serial numbers", "owner")
        assert not told(cut)
        assert np.array_equal(np.asarray(load(cut).pil()), np.asarray(load(usual).pil()))


def test_a_png_whose_exif_begins_as_in_a_jpeg_and_one_with_a_damaged_text():
    whole = file(photo())
    for part in (
        chunk(b"eXIf", exif().tobytes()),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no deflate") + chunk(b"tEXt", b"Author\0Ada Lovelace"),
    ):
        cut, gone = without_private_parts(whole[:33] + part + whole[33:])
        assert "owner" in gone
        assert not told(cut)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_left_alone_or_cut_but_never_an_error(kind: str):
    data = made(kind)
    rng = np.random.default_rng(4)
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, min(len(data), 1500), 6):
            broken[at] = rng.integers(0, 256)
        without_private_parts(bytes(broken))
    for length in range(0, len(data), max(1, len(data) // 60)):
        without_private_parts(data[:length])
