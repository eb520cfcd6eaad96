"""Several pictures as one: contact sheets, side by side, one above the other; with the pictures' names where asked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.pictures import contact_sheet as drawn_sheet
from notebook_img.pictures import strip, strip_sizes
from notebook_img.providers.local.colours import to_rgb
from notebook_img.providers.local.pixels.frame import MOST_PIXELS
from notebook_img.providers.local.pixels.text import fitted

if TYPE_CHECKING:
    from PIL import Image

    from notebook_img.providers.local.pixels.context import Context, Values

SIDE = 640
"""Most pixels of a picture on a contact sheet of which no width was said."""
WIDEST = 8_000


def contact_sheet(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Lay all pictures of the request out in rows."""
    cells, font = _cells(image, values, context)
    columns, rows = (int(number) for number in (values["grid"] or "0 x 0").split(" x "))
    if columns and rows and columns * rows < len(cells):
        raise UsageError(f"A sheet of {columns} x {rows} has {columns * rows} places, and there are {len(cells)} pictures.")
    columns = columns or math.ceil(math.sqrt(len(cells)))
    size = values["size"] or (None, None, None)
    side = min(SIDE, max(max(picture.size) for picture, _ in cells))
    width = min(size[0] or size[2] or columns * side, WIDEST)
    gap = max(4, width // columns // 20)
    return drawn_sheet(cells, width=width, columns=columns, letters=_letters(width // columns), gap=gap, font=font, **_colours(values))


def side_by_side(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Put all pictures beside each other, as high as the first, or one above the other, as wide as the first."""
    cells, font = _cells(image, values, context)
    upright = values["direction"] == "upright"
    sizes = strip_sizes([picture.size for picture, _ in cells], upright=upright)
    if (pixels := sum(width * height for width, height in sizes)) > MOST_PIXELS:
        raise UsageError(
            f"Together they would have {pixels:,} pixels, more than the {MOST_PIXELS // 1_000_000} million that are made here."
        )
    return strip(cells, upright=upright, gap=max(4, min(image.size) // 50), letters=_letters(min(sizes)[0]), font=font, **_colours(values))


def _cells(image: Image.Image, values: Values, context: Context) -> tuple[list[tuple[Image.Image, str]], str]:
    """Return the pictures with their words, and the font that has the words' letters."""
    pictures = [image, *context.images[1:]]
    if len(pictures) < 2:
        raise UsageError("This lays several pictures out, and one was given.", hint=Hint("add-reference"))
    if not values["captions"]:
        return [(picture, "") for picture in pictures], ""
    names, font = fitted("\n".join(context.names), context)
    return list(zip(pictures, names.split("\n"), strict=True)), font


def _letters(width: int) -> int:
    """Return the height of words under a picture of that width."""
    return max(11, min(48, width // 16))


def _colours(values: Values) -> dict[str, str]:
    red, green, blue = to_rgb(values["colour"])
    return {"background": values["colour"], "ink": "#333333" if 0.3 * red + 0.59 * green + 0.11 * blue > 127 else "#dddddd"}
