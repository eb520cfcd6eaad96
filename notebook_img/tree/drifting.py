"""How far an edit moved, scaled, recoloured or softened a picture without being asked to: measured when it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.tree.turn import Turn


def drift_lines(turn: Turn) -> list[str]:
    """Return what a turn's picture is against what it was made of, and against the first of its line; none where nothing was edited."""
    if turn.kind != "edit" or not turn.pictures or not turn.inputs:
        return []
    first = turn
    while first.parent is not None and first.parent.kind != "ask":
        first = first.parent
    before = turn.inputs[0]
    lines = [_line(turn.picture, before, turn.parent.id if turn.parent is not None else before.name or "its input")]
    began = first.inputs[0] if first.inputs else first.picture if first is not turn and first.pictures else None
    # So that people see a session wear out: each edit adds its little.
    if began is not None and began.sha256 != before.sha256:
        lines.append(_line(turn.picture, began, f"the beginning ({began.name or first.id})"))
    return lines


def _line(picture: Picture, before: Picture, name: str) -> str:
    from notebook_img.pictures import measure_drift

    return f"Against {name}: {measure_drift(picture, before).words()}."
