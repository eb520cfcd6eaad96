"""The core's loop: sync anywhere, awaited anywhere, cancelled with the wait, afresh after a fork."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from notebook_img import loop
from notebook_img.errors import UsageError


async def answer(tell: loop.Tell) -> int:
    tell("one")
    await asyncio.sleep(0)
    tell("two")
    return 42


async def never(tell: loop.Tell) -> None:
    tell("begun")
    await asyncio.Event().wait()


class Cancelled:
    """Work that waits for ever and notes when it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    async def __call__(self, tell: loop.Tell) -> None:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_events_are_told_in_the_callers_thread_in_order() -> None:
    seen: list[tuple[object, int]] = []
    assert loop.run(answer, lambda event: seen.append((event, threading.get_ident()))) == 42
    assert [event for event, _ in seen if isinstance(event, str)] == ["one", "two"]
    assert {thread for _, thread in seen} == {threading.get_ident()}


async def test_a_sync_call_works_inside_a_running_loop() -> None:
    assert loop.run(answer) == 42


async def test_an_awaited_call_leaves_the_callers_loop_free() -> None:
    ticks = 0

    async def slow(tell: loop.Tell) -> str:
        await asyncio.sleep(0.3)
        return "done"

    async def count() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    counting = asyncio.ensure_future(count())
    assert await loop.wait(slow) == "done"
    counting.cancel()
    assert ticks > 5


def test_a_sync_call_on_the_cores_own_thread_raises_instead_of_deadlocking() -> None:
    async def inside(tell: loop.Tell) -> int:
        return loop.run(answer)

    with pytest.raises(UsageError, match=r"\.aio"):
        loop.run(inside)


def test_a_studios_sync_call_on_the_cores_own_thread_raises() -> None:
    import notebook_img as ni

    studio = ni.Studio(model="local")

    async def inside(tell: loop.Tell) -> None:
        studio.generate("a red circle")

    with pytest.raises(UsageError, match=r"\.aio"):
        loop.run(inside)
    studio.close()


def test_awaiting_on_the_cores_own_loop_works() -> None:
    async def inside(tell: loop.Tell) -> int:
        return await loop.wait(answer)

    assert loop.run(inside) == 42


def test_an_exception_comes_back_as_it_is() -> None:
    async def fails(tell: loop.Tell) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        loop.run(fails)


def test_a_failing_display_is_logged_and_the_paid_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: object) -> None:
        raise ValueError("the display is broken")

    assert loop.run(answer, broken) == 42
    assert "the display is broken" in caplog.text


async def test_cancelling_an_awaited_call_cancels_the_work_at_once() -> None:
    work = Cancelled()
    task = asyncio.ensure_future(loop.wait(work))
    await asyncio.to_thread(work.begun.wait, 5)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(work.ended.wait, 2)
    assert time.monotonic() - started < 1


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to itself")
def test_an_interrupt_ends_a_sync_wait_within_a_second_and_cancels() -> None:
    work = Cancelled()
    sent: list[float] = []

    def interrupt() -> None:
        work.begun.wait(5)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        loop.run(work)
    assert time.monotonic() - sent[0] < 1
    assert work.ended.wait(1)
    thread.join()


def test_what_must_end_ends_although_the_wait_was_cancelled() -> None:
    written: list[str] = []

    async def work(tell: loop.Tell) -> None:
        tell("begun")

        async def write() -> None:
            await asyncio.sleep(0.1)
            written.append("kept")

        await loop.to_the_end(write())

    def leave(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.run(work, leave)
    assert written == ["kept"]


def test_many_threads_wait_at_the_same_time() -> None:
    async def slow(tell: loop.Tell) -> int:
        await asyncio.sleep(0.2)
        return 1

    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(loop.run(slow))) for _ in range(20)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1] * 20
    assert time.monotonic() - started < 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_afresh_and_the_parent_goes_on(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, sys, warnings
        warnings.simplefilter("ignore")
        import notebook_img as ni
        s = ni.session("fox")
        s.generate("a red circle")
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                turn = ni.session("fox").edit("invert")
                assert turn.id == "t2", turn
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        turn = s.edit("sepia", start="t1")
        assert turn.id == "t3", turn
        print([t.id for t in s.turns])
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['t1', 't2', 't3']"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_pool_of_forked_workers_can_make_pictures(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import multiprocessing, warnings
        warnings.simplefilter("ignore")
        import notebook_img as ni
        ni.session("fox").generate("a red circle")
        def work(n):
            return ni.session("fox").generate(f"{n + 1} red circles").prompt
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(sorted(pool.map(work, range(4))))
        print(len(ni.session("fox").turns))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[1] == "5"


def test_a_script_ends_without_a_word_while_work_is_under_way(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import asyncio
        from notebook_img import loop
        async def never(tell):
            await asyncio.Event().wait()
        loop.spawn(never)
        print("end")
    """)
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
    assert time.monotonic() - started < 5


def test_in_thread_does_not_hold_the_loop() -> None:
    async def work(tell: loop.Tell) -> list[str]:
        order: list[str] = []

        def block() -> None:
            time.sleep(0.2)  # what pixel work does to its thread
            order.append("thread")

        async def beside() -> None:
            await asyncio.sleep(0.02)
            order.append("loop")

        await asyncio.gather(loop.in_thread(block), beside())
        return order

    assert loop.run(work) == ["loop", "thread"]
