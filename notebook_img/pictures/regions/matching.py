"""The reply's colours brought to those of the picture, as the ring around the mask shows both: gain and offset, and how they run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.regions.grids import Flags, Plane

CELLS = 40
"""Cells along the longer side; their means are compared, so that blur and grain do not bias a gain."""
PRIOR = np.array([0.15, 24.0, 12.0, 12.0, 0.06, 0.06])
"""How far gain, offset (levels) and their slopes across half a frame are likely to be off; what the ring cannot tell stays near nothing."""
CELL_NOISE = 1.0
"""Levels by which the means of a cell differ though nothing was recoloured (measured on replies that were only moved)."""
UNSEEN = 0.35
"""A correction of fewer levels than this, everywhere on the ring, is none."""
END_REACH = 4
"""Levels from black and white over which what is done there fades out."""
LEAST_ENDS = 24
LEAST_LOST = 2.0
"""Pixels of the ring that must be black or white, and levels they must have lost, to tell how they are kept."""
LEAST_SHOWN = 0.02
"""Share of the ring in which one channel alone has to be cut off to tell where it goes: a wall or paper, not the rims of highlights."""
CUT = 2
"""Levels from black and white within which a value may have been cut off, and tells no gain."""


@dataclass(frozen=True)
class Colours:
    """What brings a reply's colours to the picture's.

    Attributes
    ----------
    coefficients : array
        (channels, 6): what ``r, 1, u, v, u r, v r`` are multiplied by, where `r` is the channel in levels less 128, and `u` and `v`
        run from -1 to 1 across the longer side of the frame.
    kept : (float, float)
        How far black and white stay what they are, 0 to 1.
    beside : (tuple of float, tuple of float)
        Levels by which the fit misses the ring where a channel alone is cut off at black or white; NaN where the ring does not show that.
    """

    coefficients: NDArray[np.float64]
    kept: tuple[float, float] = (0.0, 0.0)
    beside: tuple[tuple[float, ...], tuple[float, ...]] = ((math.nan,), (math.nan,))

    def fitted(self, pixels: Plane, u: Plane, v: Plane) -> Plane:
        """Return (height, width, channels) with gain and offset; `u` are the places of its columns, `v` of its rows."""
        changed = np.empty_like(pixels)
        for channel, (gain, offset, across, down, gain_across, gain_down) in enumerate(self.coefficients.astype(np.float32)):
            factor = gain + gain_across * u[None, :] + gain_down * v[:, None]
            changed[:, :, channel] = (pixels[:, :, channel] - 128) * factor + (128 + offset + across * u[None, :] + down * v[:, None])
        return changed

    def applied(self, pixels: Plane, u: Plane, v: Plane) -> Plane:
        """Return (height, width, channels) in the picture's colours.

        A model that brightens or warms cuts highlights off, and what was white paper would become grey or tinted by taking that back.
        A channel that is cut off goes to where the ring shows it, else as far as those that are not; where all are, white stays as white
        as there.
        """
        changed = self.fitted(pixels, u, v)
        for end, kept, beside in zip((0, 255), self.kept, self.beside, strict=True):
            cut = np.clip(1 - np.abs(pixels - end) / END_REACH, 0, 1)
            if not cut.any():
                continue
            alone = (cut > 0).all(axis=2, keepdims=True)
            shown = np.array(beside, np.float32)
            step = np.where(np.isnan(shown), _behind(end, cut > 0, changed), shown)
            step = np.where(alone, np.float32(kept) * _lost(end, changed), step)
            changed += cut * np.where(np.abs(_lost(end, changed)) > 0, np.clip(changed + step, 0, 255) - changed, 0)
        return changed


def matched(picture: Plane, reply: Plane, ring: Flags, u: Plane, v: Plane) -> Colours | None:
    """Fit the colours of `reply` to those of `picture` on the ring.

    Parameters
    ----------
    picture, reply : array
        (height, width, channels) on one grid, in levels of 0 to 255.
    ring : array of bool
        Where both should show the same.
    u, v : array
        Places of the grid's columns and rows.

    Returns
    -------
    Colours or None
        None where the colours are the same already, or too little can be compared.
    """
    height, width = ring.shape
    side = max(1, round(max(height, width) / CELLS))
    rows, columns = np.arange(height) // side, np.arange(width) // side
    cells = (rows[:, None] * (columns[-1] + 1) + columns[None, :]).ravel()
    places = np.broadcast_to(u[None, :], ring.shape), np.broadcast_to(v[:, None], ring.shape)
    fits, most = [], 0.0
    for channel in range(picture.shape[2]):
        true, seen = picture[:, :, channel], reply[:, :, channel]
        # By channel: paper whose red a warmer reply cut off tells of green and blue all the same.
        whole = ring & (np.minimum(true, seen) > CUT) & (np.maximum(true, seen) < 255 - CUT)
        if whole.sum() < 0.2 * ring.sum():
            whole = ring
        n = np.bincount(cells, whole.ravel().astype(np.float64))
        full = n >= max(4.0, 0.25 * float(n.max()))
        if full.sum() < 4:
            return None
        r, wanted, across, down = (
            np.bincount(cells, (values * whole).ravel())[full] / n[full] for values in (seen - 128, true - 128, *places)
        )
        terms = np.stack([r, np.ones_like(r), across, down, across * r, down * r], axis=1)
        fit = _robust(terms, wanted - r)
        most = max(most, float(np.abs(terms @ fit).max()))
        fit[0] += 1
        fits.append(fit)
    if most <= UNSEEN:
        return None
    colours = Colours(np.array(fits))
    fitted = colours.fitted(reply, u, v)
    low, high = (_ends(picture, reply, fitted, ring, end) for end in (0, 255))
    return replace(colours, kept=(low[0], high[0]), beside=(low[1], high[1]))


def _lost(end: int, fitted: Plane) -> Plane:
    """Return what an end of the scale lost by the fit; nothing where the fit goes beyond it."""
    return np.maximum(end - fitted, 0) if end else np.minimum(end - fitted, 0)


def _behind(end: int, cut: Flags, fitted: Plane) -> Plane:
    """Return by how much channels stay behind the one that, not cut off, goes furthest."""
    furthest = (np.minimum, np.maximum)[end > 0]
    others = furthest.reduce(np.where(cut, np.float32(255 - end), fitted), axis=2, keepdims=True)
    return np.asarray(furthest(fitted, others) - fitted)


def _ends(picture: Plane, reply: Plane, fitted: Plane, ring: Flags, end: int) -> tuple[float, tuple[float, ...]]:
    """Return how far the ring keeps an end of the scale, and what the fit misses where one channel alone is cut off there.

    Where the ring shows none of it, white is taken to be white.
    """
    cut = np.abs(reply - end) <= CUT
    all_cut = cut.all(axis=2)
    there, one = ring & all_cut, cut & (ring & ~all_cut)[:, :, None]
    missed = picture - fitted
    beside = tuple(
        float(np.median(missed[:, :, channel][one[:, :, channel]])) if one[:, :, channel].sum() >= LEAST_SHOWN * ring.sum() else math.nan
        for channel in range(picture.shape[2])
    )
    lost = _lost(end, fitted[there])
    if there.sum() < LEAST_ENDS or abs(lost.mean()) < LEAST_LOST:
        return 1.0, beside
    return float(np.clip(missed[there].mean() / lost.mean(), 0, 1)), beside


def _robust(terms: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coefficients by least squares in which outliers count for little."""
    fit: NDArray[Any] = np.zeros(terms.shape[1])
    for _ in range(8):
        residual = target - terms @ fit
        noise = max(CELL_NOISE, 1.4826 * float(np.median(np.abs(residual - np.median(residual)))))
        weights = 1 / (1 + (residual / (2 * noise)) ** 2) ** 2
        weighted = terms * weights[:, None]
        fit = np.linalg.solve(weighted.T @ terms + np.diag((noise / PRIOR) ** 2), weighted.T @ target)
    return fit
