"""Contact sheets: several pictures as one, in rows, each with a line of words under it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

GAP = 8
"""Pixels between pictures, and around them."""
LETTERS = 13
"""Height of the words, pixels."""


def contact_sheet(
    cells: Sequence[tuple[Image, str]],
    *,
    width: int = 512,
    columns: int = 0,
    background: str = "white",
    ink: str = "#333",
    letters: int = LETTERS,
    font: str = "",
    gap: int = GAP,
) -> Image:
    """Return pictures in rows, each as large as its column allows and with its words under it.

    Parameters
    ----------
    cells : sequence of (Image, str)
        Upright pictures in any of Pillow's modes, and what is written under each; no words, no line.
    width : int
        Of the whole sheet, pixels.
    columns : int
        How many pictures are beside each other; 0 for a sheet that is about as high as it is wide.
    background, ink : str
        Colours of the ground, which transparent pixels show, and of the words.
    letters, gap : int
        Height of the words, and pixels between pictures and around them.
    font : str
        The words' font by the name of its file; empty for Pillow's own.
    """
    from PIL import Image, ImageDraw, ImageOps

    columns = columns or math.ceil(math.sqrt(len(cells)))
    side = max(16, (width - gap) // columns - gap)
    line = line_height(cells, letters)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    drawn = [[(ImageOps.contain(image.convert("RGBA"), (side, side)), words) for image, words in row] for row in rows]
    heights = [max(image.height for image, _ in row) + line + gap for row in drawn]
    sheet = Image.new("RGBA", (columns * (side + gap) + gap, sum(heights) + gap), background)
    pen = ImageDraw.Draw(sheet)
    top = gap
    for row, height in zip(drawn, heights, strict=True):
        for column, (image, words) in enumerate(row):
            left = gap + column * (side + gap)
            sheet.alpha_composite(image, (left + (side - image.width) // 2, top + height - line - gap - image.height))
            _write(pen, words, (left, top + height - gap - line, side), letters, ink, font)
        top += height
    return sheet


def strip(
    cells: Sequence[tuple[Image, str]],
    *,
    upright: bool = False,
    background: str = "white",
    ink: str = "#333",
    letters: int = LETTERS,
    font: str = "",
    gap: int,
) -> Image:
    """Return pictures side by side, as high as the first; or one above the other, as wide as the first.

    Parameters
    ----------
    cells : sequence of (Image, str)
        Upright pictures, and what is written under each.
    upright : bool
        One above the other.
    background, ink, letters, font, gap
        As of a `contact_sheet`; there is no gap around them.
    """
    from PIL import Image, ImageDraw

    line = line_height(cells, letters)
    sizes = strip_sizes([image.size for image, _ in cells], upright=upright)
    across, along = (0, 1) if upright else (1, 0)
    length = sum(size[along] + (line if upright else 0) for size in sizes) + gap * (len(sizes) - 1)
    breadth = sizes[0][across] + (0 if upright else line)
    sheet = Image.new("RGBA", (breadth, length) if upright else (length, breadth), background)
    pen = ImageDraw.Draw(sheet)
    at = 0
    for (image, words), size in zip(cells, sizes, strict=True):
        place = (0, at) if upright else (at, 0)
        shown = image.convert("RGBA")
        sheet.alpha_composite(shown if shown.size == size else shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0), place)
        _write(pen, words, (place[0], place[1] + size[1], size[0]), letters, ink, font)
        at += size[along] + gap + (line if upright else 0)
    return sheet


def strip_sizes(sizes: Sequence[tuple[int, int]], *, upright: bool) -> list[tuple[int, int]]:
    """Return the sizes pictures have in a `strip`: all as high as the first, or as wide."""
    width, height = sizes[0]
    if upright:
        return [(width, max(1, round(size[1] * width / size[0]))) for size in sizes]
    return [(max(1, round(size[0] * height / size[1])), height) for size in sizes]


def line_height(cells: Sequence[tuple[object, str]], letters: int = LETTERS) -> int:
    """Return the height of the line of words under each picture, 0 where none has words."""
    return letters + letters // 2 if any(words for _, words in cells) else 0


def _write(pen: ImageDraw, words: str, place: tuple[int, int, int], letters: int, ink: str, name: str) -> None:
    """Write words in the middle of a line: its left end, its top, its width."""
    from PIL import ImageFont

    if words:
        left, top, width = place
        font = ImageFont.truetype(name, letters) if name else ImageFont.load_default(letters)
        middle = (left + width / 2, top + line_height([(None, words)], letters) / 2)
        pen.text(middle, _fitting(words, font, width), fill=ink, font=font, anchor="mm")


def _fitting(words: str, font: object, width: int) -> str:
    """Return words cut to a width in pixels."""
    measure = font.getlength  # type: ignore[attr-defined]
    if measure(words) <= width:
        return words
    while words and measure(f"{words}...") > width:
        words = words[:-1]
    return f"{words}..."
