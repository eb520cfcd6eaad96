"""Which part of a picture an edit sends, and at which size: the frame around the mask, worked out from what a model takes.

Only the mask's outline is read. The plan is plain data: it is shown before an edit, priced, recorded with the request, and any
process can paste a reply by it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from notebook_img.errors import UsageError
from notebook_img.pictures.boxes import Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

Size = tuple[int, int]
Edges = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the upright picture; right and bottom are exclusive."""

CONTEXT = 0.25
"""Of the mask's longer side: the margin of picture around the mask, so that a model sees what it has to go on with."""
LEAST_CONTEXT = 64
"""Pixels of that margin at the least: the ring a reply is registered on."""
LEAST_FILL = 0.5
"""A frame is widened to this share of what the model paints anyway: more context costs nothing, and detail is still to spare."""
NEARLY = 1.1
"""A frame is widened by up to this to have the very pixels the model paints."""
LOSSLESS = 1.02
"""A patch enlarged by less than this counts as held without loss."""
MOST_OF_IT = 0.75
"""Share of the picture from which on a frame shows enough of it, so that the whole need not go along."""
USUAL_PIXELS = 1024 * 1024
"""What a model paints where nothing is known about its sizes."""


@dataclass(frozen=True)
class Takes:
    """What a model takes and gives, as plain data.

    Attributes
    ----------
    ratios : tuple of str or None
        Aspect ratios it can be asked for (``"16:9"``); None for any.
    sizes : tuple of (str, int)
        Named sizes, each with the pixels (width times height) it stands for.
    pixel_sizes : bool
        Whether ``WIDTHxHEIGHT`` is taken; then ratios and named sizes are not needed.
    fixed_sizes : tuple of (int, int)
        Width and height of the only sizes it makes, where these are few; then nothing else is needed.
    step : int
        Width and height are multiples of this many pixels.
    least_pixels, most_pixels, most_side : int
        Bounds on width times height and on the longer side, of sizes in pixels; 0 for none.
    longest : float
        Longer side against shorter side, at the most.
    native_mask : bool
        Whether a mask is sent as a picture.
    references : int
        Pictures it takes beside the one that is edited.
    """

    ratios: tuple[str, ...] | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    pixel_sizes: bool = False
    fixed_sizes: tuple[Size, ...] = ()
    step: int = 1
    least_pixels: int = 0
    most_pixels: int = 0
    most_side: int = 0
    longest: float = 16.0
    native_mask: bool = False
    references: int = 0


@dataclass(frozen=True)
class RegionPlan:
    """What is sent of a picture, and where the reply belongs.

    Attributes
    ----------
    picture : (int, int)
        Width and height of the whole picture, upright.
    frame : (int, int, int, int)
        Left, top, right, bottom of what is sent. Where it lies beyond the picture, the picture is mirrored.
    ratio : str
        The aspect ratio to ask for; empty when none is asked.
    size : str
        The size to ask for, a name or ``WIDTHxHEIGHT``; empty when none is asked.
    reply : (int, int)
        Width and height the reply should have, as far as that is known.
    sent : (int, int)
        Width and height of what is sent: the frame, reduced to what comes back where that is less.
    enlarged : float
        How much the reply has to be enlarged to fill the frame; 1.0 when it holds the frame without loss.
    alone : float
        The same if every part of the mask had a frame of its own.
    parts : int
        Parts of the mask that are so far apart that each could have a frame of its own.
    covers : bool
        Whether the mask covers the whole picture, so that nothing around it can be compared.
    sends_mask, sends_whole : bool
        Whether a mask goes along as a picture, and the whole picture as a small reference.
    """

    picture: Size
    frame: Edges
    ratio: str = ""
    size: str = ""
    reply: Size = (0, 0)
    sent: Size = (0, 0)
    enlarged: float = 1.0
    alone: float = 1.0
    parts: int = 1
    covers: bool = False
    sends_mask: bool = False
    sends_whole: bool = False

    @property
    def frame_size(self) -> Size:
        """Width and height of the frame, pixels."""
        return self.frame[2] - self.frame[0], self.frame[3] - self.frame[1]

    @property
    def inside(self) -> Edges:
        """The part of the frame that lies in the picture."""
        left, top, right, bottom = self.frame
        return max(left, 0), max(top, 0), min(right, self.picture[0]), min(bottom, self.picture[1])

    @property
    def box(self) -> Box:
        """The frame inside the picture, to be drawn."""
        return Box("sent", *self.inside)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before the edit is paid for."""
        said = []
        if self.enlarged > LOSSLESS:
            said.append(f"patch enlarged {self.enlarged:.1f} x")
            if self.parts > 1 and self.enlarged > 1.1 * self.alone:
                alone = f"enlarged {self.alone:.1f} x" if self.alone > LOSSLESS else "without that loss"
                said.append(f"the {self.parts} parts of the mask are far apart and share one frame; in edits of their own: {alone}")
        if self.covers:
            said.append("the mask covers the whole picture: nothing is left to align the reply by")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RegionPlan:
        """Read what `to_dict` wrote; keys of a later version are passed over.

        Raises
        ------
        UsageError
            When picture or frame are missing or make no sense.
        """
        named = {field.name for field in fields(cls)}
        known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items() if key in named}
        try:
            plan = cls(**known)
            left, top, right, bottom = plan.inside
            sound = left < right and top < bottom and len(plan.picture) == 2
        except (TypeError, ValueError, IndexError):
            sound = False
        if not sound:
            raise UsageError("This is no plan of a region: it needs the picture's size and a frame that lies in it.")
        return plan


def plan_region(picture: Size, mask: Image, takes: Takes, *, size: str | None = None) -> RegionPlan:
    """Work out what to send for an edit inside a mask.

    Parameters
    ----------
    picture : (int, int)
        Width and height, upright.
    mask : PIL.Image.Image
        Grey, of that size; whatever is not black may change. For outpainting, picture and mask are those of the larger canvas.
    takes : Takes
        What the model takes.
    size : str, optional
        A size that was asked for, a name of `takes` or ``WIDTHxHEIGHT``: the patch's size then.

    Raises
    ------
    UsageError
        When mask and picture differ in size, or nothing may change.
    """
    if mask.size != picture:
        raise UsageError(f"The mask has {mask.width} x {mask.height} pixels and the picture {picture[0]} x {picture[1]}.")
    bounds = mask.getbbox()
    if bounds is None:
        raise UsageError("The mask is empty: nothing in it is white, so nothing may change.")
    plan = _framed(picture, bounds, takes, size)
    parts = _parts(mask, bounds)
    alone = max((_framed(picture, part, takes, size).enlarged for part in parts), default=1.0) if len(parts) > 1 else plan.enlarged
    covers = bounds == (0, 0, *picture) and mask.getextrema()[0] != 0
    most = _area(plan.inside) > MOST_OF_IT * picture[0] * picture[1]
    return replace(
        plan,
        alone=alone,
        parts=len(parts),
        covers=covers,
        sends_mask=takes.native_mask,
        sends_whole=takes.references > 0 and not most,
    )


def _framed(picture: Size, bounds: Edges, takes: Takes, size: str | None) -> RegionPlan:
    """Return the plan for a mask with these bounds."""
    margin = max(LEAST_CONTEXT, round(CONTEXT * max(bounds[2] - bounds[0], bounds[3] - bounds[1])))
    box = (
        max(0, bounds[0] - margin),
        max(0, bounds[1] - margin),
        min(picture[0], bounds[2] + margin),
        min(picture[1], bounds[3] + margin),
    )
    # No ratio stands for the box's own.
    shapes = ("",) if takes.pixel_sizes or not takes.ratios else takes.ratios
    fixed = tuple(f"{width}x{height}" for width, height in takes.fixed_sizes)
    if size and takes.pixel_sizes and _typed_pixels(size):
        fixed = (size.casefold().replace("×", "x"),)
    return min((_shaped(picture, box, takes, shape, size, fixed=bool(fixed)) for shape in fixed or shapes), key=lambda pair: pair[0])[1]


def _area(edges: Edges) -> int:
    return (edges[2] - edges[0]) * (edges[3] - edges[1])


def _shaped(picture: Size, box: Edges, takes: Takes, ratio: str, size: str | None, *, fixed: bool) -> tuple[int, RegionPlan]:
    """Return the plan of one ratio, the box widened to it and the size of the model that holds it, and what speaks against it.

    Where it is `fixed`, the ratio is a size in pixels, and none other is asked for.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    wanted = _value(ratio) if ratio else min(max(width / height, 1 / takes.longest), takes.longest)
    least = (max(width, round(height * wanted)), max(height, round(width / wanted)))
    if fixed:
        width_there, _, height_there = ratio.partition("x")
        name, ratio, reply = ratio, "", (int(width_there), int(height_there))
    else:
        name, reply = _pixel_size(least, takes, size) if takes.pixel_sizes else _named_size(least, wanted, takes, size)
    if takes.pixel_sizes and not fixed:
        # Sides in whole steps: the frame takes their ratio exactly, so that nothing is stretched.
        wanted = reply[0] / reply[1]
    # As far as the picture reaches, a frame far below what the model paints is widened: context for nothing.
    room = min(picture[0] / wanted, picture[1])
    tall = max(height, width / wanted)
    # One that nearly has the size the model paints gets it, so that no pixel is resampled.
    more = reply[1] if tall <= reply[1] <= min(NEARLY * tall, room) else min(LEAST_FILL * reply[1], room)
    tight, frame = (_placed(picture, box, max(tall, least_tall), wanted) for least_tall in (0.0, more))
    sides = (frame[2] - frame[0], frame[3] - frame[1])
    enlarged = max(sides[0] / reply[0], sides[1] / reply[1])
    enlarged = 1.0 if enlarged <= LOSSLESS else round(enlarged, 3)
    plan = RegionPlan(picture, frame, ratio, name, reply, sent=reply if enlarged > 1 else sides, enlarged=enlarged)
    # The least frame keeps most detail; what would have to be mirrored counts twice, for it tells a model nothing.
    return 2 * _area(tight) - _area(replace(plan, frame=tight).inside), plan


def _placed(picture: Size, box: Edges, tall: float, ratio: float) -> Edges:
    """Return a frame of this height and ratio around a box, inside the picture where it fits."""
    width, height = math.ceil(tall * ratio - 1e-6), math.ceil(tall - 1e-6)
    left, top = (_start(box[axis], box[axis + 2], length, picture[axis]) for axis, length in enumerate((width, height)))
    return left, top, left + width, top + height


def _value(ratio: str) -> float:
    from notebook_img.pictures.masks import parse_ratio

    return parse_ratio(ratio)


def _start(low: int, high: int, length: int, side: int) -> int:
    """Return where a frame of this length begins on one axis: around the box, inside the picture where it fits."""
    if length >= side:
        return -((length - side) // 2)
    return min(max(0, (low + high - length) // 2), side - length)


def _named_size(least: Size, ratio: float, takes: Takes, size: str | None) -> tuple[str, Size]:
    """Return the smallest named size that holds the frame, else the largest, with the sides it has in this ratio."""
    sizes = sorted(takes.sizes, key=lambda pair: pair[1]) or [("", USUAL_PIXELS)]
    if size:
        typed = [pair for pair in sizes if pair[0].casefold() == size.casefold()]
        sizes = typed or [(size, _typed_pixels(size) or USUAL_PIXELS)]
    shaped = [(name, (max(1, round(math.sqrt(pixels * ratio))), max(1, round(math.sqrt(pixels / ratio))))) for name, pixels in sizes]
    enough = (pair for pair in shaped if pair[1][0] * LOSSLESS >= least[0] and pair[1][1] * LOSSLESS >= least[1])
    return next(enough, shaped[-1])


def _typed_pixels(size: str) -> int:
    width, _, height = size.casefold().replace("×", "x").partition("x")
    return int(width) * int(height) if width.isdecimal() and height.isdecimal() else 0


def _pixel_size(least: Size, takes: Takes, size: str | None) -> tuple[str, Size]:
    """Return the size in pixels that holds the frame, within the model's bounds and in whole steps."""
    width, height = float(least[0]), float(least[1])
    named = {name.casefold(): pixels for name, pixels in takes.sizes}
    typed = (_typed_pixels(size) or named.get(size.casefold(), 0)) if size else 0
    factor = math.sqrt(typed / (width * height)) if typed else max(1.0, math.sqrt(takes.least_pixels / (width * height)))
    if takes.most_pixels:
        factor = min(factor, math.sqrt(takes.most_pixels / (width * height)))
    if takes.most_side:
        factor = min(factor, takes.most_side / max(width, height))
    step, least_pixels = takes.step, 0 if typed else takes.least_pixels
    # In steps upwards, or downwards where that would be too large; where sides of a long frame round beyond its ratio, a little less long.
    for across, down in ((math.ceil, math.ceil), (math.floor, math.ceil), (math.ceil, math.floor), (math.floor, math.floor)):
        sides = (max(step, across(width * factor / step - 1e-6) * step), max(step, down(height * factor / step - 1e-6) * step))
        shortest = math.ceil(max(sides) / takes.longest / step - 1e-6) * step
        sides = (max(sides[0], shortest), max(sides[1], shortest))
        if _allowed(sides, takes) and math.prod(sides) >= least_pixels:
            break
    return f"{sides[0]}x{sides[1]}", sides


def _allowed(sides: Size, takes: Takes) -> bool:
    return (
        (not takes.most_pixels or math.prod(sides) <= takes.most_pixels)
        and (not takes.most_side or max(sides) <= takes.most_side)
        and max(sides) <= takes.longest * min(sides)
    )


def _parts(mask: Image, bounds: Edges) -> list[Edges]:
    """Return the bounds of parts of a mask that are so far apart that their margins do not touch."""
    painted = np.asarray(mask.crop(bounds)) > 0
    height, width = painted.shape
    rows = np.unique(np.linspace(0, height, min(height, 64), endpoint=False).astype(int))
    columns = np.unique(np.linspace(0, width, min(width, 64), endpoint=False).astype(int))
    cells = np.logical_or.reduceat(np.logical_or.reduceat(painted, rows, axis=0), columns, axis=1)
    ends = (np.append(rows[1:], height), np.append(columns[1:], width))
    found: list[Edges] = []
    for row, column in zip(*np.nonzero(cells), strict=True):
        cell = (int(columns[column]), int(rows[row]), int(ends[1][column]), int(ends[0][row]))
        found = _joined(found, cell)
    return [(left + bounds[0], top + bounds[1], right + bounds[0], bottom + bounds[1]) for left, top, right, bottom in found]


def _joined(parts: list[Edges], new: Edges) -> list[Edges]:
    """Return the parts with one more, joined with those whose margins it touches."""
    apart: list[Edges] = []
    for part in parts:
        if _far(part, new):
            apart.append(part)
        else:
            new = (min(part[0], new[0]), min(part[1], new[1]), max(part[2], new[2]), max(part[3], new[3]))
    # A part that grew may touch others now.
    return [*apart, new] if len(apart) == len(parts) else _joined(apart, new)


def _far(one: Edges, other: Edges) -> bool:
    gap = max(one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3])
    margin = max(max(edges[2] - edges[0], edges[3] - edges[1]) for edges in (one, other))
    return gap > 2 * max(LEAST_CONTEXT, CONTEXT * margin)
