"""Changes of several threads in one transaction: each waits for the disk anyway, so one wait serves all that came meanwhile.

A change that fails is taken back alone. Where the transaction of all fails each is made again by itself, and fails by itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

T = TypeVar("T")
MOST = 64
"""Changes in one transaction."""


class _Change:
    """A change that waits to be made."""

    def __init__(self, make: Callable[[Connection], Any]) -> None:
        self.make = make
        self.ended = False
        self.value: Any = None
        self.error: Exception | None = None

    def make_apart(self, connection: Connection) -> None:
        """Make it so that it can be taken back alone."""
        self.error = None
        connection.exec_driver_sql("SAVEPOINT apart")
        try:
            self.value = self.make(connection)
        except Exception as error:
            connection.exec_driver_sql("ROLLBACK TO apart")
            self.error = error
        connection.exec_driver_sql("RELEASE apart")


class Grouped:
    """The changes that wait for the one writer of a database.

    Parameters
    ----------
    writer : RLock
        Held by whoever writes.
    write : callable
        Gives a transaction.
    """

    def __init__(self, writer: threading.RLock, write: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._writer, self._write = writer, write
        self._waiting: deque[_Change] = deque()

    def make(self, make: Callable[[Connection], T]) -> T:
        """Make a change with those that wait beside it, and return what it returns when all are on the disk."""
        own = _Change(make)
        self._waiting.append(own)
        try:
            with self._writer:
                if not own.ended:
                    self._make_waiting(own)
        except BaseException:
            with contextlib.suppress(ValueError):
                self._waiting.remove(own)
            raise
        if own.error is not None:
            raise own.error
        return cast("T", own.value)

    def _make_waiting(self, own: _Change) -> None:
        several = [own]
        self._waiting.remove(own)
        while self._waiting and len(several) < MOST:
            several.append(self._waiting.popleft())
        try:
            with self._write() as connection:
                if len(several) == 1:
                    own.value = own.make(connection)
                else:
                    for change in several:
                        change.make_apart(connection)
        except BaseException:
            self._waiting.extend(several[1:])
            raise
        for change in several:
            change.ended = True
