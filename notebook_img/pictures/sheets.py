"""Contact sheets: several pictures as one, in rows, each with a line of words under it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

GAP = 8
"""Pixels between pictures, and around them."""
LETTERS = 13
"""Height of the words, pixels."""


def contact_sheet(cells: Sequence[tuple[Image, str]], *, width: int = 512, columns: int = 0, background: str = "white") -> Image:
    """Return pictures in rows, each as large as its column allows and with its words under it.

    Parameters
    ----------
    cells : sequence of (Image, str)
        Upright pictures in any of Pillow's modes, and what is written under each; no words, no line.
    width : int
        Of the whole sheet, pixels.
    columns : int
        How many pictures are beside each other; 0 for a sheet that is about as high as it is wide.
    background : str
        A colour; transparent pixels show it.
    """
    from PIL import Image, ImageDraw, ImageFont, ImageOps

    columns = columns or math.ceil(math.sqrt(len(cells)))
    side = max(16, (width - GAP) // columns - GAP)
    font = ImageFont.load_default(LETTERS)
    line = LETTERS + 6 if any(words for _, words in cells) else 0
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    drawn = [[(ImageOps.contain(image.convert("RGBA"), (side, side)), words) for image, words in row] for row in rows]
    heights = [max(image.height for image, _ in row) + line + GAP for row in drawn]
    sheet = Image.new("RGBA", (columns * (side + GAP) + GAP, sum(heights) + GAP), background)
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for row, height in zip(drawn, heights, strict=True):
        for column, (image, words) in enumerate(row):
            left = GAP + column * (side + GAP)
            sheet.alpha_composite(image, (left + (side - image.width) // 2, top + height - line - GAP - image.height))
            if words:
                pen.text((left + side / 2, top + height - GAP - line / 2), _fitting(words, font, side), fill="#333", font=font, anchor="mm")
        top += height
    return sheet


def _fitting(words: str, font: object, width: int) -> str:
    """Return words cut to a width in pixels."""
    measure = font.getlength  # type: ignore[attr-defined]
    if measure(words) <= width:
        return words
    while words and measure(f"{words}...") > width:
        words = words[:-1]
    return f"{words}..."
