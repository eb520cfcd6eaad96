"""Tone and colour: curves as tables of 256 values, matrices, and mixes. Values are sRGB unless a line says linear."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from notebook_img.providers.local.colours import to_rgb
from notebook_img.providers.local.pixels.context import Context, Values, blended, on_colour, visible

Curve = npt.NDArray[np.float64]
X: Curve = np.linspace(0.0, 1.0, 256)


def to_linear(values: Curve) -> Curve:
    """Undo the sRGB transfer function (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def from_linear(values: Curve) -> Curve:
    """Apply the sRGB transfer function (IEC 61966-2-1)."""
    values = np.clip(values, 0, 1)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def shoulder(values: Curve, peak: float, knee: float = 0.8) -> Curve:
    """Bend values above `knee` so that `peak` lands on 1: highlights keep their drawing instead of clipping."""
    if peak <= 1:
        return values
    top = 1 - math.exp(-(peak - knee) / (1 - knee))
    bent = knee + (1 - knee) * (1 - np.exp(-(values - knee) / (1 - knee))) / top
    return np.where(values > knee, bent, values)


def apply_curve(image: Image.Image, *curves: Curve) -> Image.Image:
    """Apply one curve to all channels, or one to each."""
    tables = [np.clip(np.rint(curve * 255), 0, 255).astype(int).tolist() for curve in (curves if len(curves) == 3 else curves * 3)]
    return on_colour(image, lambda colour: colour.point([value for table in tables for value in table]))


def brightness(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Multiply, with a shoulder."""
    gain = 1 + values["amount"] / 100
    return apply_curve(image, shoulder(X * gain, gain))


def exposure(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Multiply linear light by two to the power of the stops, with a shoulder."""
    gain = 2.0 ** values["stops"]
    return apply_curve(image, from_linear(shoulder(to_linear(X) * gain, gain, knee=0.7)))


def contrast(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Stretch around the picture's own middle, bent at both ends."""
    factor = 1 + values["amount"] / 100
    small = image.convert("RGBA").resize((64, 64), Image.Resampling.BOX)
    seen = np.asarray(small.getchannel("A"), dtype=np.float64) + 1e-6
    pivot = float(np.clip((np.asarray(small.convert("RGB").convert("L")) * seen).sum() / seen.sum() / 255, 0.3, 0.65))
    above = pivot + (1 - pivot) * shoulder(np.maximum(X - pivot, 0) / (1 - pivot) * factor, factor)
    below = pivot - pivot * shoulder(np.maximum(pivot - X, 0) / pivot * factor, factor)
    return apply_curve(image, np.where(pivot <= X, above, below))


def saturation(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Move away from grey or towards it."""
    return on_colour(image, lambda colour: ImageEnhance.Color(colour).enhance(1 + values["amount"] / 100))


def warmth(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Trade blue for red, keeping the brightness of grey."""
    amount = values["amount"] / 100
    gains = np.exp(np.array([0.24, 0.02, -0.52]) * amount)
    gains /= gains @ np.array([0.2126, 0.7152, 0.0722])
    return apply_curve(image, *(shoulder(X * gain, max(gain, 1.0), knee=0.75) for gain in gains))


def hue(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Turn hues at equal luminance (the matrix of CSS ``hue-rotate``, W3C Filter Effects 1)."""
    cos, sin = math.cos(math.radians(values["angle"])), math.sin(math.radians(values["angle"]))
    r, g, b = 0.213, 0.715, 0.072
    # fmt: off
    matrix = (
        r + cos * (1 - r) - sin * r, g - cos * g - sin * g, b - cos * b + sin * (1 - b), 0,
        r - cos * r + sin * 0.143, g + cos * (1 - g) + sin * 0.140, b - cos * b - sin * 0.283, 0,
        r - cos * r - sin * (1 - r), g - cos * g + sin * g, b + cos * (1 - b) + sin * b, 0,
    )
    # fmt: on
    return on_colour(image, lambda colour: colour.convert("RGB", matrix))


def gamma(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Raise to the power of 1/gamma."""
    return apply_curve(image, X ** (1 / values["gamma"]))


def _lifted(values: Curve, amount: float) -> Curve:
    # Steepest at black; 0.95 keeps the curve from turning over where shadows are deepened.
    return values + (2.5 * amount if amount > 0 else 0.95 * amount) * values * (1 - values) ** 3


def shadows(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Move the dark third of the curve."""
    return apply_curve(image, _lifted(X, values["amount"] / 100))


def highlights(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Move the bright third of the curve."""
    return apply_curve(image, 1 - _lifted(1 - X, -values["amount"] / 100))


def auto_levels(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Stretch all channels alike to the full range, half a percent clipped at each end."""
    seen = visible(image)

    def change(colour: Image.Image) -> Image.Image:
        stretched = ImageOps.autocontrast(colour, cutoff=0.5, preserve_tone=True, mask=seen)
        return blended(colour, stretched, values["amount"])

    return on_colour(image, change)


def white_balance(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Make the picture's light neutral ("shades of grey", Finlayson and Trezzi 2004, with a Minkowski norm of 6)."""
    # RGBA is weighed by its opacity when it is scaled, and again here.
    small = np.asarray(image.convert("RGBA").resize((128, 128), Image.Resampling.BOX), dtype=np.float64) / 255
    weight = small[:, :, 3:] if small[:, :, 3].any() else np.ones_like(small[:, :, 3:])
    light = ((small[:, :, :3] ** 6 * weight).sum(axis=(0, 1)) / weight.sum()) ** (1 / 6) + 1e-6
    gains = np.clip(light.mean() / light, 0.6, 1.6) ** (values["amount"] / 100)
    return apply_curve(image, *(shoulder(X * gain, max(gain, 1.0)) for gain in gains))


def greyscale(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Take the colours out."""
    return on_colour(image, lambda colour: blended(colour, colour.convert("L").convert("RGB"), values["amount"]))


def sepia(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Map grey onto browns."""

    def change(colour: Image.Image) -> Image.Image:
        toned = ImageOps.colorize(colour.convert("L"), black=(28, 17, 9), mid=(158, 121, 82), white=(255, 244, 222))
        return blended(colour, toned, values["amount"])

    return on_colour(image, change)


def vintage(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Fade the blacks, warm the lights, weaken the colours, darken the corners."""
    from notebook_img.providers.local.pixels.detail import vignette

    after = saturation(image, {"amount": -30.0}, context)
    curves = (0.09 + X * 0.91, 0.07 + 0.87 * X + 0.03 * X**2, 0.13 + X * 0.68)
    after = apply_curve(after, *curves)
    after = vignette(after, {"amount": 30.0, "colour": "#1a0d05"}, context)
    return blended(image, after, values["amount"])


def invert(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Turn every channel over."""
    return on_colour(image, lambda colour: blended(colour, ImageChops.invert(colour), values["amount"]))


def posterise(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Round every channel to a few levels."""
    steps = round(values["levels"]) - 1
    return apply_curve(image, np.rint(X * steps) / steps)


def threshold(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut at a brightness."""
    return on_colour(image, lambda colour: colour.convert("L").point([255 * (x >= values["amount"] / 100) for x in X]).convert("RGB"))


def solarise(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Turn over what is brighter than a value."""
    return apply_curve(image, np.where(values["amount"] / 100 <= X, 1 - X, X))


def tint(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Mix with the same picture in shades of one colour."""

    def change(colour: Image.Image) -> Image.Image:
        shades = ImageOps.colorize(colour.convert("L"), black=(0, 0, 0), mid=to_rgb(values["colour"]), white=(255, 255, 255))
        return blended(colour, shades, values["amount"])

    return on_colour(image, change)


def duotone(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Map dark to the darker of two colours, bright to the brighter."""
    dark, bright = sorted((to_rgb(colour) for colour in values["colours"]), key=lambda c: 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2])
    seen = visible(image)

    def change(colour: Image.Image) -> Image.Image:
        return ImageOps.colorize(ImageOps.autocontrast(colour.convert("L"), 0.5, mask=seen), black=dark, white=bright)

    return on_colour(image, change)


def opacity(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Scale the transparency channel."""
    result = image.convert("RGBA")
    result.putalpha(result.getchannel("A").point([round(value * values["amount"] / 100) for value in range(256)]))
    return result
