"""What tells whole rows from lost ones: the index counts its changes, and the count stands in a file beside it too.

An index that knows of fewer changes than the file has lost rows: an older copy, one without its WAL, one whose WAL is damaged. From then on
it is in doubt, and says so itself: nothing may be concluded from what it does not name.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from notebook_img.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

FILE_NAME = "store.count"
_LENGTH = 256
"""Bytes of the file: always written over as a whole, in one call."""


@dataclass(frozen=True)
class Count:
    """How much an index holds, and how often it has changed."""

    store: str
    """The index it is of."""
    changes: int
    """Turns and pictures that came or went; never goes down."""
    turns: int
    pictures: int


DOUBTS = {
    "lost": "rows are missing from it: it is an older copy, or one without its newest part (store.sqlite-wal)",
    "other": "it is not the one that belongs to these pictures",
    "unknown": "nothing tells whether it knows of all pictures that lie beside it",
}
"""Why an index may lack rows, in words that follow "the index is in doubt:"."""


def in_index(connection: Connection) -> tuple[Count, str]:
    """Return what the index counts, and its doubt."""
    row = connection.exec_driver_sql("SELECT store, changes, turns, pictures, doubt FROM counts").first()
    return (Count("", 0, 0, 0), "unknown") if row is None else (Count(row.store, row.changes, row.turns, row.pictures), row.doubt)


def beside(home: Path) -> Count | None:
    """Return what the file beside the index says; None where there is none, or none that can be read."""
    for _ in range(3):  # it may be read in the middle of being written
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            told = json.loads((home / FILE_NAME).read_bytes())
            count = Count(**{field.name: told[field.name] for field in fields(Count)})
            if isinstance(count.store, str) and all(type(number) is int for number in (count.changes, count.turns, count.pictures)):
                return count
    return None


def write_beside(home: Path, count: Count) -> None:
    """Write the count beside the index. Not being able to costs nothing but certainty."""
    line = json.dumps(asdict(count)).encode()
    with contextlib.suppress(OSError):
        # In place and not synced: it is written after each change, and one that is behind by a few claims nothing false.
        descriptor = os.open(home / FILE_NAME, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            os.write(descriptor, line.ljust(_LENGTH - 1) + b"\n")
        finally:
            os.close(descriptor)


def compare(index: Count, told: Count | None) -> str:
    """Return what doubt the file beside an index casts on it, if any."""
    if told is None:
        return "unknown"
    if told.store != index.store:
        return "other"
    return "lost" if told.changes > index.changes else ""


def set_doubt(connection: Connection, doubt: str) -> None:
    """Note in the index itself that rows may be missing, or that none are."""
    connection.execute(update(schema.counts).values(doubt=doubt))


def picture_files(home: Path) -> Iterator[Path]:
    """Give the picture files of a home, whole or not."""
    return (Path(entry) for entry in _entries(home / "pictures"))


def holds_pictures(home: Path) -> bool:
    """Return whether any picture lies in a home."""
    return next(_entries(home / "pictures"), None) is not None


def unnamed_pictures(home: Path, connection: Connection) -> list[Path]:
    """Return the picture files that no row of the index names."""
    named = set(connection.execute(select(schema.pictures.c.sha256)).scalars())
    return [path for path in picture_files(home) if path.stem not in named]


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Give the files of a folder of content: ``ab/abcdef….png``."""
    with contextlib.suppress(OSError), os.scandir(folder) as parts:
        for part in parts:
            if len(part.name) == 2:
                with contextlib.suppress(OSError), os.scandir(part) as files:
                    yield from (entry for entry in files if len(entry.name.partition(".")[0]) == 64)
