"""What is drawn over a picture: boxes, with labels that can be read on any background, and what a mask lets change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from notebook_img.pictures import PREVIEW_BYTES, PREVIEW_SIDE, encode_within, shorten, small_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import ImageFont

    from notebook_img.pictures import Box, Picture, Preview

COLOURS = ("#ffd400", "#00b4ff", "#ff4fa3", "#3ddc84", "#ff8a1f", "#a78bfa", "#00e0d0", "#ff5a4f", "#b8e000", "#e6e6e6")
"""Bright ones, told apart by lightness as well as by hue; each is drawn between two dark lines."""
_DARK = "#101010"
_LEAST_SIDE = 384
"""Longest side in pixels below which a picture is enlarged, since labels need room."""
# Fonts with more scripts than Pillow's own, by the systems that have them; tried only for labels that need them.
_FONTS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "msyh.ttc",
    "arial.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
)


def boxes_overlay(picture: Picture, boxes: Sequence[Box]) -> Preview:
    """Draw `boxes` with their labels over a preview of `picture`.

    Parameters
    ----------
    picture : Picture
        What the boxes are about.
    boxes : sequence of Box
        In pixels of the oriented picture. What lies outside is cut off; a box without any area inside is not drawn.

    Returns
    -------
    Preview
        A label whose letters no installed font has is drawn as its number.
    """
    from PIL import Image, ImageDraw

    image = small_image(picture, PREVIEW_SIDE)
    if max(image.size) < _LEAST_SIDE:
        grown = math.ceil(_LEAST_SIDE / max(image.size))
        image = image.resize(
            (image.width * grown, image.height * grown), Image.Resampling.NEAREST if grown > 3 else Image.Resampling.BICUBIC
        )
    across, down = image.width / picture.width, image.height / picture.height
    draw = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 256))
    letters = max(13, round(max(image.size) / 44))
    frames = []
    for number, box in enumerate(boxes, 1):
        left, right = (min(max(x, 0), picture.width) * across for x in (box.left, box.right))
        top, bottom = (min(max(y, 0), picture.height) * down for y in (box.top, box.bottom))
        if right <= left or bottom <= top:
            continue
        # At least as large as its own lines, so that a box of one pixel is seen.
        right, bottom = max(right - 1, left + line), max(bottom - 1, top + line)
        frames.append((number, box, (left, top, right, bottom), COLOURS[(number - 1) % len(COLOURS)]))
    for _, _, (left, top, right, bottom), colour in frames:
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_DARK, width=line + 2)
        draw.rectangle((left, top, right, bottom), outline=colour, width=line)
    taken: list[tuple[float, float, float, float]] = []
    for number, box, frame, colour in frames:
        words = shorten(box.label, 40) or str(number)
        font = _font_for(words, letters)
        if font is None:
            words, font = str(number), _own_font(letters)
        if box.score is not None:
            words += f" {box.score:.2f}"
        # One height for all plates, whatever letters are in them.
        left, top, right, bottom = draw.textbbox((0, 0), words, font=font)
        tall = draw.textbbox((0, 0), "Ag", font=font)
        text = (left, min(top, tall[1]), right, max(bottom, tall[3]))
        plate = _place(text, frame, image.size, taken, pad=max(3, letters // 4))
        taken.append(plate[:4])
        draw.rectangle(plate[:4], fill=colour, outline=_DARK)
        draw.text(plate[4:], words, fill=_DARK, font=font)
    return encode_within(image, PREVIEW_BYTES)


def mask_overlay(picture: Picture, mask: Picture, *, max_side: int = PREVIEW_SIDE, max_bytes: int = PREVIEW_BYTES) -> Preview:
    """Colour what may change in a preview of `picture`, and darken what stays.

    Parameters
    ----------
    picture : Picture
        What is edited.
    mask : Picture
        Of its size; white may change.
    max_side, max_bytes : int
        Bounds of the preview, pixels and bytes.
    """
    from PIL import Image, ImageEnhance

    image = small_image(picture, max_side)
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    changes = Image.blend(image, Image.new("RGB", image.size, COLOURS[2]), 0.6)
    white = mask.pil().convert("L").resize(image.size, Image.Resampling.BOX)
    return encode_within(Image.composite(changes, ImageEnhance.Brightness(image).enhance(0.6), white), max_bytes)


def _place(
    text: tuple[float, float, float, float],
    frame: tuple[float, float, float, float],
    size: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
    *,
    pad: int,
) -> tuple[float, float, float, float, float, float]:
    """Return the label's plate and where its text begins: inside the picture, on no other plate if possible."""
    wide, high = text[2] - text[0] + 2 * pad, text[3] - text[1] + 2 * pad
    left, top, right, bottom = frame
    places = [
        (left, top - high),
        (left, top),
        (right - wide, top - high),
        (left, bottom),
        (right - wide, bottom - high),
        (right, top),
        (left, bottom - high),
    ]
    clamped = [(min(max(x, 0), max(size[0] - wide - 1, 0)), min(max(y, 0), max(size[1] - high - 1, 0))) for x, y in places]
    # A place that had to be moved into the picture is a worse one than a place that fits.
    order = sorted(range(len(places)), key=lambda k: places[k] != clamped[k])
    free = [k for k in order if not any(_overlap((*clamped[k], clamped[k][0] + wide, clamped[k][1] + high), other) for other in taken)]
    x, y = clamped[(free or order)[0]]
    return x, y, x + wide, y + high, x + pad - text[0], y + pad - text[1]


def _overlap(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _own_font(letters: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(letters)


def _font_for(words: str, letters: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont | None:
    """Return a font that has every letter of `words`; None when there is none on this machine."""
    from PIL import ImageFont

    own = _own_font(letters)
    if words.isascii() or _has_all(own, words):
        return own
    for name in _FONTS:
        try:
            font = ImageFont.truetype(name, letters)
        except OSError:
            continue
        if _has_all(font, words):
            return font
    return None


def _has_all(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, words: str) -> bool:
    """Whether no letter of `words` is drawn as the font's sign for a missing one."""
    missing = bytes(font.getmask("\U0010fffd"))
    return all(c.isspace() or bytes(font.getmask(c)) != missing for c in set(words))
