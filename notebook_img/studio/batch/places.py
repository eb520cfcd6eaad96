"""The places of a batch: so many of its calls wait for a reply at once. A place is free when the reply is there; it is stored beside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNSTORED = 2
"""How many times as many replies may be there and not be stored yet: what a slow disk may hold up in memory."""
AHEAD = 4
"""One item in so many more is made ready before a place is free, so that none stays empty meanwhile."""


class Places:
    """The places of one batch; used on the core's loop alone.

    Parameters
    ----------
    most : int
        How many calls wait for a reply together. One alone means one after the other, stored before the next is sent.
    moved : callable
        Is called when a call got a place, or has left.
    """

    def __init__(self, most: int, moved: Callable[[], None]) -> None:
        self.most = most
        self.ahead = most // AHEAD
        self.moved = moved
        self.taken = asyncio.Semaphore(most)
        self.unstored = asyncio.Semaphore(most if most == 1 else UNSTORED * most)
        self.unanswered = 0
        """Items that were begun and have no reply yet."""

    @property
    def free(self) -> int:
        """How many items may be begun."""
        return self.most + self.ahead - self.unanswered


class Place:
    """The place of one item, entered around what is sent: once, or once more for another model.

    Parameters
    ----------
    check : callable
        Raises where nothing may be sent any more.
    """

    def __init__(self, places: Places, check: Callable[[], None]) -> None:
        self._places = places
        self._check = check
        self._unanswered = True
        self._counts = False
        places.unanswered += 1

    async def __aenter__(self) -> None:
        """Wait for a free place."""
        places = self._places
        if not self._counts:
            await places.unstored.acquire()
            self._counts = True
        await places.taken.acquire()
        try:
            self._check()
        except BaseException:
            places.taken.release()
            raise

    async def __aexit__(self, kind: object, *_: object) -> None:
        """Leave the place to another; never waits, so that no stop gets between a reply and its being stored."""
        self._places.taken.release()
        if kind is None:
            self._answered()

    def leave(self) -> None:
        """Note that the item has come to its end."""
        if self._counts:
            self._places.unstored.release()
        self._answered()

    def _answered(self) -> None:
        if self._unanswered:
            self._unanswered = False
            self._places.unanswered -= 1
        self._places.moved()
