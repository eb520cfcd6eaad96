"""Records (records.py) to rows of the tables and back."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, select

from notebook_img.records import BatchRecord, ItemRecord, JobRecord, Origin, PictureUse, SessionRecord, SpendRecord, TurnRecord
from notebook_img.store import schema
from notebook_img.store.database import insert_row
from notebook_img.store.jumps import place_of
from notebook_img.store.people import as_here
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AnyRow: TypeAlias = Any
"""A row of a result; its type parameters differ between SQLAlchemy 2.0 and 2.1."""
PART = 500
"""Most values in one IN (...): SQLite takes 999 in old versions."""


def dumps(value: Any) -> str:
    """Return compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with text that UTF-8 can encode: a lone surrogate in a prompt must not cost a paid turn."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) and not value.isascii() else value
        for name, value in values.items()
    }


def session_values(record: SessionRecord) -> dict[str, Any]:
    """Return the columns of a session, except its counters."""
    return {
        "id": record.id,
        "name": record.name,
        "created": record.created,
        "updated": record.updated,
        "model": record.model,
        "head": record.head,
        "redo": dumps(list(record.redo)),
        "notebook": record.notebook,
        "settings": dumps(dict(record.settings)),
    }


class Cells:
    """The cells of one row, read so that a damaged one costs itself and not the row, its session or the home."""

    def __init__(self, row: AnyRow) -> None:
        self._row = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
        self.damaged: list[str] = []

    def text(self, name: str) -> str:
        """Return text."""
        value = self._row[name]
        return value if isinstance(value, str) else self._lost(name, "")

    def whole(self, name: str, instead: Any = None) -> Any:
        """Return a whole number, or None where the column may be empty."""
        value = self._row[name]
        return value if isinstance(value, int) or (value is None and instead is None) else self._lost(name, instead)

    def number(self, name: str, instead: Any = 0.0) -> Any:
        """Return a number, or None where the column may be empty."""
        value = self._row[name]
        return value if isinstance(value, (float, int)) or (value is None and instead is None) else self._lost(name, instead)

    def json(self, name: str, kind: Any = object) -> Any:
        """Return a JSON value of a type; an empty one of it where it is none."""
        try:
            value = json.loads(self._row[name])
        except (ValueError, TypeError, RecursionError):
            return self._lost(name, kind() if kind is not object else None)
        return value if isinstance(value, kind) else self._lost(name, kind())

    def digits(self, name: str) -> int | None:
        """Return a whole number of any size, which stands as text."""
        value = self._row[name]
        if value is None or (isinstance(value, str) and value.lstrip("-").isdecimal()):
            return None if value is None else int(value)
        return self._lost(name, None)  # type: ignore[no-any-return]

    def _lost(self, name: str, instead: Any) -> Any:
        self.damaged.append(name)
        return instead


def session_record(row: AnyRow) -> SessionRecord:
    """Read one row of ``sessions``."""
    cells = Cells(row)
    return SessionRecord(
        id=row.id,
        name=row.name,
        created=cells.number("created"),
        updated=cells.number("updated"),
        model=cells.text("model"),
        head=cells.whole("head"),
        redo=tuple(cells.json("redo", list)),
        notebook=as_here(cells.text("notebook")),
        settings=cells.json("settings", dict),
        turns=cells.whole("turns", 0),
    )


def turn_values(record: TurnRecord) -> dict[str, Any]:
    """Return the columns of a turn."""
    return {
        "session_id": record.session_id,
        "number": record.number,
        "kind": record.kind,
        "prompt": record.prompt,
        "model": record.model,
        "parent": record.parent,
        "picked": record.picked,
        "head_before": record.head_before,
        "text": record.text,
        "asked": dumps(dict(record.asked)),
        "sent": dumps(record.sent),
        "got": dumps(record.got),
        "seed": None if record.seed is None else str(record.seed),
        "usage": dumps(dict(record.usage)),
        "cost": record.cost,
        "warnings": dumps(list(record.warnings)),
        "note": record.note,
        "answer": dumps(record.answer),
        "started": record.started,
        "seconds": record.seconds,
        "surface": record.origin.surface,
        "origin_name": record.origin.name,
        "kernel": record.origin.kernel,
        "cell": record.origin.cell,
        "run": record.origin.run,
        "notebook": record.origin.notebook,
        "request_key": record.request_key,
        "content_key": record.content_key,
        "key_mark": record.key_mark,
        "raw": record.raw,
    }


KINDS = ("generate", "edit", "ask")


def turn_record(row: AnyRow, pictures: tuple[PictureUse, ...] = ()) -> TurnRecord:
    """Read one row of ``turns``. Where part of it is damaged the rest is given, and a warning says so."""
    cells = Cells(row)
    kind = cells.text("kind")
    record = TurnRecord(
        session_id=row.session_id,
        number=row.number,
        kind=kind if kind in KINDS else "edit",  # type: ignore[arg-type]
        prompt=cells.text("prompt"),
        model=cells.text("model"),
        parent=cells.whole("parent"),
        picked=cells.whole("picked"),
        head_before=cells.whole("head_before"),
        pictures=pictures,
        text=cells.text("text"),
        asked=cells.json("asked", dict),
        sent=cells.json("sent"),
        got=cells.json("got"),
        seed=cells.digits("seed"),
        usage=cells.json("usage", dict),
        cost=cells.number("cost", None),
        warnings=tuple(str(warning) for warning in cells.json("warnings", list)),
        note=cells.text("note"),
        answer=cells.json("answer"),
        started=cells.number("started"),
        seconds=cells.number("seconds"),
        origin=Origin(
            surface=cells.text("surface"),  # type: ignore[arg-type]
            name=cells.text("origin_name"),
            kernel=cells.text("kernel"),
            cell=cells.text("cell"),
            run=cells.whole("run", 0),
            notebook=as_here(cells.text("notebook")),
        ),
        request_key=cells.text("request_key"),
        content_key=cells.text("content_key"),
        key_mark=cells.text("key_mark"),
        raw=cells.text("raw"),
    )
    damaged = [*cells.damaged, *(() if kind in KINDS else ("kind",))]
    return dataclasses.replace(record, warnings=(*record.warnings, damage(damaged))) if damaged else record


DAMAGED = "Part of this turn's row is damaged"


def damage(columns: Iterable[str]) -> str:
    """Return the warning about a damaged row."""
    return f"{DAMAGED}: {', '.join(columns)}."


def picture_use(row: AnyRow) -> PictureUse:
    """Read one row of ``uses`` joined with ``pictures``."""
    return PictureUse(
        sha256=row.sha256,
        role=row.role,
        mime_type=row.mime_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        name=row.name,
        pixels_key=row.pixels_key,
        content=row.content,
        address=row.address,
    )


USE_COLUMNS = (
    schema.uses.c.id,
    schema.uses.c.turn_id,
    schema.uses.c.role,
    schema.uses.c.sha256,
    schema.uses.c.name,
    schema.uses.c.pixels_key,
    schema.uses.c.content,
    schema.uses.c.address,
    schema.pictures.c.mime_type,
    schema.pictures.c.width,
    schema.pictures.c.height,
    schema.pictures.c.bytes,
)


def turn_records(connection: Connection, rows: Iterable[AnyRow]) -> list[TurnRecord]:
    """Read rows of ``turns`` with their pictures, in few queries however many they are."""
    found = list(rows)
    uses: dict[int, list[PictureUse]] = {}
    ids = [row.id for row in found]
    for start in range(0, len(ids), PART):
        query = (
            select(*USE_COLUMNS)
            .join(schema.pictures, schema.pictures.c.sha256 == schema.uses.c.sha256)
            .where(schema.uses.c.turn_id.in_(ids[start : start + PART]))
            .order_by(schema.uses.c.turn_id, schema.uses.c.position)
        )
        for row in connection.execute(query):
            uses.setdefault(row.turn_id, []).append(picture_use(row))
    return [turn_record(row, tuple(uses.get(row.id, ()))) for row in found]


_INSERT_TURN = insert_into(schema.turns)
_INSERT_PICTURE = insert_into(schema.pictures, unless_there=True)
_INSERT_USE = insert_into(schema.uses)


def insert_turn(connection: Connection, record: TurnRecord) -> int:
    """Insert a numbered turn with its uses; return its row id."""
    place = place_of(connection, record.session_id, record.number, record.parent)
    turn_id = insert_row(connection, _INSERT_TURN, sound({**turn_values(record), "depth": place.depth, "jump": place.jump}))
    insert_pictures(connection, turn_id, list(enumerate(record.pictures)))
    return turn_id


def insert_pictures(connection: Connection, turn_id: int, pictures: Sequence[tuple[int, PictureUse]]) -> None:
    """Insert pictures of the turn with this row id, each at its position."""
    if pictures:
        facts = {
            use.sha256: {
                "sha256": use.sha256,
                "mime_type": use.mime_type,
                "width": use.width,
                "height": use.height,
                "bytes": use.bytes,
            }
            for _, use in pictures
        }
        connection.exec_driver_sql(_INSERT_PICTURE, list(facts.values()))
        connection.exec_driver_sql(
            _INSERT_USE,
            [
                {
                    "turn_id": turn_id,
                    "position": position,
                    "role": use.role,
                    "sha256": use.sha256,
                    "name": use.name.encode("utf-8", "replace").decode(),
                    "pixels_key": use.pixels_key,
                    "content": use.content,
                    "address": use.address,
                }
                for position, use in pictures
            ],
        )


def spend_record(row: AnyRow) -> SpendRecord:
    """Read one row of ``spend``."""
    return SpendRecord(
        id=row.id,
        at=row.at,
        day=row.day,
        model=row.model,
        state=row.state,
        estimate=row.estimate,
        cost=row.cost,
        session=row.session,
        turn=row.turn,
        origin=row.origin,
        usage=Cells(row).json("usage", dict),
        person=row.person,
    )


_JOB_JSON = ("service_state", "request")


def job_values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns for fields of a JobRecord."""
    values = {name: dumps(dict(value)) if name in _JOB_JSON else value for name, value in fields.items()}
    if "cancel_wanted" in values:
        values["cancel_wanted"] = int(values["cancel_wanted"])
    return values


def job_record(row: AnyRow) -> JobRecord:
    """Read one row of ``jobs``."""
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    for name in _JOB_JSON:
        fields[name] = Cells(row).json(name, dict)
    fields["cancel_wanted"] = bool(fields["cancel_wanted"])
    return JobRecord(**fields)


ITEM_FIELDS = tuple(field.name for field in dataclasses.fields(ItemRecord))
"""Its columns that are read; the others are of its lease."""


def batch_values(record: BatchRecord) -> dict[str, Any]:
    """Return the columns of a batch."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return values | {"call": dumps(dict(record.call)), "facts": dumps(dict(record.facts)), "spent": round(record.spent * 1e9)}


def batch_record(row: AnyRow) -> BatchRecord:
    """Read one row of ``batches``."""
    cells = Cells(row)
    plain = {field.name: getattr(row, field.name) for field in dataclasses.fields(BatchRecord)}
    return BatchRecord(
        **{
            **plain,
            "call": cells.json("call", dict),
            "facts": cells.json("facts", dict),
            "spent": row.spent / 1e9,
            "notebook": as_here(row.notebook),
        }
    )


def item_values(record: ItemRecord) -> dict[str, Any]:
    """Return the columns of an item."""
    values = {name: getattr(record, name) for name in ITEM_FIELDS}
    return values | {"call": dumps(dict(record.call)), "fields": dumps(dict(record.fields))}


def item_record(row: AnyRow) -> ItemRecord:
    """Read one row of ``items``."""
    cells = Cells(row)
    plain = {name: getattr(row, name) for name in ITEM_FIELDS}
    return ItemRecord(**{**plain, "call": cells.json("call", dict), "fields": cells.json("fields", dict)})


def contains(text: str) -> str:
    """Return the LIKE pattern (escape character backslash) for rows that contain `text`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
