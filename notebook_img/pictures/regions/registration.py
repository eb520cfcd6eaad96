"""Where a reply shows what the picture shows: shift and scale, measured on what should not have changed.

After the search, Gauss-Newton steps on ever finer copies fit place and brightness together, and let outliers count for little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.regions.geometry import Geometry, Level, pyramid
from notebook_img.pictures.regions.grids import Flags, smooth
from notebook_img.pictures.regions.search import Guess, searched

SAMPLES = 20_000
"""Places compared in one step, spread over the ring."""
LEAST_SAMPLES = 24
PRIOR = (0.02, 0.001, 0.06, 0.06)
"""How far scale, stretch and shifts are likely to be off; what the ring cannot tell stays near nothing. A frame that came back in
another ratio may be stretched by as much as that is off."""
CORRELATED = 10.0
"""Neighbouring residuals are not independent: their number counts for less by this factor (measured against true errors)."""
LEAST_SLOPE = 0.5
"""Levels per pixel; a place with less tells nothing."""
LEAST_NOISE = 0.4
"""Levels; rounding alone leaves that much."""
JUDGED_SIDE = 280
"""Longer side, pixels, of the grid on which it is judged whether both show the same, and the cells it is judged in."""
CELL = 16


@dataclass(frozen=True)
class Found:
    """A measured place, and how far it can be trusted.

    Attributes
    ----------
    guess : Guess
    error : float
        Standard error of the shift, in pixels of the frame.
    agreement : float
        Share of the textured area, 0 to 1, in which picture and reply show the same.
    textured : float
        Share of the compared area with any texture to tell by.
    other : array of bool
        Where, on a small grid, they show something else.
    """

    guess: Guess
    error: float
    agreement: float
    textured: float
    other: Flags


def register(inside: NDArray[Any], reply: NDArray[Any], changed: Flags, geometry: Geometry) -> Found | None:
    """Measure where `reply` shows `inside`.

    Parameters
    ----------
    inside : array
        The picture's part of the frame, (height, width, channels) of uint8 or uint16.
    reply : array
        What came back, of any size, with the same channels.
    changed : array of bool
        What may have changed and therefore is not compared, (height, width).

    Returns
    -------
    Found or None
        None when nothing is left to compare.
    """
    levels = pyramid(inside, reply, changed, geometry)
    if levels[-1].ring.sum() < 16:
        return None
    coarse = levels[-1]
    guesses = [refined(coarse, guess, steps=6)[0] for guess in searched(coarse, reply.shape[1] / reply.shape[0])]
    guess = max(guesses, key=lambda guess: agreement(levels[-2:][0], guess)[0])
    error = float("inf")
    for level in levels[-2::-1] or levels[:1]:
        guess, error = refined(level, guess, steps=6)
    judged = next((level for level in reversed(levels) if max(level.picture.shape) > JUDGED_SIDE), levels[0])
    return Found(guess, error, *agreement(judged, guess))


def refined(level: Level, guess: Guess, steps: int) -> tuple[Guess, float]:
    """Return a better guess, and the standard error of its shift in pixels of the frame."""
    picture, reply = smooth(level.picture), smooth(level.reply)
    if min(picture.shape) < 2:
        return guess, float("inf")
    down, across = np.gradient(picture)
    at = np.flatnonzero(_well_inside(level.ring) & (across**2 + down**2 > LEAST_SLOPE**2))
    if len(at) < LEAST_SAMPLES:
        return guess, float("inf")
    at = at[np.linspace(0, len(at) - 1, min(len(at), SAMPLES)).astype(np.int64)]
    u, v = level.coordinates(at)
    values = picture.reshape(-1)[at].astype(np.float64)
    values = (values - values.mean()) / 64
    half = level.geometry.half
    gx, gy = across.reshape(-1)[at] * (half / level.pitch[0]), down.reshape(-1)[at] * (half / level.pitch[1])
    gu, gv = gx * u * guess.base[0], gy * v * guess.base[1]
    # Brightness as it is, offset, and both running across; then what scale, stretch and shifts would change.
    light = np.stack([values, np.ones_like(values), u, v, u * values, v * values], axis=1)
    columns = np.concatenate([light, -np.stack([gu + gv, gu - gv, gx, gy], axis=1)], axis=1)
    return _stepped(level, reply, guess, columns, (u, v), steps)


def _stepped(
    level: Level, reply: NDArray[Any], guess: Guess, columns: NDArray[Any], places: tuple[NDArray[Any], NDArray[Any]], steps: int
) -> tuple[Guess, float]:
    half = level.geometry.half
    values = np.array([guess.scale, guess.stretch, guess.x, guess.y])
    weights, error = np.ones(len(columns)), float("inf")
    firm = 1e-6 * np.eye(10)
    prior = np.maximum(PRIOR, [0, level.reshaped / 2, 0, 0])
    for _ in range(steps):
        target, seen = level.looked_up(reply, Guess(guess.base, *values).place(level.geometry), *places)
        if seen.sum() < LEAST_SAMPLES:
            return guess, float("inf")
        weighted = columns * (weights * seen)[:, None]
        normal, right = weighted.T @ columns + firm, weighted.T @ target
        # A first fit, of brightness alone, tells the noise.
        light = np.linalg.solve(normal[:6, :6], right[:6])
        noise = _noise((target - columns[:, :6] @ light)[seen])
        tie = np.diag(np.concatenate([np.zeros(6), CORRELATED * (noise / (_gain(light) * prior)) ** 2]))
        pull = np.concatenate([np.zeros(6), -tie.diagonal()[6:] * _gain(light) * values])
        fit = np.linalg.solve(normal + tie, right + pull)
        move = fit[6:] / _gain(fit)
        values = values + np.clip(move, -0.02, 0.02)
        residual = target - columns @ fit
        noise = _noise(residual[seen])
        weights = np.clip(1 - (residual / (4.7 * noise)) ** 2, 0, None) ** 2
        spread = CORRELATED * noise**2 * np.linalg.inv(normal + tie)[8:, 8:] / _gain(fit) ** 2
        error = float(np.sqrt(max(spread[0, 0], spread[1, 1], 0.0))) * half
        if np.abs(move).max() * half < 0.003:
            break
    return Guess(guess.base, *map(float, values)), error


def _gain(fit: NDArray[Any]) -> float:
    return max(0.2, abs(float(fit[0])) / 64)


def _noise(values: NDArray[Any]) -> float:
    return max(LEAST_NOISE, 1.4826 * float(np.median(np.abs(values - np.median(values)))))


def _well_inside(ring: Flags) -> Flags:
    """Leave out what lies within two pixels of the mask, if enough is left: a model's brush goes over the edge."""
    inner = smooth(ring.astype(np.float32)) > 0.999
    return inner if inner.sum() > 0.3 * ring.sum() else ring


def agreement(level: Level, guess: Guess) -> tuple[float, float, Flags]:
    """Judge cell by cell whether picture and reply correlate.

    Returns
    -------
    (float, float, array of bool)
        The share of textured cells that do, the share of cells that are textured, and where cells are textured and do not.
    """
    picture, reply = smooth(level.picture), smooth(level.reply)
    height, width = picture.shape
    there, seen = level.looked_up(reply, guess.place(level.geometry), *level.coordinates(np.arange(height * width)))
    rows, columns = np.arange(height) // CELL, np.arange(width) // CELL
    cells = (rows[:, None] * (columns[-1] + 1) + columns[None, :]).ravel()
    free = (level.ring.ravel() & seen).astype(np.float64)
    t, r = picture.ravel().astype(np.float64), there.astype(np.float64)
    n = np.bincount(cells, free)
    full = n >= min(40.0, 0.5 * float(n.max()))
    n = np.maximum(n, 1)
    t_mean, r_mean, tt, rr, tr = (np.bincount(cells, part * free) / n for part in (t, r, t * t, r * r, t * r))
    t_spread, r_spread = np.maximum(tt - t_mean**2, 0), np.maximum(rr - r_mean**2, 0)
    textured = full & (t_spread > 1.5**2)
    alike = tr - t_mean * r_mean > 0.6 * np.sqrt(t_spread * r_spread + 1e-9)
    other = (textured & ~alike)[cells].reshape(height, width)
    if not textured.any():
        return 0.0, 0.0, other
    return float(alike[textured].mean()), float(textured.sum() / full.sum()), other
