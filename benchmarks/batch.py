"""A batch of two hundred calls of 300 ms beside the time that alone would take, and the memory of one of ten thousand items."""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.measuring import Row, home_of_its_own, seconds_row
from benchmarks.one_turn import KEY, MODEL, client_for

CALLS, AT_ONCE, LATENCY = 200, 16, 0.3
FEW, MANY = 100, 10_000
WHOLE = """
import re, sys
from pathlib import Path
import notebook_img as ni

count = int(sys.argv[1])
batch = ni.batch.generate("a {colour} circle on white", [{"colour": f"#{number:06x}"} for number in range(count)], size="16x16", quiet=True)
assert batch.counts.done == count, batch.counts.words
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000)
"""


def rows(rounds: int = 3) -> list[Row]:
    """Measure both."""
    return [*calls(rounds), *([memory()] if sys.platform.startswith("linux") else [])]


def calls(rounds: int) -> list[Row]:
    """Measure batches, in turn with as many calls of the bare SDK that store nothing."""
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio
    from tests.emulators.process import running

    taken, bare = [], []
    with running("gemini") as service, home_of_its_own() as home:
        service.control(canned=50_000, latency=LATENCY)
        environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
        studio = Studio(settings=Settings(environ, budget=1e9, ask_above=1e9))
        # Once before: what the first call of a process makes (SDK, TLS settings, store) is no part of a batch.
        batch(studio, "warm", AT_ONCE)
        for number in range(rounds):
            taken.append(batch(studio, f"fox {number}", CALLS))
            bare.append(asyncio.run(by_hand(client_for(service))))
        studio.close()
    ours, theirs = statistics.median(taken), statistics.median(bare)
    what = f"batch of {CALLS} calls of 300 ms, {AT_ONCE} at a time, priced and stored"
    return [
        seconds_row(what, ours, "the ideal", math.ceil(CALLS / AT_ONCE) * LATENCY, 1.05),
        seconds_row("the same", ours, "the bare SDK, nothing stored", theirs, 1.05),
    ]


def batch(studio: Any, prompt: str, count: int) -> float:
    """Return the seconds of a batch, from the call to its end."""
    started = time.perf_counter()
    made = studio.batch.generate(f"{prompt} {{i}}", over={"i": list(range(count))}, model="gemini", at_once=AT_ONCE, quiet=True)
    seconds = time.perf_counter() - started
    assert made.counts.done == count
    return seconds


async def by_hand(client: Any) -> float:
    """Return the seconds the same calls take with the SDK alone."""
    from google.genai import types

    gate = asyncio.Semaphore(AT_ONCE)
    config = types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"])

    async def one(number: int) -> None:
        async with gate:
            reply = await client.aio.models.generate_content(model=MODEL, contents=[f"fox {number}"], config=config)
        assert any(part.inline_data for part in reply.candidates[0].content.parts)

    await one(0)
    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(CALLS)))
    return time.perf_counter() - started


def memory() -> Row:
    """Measure the most memory a process has taken that does a batch of the built-in engine, from its rows to its end."""
    most = []
    for count in (FEW, MANY):
        with home_of_its_own() as home:
            environ = {**os.environ, "NOTEBOOK_IMG_HOME": str(home)}
            command = [sys.executable, "-c", WHOLE, str(count)]
            ran = subprocess.run(command, env=environ, cwd=home.parent, capture_output=True, text=True, check=True)
            most.append(float(ran.stdout.split()[-1]))
    few, many = most
    what = f"batch of {MANY:,} items: most resident memory"
    return Row(what, f"the same with {FEW}", many - few, 100, f"{many:.0f} MB", f"{few:.0f} MB", unit="MB")
