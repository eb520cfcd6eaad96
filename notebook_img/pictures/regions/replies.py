"""A reply brought back into the picture it is a part of, as pictures and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from notebook_img.errors import UsageError
from notebook_img.pictures import colours
from notebook_img.pictures.feather import feather_of, inward
from notebook_img.pictures.picture import Picture, from_pil
from notebook_img.pictures.regions.drift import WHY, Drift
from notebook_img.pictures.regions.frames import image_of
from notebook_img.pictures.regions.geometry import Geometry
from notebook_img.pictures.regions.stitching import stitch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.regions.plan import RegionPlan

SOFT = 0.002
"""Share of half-tones from which on a mask brings its own soft edge; fewer come from scaling a hard one."""


@dataclass(frozen=True)
class Pasted:
    """A picture with a reply in it.

    Attributes
    ----------
    picture : Picture
        PNG, in the original's colours; outside the mask identical to it.
    drift : Drift
        What had to be mended, in numbers.
    notes : tuple of str
        The same in words: ``"moved 6 px, 1 % larger, warmer by 4: mended"``.
    """

    picture: Picture
    drift: Drift
    notes: tuple[str, ...]


def paste_reply(original: Picture, delivered: Picture, mask: Picture, plan: RegionPlan) -> Pasted:
    """Return `original` with `delivered` inside the mask.

    The reply is brought into the frame, aligned and recoloured by what surrounds the mask, and laid over with a soft edge that lies
    inside the mask. A reply that cannot be aligned is pasted as it came, and the notes say why; none is refused.

    Parameters
    ----------
    original : Picture
        The whole picture.
    delivered : Picture
        What came back for the frame, in any size and shape.
    mask : Picture
        Of the original's size; whatever is not black may change.
    plan : RegionPlan
        By which the frame was sent.

    Raises
    ------
    UsageError
        When the plan was made for a picture or mask of another size.
    """
    if not original.size == mask.size == plan.picture:
        raise UsageError(
            f"This plan is for a picture of {plan.picture[0]} x {plan.picture[1]} pixels; the picture has {original.width} x "
            f"{original.height}, the mask {mask.width} x {mask.height}."
        )
    whole = original.pil()
    below, above = colours.met(whole, delivered.pil())
    white = mask.pil().convert("L").crop(plan.inside)
    weights = white if _is_soft(white) else inward(white.point([0] + [255] * 255), feather_of(plan.frame_size))
    done = stitch(
        array_of(below.crop(plan.inside)),
        array_of(above),
        np.asarray(white),
        np.asarray(weights),
        geometry_of(plan),
        alpha=below.mode in {"LA", "RGBA"},
    )
    patch = colours.grey_again(image_of(done.pixels), whole)
    if patch.mode != below.mode:  # outside the patch a grey picture is grey, with the same numbers
        below = colours.as_grey(below, colours.space_of(whole))
    result = below.copy()
    result.paste(patch, (plan.inside[0] + done.edges[0], plan.inside[1] + done.edges[1]))
    result.info = {key: value for key, value in below.info.items() if key == "icc_profile"}
    return Pasted(from_pil(result, name=original.name), done.drift, notes_of(done.drift, plan))


def notes_of(drift: Drift, plan: RegionPlan) -> tuple[str, ...]:
    """Say what was mended, what could not be, and what enlarging did."""
    said = []
    if drift.state in WHY:
        colours_too = drift.state == "featureless" and drift.parts()
        mended = f"; colours mended ({', '.join(drift.parts())})" if colours_too else ""
        said.append(f"{WHY[drift.state]}: pasted where it came{mended}")
    elif drift.parts():
        said.append(f"{', '.join(drift.parts())}: mended")
    if plan.enlarged > 1:
        grain = ", grain added to match" if drift.grain else ""
        said.append(f"patch enlarged {plan.enlarged:.1f} x{grain}")
    return tuple(said)


def geometry_of(plan: RegionPlan) -> Geometry:
    """Return the plan as what is compared."""
    left, top, right, bottom = plan.inside
    width, height = plan.frame_size
    return Geometry((width, height), (left - plan.frame[0], top - plan.frame[1]), (right - left, bottom - top))


def array_of(image: Image) -> NDArray[np.uint8]:
    """Return (height, width, channels)."""
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _is_soft(mask: Image) -> bool:
    counts = mask.histogram()
    return sum(counts[1:255]) > SOFT * sum(counts)
