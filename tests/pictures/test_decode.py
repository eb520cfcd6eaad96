"""Every mode, orientation and animation met in the wild is shown deliberately, and what was changed is said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from notebook_img.errors import PictureError
from notebook_img.pictures import Picture, load, sniff
from tests.pictures.making import chunk, file, photo, sixteen_bit_rgb_png, with_orientation

# Files of every kind


@pytest.mark.parametrize(
    ("kind", "mime_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("AVIF", "image/avif"),
        ("ICO", "image/x-icon"),
        ("JPEG2000", "image/jp2"),
        ("PPM", "image/x-portable-anymap"),
    ],
)
def test_each_format_is_known_by_its_bytes_and_decodes(kind: str, mime_type: str):
    if kind == "AVIF":
        features = pytest.importorskip("PIL.features")
        if not features.check("avif"):
            pytest.skip("needs Pillow with AVIF (pip install --upgrade pillow)")
    data = file(photo(48, 48), kind)
    assert sniff(data) == mime_type
    picture = load(data)
    assert picture.pil().size == picture.size == (48, 48)
    assert np.abs(picture.array()[..., :3].astype(int) - np.asarray(photo(48, 48)).astype(int)).mean() < 25


def test_heic_is_read_with_pillow_heif():
    heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif (pip install 'notebook-img[heic]')")
    stream = io.BytesIO()
    heif.from_pillow(photo(64, 48)).save(stream)
    picture = load(stream.getvalue())
    assert (picture.mime_type, picture.size) == ("image/heic", (64, 48))
    assert picture.pil().mode == "RGB"


def test_heic_without_pillow_heif_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"pip install 'notebook-img\[heic\]'"):
        load(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100))


@pytest.mark.parametrize("data", [b"", b"B", b"BM this is text, not a bitmap", b"P6x", b"RIFF....WAVE", b"GIF", b"\x89PNG"])
def test_bytes_of_no_known_image_are_not_guessed_at(data: bytes):
    assert sniff(data) is None


# Orientation

UPRIGHT = photo(32, 24)
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera held that way stores an upright scene (the inverse of what a viewer does)."""


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind: str, orientation: int):
    turn = TURNS[orientation]
    stored = UPRIGHT.transpose(turn) if turn is not None else UPRIGHT
    picture = load(with_orientation(stored, orientation, kind))
    assert picture.size == UPRIGHT.size
    shown = picture.pil()
    assert shown.size == UPRIGHT.size
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(UPRIGHT)).mean() < 3
    assert shown.getexif().get(0x0112, 1) == 1
    assert "exif" not in shown.info


@pytest.mark.parametrize("exif", [b"", b"Exif\x00\x00garbage", b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff"])
def test_damaged_exif_leaves_the_picture_as_it_is(exif: bytes):
    assert load(file(UPRIGHT, "JPEG", exif=exif)).size == UPRIGHT.size


@pytest.mark.parametrize("orientation", [0, 9, 200])
def test_an_orientation_that_does_not_exist_is_no_orientation(orientation: int):
    assert load(with_orientation(UPRIGHT, orientation, "JPEG")).size == UPRIGHT.size


def test_exif_behind_the_pixels_of_a_png_counts_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = file(UPRIGHT)
    late = data[:-12] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\x00\x00")) + data[-12:]
    assert load(late).size == load(late).pil().size == (24, 32)


def test_asking_a_png_for_its_size_decodes_nothing():
    data = file(photo(2000, 2000))
    cut = data[: data.index(b"IDAT") + 2000]
    picture = Picture(cut)
    assert (picture.size, picture.mode, picture.notes) == ((2000, 2000), "RGB", ())
    with pytest.raises(PictureError, match="cut off"):
        picture.pil()


# Animation


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_shown_and_that_is_said(kind: str):
    frames = [Image.new("RGB", (20, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = load(file(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert picture.frames == 3
    assert "frame 1 of 3" in picture.notes
    assert picture.array()[3, 3].tolist()[:3] == [255, 0, 0]


def test_the_pages_of_a_tiff_are_told():
    page = Image.new("L", (8, 8))
    assert load(file(page, "TIFF", save_all=True, append_images=[page])).notes == ("page 1 of 2",)


# Modes


@pytest.mark.parametrize(
    ("mode", "kind", "shown", "note"),
    [
        ("1", "PNG", "L", "1-bit shown as grey"),
        ("L", "PNG", "L", ""),
        ("LA", "PNG", "LA", ""),
        ("RGB", "PNG", "RGB", ""),
        ("RGBA", "PNG", "RGBA", ""),
        ("P", "PNG", "RGB", "palette colours shown as RGB"),
        ("CMYK", "JPEG", "RGB", "CMYK shown as RGB"),
        ("CMYK", "TIFF", "RGB", "CMYK shown as RGB"),
        ("YCbCr", "TIFF", "RGB", "YCbCr shown as RGB"),
        ("LAB", "TIFF", "RGB", "Lab shown as RGB"),
        ("L", "JPEG", "L", ""),
        ("P", "GIF", "RGB", ""),
    ],
)
def test_each_mode_is_shown_in_a_plain_one_and_the_change_is_said(mode: str, kind: str, shown: str, note: str):
    source = photo()
    if mode == "LAB":
        source = ImageCms.profileToProfile(source, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    else:
        source = source.convert(mode)
    picture = load(file(source, kind))
    assert picture.pil().mode == shown
    assert picture.notes == ((note,) if note else ())
    if shown == "RGB":
        assert np.abs(picture.array().astype(int) - np.asarray(photo())).mean() < 30


def test_a_transparent_palette_becomes_rgba():
    source = photo().quantize(16)
    picture = load(file(source, "PNG", transparency=0))
    assert picture.has_alpha
    assert picture.pil().mode == "RGBA"
    assert (picture.array()[..., 3][np.asarray(source) == 0] == 0).all()


@pytest.mark.parametrize(("mode", "key", "shown"), [("RGB", (255, 0, 0), "RGBA"), ("L", 7, "LA")])
def test_a_transparent_colour_becomes_alpha(mode: str, key: object, shown: str):
    source = Image.new(mode, (4, 4), key)
    picture = load(file(source, "PNG", transparency=key))
    assert picture.pil().mode == shown
    assert picture.array()[..., -1].max() == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        ([0, 32768, 65535], [0, 128, 255], "16-bit grey shown as 8-bit"),
        ([0, 2048, 4095], [0, 128, 255], "dark 16-bit grey (up to 4095) shown as 8-bit, 16 times lighter"),
        ([0, 100, 200], [0, 100, 200], "dark 16-bit grey (up to 200) shown as 8-bit, 257 times lighter"),
    ],
    ids=["16 bits", "12 bits", "8 bits"],
)
def test_16_bit_grey_is_scaled_by_the_bits_it_uses(kind: str, values: list[int], expected: list[int], note: str):
    picture = load(file(Image.fromarray(np.array([values], np.uint16)), kind))
    assert picture.array()[0].tolist() == expected
    assert picture.notes == (note,)


def test_16_bit_colour_keeps_its_colours_and_is_said():
    picture = load(sixteen_bit_rgb_png())
    assert picture.notes == ("16-bit channels shown as 8-bit",)
    assert picture.array()[0, 0].tolist() == [255, 128, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([0.0, 5000.0, 10000.0], [0, 128, 255]),
        ([float("nan"), 0.5, 1.0], [0, 128, 255]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
    ],
)
def test_float_pictures_are_scaled_sensibly_and_said(values: list[float], expected: list[int]):
    picture = load(file(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert picture.array()[0].tolist() == pytest.approx(expected, abs=1)
    assert picture.notes == ("32-bit float shown as 8-bit",)


def test_whole_numbers_beyond_16_bits_are_spread():
    picture = load(file(Image.fromarray(np.array([[-100, 0, 100]], np.int32)), "TIFF"))
    assert picture.array()[0].tolist() == pytest.approx([0, 128, 255], abs=1)


def test_cmyk_goes_by_its_profile_where_it_is_usable_and_ignores_a_broken_one():
    assert load(file(photo(mode="CMYK"), "JPEG", icc_profile=b"no profile")).pil().mode == "RGB"


def test_the_colour_profile_stays_with_the_pixels():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert load(file(photo(), "PNG", icc_profile=profile)).pil().info["icc_profile"] == profile


def test_a_smaller_jpeg_is_decoded_when_that_will_do():
    picture = load(file(photo(1600, 1200), "JPEG"))
    small = picture.pil(at_least=300)
    assert 300 <= max(small.size) < 700
    assert picture.pil().size == (1600, 1200)


# Damage: whatever the bytes, it is a picture or one PictureError

WHOLE = [
    file(photo()),
    file(photo(mode="P")),
    file(photo(), "JPEG"),
    file(photo(), "JPEG", progressive=True),
    file(photo(mode="CMYK"), "JPEG"),
    file(photo(), "WEBP"),
    file(photo(mode="RGBA"), "WEBP", lossless=True),
    file(photo(), "GIF"),
    file(photo(), "GIF", save_all=True, append_images=[photo(seed=1)]),
    file(photo(), "PNG", save_all=True, append_images=[photo(seed=1)]),
    file(photo(), "BMP"),
    file(photo(), "TIFF", compression="tiff_lzw"),
    file(photo(), "TIFF"),
    file(photo(48, 48), "ICO"),
    file(photo(), "JPEG2000"),
    file(photo(), "PPM"),
    with_orientation(photo(), 6, "JPEG"),
    with_orientation(photo(), 8, "WEBP"),
]
# Pillow warns about some damage and goes on; a warning is no error.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
QUICKLY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def looked_at(data: bytes) -> None:
    try:
        picture = load(data)
        assert picture.pil().size == picture.size
        assert picture.notes is not None
        picture.provenance()
    except PictureError as error:
        assert len(str(error)) < 600  # noqa: PT017


@QUICKLY
@given(st.sampled_from(WHOLE), st.floats(0, 1))
def test_a_file_cut_anywhere_is_a_picture_or_a_picture_error(data: bytes, part: float):
    looked_at(data[: int(len(data) * part)])


@QUICKLY
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_file_with_damaged_bytes_is_a_picture_or_a_picture_error(data: bytes, damage: list[tuple[float, int]]):
    broken = bytearray(data)
    for part, value in damage:
        broken[int(len(data) * part)] = value
    looked_at(bytes(broken))


@QUICKLY
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_header_is_a_picture_or_a_picture_error(data: bytes, damage: list[tuple[int, int]]):
    broken = bytearray(data)
    for place, value in damage:
        broken[min(place, len(data) - 1)] = value
    looked_at(bytes(broken))


@QUICKLY
@given(st.sampled_from([data[:12] for data in WHOLE] + [b""]), st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_a_picture_error(head: bytes, rest: bytes):
    looked_at(head + rest)
