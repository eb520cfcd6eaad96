"""How two pictures differ, in numbers and as a heat map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.pictures import size_words

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from notebook_img.pictures import Picture

VISIBLE = 8
"""A pixel counts as changed when a channel differs by more than this, of 255: what JPEG alone does stays below."""
_SSIM_PIXELS = 2_000_000
_SSIM_WINDOW = 7
_BAND = 256
"""Rows worked on at a time, so that two large pictures do not need many times their size."""
_RATIO_TOLERANCE = 0.02


@dataclass(frozen=True)
class Differences:
    """Numbers about a second picture against a first.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio over the three colour channels, dB; infinite for equal pictures.
    ssim : float, optional
        Structural similarity, 1 for equal pictures (scikit-image's, over the colour channels); None where it could not be computed.
    changed : float
        Share of pixels, 0 to 1, in which a channel (transparency included) differs by more than 8 of 255.
    touched : float
        Share of pixels that differ at all.
    mean : float
        Mean absolute difference, 0 to 255.
    box : tuple of int, optional
        Left, top, right, bottom of the smallest box around the changed pixels, in pixels of the first picture.
    size_a, size_b : tuple of int
        Width and height as the pictures are.
    notes : tuple of str
        What was done to make them comparable, and what is missing.
    """

    psnr: float
    ssim: float | None
    changed: float
    touched: float
    mean: float
    box: tuple[int, int, int, int] | None
    size_a: tuple[int, int]
    size_b: tuple[int, int]
    notes: tuple[str, ...] = ()

    def parts(self) -> list[str]:
        """Return the numbers in words."""
        if self.touched == 0:
            same = "every pixel is the same" if self.size_a == self.size_b else "every pixel is the same once brought to one size"
            return [same, self._sizes()]
        where = ", between {}, {} and {}, {}".format(*self.box) if self.box and self.box != (0, 0, *self.size_a) else ""
        return [
            f"{percent(self.changed)} of the pixels changed visibly{where}",
            f"{percent(self.touched)} differ at all",
            f"PSNR {self.psnr:.1f} dB",
            *([f"SSIM {self.ssim:.3f}"] if self.ssim is not None else []),
            self._sizes(),
        ]

    def _sizes(self) -> str:
        if self.size_a == self.size_b:
            return f"both {size_words(self.size_a)}"
        return f"size {size_words(self.size_a)} to {size_words(self.size_b)}"


@dataclass(frozen=True)
class Compared:
    """Two pictures in one frame with their differences; lives only while a comparison is drawn."""

    numbers: Differences
    first: Image.Image
    second: Image.Image
    gaps: np.ndarray[Any, Any]
    """Largest difference of any channel, one uint8 per pixel."""


def measure(a: Picture, b: Picture) -> Differences:
    """Measure how `b` differs from `a`.

    Parameters
    ----------
    a, b : Picture
        `b` is brought to the size of `a` when they differ, and the notes say so.

    Returns
    -------
    Differences
        Over all pixels; only SSIM is computed on smaller copies above two megapixels (the notes say so).
    """
    return confront(a, b).numbers


def confront(a: Picture, b: Picture) -> Compared:
    """Bring two pictures into one frame and compare every pixel."""
    import numpy as np
    from PIL import Image

    from notebook_img.pictures import to_srgb

    # As they are seen: the numbers of two spaces say nothing about each other.
    first, second = to_srgb(a.pil()), to_srgb(b.pil())
    size_a, size_b = first.size, second.size
    notes = []
    mode = "RGBA" if "A" in first.getbands() + second.getbands() else "RGB"
    first, second = (image if image.mode == mode else image.convert(mode) for image in (first, second))
    if size_a != size_b:
        second = second.resize(size_a, Image.Resampling.LANCZOS)
        ratio = (size_b[0] / size_b[1]) / (size_a[0] / size_a[1])
        stretched = " and stretched, for its shape is another" if abs(ratio - 1) > _RATIO_TOLERANCE else ""
        notes.append(f"The second picture ({size_words(size_b)}) was brought to the size of the first ({size_words(size_a)}){stretched}.")
    if mode == "RGBA":
        notes.append("Transparent parts were compared as if on white; a change of transparency counts as a change.")

    width, height = size_a
    gaps = np.empty((height, width), np.uint8)
    squares = total = 0
    for top in range(0, height, _BAND):
        rows = (0, top, width, min(top + _BAND, height))
        x, y = (np.asarray(on_white(image.crop(rows))).astype(np.int32) for image in (first, second))
        gap = np.abs(x - y)
        squares += int((gap * gap).sum(dtype=np.int64))
        total += int(gap.sum(dtype=np.int64))
        most = gap.max(axis=2)
        if mode == "RGBA":
            alphas = [np.asarray(image.crop(rows).getchannel("A")).astype(np.int32) for image in (first, second)]
            most = np.maximum(most, np.abs(alphas[0] - alphas[1]))
        gaps[rows[1] : rows[3]] = most

    first, second = on_white(first), on_white(second)
    similarity, why = _ssim(first, second)
    notes += [why] if why else []
    error = squares / (width * height * 3)
    seen = gaps > VISIBLE
    columns, lines = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    numbers = Differences(
        psnr=10 * math.log10(255**2 / error) if error else math.inf,
        ssim=similarity,
        changed=float(seen.mean()),
        touched=float((gaps > 0).mean()),
        mean=total / (width * height * 3),
        box=(int(columns[0]), int(lines[0]), int(columns[-1]) + 1, int(lines[-1]) + 1) if columns.size else None,
        size_a=size_a,
        size_b=size_b,
        notes=tuple(notes),
    )
    return Compared(numbers, first, second, gaps)


def on_white(image: Image.Image) -> Image.Image:
    """Return `image` as RGB, on white where it is transparent."""
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def heat(gaps: np.ndarray[Any, Any], max_side: int) -> tuple[Image.Image, int]:
    """Return a heat map of differences, and the difference its brightest colour stands for.

    A pixel of the map shows the largest difference of the pixels it stands for, so that a single changed one is seen.
    """
    import numpy as np
    from PIL import Image

    block = max(1, math.ceil(max(gaps.shape) / max_side))
    height, width = (math.ceil(side / block) for side in gaps.shape)
    padded = np.pad(gaps, ((0, height * block - gaps.shape[0]), (0, width * block - gaps.shape[1])))
    pooled = padded.reshape(height, block, width, block).max(axis=(1, 3))
    top = int(max(16, np.percentile(pooled[pooled > 0], 98))) if pooled.any() else 16
    # Dark to light in even steps, readable for colour-blind people and in grey.
    stops = np.array([(0, 0, 4), (80, 18, 123), (182, 54, 121), (251, 136, 97), (252, 253, 191)], float)
    ramp = np.linspace(0, len(stops) - 1, 256)
    colours = np.stack([np.interp(ramp, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1).round().astype(np.uint8)
    # Square root: small differences are amplified more than large ones.
    level = (np.sqrt(np.minimum(pooled / top, 1)) * 255).round().astype(np.uint8)
    return Image.fromarray(colours[level]), top


def percent(share: float) -> str:
    """Return a share in words; anything above zero is never shown as 0 %."""
    if share in {0, 1}:
        return f"{share * 100:.0f} %"
    if share < 0.001:
        return "less than 0.1 %"
    if share > 0.999:
        return "more than 99.9 %"
    return f"{share * 100:.1f} %" if share < 0.1 or share > 0.99 else f"{share * 100:.0f} %"


def _ssim(first: Image.Image, second: Image.Image) -> tuple[float | None, str]:
    import numpy as np

    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        return None, "SSIM is left out: it needs scikit-image (pip install scikit-image)."
    if min(first.size) < _SSIM_WINDOW:
        return None, f"SSIM is left out: it needs at least {_SSIM_WINDOW} pixels each way."
    note = ""
    if first.width * first.height > _SSIM_PIXELS:
        factor = math.sqrt(_SSIM_PIXELS / (first.width * first.height))
        size = (max(_SSIM_WINDOW, int(first.width * factor)), max(_SSIM_WINDOW, int(first.height * factor)))
        first, second = first.resize(size, reducing_gap=2.0), second.resize(size, reducing_gap=2.0)
        note = f"SSIM was computed at {size_words(size)}."
    compute: Any = structural_similarity
    return float(compute(np.asarray(first), np.asarray(second), channel_axis=2, data_range=255)), note
