"""The soft edge of a paste: weights that grow inward from a mask's edge, and pixels mixed by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def feather_of(size: tuple[int, int]) -> int:
    """Return the usual width of a soft edge in a frame of this size, pixels."""
    return min(24, max(2, min(size) // 100))


def inward(mask: Image, feather: int) -> Image:
    """Return weights 0..255: 0 outside a black and white mask, growing to 255 within `feather` pixels of its edge.

    Parts too thin to hold that soft edge get one of half the width, and so on down to a hard one.
    """
    from PIL import Image, ImageChops

    weights = Image.new("L", mask.size, 0)
    left = mask
    radius = feather
    while left.getbbox() is not None:
        if radius < 1:
            return ImageChops.lighter(weights, left)
        thick = ImageChops.multiply(grown(shrunk(mask, radius), radius), mask)
        # A box blur has half its height at a straight edge; twice what is above that climbs to full in `radius` pixels.
        ramp = _box_blur(mask, radius).point([min(255, max(0, 2 * value - 255)) for value in range(256)])
        weights = ImageChops.lighter(weights, ImageChops.multiply(ImageChops.multiply(ramp, thick), left))
        left = ImageChops.subtract(left, thick)
        radius //= 2
    return weights


def shrunk(mask: Image, radius: int) -> Image:
    """Erode a black and white mask by a square; one axis at a time, where rounding cannot hide a black pixel."""
    from PIL import ImageFilter

    full = [0] * 255 + [255]
    return mask.filter(ImageFilter.BoxBlur((radius, 0))).point(full).filter(ImageFilter.BoxBlur((0, radius))).point(full)


def grown(mask: Image, radius: int) -> Image:
    """Widen a black and white mask by a square."""
    from PIL import ImageChops

    return ImageChops.invert(shrunk(ImageChops.invert(mask), radius))


def _box_blur(mask: Image, radius: int) -> Image:
    from PIL import ImageFilter

    return mask.filter(ImageFilter.BoxBlur(radius))


def mixed(old: NDArray[Any], new: NDArray[Any], weight: NDArray[np.uint8], *, alpha: bool) -> NDArray[Any]:
    """Return `new` laid on `old` by weight, 0 to 255; colours count by their alpha, so that hidden ones do not shine through.

    The last axis of `old` and `new` are the channels, the others those of `weight`. Where the weight is 0 the result is `old`.
    """
    import numpy as np

    part = (weight.astype(np.float32) / 255)[..., None]
    before = old.astype(np.float32)
    if alpha:
        over = new[..., -1:] * part
        total = before[..., -1:] * (1 - part) + over
        share = np.divide(over, total, out=np.broadcast_to(part, total.shape).copy(), where=total > 0)
        result = np.concatenate([before[..., :-1] + (new[..., :-1] - before[..., :-1]) * share, total], axis=-1)
    else:
        result = before + (new - before) * part
    rounded = np.clip(np.rint(result), 0, np.iinfo(old.dtype).max).astype(old.dtype)
    return np.where(weight[..., None] > 0, rounded, old)
