"""What a turn takes over from the one it continues: its ratio and size, where none is typed and the picture still has that ratio.

What is taken over is sent and noted in `sent`, never in what was asked: replay compares what was typed.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img.replay import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.providers.interface import Capabilities
    from notebook_img.records import TurnRecord
    from notebook_img.workspace import Workspace

NAMES = ("aspect_ratio", "size")
STILL = 0.04
"""How far a picture may be from its ratio: services round to multiples of 8, 16 or 64 pixels."""
BACK = 30
"""Turns of the built-in engine, which keeps a frame and is asked for none, that are looked beyond."""


class Inherited(NamedTuple):
    """What is taken over."""

    wished: Mapping[str, str] = {}
    """As it was typed once; noted, so that it outlives a model that lacks it."""
    fields: Mapping[str, Any] = {}
    """Of the request: the same, or the nearest that the model has."""
    notes: tuple[str, ...] = ()


def inherited(workspace: Workspace, asked: PlacedCall, able: Capabilities, model: str) -> Inherited:
    """Return the ratio and size of the turn that an edit continues.

    Parameters
    ----------
    workspace : Workspace
        Where the turn is stored.
    asked : PlacedCall
        The call.
    able : Capabilities
        What its model takes.
    model : str
        ``provider:model``, for the notes.
    """
    call, parent = asked.call, asked.parent
    typed = any(getattr(call, name) is not None for name in NAMES)
    if call.kind != "edit" or not asked.continues or parent is None or typed or call.mask is not None or call.outpaint or able.keeps_frame:
        return Inherited()
    wished = _wishes(workspace, parent)
    ratio = _value(wished.get("aspect_ratio", ""))
    made = parent.uses("output")[(asked.picked or 1) - 1]
    if not wished or (ratio and abs(math.log(made.width / made.height / ratio)) > STILL):
        return Inherited()
    fields: dict[str, str] = {}
    notes: list[str] = []
    for name, taken in zip(NAMES, (_ratio_of(wished, able), _size_of(wished, able)), strict=True):
        if taken:
            fields[name] = taken
        if name in wished and taken != wished[name]:
            instead = f"{taken}, its nearest, was asked for" if taken else "none was asked for"
            notes.append(f"{parent.id} was asked for as {wished[name]}, which {model} does not make; {instead}.")
    return Inherited(wished, fields, tuple(notes))


def _wishes(workspace: Workspace, turn: TurnRecord) -> dict[str, str]:
    for _ in range(BACK):
        asked = {name: str(turn.asked[name]) for name in NAMES if turn.asked.get(name)}
        noted = turn.sent.get("inherited") if isinstance(turn.sent, dict) else None
        if asked or noted:
            return asked or dict(noted or {})
        before = workspace.store.turn(turn.session_id, turn.parent) if turn.parent is not None else None
        if before is None or not turn.model.startswith(f"{BUILT_IN}:"):
            break
        turn = before
    return {}


def _value(ratio: str) -> float:
    width, _, height = ratio.partition(":")
    return float(width) / float(height) if height else 0.0


def _ratio_of(wished: Mapping[str, str], able: Capabilities) -> str:
    ratio, has = wished.get("aspect_ratio", ""), able.aspect_ratios
    if not ratio or has is None or ratio in has:
        return ratio
    named = [other for other in has if _value(other)]
    return min(named, key=lambda other: abs(math.log(_value(other) / _value(ratio))), default="")


def _size_of(wished: Mapping[str, str], able: Capabilities) -> str:
    size = wished.get("size", "")
    pixels = re.fullmatch(r"(\d+)[x×](\d+)", size, re.IGNORECASE)
    if not size or (pixels and able.pixel_sizes) or (not pixels and (able.sizes is None or size in able.sizes)):
        return size
    side = max(int(pixels[1]), int(pixels[2])) if pixels else _side(size)
    named = [other for other in able.sizes or () if _side(other)]
    return min(named, key=lambda other: abs(math.log(_side(other) / side)), default="") if side else ""


def _side(size: str) -> float:
    """Return about how many pixels the longest side of a named size has: ``2K``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(K?)", size, re.IGNORECASE)
    return float(found[1]) * (1024 if found[2] else 1) if found else 0.0
