"""Stop means stop: sync, in a loop and awaited calls end within a second, and the request in flight is cancelled."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notebook_img.display import money
from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, Ran, environment, running_kernel

KEY = "AIza-test-key-0123456789-abcd"
WITHIN = 1.0
"""Seconds from the interrupt to the cell's end."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, emulators: Callable[..., Running]) -> Iterator[tuple[Kernel, Running]]:
    folder = tmp_path_factory.mktemp("interrupts")
    service = emulators("gemini")
    env = environment(
        folder / "home", GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=service.url, NOTEBOOK_IMG_BUDGET="1000", NOTEBOOK_IMG_REPLAY="off"
    )
    with running_kernel(env, folder / "work") as kernel:
        kernel.good(
            "%load_ext notebook_img\nimport notebook_img as ni, asyncio\ns = ni.session('fox')\n_ = %imgedit --quiet -m local sample:chelsea invert"
        )
        # The SDK is imported by the first call, which is no part of the time an interrupt takes.
        service.reset()
        kernel.good("%imgedit --quiet -m gemini make it night")
        yield kernel, service


@pytest.fixture
def hanging(started: tuple[Kernel, Running]) -> tuple[Kernel, Running]:
    kernel, service = started
    service.reset()
    service.control({"kind": "hang", "path": "enerateContent", "times": -1})
    return kernel, service


def busy(kernel: Kernel) -> float:
    """Return how long an interrupt of a plain wait takes just now: what the machine's other work adds to ours."""
    message = kernel.begin("print('on', flush=True)\nimport time; time.sleep(60)")
    while kernel.client.get_iopub_msg(timeout=30)["msg_type"] != "stream":
        pass
    started = time.monotonic()
    kernel.manager.interrupt_kernel()
    kernel.finish(message)
    return time.monotonic() - started


def stopped(kernel: Kernel, service: Running, code: str) -> Ran:
    message = kernel.begin(code)
    service.wait_for(lambda rows: rows, path="enerateContent", timeout=30)
    started = time.monotonic()
    kernel.manager.interrupt_kernel()
    ran = kernel.finish(message)
    assert time.monotonic() - started < WITHIN + busy(kernel)
    assert ran.status == "error"
    service.wait_for(lambda rows: rows and all(row["state"] == "client left" for row in rows), path="enerateContent", timeout=5)
    return ran


@pytest.mark.parametrize(
    "code",
    [
        "%imgedit -m gemini a red scarf",
        "%imggen -m gemini a fox",
        "%askimage -m gemini what is this?",
        "%%imgedit -m gemini\na red scarf",
        "s.edit('a red scarf', model='gemini')",
        "for n in range(3):\n    %imgedit -m gemini a red scarf {n}",
        "%imggen -m gemini -n 3 a fox",
        "await s.aio.edit('a red scarf', model='gemini')",
        "await asyncio.gather(*(s.aio.generate(f'a fox {n}', model='gemini') for n in range(3)))",
    ],
)
def test_an_interrupt_ends_the_call_within_a_second_and_cancels_the_request(hanging: tuple[Kernel, Running], code: str) -> None:
    kernel, service = hanging
    turns = kernel.value("[t.id for t in s.turns]")
    ran = stopped(kernel, service, code)
    assert ran.error.split(":")[0] == ("CancelledError" if "await" in code else "Stopped")
    billed = r"Stopped after \d+ s; it may have been billed, (about \$0\.\d+ is counted|how much is not known)\."
    if "gather" not in code:  # of several tasks the one that is shown may not have sent its request yet
        assert re.fullmatch(billed, ran.traceback)
    seen = len(service.requests("enerateContent"))
    assert kernel.value("[t.id for t in s.turns]") == turns, "an interrupted call leaves no turn"
    assert kernel.value("s.head.id") == turns[-1]
    assert len(service.requests("enerateContent")) == seen, "nothing is sent again"


def test_what_was_interrupted_may_have_been_billed_and_stays_counted(hanging: tuple[Kernel, Running]) -> None:
    kernel, service = hanging
    look = "(lambda rows: [(r.state, r.cost) for r in rows])([r for r in s.actor.store.spend_rows(session='fox') if r.turn == ''])"
    before = kernel.value(look)
    ran = stopped(kernel, service, "%imggen -m gemini a fox")
    after = kernel.value(look)
    (state, cost) = after[0]
    assert len(after) == len(before) + 1
    assert state == "unknown"
    assert f"about {money(cost)} is counted" in ran.traceback, "the line says what the books say"
    assert "Traceback" in kernel.good("%tb").printed or "Traceback" in kernel.run("%tb").traceback, "%tb shows the whole"
    assert kernel.value("issubclass(__import__('sys').last_type, KeyboardInterrupt)"), "it stops Run All as any interrupt does"


def test_the_kernel_goes_on_after_an_interrupt(hanging: tuple[Kernel, Running]) -> None:
    kernel, service = hanging
    stopped(kernel, service, "%imggen -m gemini a fox")
    service.reset()
    assert kernel.good("%imggen -m gemini a fox").drawn == 1
    assert kernel.good("t = await s.aio.ask('what is this?', model='gemini')\nprint(t.text)").printed


def test_waiting_for_a_retry_can_be_stopped_too(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    service.control({"kind": "status", "status": 503, "headers": {"Retry-After": "30"}, "path": "enerateContent", "times": -1})
    message = kernel.begin("%imggen -m gemini a fox")
    service.wait_for(lambda rows: rows, path="enerateContent", timeout=30)
    began = time.monotonic()
    kernel.manager.interrupt_kernel()
    ran = kernel.finish(message)
    assert time.monotonic() - began < WITHIN + busy(kernel)
    assert re.fullmatch(r"Stopped after \d+ s; nothing was billed\.", ran.traceback)
    assert len(service.requests("enerateContent")) == 1


@pytest.mark.parametrize("later", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_an_interrupt_about_when_the_reply_comes_hides_no_picture(started: tuple[Kernel, Running], later: float) -> None:
    # The pause only chooses the moment: whichever step the signal falls into, what is asserted holds.
    kernel, service = started
    service.reset()
    service.control({"kind": "slow", "seconds": 0.7, "path": "enerateContent"})
    turns = kernel.value("len(s.turns)")
    message = kernel.begin("%imggen -m gemini a fox")
    service.wait_for(lambda rows: rows, path="enerateContent", timeout=30)
    time.sleep(0.55 + later)
    kernel.manager.interrupt_kernel()
    ran = kernel.finish(message)
    assert all("<progress" not in data.get("text/html", "") for data in ran.shown), "nothing is left moving"
    assert all(ran.drawn or name in ran.text for name in kernel.value("[t.full_id for t in s.turns]")[turns:])


def test_progress_is_shown_while_waiting_and_only_the_finished_state_stays(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    service.control({"kind": "slow", "seconds": 1.5, "path": "enerateContent"})
    ran = kernel.good("%imggen -m gemini a slow fox")
    assert len(ran.shown) == 1, "one output, which began as progress"
    assert ran.drawn == 1
    assert "<progress" not in ran.shown[0]["text/html"]


def test_a_failed_call_leaves_no_progress_behind(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    service.control({"kind": "slow", "seconds": 1, "path": "enerateContent"}, {"kind": "status", "status": 400, "path": "enerateContent"})
    ran = kernel.run("%imggen -m gemini a slow fox")
    if ran.status == "ok":  # the fault behind the slow one is for the next request
        ran = kernel.run("%imggen -m gemini a slow fox")
    assert ran.status == "error"
    assert all("<progress" not in data.get("text/html", "") for data in ran.shown)
    assert len(ran.traceback) < 700


def test_sync_calls_work_inside_the_kernels_running_loop_and_awaited_ones_at_top_level(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    assert kernel.value("asyncio.get_running_loop().is_running()") is True
    kernel.good(
        "async def paint():\n    return s.generate('a fox', model='gemini')\nt = await paint()\nu = await s.aio.generate('a hen', model='gemini')"
    )
    assert kernel.value("[t.prompt, u.prompt]") == ["a fox", "a hen"]


def test_many_awaited_calls_run_at_the_same_time(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    service.control(latency=0.4)
    ran = kernel.good("got = await asyncio.gather(*(s.aio.generate(f'fox {n}', model='gemini') for n in range(6)))")
    assert ran.seconds < 6 * 0.4
    assert kernel.value("sorted({t.id for t in got}) == sorted(t.id for t in got)") is True


def test_the_first_paid_call_of_a_kernel_says_where_pictures_go_once(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    kernel.good("s.actor.shared.noticed.clear()")
    first = kernel.good("%imggen -m gemini a fox and a hen")
    assert "go to Google Gemini" in first.text
    assert "$" in first.text
    assert "go to Google Gemini" not in kernel.good("%imggen -m gemini a hen and a fox").text


def test_a_call_over_the_budget_is_refused_before_anything_is_sent(started: tuple[Kernel, Running]) -> None:
    kernel, service = started
    service.reset()
    kernel.good("%config NotebookImg.budget = 0.001")
    ran = kernel.run("%imggen -m gemini one more fox")
    kernel.good("%config NotebookImg.budget = 1000")
    assert ran.error.startswith("BudgetError")
    assert "$" in ran.error
    assert len(ran.traceback) < 700
    assert service.requests() == []


def test_a_spoken_refusal_has_its_reason(started: tuple[Kernel, Running], tmp_path: Path) -> None:
    kernel, service = started
    service.reset()
    service.control({"kind": "reply", "reply": "blocked", "reason": "PROHIBITED_CONTENT", "path": "enerateContent"})
    turns = kernel.value("len(s.turns)")
    ran = kernel.run("%imggen -m gemini something refused")
    assert ran.error.startswith("RefusedError")
    assert "PROHIBITED_CONTENT" in ran.error
    assert kernel.value("len(s.turns)") == turns
