"""What real image models do to a picture they edit: moved by some pixels, a little larger, warmer, softer, in a size of their own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from tests.emulators.painting import FORMATS

BUCKETS = ((1024, 1024), (1264, 848), (848, 1264), (1200, 896), (896, 1200), (1376, 768), (768, 1376))
"""Sizes of about one megapixel that models answer in, whatever was asked."""


@dataclass(frozen=True)
class Drifting:
    """What is done to a picture. Shifts are in pixels of the picture that is given."""

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slope: tuple[float, float] = (0.0, 0.0)
    """How a gain runs across and down the picture."""
    blur: float = 0.0


def answer(frame: np.ndarray, size: tuple[int, int], drift: Drifting = Drifting()) -> np.ndarray:
    """What comes back for a picture, of this size; beyond its edges it is mirrored."""
    height, width = frame.shape[:2]
    source = frame.astype(np.float32)
    across, down = (np.arange(side) / side - 0.5 for side in (width, height))
    source *= (1 + drift.slope[0] * across)[None, :, None] * (1 + drift.slope[1] * down)[:, None, None]
    edges = [
        side / 2 + (end * side - side / 2 - drift.shift[axis]) / drift.scale for end in (0, 1) for axis, side in enumerate((width, height))
    ]
    room = int(max(0, -edges[0], -edges[1], edges[2] - width, edges[3] - height)) + 8
    wide = np.pad(source, ((room, room), (room, room), (0, 0)), mode="symmetric")
    box = tuple(edge + room for edge in edges)
    channels = [
        np.asarray(Image.fromarray(np.ascontiguousarray(wide[:, :, c])).resize(size, Image.Resampling.LANCZOS, box=box)) for c in range(3)
    ]
    painted = np.stack(channels, axis=2) * np.array(drift.gain) + np.array(drift.offset)
    reply = np.clip(np.rint(painted), 0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(reply).filter(ImageFilter.GaussianBlur(drift.blur))) if drift.blur else reply


def drifted(data: bytes, size: tuple[int, int], told: dict[str, Any], mime_type: str = "image/png") -> bytes:
    """What a model sends back for a picture it was to edit: the picture, drifted, with a mark painted in its middle.

    Parameters
    ----------
    data, size
        The picture, and the size that was asked for.
    told
        Fields of `Drifting`, the shift in shares of the longer side; ``background``: something else is around the mark; ``bucket``: the
        size is the nearest of `BUCKETS`; ``mark``: share of the sides that is painted over.
    """
    with Image.open(io.BytesIO(data)) as picture:
        frame = np.array(picture.convert("RGB"))
    height, width = frame.shape[:2]
    if told.get("background"):
        waves = np.sin(np.arange(width) / 7)[None, :] * np.cos(np.arange(height) / 5)[:, None]
        frame = np.repeat((128 + 100 * waves)[:, :, None], 3, axis=2).astype(np.uint8)
    if share := told.get("mark", 0):
        across, down = (slice(round(side * (0.5 - share / 2)), round(side * (0.5 + share / 2))) for side in (width, height))
        frame[down, across] = 255 - frame[down, across]
    if told.get("bucket"):
        size = min(BUCKETS, key=lambda pair: abs(np.log(pair[0] / pair[1] * size[1] / size[0])))
    side = max(width, height)
    fields = {name: told[name] for name in ("scale", "gain", "offset", "slope", "blur") if name in told}
    moved = tuple(share * side for share in told.get("shift", (0, 0)))
    out = io.BytesIO()
    Image.fromarray(answer(frame, size, Drifting(shift=moved, **fields))).save(
        out, FORMATS[mime_type], **({"quality": 98} if "jpeg" in mime_type else {"compress_level": 1})
    )
    return out.getvalue()
