"""Batches in the panel: a list that goes along, sheets, stopping, and sending again after a question where it costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.widgets import Panel
from tests.batches.conftest import KEY, MODEL
from tests.emulators.process import Running
from tests.gemini_service import environ, new_studio, service
from tests.widgets.conftest import Watched

__all__ = ["environ", "new_studio", "service"]


@pytest.fixture
def service_key() -> str:
    return KEY


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs in the folder ``photos``."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in (("a", "orange"), ("b", "navy"), ("c", "teal")):
        Image.new("RGB", (60, 40), colour).save(folder / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def paid(new_studio: Callable[..., ni.Studio], photos: Path) -> Any:
    """A panel whose default model is a service that costs money."""
    panel = Panel(new_studio(), "fox")
    yield Watched(panel)
    panel.close()


def listed(panel: Watched) -> list[dict[str, Any]]:
    panel.do("batches", view="v", on=True)
    return panel.last("batches")["rows"]


def words(row: dict[str, Any]) -> list[str]:
    return [action["words"] for action in row["actions"]]


def go_on(panel: Watched, ni_batch: Any, action: str, **message: Any) -> None:
    """Press a button, and wait until what it began has ended and was told."""
    panel.do(action, batch=ni_batch.number, view="v", **message)
    work = panel.panel.actions.batches._batch({"batch": ni_batch.number}).work
    if work is not None and work.future is not None:
        work.future.result(60)
    panel.panel.settle()


def test_batches_are_listed_with_how_far_they_are_and_what_can_be_done(panel: Watched, studio: ni.Studio, photos: Path) -> None:
    assert listed(panel) == []
    studio.batch.edit("sepia", "photos/*.png")
    studio.batch.edit("rotate 90 degrees", [str(photos / "a.png"), str(photos / "none.png")])
    second, first = listed(panel)
    assert (first["name"], first["words"], first["share"], words(first)) == ("b1", "3 of 3 done", 1.0, [])
    assert (second["words"], second["prompt"], words(second)) == ("1 of 2 done, 1 failed", "rotate 90 degrees", [])
    panel.do("batch", batch=2, view="v")
    sheet = panel.last("batch")
    assert [(item["label"], item["state"], bool(item["sha"])) for item in sheet["items"]] == [
        ("a.png", "done", True),
        ("none.png", "failed", False),
    ]
    assert sheet["failures"][0]["label"] == "none.png"
    assert "There is no file" in sheet["failures"][0]["error"]
    panel.do("send", session=sheet["items"][0]["session"], turn=sheet["items"][0]["turn"], index=1, source=False, to="edit")
    assert panel.state["base"]["sha"] == sheet["items"][0]["sha"]


def test_a_view_that_looks_on_hears_of_what_others_do_and_one_that_does_not_hears_nothing(
    panel: Watched, studio: ni.Studio, home: Path, photos: Path
) -> None:
    listed(panel)
    other = ni.Studio()
    other.batch.edit("sepia", "photos/*.png", first=1)
    panel.panel.look_around()
    (row,) = panel.last("batches")["rows"]
    assert (row["words"], words(row)) == ("1 of 3 done, 2 to do", ["Go on with 2"])
    told = len(panel.all("batches"))
    panel.panel.look_around()
    assert len(panel.all("batches")) == told, "what is known already is not told again"
    panel.do("batches", view="v", on=False)
    other.batch.list()[0].resume()
    panel.panel.look_around()
    assert len(panel.all("batches")) == told
    assert listed(panel)[0]["words"] == "3 of 3 done"
    other.close()


def test_what_is_free_goes_on_at_once(panel: Watched, studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("sepia", "photos/*.png", first=1)
    listed(panel)
    go_on(panel, batch, "resume_batch")
    assert not panel.all("batch question")
    assert panel.last("notice")["text"] == "Batch b1: 3 of 3 done."
    assert panel.last("batches")["rows"][0]["words"] == "3 of 3 done"


def test_what_costs_is_asked_first_and_sent_once_it_is_agreed_to(paid: Watched, service: Running, photos: Path) -> None:
    batch = paid.panel.cells.batch.edit("make it night", "photos/*.png", model=MODEL, first=1, budget=1)
    before = len(service.requests("enerateContent"))
    go_on(paid, batch, "resume_batch")
    question = paid.last("batch question")
    assert question["title"] == "Send 2 items of batch b1?"
    assert question["lines"][0].startswith("That costs $0.")
    assert question["lines"][1].endswith("of its budget of $1.00 is spent.")
    assert len(service.requests("enerateContent")) == before
    go_on(paid, batch, question["send"]["do"], agreed=question["send"]["agreed"])
    assert len(service.requests("enerateContent")) == before + 2
    assert batch.counts.words == "3 of 3 done"


def test_what_may_have_been_billed_is_named_and_only_sent_when_it_is_meant(paid: Watched, service: Running, photos: Path) -> None:
    batch = paid.panel.cells.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    store = paid.panel.studio.store
    for (_, claim), billed in zip(store.claim_items(batch.number, 2), ("no", "maybe"), strict=True):
        store.end_item(claim, state="failed", error="It broke.", reason="ProviderError", billed=billed)
    (row,) = listed(paid)
    assert (row["words"].partition(" ·")[0], words(row)) == ("1 of 3 done, 2 failed", ["Send 1 again", "Send all 2 again…"])
    go_on(paid, batch, "retry_batch", billed=True)
    assert "1 of them may have been billed or refused before" in paid.last("batch question")["lines"][1]
    go_on(paid, batch, "retry_batch", billed=False, agreed=1)
    assert batch.counts.words == "2 of 3 done, 1 failed"
    go_on(paid, batch, "retry_batch", billed=True, agreed=1)
    assert batch.counts.words == "3 of 3 done"


def test_a_budget_that_is_used_up_is_said_in_the_panels_words(paid: Watched, service: Running, photos: Path) -> None:
    batch = paid.panel.cells.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    paid.panel.studio.store.update_batch(batch.number, budget=batch.cost)
    go_on(paid, batch, "resume_batch", agreed=2)
    assert "Nothing more was sent" in paid.error
    assert "Run its cell again with a higher budget." in paid.error


def test_stop_is_heard_by_whoever_works_on_it(panel: Watched, studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("sepia", "photos/*.png", first=1)
    ((_, claim),) = studio.store.claim_items(batch.number, 1)
    (row,) = listed(panel)
    assert (row["running"], words(row)) == (True, ["Stop"])
    panel.do("stop_batch", batch=batch.number, view="v", now=False)
    assert panel.last("notice")["text"] == "Batch b1 begins nothing more."
    for thread in threading.enumerate():
        if thread.name == "notebook_img batch":
            thread.join(30)
    assert batch.record.stopping == "soon"
    panel.panel.look_around()
    assert words(panel.last("batches")["rows"][0]) == ["Cancel what is under way"]
    studio.store.release_item(claim)


def test_what_a_service_does_later_is_fetched_with_a_button_and_cancelled_with_another(
    paid: Watched, service: Running, photos: Path
) -> None:
    service.control(batches="running")
    studio = paid.panel.cells
    done, stopped = (studio.batch.edit(prompt, "photos/*.png", model=MODEL, budget=1, later=True) for prompt in ("night", "dawn"))
    rows = listed(paid)
    assert [row["words"].partition(" ·")[0] for row in rows] == ["0 of 3 done, 3 at the service"] * 2
    assert [words(row) for row in rows] == [["Fetch what is done", "Cancel at the service"]] * 2
    assert not any(row["running"] for row in rows)
    paid.do("stop_batch", batch=stopped.number, view="v", now=True)
    for thread in threading.enumerate():
        if thread.name == "notebook_img batch":
            thread.join(30)
    service.control(batches="succeeded")
    for batch in (done, stopped):
        go_on(paid, batch, "resume_batch")
        assert not paid.all("batch question"), "what is fetched is paid already"
    assert done.counts.words == "3 of 3 done"
    assert (stopped.counts.done, stopped.counts.failed) == (1, 2)
    assert [words(row) for row in listed(paid)] == [["Send 2 again"], []]


def test_a_batch_that_was_deleted_is_said(panel: Watched) -> None:
    panel.do("batch", batch=7, view="v")
    assert panel.error == "Batch b7 was deleted with its session. The gallery lists them."
