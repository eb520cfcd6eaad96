"""Two hundred calls of 300 ms, sixteen at a time, beside the time that alone would take."""

from __future__ import annotations

import asyncio
import math
import statistics
import time

from benchmarks.measuring import Row, home_of_its_own, seconds_row
from benchmarks.one_turn import KEY

CALLS, AT_ONCE, LATENCY = 200, 16, 0.3


def rows(rounds: int = 3) -> list[Row]:
    """Measure the median of a few batches."""
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio
    from tests.emulators.process import running

    taken = []
    with running("gemini") as service:
        service.control(canned=50_000, latency=LATENCY)
        for number in range(-1, rounds):
            with home_of_its_own() as home:
                environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
                studio = Studio(settings=Settings(environ, budget=1e9))
                # Once before: what the first call of a process makes (SDK, TLS settings, store) is no part of a batch.
                asyncio.run(batch(studio, AT_ONCE))
                seconds = asyncio.run(batch(studio, CALLS)) if number >= 0 else 0.0
                studio.close()
            if number >= 0:
                taken.append(seconds)
    ideal = math.ceil(CALLS / AT_ONCE) * LATENCY
    return [seconds_row(f"{CALLS} calls of 300 ms, {AT_ONCE} at a time", statistics.median(taken), "the ideal", ideal, 1.10)]


async def batch(studio: object, calls: int) -> float:
    """Return the seconds a batch takes; each call is a turn of its own session, stored whole."""
    from notebook_img.studio import Studio

    assert isinstance(studio, Studio)
    gate = asyncio.Semaphore(AT_ONCE)
    sessions = [studio.session(f"batch-{number}") for number in range(AT_ONCE)]

    async def one(number: int) -> None:
        async with gate:
            turn = await sessions[number % AT_ONCE].aio.generate(f"fox {number}")
            assert turn.picture.sha256

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(calls)))
    return time.perf_counter() - started
