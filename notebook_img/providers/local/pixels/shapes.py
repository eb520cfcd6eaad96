"""Shapes and texts of scenes, laid out and drawn with anti-aliasing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from notebook_img.providers.local.colours import Rgb, to_rgb
from notebook_img.providers.local.pixels import text as lettering
from notebook_img.providers.local.pixels.grounds import paint_ground
from notebook_img.providers.local.pixels.night import draw_moon

if TYPE_CHECKING:
    from notebook_img.providers.local.pixels.context import Context
    from notebook_img.providers.local.scene import Item, Scene

PALETTE = ("#e4572e", "#2e86ab", "#f2b134", "#4caf7a", "#7d5ba6", "#e8638c", "#17a2a2", "#39424e")
OWN: dict[str, str] = {
    "sun": "#ffc83d", "moon": "#fff6dc", "heart": "#e0245e", "star": "#ffc83d", "cloud": "#ffffff", "tree": "#2f6b3a",
    "house": "#c8553d", "flower": "#f06292",
}  # fmt: skip
"""Colours things have when none is said."""

Point = tuple[float, float]


def paint(scene: Scene, size: tuple[int, int], seed: int, variation: int, context: Context) -> Image.Image:
    """Return the picture of a scene; variations after the first are laid out a little differently."""
    random = np.random.default_rng([seed & 0xFFFFFFFF, 7])
    canvas = paint_ground(scene.background, size, seed, stars=scene.stars)
    spots = _spots(scene.items, size, random, variation)
    for index, item in enumerate(scene.items):
        colours = [to_rgb(colour) for colour in item.colours] or [
            to_rgb(OWN.get(item.shape) or PALETTE[(index + variation) % len(PALETTE)])
        ]
        if item.shape == "text":
            canvas = _text(canvas, item, scene, context)
            continue
        for number, (x, y, radius) in enumerate(spots[index]):
            colour = colours[number % len(colours)]
            if item.shape == "moon" and not item.colours and _is_dark(canvas, x, y):
                canvas = draw_moon(canvas, (x, y), 1.5 * radius, item.lit)
                continue
            _draw(canvas, item, (x, y), radius, colour)
    return canvas


def _is_dark(canvas: Image.Image, x: float, y: float) -> bool:
    box = (min(canvas.width - 1, int(x)), min(canvas.height - 1, int(y)))
    return float(np.asarray(canvas.crop((*box, box[0] + 1, box[1] + 1))).mean()) < 110


def _spots(items: list[Item], size: tuple[int, int], random: np.random.Generator, variation: int) -> list[list[tuple[float, float, float]]]:
    """Return middle and radius of every shape of every item."""
    width, height = size
    short = min(size)
    drawn = [item for item in items if item.shape != "text"]
    free = sum(item.count for item in drawn if not item.place)
    taken: list[tuple[float, float, float]] = []
    found: list[list[tuple[float, float, float]]] = []
    column = 0
    for item in items:
        spots: list[tuple[float, float, float]] = []
        if item.shape == "text":
            found.append(spots)
            continue
        for _ in range(item.count):
            crowd = sum(each.count for each in drawn)
            radius = short * 0.3 * item.size / max(1.0, crowd**0.5 * (1.35 if crowd > 1 else 1))
            if not item.place and 2 <= free <= 5:
                radius = min(radius, width / free * 0.42, height * 0.42)
            radius = min(radius, short * 0.48)
            if variation:
                radius *= 0.85 + 0.3 * float(random.random())
            if item.place:
                x, y = _placed(item.place, size, radius)
                if item.count > 1:
                    x, y = _scattered(random, (x, y), radius * 1.6 * item.count**0.5, size, radius, taken)
            elif free <= 1:
                x, y = (width / 2, height / 2) if item.shape not in {"sun", "moon", "cloud"} else (width * 0.72, height * 0.26)
                if item.shape in {"sun", "moon", "cloud"}:
                    radius = min(radius, short * 0.14 * item.size)
            elif free <= 5:
                x, y = width * (column + 0.5) / free, height / 2
                column += 1
            else:
                x, y = _scattered(random, None, 0, size, radius, taken)
            if variation and not item.place:
                x += (float(random.random()) - 0.5) * radius * 0.8
                y += (float(random.random()) - 0.5) * (height - 2 * radius) * 0.35
            taken.append((x, y, radius))
            spots.append((x, y, radius))
        found.append(spots)
    return found


def _placed(place: str, size: tuple[int, int], radius: float) -> Point:
    width, height = size
    margin = radius + min(size) * 0.07
    x = margin if "left" in place else width - margin if "right" in place else width / 2
    y = margin if "top" in place else height - margin if "bottom" in place else height / 2
    return x, y


def _scattered(
    random: np.random.Generator,
    middle: Point | None,
    reach: float,
    size: tuple[int, int],
    radius: float,
    taken: list[tuple[float, float, float]],
) -> Point:
    """Return the best of some random places: the one farthest from what is drawn (Mitchell's best candidate)."""
    best: tuple[float, Point] = (-math.inf, (size[0] / 2, size[1] / 2))
    for _ in range(24):
        u, v = float(random.random()), float(random.random())
        if middle is None:
            point = (radius + u * max(0.0, size[0] - 2 * radius), radius + v * max(0.0, size[1] - 2 * radius))
        else:
            point = (
                min(max(middle[0] + (2 * u - 1) * reach, radius), size[0] - radius),
                min(max(middle[1] + (2 * v - 1) * reach, radius), size[1] - radius),
            )
        room = min((math.hypot(point[0] - x, point[1] - y) - r - radius for x, y, r in taken), default=0.0)
        if room > best[0]:
            best = (room, point)
    return best[1]


def _polygon(points: int, radius: float, *, inner: float = 0.0, turn: float = -90.0) -> list[Point]:
    count = 2 * points if inner else points
    return [
        (
            (radius * inner if inner and index % 2 else radius) * math.cos(math.radians(turn + 360 * index / count)),
            (radius * inner if inner and index % 2 else radius) * math.sin(math.radians(turn + 360 * index / count)),
        )
        for index in range(count)
    ]


def _heart(radius: float) -> list[Point]:
    angles = [math.tau * index / 160 for index in range(160)]
    return [
        (
            radius * 16 * math.sin(a) ** 3 / 16.5,
            -radius * (13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a) + 2.5) / 16.5,
        )
        for a in angles
    ]


def _outline(shape: str, r: float) -> list[Point] | None:
    """Return the corners of a shape around 0, 0."""
    arm = r * 0.3
    match shape:
        case "square":
            return [(-0.86 * r, -0.86 * r), (0.86 * r, -0.86 * r), (0.86 * r, 0.86 * r), (-0.86 * r, 0.86 * r)]
        case "rectangle":
            return [(-r, -0.6 * r), (r, -0.6 * r), (r, 0.6 * r), (-r, 0.6 * r)]
        case "triangle":
            return _polygon(3, r)
        case "diamond":
            return [(0, -r), (0.7 * r, 0), (0, r), (-0.7 * r, 0)]
        case "pentagon":
            return _polygon(5, r)
        case "hexagon":
            return _polygon(6, r)
        case "star":
            return _polygon(5, r, inner=0.42)
        case "heart":
            return _heart(r)
        case "line":
            return [(-r, -r * 0.035), (r, -r * 0.035), (r, r * 0.035), (-r, r * 0.035)]
        case "arrow":
            return [
                (-r, -arm * 0.5),
                (0.25 * r, -arm * 0.5),
                (0.25 * r, -arm * 1.6),
                (r, 0),
                (0.25 * r, arm * 1.6),
                (0.25 * r, arm * 0.5),
                (-r, arm * 0.5),
            ]
        case "cross":
            a = arm
            return [(-a, -r), (a, -r), (a, -a), (r, -a), (r, a), (a, a), (a, r), (-a, r), (-a, a), (-r, a), (-r, -a), (-a, -a)]
    return None


def _draw(canvas: Image.Image, item: Item, middle: Point, radius: float, colour: Rgb) -> None:
    """Draw one shape, four times as large on a mask of its own, and scale it down: ImageDraw has no anti-aliasing."""
    over = 4 if radius < 900 else 2
    side = math.ceil(radius * 2.5)
    mask = Image.new("L", (side * over, side * over), 0)
    draw = ImageDraw.Draw(mask)
    c, r = side * over / 2, radius * over

    def oval(x: float, y: float, rx: float, ry: float, fill: int = 255) -> None:
        draw.ellipse((c + x - rx, c + y - ry, c + x + rx, c + y + ry), fill=fill)

    thick = r * 0.12
    corners = _outline(item.shape, r)
    if corners is not None:
        points = [(c + x, c + y) for x, y in corners]
        draw.polygon(points, fill=255)
        if item.outlined:
            inner = _outline(item.shape, r) or []
            draw.polygon([(c + x * 0.82, c + y * 0.82) for x, y in inner], fill=0)
    elif item.shape == "ellipse":
        oval(0, 0, r, r * 0.62)
        if item.outlined:
            oval(0, 0, r - thick, r * 0.62 - thick, 0)
    elif item.shape == "moon":
        oval(0, 0, r * 0.8, r * 0.8)
        if item.lit < 0.9:
            oval(r * (0.25 + 0.55 * item.lit), -r * 0.12, r * 0.74, r * 0.74, 0)
    elif item.shape == "sun":
        oval(0, 0, r * 0.5, r * 0.5)
        for index in range(12):
            a = math.tau * index / 12
            draw.polygon(
                [
                    (c + 0.6 * r * math.cos(a - 0.11), c + 0.6 * r * math.sin(a - 0.11)),
                    (c + r * math.cos(a), c + r * math.sin(a)),
                    (c + 0.6 * r * math.cos(a + 0.11), c + 0.6 * r * math.sin(a + 0.11)),
                ],
                fill=255,
            )
    elif item.shape == "cloud":
        for x, y, size in ((-0.55, 0.12, 0.34), (-0.12, -0.12, 0.46), (0.4, 0.04, 0.38), (0.74, 0.2, 0.24), (-0.85, 0.24, 0.2)):
            oval(x * r, y * r, size * r, size * r)
        draw.rectangle((c - 0.85 * r, c + 0.1 * r, c + 0.74 * r, c + 0.44 * r), fill=255)
    elif item.shape == "flower":
        for index in range(8):
            a = math.tau * index / 8
            oval(0.6 * r * math.cos(a), 0.6 * r * math.sin(a), 0.27 * r, 0.27 * r)
        oval(0, 0, 0.5 * r, 0.5 * r)
    elif item.shape == "tree":
        for top, bottom, half in ((-1.0, -0.2, 0.42), (-0.6, 0.3, 0.56), (-0.2, 0.75, 0.7)):
            draw.polygon([(c, c + top * r), (c + half * r, c + bottom * r), (c - half * r, c + bottom * r)], fill=255)
        draw.rectangle((c - 0.1 * r, c + 0.7 * r, c + 0.1 * r, c + r), fill=255)
    elif item.shape == "house":
        draw.polygon([(c, c - r), (c + r * 0.95, c - r * 0.15), (c - r * 0.95, c - r * 0.15)], fill=255)
        draw.rectangle((c - 0.72 * r, c - 0.2 * r, c + 0.72 * r, c + 0.85 * r), fill=255)
        draw.rectangle((c - 0.16 * r, c + 0.3 * r, c + 0.16 * r, c + 0.85 * r), fill=0)
        draw.rectangle((c - 0.52 * r, c + 0.05 * r, c - 0.28 * r, c + 0.3 * r), fill=0)
        draw.rectangle((c + 0.28 * r, c + 0.05 * r, c + 0.52 * r, c + 0.3 * r), fill=0)
    else:  # circle, ring
        oval(0, 0, r, r)
        if item.outlined or item.shape == "ring":
            hole = r - (thick if item.outlined else r * 0.28)
            oval(0, 0, hole, hole, 0)
    mask = mask.resize((side, side), Image.Resampling.BOX)
    canvas.paste(colour, (round(middle[0] - side / 2), round(middle[1] - side / 2)), mask)
    if item.shape == "flower":
        heart = Image.new("L", (side * over, side * over), 0)
        ImageDraw.Draw(heart).ellipse((c - 0.26 * r, c - 0.26 * r, c + 0.26 * r, c + 0.26 * r), fill=255)
        canvas.paste(
            (255, 214, 79), (round(middle[0] - side / 2), round(middle[1] - side / 2)), heart.resize((side, side), Image.Resampling.BOX)
        )


def _text(canvas: Image.Image, item: Item, scene: Scene, context: Context) -> Image.Image:
    """Write a text as large as fits well: the whole card when it is alone, a line when there is more."""
    alone = len(scene.items) == 1 and not item.place
    text, name = lettering.fitted(item.text, context)
    width, height = canvas.size
    size = min(canvas.size) * (0.3 if alone else 0.1) * item.size
    room = (width * 0.84, height * (0.8 if alone else 0.3))
    for _ in range(60):
        font = lettering.font_of(name, size)
        lines = lettering.wrapped(text, font, room[0])
        extent = lettering.text_size(lines, font)
        longest = max((font.getlength(word) for word in text.split()), default=0)
        if (extent[0] <= room[0] and extent[1] <= room[1] and longest <= room[0]) or size <= 7:
            break
        size *= 0.93
    margin = min(canvas.size) * 0.08
    place = item.place or ("centre" if alone else "bottom")
    x = margin + extent[0] / 2 if "left" in place else width - margin - extent[0] / 2 if "right" in place else width / 2
    y = margin + extent[1] / 2 if "top" in place else height - margin - extent[1] / 2 if "bottom" in place else height / 2
    layer = lettering.text_layer(canvas.size, lines, font, (x, y))
    ground = np.asarray(canvas.convert("L").resize((16, 16), Image.Resampling.BOX)).mean()
    colour = to_rgb(item.colours[0]) if item.colours else (32, 36, 44) if ground > 130 else (255, 255, 255)
    result = canvas.copy()
    if scene.background.kind != "plain":
        shade = layer.filter(ImageFilter.GaussianBlur(max(1.0, size * 0.06))).point([min(255, round(v * 0.75)) for v in range(256)])
        result.paste((0, 0, 0) if sum(colour) > 330 else (255, 255, 255), (0, 0), shade)
    result.paste(colour, (0, 0), layer)
    return result
