"""Cutting out what a picture is of, and putting it on something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageOps

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.pictures import cut_alpha
from notebook_img.providers.local.colours import to_rgb

if TYPE_CHECKING:
    from notebook_img.providers.local.pixels.context import Context, Values


def cut_out(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Make everything but what the picture is of transparent; colours stay."""
    seen = image.convert("RGB")
    seen.info = {"icc_profile": context.space} if context.space else {}
    cut = cut_alpha(seen, fetch_weights=bool(values.get("fetch")))
    context.say(cut.method)
    for note in cut.notes:
        context.warn(f"{note[:1].upper()}{note[1:]}.")
    result = image.convert("RGBA")
    result.putalpha(ImageChops.multiply(cut.alpha, result.getchannel("A")))
    return result


def put_on_colour(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Lay what was cut out on a colour."""
    above = _cut(image, context)
    ground = Image.new("RGBA", above.size, (*to_rgb(values["colour"]), 255))
    ground.alpha_composite(above)
    return ground.convert("RGB")


def put_on_picture(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Lay what was cut out on another picture of the request, which is scaled and cut to the same frame."""
    number = values["image"]
    if number < 2 or number > len(context.images):
        raise UsageError(f"There is no image {number} to put it on.", hint=Hint("add-reference"))
    above = _cut(image, context)
    ground = ImageOps.fit(context.images[number - 1].convert("RGBA"), above.size, Image.Resampling.LANCZOS)
    ground.alpha_composite(above)
    return ground


def _cut(image: Image.Image, context: Context) -> Image.Image:
    """Return a picture with transparency; one that has none is cut out first."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
        return image
    return cut_out(image, {}, context)
