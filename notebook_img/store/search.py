"""The words of prompts, indexed by every three letters in a row (SQLite's FTS5), so that any part of a prompt is found at once.

Where SQLite lacks FTS5 or its trigrams (before 3.34) prompts are looked through one by one. A store may be used by both kinds of SQLite:
the triggers that keep the index are taken away by one that could not run them, and put back, the index made anew, by the next one that can.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

SHORTEST = 3
"""Letters of the shortest text the index finds."""

_TABLE = "CREATE VIRTUAL TABLE IF NOT EXISTS prompts USING fts5 (prompt, content = 'turns', content_rowid = 'id', tokenize = 'trigram')"
_TRIGGERS: Mapping[str, str] = {
    "words_came": "AFTER INSERT ON turns BEGIN INSERT INTO prompts (rowid, prompt) VALUES (new.id, new.prompt); END",
    "words_went": "AFTER DELETE ON turns BEGIN INSERT INTO prompts (prompts, rowid, prompt) VALUES ('delete', old.id, old.prompt); END",
}


@functools.cache
def is_available() -> bool:
    """Return whether this SQLite has what the index needs."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(_TABLE)
        except sqlite3.OperationalError:
            return False
    return True


def keep_up(connection: Connection, *, present: bool) -> bool:
    """Make the index where it can be kept and is not `present`, leave it where it cannot be kept; return whether it is there now."""
    if is_available() and not present:
        connection.exec_driver_sql(_TABLE)
        connection.exec_driver_sql("INSERT INTO prompts (prompts) VALUES ('rebuild')")
        # Its parts are merged as soon as there are two of a size: each is looked into by every search.
        connection.exec_driver_sql("INSERT INTO prompts (prompts, rank) VALUES ('automerge', 2)")
        for name, body in _TRIGGERS.items():
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {body}")
    elif present and not is_available():
        for name in _TRIGGERS:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return is_available()


def is_usable(connection: Connection) -> bool:
    """Return whether the index is there and this SQLite can read it."""
    return is_available() and bool(connection.exec_driver_sql("SELECT search FROM counts").scalar_one_or_none())


def matching(connection: Connection, text: str, *, until: int, limit: int) -> list[int]:
    """Return the row ids of turns up to `until` whose prompt contains a text, the latest first."""
    query = "SELECT rowid FROM prompts WHERE prompts MATCH :phrase AND rowid <= :until ORDER BY rowid DESC LIMIT :limit"
    phrase = f'"{text.replace(chr(34), chr(34) * 2)}"'
    return list(connection.exec_driver_sql(query, {"phrase": phrase, "until": until, "limit": limit}).scalars())
