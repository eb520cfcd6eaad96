"""The steps that bring a store of an earlier version to the tables of this one (schema.py)."""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Index, Table, select

from notebook_img.store import latest_run, schema, sqlite_triggers
from notebook_img.store.jumps import places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def place_all(connection: Connection) -> None:
    """Write down where each turn is in its line."""
    turn = schema.turns.c
    for session in connection.execute(select(schema.sessions.c.id)).scalars().all():
        query = select(turn.id, turn.number, turn.parent).where(turn.session_id == session).order_by(turn.number)
        rows = connection.execute(query).all()
        ids = {row.number: row.id for row in rows}
        found = [(place.depth, place.jump, ids[number]) for number, place in places((row.number, row.parent) for row in rows)]
        if found:
            connection.exec_driver_sql("UPDATE turns SET depth = ?, jump = ? WHERE id = ?", found)


def _from_1(connection: Connection) -> None:
    """Add places in lines, counts, and the sums of days."""
    for statement in (
        "ALTER TABLE turns ADD COLUMN depth INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE turns ADD COLUMN jump INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX runs_by_cell",
    ):
        connection.exec_driver_sql(statement)
    for item in (schema.counts, schema.days):
        item.create(connection)
    _index(schema.spend, "spend_unknown").create(connection)
    place_all(connection)
    connection.exec_driver_sql(
        "INSERT INTO days (day, known) SELECT day, sum(CAST(round(cost * 1e9) AS INTEGER)) FROM spend WHERE cost IS NOT NULL GROUP BY day"
    )
    sqlite_triggers.finish(connection, sqlite_triggers.TRIGGERS)


def _from_2(connection: Connection) -> None:
    """Add the order of runs, the place of a cell among equal ones, and what ids, files and URLs in cells meant."""
    for statement in (
        "ALTER TABLE runs ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE uses ADD COLUMN content TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE uses ADD COLUMN address TEXT NOT NULL DEFAULT ''",
        "DROP INDEX IF EXISTS runs_by_cell",
        "DROP INDEX runs_by_source",
        # Rows of this home were written in its order; imported ones, which have no owner, are known by the clock only.
        "UPDATE runs SET seen = id WHERE owner != ''",
    ):
        connection.exec_driver_sql(statement)
    own = connection.exec_driver_sql("SELECT started, seen FROM runs WHERE owner != '' ORDER BY started, seen").all()
    times, latest = [row.started for row in own], list(itertools.accumulate((row.seen for row in own), max, initial=0))
    came = connection.exec_driver_sql("SELECT id, started FROM runs WHERE owner = ''").all()
    if came:
        values = [(latest[bisect.bisect_right(times, row.started)], row.id) for row in came]
        connection.exec_driver_sql("UPDATE runs SET seen = ? WHERE id = ?", values)
    for statement in latest_run.PLACES:
        connection.exec_driver_sql(statement)
    for item in (schema.named, schema.refusals):
        item.create(connection)
    for table, name in (
        *((schema.runs, name) for name in ("runs_by_cell", "runs_by_source", "runs_by_order")),
        *((schema.uses, name) for name in ("uses_by_content", "uses_by_address")),
        (schema.replies, "replies_by_request"),
    ):
        _index(table, name).create(connection)


def _from_3(connection: Connection) -> None:
    """Add the stars that people give to pictures."""
    schema.stars.create(connection)


def _from_4(connection: Connection) -> None:
    """Add how often models may be asked."""
    schema.rates.create(connection)


def _from_5(connection: Connection) -> None:
    """Add batches, their items, and what is spent for each."""
    connection.exec_driver_sql("ALTER TABLE spend ADD COLUMN batch INTEGER")
    for item in (schema.batches, schema.items):
        item.create(connection)
    sqlite_triggers.make_triggers(connection, sqlite_triggers.BATCH_TRIGGERS)


def _from_6(connection: Connection) -> None:
    """Add who spent it."""
    connection.exec_driver_sql("ALTER TABLE spend ADD COLUMN person TEXT NOT NULL DEFAULT ''")


UPGRADES: Mapping[int, Callable[[Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4, 5: _from_5, 6: _from_6}
"""``UPGRADES[n]`` brings a store of version n to n + 1, inside the write transaction that also sets the version.

From 6 on in either database."""

LATE_RUNS = "SELECT 1 FROM runs WHERE seen = 0 AND owner != '' LIMIT 1"
PLACE_LATE_RUNS = """UPDATE runs SET seen = max(1, coalesce((SELECT max(seen) FROM runs AS earlier WHERE earlier.id < runs.id), 0))
WHERE seen = 0 AND owner != ''"""
"""For runs of a process that goes on with version 2 after the upgrade: rows of this home are in its order, and of equal places the later
row counts as the later run."""


def _index(table: Table, name: str) -> Index:
    return next(index for index in table.indexes if index.name == name)
