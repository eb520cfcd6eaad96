"""The words of prompts, indexed by every three letters in a row (SQLite's FTS5), so that any part of a prompt is found at once.

Where SQLite lacks FTS5 or its trigrams (before 3.34) prompts are looked through one by one. A store may be used by both kinds of SQLite,
at the same time too: one that cannot run the triggers which keep the index takes them away before it writes, whoever put them there and
when. The next process that can run them makes the index anew when it opens the store; until then all look through prompts one by one.
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


def is_left_out(connection: Connection) -> bool:
    """Return whether the index could be there, and is not."""
    return is_available() and not _is_kept(connection)


def make(connection: Connection) -> None:
    """Make the index, with what keeps it, where it is left out."""
    if not is_left_out(connection):
        return
    connection.exec_driver_sql(_TABLE)
    connection.exec_driver_sql("INSERT INTO prompts (prompts) VALUES ('rebuild')")
    # Its parts are merged as soon as there are two of a size: each is looked into by every search.
    connection.exec_driver_sql("INSERT INTO prompts (prompts, rank) VALUES ('automerge', 2)")
    for name, body in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {body}")
    connection.exec_driver_sql("UPDATE counts SET search = 1")


def give_way(connection: Connection) -> None:
    """Take away what keeps the index, if it is there and this SQLite could not run it: any write of turns would fail."""
    if is_available() or connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'words_came'").first() is None:
        return
    for name in _TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    connection.exec_driver_sql("UPDATE counts SET search = 0")


def is_usable(connection: Connection) -> bool:
    """Return whether the index is there and this SQLite can read it."""
    return is_available() and _is_kept(connection)


def _is_kept(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("SELECT search FROM counts").scalar_one_or_none())


def matching(connection: Connection, text: str, *, until: int, limit: int) -> list[int]:
    """Return the row ids of turns up to `until` whose prompt contains a text, the latest first."""
    query = "SELECT rowid FROM prompts WHERE prompts MATCH :phrase AND rowid <= :until ORDER BY rowid DESC LIMIT :limit"
    phrase = f'"{text.replace(chr(34), chr(34) * 2)}"'
    return list(connection.exec_driver_sql(query, {"phrase": phrase, "until": until, "limit": limit}).scalars())
