"""The one retry policy: what is repeated, how long it waits, and when it stops."""

from __future__ import annotations

import asyncio
import math
import time

import pytest

from notebook_img.errors import OverloadedError, RateLimitError, ReplyTimeoutError, RequestRefusedError, UnreachableError
from notebook_img.providers.interface import WaitEvent
from notebook_img.providers.retry import retrying
from notebook_img.settings import Settings


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def failing(*errors: Exception):
    script = [*errors]
    calls = []

    async def call() -> str:
        calls.append(1)
        if script:
            raise script.pop(0)
        return "done"

    return call, calls


async def attempt(call, *, rng=lambda: 1.0, events=None, **settings):
    clock = Clock()
    told = events if events is not None else []
    try:
        return await retrying(call, Settings({}, **settings), told.append, rng=rng, sleep=clock.sleep, clock=clock), clock.waits
    except Exception as error:
        error.waits = clock.waits
        raise


async def test_success_is_returned_without_waiting():
    call, _ = failing()
    assert await attempt(call) == ("done", [])


@pytest.mark.parametrize("kind", [OverloadedError, RateLimitError, UnreachableError])
async def test_what_may_be_repeated_is_repeated_with_doubled_waits(kind):
    call, calls = failing(kind("busy."), kind("busy."), kind("busy."))
    assert await attempt(call) == ("done", [1.0, 2.0, 4.0])
    assert len(calls) == 4


async def test_jitter_takes_up_to_half_of_a_wait():
    call, _ = failing(OverloadedError("busy."))
    assert await attempt(call, rng=lambda: 0.0) == ("done", [0.5])


async def test_a_wait_is_told_before_it_begins():
    events: list[WaitEvent] = []
    call, _ = failing(OverloadedError("busy."))
    await attempt(call, events=events, retries=3)
    assert events == [WaitEvent(seconds=1.0, reason="busy.", attempt=1, most=3)]


@pytest.mark.parametrize(
    "error", [ReplyTimeoutError("late."), RequestRefusedError("no."), RateLimitError("used up.", daily=True), ValueError("bug")]
)
async def test_what_may_be_billed_or_cannot_change_is_never_repeated(error):
    call, calls = failing(error)
    with pytest.raises(type(error)):
        await attempt(call)
    assert len(calls) == 1


async def test_tries_are_bounded_and_counted_in_the_message():
    call, calls = failing(*[OverloadedError("busy.") for _ in range(9)])
    with pytest.raises(OverloadedError, match=r"busy\. Tried 3 times\."):
        await attempt(call, retries=2)
    assert len(calls) == 3


async def test_no_retries_means_none():
    call, calls = failing(OverloadedError("busy."))
    with pytest.raises(OverloadedError, match=r"^busy\.$"):
        await attempt(call, retries=0)
    assert len(calls) == 1


async def test_seconds_are_bounded():
    call, _ = failing(*[OverloadedError("busy.") for _ in range(20)])
    with pytest.raises(OverloadedError) as caught:
        await attempt(call, retries=20, retry_seconds=10)
    assert sum(caught.value.waits) == pytest.approx(10)


async def test_what_the_service_asks_for_is_waited_at_least():
    call, _ = failing(RateLimitError("slow down.", retry_after=7.0))
    _, waits = await attempt(call, rng=lambda: 0.5)
    assert waits == [pytest.approx(7.35)]


@pytest.mark.parametrize("asked", [0.0, 0.2, math.nan, math.inf])
async def test_a_service_that_asks_for_no_wait_gets_the_step_of_our_own(asked):
    call, _ = failing(*[RateLimitError("slow down.", retry_after=asked) for _ in range(3)])
    assert await attempt(call, rng=lambda: 0.0) == ("done", [0.5, 1.0, 2.0])


async def test_a_longer_wait_than_is_left_gives_up_at_once_and_says_so():
    call, calls = failing(RateLimitError("slow down.", retry_after=7200.0))
    with pytest.raises(RateLimitError, match=r"slow down\. The service asks to wait 2 hours, longer than the 90 seconds left") as caught:
        await attempt(call)
    assert calls == [1]
    assert caught.value.waits == []


async def test_cancelling_ends_a_wait_at_once():
    call, _ = failing(RateLimitError("slow down.", retry_after=60.0))
    waiting = asyncio.Event()
    task = asyncio.create_task(retrying(call, Settings({}), lambda _event: waiting.set()))
    await waiting.wait()
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 1
