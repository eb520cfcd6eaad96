"""What a request of a cell costs does not grow with how many there are: counted as steps of the interpreter, not as time."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from notebook_img.replay import Kernel, Stored
from notebook_img.replay.rules import Want, decide

MODEL = "gemini:x"


async def a_batch(kernel: Kernel, count: int, latest: tuple[Stored, ...]) -> None:
    """Do what a batch of a cell does of its places: all are taken, then each is looked up."""
    run = kernel.begin("%imggen", cell_id="a")
    slots = [run.slot() for _ in range(count)]
    for slot in slots:
        slot.enter(f"key {slot.number}", MODEL)
    for slot in slots:
        await slot.wait_for_earlier()
        want = Want(f"key {slot.number}", MODEL, typed=False, position=0)
        assert slot.position(want) == 0
        found = decide("restart", want, kernel.state(run, lambda _run: latest), (), frozenset()).stored
        assert found is not None
        assert found.number == slot.number
        kernel.note(slot, found)
        slot.leave()
    assert all(slot.overlaps for slot in slots)


def steps(count: int) -> int:
    """Return how many lines are run for each of so many requests."""
    latest = tuple(Stored(0, "s", number, f"key {number}", MODEL, 0.0) for number in range(count))
    found = 0

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal found
        found += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        asyncio.run(a_batch(Kernel(), count, latest))
    finally:
        sys.settrace(before)
    return found // count


def test_ten_times_as_many_requests_cost_the_same_each() -> None:
    steps(10)  # imports
    assert steps(600) <= 1.5 * steps(60)
