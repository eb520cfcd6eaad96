"""Batches that a service does later: at half the price, fetched by any process, each item asked and paid for once whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.errors import BudgetError, ProviderError, UnsupportedError, UsageError
from notebook_img.providers import retry
from notebook_img.studio.batch import later
from tests.emulators.process import ROOT, Running

KEY = "test-key-0123456789"
DONE = {"gemini": "succeeded", "openai": "completed"}
RUNNING = {"gemini": "running", "openai": "in_progress"}
CREATE = {"gemini": ":batchGenerateContent", "openai": "/v1/batches"}


class Place:
    """A service, and studios of one home that reach it."""

    def __init__(self, name: str, service: Running, home: Path) -> None:
        self.name, self.service, self.home = name, service, home
        self.environ = {
            "GEMINI_API_KEY": KEY,
            "GOOGLE_GEMINI_BASE_URL": service.url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{service.url}/v1",
            "NOTEBOOK_IMG_HOME": str(home),
            "NOTEBOOK_IMG_MODEL": name,
        }
        self.made: list[ni.Studio] = []

    def studio(self, **settings: Any) -> ni.Studio:
        """Return another studio of the home, as another process would have one."""
        studio = ni.Studio(settings=ni.Settings(self.environ, **{"timeout": 20, "retry_seconds": 5, **settings}))
        studio.said = []  # type: ignore[attr-defined]
        studio.say = studio.said.append  # type: ignore[attr-defined]
        self.made.append(studio)
        return studio

    def jobs(self) -> int:
        return len([row for row in self.service.requests(CREATE[self.name]) if row["method"] == "POST" and row["status"] == 200])

    def runs(self) -> None:
        self.service.control(batches=RUNNING[self.name])

    def is_done(self) -> None:
        self.service.control(batches=DONE[self.name])


@pytest.fixture(params=["gemini", "openai"])
def place(request: pytest.FixtureRequest, start_emulator: Callable[..., Running], home: Path, monkeypatch: Any) -> Iterator[Place]:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(later, "LISTED", 0.0)
    made = Place(request.param, start_emulator(request.param), home)
    yield made
    for studio in made.made:
        studio.close()
    assert not [row["error"] for row in made.service.requests() if row["state"] == "emulator failed"]


only = lambda name: pytest.mark.parametrize("place", [name], indirect=True)  # noqa: E731

ANIMALS = ["fox", "owl", "bear"]


def test_a_batch_is_handed_in_and_waits_and_any_process_fetches_it(place: Place):
    place.runs()
    batch = place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    assert batch.counts.words == "0 of 3 done, 3 at the service"

    elsewhere = place.studio().batch.named(batch.id)
    assert elsewhere.resume().counts.later == 3  # not done yet, and nothing is sent again
    place.is_done()
    elsewhere.resume()

    assert elsewhere.counts.words == "3 of 3 done"
    assert [item.turn.prompt for item in batch.items] == [f"a {animal}" for animal in ANIMALS]
    assert all(item.picture.width for item in batch.items)
    assert place.jobs() == 1


def test_the_same_call_fetches_what_is_done_and_sends_nothing_again(place: Place):
    place.runs()
    call: dict[str, Any] = {"over": {"animal": ANIMALS}, "later": True}
    first = place.studio().batch.generate("a {animal}", **call)
    place.is_done()
    again = place.studio().batch.generate("a {animal}", **call)
    assert again == place.studio().batch.named(first.id) or again.id == first.id
    assert again.counts.done == 3
    assert place.jobs() == 1


def test_half_the_price_is_estimated_reserved_and_booked_once(place: Place):
    place.runs()
    studio = place.studio()
    dear = studio.batch.generate("a {animal}", over={"animal": ANIMALS}, dry_run=True)
    cheap = studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True, dry_run=True)
    assert cheap.prices.high == pytest.approx(dear.prices.high / 2)
    assert "done later by the service" in cheap.prices.words

    batch = studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    assert studio.store.spent_today().reserved == pytest.approx(cheap.prices.high)
    place.is_done()
    batch.resume()

    rows = studio.store.spend_rows()
    assert [row.state for row in rows] == ["billed"] * 3
    assert sum(row.cost for row in rows) == pytest.approx(batch.cost)
    assert 0 < batch.cost <= cheap.prices.high
    at_once = studio.session("fox").generate("a fox")
    assert rows[0].cost == pytest.approx(at_once.cost / 2, rel=0.05)


def test_edits_keep_the_pictures_they_were_handed_in_with(place: Place, tmp_path: Path):
    for number in range(2):
        Image.new("RGB", (64, 48), (40 * number, 90, 90)).save(tmp_path / f"p{number}.png")
    place.runs()
    batch = place.studio().batch.edit("warmer", f"{tmp_path}/*.png", later=True, output=str(tmp_path / "out" / "{stem}.png"))
    for number in range(2):
        (tmp_path / f"p{number}.png").unlink()
    place.is_done()
    batch.resume()
    assert batch.counts.done == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p0.png", "p1.png"]


def test_questions_become_rows_of_a_table(place: Place, tmp_path: Path):
    for number in range(2):
        Image.new("RGB", (64, 48), (40 * number, 90, 90)).save(tmp_path / f"p{number}.png")
    batch = place.studio().batch.ask("What is it?", f"{tmp_path}/*.png", row="breed str", later=True)
    batch.wait()
    assert list(batch.frame(complete=True)["breed"].notna()) == [True, True]


@only("openai")
def test_a_typed_answer_that_does_not_fit_is_a_row_that_was_paid_and_is_asked_anew_only_when_that_is_meant(place: Place, tmp_path: Path):
    for number in range(2):
        Image.new("RGB", (64, 48), (40 * number, 90, 90)).save(tmp_path / f"p{number}.png")
    place.service.control({"kind": "reply", "reply": "say", "text": "a tabby, I think", "path": "batch-row"})
    studio = place.studio()
    batch = studio.batch.ask("What is it?", f"{tmp_path}/*.png", row="breed str", later=True)
    batch.wait()
    assert batch.counts.words == "1 of 2 done, 1 failed"
    (odd,) = batch.errors
    assert (odd.record.reason, odd.record.billed) == ("BadReplyError", "yes")
    assert "does not fit what was asked for, and later it cannot be asked to mend it" in odd.error
    assert batch.cost == pytest.approx(sum(item.cost or 0.0 for item in batch))
    batch.retry()
    assert (place.jobs(), batch.counts.failed) == (1, 1)
    assert "billed=True sends them too" in studio.said[-1]  # type: ignore[attr-defined]
    batch.retry(billed=True).wait()
    assert (place.jobs(), batch.counts.words) == (2, "2 of 2 done")


@pytest.mark.parametrize("ending", ["expired", "cancelled", "failed"])
def test_what_a_job_left_undone_are_rows_that_can_be_retried(place: Place, ending: str):
    place.runs()
    studio = place.studio()
    batch = studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    place.service.control(batches=ending)
    if ending == "failed":
        with pytest.raises(ni.NotebookImgError, match="All 3 items"):
            batch.resume()
    else:
        batch.resume()
        assert (batch.counts.done, batch.counts.failed) == (1, 2)
    assert all(item.record.billed == "no" and ending in item.error for item in batch.errors)
    assert studio.store.spent_today().reserved == 0

    place.is_done()
    batch.retry()
    batch.resume()
    assert batch.counts.words == "3 of 3 done"
    assert len(studio.store.spend_rows()) == 3 + (3 if ending == "failed" else 2)


def test_a_refused_row_is_refused_and_the_others_are_done(place: Place):
    reply = {"gemini": "blocked", "openai": "refuse_prompt"}[place.name]
    place.service.control({"kind": "reply", "reply": reply, "path": "batch-row", "contains": "a owl"})
    batch = place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    batch.wait()
    assert [item.state for item in batch.items] == ["done", "refused", "done"]


def test_stopping_now_cancels_at_the_service(place: Place):
    place.runs()
    batch = place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    batch.stop(now=True)
    batch.resume()
    assert (batch.counts.done, batch.counts.failed) == (1, 2)
    assert all("cancelled" in item.error for item in batch.errors)


def test_a_job_whose_answer_was_lost_is_found_by_its_name(place: Place):
    # The service takes the job, and the connection breaks before it can say so.
    place.runs()
    place.service.control({"kind": "reply", "reply": "lost", "path": CREATE[place.name]})
    studio = place.studio()
    with pytest.raises(ProviderError):
        studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    batch = studio.batch.list()[0]
    assert batch.counts.later == 3
    place.is_done()
    assert place.studio().batch.named(batch.id).resume().counts.done == 3
    assert len([row for row in place.service.requests(CREATE[place.name]) if row["method"] == "POST"]) == 1


def test_a_job_that_never_arrived_is_handed_in_again_once_it_would_be_listed(place: Place, monkeypatch: pytest.MonkeyPatch):
    place.service.control({"kind": "cut", "path": CREATE[place.name]})
    studio = place.studio()
    with pytest.raises(ProviderError):
        studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    batch = studio.batch.list()[0]
    assert batch.counts.later == 3
    with monkeypatch.context() as patch:
        patch.setattr(later, "LISTED", 3600.0)
        batch.resume()
        assert (batch.counts.later, place.jobs()) == (3, 0), "a service may list a job later than it takes it"
    batch.resume()  # finds out that there is none, and hands in anew
    batch.resume()
    assert batch.counts.done == 3
    assert [row.state for row in studio.store.spend_rows()].count("billed") == 3
    assert sum(row.cost for row in studio.store.spend_rows()) == pytest.approx(batch.cost)


def test_what_the_service_does_not_take_costs_nothing_and_waits(place: Place):
    place.service.control({"kind": "status", "status": 400, "path": CREATE[place.name]})
    studio = place.studio()
    with pytest.raises(ProviderError):
        studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    batch = studio.batch.list()[0]
    assert batch.counts.words == "0 of 3 done, 3 to do"
    assert studio.store.spent_today().reserved == 0


def test_a_budget_bounds_what_is_handed_in(place: Place):
    place.runs()
    studio = place.studio()
    one = studio.batch.generate("a {animal}", over={"animal": ["fox"]}, later=True, dry_run=True).prices.high
    with pytest.raises(BudgetError):
        studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True, budget=2.5 * one)
    batch = studio.batch.list()[0]
    assert (batch.counts.later, batch.counts.waiting) == (2, 1)


CHILD = """
import sys
import notebook_img as ni
from notebook_img.store import Store
if sys.argv[1] != "none":
    before = getattr(Store, sys.argv[1])
    def gone(*words, **facts):
        if sys.argv[1] != "update_job" or facts.get("submit_id"):
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*words, **facts)
    setattr(Store, sys.argv[1], gone)
ni.batch.generate("a {animal}", over={"animal": ["fox", "owl", "bear"]}, later=True)
"""


@pytest.mark.parametrize(
    ("dies_in", "arrived"),
    [("assign_job", False), ("reserve", False), ("update_job", True), ("release_leased", True)],
    ids=["before the items are marked", "before money is reserved", "between submit and store", "after the id is stored"],
)
def test_a_process_killed_on_the_way_loses_nothing_and_asks_nothing_twice(place: Place, dies_in: str, arrived: bool):
    place.runs()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, dies_in], env={**os.environ, **place.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert place.jobs() == arrived

    place.is_done()
    studio = place.studio()
    batch = studio.batch.list()[0]
    batch.resume()
    batch.resume()

    assert batch.counts.words == "3 of 3 done"
    assert place.jobs() == 1
    billed = [row for row in studio.store.spend_rows() if row.cost]
    assert len(billed) == 3
    assert sum(row.cost for row in billed) == pytest.approx(batch.cost)


def test_several_who_wait_do_not_fetch_one_job_twice(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(later, "FIRST_LOOK", 0.05)
    place.runs()
    batch = place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    place.is_done()
    others = [place.studio().batch.named(batch.id) for _ in range(3)]
    for other in others:
        other.resume(wait=False)
    for other in others:
        other.wait()
    assert batch.counts.done == 3
    assert len(batch.session.turns) == 3


@only("gemini")
def test_who_waits_for_a_day_looks_less_and_less_often(place: Place):
    place.runs()
    studio = place.studio()
    batch = studio.batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            await asyncio.to_thread(place.is_done)

    studio.shared.sleep = sleep
    assert batch.wait().counts.words == "3 of 3 done"
    assert pauses[:3] == [10.0, 15.0, 22.5]
    assert pauses[-2:] == [300.0, 300.0]
    assert (len(pauses), place.jobs()) == (12, 1)


FETCHES = """
import os, signal, sys
import notebook_img as ni
from notebook_img.store import Store
before, stored = Store.add_turn, []
def gone(*words, **facts):
    if len(stored) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    stored.append(before(*words, **facts))
    return stored[-1]
Store.add_turn = gone
ni.batches()[0].resume()
"""


def test_a_process_killed_while_it_fetches_leaves_the_rest_to_the_next(place: Place):
    place.runs()
    batch = place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, later=True)
    place.is_done()
    environ = {**os.environ, **place.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", FETCHES], env=environ, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (batch.counts.done, batch.counts.later) == (2, 1)
    batch.resume()
    assert batch.counts.done == len(batch.session.turns) == 3
    assert batch.cost == pytest.approx(sum(row.cost for row in place.studio().store.spend_rows()))


@pytest.mark.parametrize(("model", "why"), [("local", "nothing later"), ("ark:seedream-5-5-261028", "nothing later")])
@only("gemini")
def test_services_that_do_nothing_later_say_so_before_anything_is_sent(place: Place, model: str, why: str):
    place.environ["ARK_API_KEY"] = KEY
    with pytest.raises(UnsupportedError, match=why):
        place.studio().batch.generate("a {animal}", over={"animal": ANIMALS}, model=model, later=True)
    assert not place.studio().batch.list()


@only("gemini")
def test_a_single_call_is_not_done_later(place: Place):
    with pytest.raises(UsageError, match="later"):
        place.studio().session("fox").generate("a fox", later=True)


@only("gemini")
def test_a_shell_hands_in_and_another_one_fetches(place: Place, monkeypatch: pytest.MonkeyPatch, here: Any):
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    place.runs()
    ran = here("generate", "--later", "--over", "animal=fox,owl", "a {animal}")
    assert (ran.returncode, "2 at the service" in ran.stdout + ran.stderr) == (0, True)
    place.is_done()
    ran = here("batch", "resume", "b1")
    assert ran.returncode == 0
    assert place.studio().batch.named("b1").counts.words == "2 of 2 done"
    assert here("generate", "--later", "a fox").returncode != 0
