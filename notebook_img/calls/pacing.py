"""Calls wait here until they may be sent: at the rate that was set, and at what the service's refusals (429) have taught.

The rates are rows of the store (store/rates.py), so that all processes of a home share them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from notebook_img.loop import in_thread
from notebook_img.providers import Pace
from notebook_img.providers.interface import QueueEvent
from notebook_img.settings import rate_for, read_rate, read_rates

if TYPE_CHECKING:
    from notebook_img.loop import Tell
    from notebook_img.settings import Rate
    from notebook_img.workspace import Workspace

LONGEST_SLEEP = 30.0
"""Seconds after which the row is looked at again: another process may have learned a better rate."""


@dataclass
class Line:
    """What this process knows of its calls to one model."""

    sent: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    """When calls were sent that are not known to be refused: what the first refusal is counted against."""
    came: float = float("-inf")
    """When one was last accepted."""


def set_rate(workspace: Workspace, model: str, typed: str = "") -> Rate | None:
    """Return how often ``provider:model`` may be asked: as typed for a call, else as the setting says."""
    return read_rate(typed) if typed else rate_for(model, read_rates(workspace.settings.rate))


class CallPace(Pace):
    """The pace of one call.

    Parameters
    ----------
    model : str
        ``provider:model``.
    rate : str
        As typed for the call; empty: the setting decides.
    """

    def __init__(self, workspace: Workspace, model: str, rate: str = "") -> None:
        self.shared, self.store, self.model = workspace.shared, workspace.store, model
        self.clock, self.sleep = self.shared.clock, self.shared.sleep
        self.rate = set_rate(workspace, model, rate)
        self.line: Line = self.shared.lines.setdefault(model, Line())
        self.looked: float | None = None

    def look(self) -> None:
        """Ask for the first turn from a thread that is using the store already: going to another thread takes as long as asking."""
        self.looked = self._take()

    async def turn(self, emit: Tell) -> float:
        """Wait until a request may be sent; return when that is."""
        if await self._left() > 0:
            emit(QueueEvent(self._words()))
            # First come, first served: of this process one waits at the bucket, the others behind it.
            async with self.shared.queues.setdefault((self.model, self.rate), asyncio.Lock()):
                while (left := await self._left()) > 0:
                    emit(QueueEvent(self._words(), left))
                    await self.sleep(min(left, LONGEST_SLEEP))
        now = self.clock()
        self.line.sent.append(now)
        return now

    async def _left(self) -> float:
        looked, self.looked = self.looked, None
        return await in_thread(self._take) if looked is None else looked

    def _take(self) -> float:
        return self.store.take_token(self.model, self.rate, self.clock())

    def _words(self) -> str:
        rates = [rate for rate in (self.rate, self.store.learned_rate(self.model, self.clock())) if rate is not None]
        slowest = min(rates, key=lambda rate: rate.calls / rate.seconds, default=None)
        return f"{self.model} takes {slowest}" if slowest else f"{self.model} asked for a pause"

    async def refused(self, sent: float, wait: float) -> None:
        """Let all processes of the home know, so that none of them asks too early."""
        if sent in self.line.sent:
            self.line.sent.remove(sent)
        await in_thread(lambda: self.store.learn_rate(self.model, [*self.line.sent], sent, self.clock(), wait))

    def came(self) -> None:
        """Note that a request was not refused."""
        self.line.came = self.clock()

    def got_through(self, since: float) -> bool:
        """Whether any request of this process was accepted since then."""
        return self.line.came > since
