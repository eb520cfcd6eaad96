"""What SQLite keeps up to date by itself in the transaction that makes a change (postgres_triggers.py has the same for PostgreSQL)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from notebook_img.store import schema, search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_ADD_COST = """INSERT INTO days (day, known) VALUES (new.day, CAST(round(new.cost * 1e9) AS INTEGER))
    ON CONFLICT (day) DO UPDATE SET known = known + excluded.known;"""
_TAKE_COST = "UPDATE days SET known = known - CAST(round(old.cost * 1e9) AS INTEGER) WHERE day = old.day AND old.cost IS NOT NULL;"

TRIGGERS: Mapping[str, str] = {
    "turn_came": "AFTER INSERT ON turns BEGIN UPDATE counts SET changes = changes + 1, turns = turns + 1; END",
    "turn_went": "AFTER DELETE ON turns BEGIN UPDATE counts SET changes = changes + 1, turns = turns - 1; END",
    "picture_came": "AFTER INSERT ON pictures BEGIN UPDATE counts SET changes = changes + 1, pictures = pictures + 1; END",
    "picture_went": "AFTER DELETE ON pictures BEGIN UPDATE counts SET changes = changes + 1, pictures = pictures - 1; END",
    "cost_came": f"AFTER INSERT ON spend WHEN new.cost IS NOT NULL BEGIN {_ADD_COST} END",
    # An UPSERT needs a row to insert, so a cost that becomes unknown is a trigger of its own.
    "cost_changed": f"AFTER UPDATE OF cost, day ON spend WHEN new.cost IS NOT NULL BEGIN {_TAKE_COST} {_ADD_COST} END",
    "cost_became_unknown": f"AFTER UPDATE OF cost, day ON spend WHEN new.cost IS NULL BEGIN {_TAKE_COST} END",
    "cost_went": f"AFTER DELETE ON spend BEGIN {_TAKE_COST} END",
}
"""Those since version 2."""

BATCH_TRIGGERS: Mapping[str, str] = {
    "batch_cost": """AFTER UPDATE OF cost ON spend WHEN new.batch IS NOT NULL BEGIN
    UPDATE batches SET spent = spent + CAST(round(coalesce(new.cost, 0) * 1e9) AS INTEGER)
    - CAST(round(coalesce(old.cost, 0) * 1e9) AS INTEGER)
    WHERE id = new.batch; END""",
}
"""Those that version 6 added."""


def finish(connection: Connection, triggers: Mapping[str, str] = {**TRIGGERS, **BATCH_TRIGGERS}) -> None:
    """Make what `schema.metadata` cannot say: the triggers, and the one row of counts."""
    make_triggers(connection, triggers)
    schema.begin_counts(connection)
    search.make(connection)


def lacking(connection: Connection) -> list[str]:
    """Return what an index of this version has to have and this one has not: tables, SQLite's helpers, the row of counts."""
    there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    tables = [table for table in schema.metadata.tables.values() if table.name not in there]
    helpers = [*(index.name for table in schema.metadata.tables.values() for index in table.indexes), *TRIGGERS, *BATCH_TRIGGERS]
    found = [*(f"table {table.name}" for table in tables), *(f"{name}" for name in helpers if name not in there)]
    if schema.counts not in tables and connection.execute(select(schema.counts.c.id)).first() is None:
        found.append("its counts")
    return found


def make_triggers(connection: Connection, triggers: Mapping[str, str]) -> None:
    """Make these triggers."""
    for name, body in triggers.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
