"""Sharpness, noise, blocks, and drawings made from edges."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from notebook_img.providers.local.colours import to_rgb
from notebook_img.providers.local.pixels.context import BAND, Context, Values, blended, in_bands, on_colour, premultiplied, visible

Pixels = npt.NDArray[np.float32]


def to_pixels(image: Image.Image) -> Pixels:
    """Return values 0 to 1."""
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def to_image(pixels: Pixels) -> Image.Image:
    """Return the image of values 0 to 1."""
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def sharpen(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Unsharp mask; its radius goes with the picture's size."""
    radius = min(4.0, max(0.9, min(image.size) / 700))
    return on_colour(image, lambda colour: colour.filter(ImageFilter.UnsharpMask(radius, round(values["amount"]), 2)))


def blur(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Gaussian blur."""
    radius = values["radius"].pixels(min(image.size))
    return premultiplied(image, lambda colour: colour.filter(ImageFilter.GaussianBlur(radius)))


def denoise(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Smooth where neighbours differ little, keep what differs much (a sigma filter after Lee 1983)."""
    reach = 6 + 24 * values["amount"] / 100
    kept = [round(255 * min(1.0, value / reach) ** 1.3) for value in range(256)]

    def change(colour: Image.Image) -> Image.Image:
        smooth = Image.fromarray(_softly_averaged(_median(np.asarray(colour))))
        difference = ImageChops.difference(colour, smooth).convert("L").filter(ImageFilter.BoxBlur(1))
        return Image.composite(colour, smooth, difference.point(kept))

    return image if values["amount"] <= 0 else on_colour(image, lambda colour: in_bands(colour, change, 8))


def _median(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the median of three across, then of three down: specks go, and it costs a tenth of that of nine."""
    if min(pixels.shape[:2]) < 3:
        return pixels
    for axis in (1, 0):
        rows = np.moveaxis(pixels, axis, 0)
        before, here, after = rows[:-2], rows[1:-1], rows[2:]
        pixels = pixels.copy()
        # Beyond the edge there is nothing to compare with.
        np.moveaxis(pixels, axis, 0)[1:-1] = np.maximum(np.minimum(before, after), np.minimum(np.maximum(before, after), here))
    return pixels


def _softly_averaged(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the mean of three by three, twice: near a Gaussian of sigma 1.15, and in whole numbers a third of Pillow's time."""
    sums = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), mode="edge").astype(np.uint16)
    for axis in (0, 0, 1, 1):
        rows = np.moveaxis(sums, axis, 0)
        summed = rows[:-2] + rows[1:-1]
        summed += rows[2:]
        sums = np.moveaxis(summed, 0, axis)
    return np.ascontiguousarray((sums + 40) // 81, dtype=np.uint8)


def grain(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Add noise of brightness, strongest in the middle tones, as film has it."""
    noise = np.random.default_rng(context.seed).standard_normal((image.height, image.width), dtype=np.float32)
    texture = Image.fromarray(np.clip(noise * 42 + 128, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(max(0.5, min(image.size) / 1600))
    )
    # Blurring has weakened it; the wanted strength is set on what is left. Overlay fades it out in black and white.
    found = max(float(np.asarray(texture)[::4, ::4].std()), 0.5)
    texture = texture.point([round(min(255.0, max(0.0, 128 + (value - 128) * 0.84 * values["amount"] / found))) for value in range(256)])
    layer = Image.merge("RGB", (texture,) * 3)
    return on_colour(image, lambda colour: ImageChops.overlay(colour, layer))


def pixelate(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Average over blocks."""
    block = max(2, round(values["block"].pixels(min(image.size))))
    size = (math.ceil(image.width / block), math.ceil(image.height / block))

    def change(colour: Image.Image) -> Image.Image:
        return colour.resize(size, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)

    return premultiplied(image, change)


def radial(size: tuple[int, int], inner: float, outer: float) -> Image.Image:
    """Return an L mask: 0 up to `inner`, 255 from `outer` on, in shares of the distance from the middle to a corner."""
    side = 384
    scale = side / max(size)
    small = (max(8, round(size[0] * scale)), max(8, round(size[1] * scale)))
    y, x = np.mgrid[0 : small[1], 0 : small[0]].astype(np.float32)
    distance = np.hypot((x + 0.5) / small[0] - 0.5, (y + 0.5) / small[1] - 0.5) / math.sqrt(0.5)
    ramp = np.clip((distance - inner) / (outer - inner), 0, 1)
    return to_image(ramp * ramp * (3 - 2 * ramp)).resize(size, Image.Resampling.BICUBIC)


def vignette(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Darken towards the corners."""
    mask = radial(image.size, 0.35, 1.1).point([round(value * values["amount"] / 100) for value in range(256)])
    colour = Image.new("RGB", image.size, to_rgb(values["colour"]))
    return on_colour(image, lambda before: Image.composite(colour, before, mask))


def glow(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Lay a blurred copy over it like light."""
    radius = min(image.size) / 45

    def change(colour: Image.Image) -> Image.Image:
        light = colour.filter(ImageFilter.GaussianBlur(radius)).point([round(255 * (v / 255) ** 1.6) for v in range(256)] * 3)
        return blended(colour, ImageChops.screen(colour, light), values["amount"])

    return on_colour(image, change)


def _softened(image: Image.Image, radius: float) -> Image.Image:
    """Blur by a large radius on a smaller copy, which shows no less: its pixels differ so little that straight lines lie between them."""
    factor = int(radius // 3)
    if factor < 2:
        return image.filter(ImageFilter.GaussianBlur(radius))
    return image.reduce(factor).filter(ImageFilter.GaussianBlur(radius / factor)).resize(image.size, Image.Resampling.BILINEAR)


def _dodged(curve: Pixels) -> Pixels:
    """Return a table of 256 x 256: a curve of brightness divided by blurred brightness."""
    grey = np.linspace(0, 1, 256, dtype=np.float32)
    ratio = np.minimum(1, (grey[:, None] + 0.012) / (grey[None, :] + 0.012))
    return np.asarray(curve[(ratio * 255).astype(np.uint8)], dtype=np.float32).reshape(-1)


def _lines(source: Image.Image) -> Image.Image:
    """Return how light a pencil drawing of a grey picture is, as L: lines, and dark parts hatched. Some rows at a time."""
    width, height = source.size
    short = min(source.size)
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    fine, broad = _dodged(levels**2.2), _dodged(0.35 + 0.65 * levels**1.2)
    grounds = [_softened(source, radius) for radius in (max(1.5, short / 260), max(4.0, short / 60), max(1.0, short / 300))]
    shade = np.clip((0.62 - levels) / 0.62, 0, 1)
    base, hatched = 1 - 0.22 * shade - 0.21 * shade**1.6, 0.21 * shade**1.6
    pitch = np.float32(max(3.0, short / 160))
    x, y = (np.arange(side, dtype=np.float32) for side in (width, height))
    across = x * np.float32(2 * math.pi / 1.414) / pitch + np.sin(x / (pitch * 9)) * np.float32(0.8)
    down = y * np.float32(2 * math.pi / 1.414) / pitch + np.sin(y / (pitch * 13)) * np.float32(0.8)
    drawn = Image.new("L", source.size)
    for top in range(0, height, BAND // 2):
        box = (0, top, width, min(height, top + BAND // 2))
        rows = slice(box[1], box[3])
        index = np.asarray(source.crop(box)).astype(np.uint16) * np.uint16(256)
        near, far, tone = (np.asarray(ground.crop(box)) for ground in grounds)
        # The sine of a sum, from the sines of rows and columns.
        hatch = np.outer(np.cos(down[rows]), np.sin(across)) + np.outer(np.sin(down[rows]), np.cos(across))
        hatch *= hatched[tone]
        part = base[tone] - hatch
        part *= fine[index + near]
        part *= broad[index + far]
        drawn.paste(to_image(0.06 + 0.94 * part), box[:2])
    return drawn


def sketch(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Divide by a blurred copy: what is left are lines; dark parts are hatched, the paper is off-white."""
    seen = visible(image)

    def change(colour: Image.Image) -> Image.Image:
        if seen is not None:  # what cannot be seen is paper
            colour = Image.composite(colour, Image.new("RGB", colour.size, "white"), seen)
        short = min(image.size)
        source = ImageOps.autocontrast(colour.convert("L").filter(ImageFilter.GaussianBlur(max(0.4, short / 1600))), 0.5, mask=seen)
        drawn = _lines(source)
        if values["tone"] == "colour":
            tinted = ImageEnhance.Color(_softened(colour, short / 200)).enhance(1.35)
            paper = tinted.point([round(255 - (255 - value) * 0.75) for value in range(256)] * 3)
            return blended(colour, ImageChops.multiply(paper, Image.merge("RGB", (drawn,) * 3)), values["amount"])
        bands = [
            drawn.point([round(255 * dark + (light - dark) * value) for value in range(256)])
            for dark, light in ((0.20, 0.988), (0.20, 0.980), (0.22, 0.957))
        ]
        return blended(colour, Image.merge("RGB", bands), values["amount"])

    return on_colour(image, change)


def emboss(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Light the picture's brightness as a relief from the top left."""

    def change(colour: Image.Image) -> Image.Image:
        step = max(1, round(min(image.size) / 500))
        grey = to_pixels(colour.convert("L").filter(ImageFilter.GaussianBlur(step * 0.8)))
        padded = np.pad(grey, step, mode="edge")
        slope = padded[2 * step :, 2 * step :] - padded[: -2 * step, : -2 * step]
        relief = to_image(0.5 + slope * np.float32(1.7)).convert("RGB")
        return blended(colour, relief, values["amount"])

    return on_colour(image, change)


def edges(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Dark lines on white where the brightness changes (Sobel)."""

    def change(colour: Image.Image) -> Image.Image:
        grey = np.pad(to_pixels(colour.convert("L").filter(ImageFilter.GaussianBlur(max(0.8, min(image.size) / 600)))), 1, mode="edge")
        across = grey[:, 2:] - grey[:, :-2]
        down = grey[2:, :] - grey[:-2, :]
        gx = across[:-2] + 2 * across[1:-1] + across[2:]
        gy = down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]
        strength = np.hypot(gx, gy)
        strength = np.clip((strength / max(float(np.quantile(strength[::4, ::4], 0.985)), 0.02)) - 0.06, 0, 1) ** 0.8
        return blended(colour, to_image(1 - strength).convert("RGB"), values["amount"])

    return on_colour(image, change)
