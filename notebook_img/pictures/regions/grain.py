"""Grain for a patch that had to be enlarged: what the picture has around the mask, and the patch has not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from notebook_img.pictures.regions.grids import Flags, Plane, smooth

LEAST, MOST = 0.35, 4.0
"""Standard deviations, levels of 255: less is not seen, more is texture that was taken for grain."""
BLOCK = 8
FLAT = 0.12
"""Share of the ring's blocks, the calmest of them, in which grain is measured; elsewhere it cannot be told from texture."""
LEAST_BLOCKS = 12
SHARE = 0.9
"""How much of the missing grain is added: a little less is not seen, and what was texture does less harm."""
SOFT = 1.6
"""How much of a noise's own blur is mixed into it: grain of cameras is about two pixels wide."""


def missing_grain(picture: Plane, patch: Plane, ring: Flags) -> NDArray[np.float64] | None:
    """Return how grain has to be mixed for the patch to have the picture's, or None where it has.

    Parameters
    ----------
    picture, patch : array
        (height, width, channels) at full size, in levels of 0 to 255, aligned.
    ring : array of bool
        Where both show the same.

    Returns
    -------
    array or None
        (channels, channels): a row of independent noise times this is grain.
    """
    blocks = _blocks(ring.astype(np.float32)).min(axis=(1, 3)) > 0
    if blocks.sum() < LEAST_BLOCKS:
        return None
    fine = [_blocks(_fine(pixels)) for pixels in (picture, patch)]
    energy = np.where(blocks, (fine[0] ** 2).mean(axis=(1, 3)).sum(axis=-1), np.inf)
    calm = energy <= np.quantile(energy[blocks], FLAT)
    lacking = _covariance(fine[0], calm) - _covariance(fine[1], calm)
    values, vectors = np.linalg.eigh(lacking)
    strength = SHARE * np.sqrt(np.clip(values, 0, MOST**2))
    return None if strength.max() < LEAST else np.asarray((vectors * strength).T)


def grain(size: tuple[int, int], mix: NDArray[np.float64], seed: int = 0) -> Plane:
    """Return grain of (height, width), the same for the same seed."""
    noise = np.random.default_rng(seed).standard_normal((*size, len(mix)), dtype=np.float32)
    for channel in range(len(mix)):
        soft = noise[:, :, channel] + np.float32(SOFT) * smooth(noise[:, :, channel])
        noise[:, :, channel] = soft / np.float32(_FINE)
    return np.asarray(noise @ mix.astype(np.float32))


def _fine(pixels: Plane) -> Plane:
    """Return the finest detail of (height, width, channels)."""
    return np.stack([pixels[:, :, channel] - smooth(pixels[:, :, channel]) for channel in range(pixels.shape[2])], axis=2)


def _blocks(pixels: Plane) -> Plane:
    """Return (rows, block, columns, block) and what further axes there are, without what is left over at the edges."""
    rows, columns = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    return pixels[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK, *pixels.shape[2:])


def _covariance(fine: Plane, calm: Flags) -> NDArray[np.float64]:
    rows = fine.transpose(0, 2, 1, 3, 4)[calm].reshape(-1, fine.shape[-1]).astype(np.float64)
    return np.asarray(rows.T @ rows / len(rows))


def _fine_spread() -> float:
    noise = np.random.default_rng(1).standard_normal((256, 256), dtype=np.float32)
    soft = noise + np.float32(SOFT) * smooth(noise)
    return float((soft - smooth(soft)).std())


_FINE = _fine_spread()
"""Standard deviation of the finest detail of soft noise, by which grain is brought to measure."""
