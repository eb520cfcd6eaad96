from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from notebook_img.pictures import Picture, preview, previews
from tests.display.pictures import file_of, noise, opened, picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_noise_of_4096_by_4096_fits_into_100_kB(kind: str) -> None:
    seen = preview(noise(4096, 4096, kind=kind))
    assert len(seen.data) <= 100_000
    assert seen.mime_type == "image/jpeg"
    assert 400 <= max(seen.width, seen.height) <= 768


@pytest.mark.parametrize("most", [1_000, 5_000, 20_000])
@pytest.mark.parametrize("channels", [3, 4])
def test_any_bound_on_bytes_is_kept(most: int, channels: int) -> None:
    assert len(preview(noise(600, 500, channels), 512, most).data) <= most


def test_transparent_noise_stays_transparent_and_fits() -> None:
    seen = preview(noise(1500, 1500, 4))
    assert seen.mime_type == "image/png"
    assert len(seen.data) <= 100_000
    alpha = opened(seen.data).convert("RGBA").getchannel("A").getextrema()
    assert alpha[0] < 120
    assert alpha[1] > 140


def test_a_soft_edge_stays_soft() -> None:
    values = np.zeros((300, 300, 4), np.uint8)
    values[..., 0], values[..., 3] = 200, np.linspace(0, 255, 300)
    seen = opened(preview(Picture(file_of(values))).data).convert("RGBA")
    assert len(set(np.asarray(seen)[150, :, 3].tolist())) > 100


def test_an_alpha_channel_nothing_shows_through_is_no_transparency() -> None:
    opaque = picture().pil().convert("RGBA")
    assert preview(Picture(file_of(opaque))).mime_type == "image/jpeg"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_preview_is_jpeg_whatever_the_picture_is(kind: str) -> None:
    seen = preview(picture(1000, 500, kind=kind))
    assert (seen.mime_type, seen.width, seen.height) == ("image/jpeg", 768, 384)
    assert opened(seen.data).format == "JPEG"


def test_a_small_picture_is_not_enlarged() -> None:
    assert (preview(picture(90, 70)).width, preview(picture(90, 70)).height) == (90, 70)
    assert (preview(picture(1, 1)).width, preview(picture(1, 1)).height) == (1, 1)


def test_a_very_long_picture_keeps_a_pixel_of_height() -> None:
    seen = preview(picture(3000, 2))
    assert (seen.width, seen.height) == (768, 1)


@pytest.mark.parametrize("size", [(400, 200), (4000, 2000)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_preview_stands_upright_and_has_no_exif(orientation: int, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "at home"
    turned = Picture(file_of(image, "JPEG", exif=exif, quality=95))
    seen = opened(preview(turned).data)
    assert (seen.width > seen.height) == (orientation in {1, 3})
    assert not seen.getexif()
    corner = {1: "red", 3: "blue", 6: "red", 8: "blue"}[orientation]
    red, _, blue = seen.convert("RGB").getpixel((8, 8))
    assert (red > blue) == (corner == "red")


def test_colours_of_a_wide_profile_are_brought_to_srgb() -> None:
    # sRGB with red and blue exchanged is no profile anyone has, and shows that it is looked at.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    grey = Image.new("RGB", (200, 200), (120, 120, 120))
    broken = Picture(file_of(grey, "PNG", icc_profile=profile.tobytes()))
    again = opened(preview(broken).data)
    assert "icc_profile" not in again.info
    assert all(abs(value - 120) < 4 for value in again.getpixel((100, 100)))


def test_a_broken_profile_is_no_reason_to_fail() -> None:
    seen = preview(Picture(file_of(Image.new("RGB", (50, 50), "red"), "PNG", icc_profile=b"not a profile")))
    assert opened(seen.data).getpixel((25, 25))[0] > 240


def test_the_same_preview_is_made_once() -> None:
    one = picture(800, 600, seed=3)
    assert preview(one) is preview(Picture(one.data))
    assert preview(one, 100) is not preview(one)


def test_what_is_kept_is_a_few_megabytes_and_nothing_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = previews._Cache(200_000)
    monkeypatch.setattr(previews, "_cache", kept)
    data = file_of(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8), "JPEG")
    tracemalloc.start()
    try:
        for number in range(8):
            preview(Picture(data, sha256=f"{number:064}"))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept.bytes <= 200_000
    assert kept.bytes == sum(len(one.data) for one in kept._kept.values())
    assert held < 1_500_000


def test_grey_and_odd_modes_are_drawn() -> None:
    for mode in ("L", "1", "P", "CMYK", "I;16", "F"):
        kind = "TIFF" if mode in {"CMYK", "F"} else "PNG"
        seen = preview(Picture(file_of(Image.new(mode, (40, 30)), kind)))
        assert (seen.width, seen.height) == (40, 30)
