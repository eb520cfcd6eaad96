"""The places of a batch: how many of its calls may wait for a reply at once. One is free once its reply has come; storing it goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNSTORED = 2
"""Calls that may be sent and not be stored yet, as a multiple of the places: what a slow disk may keep in memory."""
AHEAD = 4
"""For every so many places one more item is made ready in advance, so that no place stays empty until the next item is ready."""


class Places:
    """The places of one batch; used on the core's loop alone.

    Parameters
    ----------
    most : int
        How many calls wait for a reply together. One alone means one after the other, stored before the next is sent.
    moved : callable
        Called when an item has its reply, or has come to its end.
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
