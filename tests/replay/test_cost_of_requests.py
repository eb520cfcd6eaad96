"""What a request of a cell costs does not grow with how many there are: counted as steps of the interpreter, not as time."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from typing import Any

import pytest

from notebook_img.replay import Kernel, Stored
from notebook_img.replay.rules import Want, decide

MODEL = "gemini:x"


async def a_batch(kernel: Kernel, count: int, latest: tuple[Stored, ...], *, equal: bool) -> None:
    """Do what a batch of a cell does of its places: all are taken, then each is looked up, perhaps for one and the same request."""
    run = kernel.begin("%imggen", cell_id="a")
    slots = [run.slot() for _ in range(count)]
    for slot in slots:
        slot.enter(key_of(slot.number, equal=equal), MODEL)
    for slot in slots:
        await slot.wait_for_earlier()
        want = Want(key_of(slot.number, equal=equal), MODEL, typed=False, position=0)
        want = dataclasses.replace(want, position=slot.position(want))
        assert want.position == (slot.number if equal else 0)
        found = decide("restart", want, kernel.state(run, lambda _run: latest), (), frozenset()).stored
        assert found is not None
        assert found.number == slot.number
        kernel.note(slot, found)
        slot.leave()
    assert all(slot.overlaps for slot in slots)


def key_of(number: int, *, equal: bool) -> str:
    return "key" if equal else f"key {number}"


def steps(count: int, *, equal: bool) -> int:
    """Return how many lines are run for each of so many requests."""
    latest = tuple(Stored(0, "s", number, key_of(number, equal=equal), MODEL, float(number)) for number in range(count))
    found = 0

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal found
        found += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        asyncio.run(a_batch(Kernel(), count, latest, equal=equal))
    finally:
        sys.settrace(before)
    return found // count


@pytest.mark.parametrize("equal", [False, True], ids=["all different", "all equal"])
def test_ten_times_as_many_requests_cost_the_same_each(equal: bool) -> None:
    steps(10, equal=equal)  # imports
    assert steps(600, equal=equal) <= 1.5 * steps(60, equal=equal)
