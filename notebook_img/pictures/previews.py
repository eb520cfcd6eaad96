"""A small copy of a picture for a notebook: bounded in pixels and bytes, turned upright, cheap to make.

JPEG, or PNG where there is real transparency; never WebP, which nbconvert 7.17 leaves out of saved HTML.
"""

from __future__ import annotations

import base64
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from notebook_img.pictures import colours

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from notebook_img.pictures import Picture

PREVIEW_SIDE = 768
"""Longest side, pixels, unless the setting `preview` says otherwise."""
PREVIEW_BYTES = 72_000
"""Bytes of all previews in one output: base64 makes 133,336 of them, and a picture may add 150,000 to a notebook."""
CACHE_BYTES = 4_000_000
TINY_SIDE = 64
"""Longest side, pixels, of icons that are shown enlarged with hard edges."""

_QUALITIES = (86, 78, 68, 56)
_LEAST_SIDE = 16


@dataclass(frozen=True)
class Preview:
    """An encoded preview.

    Attributes
    ----------
    data : bytes
        A JPEG or PNG file without metadata.
    mime_type : str
        ``image/jpeg`` or ``image/png``.
    width, height : int
        Pixels.
    """

    data: bytes
    mime_type: str
    width: int
    height: int

    @cached_property
    def base64(self) -> str:
        """The bytes as base64 text."""
        return base64.b64encode(self.data).decode("ascii")

    @property
    def url(self) -> str:
        """The preview as a ``data:`` URL."""
        return f"data:{self.mime_type};base64,{self.base64}"


class _Cache:
    """The latest previews, encoded, a few megabytes altogether; full pictures are never kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._kept: OrderedDict[tuple[object, ...], Preview] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...], make: Callable[[], Preview]) -> Preview:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self.bytes += len(made.data)
            while self.bytes > self.most and self._kept:
                self.bytes -= len(self._kept.popitem(last=False)[1].data)
        return made


_cache = _Cache(CACHE_BYTES)


def preview(picture: Picture, max_side: int = PREVIEW_SIDE, max_bytes: int = PREVIEW_BYTES) -> Preview:
    """Make a preview of `picture`.

    Parameters
    ----------
    picture : Picture
        Its bytes are read; nothing decoded is kept.
    max_side : int
        Longest side, pixels. Small pictures are not enlarged.
    max_bytes : int
        Upper bound of the encoded size; quality, then size, is given up until it fits.

    Returns
    -------
    Preview
        Turned upright, in sRGB, without metadata (a photograph's place does not get into the notebook).
    """
    max_side = max(int(max_side), _LEAST_SIDE)
    return _cache.get((picture.sha256, max_side, max_bytes), lambda: encode_within(small_image(picture, max_side), max_bytes))


def smaller(seen: Preview, max_side: int, max_bytes: int) -> Preview:
    """Return a preview within these bounds, pixels and bytes: itself where it keeps to them."""
    from PIL import Image

    if max(seen.width, seen.height) <= max_side and len(seen.data) <= max_bytes:
        return seen
    with Image.open(BytesIO(seen.data)) as image:
        return encode_within(scale_down(colours.as_rgb(image), max_side), max_bytes)


def small_image(picture: Picture, max_side: int) -> Image.Image:
    """Return the oriented picture as ``RGB`` or ``RGBA``, no side longer than `max_side` pixels."""
    # A JPEG is decoded at a half, a quarter or an eighth of its size, which the format gives for a fraction of the cost.
    image = picture.pil(at_least=max_side)
    return colours.as_rgb(colours.to_srgb(_scaled(image, max_side)))


def _scaled(image: Image.Image, max_side: int) -> Image.Image:
    """Scale down, and keep what the numbers mean."""
    small, profile = scale_down(image, max_side), image.info.get("icc_profile")
    small.info = {"icc_profile": profile} if profile else {}
    return small


def scale_down(image: Image.Image, max_side: int) -> Image.Image:
    """Return `image` with no side longer than `max_side` pixels; smaller ones as they are."""
    from PIL import Image

    factor = max_side / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    # Averaging whole blocks first costs a fraction of the exact filter over all pixels, and cannot be told from it.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.5)


def encode_within(image: Image.Image, max_bytes: int) -> Preview:
    """Encode `image` as JPEG, or PNG where something shows through, in at most `max_bytes` bytes."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
        encode = _png_within
    else:
        image = image.convert("RGB")
        encode = _jpeg_within
    while True:
        data = encode(image, max_bytes)
        if len(data) <= max_bytes or max(image.size) <= _LEAST_SIDE:
            kind = "image/png" if encode is _png_within else "image/jpeg"
            return Preview(data, kind, image.width, image.height)
        # Bytes go with the area; a little less, so that one step is mostly enough.
        factor = min(0.9, 0.95 * math.sqrt(max_bytes / len(data)))
        image = scale_down(image, max(_LEAST_SIDE, int(max(image.size) * factor)))


def _jpeg_within(image: Image.Image, max_bytes: int) -> bytes:
    data = b""
    if max(image.size) <= TINY_SIDE:
        # An icon is shown enlarged, where every blemish of JPEG would be seen.
        data = _saved(image, "JPEG", quality=97, subsampling=0)
        if len(data) <= max_bytes:
            return data
    for quality in _QUALITIES:
        # Not optimised: Pillow 13 fails with "broken data stream" on noisy pictures when it is.
        data = _saved(image, "JPEG", quality=quality)
        if len(data) <= max_bytes:
            break
    return data


def _png_within(image: Image.Image, max_bytes: int) -> bytes:
    from PIL import Image

    data = _saved(image, "PNG", optimize=image.width * image.height < 200_000)
    if len(data) <= max_bytes:
        return data
    # 256 colours with transparency each: soft edges stay soft.
    return _saved(image.quantize(256, method=Image.Quantize.FASTOCTREE), "PNG", optimize=True)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    image.info = {}
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
