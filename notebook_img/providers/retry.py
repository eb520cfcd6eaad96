"""The one retry policy for all providers. Each error class knows whether it may be repeated (`retryable`).

What may have been billed is never sent again: a reply that did not come in time, or one that came and could not be read.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from notebook_img.errors import ProviderError, RateLimitError
from notebook_img.providers.interface import Emit, WaitEvent
from notebook_img.providers.pace import pace_in_force
from notebook_img.providers.received import finite
from notebook_img.providers.sending import attempting

if TYPE_CHECKING:
    from notebook_img.settings import Settings

T = TypeVar("T")

FIRST_WAIT = 1.0
"""Seconds before the second try; it doubles from try to try."""
LONGEST_WAIT = 60.0
"""Seconds; bounds our own back-off, not what a service asks for."""
SPREAD = 0.1
"""Share added at random to what a service asks for, so that parallel calls do not come back in the same instant."""


async def retrying(
    call: Callable[[], Awaitable[T]],
    settings: Settings,
    emit: Emit,
    *,
    watched: bool = False,
    free: bool = False,
    rng: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[object]] | None = None,
    clock: Callable[[], float] | None = None,
) -> T:
    """Await ``call()`` until it succeeds, fails for good, or tries or time are used up.

    Parameters
    ----------
    call : callable
        Makes one attempt; raises `ProviderError` when it fails.
    settings : Settings
        `retries` bounds the attempts after the first, `retry_seconds` the time from the first failure on.
    emit : callable
        Is told a `WaitEvent` before each wait.
    watched, free : bool
        What is known of each attempt; see `sending.attempting`.
    rng, sleep, clock
        Randomness in 0..1 and time in seconds; by default those of the pace in force.

    Raises
    ------
    ProviderError
        The last one, with a sentence on what was tried. Cancelling ends a wait at once.
    """
    pace = pace_in_force()
    sleep, clock = sleep or pace.sleep, clock or pace.clock
    failed_first: float | None = None
    attempt = 0
    while True:
        attempt += 1
        queued = clock()
        # Looks at a job and downloads are no calls to the model.
        sent = queued if free else await pace.turn(emit)
        failed_first = None if failed_first is None else failed_first + clock() - queued
        try:
            with attempting(watched=watched, free=free):
                result = await call()
        except ProviderError as error:
            if not error.retryable:
                raise
            now = clock()
            limited = isinstance(error, RateLimitError) and not free
            if failed_first is None or (limited and pace.got_through(failed_first)):
                # A service that lets other calls in is not failing; this one only has to wait longer.
                failed_first, attempt = now, 1
            asked = finite(error.retry_after)
            wait = _wait(asked, attempt, rng)
            if limited:
                # A wait that no call would begin holds up no other call either.
                await pace.refused(sent, wait if wait <= settings.retry_seconds else 0.0)
            left = failed_first + settings.retry_seconds - now
            if attempt > settings.retries or left <= 0:
                _add(error, "" if attempt == 1 else f"Tried {attempt} times.")
                raise
            if asked is not None and asked > left:
                wish, rest = _duration(asked), _duration(left)
                _add(error, f"The service asks to wait {wish}, longer than the {rest} left for retries (setting retry_seconds).")
                raise
            reason = error.sentence
        else:
            pace.came()
            return result
        wait = min(wait, left)
        emit(WaitEvent(seconds=wait, reason=reason, attempt=attempt, most=settings.retries))
        await sleep(wait)


def _wait(asked: float | None, attempt: int, rng: Callable[[], float]) -> float:
    # Half of the step is fixed, half is random ("equal jitter"): never at once, never all together.
    own = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 30)) * (0.5 + 0.5 * rng())
    # A service that asks for 0 seconds asks for no wait, not for a crowd: the step of our own is the least.
    return own if asked is None else max(own, asked * (1 + SPREAD * rng()))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 600 else f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _add(error: ProviderError, sentence: str) -> None:
    """Add a sentence to an error on its way out."""
    if sentence and sentence not in error.sentence:
        error.args = (f"{error.sentence} {sentence}", *error.args[1:])
