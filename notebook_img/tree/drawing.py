"""From turns to what display/ draws: captions, shots and the nodes of a tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from notebook_img.ids import turn_id

if TYPE_CHECKING:
    from notebook_img.display import Caption, Shot, TreeNode
    from notebook_img.records import TurnRecord
    from notebook_img.store import Store
    from notebook_img.tree.turn import Turn

MOST_ROWS = 30
"""Rows of a typed answer that are shown; `frame()` has them all."""
HERE = ("cell", "python", "script")
"""Surfaces that are not mentioned: the person looking is the one who asked."""


def caption(turn: Turn) -> Caption:
    """Return the line under a turn."""
    from notebook_img.display import Caption

    record = turn.record
    made = record.uses("output")
    shown = made[(turn.picked or 1) - 1] if made else None
    parent = "" if record.parent is None else turn_id(record.parent, record.picked)
    return Caption(
        id=turn.full_id,
        parent=parent,
        model=record.model,
        size=(shown.width, shown.height) if shown else None,
        seconds=record.seconds or None,
        cost=record.cost,
        today=turn.today,
        file=", ".join(str(path) for path in turn.files),
        warnings=tuple(dict.fromkeys((*record.warnings, *turn.notices))),
        replayed=turn.given or ("replayed" if turn.replayed else ""),
        note=record.note,
        who="" if record.origin.surface in HERE else record.origin.words,
        text="" if record.kind == "ask" else record.text,
    )


def shots(turn: Turn) -> list[Shot]:
    """Return the pictures shown of a turn; of a question, only one with its boxes drawn."""
    from notebook_img import display

    if turn.kind == "ask":
        boxes = turn.boxes
        if not boxes or not turn.record.uses("input"):
            return []
        seen = display.boxes_overlay(turn.inputs[0], boxes)
        count = f"{len(boxes)} box{'es' if len(boxes) != 1 else ''}"
        return [display.Shot(seen, label=count, alt=f"{count}: {turn.prompt}")]
    pictures = turn.pictures
    if turn.picked is not None:
        return [display.Shot(pictures[turn.picked - 1], label=turn.id, alt=turn.prompt)]
    if len(pictures) == 1:
        return [display.Shot(pictures[0], label=turn.id, alt=turn.prompt)]
    return [
        display.Shot(picture, label=turn_id(turn.number, index), alt=f"Picture {index} of {len(pictures)}: {turn.prompt}")
        for index, picture in enumerate(pictures, 1)
    ]


def answer_words(record: TurnRecord) -> str:
    """Return an answer as Markdown: its boxes or rows as a table, other typed values as JSON, else the model's words.

    A typed answer's own words are JSON in the service's terms (thousandths, wrapped lists), which say less than what was read from them.
    """
    plain = record.answer or {}
    boxes, value = plain.get("boxes"), plain.get("value")
    if boxes is not None:
        return _rows(boxes) if boxes else "No boxes: nothing of that kind was found."
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _rows(value)
    return record.text if value is None else f"```json\n{json.dumps(value, ensure_ascii=False, indent=1)}\n```"


def _rows(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([row.get(name, "") for name in names] for row in rows[:MOST_ROWS])]
    table = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
    return f"{table}\n\n{len(rows) - MOST_ROWS} more rows: .frame()" if len(rows) > MOST_ROWS else table


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()).replace("|", "\\|")


def node(store: Store, record: TurnRecord, *, is_head: bool) -> TreeNode:
    """Return a turn as a node of the history."""
    from notebook_img.display import TreeNode
    from notebook_img.tree.pictures import stored_picture

    made = record.uses("output")
    first = made[0] if made and store.picture_path(made[0].sha256, made[0].mime_type).is_file() else None
    words = [f"{len(made)} pictures" if len(made) > 1 else "", record.model.partition(":")[0]]
    return TreeNode(
        id=record.id,
        parent=None if record.parent is None else turn_id(record.parent),
        kind=record.kind,
        prompt=record.prompt,
        picture=stored_picture(store, first) if first else None,
        is_head=is_head,
        note=", ".join(word for word in words if word),
    )
