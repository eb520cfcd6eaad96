"""A stopped call in one honest line: what it cost, and where what had come of it is. Every surface shows this sentence."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError, Stopped
from notebook_img.hints import Hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Bill:
    """What is known of one call whenever it is stopped. The steps of the call keep it as the books are kept."""

    cost: float | None = 0.0
    """US dollars booked so far; None where the cost is unknown."""
    certain: bool = True
    """Whether that is what the service said, and not an estimate."""
    job: str = ""
    """The job a service goes on with."""
    came: bool = False
    """Whether the reply is here, and is being stored."""
    turn: str = ""
    """``fox/t4`` once it is stored."""
    question: float | None = 0.0
    """US dollars of it that were paid for finding a mask."""

    def counts(self, cost: float | None, *, certain: bool) -> None:
        """Note what the books count for a request of the call, beside what its mask cost."""
        self.cost = None if cost is None or self.question is None else self.question + cost
        self.certain = certain


class Stopwatch:
    """The calls of one command, to say how they stand when it is stopped."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.bills: list[Bill] = []

    def said(self) -> tuple[str, tuple[Hint, ...]]:
        """Return the sentence, and what can be done about it."""
        parts = [f"Stopped after {max(1, round(time.monotonic() - self.started))} s", _money(self.bills)]
        if stored := [bill.turn for bill in self.bills if bill.turn]:
            parts.append(f"{' and '.join(stored)} had come and {'is' if len(stored) == 1 else 'are'} stored")
        elif any(bill.came for bill in self.bills):
            parts.append("the reply had come and is being stored")
        hints = [Hint("show-turn", turn=turn, session=turn.rpartition("/")[0], id=turn.rpartition("/")[2]) for turn in stored[:1]]
        hints += [Hint("resume-job", job=bill.job) for bill in self.bills if bill.job][:1]
        return f"{'; '.join(parts)}.", tuple(hints)

    def error(self) -> NotebookImgError:
        """Return it as an error, for a surface whose calls run in the background."""
        sentence, hints = self.said()
        return NotebookImgError(sentence, hint=hints)


def _money(bills: Sequence[Bill]) -> str:
    from notebook_img.display import money

    known = sum(bill.cost or 0.0 for bill in bills)
    if any(bill.cost is None for bill in bills):
        more = f" beside the {money(known)} that is counted" if known else ""
        return f"it may have been billed, how much is not known{more}"
    if not known:
        return "nothing was billed"
    return (
        f"{money(known)} was billed" if all(bill.certain for bill in bills) else f"it may have been billed, about {money(known)} is counted"
    )


_watch: ContextVar[Stopwatch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def stoppable() -> Iterator[Stopwatch]:
    """Go around a command, so that stopping it says what it cost. One within another leaves that to the outer one."""
    outer = _watch.get()
    if outer is not None:
        yield outer
        return
    watch = Stopwatch()
    token = _watch.set(watch)
    try:
        yield watch
    except Stopped:
        raise  # a batch has said itself how it stands
    except KeyboardInterrupt as stop:
        sentence, hints = watch.said()
        raise Stopped(sentence, hint=hints) from stop
    except asyncio.CancelledError as stop:
        sentence, hints = watch.said()
        _say(stop, Stopped(sentence, hint=hints))
        raise
    finally:
        _watch.reset(token)


def _say(cancelled: asyncio.CancelledError, stopped: Stopped) -> None:
    """Let a cancellation say what the stop cost, and stay what it is.

    `asyncio.timeout` and task groups know their own by exactly this class (Python 3.11), anyio by the words it gave.
    """
    if cancelled.args:
        cancelled.add_note(str(stopped))
    else:
        cancelled.args = (str(stopped),)
    stopped.__cause__ = cancelled  # so that %tb leads to it
    cancelled._render_traceback_ = stopped._render_traceback_  # type: ignore[attr-defined]


def note_bill(bill: Bill) -> None:
    """Let the command that is running know of a call it makes."""
    if (watch := _watch.get()) is not None:
        watch.bills.append(bill)
