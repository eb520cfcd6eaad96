"""Runs parsed operations on pixels, one after the other, and encodes the result."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.pictures import as_grey, as_rgb, colour_in, fitting, into, is_grey, is_srgb, space_of
from notebook_img.providers.local.colours import to_hex, to_rgb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from notebook_img.pictures import Picture
    from notebook_img.providers.local.edits import Step
    from notebook_img.providers.local.pixels.context import Context, Function

JPEG_QUALITY = 95
_GREY = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
NOTE = "built-in, not AI"
ENGINE = "notebook_img built-in engine 3"
"""Increases when the same request gives other pixels."""


def opened(pictures: Sequence[Picture]) -> list[Image.Image]:
    """Return oriented pictures in RGB, or RGBA where they have transparency, all in the space of the first."""
    images = [as_rgb(picture.pil()) for picture in pictures]
    return [images[0], *(into(image, space_of(images[0])) for image in images[1:])]


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
    after = function(image, _in_space(step, context.space), context)
    if mask is None:
        return after
    if after.mode != image.mode:
        image, after = image.convert("RGBA"), after.convert("RGBA")
    return Images.composite(after, image, mask)


def _in_space(step: Step, space: bytes | None) -> Mapping[str, Any]:
    """Return the values of a step, its colours as numbers of the picture's space."""
    if is_srgb(space):
        return step.values

    def there(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(there(part) for part in value)
        return to_hex(colour_in(to_rgb(value), space)) if value else value

    coloured = {parameter.name for parameter in step.operation.parameters if parameter.kind in {"colour", "text colour", "pair"}}
    return {name: there(value) if name in coloured else value for name, value in step.values.items()}


def encoded(image: Image.Image, like: Picture | None = None) -> bytes:
    """Return the file: JPEG (quality 95, full colour resolution) for JPEG inputs without transparency, else PNG.

    It is in the space of the picture it was made of; what was grey stays grey unless it has colour now.
    """
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    space = like.facts.space if like else None
    profile = fitting(image.mode, space)
    if like and like.mode in _GREY and is_grey(image):
        image = as_grey(image, space)
        profile = space
    buffer = io.BytesIO()
    if like and like.mime_type == "image/jpeg" and image.mode in {"L", "RGB"} and max(image.size) <= 65_500:
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=profile)
    else:
        image.save(buffer, "PNG", compress_level=4, icc_profile=profile)
    return buffer.getvalue()
