"""An awaited call that is stopped says what that cost, and ends as the cancellation it was given."""

from __future__ import annotations

import asyncio
import re

import pytest

from notebook_img.calls import stoppable

SENTENCE = r"Stopped after \d+ s; nothing was billed\."


async def hangs() -> None:
    with stoppable():
        await asyncio.Event().wait()


def test_a_timeout_knows_its_own_cancellation() -> None:
    async def timed() -> None:
        async with asyncio.timeout(0):
            await hangs()

    with pytest.raises(TimeoutError) as late:
        asyncio.run(timed())
    assert re.fullmatch(SENTENCE, str(late.value.__cause__))


def test_a_task_group_raises_what_failed_and_not_what_it_stopped_for_that() -> None:
    async def fails() -> None:
        raise LookupError

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            await hangs()

    with pytest.raises(ExceptionGroup) as failed:
        asyncio.run(grouped())
    assert [type(error) for error in failed.value.exceptions] == [LookupError]


@pytest.mark.parametrize("given", ["", "Cancelled via cancel scope 7f"])
def test_the_words_a_cancellation_was_given_stay(given: str) -> None:
    async def stopped() -> asyncio.CancelledError:
        task = asyncio.ensure_future(hangs())
        await asyncio.sleep(0)
        task.cancel(*filter(None, [given]))
        with pytest.raises(asyncio.CancelledError) as stop:
            await task
        return stop.value

    stop = asyncio.run(stopped())
    said = stop.__notes__ if given else stop.args
    assert re.fullmatch(SENTENCE, said[0])
    assert type(stop) is asyncio.CancelledError
    assert stop.args[0] == given or not given
    assert re.fullmatch(SENTENCE, *stop._render_traceback_()), "and a cell shows one line"
