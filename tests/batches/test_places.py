"""A place of a batch is free as soon as its reply is there: storing goes on beside, within bounds."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.studio.batch.places import UNSTORED, Place, Places
from tests.batches.conftest import MODEL
from tests.emulators.process import Running

AT_ONCE = 3


def test_a_disk_that_is_slow_holds_up_no_call_until_twice_as_many_replies_wait(
    paid: ni.Studio, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk stands still until as many calls were sent as may be; without places that get free they would never be."""
    add_turn, inside, stored = type(paid.store).add_turn, [], []
    most = UNSTORED * AT_ONCE
    all_wait, lock = threading.Event(), threading.Lock()

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        with lock:
            inside.append(len(service.requests("enerateContent")))
            if len(inside) == most:
                all_wait.set()
        assert all_wait.wait(60)
        stored.append(add_turn(self, *args, **options))
        return stored[-1]

    monkeypatch.setattr(type(paid.store), "add_turn", slow)
    batch = paid.batch.generate("fox {i}", over={"i": list(range(12))}, model=MODEL, budget=9, at_once=AT_ONCE, quiet=True)
    assert batch.counts.words == "12 of 12 done"
    assert max(inside[:most]) <= most  # no call was sent beyond them while none was stored
    assert len(stored) == len(service.requests("enerateContent")) == 12


async def test_so_many_are_sent_at_once_and_no_more_than_twice_as_many_are_not_stored() -> None:
    places = Places(AT_ONCE, lambda: None)
    asking, unstored, seen = set(), set(), []
    storing = asyncio.Event()

    async def one(number: int) -> None:
        place = Place(places, lambda: None)
        async with place:
            asking.add(number)
            seen.append((len(asking), len(asking) + len(unstored)))
            await asyncio.sleep(0)
            asking.discard(number)
            unstored.add(number)
        await storing.wait()
        unstored.discard(number)
        place.leave()

    tasks = [asyncio.create_task(one(number)) for number in range(20)]
    for _ in range(100):  # far more turns of the loop than they need
        await asyncio.sleep(0)
    assert len(seen) == UNSTORED * AT_ONCE  # the others wait until something is stored
    storing.set()
    await asyncio.gather(*tasks)
    assert max(seen) == (AT_ONCE, UNSTORED * AT_ONCE)
    assert places.free == AT_ONCE + places.ahead


async def test_what_was_made_ready_is_not_sent_once_the_batch_has_ended() -> None:
    class Ended(Exception):
        pass

    def check() -> None:
        raise Ended

    places = Places(1, lambda: None)
    place = Place(places, check)
    with pytest.raises(Ended):
        await place.__aenter__()
    place.leave()
    async with Place(places, lambda: None):
        assert places.free == 0


async def test_one_at_a_time_is_stored_before_the_next_is_sent() -> None:
    places = Places(1, lambda: None)
    first, second = Place(places, lambda: None), Place(places, lambda: None)
    async with first:
        pass
    entering = asyncio.ensure_future(second.__aenter__())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not entering.done()
    first.leave()
    await entering
