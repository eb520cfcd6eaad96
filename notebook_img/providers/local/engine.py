"""Runs parsed operations on pixels, one after the other, and encodes the result."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING

from notebook_img.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

    from notebook_img.pictures import Picture
    from notebook_img.providers.local.edits import Step
    from notebook_img.providers.local.pixels.context import Context, Function

JPEG_QUALITY = 95
NOTE = "built-in, not AI"
ENGINE = "notebook_img built-in engine 2"
"""Increases when the same request gives other pixels."""


def opened(picture: Picture) -> Image.Image:
    """Return the oriented picture in RGB, or RGBA where it has transparency."""
    image = picture.pil()
    if image.mode in {"RGBA", "LA"} or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def refuse_outside_mask(steps: list[Step]) -> None:
    """Raise UsageError for operations that a mask does not allow, before anything is done."""
    moved = [step for step in steps if step.operation.changes_frame]
    if moved:
        raise UsageError(
            f"{moved[0].source!r} changes the frame, and an edit inside a mask cannot. Leave the mask out, or do it in an edit of its own."
        )


def mask_of(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """Return the mask as L; white may change."""
    mask = picture.pil().convert("L")
    if mask.size != size:
        raise UsageError(f"The mask is {mask.width}×{mask.height} px and the picture {size[0]}×{size[1]} px; they must have the same size.")
    if mask.getbbox() is None:
        raise UsageError("The mask is empty: nothing in it is white, so nothing may change.")
    return mask


def apply(image: Image.Image, step: Step, context: Context, mask: Image.Image | None = None) -> Image.Image:
    """Return the picture after one operation; outside the mask it is pixel for pixel as before."""
    from PIL import Image as Images

    module, _, name = step.operation.function.partition(":")
    function: Function = getattr(importlib.import_module(f"notebook_img.providers.local.pixels.{module}"), name)
    context.region = mask.getbbox() if mask is not None else None
    after = function(image, step.values, context)
    if mask is None:
        return after
    if after.mode != image.mode:
        image, after = image.convert("RGBA"), after.convert("RGBA")
    return Images.composite(after, image, mask)


def encoded(image: Image.Image, mime_type: str, *, icc_profile: bytes | None = None) -> bytes:
    """Return the file: JPEG (quality 95, full colour resolution) for JPEG inputs without transparency, else PNG."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    buffer = io.BytesIO()
    if mime_type == "image/jpeg" and image.mode == "RGB" and max(image.size) <= 65_500:
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=icc_profile)
    else:
        image.save(buffer, "PNG", compress_level=4, icc_profile=icc_profile)
    return buffer.getvalue()
