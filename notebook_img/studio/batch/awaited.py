"""The waits of a batch, to be awaited."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from notebook_img import loop
from notebook_img.studio.batch.ending import until_ended

if TYPE_CHECKING:
    from notebook_img.studio.batch.batch import Batch


class AsyncBatch:
    """A batch whose waits are awaited."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    async def wait(self, *, quiet: bool = False) -> Batch:
        """Await its end."""
        await self.wait_for_work(quiet=quiet)
        return await self.wait_for_work(quiet=quiet) if self._batch.stay() else self._batch

    async def wait_for_work(self, *, quiet: bool = False) -> Batch:
        """Await the end of what works on it; see `Batch.wait_for_work`."""
        batch = self._batch
        with batch.studio.shared.screen(batch, quiet=quiet) as screen:
            try:
                await loop.wait(functools.partial(until_ended, batch), screen)
            except asyncio.CancelledError:
                if batch.work is not None:
                    batch.work.stop(now=True)
                raise
        batch.check()
        return batch

    async def resume(self, *, budget: float | None = None) -> Batch:
        """Do the items that wait, and await it."""
        return await self._batch.resume(wait=False, budget=budget).aio.wait_for_work()

    async def retry(self, *, billed: bool = False) -> Batch:
        """Send what failed once more, and await it."""
        return await self._batch.retry(billed=billed, wait=False).aio.wait_for_work()
