"""Ten thousand requests of one cell: each costs what the first costs."""

from __future__ import annotations

import asyncio

from notebook_img.replay import Kernel
from notebook_img.replay.cells import Slot
from notebook_img.replay.rules import Want

MANY = 10_000


def looked_at(slots: list[Slot]) -> int:
    """Return how many places the last of them looks at to know its own."""
    return sum(map(len, slots[-1].run.equal.get("k1", {}).values()))


def test_places_among_many_requests_are_those_among_equal_ones() -> None:
    run = Kernel().begin("cell")
    slots = [run.slot() for _ in range(MANY)]
    for number, slot in enumerate(slots):
        slot.enter(f"k{number % 5000}", "local:builtin")
    want = Want("k1", "local:builtin", typed=False, position=0)
    assert [slots[1].position(want), slots[5001].position(want)] == [0, 1]
    assert looked_at(slots) == 2
    slots[1].fail()
    assert slots[5001].position(want) == 0


def test_requests_under_way_at_once_overlap_and_one_alone_does_not() -> None:
    run = Kernel().begin("cell")
    first = run.slot()
    first.leave()
    second, third = run.slot(), run.slot()
    assert [first.overlaps, second.overlaps, third.overlaps] == [False, True, True]
    second.leave()
    fourth = run.slot()
    third.leave()
    fourth.leave()
    fifth = run.slot()
    assert [fourth.overlaps, fifth.overlaps] == [True, False]
    assert list(run.open) == [4]


async def test_a_request_waits_until_all_earlier_ones_are_known() -> None:
    run = Kernel().begin("cell")
    first, second, third = run.slot(), run.slot(), run.slot()
    waits = asyncio.ensure_future(third.wait_for_earlier())
    second.enter("b")
    await asyncio.sleep(0.02)
    assert not waits.done()
    first.fail()
    await waits
    await second.wait_for_earlier()  # those before it are known as well
