"""A batch as a table: one row per item, in the index of the table it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.studio.batch.earlier import turns_of

if TYPE_CHECKING:
    from notebook_img.records import ItemRecord, TurnRecord
    from notebook_img.studio.batch.batch import Batch


def frame_of(batch: Batch) -> Any:
    """Return a DataFrame: combined values, turn, picture or text or typed columns, seconds, cost, error.

    With ``--table`` an item may have any number of rows, its index repeated.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            "The table of a batch is a pandas DataFrame, and pandas is not installed.", hint=Hint("install", package="pandas")
        ) from error
    from notebook_img.tree import typed_columns

    record = batch.record
    items = batch.studio.store.items(batch.number)
    turns = turns_of(batch.studio, {item.session_id for item in items if item.turn is not None})
    names = list(record.facts.get("index") or [])
    index: list[Any] = []
    rows: list[dict[str, Any]] = []
    for item in items:
        turn = turns.get((item.session_id, item.turn or 0)) if item.turn is not None else None
        fields = item.fields
        key = fields.get("index")
        for answer in _answers(turn):
            index.append(tuple(key) if isinstance(key, list) else key)
            rows.append({**(fields.get("chosen") or {}), **_facts(batch, turn), **answer, **_ends(item)})
    columns = str(record.call.get("row") or record.call.get("table") or "")
    frame = pd.DataFrame(rows)
    if index and all(isinstance(key, tuple) for key in index):
        frame.index = pd.MultiIndex.from_tuples(index, names=names or None)
    elif index:
        frame.index = pd.Index(index, name=names[0] if names else None)
    return typed_columns(frame, columns)


def _facts(batch: Batch, turn: TurnRecord | None) -> dict[str, Any]:
    from notebook_img.ids import turn_id

    if turn is None:
        return {"turn": None}
    made = turn.uses("output")
    name = batch.studio.session_name(turn.session_id)
    picture = batch.studio.store.picture_path(made[0].sha256, made[0].mime_type) if made else None
    return {"turn": turn_id(turn.number, session=name), **({"picture": str(picture)} if made else {})}


def _answers(turn: TurnRecord | None) -> list[dict[str, Any]]:
    """Return the rows of an answer: typed columns, or its text."""
    if turn is None or turn.kind != "ask":
        return [{}]
    value = (turn.answer or {}).get("value")
    if value is None:
        return [{"text": turn.text}]
    several = value if isinstance(value, list) else [value]
    return [one if isinstance(one, dict) else {"value": one} for one in several] or [{}]


def _ends(item: ItemRecord) -> dict[str, Any]:
    return {"seconds": item.seconds or None, "cost": item.cost, "error": item.error or None}
