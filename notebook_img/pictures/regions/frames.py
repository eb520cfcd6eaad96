"""The frame of a plan cut out of a picture and its mask: what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from notebook_img.pictures.picture import Picture, from_pil
from notebook_img.pictures.regions.grids import mirrored

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.regions.plan import Edges, RegionPlan


def cut_frame(picture: Picture, mask: Picture, plan: RegionPlan) -> tuple[Picture, Picture]:
    """Return what is sent of a picture and of its mask, in the picture's own colours.

    Parameters
    ----------
    picture, mask : Picture
        Of the size the plan was made for.
    plan : RegionPlan

    Returns
    -------
    (Picture, Picture)
        Both of `plan.sent` pixels, mirrored where the frame lies beyond the picture.
    """
    part = framed(picture.pil(), plan.frame)
    white = framed(mask.pil().convert("L"), plan.frame)
    if part.size != plan.sent:
        part = _marked(part.resize(plan.sent, Pillow.Resampling.LANCZOS, reducing_gap=3.0), part)
        white = white.resize(plan.sent, Pillow.Resampling.BOX).point([0] + [255] * 255)
    return from_pil(part, name=picture.name), from_pil(white, name="mask")


def framed(image: Image, frame: Edges) -> Image:
    """Return a part of an image; where the part lies beyond it, the image is mirrored."""
    left, top, right, bottom = frame
    inside = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    if inside == frame:
        return _marked(image.crop(frame), image)
    pixels = np.asarray(image)
    rows, columns = mirrored(top, bottom, image.height), mirrored(left, right, image.width)
    return _marked(image_of(pixels[rows[:, None], columns[None, :]]), image)


def image_of(pixels: NDArray[np.uint8]) -> Image:
    """Return an image of (height, width) or (height, width, channels) in bytes."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return Pillow.merge("LA", [Pillow.fromarray(np.ascontiguousarray(pixels[:, :, channel])) for channel in range(2)])
    return Pillow.fromarray(np.ascontiguousarray(pixels))


def _marked(image: Image, like: Image) -> Image:
    profile = like.info.get("icc_profile")
    image.info = {"icc_profile": profile} if profile else {}
    return image
