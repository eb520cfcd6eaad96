"""HTTP connections that wait for their client are closed after a while: uvicorn itself only watches those between two requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

IDLE = 30.0
"""Seconds a client may send nothing while a request of its own is not whole."""


class Watched(H11Protocol):
    """A connection that ends when its client leaves a request unfinished, or never begins one."""

    _heard = 0.0
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._look()

    def data_received(self, data: bytes) -> None:
        """Note when something came."""
        self._heard = self.loop.time()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        # An answer may take as long as it likes; what is waited for here is the client.
        waits = self.cycle is None or self.cycle.response_complete or self.conn.their_state is h11.SEND_BODY
        left = IDLE - (self.loop.time() - self._heard) if waits else IDLE
        if left <= 0:
            self.transport.abort()
        else:
            self._watch = self.loop.call_later(left, self._look)
