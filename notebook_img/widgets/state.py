"""What the browser is told about a session: its tree, the turn looked at, the conversation about its picture. JSON, no bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.records import PictureUse, SessionRecord, TurnRecord
    from notebook_img.store import Store

MOST_NODES = 400
"""Turns on the film strip; the latest ones of a longer session."""
MOST_SESSIONS = 200


def node(record: TurnRecord) -> dict[str, Any]:
    """Return a turn as the film strip shows it."""
    made = record.uses("output")
    return {
        "number": record.number,
        "parent": record.parent,
        "kind": record.kind,
        "prompt": record.prompt,
        "model": record.model,
        "shas": [use.sha256 for use in made],
        "about": _about(record),
        "who": record.origin.words,
    }


def _about(record: TurnRecord) -> str:
    """Return the hash of the picture a question is about."""
    first = record.uses("input")[:1] if record.kind == "ask" else ()
    return first[0].sha256 if first else ""


def details(record: TurnRecord) -> dict[str, Any]:
    """Return a turn as the lines under its picture show it."""
    from notebook_img.display import money

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
        "comparable": bool(made) and (record.parent is not None or bool(record.uses("input"))),
        "who": record.origin.words,
        "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(record.started)) if record.started else "",
    }


def conversation(store: Store, session_id: str, sha: str, *, most: int = MOST_NODES) -> list[TurnRecord]:
    """Return the questions about a picture, oldest first."""
    if not sha:
        return []
    latest = store.turns(session_id, limit=most, newest_first=True)
    return [record for record in reversed(latest) if _about(record) == sha]


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


def nodes(store: Store, session_id: str, *, most: int = MOST_NODES) -> tuple[list[dict[str, Any]], list[PictureUse]]:
    """Return the latest turns for the film strip, by number, and the pictures they show."""
    records = store.turns(session_id, limit=most, newest_first=True)[::-1]
    shown = [use for record in records for use in (record.uses("input")[:1] if record.kind == "ask" else record.uses("output"))]
    return [node(record) for record in records], shown
