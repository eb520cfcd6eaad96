"""The way back: a reply is aligned on the ring around the mask, its colours and grain are matched there, and it is pasted.

Arrays in, arrays out, of any size, 8 or 16 bits a channel; outside the mask every pixel stays as it is, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.feather import mixed
from notebook_img.pictures.regions.drift import Drift, State
from notebook_img.pictures.regions.geometry import Geometry, Place
from notebook_img.pictures.regions.grain import grain, missing_grain
from notebook_img.pictures.regions.grids import Flags, Plane, brightness, level_of, reduced, reduced_mask, warped
from notebook_img.pictures.regions.matching import Colours, matched
from notebook_img.pictures.regions.registration import Found, register
from notebook_img.pictures.regions.search import Guess, bases

Edges = tuple[int, int, int, int]

LEAST_AGREEMENT = 0.4
"""Share of the textured ring that must show the same; of what was painted anew up to a quarter agrees by chance (measured)."""
LEAST_TEXTURED = 0.02
MOST_ERROR = 0.35
"""Standard error of a shift, in pixels of the coarser of picture and reply, above which it is not believed."""
COLOUR_SIDE = 320
"""Longer side, pixels, of the copies whose colours are compared."""
UNMOVED = 0.05
"""Pixels; where nothing in the frame is moved by more, nothing is aligned."""
GRAIN_REACH = 96
"""Pixels around the mask in which grain is measured, on a patch of at most so many pixels a side."""
GRAIN_SIDE = 512
BAND = 256
"""Rows pasted at a time, so that a large patch does not need many times its size."""


@dataclass(frozen=True)
class Stitched:
    """What is inside the bounds of the mask, with the reply in it.

    Attributes
    ----------
    edges : (int, int, int, int)
        Left, top, right, bottom, in pixels of the picture's part of the frame.
    pixels : array
        (height, width, channels), of the picture's type.
    drift : Drift
    """

    edges: Edges
    pixels: NDArray[Any]
    drift: Drift


@dataclass(frozen=True)
class _Way:
    """How a reply is brought back."""

    reply: NDArray[Any]
    geometry: Geometry
    place: Place
    colours: Colours | None = None
    mix: NDArray[np.float64] | None = None

    def patch(self, edges: Edges, channels: int) -> Plane:
        """Return a part of the reply, aligned and recoloured, in levels; transparency is only aligned."""
        size = (edges[2] - edges[0], edges[3] - edges[1])
        pixels, _ = warped(self.reply, self.place.box(self.geometry, edges, self.reply), size)
        if self.colours:
            pixels[:, :, :channels] = self.colours.applied(pixels[:, :, :channels], *self.geometry.places(edges))
        if self.mix is not None:
            pixels[:, :, :channels] += grain((size[1], size[0]), self.mix, seed=edges[1])
        return pixels


def stitch(
    inside: NDArray[Any],
    reply: NDArray[Any],
    mask: NDArray[np.uint8],
    weights: NDArray[np.uint8],
    geometry: Geometry,
    *,
    alpha: bool = False,
) -> Stitched:
    """Bring a reply back into the picture.

    Parameters
    ----------
    inside : array
        The picture's part of the frame, (height, width, channels) of uint8 or uint16.
    reply : array
        What came back, of any size, with the same channels and colours of the same meaning.
    mask : array
        (height, width): whatever is not 0 may change.
    weights : array
        (height, width): how much of the reply is laid over, 0 to 255; 0 outside the mask.
    geometry : Geometry
    alpha : bool
        Whether the last channel is transparency.
    """
    count = inside.shape[2] - alpha
    hidden = mask > 0
    edges = bounds(hidden)
    if alpha:  # what cannot be seen is not compared
        hidden = hidden | (inside[:, :, -1] == 0)
    seen, answer = inside[:, :, :count], reply[:, :, :count]
    found = None if hidden.all() else register(seen, answer, hidden, geometry)
    drift, place = judged(found, reply, geometry)
    way = _Way(reply, geometry, place)
    if found and drift.state in {"aligned", "featureless"}:
        colours, drift = _recoloured(replace(way, reply=answer), seen, hidden, found, drift)
        way = replace(way, colours=colours)
        if drift.aligned and _enlarged(reply, geometry) > 1:
            mix = _lacking(replace(way, reply=answer), seen, hidden, edges)
            drift = drift if mix is None else replace(drift, grain=float(np.sqrt((mix**2).sum() / count)))
            way = replace(way, mix=mix)
    result = np.empty((edges[3] - edges[1], edges[2] - edges[0], inside.shape[2]), dtype=inside.dtype)
    for top in range(edges[1], edges[3], BAND):
        band = (edges[0], top, edges[2], min(edges[3], top + BAND))
        here = (slice(band[1], band[3]), slice(band[0], band[2]))
        result[band[1] - edges[1] : band[3] - edges[1]] = mixed(
            inside[here], way.patch(band, count) * level_of(inside), weights[here], alpha=alpha
        )
    return Stitched(edges, result, drift)


def bounds(painted: Flags) -> Edges:
    """Return left, top, right, bottom of what is true; there has to be something."""
    rows, columns = np.flatnonzero(painted.any(axis=1)), np.flatnonzero(painted.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def judged(found: Found | None, reply: NDArray[Any], geometry: Geometry) -> tuple[Drift, Place]:
    """Return the drift as far as it is believed, and where the reply is taken to lie."""
    if found is None:
        return Drift("nothing around"), as_it_came(reply, geometry)
    state: State = "aligned"
    if found.textured < LEAST_TEXTURED:
        state = "featureless"
    elif found.agreement < LEAST_AGREEMENT:
        state = "changed"
    elif found.error > MOST_ERROR * _enlarged(reply, geometry):
        state = "featureless"
    elif found.guess.too_far:
        state = "too far"
    if state != "aligned":
        return Drift(state, agreement=found.agreement, error=found.error), as_it_came(reply, geometry)
    place = found.guess.place(geometry)
    if _unmoved(found.guess, geometry):
        place = Place(scale=found.guess.base)  # nothing is gained by resampling what lies where it should
    scale = (place.scale[0] / found.guess.base[0], place.scale[1] / found.guess.base[1])
    drift = Drift(state, place.shift, scale, agreement=found.agreement, error=found.error, reshaped=found.guess.base != (1.0, 1.0))
    return drift, place


def _unmoved(guess: Guess, geometry: Geometry) -> bool:
    most = max(abs(guess.x), abs(guess.y)) + abs(guess.scale) + abs(guess.stretch)
    return most * geometry.half < UNMOVED


def as_it_came(reply: NDArray[Any], geometry: Geometry) -> Place:
    """Return the place of a reply that cannot be aligned: filling the frame, and cut rather than stretched by more than 2 %."""
    ways = bases(geometry, reply.shape[1] / reply.shape[0])
    stretch = ways[-1][1]
    if abs(stretch - 1) <= 0.02:
        return Place()
    return Place(scale=max(ways, key=lambda way: way[0] * way[1]))


def _enlarged(reply: NDArray[Any], geometry: Geometry) -> float:
    """Return how many pixels of the frame one of the reply has to fill, 1 at the least."""
    factor = max(geometry.frame[0] / reply.shape[1], geometry.frame[1] / reply.shape[0])
    return factor if factor > 1.02 else 1.0


def _recoloured(way: _Way, seen: NDArray[Any], hidden: Flags, found: Found, drift: Drift) -> tuple[Colours | None, Drift]:
    """Compare colours on the ring; return what mends them, and the drift with the differences in numbers."""
    width, height = way.geometry.size
    factor = min(1.0, COLOUR_SIDE / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    whole = (0, 0, width, height)
    picture = reduced(seen, size)
    reply, known = warped(way.reply, way.place.box(way.geometry, whole, way.reply), size)
    # What shows something else now says nothing about colours.
    ring = ~reduced_mask(hidden, size) & known & ~reduced_mask(found.other, size)
    if not ring.any():
        return None, drift
    difference = np.median((reply - picture)[ring], axis=0)
    warmth = float(difference[0] - difference[2]) / 2 if len(difference) == 3 else 0.0
    drift = replace(drift, brightness=float(brightness(difference[None, None, :])[0, 0]), warmth=warmth)
    return matched(picture, reply, ring, *way.geometry.places(whole, size)), drift


def _lacking(way: _Way, seen: NDArray[Any], hidden: Flags, edges: Edges) -> NDArray[np.float64] | None:
    """Measure the grain a patch lacks, around a part of the mask's edge that is not too large."""
    height, width = hidden.shape
    left, top = max(0, edges[0] - GRAIN_REACH), max(0, edges[1] - GRAIN_REACH)
    right, bottom = min(width, edges[2] + GRAIN_REACH, left + GRAIN_SIDE), min(height, edges[3] + GRAIN_REACH, top + GRAIN_SIDE)
    here = (slice(top, bottom), slice(left, right))
    picture = seen[here].astype(np.float32) / level_of(seen)
    return missing_grain(picture, way.patch((left, top, right, bottom), seen.shape[2]), ~hidden[here])
