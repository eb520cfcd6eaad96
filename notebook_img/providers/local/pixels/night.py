"""Day into night: less and bluer light, stars and a moon where the upper part of the picture is calm."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from notebook_img.providers.local.pixels.context import Context, Values, blended, on_colour
from notebook_img.providers.local.pixels.detail import Pixels, radial, to_image, to_pixels
from notebook_img.providers.local.pixels.tone import X, apply_curve, from_linear, saturation, to_linear


def _graded(image: Image.Image, context: Context) -> Image.Image:
    after = saturation(image, {"amount": -45.0}, context)
    # About two stops less, more of it taken from the lights than from the shadows, and most of it from red.
    linear = to_linear(X)
    curves = (from_linear(0.17 * linear**1.12), from_linear(0.225 * linear**1.08 + 0.001), from_linear(0.42 * linear**1.02 + 0.005))
    after = apply_curve(after, *curves)
    dark = Image.new("RGB", image.size, (3, 6, 18))
    mask = radial(image.size, 0.3, 1.15).point([round(value * 0.6) for value in range(256)])
    return Image.composite(dark, after, mask)


def _calm(image: Image.Image) -> Pixels:
    """Return how busy a 96-pixel copy is in every place: brightness changes, blurred."""
    small = image.convert("L").resize((96, max(8, round(96 * image.height / image.width))), Image.Resampling.BOX)
    change = ImageChops.difference(small, small.filter(ImageFilter.GaussianBlur(2)))
    return to_pixels(change.filter(ImageFilter.GaussianBlur(3)))


def moon_place(image: Image.Image, place: str, diameter: float) -> tuple[float, float]:
    """Return the middle of the moon: where it was asked for, else the calmest of four spots in the upper part."""
    width, height = image.size
    margin = max(diameter * 1.1, min(image.size) * 0.12)
    columns = {"left": margin * 1.15, "right": width - margin * 1.15}
    if place:
        x = next((value for name, value in columns.items() if name in place), width / 2)
        y = height - margin if "bottom" in place else height / 2 if place in {"centre", "left", "right"} else margin
        return x, y
    busy = _calm(image)
    spots = [(width * share, max(margin, height * 0.17)) for share in (0.82, 0.18, 0.68, 0.32)]
    reach = 6

    def unrest(spot: tuple[float, float]) -> float:
        column, row = round(spot[0] / width * busy.shape[1]), round(spot[1] / height * busy.shape[0])
        return float(busy[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach].mean())

    return min(spots, key=lambda spot: round(unrest(spot), 3))


def draw_moon(image: Image.Image, middle: tuple[float, float], diameter: float, lit: float) -> Image.Image:
    """Draw a moon with its glow; `lit` is the lit part of the disc, 1 for a full moon."""
    over = 4
    side = math.ceil(diameter * 7)
    disc = Image.new("L", (round(diameter * over) + 8, round(diameter * over) + 8), 0)
    draw = ImageDraw.Draw(disc)
    far = diameter * over
    draw.ellipse((4, 4, 4 + far, 4 + far), fill=255)
    if lit < 0.99:
        # The terminator is half an ellipse; the lit limb looks to the lower left.
        half = Image.new("L", disc.size, 0)
        ImageDraw.Draw(half).rectangle((0, 0, disc.width // 2, disc.height), fill=255)
        disc = ImageChops.multiply(disc, half)
        bulge = abs(1 - 2 * lit) * far / 2
        ellipse = (4 + far / 2 - bulge, 4, 4 + far / 2 + bulge, 4 + far)
        ImageDraw.Draw(disc).ellipse(ellipse, fill=0 if lit < 0.5 else 255)
        disc = disc.rotate(28, Image.Resampling.BICUBIC)
    disc = disc.resize((disc.width // over, disc.height // over), Image.Resampling.LANCZOS)
    layer = Image.new("L", (side, side), 0)
    layer.paste(disc, ((side - disc.width) // 2, (side - disc.height) // 2))
    shine = to_pixels(layer.filter(ImageFilter.GaussianBlur(diameter * 0.16))) * np.float32(0.5)
    shine += to_pixels(layer.filter(ImageFilter.GaussianBlur(diameter * 0.75))) * np.float32(1.1)
    # The glow ends softly inside its square.
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    fall = np.clip(1 - np.hypot(x - side / 2, y - side / 2) / (side / 2), 0, 1)
    shine *= fall
    left, top = round(middle[0] - side / 2), round(middle[1] - side / 2)
    result = image.copy()
    box = (max(0, left), max(0, top), min(image.width, left + side), min(image.height, top + side))
    if box[2] <= box[0] or box[3] <= box[1]:
        return result
    inside = np.s_[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
    part = to_pixels(image.crop(box))
    glow = shine[inside][..., None] * np.array([0.80, 0.87, 1.0], dtype=np.float32)
    part = 1 - (1 - part) * (1 - np.clip(glow, 0, 1))
    solid = to_pixels(layer)[inside][..., None]
    face = np.array([1.0, 0.976, 0.90], dtype=np.float32)
    if lit > 0.4:
        # A few soft seas, always the same ones.
        spots = np.zeros_like(layer, dtype=np.float32)
        for dx, dy, size in ((-0.18, -0.16, 0.17), (0.12, -0.22, 0.12), (0.2, 0.1, 0.15), (-0.08, 0.18, 0.1)):
            spots = np.maximum(
                spots, np.clip(1 - np.hypot(x - side / 2 - dx * diameter, y - side / 2 - dy * diameter) / (size * diameter), 0, 1)
            )
        face = face * (1 - 0.16 * np.minimum(1, spots * 2.2)[inside][..., None])
    result.paste(to_image(part * (1 - solid) + face * solid), box[:2])
    return result


def draw_stars(image: Image.Image, count: int, seed: int, calm: Image.Image | None = None) -> Image.Image:
    """Scatter stars over the upper part, fewer towards the horizon and none over what is busy."""
    random = np.random.default_rng(seed)
    width, height = image.size
    busy = _calm(calm) if calm is not None else None
    short = min(image.size)
    layer = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(layer)
    bright: list[tuple[float, float, float]] = []
    for _ in range(count):
        x, y, size, light = float(random.random()), float(random.random()) ** 1.4 * 0.72, float(random.random()), float(random.random())
        if busy is not None and busy[min(busy.shape[0] - 1, int(y * busy.shape[0])), min(busy.shape[1] - 1, int(x * busy.shape[1]))] > 0.03:
            continue
        radius = short * (0.0007 + 0.0016 * size**4)
        value = round(70 + 185 * light**1.5)
        if radius < 0.6:
            draw.point((x * width, y * height), fill=round(value * 0.8))
        else:
            draw.ellipse((x * width - radius, y * height - radius, x * width + radius, y * height + radius), fill=value)
        if size > 0.93:
            bright.append((x * width, y * height, radius * 5))
    soft = layer.filter(ImageFilter.GaussianBlur(max(0.5, short / 1500)))
    halo = Image.new("L", image.size, 0)
    for x, y, radius in bright:
        ImageDraw.Draw(halo).ellipse((x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2), fill=110)
    halo = halo.filter(ImageFilter.GaussianBlur(short / 220))
    light_layer = ImageChops.lighter(ImageChops.lighter(soft, layer.point([round(v * 0.75) for v in range(256)])), halo)
    return ImageChops.screen(
        image, Image.merge("RGB", (light_layer.point([round(v * 0.93) for v in range(256)]), light_layer, light_layer))
    )


def night(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Grade, then stars, then the moon."""

    def change(colour: Image.Image) -> Image.Image:
        after = _graded(colour, context)
        if values["stars"]:
            after = draw_stars(after, 420, context.seed, calm=colour)
        if values["moon"]:
            box = context.region or (0, 0, *colour.size)
            part = colour.crop(box)
            diameter = min(part.size) * 0.13
            x, y = moon_place(part, values["place"], diameter)
            after = draw_moon(after, (x + box[0], y + box[1]), diameter, values["moon"])
        return blended(colour, after, values["amount"])

    return on_colour(image, change)
