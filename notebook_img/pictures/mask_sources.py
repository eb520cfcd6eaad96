"""Masks as other libraries hold them: COCO's run lengths, detections with boxes or masks, tables of boxes. None of them is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.pictures.boxes import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from notebook_img.pictures.picture import Picture

EDGES: tuple[tuple[str, str, str, str], ...] = (
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
)
"""Columns of a table of boxes by their edges (pandas' usual names, torchvision's, fastai's)."""
SIDES: tuple[tuple[str, str, str, str], ...] = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
"""Columns by a corner and two sides."""


def taken(spec: Any, like: Picture) -> list[Box] | NDArray[np.bool_] | None:
    """Return boxes or a mask from what another library made; None where it is nothing of the kind.

    Parameters
    ----------
    spec : mapping, sequence of mappings, detections, or table
        COCO run lengths (``{"size": [height, width], "counts": ...}``, or an annotation that holds them), objects with `mask` or
        `xyxy` (supervision, ultralytics), or a data frame with columns for the edges of boxes.
    like : Picture
        What it is a mask of.

    Raises
    ------
    UsageError
        When it is of the kind, and makes no sense.
    """
    if isinstance(spec, Mapping):
        return _run_lengths(spec)
    if isinstance(spec, (list, tuple)) and spec and all(isinstance(part, Mapping) for part in spec):
        return _united([_run_lengths(part) for part in spec])
    if hasattr(spec, "columns") and hasattr(spec, "__getitem__"):
        return _table(spec)
    # Ultralytics keeps boxes and masks in objects of their own.
    for holder in (getattr(spec, "masks", None), spec):
        mask = _numbers(getattr(holder, "data" if holder is not spec else "mask", None))
        if mask is not None and mask.ndim in {2, 3} and mask.shape[-2:] == (like.height, like.width):
            whole: NDArray[np.bool_] = mask > 0.5 if mask.ndim == 2 else (mask > 0.5).any(axis=0)
            return whole
    for holder in (spec, getattr(spec, "boxes", None)):
        boxes = _numbers(getattr(holder, "xyxy", None))
        if boxes is not None and boxes.ndim in {1, 2} and boxes.shape[-1] == 4:
            return _boxes(boxes.reshape(-1, 4))
    return None


def _boxes(rows: Any) -> list[Box]:
    found = [Box("", *map(float, row)) for row in rows]  # type: ignore[arg-type]
    if not found:
        raise UsageError("There is no box in it, so nothing may change.")
    return found


def _numbers(value: Any) -> Any:
    """Return an array of numbers from an array or a tensor on any device, None for everything else."""
    import numpy as np

    if value is None or isinstance(value, (str, bytes)) or callable(value):
        return None
    for step in ("detach", "cpu"):
        value = getattr(value, step)() if hasattr(value, step) else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        return None
    return array if array.dtype.kind in "buif" else None


def _table(frame: Any) -> list[Box] | None:
    import numpy as np

    names = {str(name).casefold(): name for name in frame.columns}
    for wanted in (*EDGES, *SIDES):
        if all(name in names for name in wanted):
            values = np.stack([np.asarray(frame[names[name]], dtype=float) for name in wanted], axis=1)
            if wanted in SIDES:
                values[:, 2:] += values[:, :2]
            return _boxes(values)
    raise UsageError(
        f"This table has the columns {', '.join(map(str, list(frame.columns)[:8]))}, and a mask needs those of boxes: "
        "left, top, right, bottom, or x, y, w, h."
    )


def _united(masks: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    first = masks[0]
    if any(mask.shape != first.shape for mask in masks):
        raise UsageError("These run lengths are of pictures of different sizes; give those of one.")
    for mask in masks[1:]:
        first = first | mask
    return first


def _run_lengths(plain: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return the mask of COCO run lengths: runs of 0 and 1 by turns, down the columns."""
    import numpy as np

    held = plain.get("segmentation", plain)
    try:
        height, width = (int(side) for side in held["size"])
        counts = held["counts"]
        runs = np.asarray(_unpacked(counts) if isinstance(counts, (str, bytes)) else counts, dtype=np.int64)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UsageError("This dictionary is no mask: COCO run lengths have size (height, width) and counts.") from error
    if height < 1 or width < 1 or height * width > 10**9 or runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise UsageError(f"These run lengths do not fill a picture of {width} x {height} pixels. Their size is [height, width].")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape((width, height)).T


def _unpacked(text: str | bytes) -> list[int]:
    """Read compressed counts (pycocotools, maskApi.c): five bits a character, each run as a difference to the one before the last."""
    data = text.encode("ascii") if isinstance(text, str) else text
    runs: list[int] = []
    at = 0
    while at < len(data):
        value, shift, more = 0, 0, True
        while more:
            part = data[at] - 48
            value |= (part & 31) << shift
            more, at, shift = bool(part & 32), at + 1, shift + 5
            if not more and part & 16:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs
