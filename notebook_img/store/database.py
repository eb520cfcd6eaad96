"""What the store needs of a database, whichever it is: SQLite in a folder (sqlite.py) or PostgreSQL (postgres.py).

Statements are written as SQLite reads them; what differs elsewhere is said once, in the database's own module. A write transaction is
alone in the whole store from its first statement on, so what it has read is still true when it writes.
"""

from __future__ import annotations

import abc
import contextlib
import os
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy

from notebook_img.errors import StoreError
from notebook_img.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

    from notebook_img.store.shelf import Shelf

BUSY_TIMEOUT = 30.0
"""Seconds a write waits for another process's write."""

T = TypeVar("T")


class Database(abc.ABC):
    """The index of one home, used by any number of threads."""

    def __init__(self, home: Path, shelf: Shelf, *, read_only: bool, busy_timeout: float) -> None:
        self.home = home
        """Folder on this machine: the home itself, or what belongs here to one that lies elsewhere."""
        self.shelf = shelf
        """Where pictures and raw states lie."""
        self.notes: Path | None = home
        """Folder that gets notes of each turn, in case the index is lost; None where the database has backups of its own."""
        self.read_only = read_only
        self.busy_timeout = busy_timeout
        self.doubt = ""
        """Why rows may be missing (see `counting.DOUBTS`); empty while they are known to be whole."""
        self._start_afresh()
        _living.add(self)

    @property
    def files(self) -> Path:
        """The folder of this machine that holds ``pictures`` and ``raw``, or copies of them."""
        return self.shelf.root

    @property
    @abc.abstractmethod
    def shown(self) -> str:
        """Where it is, in words that hold no password."""

    @abc.abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """Give a connection with one unchanging view of the store."""

    @abc.abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """Give a connection inside a write transaction; committed at the end, rolled back by any exception."""

    @abc.abstractmethod
    def damage(self, connection: Connection) -> str:
        """Return what is wrong with the index itself, in words that follow "the index is in doubt:"; empty where it is sound."""

    def together(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a write transaction, with what other threads wait to do where the database knows how (grouped.py).

        It may be done a second time after the first was taken back with all others, so outside the index it does nothing that counts.
        """
        with self.write() as connection:
            return work(connection)

    def persist(self, work: Callable[[Connection], T]) -> T:
        """Do some work in a write transaction, and once more where it is known that the connection was lost before anything changed.

        For what was paid for: everything else is an error that can be tried again by whoever asked.
        """
        with self.write() as connection:
            return work(connection)

    def close(self) -> None:
        """Close all connections; the next use opens them again."""
        self._engine.dispose()

    @abc.abstractmethod
    def _make_engine(self) -> Engine:
        """Return the engine of this process."""

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._one_writer = threading.RLock()
        self._engine = self._make_engine()

    def _follow_fork(self) -> None:
        if self._pid != os.getpid():
            # The parent's connections are not ours to use, nor to close.
            _left_by_parent.append(self._engine)
            self._start_afresh()

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise StoreError(f"The store at {self.shown} is open for reading only; nothing was changed.")

    def _newer(self, version: int) -> StoreError:
        return StoreError(
            f"The store at {self.shown} comes from a newer notebook_img (its version {version}, this one reads {schema.VERSION}). "
            "Run pip install -U notebook-img, or set NOTEBOOK_IMG_HOME to another folder.",
        )


CLOCK = "notebook_img.clock"
"""Of a connection to a database on another machine: the time there, and this process's clock when it was told."""


def now(connection: Connection) -> float:
    """Return the time that all processes of a store go by, seconds since the epoch: the database's own where it is on another machine."""
    told = connection.info.get(CLOCK)
    return time.time() if told is None else float(told[0] + time.monotonic() - told[1])


def ahead(connection: Connection) -> float:
    """Return by how many seconds the store's time is ahead of this machine's."""
    return now(connection) - time.time() if CLOCK in connection.info else 0.0


def insert_row(connection: Connection, text: str, values: Mapping[str, Any]) -> int:
    """Run the text of `insert_into` and return the new row's id."""
    if connection.dialect.name == "sqlite":  # RETURNING came with 3.35
        return int(connection.exec_driver_sql(text, values).lastrowid)
    return int(connection.exec_driver_sql(f"{text} RETURNING id", values).scalar_one())


_living: weakref.WeakSet[Database] = weakref.WeakSet()
_left_by_parent: list[sqlalchemy.Engine] = []


def _before_fork() -> None:
    # No write may be half done in memory when it is copied: a child that ends would roll it back in the file.
    for database in list(_living):
        database._one_writer.acquire(timeout=5)  # noqa: SLF001


def _after_in_parent() -> None:
    for database in list(_living):
        with contextlib.suppress(RuntimeError):
            database._one_writer.release()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    # The child makes new locks at its first use (_follow_fork).
    os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent)
