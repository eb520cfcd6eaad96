"""Which `size` a request is sent with: a named one, or width x height computed for a ratio within the model's limits."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError
from notebook_img.providers.ark.models import MOST_PIXELS, MOST_RATIO, SIZES
from notebook_img.providers.interface import NAMED_SIZES

if TYPE_CHECKING:
    from notebook_img.providers.ark.models import Seedream

STEP = 8
"""Pixels; computed sides are multiples of it."""


def size_for(row: Seedream, *, size: str | None, aspect_ratio: str | None, first_input: tuple[int, int] | None) -> str | None:
    """Return the `size` to send, or None to leave it to the service.

    An edit for which neither size nor ratio is asked keeps the ratio of its first picture: the service's own default is a square.

    Parameters
    ----------
    size, aspect_ratio : str, optional
        As asked: ``2K`` or ``2560x1440``; ``16:9``.
    first_input : (int, int), optional
        Width and height of the first input picture, pixels.

    Raises
    ------
    UnsupportedError
        The size is none, or outside the model's limits; the message lists what the model takes.
    """
    if row.adaptive:
        return "adaptive"
    named, pixels = _read(row, size)
    ratio = _ratio(aspect_ratio)
    if pixels is not None:
        if ratio is not None and abs(math.log(pixels[0] / pixels[1] / ratio)) > 0.02:
            raise UnsupportedError(f"Size {size} is not {aspect_ratio}. Ask for one of the two, or for a named size with the ratio.")
        _check(row, pixels)
        return f"{pixels[0]}x{pixels[1]}"
    if ratio is None and first_input is not None:
        ratio = first_input[0] / first_input[1]
    if ratio is None:
        return named or row.size
    # 2K is the size all models of the table from 4.0 on take; an endpoint id tells nothing of the model behind it.
    width, height = fitted(row, ratio, named or row.size or "2K")
    return f"{width}x{height}"


def fitted(row: Seedream, ratio: float, named: str) -> tuple[int, int]:
    """Return width and height, pixels, of about as many pixels as `named` stands for, within the model's limits.

    Examples
    --------
    16:9 at 2K is 2728x1536, at 4K 5456x3072.
    """
    limits = row.info.capabilities
    most = min(limits.max_pixels or MOST_PIXELS, MOST_PIXELS)
    target = min(max(NAMED_SIZES[named] ** 2, limits.min_pixels), most)
    height = max(STEP, int(math.sqrt(target / ratio)) // STEP * STEP)
    if limits.max_side is not None:
        height = min(height, limits.max_side, int(limits.max_side / ratio) // STEP * STEP)

    def width_of(height: int) -> int:
        return max(STEP, round(height * ratio / STEP) * STEP)

    while width_of(height) * height > most:
        height -= STEP
    while width_of(height) * height < limits.min_pixels:
        height += STEP
    return width_of(height), height


def _read(row: Seedream, size: str | None) -> tuple[str | None, tuple[int, int] | None]:
    if size is None:
        return None, None
    limits = row.info.capabilities
    text = size.strip().upper()
    match = re.fullmatch(r"(\d{1,6})\s*[X×*]\s*(\d{1,6})", text)
    if match and limits.pixel_sizes:
        return None, (int(match[1]), int(match[2]))
    if text in SIZES and (limits.sizes is None or text in limits.sizes):
        return text, None
    takes = [*(limits.sizes if limits.sizes is not None else SIZES), *(["WIDTHxHEIGHT in pixels"] if limits.pixel_sizes else [])]
    raise UnsupportedError(f"{row.info.name} does not take the size {size!r}. It takes {', '.join(takes) or 'no size'}.")


def _ratio(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", text.strip())
    if not match or not float(match[1]) or not float(match[2]):
        raise UnsupportedError(f"{text!r} is not an aspect ratio. Write it like 16:9.")
    ratio = float(match[1]) / float(match[2])
    if not 1 / MOST_RATIO <= ratio <= MOST_RATIO:
        raise UnsupportedError(f"The aspect ratio {text} is too extreme: Seedream goes from 1:16 to 16:1.")
    return ratio


def _check(row: Seedream, pixels: tuple[int, int]) -> None:
    width, height = pixels
    limits = row.info.capabilities
    most = limits.max_pixels or MOST_PIXELS
    if not limits.min_pixels <= width * height <= most:
        raise UnsupportedError(
            f"{width}x{height} is {width * height:,} pixels; {row.info.name} takes from {limits.min_pixels:,} "
            f"to {most:,} pixels (width times height)."
        )
    if limits.max_side is not None and max(width, height) > limits.max_side:
        raise UnsupportedError(f"{width}x{height} is too long: {row.info.name} takes sides of up to {limits.max_side} pixels.")
    if min(width, height) < row.least_side:
        raise UnsupportedError(f"{width}x{height} is too short: {row.info.name} takes sides of {row.least_side} pixels and more.")
    if max(width, height) > MOST_RATIO * min(width, height):
        raise UnsupportedError(f"{width}x{height} is too long and thin: Seedream goes from 1:16 to 16:1.")
