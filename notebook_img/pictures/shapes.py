"""From boxes that a model found to a mask: the shape inside each, by a segmenter's weights, by GrabCut, else the box itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from notebook_img.errors import PictureError, UsageError
from notebook_img.pictures import colours
from notebook_img.pictures.convert import flatten
from notebook_img.pictures.cutouts import segmenter_at_hand
from notebook_img.pictures.feather import grown
from notebook_img.pictures.grabcut import told_apart
from notebook_img.pictures.picture import Picture, from_pil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.boxes import Box

Edges = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""
Finder = Callable[["Image", Edges], "Image | None"]
"""Returns what stands in a box as a mask of the box's size, or None where it finds no shape."""
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
        Grey, 255 may change; ``"shape by a segmenter"``, ``"shape by GrabCut"``, or ``"as a box"`` where no shape was found.

    Raises
    ------
    UsageError
        When no box has a pixel in the picture.
    """
    image = flatten(colours.to_srgb(picture.pil())).convert("RGB")
    mask = Pillow.new("L", picture.size, 0)
    ways: list[str] = []
    finders = {"shape by a segmenter": _by_weights(), "shape by GrabCut": _by_colours}
    for box in boxes:
        inside, _ = box.clip(picture.size)
        if inside.width <= 0 or inside.height <= 0:
            continue
        edges = (inside.left, inside.top, inside.right, inside.bottom)
        found = ((way, find(image, edges)) for way, find in finders.items())
        way, shape = next(((way, shape) for way, shape in found if shape is not None), ("as a box", None))
        ways.append(way)
        mask.paste(255, edges if shape is None else edges[:2], shape)
    if not ways:
        raise UsageError(f"The mask is empty: no box has a pixel in the picture of {picture.width} x {picture.height}.")
    return from_pil(mask, name="mask"), " and ".join(dict.fromkeys(ways))


def _around(image: Image, edges: Edges) -> Edges:
    """Return a box with the background around it that its colours are told from, within the picture."""
    reach = (round(_AROUND * (edges[2] - edges[0])) + 4, round(_AROUND * (edges[3] - edges[1])) + 4)
    left, top = max(0, edges[0] - reach[0]), max(0, edges[1] - reach[1])
    return left, top, min(image.width, edges[2] + reach[0]), min(image.height, edges[3] + reach[1])


def _by_weights() -> Finder:
    """Return what finds a shape by weights on this machine; they are loaded once for all boxes. It finds none where there are none."""
    segmenter = segmenter_at_hand()

    def shape(image: Image, edges: Edges) -> Image | None:
        if segmenter is None:
            return None
        around = _around(image, edges)
        place = (edges[0] - around[0], edges[1] - around[1], edges[2] - around[0], edges[3] - around[1])
        try:
            inside = np.asarray(segmenter(image.crop(around)).crop(place)) >= 128
        except PictureError:  # weights of another kind: looking was paid for, and there are other ways
            return None
        return _widened(inside.astype(np.uint8), (place[2] - place[0], place[3] - place[1]))

    return shape


def _by_colours(image: Image, edges: Edges) -> Image | None:
    """Return what stands in a box as a mask of the box's size, or None where nothing is told from its background."""
    try:
        import cv2
    except ImportError:
        return None
    around = _around(image, edges)
    part = image.crop(around)
    factor = min(1.0, _SIDE / max(part.size))
    part = part.resize((max(1, round(part.width * factor)), max(1, round(part.height * factor))), Pillow.Resampling.BOX)
    place = [round((edge - around[axis % 2]) * factor) for axis, edge in enumerate(edges)]
    here = (slice(place[1], max(place[3], place[1] + 1)), slice(place[0], max(place[2], place[0] + 1)))
    labels = np.full((part.height, part.width), cv2.GC_BGD, np.uint8)
    labels[here] = cv2.GC_PR_FGD
    if (labels == cv2.GC_BGD).sum() < 16:  # the box is the picture: nothing says what is not it
        return None
    try:
        inside = told_apart(cv2, np.ascontiguousarray(np.asarray(part)[:, :, ::-1]), labels, here)
    except cv2.error:
        return None
    return _widened(inside, (edges[2] - edges[0], edges[3] - edges[1]))


def _widened(inside: NDArray[np.uint8], size: tuple[int, int]) -> Image | None:
    """Return a shape of 0 and 1 as a mask of the box's size, a little wider; None where it fills so little or much that it is no shape."""
    if not _SHARES[0] <= inside.mean() <= _SHARES[1]:
        return None
    shape = grown(Pillow.fromarray(inside * 255), max(1, round(_WIDER * min(inside.shape))))
    return shape.resize(size, Pillow.Resampling.BICUBIC).point([0] * 128 + [255] * 128)
