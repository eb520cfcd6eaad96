"""What calls cost: usage, price, the day's total, and a budget that holds over processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_img.calls.call import make_call
from notebook_img.calls.results import Notice, Plan
from notebook_img.errors import BudgetError, NotebookImgError, RefusedError
from notebook_img.store.spend import today
from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.jupyter.kernels import environment
from tests.studio_gemini.conftest import KEY, painted


def test_usage_is_kept_by_modality_and_priced(fox: Session, studio: Studio):
    turn = fox.edit("make it night", "sample:chelsea")

    tokens = turn.usage["by_modality"]
    assert tokens["input_image"] == 1120
    assert tokens["output_image"] == 1120
    assert turn.cost == pytest.approx(0.0336 + (tokens["input_text"] + 1120) * 1.5e-6 + tokens["thought"] * 7.5e-6)
    row = studio.store.spend_rows()[0]
    assert (row.state, row.cost, row.turn, row.session, row.usage["by_modality"]) == ("billed", turn.cost, "fox/t1", "fox", tokens)


def test_the_caption_has_the_days_total(fox: Session):
    first = fox.generate("a fox")
    second = fox.generate("another fox", size="4K")

    assert second.today == pytest.approx(first.cost + second.cost)
    assert "$0.113 · today $0.147" in second.figure().text


def test_a_refused_call_that_was_billed_is_counted(fox: Session, studio: Studio, service: Running):
    service.control({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY", "text": "no"})

    with pytest.raises(RefusedError) as caught:
        fox.edit("make it night", "sample:chelsea")

    assert caught.value.usage
    row = studio.store.spend_rows()[0]
    assert row.state == "refused"
    assert row.cost == caught.value.cost
    assert fox.cost()[0] == pytest.approx(row.cost or 0)


def test_spending_outlives_turns_and_sessions(fox: Session, studio: Studio):
    cost = fox.generate("a fox").cost
    fox.delete()

    assert studio.store.spent(today())[0] == cost


def test_an_unknown_price_stays_unknown_and_is_never_zero(fox: Session, studio: Studio):
    said: list[str] = []
    turn = studio.run(
        fox,
        make_call("generate", "a fox", None, {"model": "gemini:gemini-secret-preview"}),
        lambda event: said.append(event.text) if isinstance(event, Notice) else None,
    )

    assert turn.cost is None
    assert "price of one call is not known" in said[0]
    assert studio.store.spent(today()) == (0.0, 0.0, 1)
    assert fox.cost() == (0.0, 1)
    plan = studio.run(fox, make_call("generate", "b", None, {"model": "gemini:gemini-secret-preview", "dry_run": True}))
    assert "cost      unknown" in repr(plan)


def test_the_first_paid_call_of_a_process_says_where_pictures_go_and_what_one_costs(fox: Session, studio: Studio):
    said: list[str] = []
    studio.say = said.append

    fox.generate("a fox")
    fox.generate("another fox")

    assert said == ["Prompts and pictures of this call go to Google Gemini; this call costs $0.034 to $0.045. Daily budget: $5.00."]


def test_a_dry_run_shows_the_estimate_and_sends_nothing(fox: Session, service: Running, studio: Studio):
    plan = fox.edit("make it night", "sample:chelsea", size="4K", n=2, dry_run=True)

    assert isinstance(plan, Plan)
    thinking, given = 1500 * 7.5e-6, 1125 * 1.5e-6
    assert plan.least == pytest.approx(2 * (0.1134 + given), abs=1e-4)
    assert plan.estimate == pytest.approx(2 * (0.1134 + thinking + given), abs=1e-4)
    assert "cost      $0.23 to $0.253" in repr(plan)
    assert painted(service) == []
    assert studio.store.spend_rows() == []


def test_the_budget_is_checked_before_anything_is_sent(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(budget=0.1)
    session = studio.session("fox")
    session.generate("a fox")

    with pytest.raises(BudgetError, match=r"Nothing was sent.*is up to \$0\.12.*\$0\.03 of at most \$0\.10 has been spent"):
        session.generate("a fox", size="4K")
    with pytest.raises(BudgetError):
        session.generate("foxes", n=2)

    assert len(painted(service)) == 1
    assert session.generate("one more").picture


def test_a_replay_and_the_built_in_engine_need_no_budget(new_studio: Callable[..., Studio]):
    studio = new_studio(budget=0)

    turn = studio.session("fox").edit("warmer", "sample:chelsea", model="local")

    assert (turn.cost, studio.store.spend_rows()) == (0.0, [])


def test_calls_in_flight_are_reserved_across_processes(new_studio: Callable[..., Studio], service: Running, home: Path):
    studio = new_studio(budget=0.05)
    service.control(latency=30)
    code = "import notebook_img as ni; ni.Studio(budget=0.05).session('other').generate('a slow fox')"
    environ = environment(home, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=service.url)
    other = subprocess.Popen([sys.executable, "-c", code], env=environ)
    try:
        service.wait_for(lambda rows: rows, timeout=30)

        with pytest.raises(BudgetError, match=r"\$0\.04 is reserved by calls in flight"):
            studio.session("fox").generate("a fox")
    finally:
        other.kill()
        other.wait()

    # The other process is gone. Its call may have been billed, so it stays on record.
    service.control(latency=0)
    assert new_studio(budget=1).session("fox").generate("a fox").picture
    assert [row.state for row in studio.store.spend_rows()] == ["billed", "unknown"]


def test_parallel_calls_of_one_process_cannot_take_the_last_dollar_twice(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(budget=0.1)
    session = studio.session("fox")
    service.control(latency=0.5)
    outcomes: list[str] = []

    def one() -> None:
        try:
            outcomes.append(session.generate("a fox").id)
        except NotebookImgError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["BudgetError"] * 3 + ["t1", "t2"]
    assert len(painted(service)) == 2
