"""A batch that costs money: price first, its own budget, failures by whether they were billed, and the same call again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import BudgetError, KeyMissingError, NotebookImgError, OverloadedError
from notebook_img.studio.batch.work import Work
from tests.batches.conftest import MODEL
from tests.emulators.process import Running


def sent(service: Running) -> int:
    return len(service.requests("enerateContent"))


def test_a_batch_that_may_cost_more_than_a_dollar_needs_a_budget(
    new_studio: Callable[..., ni.Studio], service: Running, photos: Path
) -> None:
    studio = new_studio(ask_above=0.1)
    with pytest.raises(BudgetError, match=r"Nothing was sent: 12 items .*12 to do with gemini:.*\$0\.\d+.*Add budget=\d") as refused:
        studio.batch.edit("make it night", "photos/*.png", model=MODEL)
    assert "--budget" not in str(refused.value)
    assert sent(service) == 0
    assert studio.batch.list() == []
    batch = studio.batch.edit("make it night", "photos/*.png", model=MODEL, budget=2)
    assert (sent(service), batch.counts.done) == (12, 12)
    assert batch.cost == pytest.approx(sum(item.cost for item in batch))
    assert batch.cost == pytest.approx(studio.store.known_today())


def test_first_does_the_first_and_prices_the_rest(paid: ni.Studio, service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=2)
    assert sent(service) == 2
    assert "The other 10 would cost up to $" in paid.said[-1]  # type: ignore[attr-defined]
    assert [item.state for item in batch][:3] == ["done", "done", "waiting"]


def test_a_budget_that_ends_in_the_middle_leaves_the_rest_untried(paid: ni.Studio, service: Running, photos: Path) -> None:
    one = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    price = one[0].cost
    with pytest.raises(BudgetError, match=r"Nothing more was sent: .*of 12 done, .*to do.*Batch\.resume\(\)"):
        paid.batch.edit("make it dawn", "photos/*.png", model=MODEL, budget=4.5 * price, at_once=1)
    batch = paid.batch.list()[0]
    assert batch.counts.words == "4 of 12 done, 8 to do"
    assert sent(service) == 5
    paid.store.update_batch(batch.number, budget=1.0)
    assert batch.resume().counts.done == 12
    assert sent(service) == 13


def test_the_days_budget_holds_for_batches_as_well(new_studio: Callable[..., ni.Studio], service: Running, photos: Path) -> None:
    studio = new_studio(budget=0.1)
    with pytest.raises(BudgetError):
        studio.batch.edit("make it night", "photos/*.png", model=MODEL, budget=50, at_once=1)
    assert studio.store.known_today() <= 0.1


def test_without_a_key_the_batch_is_that_one_error(new_studio: Callable[..., ni.Studio], photos: Path) -> None:
    studio = new_studio(key="")
    with pytest.raises(KeyMissingError):
        studio.batch.edit("make it night", "photos/*.png", model=MODEL, budget=5)
    assert studio.batch.list()[0].counts.waiting == 12


def test_what_failed_is_a_row_and_retry_sends_what_was_surely_not_billed(paid: ni.Studio, service: Running, photos: Path) -> None:
    service.control({"kind": "status", "status": 400, "times": 2, "path": "generateContent"})
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, at_once=1)
    assert batch.counts.words == "10 of 12 done, 2 failed"
    assert {item.record.billed for item in batch.errors} == {"no"}
    batch.retry()
    assert batch.counts.words == "12 of 12 done"
    assert sent(service) == 14


def test_what_may_have_been_billed_is_named_and_sent_only_when_asked(paid: ni.Studio, service: Running, photos: Path) -> None:
    service.control({"kind": "html", "status": 504, "path": "generateContent"})
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, at_once=1)
    assert [item.record.billed for item in batch.errors] == ["maybe"]
    batch.retry()
    assert sent(service) == 12
    assert "1 that may have been billed or were refused are left as they are" in paid.said[-1]  # type: ignore[attr-defined]
    batch.retry(billed=True)
    assert (sent(service), batch.counts.done) == (13, 12)


def test_a_service_that_is_down_leaves_the_rest_untried(new_studio: Callable[..., ni.Studio], service: Running, photos: Path) -> None:
    studio = new_studio(retries=0)
    service.control({"kind": "status", "status": 503, "times": -1, "path": "generateContent"})
    with pytest.raises(OverloadedError, match=r"0 of 12 done, 12 to do"):
        studio.batch.edit("make it night", "photos/*.png", model=MODEL, at_once=2)
    assert sent(service) < 12


def test_equal_questions_about_equal_pictures_are_asked_once(paid: ni.Studio, service: Running, photos: Path) -> None:
    names = ["photos/cat 1.png", "photos/cat 2.png", "photos/cat 1.png", "photos/cat 1.png"]
    batch = paid.batch.ask("what is in it?", names, model="gemini")
    assert sent(service) == 2
    assert batch.counts.done == 4
    assert len({item.text for item in batch if item.label == "cat 1.png"}) == 1
    assert [bool(item.cost) for item in batch] == [True, True, False, False]


def test_an_interrupted_command_is_gone_on_with_by_the_next_process(
    paid: ni.Studio, new_studio: Callable[..., ni.Studio], service: Running, photos: Path
) -> None:
    paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=5)
    later = new_studio().batch.edit("make it night", "photos/*.png", model=MODEL)
    assert later.id == "b1"
    assert (sent(service), later.counts.done) == (12, 12)


def test_each_item_is_in_the_books_once(paid: ni.Studio, service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL)
    rows = [row for row in paid.store.spend_rows() if row.state != "reserved"]
    assert sorted(row.turn for row in rows) == sorted(item.turn.full_id for item in batch)


def test_two_studios_never_do_one_item_twice(paid: ni.Studio, new_studio: Callable[..., ni.Studio], service: Running, photos: Path) -> None:
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    other = new_studio().batch.named("b1")
    first = batch.resume(wait=False, at_once=3)
    work = Work(other.studio, other.record, other.studio.origin, 3)
    done = work.begin(lambda _event: None)
    first.wait()
    done.result(60)
    assert (sent(service), batch.counts.done) == (12, 12)


def test_a_lease_that_was_taken_over_sends_nothing(paid: ni.Studio, service: Running, photos: Path) -> None:
    store = paid.store
    batch = paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    ((_, asleep),) = store.claim_items(batch.number, 1)
    store.release_item(asleep)  # what taking over does
    store.claim_items(batch.number, 1)
    with pytest.raises(NotebookImgError, match="Another process has gone on with this item"):
        store.reserve("gemini:x", 0.01, None, "", "", None, asleep)
    assert store.spend_rows(limit=1)[0].turn


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": "12/hour"}, "this takes a while: notebook-img batch resume b1 in a terminal goes on with it"),
        ({"rate": "12/min"}, ""),
    ],
)
def test_what_takes_above_half_an_hour_says_how_a_terminal_goes_on(
    paid: ni.Studio, service: Running, photos: Path, options: dict[str, str], words: str
) -> None:
    over = {"word": ["night", "dawn"]}  # 24 items: an hour at one rate, a minute at the other
    paid.batch.edit("make it {word}", "photos/*.png", over=over, model=MODEL, budget=9, first=None, wait=False, **options).stop(now=True)
    line = next(said for said in paid.said if "24 items" in said)  # type: ignore[attr-defined]
    assert ("about 60 min" if words else "about 60 s") in line
    assert (words in line.casefold()) if words else ("terminal" not in line)


def test_a_mask_in_words_is_looked_for_and_priced_for_each_item(paid: ni.Studio, service: Running, photos: Path) -> None:
    service.control(boxes=[{"box_2d": [200, 200, 700, 700], "label": "cup"}])
    asked = {"model": MODEL, "first": 2}
    whole, within = (
        paid.batch.edit("paint it", "photos/*.png", dry_run=True, **asked, **mask).prices for mask in ({}, {"mask": "the cup"})
    )
    assert sent(service) == 0, "a dry run asks nothing"
    assert within.high > whole.high, "the question is priced with the edit"
    assert within.later_high > whole.later_high
    batch = paid.batch.edit("paint it", "photos/*.png", mask="the cup", **asked)
    assert (batch.counts.done, sent(service)) == (2, 4), "each item is looked at and edited"
    assert batch.cost == pytest.approx(paid.store.known_today()), "both are the item's"


def test_a_budget_that_ends_between_the_question_about_a_mask_and_the_edit_leaves_the_item_to_be_done(
    paid: ni.Studio, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.control(boxes=[{"box_2d": [200, 200, 700, 700], "label": "cup"}])
    settle, store = paid.store.settle, paid.store

    def lowered(*words: Any, **facts: Any) -> None:
        settle(*words, **facts)
        store.update_batch(1, budget=store.known_today())  # by somebody else, at that moment

    with monkeypatch.context() as patched:
        patched.setattr(store, "settle", lowered)
        with pytest.raises(BudgetError, match=r"0 of 12 done, 12 to do"):
            paid.batch.edit("paint it", "photos/*.png", model=MODEL, mask="the cup", budget=3, at_once=1)
    batch = paid.batch.named("b1")
    assert sent(service) == 1
    question = batch.cost
    assert 0 < question == pytest.approx(store.known_today())
    assert batch.resume(budget=3).counts.words == "12 of 12 done"
    assert sent(service) == 1 + 11 + 12, "what was found is known still"
    assert batch.cost == pytest.approx(store.known_today())


def test_a_dry_run_shows_what_would_be_sent_and_not_what_is_done(paid: ni.Studio, photos: Path) -> None:
    paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=10)
    shown = paid.batch.edit("make it night", "photos/*.png", model=MODEL, dry_run=True)
    assert [one.pictures[0].name for one in shown.first] == ["cat 11.png", "cat 12.PNG"]


def test_a_dry_run_leaves_out_what_was_refused_and_equal_questions(paid: ni.Studio, service: Running, photos: Path) -> None:
    service.control({"kind": "reply", "reply": "blocked", "reason": "SAFETY", "path": "enerateContent"})
    paid.batch.edit("make it night", "photos/*.png", model=MODEL, first=1)
    shown = paid.batch.edit("make it night", "photos/*.png", model=MODEL, dry_run=True)
    assert "1 failed before; 11 to do" in shown.prices.words
    assert [one.pictures[0].name for one in shown.first] == ["cat 2.png", "cat 3.PNG", "cat 4.png"]
    files = ["photos/cat 1.png", "photos/cat 1.png", "photos/cat 2.png"]
    asked = paid.batch.ask("what is it?", files, model="gemini", dry_run=True)
    assert [one.pictures[0].name for one in asked.first] == ["cat 1.png", "cat 2.png"]
