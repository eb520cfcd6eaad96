"""Statements written out once as SQL text, for the few that every turn runs.

SQLAlchemy builds and looks up a statement anew each time it is run, which costs more than SQLite takes for these
(measured: 6 ms of processor time for storing a turn, against 2); as text they go straight to the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Table


def insert_into(table: Table, *, unless_there: bool = False, or_replace: bool = False) -> str:
    """Return the text that inserts one row, all columns but a row id named: for ``connection.exec_driver_sql(text, values)``.

    Parameters
    ----------
    unless_there : bool
        Leave a row alone whose key is taken.
    or_replace : bool
        Put the new values into a row whose key is taken.
    """
    names = [column.name for column in table.columns if column is not table.autoincrement_column]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    text = f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})'  # noqa: S608 - names of our own
    if unless_there:
        return f"{text} ON CONFLICT DO NOTHING"
    if or_replace:
        keys = [column.name for column in table.primary_key]
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in keys)
        return f"{text} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    return text
