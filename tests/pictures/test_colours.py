"""True colours: every profile, in every format, through every operation in which two pictures meet, against littleCMS."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000

from notebook_img.display.differences import measure
from notebook_img.pictures import Box, Picture, as_mask, colours, confine, encode, icc, load, outpaint, prepare, preview
from notebook_img.pictures.convert import conversion_notes
from notebook_img.pictures.regions import Takes, paste_reply, plan_region
from notebook_img.providers.interface import Request
from notebook_img.providers.local import LocalProvider
from notebook_img.settings import Settings
from tests.pictures.making import chunk, file

SIDE = 32
# The ColorChecker Classic as sRGB (X-Rite's values of before November 2014, rounded).
PATCHES = (
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
)  # fmt: skip
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
D50 = (0.3457, 0.3585)
CMYK = Path("/usr/share/color/icc/ghostscript/default_cmyk.icc")


def srgb_light(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def gamma(exponent: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values**exponent


RGB: dict[str, tuple[bytes, Callable[[np.ndarray], np.ndarray]]] = {
    "sRGB": (icc.rgb_profile("sRGB made here", icc.SRGB, icc.srgb_curve()), srgb_light),
    "P3": (icc.rgb_profile("Display P3", icc.DISPLAY_P3, icc.srgb_curve()), srgb_light),
    "Adobe RGB": (icc.rgb_profile("Adobe RGB", icc.ADOBE_RGB, icc.ADOBE_GAMMA), gamma(icc.ADOBE_GAMMA)),
    "ProPhoto": (icc.rgb_profile("ProPhoto", PROPHOTO, 1.80078125, D50), gamma(1.80078125)),
    "linear": (icc.rgb_profile("sRGB linear, a name that lies", icc.SRGB, 1.0), gamma(1.0)),
}
GREY: dict[str, tuple[bytes, Callable[[np.ndarray], np.ndarray]]] = {
    "grey 2.2": (icc.grey_profile("Grey 2.2", 2.19921875), gamma(2.19921875)),
    "grey 1.8": (icc.grey_profile("Grey 1.8", 1.80078125), gamma(1.80078125)),
}
SPACES = (*RGB, *GREY, "CMYK")
FORMATS = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif")
WITHOUT_PROFILE = ("image/gif", "image/bmp")


def chart(values: tuple[tuple[int, ...], ...] | np.ndarray, mode: str = "RGB") -> Image.Image:
    """24 flat patches, six in a row."""
    pixels = np.asarray(values, dtype=np.uint8).reshape(4, 6, -1).repeat(SIDE, axis=0).repeat(SIDE, axis=1)
    return Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels, None if mode != "CMYK" else "CMYK")


def read(image: Image.Image) -> np.ndarray:
    """The middle of each patch, (24, channels)."""
    pixels = np.asarray(image, dtype=float)
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    middle = pixels.reshape(4, SIDE, 6, SIDE, -1)[:, 12:20, :, 12:20].mean(axis=(1, 3))
    return middle.reshape(24, -1)


def lcms(image: Image.Image, source: bytes | None, target: bytes | None, mode: str = "RGB") -> Image.Image:
    """The reference: littleCMS through Pillow."""
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(p)) if p else ImageCms.createProfile("sRGB") for p in (source, target)]
    return ImageCms.profileToProfile(image, *profiles, outputMode=mode)


@cache
def columns(profile: bytes) -> np.ndarray:
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    return np.array([opened.red_colorant[0], opened.green_colorant[0], opened.blue_colorant[0]])


def lab(numbers: np.ndarray, profile: bytes | None) -> np.ndarray:
    """CIE L*a*b* (D50) of numbers, without rounding."""
    tone = next((curve for known, curve in (*RGB.values(), *GREY.values()) if known == profile), None)
    if profile is None:
        profile, tone = RGB["sRGB"]
    if tone is None:  # a grey profile as an RGB one
        tone = next(curve for known, curve in GREY.values() if icc.as_rgb(known) == profile)
    light = tone(np.clip(numbers, 0, 255) / 255)
    white = np.array([0.9642, 1.0, 0.8249])
    xyz = light * white if light.shape[1] == 1 else light @ columns(profile)
    f = np.where(xyz / white > 216 / 24389, np.cbrt(xyz / white), (24389 / 27 * xyz / white + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def seen(image: Image.Image) -> np.ndarray:
    """L*a*b* of each patch of a picture, as its own profile says."""
    plain = image if image.mode in {"L", "RGB"} else image.convert("RGB")
    return lab(read(plain), image.info.get("icc_profile"))


def apart(result: np.ndarray, reference: np.ndarray) -> float:
    return float(deltaE_ciede2000(result, reference).max())


@cache
def source(space: str) -> Picture:
    """A picture in this space, and what its numbers are in sRGB where it is CMYK."""
    if space == "CMYK":
        if not CMYK.exists():
            reason = "needs Debian's libgs-common, whose CMYK profile is free"
            pytest.fail(reason) if os.environ.get("NOTEBOOK_IMG_NO_SKIPS") else pytest.skip(reason)
        inks = lcms(chart(PATCHES), None, CMYK.read_bytes(), "CMYK")
        return load(file(inks, "TIFF", icc_profile=CMYK.read_bytes()))
    if space in GREY:
        levels = np.linspace(6, 250, 24).round().astype(np.uint8)[:, None]
        return load(file(chart(levels, "L"), icc_profile=GREY[space][0]))
    return load(file(lcms(chart(PATCHES), None, RGB[space][0]), icc_profile=RGB[space][0]))


def meaning(space: str) -> tuple[Image.Image, bytes | None]:
    """The reference for a source: its numbers and their profile, CMYK by littleCMS."""
    if space == "CMYK":
        with Image.open(io.BytesIO(source(space).data)) as inks:
            return lcms(inks, CMYK.read_bytes(), None), None
    with Image.open(io.BytesIO(source(space).data)) as image:
        return image.copy(), image.info["icc_profile"]


SAVED = {"image/jpeg": {"quality": 100, "subsampling": 0}, "image/avif": {"quality": 100}, "image/webp": {"lossless": True}}


def written(image: Image.Image, profile: bytes | None, mime_type: str) -> np.ndarray:
    """L*a*b* of what a file of this type should show: what the format itself loses is lost by the reference too."""
    if mime_type in WITHOUT_PROFILE and profile:
        image, profile = lcms(image, profile, None), None
    kind = mime_type.removeprefix("image/").upper()
    with Image.open(io.BytesIO(file(image, kind, **SAVED.get(mime_type, {})))) as copy:
        numbers = read(copy if copy.mode in {"L", "RGB"} else copy.convert("RGB"))
        return lab(numbers[:, :1] if image.mode == "L" else numbers, profile)


def other() -> Image.Image:
    """A second picture, in sRGB: the patches in another order."""
    return chart(PATCHES[::-1])


def in_space(image: Image.Image, space: str) -> Image.Image:
    """The second picture in the numbers of the first."""
    _, profile = meaning(space)
    profile = icc.as_rgb(profile) if space in GREY else profile
    return lcms(image, None, profile) if profile else image


def base(space: str) -> tuple[Image.Image, bytes | None]:
    """The first picture as RGB with a profile that means the same."""
    image, profile = meaning(space)
    return image.convert("RGB"), icc.as_rgb(profile) if space in GREY and profile else profile


def edited(prompt: str, *pictures: Picture) -> Picture:
    request = Request(kind="edit", prompt=prompt, model="builtin", inputs=pictures[:1], references=pictures[1:])
    reply = asyncio.run(LocalProvider(Settings()).run(request, lambda event: None))
    return load(reply.pictures[0])


def half(space: str) -> Picture:
    return as_mask(Box("", 2 * SIDE, 0, 4 * SIDE, 4 * SIDE), source(space))


def pasted(below: Image.Image, above: Image.Image) -> Image.Image:
    result = below.copy()
    box = (2 * SIDE, 0, 4 * SIDE, 4 * SIDE)
    result.paste(above.crop(box), box)
    return result


def by_region(space: str) -> Picture:
    mask = half(space)
    reply = pasted(colours.to_srgb(source(space).pil()).convert("RGB"), other())
    plan = plan_region(mask.size, mask.pil(), Takes())
    return paste_reply(source(space), load(reply.crop(plan.inside)), mask, plan).picture


OPERATIONS: dict[str, tuple[Callable[[str], Picture], Callable[[str], tuple[Image.Image, bytes | None]]]] = {
    "as it is": (source, meaning),
    "blend": (
        lambda space: edited("blend with image 2 by 50 %", source(space), load(other())),
        lambda space: (Image.blend(base(space)[0], in_space(other(), space), 0.5), base(space)[1]),
    ),
    "paste": (
        lambda space: confine(source(space), load(other()), half(space), feather=0),
        lambda space: (pasted(base(space)[0], in_space(other(), space)), base(space)[1]),
    ),
    "region": (by_region, lambda space: (pasted(base(space)[0], in_space(other(), space)), base(space)[1])),
}


@pytest.mark.parametrize("mime_type", FORMATS)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("space", SPACES)
def test_colours_are_those_of_littlecms(space: str, operation: str, mime_type: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("notebook_img.pictures.convert.QUALITY", 100)  # what a format loses is not the question here
    run, reference = OPERATIONS[operation]
    result = run(space)
    with Image.open(io.BytesIO(encode(result, mime_type))) as image:
        image.load()
        assert apart(seen(image), written(*reference(space), mime_type)) < 1
        held = image.info.get("icc_profile") is not None
        assert held == (mime_type not in WITHOUT_PROFILE and not colours.is_srgb(result.facts.space)) or space == "sRGB"


@pytest.mark.parametrize("space", SPACES)
def test_a_preview_and_what_a_service_gets_are_srgb(space: str):
    image, profile = meaning(space)
    wanted = lab(read(lcms(image, profile, None) if profile else image.convert("RGB")), None)
    with Image.open(io.BytesIO(preview(source(space)).data)) as small:
        assert "icc_profile" not in small.info
        assert apart(seen(small), wanted) < 1.5, "JPEG of quality 86"
    sent = prepare(source(space))
    with Image.open(io.BytesIO(sent.data)) as copy:
        assert colours.is_srgb(copy.info.get("icc_profile"))
        assert apart(lab(read(copy.convert("RGB")), None), wanted) < 1
    assert ("colours converted to sRGB" in sent.notes) == (space not in {"sRGB", "CMYK"})
    assert apart(lab(read(Image.fromarray(source(space).array()).convert("RGB")), None), wanted) < 1, "an array has no profile"


@pytest.mark.parametrize("space", SPACES)
def test_comparisons_measure_what_is_seen(space: str):
    image, profile = meaning(space)
    same = lcms(image, profile, None) if profile else image
    assert measure(source(space), load(file(same))).changed == 0


@pytest.mark.parametrize("space", GREY)
@pytest.mark.parametrize("prompt", ["brighter by 20 %", "rotate by 90 degrees", "blur by 2 px"])
def test_grey_stays_grey_with_its_profile(space: str, prompt: str):
    result = edited(prompt, source(space))
    assert result.mode == "L"
    assert result.facts.space == GREY[space][0]
    tinted = edited("tint with orange by 60 %", source(space))
    assert tinted.mode == "RGB"
    assert icc.colour_space(tinted.facts.space or b"") == "RGB"


@pytest.mark.parametrize("space", [*RGB, *GREY])
@pytest.mark.parametrize(("prompt", "corner"), [("add a 20 px teal border", (2, 2)), ("pad to 3:1 with teal", (2, 2))])
def test_a_colour_that_was_named_is_that_colour_in_every_space(space: str, prompt: str, corner: tuple[int, int]):
    result = edited(prompt, source(space)).pil()
    patch = Image.new("RGB", (6 * SIDE, 4 * SIDE), result.convert("RGB").getpixel(corner))
    assert apart(lab(read(patch), colours.space_of(result)), lab(np.array([[0, 128, 128]] * 24), None)) < 1.2


def test_outpainting_keeps_numbers_and_space():
    for space in (*RGB, *GREY):
        canvas, _ = outpaint(source(space), "3:1")
        assert canvas.facts.space == source(space).facts.space
    transparent = source("grey 1.8").pil().convert("LA")
    transparent.info["icc_profile"] = GREY["grey 1.8"][0]
    canvas, _ = outpaint(load(transparent), "3:1")
    assert icc.colour_space(canvas.facts.space or b"") == "RGB", "a grey profile on RGB is forbidden by PNG"


# What files say without a profile


def png(*chunks: bytes) -> bytes:
    data = file(chart(PATCHES))
    return data[:33] + b"".join(chunks) + data[33:]


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, 0, 1]))


def gama(value: float) -> bytes:
    return chunk(b"gAMA", round(value * 100000).to_bytes(4, "big"))


def chrm(*points: float) -> bytes:
    return chunk(b"cHRM", b"".join(round(value * 100000).to_bytes(4, "big") for value in points))


P3_POINTS = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)


@pytest.mark.parametrize(
    ("data", "space"),
    [
        (png(cicp(12, 13)), "P3"),
        (png(cicp(1, 8)), "linear"),
        (png(cicp(1, 13)), None),
        (png(cicp(1, 1)), None),
        (png(gama(1.0)), "linear"),
        (png(gama(0.45455)), None),
        (png(gama(1.0), chunk(b"sRGB", b"\0")), None),
    ],
    ids=["cICP P3", "cICP linear", "cICP sRGB", "cICP BT.709", "gAMA linear", "gAMA usual", "sRGB goes before gAMA"],
)
def test_png_may_say_it_by_number(data: bytes, space: str | None):
    picture = load(data)
    numbers = chart(PATCHES)
    wanted = lab(read(lcms(numbers, RGB[space][0], None) if space else numbers), None)
    assert apart(lab(read(colours.to_srgb(picture.pil())), None), wanted) < 1
    assert (picture.facts.space is None) == (space is None)
    with Image.open(io.BytesIO(encode(picture, "image/jpeg"))) as copy:
        assert (copy.info.get("icc_profile") is None) == (space is None), "and a copy says it by a profile"


def test_png_may_say_it_by_gamma_and_chromaticities():
    picture = load(png(gama(1 / 2.2), chrm(*P3_POINTS)))
    assert picture.facts.space is not None
    wide = colours.to_srgb(Image.composite(picture.pil(), picture.pil(), Image.new("L", picture.size)))
    assert wide.size == picture.size
    assert load(png(gama(1 / 2.2), chrm(0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06))).facts.space is None
    assert load(png(gama(1 / 2.2), chrm(0, 0, 0, 0, 0, 0, 0, 0))).facts.space is None, "nonsense is no space"


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_said(transfer: int, name: str):
    assert f"HDR ({name}) shown as if it were not" in load(png(cicp(9, transfer))).notes


def test_cameras_say_adobe_rgb_in_exif():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    plain = Image.Exif()
    plain.get_ifd(0x8769)[0xA001] = 1
    camera = load(file(chart(PATCHES), "JPEG", quality=97, exif=exif))
    numbers = lcms(chart(PATCHES), RGB["Adobe RGB"][0], None)
    assert apart(lab(read(colours.to_srgb(camera.pil())), None), lab(read(numbers), None)) < 1
    assert load(file(chart(PATCHES), "JPEG", exif=plain)).facts.space is None


def test_a_profile_that_fits_the_mode_only_by_its_curve_is_taken_by_its_curve():
    grey = load(file(source("grey 1.8").pil().convert("L"), "JPEG", quality=97, icc_profile=RGB["Adobe RGB"][0]))
    assert icc.colour_space(grey.facts.space or b"") == "GRAY"
    levels = read(grey.pil())[:, 0]
    shown = read(colours.to_srgb(grey.pil()))[:, 0]
    assert np.abs(srgb_light(shown / 255) - (levels / 255) ** icc.ADOBE_GAMMA).max() < 0.01


@pytest.mark.parametrize("profile", [b"not a profile at all", GREY["grey 1.8"][0][:200], b"\0" * 400])
def test_a_damaged_profile_leaves_the_numbers_as_they_are(profile: bytes):
    picture = load(file(chart(PATCHES), "JPEG", quality=97, icc_profile=profile))
    assert picture.facts.space is None
    assert colours.to_srgb(picture.pil()).tobytes() == picture.pil().tobytes()


def test_a_conversion_that_leaves_the_profile_behind_is_said(tmp_path: Path):
    assert "colours converted to sRGB" in conversion_notes(source("P3"), tmp_path / "x.gif")
    assert "colours converted to sRGB" not in conversion_notes(source("P3"), tmp_path / "x.png") + conversion_notes(
        source("sRGB"), "image/gif"
    )


def test_a_picture_of_srgb_is_sent_as_it_is():
    assert prepare(source("sRGB")).data == source("sRGB").data
