"""From turns to what display/ draws: captions, shots and the nodes of a tree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.hints import Hint, worded
from notebook_img.ids import turn_id
from notebook_img.records import Remark
from notebook_img.tree.batches import batch_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.display import Caption, Shot, TreeNode
    from notebook_img.pictures import Bundle
    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.store import Store
    from notebook_img.tree.session import Session
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
    uses = [*record.uses("input"), *record.uses("reference")]
    return Caption(
        id=turn.full_id,
        parent=parent,
        pictures=", ".join(numbered([use.name or "picture" for use in uses])) if len(uses) > 1 else "",
        model=record.model,
        size=(shown.width, shown.height) if shown else None,
        was=_was(record, shown) if shown else None,
        seconds=record.seconds or None,
        cost=record.cost,
        today=turn.today,
        file=", ".join(str(path) for path in turn.files),
        warnings=tuple(dict.fromkeys((*record.warnings, *(each for each in turn.notices if not isinstance(each, Remark))))),
        remarks=tuple(dict.fromkeys(each for each in turn.notices if isinstance(each, Remark))),
        replayed=turn.given or ("replayed" if turn.replayed else ""),
        note=record.note,
        who="" if record.origin.surface in HERE else record.origin.words,
        text="" if record.kind == "ask" else record.text,
    )


def numbered(names: Sequence[str]) -> list[str]:
    """Return pictures as a prompt calls them, in the order they are sent: ``image 1 cat.png``; a lone one is not numbered."""
    return [f"image {number} {name}" for number, name in enumerate(names, 1)] if len(names) > 1 else list(names)


def _was(record: TurnRecord, shown: PictureUse) -> tuple[int, int] | None:
    """Return the size of what was edited where a service made it smaller; the built-in engine does what it was told."""
    inputs = record.uses("input")
    if record.kind != "edit" or not inputs or record.model.startswith("local:") or record.asked.get("size"):
        return None
    before = (inputs[0].width, inputs[0].height)
    return before if shown.width < before[0] and shown.height < before[1] else None


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


def node(store: Store, record: TurnRecord, *, is_head: bool, parent: TurnRecord | None = None) -> TreeNode:
    """Return a turn as a node of the history; `parent` is what it follows, where that is drawn too."""
    from notebook_img.display import TreeNode
    from notebook_img.tree.pictures import stored_picture

    made = record.uses("output")
    seen = made if record.kind != "ask" else record.uses("input")
    if record.kind == "ask" and parent is not None and seen and seen[0].sha256 in {use.sha256 for use in parent.pictures}:
        seen = ()
    first = seen[0] if seen and store.picture_path(seen[0].sha256, seen[0].mime_type).is_file() else None
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


OUTLINE = 5_000
"""Turns of a history that are looked at: their places decide which are drawn. What came before is counted."""
LINE = 15
"""Turns of the head's line that are drawn where it lies farther back."""


@dataclass(frozen=True)
class _More:
    """What leads to the turns that are not drawn."""

    hints: tuple[Hint, ...]
    sentence: str = ""


def history(session: Session, until: int | None, wording: Mapping[str, str]) -> Bundle:
    """Draw a session's history, the part that ends with turn `until`; see `Session.tree`."""
    from notebook_img import display

    store, name, head = session.actor.store, session.name, session.actor.head(session.id)
    outline = store.turn_numbers(session.id, until=until, latest=OUTLINE)
    first = outline[0][0] if outline else 0
    if until is None and head is not None and head < first:
        # What the next edit goes on from is drawn wherever it lies.
        outline = [*((record.number, record.parent, record.kind) for record in store.chain(session.id, head, limit=LINE)), *outline]
    bare = [_bare(number, parent, kind, is_head=number == head) for number, parent, kind in outline]
    kept = display.drawn(bare)
    full = {
        record.number: record for record in store.turns_numbered(session.id, [number for number, *_ in outline if turn_id(number) in kept])
    }
    nodes = [
        node(store, full[number], is_head=item.is_head, parent=full.get(parent or 0)) if number in full else item
        for (number, parent, _), item in zip(outline, bare, strict=True)
    ]
    turns, questions = store.count_turns(session.id, until=until)
    earlier = turns + questions - len(outline)
    hidden = [number for number, *_ in outline if number not in full]
    rest = max(hidden, default=first - 1 if earlier else 0)
    words = worded(_More((Hint("earlier-turns", session=name, turn=turn_id(rest)),)), wording) if rest else ""
    last = store.turn(session.id, until) if until is not None else None
    batches = batch_nodes(store, session.id, last.started if last is not None else None)
    return display.tree(nodes, name=name, earlier=earlier, counts=(turns, questions), more=words, batches=batches)


def _bare(number: int, parent: int | None, kind: str, *, is_head: bool) -> TreeNode:
    """Return a node without its content: enough to decide whether it is drawn."""
    from notebook_img.display import TreeNode

    above = None if parent is None else turn_id(parent)
    return TreeNode(turn_id(number), above, kind, "", is_head=is_head)  # type: ignore[arg-type]
