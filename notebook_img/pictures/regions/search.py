"""The first guess: shifts and scales tried out on a small copy, by correlation that leaves the mask out (Padfield 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.regions.geometry import Geometry, Level, Pair, Place
from notebook_img.pictures.regions.grids import Flags, Plane, smooth

MOST_SHIFT, MOST_SCALE = 0.05, 0.04
"""What is mended at the most: a shift in shares of the frame's longer side, and a scale."""
SAME_RATIO = 0.03
"""A reply whose ratio is off by less was made for the frame: services round sides to multiples of 8 to 64."""


@dataclass(frozen=True)
class Guess:
    """A place as it is fitted: relative to a base of scales, shifts in shares of half the frame's longer side."""

    base: Pair = (1.0, 1.0)
    """Scales across and down that follow from a reply of another ratio."""
    scale: float = 0.0
    stretch: float = 0.0
    """Added to the scale across, and taken from the one down."""
    x: float = 0.0
    y: float = 0.0

    def place(self, geometry: Geometry) -> Place:
        """Return it in pixels of the frame."""
        scale = (self.base[0] * (1 + self.scale + self.stretch), self.base[1] * (1 + self.scale - self.stretch))
        return Place((self.x * geometry.half, self.y * geometry.half), scale)

    @property
    def too_far(self) -> bool:
        """Whether it lies beyond what is mended; a little more than promised is."""
        return max(abs(self.x), abs(self.y)) > 1.15 * 2 * MOST_SHIFT or abs(self.scale) + abs(self.stretch) > 1.15 * MOST_SCALE


def searched(level: Level, ratio: float, most: int = 3) -> list[Guess]:
    """Return the likeliest places on this level, best first; `ratio` is width / height of the reply."""
    everywhere = np.ones(level.reply.shape, dtype=np.bool_)
    tried = _Tried(level, detail(level.picture, level.ring), detail(level.reply, everywhere))
    guesses = [tried.best(base, float(scale)) for base in bases(level.geometry, ratio) for scale in np.arange(-0.05, 0.0501, 0.01)]
    guesses.sort(key=lambda pair: -pair[0])
    return [guess for _, guess in guesses[:most]]


def bases(geometry: Geometry, ratio: float) -> list[Pair]:
    """Return the ways a reply may show the frame: as it is or stretched; cut at two sides, or with more at two sides."""
    other = ratio / (geometry.frame[0] / geometry.frame[1])
    return [(1.0, 1.0)] if abs(other - 1) < SAME_RATIO else [(1.0, 1.0), (1 / other, 1.0), (1.0, other)]


class _Tried:
    """One picture's grid against warps of a reply; what does not depend on the warp is worked out once."""

    def __init__(self, level: Level, picture: Plane, reply: Plane) -> None:
        self.level, self.reply = level, reply
        height, width = picture.shape
        half = level.geometry.half
        # A little beyond the limit, so that what lies beyond it is seen to.
        self.reach = tuple(int(np.ceil(2.4 * MOST_SHIFT * half / pitch)) + 1 for pitch in level.pitch)
        self.padded = tuple(_fast(side + 2 * reach) for side, reach in ((height, self.reach[1]), (width, self.reach[0])))
        ring = level.ring.astype(np.float32)
        self.area = float(ring.sum())
        self.ones, self.first, self.second = (
            np.conj(np.fft.rfft2(part, self.padded)) for part in (ring, ring * picture, ring * picture**2)
        )
        self.shifts = [(np.arange(2 * reach + 1) - reach) * pitch / half for reach, pitch in zip(self.reach, level.pitch, strict=True)]

    def best(self, base: Pair, scale: float) -> tuple[float, Guess]:
        """Return the best shift of one scale with its score."""
        across, down = (_Line.of(self.level, axis, base[axis] * (1 + scale), self.reach[axis]) for axis in (0, 1))
        there = across.along(down.along(self.reply, 0), 1)
        # What of the reply is there is a rectangle, and the transform of one is that of its sides.
        known = np.outer(np.fft.fft(down.there, self.padded[0]), np.fft.rfft(across.there, self.padded[1]))
        value, square = (np.fft.rfft2(part, self.padded) for part in (there, there**2))
        n = np.maximum(self._over(self.ones, known), 1e-3)
        t, tt = self._over(self.first, known), self._over(self.second, known)
        r, rr, tr = self._over(self.ones, value), self._over(self.ones, square), self._over(self.first, value)
        spread = np.maximum(tt - t * t / n, 1e-6) * np.maximum(rr - r * r / n, 1e-6)
        score = np.where(n < 0.5 * self.area, -1.0, (tr - t * r / n) / np.sqrt(spread))
        # Of equal peaks, as a brick wall has them, the nearest.
        score = score - 0.5 * (self.shifts[0][None, :] ** 2 + self.shifts[1][:, None] ** 2) - 2.0 * scale**2
        y, x = np.unravel_index(int(np.argmax(score)), score.shape)
        return float(score[y, x]), Guess(base, scale, 0.0, float(self.shifts[0][x]), float(self.shifts[1][y]))

    def _over(self, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
        rows = np.fft.ifft(one * other, axis=0)[: 2 * self.reach[1] + 1]  # the others are not needed
        return np.asarray(np.fft.irfft(rows, self.padded[1], axis=1)[:, : 2 * self.reach[0] + 1])


def _fast(length: int) -> int:
    """Return the least length of at least so many pixels that transforms quickly: of factors 2, 3 and 5 alone."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


@dataclass(frozen=True)
class _Line:
    """One axis of the reply on the picture's grid, and `reach` pixels beyond it: between which pixels each place lies.

    Two neighbours are looked up and mixed; a product of matrices would do the same in many times the processor time, for the threads
    of a BLAS wait for each other.
    """

    low: NDArray[np.int64]
    part: Plane
    there: Plane
    """1 where the reply has it, 0 elsewhere."""

    @classmethod
    def of(cls, level: Level, axis: int, scale: float, reach: int) -> _Line:
        """Return the places of one scale."""
        count, length = level.picture.shape[1 - axis], level.reply.shape[1 - axis]
        middle = level.geometry.frame[axis] / 2
        places = level.geometry.origin[axis] + (np.arange(-reach, count + reach) + 0.5) * level.pitch[axis]
        at = (middle + scale * (places - middle)) / level.reply_pitch[axis] - 0.5
        low = np.floor(at).astype(np.int64)
        there = ((low >= 0) & (low < length - 1)).astype(np.float32)
        return cls(np.clip(low, 0, max(0, length - 2)), (at - low).astype(np.float32), there)

    def along(self, plane: Plane, axis: int) -> Plane:
        """Return a channel with this axis brought over."""
        shape = (-1, 1) if axis == 0 else (1, -1)
        last = plane.shape[axis] - 1
        first, second = (np.take(plane, np.minimum(at, last), axis) for at in (self.low, self.low + 1))
        return np.asarray((first + self.part.reshape(shape) * (second - first)) * self.there.reshape(shape))


def detail(plane: Plane, ring: Flags) -> Plane:
    """Return a channel less its surroundings (a mean over 17 pixels, of the ring alone), so that light and shade do not count."""
    free = ring.astype(np.float32)
    around = _mean(plane * free) / np.maximum(_mean(free), np.float32(1e-4))
    return smooth(np.asarray((plane - around) * free, dtype=np.float32))


def _mean(plane: Plane, reach: int = 8) -> Plane:
    for axis in (0, 1):
        before = [(reach + 1, reach) if axis == here else (0, 0) for here in (0, 1)]
        sums = np.cumsum(np.pad(plane, before, mode="edge"), axis=axis, dtype=np.float64)
        at = np.arange(plane.shape[axis])
        plane = np.asarray((np.take(sums, at + 2 * reach + 1, axis) - np.take(sums, at, axis)) / (2 * reach + 1), dtype=np.float32)
    return plane
