"""Questions: answers held to a schema, and boxes in Gemini's convention ([ymin, xmin, ymax, xmax], 0 to 1000)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError
from notebook_img.providers.interface import Capabilities, Request

if TYPE_CHECKING:
    from notebook_img.pictures import Box

SCALE = 1000
"""Gemini's coordinates are thousandths of height and width (Google's image understanding guide)."""
FARTHEST = 1_000_000
"""Thousandths beyond which a number is not a coordinate; nearer ones are cut to the picture."""
BOXES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "box_2d": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
            "label": {"type": "string"},
        },
        "required": ["box_2d", "label"],
    },
}


def prompt(request: Request, capabilities: Capabilities) -> str:
    """Return the prompt as it is sent: with the wish for boxes, or for JSON where the model cannot be held to a schema."""
    if request.boxes is not None:
        wanted = request.boxes.strip() or request.prompt.strip() or "everything notable"
        more = f"{request.prompt}\n" if request.boxes.strip() and request.prompt.strip() else ""
        return (
            f'{more}Find {wanted} in image 1. Answer with a JSON list and nothing else. Each entry has "box_2d": [ymin, xmin, ymax, xmax] '
            'with coordinates from 0 to 1000, and "label". An empty list if there is none.'
        )
    if request.schema is not None and not capabilities.schema:
        return f"{request.prompt}\n\nAnswer with JSON only, fitting this JSON schema:\n{json.dumps(request.schema)}"
    return request.prompt


def schema(request: Request, capabilities: Capabilities) -> Mapping[str, Any] | None:
    """Return the schema the service is to hold the answer to."""
    if request.kind != "ask" or not capabilities.schema:
        return None
    return BOXES_SCHEMA if request.boxes is not None else request.schema


def value(text: str, **facts: Any) -> Any:
    """Return the JSON of an answer, with or without a code fence or words around it.

    Raises
    ------
    BadReplyError
        When there is none in it.
    """
    candidates = [text, *re.findall(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)]
    for opening, closing in ("[]", "{}"):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            return json.loads(candidate, parse_float=_number, parse_constant=_number)
        except (ValueError, RecursionError):
            continue
    raise BadReplyError("The answer is not the JSON that was asked for. Run it again, or ask for less at once.", text=text, **facts)


def boxes(answer: Any, size: tuple[int, int], **facts: Any) -> tuple[tuple[Box, ...], list[str]]:
    """Return boxes in pixels of the first picture, and what had to be mended.

    Parameters
    ----------
    answer
        The JSON of the answer.
    size : tuple of int
        Width and height of the upright picture, pixels.
    """
    from notebook_img.pictures import Box

    if isinstance(answer, Mapping):
        answer = next((item for item in answer.values() if isinstance(item, list)), [answer])
    if not isinstance(answer, list):
        raise BadReplyError("The answer holds no list of boxes.", text=json.dumps(answer), **facts)
    width, height = size
    found: list[Box] = []
    clipped = unusable = 0
    for entry in answer:
        numbers = next((entry[name] for name in ("box_2d", "box", "bbox") if name in entry), None) if isinstance(entry, Mapping) else None
        sides = [_number(number) for number in numbers] if isinstance(numbers, list) else []
        usable = [side for side in sides if side is not None and abs(side) <= FARTHEST]
        if len(usable) != 4 or len(sides) != 4:
            unusable += 1
            continue
        top, left, bottom, right = usable
        (left, right), (top, bottom) = sorted((left, right)), sorted((top, bottom))
        score = entry.get("score", entry.get("confidence"))
        box = Box(
            str(entry.get("label") or ""),
            math.floor(left * width / SCALE),
            math.floor(top * height / SCALE),
            math.ceil(right * width / SCALE),
            math.ceil(bottom * height / SCALE),
            _number(score) if isinstance(score, (int, float)) else None,
        )
        box, was_clipped = box.clip(size)
        if box.width <= 0 or box.height <= 0:
            unusable += 1
            continue
        clipped += was_clipped
        found.append(box)
    notes = [f"{clipped} of {len(answer)} boxes reached beyond the picture and were cut to it."] if clipped else []
    return tuple(found), notes + ([f"{unusable} of {len(answer)} boxes could not be used."] if unusable else [])


def _number(value: Any) -> float | None:
    """Return a finite number, else None: models write NaN, 1e999 and numbers of 400 digits too."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
