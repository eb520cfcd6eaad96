"""Objects of other libraries to Pictures: Pillow images, numpy arrays, matplotlib figures. Each odd case is decided deliberately."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from notebook_img.errors import PictureError, UsageError
from notebook_img.pictures.decode import mode_notes, upright
from notebook_img.pictures.picture import Picture, from_pil

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from notebook_img.pictures.limits import Limits

FIGURE_DPI = 200
"""Dots per inch a figure is drawn at, at least."""

FIGURE_NOTE = "drawn from a figure: a model may redraw the data"


def from_pil_object(image: Any, limits: Limits, name: str) -> Picture:
    """Return a Pillow image as a Picture of our encoding (PNG). The image itself is not changed."""
    limits.check_pixels(image.width, image.height, "The PIL image")
    frames = getattr(image, "n_frames", 1) if getattr(image, "is_animated", False) else 1
    notes = [f"frame {image.tell() + 1} of {frames}"] if frames > 1 else []
    try:
        notes += mode_notes(image)
        plain = upright(image)
    except PictureError:
        raise
    except Exception as error:  # a lazily opened file may be cut off, closed or gone by now; each raises in its own way
        raise PictureError(f"The PIL image cannot be decoded: {error or type(error).__name__}.") from error
    return from_pil(plain, name=name or "PIL image", notes=tuple(notes), limits=limits)


def from_array(array: NDArray[Any], limits: Limits, name: str) -> Picture:
    """Return a numpy array as a Picture.

    Taken are (height, width), grey, and (height, width, channels) with 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA)
    channels; of bool, of whole numbers 0 to 255, of uint16, or of floats 0 to 1.

    Raises
    ------
    UsageError
        When shape, type or values are others; the message says how to bring them there.
    """
    from PIL import Image

    _check_shape(array)
    limits.check_pixels(array.shape[1], array.shape[0], "The array")
    values, notes = _to_bytes(array)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim == 3 and values.shape[2] == 2:
        image = Image.merge("LA", [Image.fromarray(values[:, :, channel].copy()) for channel in range(2)])
    else:
        image = Image.fromarray(values)
    return from_pil(image, name=name or "array", notes=notes, limits=limits)


def _check_shape(array: NDArray[Any]) -> None:
    shape = " x ".join(map(str, array.shape))
    if array.dtype == object:
        raise UsageError("This array holds objects, not pixels. Give one of its elements, for example axes[0] or images[0].")
    if array.size == 0:
        raise UsageError(f"This array is empty (shape {shape}).")
    if array.ndim == 0:
        raise UsageError("This array holds a single number, not a picture. Give (height, width), or (height, width, 3) for RGB.")
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {1, 2, 3, 4}):
        return
    hint = "give (height, width), or (height, width, 3) for RGB, or (height, width, 4) for RGBA"
    if array.ndim == 3 and array.shape[0] in {1, 3, 4}:
        hint = "the channels come first; numpy.moveaxis(array, 0, -1) puts them last"
    elif array.ndim == 4:
        hint = "it looks like a batch of pictures; give one, for example array[0]"
    raise UsageError(f"An array of shape {shape} is not a picture: {hint}.")


def _to_bytes(array: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Bring the values of an array to 0..255."""
    import numpy as np

    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), ()
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255), ()
    if array.dtype == np.uint16 and array.max() > 255:
        return np.round(array / 257.0).astype(np.uint8), ("16-bit values shown as 8-bit",)
    if kind not in "iuf":
        raise UsageError(f"An array of type {array.dtype} is not a picture. Give uint8 from 0 to 255, or floats from 0 to 1.")
    if kind == "f" and not np.isfinite(array).all():
        raise UsageError("This array holds NaN or infinite values; numpy.nan_to_num(array) replaces them.")
    low, high = float(array.min()), float(array.max())
    if kind in "iu":
        if low < 0 or high > 255:
            raise UsageError(f"This array holds whole numbers from {low:g} to {high:g}. Scale them to 0 to 255 first.")
        return array.astype(np.uint8), ()
    # A resized or filtered picture overshoots by a hair; that is no mistake of the user's.
    if low < -1e-3 or high > 1 + 1e-3:
        hint = "divide by 255" if low >= 0 and 1 < high <= 255 else "scale them, or cut them with numpy.clip(array, 0, 1)"
        raise UsageError(f"This array holds floats from {low:g} to {high:g}, and a picture has floats from 0 to 1: {hint}.")
    return np.round(np.clip(array, 0, 1).astype(np.float64) * 255).astype(np.uint8), ()


def from_figure(value: Any, limits: Limits, name: str) -> Picture:
    """Return a matplotlib figure (or the figure of an axes) as a Picture, drawn at 200 dots per inch or more.

    Raises
    ------
    UsageError
        When nothing is drawn in it. The inline backend closes a figure after its cell, so that ``plt.gcf()`` in the next
        one is a new, empty figure.
    """
    figure = value.figure if hasattr(value, "has_data") else value
    while getattr(figure, "figure", figure) is not figure and figure.figure is not None:  # a subfigure: the whole is drawn
        figure = figure.figure
    if _is_empty(figure):
        raise UsageError(
            "This figure is empty. In a notebook a figure is closed when its cell ends: keep it (fig, ax = plt.subplots()) and give fig."
        )
    dpi = max(FIGURE_DPI, float(figure.dpi))
    width, height = figure.get_size_inches()
    limits.check_pixels(max(1, round(width * dpi)), max(1, round(height * dpi)), "The figure")
    stream = io.BytesIO()
    # Cut like the inline backend cuts it, so that the picture is what the user sees; no version of matplotlib inside,
    # so that the same figure gives the same bytes.
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    drawn = stream.getvalue()
    limits.check_bytes(len(drawn), "The figure")
    return Picture(drawn, name=name or "figure", mime_type="image/png", notes=(FIGURE_NOTE,), encoded_here=True, limits=limits)


def _is_empty(figure: Any) -> bool:
    own = (*figure.texts, *figure.images, *figure.lines, *figure.artists, *figure.patches, *figure.legends)
    if any(artist.get_visible() for artist in own) or getattr(figure, "_suptitle", None) is not None:
        return False
    axes = list(figure.get_axes())
    for part in getattr(figure, "subfigs", ()):
        if not _is_empty(part):
            return False
    return not any(_has_content(ax) for ax in axes)


def _has_content(ax: Any) -> bool:
    if ax.has_data() or ax.texts or ax.tables or ax.artists:
        return True
    polar_or_three = sys.modules.get("mpl_toolkits.mplot3d")
    return bool(polar_or_three and getattr(ax, "name", "") == "3d" and ax.collections)
