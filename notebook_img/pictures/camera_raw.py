"""A camera's raw data developed to a picture, by LibRaw; without it such a file is refused, never shown as its thumbnail."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from notebook_img.errors import PictureError
from notebook_img.hints import Hint

if TYPE_CHECKING:
    from PIL.Image import Image

    from notebook_img.pictures.limits import Limits

NOTE = "camera raw developed with the camera's white balance, 8-bit sRGB"


def developed(data: bytes, limits: Limits, what: str) -> Image:
    """Return raw data as an RGB image, upright, in sRGB; nothing is developed before its pixels are asked for.

    Raises
    ------
    PictureError
        When rawpy is not installed, or the data is none it knows.
    """
    try:
        import rawpy
    except ImportError as error:
        raise PictureError(
            f"{what} is camera raw data, which needs one more package. Install it, or export the picture as JPEG or TIFF.",
            hint=Hint("install", package="'notebook-img[vision]'"),
        ) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            turned = sizes.flip in {5, 6}
            size = (sizes.height, sizes.width) if turned else (sizes.width, sizes.height)
            limits.check_pixels(*size, what)
    except rawpy.LibRawError as error:
        raise PictureError(f"{what} is camera raw data of a kind that cannot be developed here. Export it as JPEG or TIFF.") from error
    return _later(data, size)


def _later(data: bytes, size: tuple[int, int]) -> Image:
    """Return an image that is developed when it is loaded."""
    from PIL import ImageFile

    class Raw(ImageFile.ImageFile):
        format = "RAW"
        format_description = "Camera raw data"

        def _open(self) -> None:
            self._size, self._mode = size, "RGB"
            self.info["notes"] = (NOTE,)
            self.tile = []

        def load(self) -> object:  # type: ignore[override]
            if self._im is None:
                import rawpy
                from PIL import Image

                with rawpy.imread(io.BytesIO(data)) as raw:
                    pixels = Image.fromarray(raw.postprocess(use_camera_wb=True, output_bps=8))
                self.im, self._size = pixels.im, pixels.size
            return super().load()

    return Raw(io.BytesIO(data), "")
