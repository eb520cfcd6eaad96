"""What runs at once is bounded by pixels: a few large pictures need more memory than many small ones."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Share:
    """A number of pixels shared by all that work at the same time, on one event loop, in the order they come.

    Parameters
    ----------
    most : int
        Pixels. What needs more than that works alone.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @contextlib.asynccontextmanager
    async def of(self, pixels: int) -> AsyncIterator[None]:
        """Wait until there is room for so many pixels, and hold them."""
        wanted = min(pixels, self.most)
        async with self._turn:
            while self.used + wanted > self.most:
                self._freed.clear()
                await self._freed.wait()
            self.used += wanted
        try:
            yield
        finally:
            self.used -= wanted
            self._freed.set()
