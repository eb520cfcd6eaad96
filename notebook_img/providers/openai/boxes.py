"""Boxes: how each family of models says where something is, as data, and how that becomes pixels of the picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.providers.openai.answers import WRAPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.pictures import Box

THOUSANDTHS = 1000.0


@dataclass(frozen=True)
class Convention:
    """One family's way of writing a box."""

    family: str
    pattern: str
    """Regular expression that finds the family in a model name."""
    key: str
    down_first: bool = False
    """``[top, left, bottom, right]`` instead of ``[left, top, right, bottom]``."""
    scale: float | None = THOUSANDTHS
    """Coordinates run from 0 to this; None: pixels of the picture sent."""
    source: str = ""


CONVENTIONS = (
    Convention("gemini", r"gemini", "box_2d", down_first=True, source="Gemini docs, image understanding, read 2026-11"),
    Convention("qwen2.5", r"qwen-?2[.-]?5", "bbox_2d", scale=None, source="github.com/QwenLM/Qwen3-VL issues 676, 940"),
    Convention("qwen", r"qwen|qvq", "bbox_2d", source="github.com/QwenLM/Qwen3-VL issues 866 (Qwen2), 1486 (Qwen3)"),
    Convention("glm", r"glm", "bbox_2d", source="GLM-4.5V and 4.6V model cards: [[x1, y1, x2, y2]], 0 to 999"),
    # Last, for everybody else. Thousandths survive the scaling down that services do behind the scenes; pixels do not.
    Convention("any", r"", "box"),
)


def convention_of(model: str) -> Convention:
    """Return the convention of the family `model` belongs to."""
    return next(convention for convention in CONVENTIONS if re.search(convention.pattern, model, re.IGNORECASE))


def instruction(what: str, convention: Convention, size: tuple[int, int]) -> str:
    """Return the words that ask for boxes of `what` in a picture that was sent in `size` (width, height in pixels)."""
    order = "[top, left, bottom, right]" if convention.down_first else "[left, top, right, bottom]"
    if convention.scale is None:
        unit = f"in pixels of the image, which is {size[0]} wide and {size[1]} high"
    else:
        unit = "as numbers from 0 to 1000 relative to the width and height of the image"
    return (
        f"Find {what.strip() or 'every notable object'} in the first image. Answer with a JSON array, one item for each thing found, "
        f'like {{"label": "name", "{convention.key}": {order}}}, with {order} {unit}. Answer [] if there is none.'
    )


def schema(convention: Convention) -> dict[str, Any]:
    """Return the JSON schema of such an answer."""
    return {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"label": {"type": "string"}, convention.key: {"type": "array", "items": {"type": "number"}}},
            "required": ["label", convention.key],
            "additionalProperties": False,
        },
    }


def read_boxes(
    value: Any, convention: Convention, *, size: tuple[int, int], sent: tuple[int, int], what: str = ""
) -> tuple[tuple[Box, ...], list[str]]:
    """Return the boxes in `value` in pixels of a picture of `size` that was sent in size `sent`, and what must be said.

    Raises
    ------
    ValueError
        There is something in it that is no box.
    """
    from notebook_img.pictures import Box

    found: list[Box] = []
    clipped = outside = 0
    try:
        items = list(_items(value, what.strip() or "object"))
    except RecursionError:
        msg = "the answer is nested too deeply"
        raise ValueError(msg) from None
    for label, numbers, score, is_point in items:
        left, top, right, bottom = _edges(numbers, convention, sent, is_point=is_point)
        x, y = size[0] / sent[0], size[1] / sent[1]
        box = Box(label, round(left * x), round(top * y), round(right * x), round(bottom * y), score)
        if is_point:
            box = Box(label, box.left, box.top, box.left + 1, box.top + 1, score)
        if box.right <= 0 or box.bottom <= 0 or box.left >= size[0] or box.top >= size[1] or box.right <= box.left or box.bottom <= box.top:
            outside += 1
            continue
        box, was_clipped = box.clip(size)
        clipped += was_clipped
        found.append(box)
    notes = []
    if clipped:
        notes.append(f"{_boxes(clipped)} reached beyond the picture and {'was' if clipped == 1 else 'were'} clipped.")
    if outside:
        notes.append(f"{_boxes(outside)} lay outside the picture or had no extent and {'was' if outside == 1 else 'were'} left out.")
    return tuple(found), notes


def _boxes(count: int) -> str:
    return f"{count} {'box' if count == 1 else 'boxes'}"


_BOX_WORDS = ("box_2d", "bbox_2d", "box", "bbox", "bounding_box", "boundingBox", "coordinates")
_POINT_WORDS = ("point_2d", "point")
_LABEL_WORDS = ("label", "name", "class", "text", "object")


def _items(value: Any, otherwise: str) -> Iterator[tuple[str, list[float], float | None, bool]]:
    """Yield label, numbers, score, and whether it is a point, for everything in `value`."""
    if isinstance(value, dict):
        word = next((word for word in (*_BOX_WORDS, *_POINT_WORDS) if word in value), None)
        if word is None:
            inner = [(name, item) for name, item in value.items() if isinstance(item, list | dict)]
            if not inner and value:
                msg = "an item has no box"
                raise ValueError(msg)
            for name, item in inner:
                # {"cat": [1, 2, 3, 4]} has its label as a name; {"answer": [{"label": ...}]} has not.
                plain = name == WRAPPED or (isinstance(item, list) and any(isinstance(part, dict) for part in item))
                yield from _items(item, otherwise if plain else name)
            return
        label = next((str(value[name]) for name in _LABEL_WORDS if value.get(name)), otherwise)
        told = next((value[name] for name in ("score", "confidence") if isinstance(value.get(name), int | float)), None)
        score = float(told) if told is not None and 0 <= told <= 1 else None
        for numbers in _quadruples(value[word]):
            yield label, numbers, score, word in _POINT_WORDS or len(numbers) == 2
    elif isinstance(value, list):
        if value and all(isinstance(item, int | float) for item in value):
            for numbers in _quadruples(value):
                yield otherwise, numbers, None, len(numbers) == 2
            return
        for item in value:
            yield from _items(item, otherwise)
    else:
        msg = f"{value!r:.60} is not a box"
        raise ValueError(msg)  # noqa: TRY004 - what a model wrote, not what a programmer passed


def _quadruples(value: Any) -> Iterator[list[float]]:
    if isinstance(value, dict):  # {"x": .., "y": .., "width": .., "height": ..} or {"left": ...}
        value = _named(value)
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        for item in value:
            yield from _quadruples(item)
        return
    numeric = isinstance(value, list) and all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
    if not numeric or len(value) not in {2, 4}:
        msg = f"{value!r:.60} are not the four numbers of a box"
        raise ValueError(msg)
    if not all(-1e9 < number < 1e9 for number in value):
        msg = "a box has coordinates beyond all measure"
        raise ValueError(msg)
    yield [float(number) for number in value]


def _named(value: dict[str, Any]) -> Any:
    for names in (("left", "top", "right", "bottom"), ("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax")):
        if all(name in value for name in names):
            return [value[name] for name in names]
    if all(isinstance(value.get(name), int | float) for name in ("x", "y", "width", "height")):
        return [value["x"], value["y"], value["x"] + value["width"], value["y"] + value["height"]]
    return value


def _edges(numbers: list[float], convention: Convention, sent: tuple[int, int], *, is_point: bool) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom in pixels of the picture as sent."""
    if is_point:
        numbers = [*numbers[:2], *numbers[:2]]
    if convention.down_first:
        numbers = [numbers[1], numbers[0], numbers[3], numbers[2]]
    scale = convention.scale
    if all(0 <= number <= 1 for number in numbers) and any(number != int(number) for number in numbers):
        scale = 1.0  # some models answer in fractions whatever they are asked
    x, y = (1.0, 1.0) if scale is None else (sent[0] / scale, sent[1] / scale)
    left, right = sorted((numbers[0] * x, numbers[2] * x))
    top, bottom = sorted((numbers[1] * y, numbers[3] * y))
    return left, top, right, bottom
