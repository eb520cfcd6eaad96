"""From boxes that a model found to a mask: the shape inside each, by GrabCut where OpenCV is installed, else the box itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from notebook_img.errors import UsageError
from notebook_img.pictures import colours
from notebook_img.pictures.convert import flatten
from notebook_img.pictures.grabcut import told_apart
from notebook_img.pictures.picture import Picture, from_pil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.boxes import Box

_SIDE = 480
"""Longer side, pixels, of the copy GrabCut works on."""
_AROUND = 0.3
"""Of a box's sides: the background around it that its colours are told from."""
_SHARES = (0.15, 0.97)
"""Of a box: a shape that fills less or more of it is taken for a failure, and the box stands for it."""
_WIDER = 0.02
"""Of a box's shorter side, by which a shape is widened: its edge belongs to what may change."""


def shapes_in(picture: Picture, boxes: Sequence[Box]) -> tuple[Picture, str]:
    """Return a mask of what stands in boxes, and in words how its shape was found.

    Parameters
    ----------
    picture : Picture
    boxes : sequence of Box
        In pixels of the upright picture.

    Returns
    -------
    (Picture, str)
        Grey, 255 may change; ``"shape by GrabCut"``, or ``"as a box"`` where no shape was found or OpenCV is not installed.

    Raises
    ------
    UsageError
        When no box has a pixel in the picture.
    """
    image = flatten(colours.to_srgb(picture.pil())).convert("RGB")
    mask = Pillow.new("L", picture.size, 0)
    ways = []
    for box in boxes:
        inside, _ = box.clip(picture.size)
        if inside.width <= 0 or inside.height <= 0:
            continue
        edges = (inside.left, inside.top, inside.right, inside.bottom)
        shape = _shape(image, edges)
        ways.append("shape by GrabCut" if shape is not None else "as a box")
        mask.paste(255, edges if shape is None else edges[:2], shape)
    if not ways:
        raise UsageError(f"The mask is empty: no box has a pixel in the picture of {picture.width} x {picture.height}.")
    return from_pil(mask, name="mask"), " and ".join(dict.fromkeys(ways))


def _shape(image: Image, edges: tuple[int, int, int, int]) -> Image | None:
    """Return what stands in a box as a mask of the box's size, or None where nothing is told from its background."""
    try:
        import cv2
    except ImportError:
        return None
    width, height = edges[2] - edges[0], edges[3] - edges[1]
    reach = (round(_AROUND * width) + 4, round(_AROUND * height) + 4)
    left, top = max(0, edges[0] - reach[0]), max(0, edges[1] - reach[1])
    around = (left, top, min(image.width, edges[2] + reach[0]), min(image.height, edges[3] + reach[1]))
    part = image.crop(around)
    factor = min(1.0, _SIDE / max(part.size))
    part = part.resize((max(1, round(part.width * factor)), max(1, round(part.height * factor))), Pillow.Resampling.BOX)
    place = [round((edge - around[axis % 2]) * factor) for axis, edge in enumerate(edges)]
    here = (slice(place[1], max(place[3], place[1] + 1)), slice(place[0], max(place[2], place[0] + 1)))
    labels = np.full((part.height, part.width), cv2.GC_BGD, np.uint8)
    labels[here] = cv2.GC_PR_FGD
    if (labels == cv2.GC_BGD).sum() < 16:  # the box is the picture: nothing says what is not it
        return None
    return _fitted(cv2, np.ascontiguousarray(np.asarray(part)[:, :, ::-1]), labels, here, (width, height))


def _fitted(cv2: Any, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], here: Any, size: tuple[int, int]) -> Image | None:
    try:
        inside = told_apart(cv2, pixels, labels, here)
    except cv2.error:
        return None
    if not _SHARES[0] <= inside.mean() <= _SHARES[1]:
        return None
    wider = max(1, round(_WIDER * min(inside.shape)))
    inside = cv2.dilate(inside, np.ones((2 * wider + 1,) * 2, np.uint8))
    return Pillow.fromarray(inside * 255).resize(size, Pillow.Resampling.BICUBIC).point([0] * 128 + [255] * 128)
