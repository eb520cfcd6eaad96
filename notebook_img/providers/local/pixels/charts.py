"""Facts as pictures: histograms and palettes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from notebook_img.providers.local.colours import to_rgb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAPER, INK, FAINT = (252, 252, 250), (60, 64, 72), (222, 224, 228)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def histogram(image: Image.Image) -> bytes:
    """Return a PNG of 768x400: red, green and blue as overlapping areas, brightness as a line; left is dark, right is bright."""
    over, width, height, left, top, right, bottom = 2, 768, 400, 36, 44, 744, 356
    canvas = Image.new("RGB", (width * over, height * over), PAPER)
    draw = ImageDraw.Draw(canvas)
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = (left + (right - left) * share) * over
        draw.line([(x, top * over), (x, bottom * over)], fill=FAINT, width=over)
    rgb = image.convert("RGB")
    visible = image.getchannel("A").point([255 * (value > 0) for value in range(256)]) if "A" in image.getbands() else None
    counts = np.array(rgb.histogram(mask=visible), dtype=np.float64).reshape(3, 256)
    luma = np.array(rgb.convert("L").histogram(mask=visible), dtype=np.float64)
    # Clipped at the 99th percentile: one pile of pure black would flatten everything else.
    peak = max(float(np.quantile(counts, 0.99)), float(counts[:, 1:255].max(initial=1.0)) * 0.8, 1.0)

    def line(values: np.ndarray[Any, Any]) -> list[tuple[float, float]]:
        heights = np.minimum(values / peak, 1) * (bottom - top)
        return [((left + (right - left) * level / 255) * over, (bottom - heights[level]) * over) for level in range(256)]

    corners = [(right * over, bottom * over), (left * over, bottom * over)]
    ground = canvas
    for values, colour in zip(counts, ((255, 120, 120), (120, 215, 130), (125, 165, 255)), strict=True):
        layer = Image.new("RGB", canvas.size, (255, 255, 255))
        ImageDraw.Draw(layer).polygon([*line(values), *corners], fill=colour)
        ground = ImageChops.multiply(ground, layer)
    draw = ImageDraw.Draw(ground)
    draw.line(line(luma), fill=INK, width=2 * over, joint="curve")
    draw.line([(left * over, bottom * over), (right * over, bottom * over)], fill=INK, width=over)
    font = ImageFont.load_default(15 * over)
    draw.text((left * over, 14 * over), "Histogram: red, green, blue; line: brightness", font=font, fill=INK)
    for level in (0, 64, 128, 191, 255):
        draw.text(((left + (right - left) * level / 255) * over, (bottom + 8) * over), str(level), font=font, fill=INK, anchor="ma")
    return _png(ground.resize((width, height), Image.Resampling.LANCZOS))


def palette(colours: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a PNG of 768 px width: one band for each main colour, as wide as its share, with its name below."""
    over, width, height = 2, 768, 60 + 30 * len(colours)
    canvas = Image.new("RGB", (width * over, (height + 20) * over), PAPER)
    draw = ImageDraw.Draw(canvas)
    total = sum(colour["percent"] for colour in colours) or 1
    x = 0.0
    font = ImageFont.load_default(16 * over)
    for index, colour in enumerate(colours):
        step = width * colour["percent"] / total
        draw.rectangle((x * over, 0, (x + step) * over, 48 * over), fill=to_rgb(colour["hex"]))
        x += step
        y = 62 + 30 * index
        draw.rounded_rectangle((16 * over, y * over, 40 * over, (y + 22) * over), 4 * over, fill=to_rgb(colour["hex"]), outline=FAINT)
        draw.text(
            (52 * over, (y + 11) * over), f"{colour['name']}   {colour['hex']}   {colour['percent']:g} %", font=font, fill=INK, anchor="lm"
        )
    return _png(canvas.resize((width, height + 20), Image.Resampling.LANCZOS))
