"""Where a request waits for its turn. The retry policy asks before every attempt; who keeps the rates is calls/pacing.py."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.providers.interface import Emit


class Pace:
    """Limits nothing: what a call has that no rate applies to."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    sleep: Callable[[float], Awaitable[object]] = staticmethod(asyncio.sleep)

    async def turn(self, emit: Emit) -> float:  # noqa: ARG002
        """Wait until a request may be sent; return when that is."""
        return self.clock()

    async def refused(self, sent: float, wait: float) -> None:
        """Note that the request sent then was one too many, and how long to wait."""

    def came(self) -> None:
        """Note that a request was not refused."""

    def got_through(self, since: float) -> bool:  # noqa: ARG002
        """Whether any request was accepted since then, so that the service lets requests in, only not all at once."""
        return False


_pace: ContextVar[Pace | None] = ContextVar("pace", default=None)
_UNLIMITED = Pace()


@contextlib.contextmanager
def paced(pace: Pace) -> Iterator[None]:
    """Have the requests that are made within, also in tasks that are begun there, wait for their turn."""
    token = _pace.set(pace)
    try:
        yield
    finally:
        _pace.reset(token)


def pace_in_force() -> Pace:
    """Return the pace of the call under way."""
    return _pace.get() or _UNLIMITED
