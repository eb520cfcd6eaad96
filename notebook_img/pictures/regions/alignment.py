"""Drift without a mask: how an edited picture differs from what it was made of, and shift and scale taken out of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pillow

from notebook_img.pictures import colours
from notebook_img.pictures.picture import Picture, from_pil
from notebook_img.pictures.regions.drift import Drift
from notebook_img.pictures.regions.frames import image_of
from notebook_img.pictures.regions.geometry import Geometry, Place
from notebook_img.pictures.regions.grids import Flags, Plane, brightness, reduced, reduced_mask, smooth, warped
from notebook_img.pictures.regions.registration import register
from notebook_img.pictures.regions.replies import array_of
from notebook_img.pictures.regions.stitching import judged

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 1024
"""Longer side, pixels, of the copies that are compared; a tenth of a pixel of theirs is measured."""


def measure_drift(result: Picture, before: Picture) -> Drift:
    """Measure what an edit did to the frame: shift, scale, brightness, warmth and sharpness against what it was made of.

    Parameters
    ----------
    result, before : Picture
        The shift is in pixels of `before`, the other numbers need no size.

    Returns
    -------
    Drift
        Its state says whether they could be aligned; of a picture that was painted anew nothing can be said.
    """
    drift, _ = _compared(result, before)
    return drift


def align(result: Picture, before: Picture) -> tuple[Picture, Drift]:
    """Return `result` with its shift and scale against `before` taken out, and the drift that was found.

    Colours stay as they are: what was asked to be warmer stays warmer. Size and profile stay; what lies beyond an edge now is mirrored.
    Where nothing can be measured, or nothing is to be mended, the picture is `result` itself.
    """
    drift, place = _compared(result, before)
    if not drift.aligned or place is None:
        return result, drift
    if not any("px" in part or "%" in part for part in drift.parts()):
        return result, drift
    image = result.pil()
    geometry = Geometry((float(before.width), float(before.height)), (0.0, 0.0), before.size)
    pixels, _ = warped(array_of(image), place.box(geometry, (0, 0, *before.size), array_of(image)), image.size)
    aligned = image_of(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    profile = image.info.get("icc_profile")
    aligned.info = {"icc_profile": profile} if profile else {}
    return from_pil(aligned, name=result.name), drift


def _compared(result: Picture, before: Picture) -> tuple[Drift, Place | None]:
    """Return the drift, and the place in pixels of `before`."""
    first, second = (_seen(picture) for picture in (before, result))
    hidden = np.zeros(first.shape[:2], dtype=np.bool_)
    size = (first.shape[1], first.shape[0])
    geometry = Geometry((float(size[0]), float(size[1])), (0.0, 0.0), size)
    found = register(first, second, hidden, geometry)
    drift, place = judged(found, second, geometry)
    if not drift.aligned or found is None:
        return drift, None
    drift = _described(first, second, ~found.other, place, geometry, drift)
    factor = before.width / size[0]
    shift = (place.shift[0] * factor, place.shift[1] * factor)
    return replace(drift, shift=shift, error=drift.error * factor), Place(shift, place.scale)


def _seen(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as it is seen, in sRGB on white, no larger than is compared."""
    image = picture.pil(at_least=SIDE)
    image.thumbnail((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    image = colours.to_srgb(image)
    if image.mode in {"LA", "RGBA"}:
        white = Pillow.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return np.asarray(image.convert("RGB"))


def _described(first: NDArray[np.uint8], second: NDArray[np.uint8], same: Flags, place: Place, geometry: Geometry, drift: Drift) -> Drift:
    """Return the drift with brightness, warmth and sharpness, measured where both show the same."""
    # On the grid of the coarser of the two, so that a smaller picture is not called less sharp for being smaller.
    factor = min(1.0, second.shape[1] / first.shape[1], second.shape[0] / first.shape[0])
    size = (max(1, round(geometry.size[0] * factor)), max(1, round(geometry.size[1] * factor)))
    there, known = warped(second, place.box(geometry, (0, 0, *geometry.size), second), size)
    here = reduced(first, size)
    compared = known & ~reduced_mask(~same, size)
    difference = np.median((there - here)[compared], axis=0) if compared.any() else np.zeros(3)
    return replace(
        drift,
        brightness=float(brightness(np.asarray(difference, dtype=np.float32)[None, None, :])[0, 0]),
        warmth=float(difference[0] - difference[2]) / 2,
        sharpness=_sharpness(brightness(there), brightness(here), compared),
    )


def _sharpness(there: Plane, here: Plane, compared: Flags) -> float | None:
    """Return how much fine detail one has against the other, where there is any."""
    # Not the very finest, which resampling alone takes away.
    fine = [np.abs(smooth(plane) - smooth(smooth(plane))) for plane in (there, here)]
    # In the most detailed tenth: elsewhere there is grain, which is no sharpness.
    strong = compared & (fine[1] >= np.quantile(fine[1][compared], 0.9)) if compared.any() else compared
    base = float(fine[1][strong].mean()) if strong.any() else 0.0
    return float(fine[0][strong].mean()) / base if base > 0.5 else None
