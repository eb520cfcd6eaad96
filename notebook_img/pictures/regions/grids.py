"""Pictures as arrays of floats, brought to the grids they are compared on: resampling, smoothing, values between pixels."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane: TypeAlias = NDArray[np.float32]
"""One channel (height, width), or several (height, width, channels)."""
Flags: TypeAlias = NDArray[np.bool_]

LANCZOS = Image.Resampling.LANCZOS
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


def level_of(pixels: NDArray[Any]) -> np.float32:
    """Return what one of 255 levels is in numbers of this array: 1 for 8 bits, 257 for 16."""
    return np.float32(np.iinfo(pixels.dtype).max / 255)


def reduced(pixels: NDArray[Any], size: tuple[int, int]) -> Plane:
    """Return (height, width, channels) at another size, in levels of 0 to 255."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels.astype(np.float32) / level_of(pixels)
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return np.asarray(Image.fromarray(pixels).resize(size, LANCZOS, reducing_gap=2.0), dtype=np.float32)
    channels = [Image.fromarray(pixels[:, :, c].astype(np.float32)).resize(size, LANCZOS, reducing_gap=2.0) for c in range(pixels.shape[2])]
    return np.asarray(np.stack([np.asarray(channel) for channel in channels], axis=2) / level_of(pixels), dtype=np.float32)


def reduced_mask(mask: Flags, size: tuple[int, int]) -> Flags:
    """Return a mask at another size: true wherever any of it is."""
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    grey = Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).resize(size, Image.Resampling.BOX)
    return np.asarray(grey) > 0


def brightness(channels: Plane) -> Plane:
    """Return the brightness of (height, width, channels), as one channel."""
    return channels[:, :, 0] if channels.shape[2] < 3 else np.asarray(channels[:, :, :3] @ _LUMA)


def smooth(plane: Plane) -> Plane:
    """Return a channel blurred a little (binomial, sigma 1)."""
    for axis in (0, 1):
        padded = np.pad(plane, [(2, 2) if axis == here else (0, 0) for here in (0, 1)], mode="edge")
        count = plane.shape[axis]
        parts = [padded[at : at + count] if axis == 0 else padded[:, at : at + count] for at in range(5)]
        plane = parts[2] * np.float32(6 / 16)
        plane += (parts[1] + parts[3]) * np.float32(4 / 16)
        plane += (parts[0] + parts[4]) * np.float32(1 / 16)
    return plane


def halved(plane: Plane) -> Plane:
    """Return a channel at half its size; every pixel is the mean of four, so that nothing is moved."""
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    cut = plane[:height, :width]
    return np.asarray((cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) * np.float32(0.25))


def sampled(plane: Plane, x: NDArray[Any], y: NDArray[Any]) -> tuple[Plane, Flags]:
    """Return values between pixels (Keys' cubic), and which of the places lie inside; (0, 0) is the first pixel's centre."""
    height, width = plane.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    across, down = _weights((x - left).astype(np.float32)), _weights((y - top).astype(np.float32))
    columns = [np.clip(left + at, 0, width - 1) for at in range(-1, 3)]
    flat = plane.reshape(-1)
    value = np.zeros(x.shape, dtype=np.float32)
    for row, weight in zip(range(-1, 3), down, strict=True):
        start = np.clip(top + row, 0, height - 1) * width
        line = across[0] * flat[start + columns[0]]
        for part, column in zip(across[1:], columns[1:], strict=True):
            line += part * flat[start + column]
        value += weight * line
    return value, inside


def _weights(t: Plane) -> list[Plane]:
    """Return the four weights of cubic interpolation (Keys 1981, a = -1/2)."""
    square = t * t
    cube = square * t
    half = np.float32(0.5)
    return [half * (2 * square - cube - t), half * (3 * cube - 5 * square + 2), half * (4 * square - 3 * cube + t), half * (cube - square)]


def warped(pixels: NDArray[Any], box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[Plane, Flags]:
    """Return a part of a picture at another size, by Lanczos, in levels of 0 to 255, and which pixels of it the picture has.

    Parameters
    ----------
    pixels : array
        (height, width, channels).
    box : (float, float, float, float)
        Left, top, right, bottom in pixels, with fractions; what lies beyond the picture is mirrored.
    size : (int, int)
        Width and height of the result.
    """
    indices, known, inner = [], [], []
    for axis, length in enumerate((pixels.shape[1], pixels.shape[0])):
        low, high = box[axis], box[axis + 2]
        pitch = (high - low) / size[axis]
        # As far as the filter looks.
        margin = int(np.ceil(3 * max(pitch, 1.0))) + 1
        start, end = int(np.floor(low)) - margin, int(np.ceil(high)) + margin
        indices.append(mirrored(start, end, length))
        inner.append((low - start, high - start))
        centres = low + (np.arange(size[axis]) + 0.5) * pitch
        known.append((centres >= 0) & (centres <= length))
    part = (inner[0][0], inner[1][0], inner[0][1], inner[1][1])
    needed = pixels[indices[1]][:, indices[0]]
    channels = [
        np.asarray(Image.fromarray(needed[:, :, c].astype(np.float32)).resize(size, LANCZOS, box=part)) for c in range(pixels.shape[2])
    ]
    return np.asarray(np.stack(channels, axis=2) / level_of(pixels), dtype=np.float32), known[1][:, None] & known[0][None, :]


def mirrored(start: int, end: int, length: int) -> NDArray[np.int64]:
    """Return the indices from `start` to `end` of an axis that is mirrored beyond its ends."""
    index = np.arange(start, end) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)
