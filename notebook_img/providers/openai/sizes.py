"""The size to ask a model for: as it was named, or what comes nearest to the ratio and the pixels that are wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError, UsageError
from notebook_img.providers.interface import NAMED_SIZES
from notebook_img.providers.openai.models import LONGEST, MOST_PIXELS, SIZES

if TYPE_CHECKING:
    from notebook_img.providers.interface import Capabilities, Request


def frame_ratio(text: str) -> float:
    """Return width / height of ``"16:9"``."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:x/]\s*(\d+(?:\.\d+)?)\s*", text)
    if not found or not float(found[1]) or not float(found[2]):
        msg = f"{text!r} is not an aspect ratio. Write one like 16:9."
        raise UsageError(msg)
    return float(found[1]) / float(found[2])


def picture_size(request: Request, capabilities: Capabilities) -> str | None:
    """Return the ``size`` to send, or None to leave it to the service.

    An edit that names no size keeps the ratio of its first input: a session should not drift from frame to frame.

    Raises
    ------
    UnsupportedError
        A size or ratio the model does not take.
    """
    size, fixed = request.size, capabilities.fixed_sizes
    if size and size.casefold() == "auto":
        return "auto"
    if size and (exact := re.fullmatch(r"(\d+)\s*[xX×]\s*(\d+)", size)):
        width, height = int(exact[1]), int(exact[2])
        _check_exact(width, height, capabilities, request.model)
        return f"{width}x{height}"
    named = (size or "1K").upper()
    if named not in SIZES:
        msg = f"{request.model} has no size {size!r}; it takes {', '.join(SIZES)} or WIDTHxHEIGHT."
        raise UnsupportedError(msg)
    pixels = min(NAMED_SIZES[named] ** 2, MOST_PIXELS)
    if request.aspect_ratio:
        ratio = frame_ratio(request.aspect_ratio)
    elif request.inputs:
        ratio = request.inputs[0].width / request.inputs[0].height
        if not size:
            pixels = min(max(request.inputs[0].width * request.inputs[0].height, pixels), 1536 * 1024)
    elif size:
        ratio = 1.0
    else:
        return None
    if fixed:
        width, height = min(fixed, key=lambda pair: abs(pair[0] / pair[1] - ratio))
        if request.aspect_ratio and abs(width / height / ratio - 1) > 0.02:
            msg = f"{request.model} makes 1:1, 3:2 and 2:3 only, not {request.aspect_ratio}; gpt-image-2.6-sunburst makes others."
            raise UnsupportedError(msg)
        return f"{width}x{height}"
    if capabilities.size_step > 1 and not 1 / LONGEST - 1e-9 <= ratio <= LONGEST + 1e-9:
        if request.aspect_ratio:
            msg = f"{request.model} makes ratios from 1:3 to 3:1, not {request.aspect_ratio}."
            raise UnsupportedError(msg)
        return "auto"
    return "{}x{}".format(*fit(ratio, pixels, capabilities))


def fit(ratio: float, pixels: int, capabilities: Capabilities) -> tuple[int, int]:
    """Return the allowed width and height nearest to `ratio` that hold about `pixels` pixels."""
    step, most_side = max(capabilities.size_step, 8), capabilities.max_side or 1 << 20
    least, most = capabilities.min_pixels, capabilities.max_pixels or 1 << 40
    pixels = min(max(pixels, least), most)
    best: tuple[float, tuple[int, int]] | None = None
    middle = round((pixels * ratio) ** 0.5 / step)
    for columns in range(max(1, round(middle * 0.85)), round(middle * 1.15) + 2):
        for rows in {int(columns / ratio), int(columns / ratio) + 1}:
            width, height = columns * step, max(rows, 1) * step
            if max(width, height) > most_side or not least <= width * height <= most:
                continue
            if max(width, height) > LONGEST * min(width, height) and capabilities.size_step > 1:
                continue
            # A wrong ratio shows, to the eye and where a mask lies; a few pixels more or less do not.
            badness = abs(width / height / ratio - 1) * 20 + abs(width * height / pixels - 1)
            if best is None or badness < best[0]:
                best = badness, (width, height)
    return best[1] if best else (1024, 1024)


def _check_exact(width: int, height: int, capabilities: Capabilities, model: str) -> None:
    fixed = capabilities.fixed_sizes
    if fixed and (width, height) not in fixed:
        sizes = ", ".join("{}x{}".format(*pair) for pair in fixed)
        msg = f"{model} makes {sizes}, not {width}x{height}."
        raise UnsupportedError(msg)
    step, most = capabilities.size_step, capabilities.max_pixels
    wrong = ""
    if step > 1 and (width % step or height % step):
        wrong = f"width and height must be multiples of {step}"
    elif step > 1 and max(width, height) > LONGEST * min(width, height):
        wrong = "the longer side may be at most three times the shorter"
    elif capabilities.max_side and max(width, height) > capabilities.max_side:
        wrong = f"no side may be longer than {capabilities.max_side}"
    elif (most and width * height > most) or width * height < capabilities.min_pixels:
        wrong = f"width x height must lie between {capabilities.min_pixels:,} and {most:,}"
    if wrong:
        near = "{}x{}".format(*fit(min(max(width / max(height, 1), 1 / LONGEST), LONGEST), width * height, capabilities))
        msg = f"{model} cannot make {width}x{height}: {wrong}. {near} would do."
        raise UnsupportedError(msg)
