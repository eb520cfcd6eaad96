"""What is sent to a service: the bytes themselves where it takes them, else an upright copy small enough, and what was done is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from notebook_img.errors import OutputError, PictureError, UsageError
from notebook_img.pictures import encode, load, prepare
from notebook_img.pictures.provenance import write_provenance
from tests.pictures.making import file, photo, with_orientation


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_a_service_takes_is_sent_untouched(kind: str):
    picture = load(file(photo(), kind))
    sent = prepare(picture)
    assert (sent.data, sent.mime_type, sent.width, sent.height, sent.notes) == (picture.data, picture.mime_type, 60, 40, ())


def test_image_jpg_is_image_jpeg():
    picture = load(file(photo(), "JPEG"))
    assert prepare(picture, mime_types=["image/jpg"]).data == picture.data
    assert load(encode(picture, "image/jpg")).mime_type == "image/jpeg"


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_sent_upright_without_the_tag(orientation: int):
    picture = load(with_orientation(photo(), orientation, "JPEG"))
    sent = prepare(picture)
    again = load(sent.data)
    assert (sent.width, sent.height) == again.size == picture.size
    assert again.facts.orientation == 1
    assert sent.mime_type == "image/jpeg"
    assert "turned upright" in sent.notes


@pytest.mark.parametrize(
    ("data", "mime_type", "note"),
    [
        (file(photo(), "GIF"), "image/png", "sent as PNG"),
        (file(photo(), "BMP"), "image/png", "sent as PNG"),
        (file(photo(), "GIF", save_all=True, append_images=[photo(seed=1)]), "image/png", "frame 1 of 2"),
        (file(photo(), "PNG", save_all=True, append_images=[photo(seed=1)]), "image/png", "frame 1 of 2"),
        (file(photo(mode="CMYK"), "JPEG"), "image/jpeg", "CMYK shown as RGB"),
        (file(Image.fromarray(np.array([[0, 65535]], np.uint16))), "image/png", "16-bit grey shown as 8-bit"),
    ],
)
def test_what_services_stumble_over_is_sent_as_a_plain_copy(data: bytes, mime_type: str, note: str):
    sent = prepare(load(data))
    again = load(sent.data)
    assert sent.mime_type == again.mime_type == mime_type
    assert again.frames == 1
    assert again.notes == ()
    assert note in sent.notes


def test_a_picture_too_wide_is_sent_smaller():
    sent = prepare(load(file(photo(600, 400))), max_side=300)
    assert (sent.width, sent.height) == load(sent.data).size == (300, 200)
    assert sent.notes == ("scaled from 600 x 400 to 300 x 200",)
    assert prepare(load(file(photo(600, 400))), max_pixels=60_000).width <= 300


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize("limit", [100_000, 30_000, 5_000])
def test_a_picture_with_too_many_bytes_is_sent_in_fewer(mode: str, limit: int):
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, len(Image.new(mode, (1, 1)).getbands())), dtype=np.uint8)
    picture = load(noise)
    sent = prepare(picture, max_bytes=limit)
    assert len(sent.data) <= limit
    assert sent.notes
    assert load(sent.data).size == (sent.width, sent.height)
    assert load(sent.data).has_alpha == ("A" in mode)


def test_transparency_is_kept_where_any_type_that_is_taken_can_hold_it():
    picture = load(file(photo(mode="RGBA")))
    assert prepare(picture, mime_types=["image/jpeg", "image/webp"]).mime_type == "image/webp"
    flat = prepare(picture, mime_types=["image/jpeg"], matte="black")
    assert "transparency laid on black" in flat.notes


def test_an_alpha_channel_that_hides_nothing_is_no_transparency():
    picture = load(file(photo().convert("RGBA")))
    assert prepare(picture, mime_types=["image/jpeg"]).notes == ("sent as JPEG",)


def test_what_cannot_be_made_small_enough_is_an_error():
    with pytest.raises(PictureError, match="smaller than 20 bytes"):
        prepare(load(photo()), max_bytes=20)


def test_a_conversion_keeps_profile_and_provenance_and_leaves_exif():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = load(write_provenance(file(photo(), icc_profile=profile), "image/png", {"prompt": "a fox"}))
    for mime_type in ("image/jpeg", "image/webp"):
        copy = load(encode(source, mime_type))
        assert copy.pil().info["icc_profile"] == profile
        assert copy.provenance() == {"prompt": "a fox"}


def test_a_type_that_is_not_written_is_an_error():
    with pytest.raises(UsageError, match="application/pdf"):
        encode(load(photo()), "application/pdf")
    with pytest.raises((UsageError, OutputError)):
        encode(load(photo(20000, 2)), "image/webp")  # WebP ends at 16383 pixels a side


@pytest.mark.parametrize(("size", "level"), [((2000, 3999), "fast"), ((2000, 4000), "fastest")])
def test_a_large_png_is_written_fast_rather_than_small(size: tuple[int, int], level: str):
    data = encode(load(file(Image.new("L", size), "TIFF")), "image/png")
    at = data.index(b"IDAT") + 4
    # The two highest bits of the second byte of a zlib stream (RFC 1950): 0 for level 1, 1 for levels 2 to 5.
    assert {0: "fastest", 1: "fast"}[data[at + 1] >> 6] == level
