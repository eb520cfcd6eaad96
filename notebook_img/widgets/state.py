"""What the browser is told about a session: its tree, the turn looked at, the conversation about its picture. JSON, no bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.ids import turn_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notebook_img.records import PictureUse, SessionRecord, TurnRecord
    from notebook_img.store import Store
    from notebook_img.widgets.stage import Base

MOST_NODES = 400
"""Turns on the film strip; the latest ones of a longer session."""
MOST_SESSIONS = 200


def node(record: TurnRecord) -> dict[str, Any]:
    """Return a turn as the film strip shows it; `key` is its place in the history, `after` the key of what it was made from."""
    source = source_of(record)
    return {
        "key": record.id,
        "after": turn_id(record.parent) if record.parent is not None else source.sha256 if source is not None else None,
        "number": record.number,
        "kind": record.kind,
        "prompt": record.prompt,
        "model": record.model,
        "shas": [use.sha256 for use in record.uses("output")],
        "who": record.origin.words,
    }


def source_of(record: TurnRecord) -> PictureUse | None:
    """Return the picture that a turn brought in: what its line starts from. None for a turn that follows another, or none."""
    return next(iter(record.uses("input")), None) if record.parent is None and record.kind != "generate" else None


def _source_node(sha256: str, name: str) -> dict[str, Any]:
    return {
        "key": sha256,
        "after": None,
        "number": None,
        "kind": "source",
        "prompt": name,
        "model": "",
        "shas": [sha256],
        "who": "",
    }


def sources(records: Iterable[TurnRecord]) -> dict[str, PictureUse]:
    """Return the pictures that turns brought in, by hash, in the order they came."""
    found: dict[str, PictureUse] = {}
    for record in records:
        use = source_of(record)
        if use is not None:
            found.setdefault(use.sha256, use)
    return found


def details(record: TurnRecord) -> dict[str, Any]:
    """Return a turn as the lines under its picture show it."""
    from notebook_img.display import moment, money

    made = record.uses("output")
    cost = "free" if record.cost == 0 else "cost unknown" if record.cost is None else money(record.cost)
    return {
        "number": record.number,
        "id": record.id,
        "kind": record.kind,
        "prompt": record.prompt,
        "model": record.model,
        "cost": record.note or cost,
        "seconds": record.seconds,
        "text": record.text if record.kind != "ask" else "",
        "warnings": list(record.warnings),
        "pictures": [{"sha": use.sha256, "width": use.width, "height": use.height} for use in made],
        "parent": record.parent,
        "masked": bool(record.uses("mask")),
        "delivered": bool(record.uses("delivered")),
        "comparable": bool(made) and bool(record.uses("input")),
        "who": record.origin.words,
        "when": moment(record.started) if record.started else "",
    }


def conversation(records: Iterable[TurnRecord], sha: str) -> list[TurnRecord]:
    """Return the questions about a picture among turns."""
    return [record for record in records if record.kind == "ask" and [use.sha256 for use in record.uses("input")[:1]] == [sha]]


def question(record: TurnRecord) -> dict[str, Any]:
    """Return a question with its answer and boxes."""
    from notebook_img.display import money

    answer = record.answer or {}
    text = record.text or _plain(answer.get("value"))
    boxes = answer.get("boxes") or []
    if boxes and text.lstrip().startswith(("[", "{", "```")):
        # The model's JSON is what the boxes on the picture show better.
        text = f"{len(boxes)} found: {', '.join(dict.fromkeys(str(box.get('label') or 'unnamed') for box in boxes))}."
    cost = "free" if record.cost == 0 else "cost unknown" if record.cost is None else money(record.cost)
    return {
        "id": record.id,
        "prompt": record.prompt,
        "text": text,
        "boxes": boxes,
        "model": record.model,
        "cost": record.note or cost,
        "warnings": list(record.warnings),
    }


def _plain(value: Any) -> str:
    if value is None:
        return ""
    import json

    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False, default=str)


def sessions(store: Store, current: SessionRecord | None) -> list[dict[str, Any]]:
    """Return the sessions to choose from, the one used last first."""
    rows = [{"id": record.id, "name": record.name, "turns": record.turns} for record in store.sessions(limit=MOST_SESSIONS)]
    if current is not None and current.id not in {row["id"] for row in rows}:
        rows.append({"id": current.id, "name": current.name, "turns": current.turns})
    return rows


def nodes(records: Sequence[TurnRecord], stage: Base) -> tuple[list[dict[str, Any]], list[PictureUse]]:
    """Return turns for the film strip, and the pictures it shows. What a line starts from is a node of its own, before its turns.

    A picture that was brought in and not used yet is one too: it is where the next edit starts.
    """
    first = sources(records)
    found = [_source_node(sha, use.name or "picture") for sha, use in first.items()]
    if stage.picture is not None and stage.brought_in and stage.picture.sha256 not in first:
        found.append(_source_node(stage.picture.sha256, stage.name))
    shown = [use for record in records for use in record.uses("output")]
    return [*found, *map(node, records)], [*first.values(), *shown]
