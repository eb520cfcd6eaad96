"""Masks: where an edit may change a picture, keeping it from changing anything else, and making room around it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from notebook_img.errors import AmbiguousMaskError, FrameError, UsageError
from notebook_img.hints import Hint
from notebook_img.pictures import colours
from notebook_img.pictures.boxes import Box
from notebook_img.pictures.feather import feather_of, inward, mixed
from notebook_img.pictures.picture import from_pil

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.picture import Picture
    from notebook_img.settings import Settings

Reading: TypeAlias = Literal["painted", "transparent"]
PAINTED_NOTE = "mask read by its brightness: white may change"
ALPHA_NOTE = "mask read by its transparency: transparent may change"
RATIO_TOLERANCE = 0.02
"""How far width / height of a reply may deviate before it counts as another frame (services round to multiples of 8 to 64)."""

_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_RECTANGLES = re.compile(rf"^{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}$")


def as_mask(spec: Any, like: Picture, *, settings: Settings | None = None, reading: Reading | None = None) -> Picture:
    """Return a mask for a picture: grey PNG, 255 may change, 0 must not.

    Parameters
    ----------
    spec : image, array, str, Box, list of Box
        Anything `load` takes: white, True or painted (any bright colour) may change; half-bright pixels go to the nearer
        side. A picture with a transparent hole counts the hole as "may change", whatever stands around it, and says so in its notes.
        Or a rectangle as text ``"x,y,w,h"`` in pixels (several with ``;`` between them), four such numbers, a Box, or a list of
        boxes; or what `mask_sources` knows: COCO run lengths, detections, a table of boxes.
    like : Picture
        The first input; the mask must have its upright size.
    reading : str, optional
        ``"painted"`` or ``"transparent"``: what may change in a mask with transparency, where that is known.

    Raises
    ------
    UsageError
        When the sizes differ (the message has both) or nothing may change.
    AmbiguousMaskError
        When a mask with transparency can be read in both ways; the error has both.
    """
    from notebook_img.pictures.mask_sources import taken

    boxes = _boxes(spec)
    if boxes is None and not isinstance(spec, (str, bytes)):
        found = taken(spec, like)
        boxes, spec = (found, spec) if isinstance(found, list) else (None, spec if found is None else found)
    if boxes is not None:
        return _from_boxes(boxes, like)
    from notebook_img.pictures.intake import load

    source = load(_spread(spec), settings=settings)
    if source.size != like.size:
        raise UsageError(
            f"The mask has {source.width} x {source.height} pixels and the picture {like.width} x {like.height}; "
            "a mask needs the size of the first input."
        )
    painted, note = _painted(source.pil(), like, reading)
    if not painted.any():
        raise UsageError("The mask is empty: nothing in it is white, so nothing may change.")
    from PIL import Image

    mask = Image.fromarray(painted.astype("uint8") * 255)
    return from_pil(mask, name=source.name or "mask", notes=tuple(filter(None, [note])))


def confine(original: Picture, delivered: Picture, mask: Picture, *, feather: int | None = None) -> Picture:
    """Return `original` with `delivered` inside the mask; every pixel outside it stays that of the original.

    Parameters
    ----------
    original : Picture
        What was edited.
    delivered : Picture
        What came back; it is brought to the original's size first.
    mask : Picture
        As `as_mask` makes it.
    feather : int, optional
        Width of the soft edge, pixels, all of it inside the mask; a hundredth of the shorter side, 2 to 24, if not given.
        Parts thinner than that get a narrower one, so that a thin stroke is not lost.

    Returns
    -------
    Picture
        PNG, upright, in the original's colours.

    Raises
    ------
    FrameError
        When width / height is off by more than 2 %: the reply shows another frame. Its `picture` is `delivered`.
    UsageError
        When mask and original differ in size.
    """
    if mask.size != original.size:
        raise UsageError(
            f"The mask has {mask.width} x {mask.height} pixels and the picture {original.width} x {original.height}; "
            "a mask needs the size of the first input."
        )
    ratio = (delivered.width / delivered.height) / (original.width / original.height)
    if abs(ratio - 1) > RATIO_TOLERANCE:
        raise FrameError(
            f"The edit came back in another frame, {delivered.width} x {delivered.height} for {original.width} x {original.height}, "
            "and cannot be pasted into the mask.",
            hint=Hint("confine"),
            picture=delivered,
        )
    from PIL import Image

    whole = original.pil()
    below, above = colours.met(whole, delivered.pil())
    if above.size != below.size:
        above = above.resize(below.size, Image.Resampling.LANCZOS)
    if feather is None:
        feather = feather_of(below.size)
    result = _blend(below, above, mask.pil().convert("L"), feather)
    profile = colours.space_of(below)
    if profile:
        result.info["icc_profile"] = profile
    return from_pil(colours.grey_again(result, whole), name=original.name)


def outpaint(picture: Picture, ratio: str) -> tuple[Picture, Picture]:
    """Return a larger canvas of another aspect ratio, and the mask of what is new.

    The picture stands in the middle, pixel for pixel; around it the canvas is filled with its own blurred edges, so that
    a model sees the light and colours it has to go on with.

    Parameters
    ----------
    ratio : str
        ``"16:9"`` and the like, width first.

    Returns
    -------
    tuple of Picture
        (canvas, mask), both of the same size.

    Raises
    ------
    UsageError
        When the text is no ratio, or the picture has it already.
    PictureError
        When the canvas would be larger than the limits.
    """
    from PIL import Image, ImageFilter

    from notebook_img.pictures.convert import flatten

    wanted = parse_ratio(ratio)
    width, height = picture.size
    size = (round(height * wanted), height) if width / height < wanted else (width, round(width / wanted))
    if size == (width, height):
        raise UsageError(f"The picture already has the ratio {ratio} ({width} x {height}); there is nothing to add.")
    picture.limits.check_pixels(*size, "The larger canvas")
    image = picture.pil()
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    # Stretched edges, worked out on a small copy: the blur hides every detail anyway.
    small = flatten(image).convert("RGB")
    small.thumbnail((256, 256))
    factor = small.width / width
    room = [max(1, round(side * factor)) for side in size]
    backdrop = _stretched(small, (room[0], room[1])).filter(ImageFilter.GaussianBlur(max(2, min(room) // 24)))
    mode = image.mode if image.mode != "LA" else "RGBA"
    canvas = backdrop.resize(size, Image.Resampling.BICUBIC).convert(mode)
    canvas.paste(image.convert(mode), (left, top))
    profile = colours.fitting(mode, colours.space_of(image))
    if profile:
        canvas.info["icc_profile"] = profile
    mask = Image.new("L", size, 255)
    mask.paste(0, (left, top, left + width, top + height))
    return from_pil(canvas, name=picture.name), from_pil(mask, name="mask")


def parse_ratio(text: str) -> float:
    """Return width / height of ``"16:9"``, ``"3/2"``, ``"4x5"`` or ``"1.5"``; UsageError for anything else or beyond 1:20."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:[:/x×]\s*(\d+(?:\.\d+)?)\s*)?", str(text))
    width, height = (float(found.group(1)), float(found.group(2) or 1)) if found else (0.0, 0.0)
    if not width or not height:
        raise UsageError(f"{text!r} is not an aspect ratio. Write width and height, for example 16:9 or 4:5.")
    if not 1 / 20 <= width / height <= 20:
        raise UsageError(f"A picture cannot be widened to the aspect ratio {text}; the limits are 1:20 and 20:1. For example: 16:9.")
    return width / height


def _boxes(spec: Any) -> list[Box] | None:
    """Return the boxes a mask is given by, or None when it is given by a picture."""
    if isinstance(spec, Box):
        return [spec]
    if isinstance(spec, str) and ("," in spec or ";" in spec):
        parts = [_RECTANGLES.match(part) for part in spec.split(";") if part.strip()]
        if parts and all(parts):
            return [_rectangle(*map(float, part.groups())) for part in parts if part]
        if re.fullmatch(r"[\d\s,;.\-]+", spec):
            raise UsageError(f"{spec!r} is not a mask. Write x,y,w,h in pixels, for example 10,20,200,100.")
        return None
    if isinstance(spec, (list, tuple)):
        if len(spec) == 4 and all(isinstance(number, (int, float)) for number in spec):
            return [_rectangle(*map(float, spec))]
        if spec and all(isinstance(box, Box) for box in spec):
            return list(spec)
        if spec and all(isinstance(part, Mapping) for part in spec):
            return None  # run lengths
        raise UsageError("A mask is a picture, x,y,w,h in pixels, a Box, or a list of boxes with at least one in it.")
    return None


def _rectangle(x: float, y: float, width: float, height: float) -> Box:
    if not all(map(math.isfinite, (x, y, width, height))):
        raise UsageError("A mask's rectangle is four numbers x,y,w,h in pixels, for example 10,20,200,100; one of these is not a number.")
    return Box("", round(x), round(y), round(x + width), round(y + height))


def _from_boxes(boxes: list[Box], like: Picture) -> Picture:
    from PIL import Image

    mask = Image.new("L", like.size, 0)
    notes = []
    for box in boxes:
        inside, clipped = box.clip(like.size)
        if inside.width > 0 and inside.height > 0:
            mask.paste(255, (inside.left, inside.top, inside.right, inside.bottom))
        if clipped:
            notes.append("mask cut at the edge of the picture")
    if mask.getbbox() is None:
        raise UsageError(f"The mask is empty: no box has a pixel in the picture of {like.width} x {like.height}.")
    return from_pil(mask, name="mask", notes=tuple(dict.fromkeys(notes)))


def _spread(spec: Any) -> Any:
    """Return an array of labels 0 and 1 as bool; segmentation gives these, and as grey levels both are black."""
    from notebook_img.pictures.intake import is_array

    if is_array(spec) and spec.dtype.kind in "iu" and spec.ndim == 2 and spec.size and spec.min() >= 0 and spec.max() == 1:
        return spec.astype(bool)
    return spec


def _painted(image: Image, like: Picture, reading: Reading | None) -> tuple[NDArray[np.bool_], str]:
    """Return which pixels of a mask picture mean "may change", and a note on how it was read."""
    import numpy as np

    values = np.asarray(image if image.mode != "L" else image.convert("L"))
    if image.mode not in {"LA", "RGBA"}:
        return _bright(values if values.ndim == 3 else values[:, :, None]), ""
    colours, alpha = values[:, :, :-1], values[:, :, -1]
    if alpha.min() == 255:
        return _bright(colours), ""
    opaque = alpha >= 128
    painted, hole = _bright(colours) & opaque, ~opaque
    reading = reading or _meant(colours, opaque)
    if reading is None:
        raise AmbiguousMaskError(
            f"This mask can be read in two ways: what is painted may change ({painted.mean():.0%} of the picture), or what is transparent "
            f"({hole.mean():.0%}).",
            readings={name: _as_picture(part) for name, part in (("painted", painted), ("transparent", hole))},
            picture=like,
            hint=Hint("mask-reading"),
        )
    return (painted, PAINTED_NOTE) if reading == "painted" else (hole, ALPHA_NOTE)


def _meant(colours: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> Reading | None:
    """Return how a mask with transparency is meant; None where it can be both.

    Masks with a hole (OpenAI's convention) keep their opaque part, whatever it shows: black, a photograph, one colour all around. Strokes
    on an empty canvas are the part that may change. One bright part on a transparent ground can be a stroke, or a thing that was
    cut out and must stay.
    """
    import numpy as np

    light = colours.max(axis=2)
    seen = light[opaque]
    if not seen.size:
        return "transparent"
    dark, bright = float(np.mean(seen < 32)), float(np.mean(seen > 223))
    if dark > 0.001 and bright > 0.001 and dark + bright > 0.98:
        return "painted"  # black and white where it is opaque
    if seen.max() < 128 or int(seen.max()) - int(seen.min()) > 64 or opaque.all():
        return "transparent"  # black, or a photograph
    border = np.concatenate([opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1]])
    if border.mean() > 0.5:
        return "transparent"  # a hole, with what must stay all around it
    hidden = colours[~opaque].reshape(-1, colours.shape[2])
    # Where also what is hidden has that colour, somebody took away: an empty canvas is black, or white, below its strokes.
    return "transparent" if hidden.size and np.abs(hidden.astype(int) - colours[opaque].mean(axis=0)).max() <= 8 else None


def _as_picture(painted: NDArray[np.bool_]) -> Picture:
    from PIL import Image

    return from_pil(Image.fromarray(painted.astype("uint8") * 255), name="mask")


def grow_mask(mask: Picture, amount: str | float) -> Picture:
    """Return a mask with its edge moved outward, or inward by a negative amount.

    Parameters
    ----------
    mask : Picture
        As `as_mask` makes it.
    amount : str or float
        Pixels (``12``, ``"12"``, ``"-4 px"``), or percent of the shorter side (``"1%"``).

    Raises
    ------
    UsageError
        When the amount is none, or nothing is left of the mask.
    """
    found = re.fullmatch(r"\s*([+-]?\d+(?:\.\d+)?)\s*(px|%)?\s*", str(amount))
    if found is None:
        raise UsageError(f"{amount!r} is no amount to grow a mask by; write pixels or percent, for example 12, 1% or -4.")
    value = float(found.group(1)) * (min(mask.size) / 100 if found.group(2) == "%" else 1)
    radius = round(min(abs(value), max(mask.size)))
    image = mask.pil().convert("L")
    if radius:
        from notebook_img.pictures.feather import grown, shrunk

        # Beyond the picture nothing is kept and nothing may change: its edges move no mask.
        image = grown(image, radius) if value > 0 else shrunk(image, radius)
    if image.getbbox() is None:
        raise UsageError(f"Nothing is left of the mask when it shrinks by {radius} pixels; shrink it by less.")
    return from_pil(image, name=mask.name, notes=mask.notes)


def _bright(colours: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Painted means any bright colour, so the strongest channel counts: red is dark by luminance."""
    import numpy as np

    light = colours.max(axis=2)
    if light.max() == 1:  # labels 0 and 1 in a file
        light = light * 255
    return np.asarray(light >= 128)


def _blend(below: Image, above: Image, mask: Image, feather: int) -> Image:
    """Lay `above` on `below` where the mask allows it, with a soft edge inside the mask."""
    import numpy as np
    from PIL import Image

    binary = mask.point(lambda value: 255 if value >= 128 else 0)
    bounds = binary.getbbox()
    if bounds is None:
        return below.copy()
    # Only the mask's surroundings are worked on; a margin of kept pixels tells the soft edge where the mask ends.
    margin = feather + 2
    area = (
        max(0, bounds[0] - margin),
        max(0, bounds[1] - margin),
        min(below.width, bounds[2] + margin),
        min(below.height, bounds[3] + margin),
    )
    weights = inward(binary.crop(area), feather)
    old, new = below.crop(area), above.crop(area)
    # By selection, not by arithmetic: outside the mask the original's bytes themselves, deep inside it the reply's.
    chosen = Image.composite(new, old, weights.point([0] * 255 + [255]))
    weight = np.asarray(weights)
    soft = (weight > 0) & (weight < 255)
    if soft.any():
        pixels = np.array(chosen)
        before, after = (values if values.ndim > 1 else values[:, None] for values in (np.asarray(old)[soft], np.asarray(new)[soft]))
        pixels[soft] = mixed(before, after, weight[soft], alpha=below.mode in {"LA", "RGBA"}).reshape(pixels[soft].shape)
        chosen = _image_of(pixels)
    result = below.copy()
    result.paste(chosen, area[:2])
    return result


def _image_of(pixels: NDArray[np.uint8]) -> Image:
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return Image.merge("LA", [Image.fromarray(pixels[:, :, channel].copy()) for channel in range(2)])
    return Image.fromarray(pixels)


def _stretched(image: Image, size: tuple[int, int]) -> Image:
    """Return the image in the middle of `size`, its outermost rows and columns drawn out to the borders."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    width, height = max(size[0], image.width), max(size[1], image.height)
    left, top = (width - image.width) // 2, (height - image.height) // 2
    around = ((top, height - image.height - top), (left, width - image.width - left))
    return Image.fromarray(np.pad(values, (*around, (0, 0)), mode="edge"))
