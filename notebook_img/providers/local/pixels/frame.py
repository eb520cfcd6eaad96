"""What changes the frame: cutting, scaling, turning, margins and corners."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from notebook_img.errors import UsageError
from notebook_img.providers.local.amounts import Length
from notebook_img.providers.local.colours import to_rgb
from notebook_img.providers.local.pixels.context import BAND, Context, Values

LANCZOS = Image.Resampling.LANCZOS
MOST_PIXELS = 150_000_000


def _offset(place: str, room: tuple[int, int]) -> tuple[int, int]:
    """Return where a smaller frame lies within a larger one."""
    x = 0 if "left" in place else room[0] if "right" in place else room[0] // 2
    y = 0 if "top" in place else room[1] if "bottom" in place else room[1] // 2
    return x, y


def _cut(image: Image.Image, width: int, height: int, place: str) -> Image.Image:
    width, height = max(1, min(width, image.width)), max(1, min(height, image.height))
    x, y = _offset(place, (image.width - width, image.height - height))
    return image.crop((x, y, x + width, y + height))


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    if width * height > MOST_PIXELS:
        raise UsageError(f"{width}×{height} is larger than the {MOST_PIXELS // 1_000_000} million pixels the built-in engine makes.")
    size = (max(1, width), max(1, height))
    # Premultiplied, or transparent colours would show at the edges.
    return (
        image.convert("RGBa").resize(size, LANCZOS).convert("RGBA")
        if image.mode == "RGBA"
        else image.resize(size, LANCZOS, reducing_gap=3.0)
    )


def crop_ratio(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut the largest frame of a ratio."""
    ratio = values["ratio"][0] / values["ratio"][1]
    width, height = image.width, round(image.width / ratio)
    if height > image.height:
        width, height = round(image.height * ratio), image.height
    return _cut(image, width, height, values["place"])


def crop_box(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut a box; percent are of the width and of the height."""
    x, y, width, height = values["box"]
    left, top = round(x.pixels(image.width)), round(y.pixels(image.height))
    right, bottom = round(left + width.pixels(image.width)), round(top + height.pixels(image.height))
    if left >= image.width or top >= image.height or right <= left or bottom <= top:
        raise UsageError(
            f"The box {left},{top},{right - left},{bottom - top} lies outside the picture, which is {image.width}×{image.height} px."
        )
    return image.crop((left, top, min(right, image.width), min(bottom, image.height)))


def crop_size(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut a frame of so many pixels."""
    width, height, longest = values["size"]
    width, height = width or longest or image.width, height or longest or image.height
    if width > image.width or height > image.height:
        raise UsageError(
            f"{width}×{height} cannot be cut from a picture of {image.width}×{image.height} px; 'resize to {width}x{height}' can."
        )
    return _cut(image, width, height, values["place"])


def crop_centre(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Keep so many percent of width and height."""
    share = values["amount"] / 100
    return _cut(image, round(image.width * share), round(image.height * share), "centre")


def crop_side(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut a length off one side, a corner's two sides, or all; percent are of the width or the height."""
    side, length = values["side"], values["length"]
    x, y = round(length.pixels(image.width)), round(length.pixels(image.height))
    everywhere = side in {"all sides", "centre"}
    left, right = x * (everywhere or "left" in side), x * (everywhere or "right" in side)
    top, bottom = y * (everywhere or "top" in side), y * (everywhere or "bottom" in side)
    if left + right >= image.width or top + bottom >= image.height:
        raise UsageError(f"Cutting {length} off leaves nothing of a picture of {image.width}×{image.height} px.")
    return image.crop((left, top, image.width - right, image.height - bottom))


def keep_part(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Keep a share at one side."""
    share, side = values["fraction"] / 100, values["side"]
    width = image.width if side in {"top", "bottom"} else round(image.width * share)
    height = image.height if side in {"left", "right"} else round(image.height * share)
    return _cut(image, width, height, side)


def _shape_mask(size: tuple[int, int], radius: float) -> Image.Image:
    radius = min(radius, min(size) / 2)
    mask = Image.new("L", size, 255)
    reach = math.ceil(radius)
    if reach < 1:
        return mask
    corner = _corner(reach, radius)
    width, height = size
    mask.paste(corner, (0, 0))
    mask.paste(corner.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (width - reach, 0))
    mask.paste(corner.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, height - reach))
    mask.paste(corner.transpose(Image.Transpose.ROTATE_180), (width - reach, height - reach))
    return mask


def _corner(reach: int, radius: float) -> Image.Image:
    """Return the top left quarter of a disc; how far a pixel's middle lies inside the edge is how much of it is covered."""
    corner = Image.new("L", (reach, reach))
    x = radius - (np.arange(reach, dtype=np.float32) + 0.5)
    for top in range(0, reach, BAND):
        y = radius - (np.arange(top, min(reach, top + BAND), dtype=np.float32) + 0.5)
        covered = np.clip(radius + 0.5 - np.hypot(x[None, :], y[:, None]), 0, 1)
        corner.paste(Image.fromarray((covered * 255 + 0.5).astype(np.uint8)), (0, top))
    return corner


def _masked(image: Image.Image, mask: Image.Image) -> Image.Image:
    result = image.convert("RGBA")
    result.putalpha(ImageChops.multiply(result.getchannel("A"), mask))
    return result


def circle(image: Image.Image, _values: Values, _context: Context) -> Image.Image:
    """Keep the largest circle in the middle."""
    side = min(image.size)
    square = _cut(image, side, side, "centre")
    return _masked(square, _shape_mask(square.size, side / 2))


def rounded(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Round the corners."""
    return _masked(image, _shape_mask(image.size, values["radius"].pixels(min(image.size))))


def trim(image: Image.Image, _values: Values, context: Context) -> Image.Image:
    """Cut off what is transparent, or has the colour of the corner."""
    box = image.getchannel("A").point([255 * (value > 4) for value in range(256)]).getbbox() if image.mode == "RGBA" else None
    if box in {None, (0, 0, *image.size)}:
        colour = image.convert("RGB")
        corner = colour.getpixel((0, 0))
        difference = ImageChops.difference(colour, Image.new("RGB", colour.size, corner)).convert("L")
        box = difference.point([255 * (value > 18) for value in range(256)]).getbbox()
    if box is None or box == (0, 0, *image.size):
        context.warn("There was no even margin to trim.")
        return image
    return image.crop(box)


def pad(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Add margins up to a ratio."""
    ratio = values["ratio"][0] / values["ratio"][1]
    width = max(image.width, round(image.height * ratio))
    height = max(image.height, round(image.width / ratio))
    if width * height > MOST_PIXELS:
        raise UsageError(f"Padding to {width}×{height} px would make the picture too large.")
    if values["blurred"]:
        # Cut first: of a long picture only a sliver is needed.
        part = crop_ratio(image, {"ratio": (width, height), "place": "centre"}, context)
        canvas = _resized(part, width, height).convert("RGB").filter(ImageFilter.GaussianBlur(min(width, height) / 30))
        canvas = canvas.point([round(v * 0.8) for v in range(256)] * 3)
    else:
        canvas = Image.new("RGB", (width, height), to_rgb(values["colour"]))
    place = _offset("centre", (width - image.width, height - image.height))
    canvas.paste(image, place, image if image.mode == "RGBA" else None)
    return canvas


def resize(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Scale to a size; where the ratio differs the picture is cut, not distorted, unless told to."""
    width, height, longest = values["size"]
    before = image.size
    if longest:
        factor = longest / max(image.size)
        width, height = round(image.width * factor), round(image.height * factor)
    elif not height:
        height = max(1, round(image.height * width / image.width))
    elif not width:
        width = max(1, round(image.width * height / image.height))
    elif values["fit"]:
        factor = min(width / image.width, height / image.height)
        width, height = round(image.width * factor), round(image.height * factor)
    elif not values["stretch"] and abs(math.log((width / height) / (image.width / image.height))) > 0.01:
        image = crop_ratio(image, {"ratio": (width, height), "place": "centre"}, context)
        context.warn(f"Cut to {width}:{height} so that nothing is distorted; 'resize to {width}x{height} stretched' distorts.")
    direction = values.get("direction") or 0
    if direction * (max(width, height) - max(before)) < 0:
        word, change = ("enlarge", "smaller") if direction > 0 else ("shrink", "larger")
        raise UsageError(
            f"The picture has {before[0]}×{before[1]} px, and {width}×{height} px would make it {change}: "
            f"say 'resize' in the place of '{word}' if that is meant."
        )
    return _resized(image, max(1, width), max(1, height))


def scale(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Scale both sides by a factor."""
    factor = values["factor"] / 100
    return _resized(image, max(1, round(image.width * factor)), max(1, round(image.height * factor)))


def zoom(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Cut and scale back to the same size."""
    factor = values["factor"] / 100
    part = _cut(image, round(image.width / factor), round(image.height / factor), values["place"])
    return _resized(part, *image.size)


QUARTERS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def rotate(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Turn clockwise; quarter turns are exact."""
    angle = values["angle"] % 360
    if angle == 0:
        return image
    if angle in QUARTERS:
        return image.transpose(QUARTERS[int(angle)])
    return _turned(image, angle, None if values["transparent"] or image.mode == "RGBA" else to_rgb(values["colour"]))


def _turned(image: Image.Image, angle: float, colour: tuple[int, int, int] | None) -> Image.Image:
    """Turn clockwise in a frame that holds all of it, on a colour or, without one, on nothing; some rows at a time."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    width, height = image.size
    # A hair less, or rounding would add a row and a column to every turn.
    across, down = width * abs(cos) + height * abs(sin), width * abs(sin) + height * abs(cos)
    size = (max(1, math.ceil(across - 1e-6)), max(1, math.ceil(down - 1e-6)))
    if size[0] * size[1] > MOST_PIXELS:
        raise UsageError(
            f"Turned by {angle:g}° the picture would have {size[0]}×{size[1]} px, more than the {MOST_PIXELS // 1_000_000} million the "
            "built-in engine makes. Resize it first."
        )
    source = image.convert("RGBA")
    canvas = Image.new("RGBA", size) if colour is None else Image.new("RGB", size, colour)
    # Where a pixel of the result comes from: the picture's middle, turned back.
    left = width / 2 - cos * size[0] / 2 - sin * size[1] / 2
    top = height / 2 + sin * size[0] / 2 - cos * size[1] / 2
    for row in range(0, size[1], BAND):
        band = (size[0], min(BAND, size[1] - row))
        matrix = (cos, sin, left + sin * row, -sin, cos, top + cos * row)
        part = source.transform(band, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        canvas.paste(part, (0, row), None if colour is None else part)
    return canvas


def straighten(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Turn and cut the largest upright rectangle of the same ratio."""
    angle = math.radians(abs(values["angle"]))
    width, height = image.size
    turned = image.rotate(-values["angle"], Image.Resampling.BICUBIC)
    share = min(
        width / (width * math.cos(angle) + height * math.sin(angle)),
        height / (width * math.sin(angle) + height * math.cos(angle)),
    )
    return _cut(turned, math.floor(width * share), math.floor(height * share), "centre")


def mirror(image: Image.Image, _values: Values, _context: Context) -> Image.Image:
    """Swap left and right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def flip(image: Image.Image, _values: Values, _context: Context) -> Image.Image:
    """Swap top and bottom."""
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def border(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Add a frame outside the picture."""
    length: Length = values["width"]
    width = max(1, round(length.pixels(min(image.size))))
    size = (image.width + 2 * width, image.height + 2 * width)
    if size[0] * size[1] > MOST_PIXELS:
        raise UsageError(f"A border of {length} would make the picture {size[0]}×{size[1]} px, which is too large.")
    canvas = Image.new(image.mode, size, (*to_rgb(values["colour"]), 255)[: len(image.mode)])
    canvas.paste(image, (width, width))
    return canvas


def flatten(image: Image.Image, values: Values, _context: Context) -> Image.Image:
    """Put a colour under the picture."""
    if image.mode != "RGBA":
        raise UsageError(
            "The picture has no transparency to put a background under; another background behind things needs an image model."
        )
    canvas = Image.new("RGB", image.size, to_rgb(values["colour"]))
    canvas.paste(image, (0, 0), image)
    return canvas
