"""Rows that can still be read in a damaged index, brought into a new one: turns, and the books and jobs no notes are kept of.

A turn may come without its pictures, where the pages of those are lost: files and notes tell which they were.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import Connection, select

from notebook_img.errors import NotebookImgError
from notebook_img.pictures import Picture
from notebook_img.store import counting, latest_run, schema, upgrades
from notebook_img.store.rows import insert_pictures

if TYPE_CHECKING:
    from notebook_img.store.bundle import Source

TABLES = (
    *("sessions", "turns", "pictures", "stars", "uses", "batches", "items"),
    *("spend", "outputs", "jobs", "runs", "replies", "named", "refusals", "moves"),
)
"""In an order in which rows come after those they name."""
_MOST = 1 << 40
"""No row id is larger."""
_MOST_FAILURES = 5_000
"""Reads of one table that may fail: around a damaged page it takes about a hundred."""


def salvage(path: Path, connection: Connection, home: Path) -> int:
    """Copy the rows of a damaged index of a home into a new, empty one; return how many came."""
    came, older = 0, False
    try:
        old = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    with contextlib.closing(old):
        old.row_factory = sqlite3.Row
        # What is damaged in a text is one letter of it, not the row.
        old.text_factory = lambda data: data.decode("utf-8", "replace")
        for name in TABLES:
            if name == "stars":  # the first that names pictures
                _read_pictures(connection, home, {row["sha256"] for row in _rows(old, "uses")})
            columns = {column.name for column in schema.metadata.tables[name].columns}
            for row in _rows(old, name):
                older = older or (name == "runs" and "seen" not in row.keys())  # noqa: SIM118 - a sqlite3.Row is no mapping
                values = {key: row[key] for key in row.keys() if key in columns}  # noqa: SIM118 - a sqlite3.Row is no mapping
                with contextlib.suppress(sqlalchemy.exc.DBAPIError):  # it names a row that is lost, or is one twice
                    into, given = ", ".join(f'"{key}"' for key in values), ", ".join(f":{key}" for key in values)
                    connection.exec_driver_sql(f'INSERT INTO "{name}" ({into}) VALUES ({given})', values)  # noqa: S608 - names of our own
                    came += 1
    upgrades.place_all(connection)
    connection.exec_driver_sql("UPDATE runs SET seen = id WHERE seen = 0")  # of an older version
    for statement in latest_run.PLACES if older else ():
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(
        "UPDATE sessions SET turns = (SELECT count(*) FROM turns WHERE session_id = sessions.id), "
        "last_number = max(last_number, (SELECT coalesce(max(number), 0) FROM turns WHERE session_id = sessions.id))"
    )
    return came


def complete_turns(connection: Connection, source: Source) -> int:
    """Give turns the pictures that came out of the damaged index without them, as their notes have them; return how many turns got any."""
    turns, uses = schema.turns.c, schema.uses.c
    completed = 0
    for session in source.sessions:
        for record in source.turns(session.id):
            same = {"session_id": session.id, "number": record.number, "started": record.started, "content_key": record.content_key}
            found = select(turns.id).where(*(turns[name] == value for name, value in same.items()))
            row = connection.execute(found).scalar_one_or_none()
            if row is None:
                continue
            known = set(connection.execute(select(uses.position).where(uses.turn_id == row)).scalars())
            lost = [(position, use) for position, use in enumerate(record.pictures) if position not in known]
            insert_pictures(connection, row, lost)
            completed += bool(lost)
    return completed


def _read_pictures(connection: Connection, home: Path, wanted: Collection[str]) -> None:
    """Make the rows of pictures that turns use anew from their files, where they are lost."""
    for path in counting.unnamed_pictures(home, connection):
        if path.stem in wanted:
            with contextlib.suppress(NotebookImgError, OSError):
                picture = Picture(path.read_bytes())
                facts = {"sha256": path.stem, "mime_type": picture.mime_type, "width": picture.width, "height": picture.height}
                if picture.sha256 == path.stem:
                    connection.execute(schema.pictures.insert().values(**facts, bytes=len(picture.data)))


def _rows(old: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
    """Give all rows of a table that can be read: around what cannot the range of row ids is halved until it is out of the way."""
    waiting: list[tuple[int, int]] = [(-_MOST, _MOST)]
    failures = 0
    while waiting and failures < _MOST_FAILURES:
        first, last = waiting.pop()
        found: list[Any] = []
        try:
            query = f"SELECT * FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"  # noqa: S608 - names of our own
            for row in old.execute(query.replace("*", "rowid AS row_id, *", 1), (first, last)):
                found.append(row)
                first = row["row_id"] + 1
        except sqlite3.Error:
            failures += 1
            if first < last:
                middle = (first + last) // 2
                waiting += [(middle + 1, last), (first, middle)]
        yield from found
