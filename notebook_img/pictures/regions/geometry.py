"""How picture, frame and reply lie to each other, and the grids of equal pitch they are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.regions.grids import Flags, Plane, brightness, halved, reduced, reduced_mask, sampled

WORKING_PIXELS = 1_000_000
"""The finest grid that is compared; a frame that is larger is reduced, and still measured to a tenth of its own pixels."""
COARSE = 192
"""Longer side, pixels, from which on a grid is coarse enough to be searched."""

Box = tuple[float, float, float, float]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Geometry:
    """The frame that was sent, and the part of it that is picture and not mirrored.

    Attributes
    ----------
    frame : (float, float)
        Width and height of the frame, in pixels of the picture.
    origin : (float, float)
        Where the picture's part begins in the frame.
    size : (int, int)
        Width and height of that part.
    """

    frame: Pair
    origin: Pair
    size: tuple[int, int]

    @property
    def half(self) -> float:
        """Half the frame's longer side, pixels."""
        return max(self.frame) / 2

    def places(self, edges: tuple[int, int, int, int], size: tuple[int, int] | None = None) -> tuple[Plane, Plane]:
        """Return where columns and rows of a part lie, from -1 to 1 across the longer side of the frame.

        Parameters
        ----------
        edges : (int, int, int, int)
            Of the part, in pixels of the picture's part.
        size : (int, int), optional
            Columns and rows it is divided into; its pixels if not given.
        """
        axes = []
        for axis in (0, 1):
            low, high = edges[axis], edges[axis + 2]
            count = size[axis] if size else high - low
            at = self.origin[axis] + low + (np.arange(count) + 0.5) * ((high - low) / count)
            axes.append(((at - self.frame[axis] / 2) / self.half).astype(np.float32))
        return axes[0], axes[1]


@dataclass(frozen=True)
class Place:
    """Where the reply shows a point x of the frame: at ``middle + scale (x - middle) + shift``, in pixels of the frame."""

    shift: Pair = (0.0, 0.0)
    scale: Pair = (1.0, 1.0)

    def box(self, geometry: Geometry, edges: tuple[int, int, int, int], reply: NDArray[Any]) -> Box:
        """Return which part of a reply (pixels, with fractions) shows a part of the picture's part."""
        found = []
        for axis, value in zip((0, 1, 0, 1), edges, strict=True):
            middle = geometry.frame[axis] / 2
            there = middle + self.scale[axis] * (geometry.origin[axis] + value - middle) + self.shift[axis]
            found.append(there * reply.shape[1 - axis] / geometry.frame[axis])
        return found[0], found[1], found[2], found[3]


@dataclass(frozen=True)
class Level:
    """Picture and reply, as brightness, on grids of the same pitch."""

    geometry: Geometry
    picture: Plane
    ring: Flags
    """What of the picture is compared."""
    reply: Plane
    pitch: Pair
    """Pixels of the frame per pixel of the picture's grid."""
    reply_pitch: Pair
    reshaped: float = 0.0
    """How far the ratio of the reply is off that of the frame."""

    def coordinates(self, at: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where pixels of the picture's grid (flat indices) lie, from -1 to 1 across the longer side of the frame."""
        geometry = self.geometry
        rows, columns = np.divmod(at, self.picture.shape[1])
        x = geometry.origin[0] + (columns + 0.5) * self.pitch[0] - geometry.frame[0] / 2
        y = geometry.origin[1] + (rows + 0.5) * self.pitch[1] - geometry.frame[1] / 2
        return x / geometry.half, y / geometry.half

    def looked_up(self, reply: Plane, place: Place, u: NDArray[Any], v: NDArray[Any]) -> tuple[Plane, Flags]:
        """Return what a reply on this level's grid shows at such places, and which of them it has."""
        points = []
        for axis, at in enumerate((u, v)):
            there = self.geometry.frame[axis] / 2 + place.scale[axis] * at * self.geometry.half + place.shift[axis]
            points.append(there / self.reply_pitch[axis] - 0.5)
        return sampled(reply, points[0], points[1])


def pyramid(inside: NDArray[Any], reply: NDArray[Any], changed: Flags, geometry: Geometry) -> list[Level]:
    """Return the grids, finest first.

    Parameters
    ----------
    inside : array
        The picture's part of the frame, (height, width, channels).
    reply : array
        What came back, of any size.
    changed : array of bool
        What is not compared, (height, width).
    """
    width, height = geometry.size
    # Never finer than the reply, whose pixels hold no more.
    pitch = max(1.0, geometry.frame[0] / reply.shape[1], geometry.frame[1] / reply.shape[0], (width * height / WORKING_PIXELS) ** 0.5)
    grid = (max(1, round(width / pitch)), max(1, round(height / pitch)))
    pitches = (width / grid[0], height / grid[1])
    there = (max(1, round(geometry.frame[0] / pitches[0])), max(1, round(geometry.frame[1] / pitches[1])))
    reply_pitch = (geometry.frame[0] / there[0], geometry.frame[1] / there[1])
    picture, answer = brightness(reduced(inside, grid)), brightness(reduced(reply, there))
    reshaped = abs(reply.shape[1] / reply.shape[0] / (geometry.frame[0] / geometry.frame[1]) - 1)
    levels = [Level(geometry, picture, ~reduced_mask(changed, grid), answer, pitches, reply_pitch, reshaped)]
    while max(levels[-1].picture.shape) > COARSE and min(levels[-1].picture.shape) >= 16:
        last = levels[-1]
        pitch, reply_pitch = ((2 * pair[0], 2 * pair[1]) for pair in (last.pitch, last.reply_pitch))
        ring = halved(last.ring.astype(np.float32)) > 0.99
        levels.append(Level(geometry, halved(last.picture), ring, halved(last.reply), pitch, reply_pitch, reshaped))
    return levels
