"""What a review of batches found: items paid twice, booked wrong or lost where two look at one batch, or a cell is run again."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.errors import BudgetError, OverloadedError, UsageError
from notebook_img.studio.batch.work import Work
from tests.batches.conftest import MODEL
from tests.batches.test_money import sent
from tests.emulators.process import Running


def test_two_files_of_one_stem_in_two_folders_are_not_written_to_one_name(studio: ni.Studio, photos: Path) -> None:
    for folder in ("red", "blue"):
        (photos / folder).mkdir()
        Image.new("RGB", (40, 30), folder).save(photos / folder / "cat.png")
    with pytest.raises(UsageError, match="both be written to"):
        studio.batch.edit("blur", "photos/*/cat.png", output="out/{stem}.png")
    assert studio.batch.list() == []


def test_several_pictures_of_an_item_do_not_take_the_name_of_another(studio: ni.Studio, photos: Path) -> None:
    with pytest.raises(UsageError, match=r"a · 2 and a-1 · 1 would both be written to out/a-1.*Nothing was sent") as refused:
        studio.batch.generate("a red circle, {name}", [{"name": "a"}, {"name": "a-1"}], output="out/{name}.png", over={"n": [2, 1]})
    assert "both be written to" in str(refused.value)


def test_equal_items_are_priced_one_by_one(new_studio: Callable[..., ni.Studio], service: Running, photos: Path) -> None:
    first = new_studio().batch.generate("{item}", ["a fox"] * 6, model=MODEL, first=1)
    with pytest.raises(BudgetError, match="6 items; 1 done before; 5 to do"):
        new_studio(ask_above=0.01).batch.generate("{item}", ["a fox"] * 6, model=MODEL)
    assert (sent(service), first.counts.done) == (1, 1)


def test_the_rest_of_a_batch_needs_a_budget_where_its_price_is_above_the_limit(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path
) -> None:
    studio = new_studio(ask_above=0.2)
    batch = studio.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    with pytest.raises(BudgetError, match=r"Nothing was sent: what is left of batch b1 would cost up to \$0\.\d+\. Add budget=\d"):
        batch.resume()
    assert sent(service) == 1
    assert batch.resume(budget=2).counts.done == 12


def test_a_second_object_of_a_batch_does_not_take_over_what_the_first_has_sent(paid: ni.Studio, service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    other = paid.batch.named("b1")
    service.control(latency=0.2)
    batch.resume(wait=False, at_once=3)
    while not batch.counts.under_way:
        pass
    with pytest.raises(UsageError, match="is being worked on"):
        other.resume()
    batch.wait()
    assert (sent(service), batch.counts.words) == (12, "12 of 12 done")


def test_a_numbered_item_is_numbered_from_one(studio: ni.Studio, photos: Path) -> None:
    column = pd.Series(["photos/cat 1.png", "photos/cat 2.png"], index=["x", "y"], name="photo")
    studio.batch.edit("blur", column, output="out/{i}.png")
    assert {path.name for path in Path("out").iterdir()} == {"1.png", "2.png"}


def test_money_of_a_job_that_was_never_taken_comes_back_after_its_process_is_gone(paid: ni.Studio, service: Running, photos: Path) -> None:
    store = paid.store
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    before = store.known_today()
    ((_, claim),) = store.claim_items(batch.number, 1)
    store.assign_job("j1", {claim: {}})
    spend = store.reserve("gemini:x", 0.5, None, "", "", None, claim)
    store.settle(spend, "unknown", 0.5)  # what any process does with a reservation of one that is gone
    assert store.take_back("j1") == 1
    assert store.known_today() == before
    assert batch.cost == pytest.approx(before)


def test_the_equal_question_of_one_that_was_left_is_left_too(paid: ni.Studio, service: Running, photos: Path) -> None:
    names = ["photos/cat 1.png", "photos/cat 2.png", "photos/cat 2.png"]
    batch = paid.batch.ask("what is in it?", names, model="gemini", first=1)
    ((_, claim),) = paid.store.claim_items(batch.number, 1)
    paid.store.reserve("gemini:x", 0.01, None, "", "", None, claim)
    paid.store.settle_items(batch.number, own=True)
    assert batch.counts.words == "1 of 3 done, 2 failed"


def test_a_service_that_is_down_fails_no_item_however_slow_the_others_are(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path
) -> None:
    studio = new_studio(retries=0)
    batch = studio.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    work = Work(studio, batch.record, studio.origin, at_once=4)
    item = batch[1].record  # type: ignore[union-attr]
    assert all(work._counted(item, OverloadedError("down", billed="no")) for _ in range(6))
    assert work.ended_by is None
    assert work._counted(item, OverloadedError("down", billed="no"))
    assert work.ended_by is not None


def test_a_model_that_is_not_there_costs_its_own_items_alone(paid: ni.Studio, service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", over={"model": ["openai:gpt-image-1.5", MODEL]}, budget=9, at_once=1)
    assert batch.counts.words == "12 of 24 done, 12 failed"
    assert sent(service) == 12
    assert {item.record.billed for item in batch.errors} == {"no"}


def test_a_stop_while_items_are_leased_leaves_none_leased(
    paid: ni.Studio, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    work = Work(paid, batch.record, paid.origin, at_once=4)
    claim = paid.store.claim_items

    def stopped_then(*asked: Any) -> list[Any]:
        found = claim(*asked)
        work.stop(now=True)
        return found

    monkeypatch.setattr(paid.store, "claim_items", stopped_then)
    future = work.begin(lambda _event: None)
    with pytest.raises((asyncio.CancelledError, concurrent.futures.CancelledError)):
        future.result(60)
    assert (batch.counts.waiting, batch.counts.under_way) == (11, 0)


def test_what_a_service_has_keeps_its_call_when_the_batch_is_planned_again(paid: ni.Studio, service: Running, photos: Path) -> None:
    store = paid.store
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    ((item, claim),) = store.claim_items(batch.number, 1)
    store.assign_job("j1", {claim: {"images": ["as it was sent"]}})
    store.reserve("gemini:x", 0.01, None, "", "", None, claim)
    store.merge_items(batch.number, [item])
    assert store.items(batch.number)[0].call == {"images": ["as it was sent"]}
