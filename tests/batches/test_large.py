"""Batches that are large, and a disk that fills up in the middle of one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import StoreError
from notebook_img.jupyter.batch_screen import BatchScreen
from notebook_img.records import BatchRecord, ItemRecord
from notebook_img.studio import Batch
from tests.batches.conftest import MODEL
from tests.emulators.process import Running


def test_the_live_table_and_the_sheet_stay_small_with_ten_thousand_items(studio: ni.Studio, photos: Path) -> None:
    made = studio.edit("rotate 90 degrees", "photos/cat 1.png")
    session = studio.session().record
    states = {7: "failed", 9: "waiting"}
    items = [
        ItemRecord(
            0,
            0,
            number,
            f"cat {number}.png",
            state=states.get(number % 1000, "done"),  # type: ignore[arg-type]
            error="It is broken." if number % 1000 == 7 else "",
            session_id=session.id,
            turn=made.number,
        )
        for number in range(10_000)
    ]
    now = time.time()
    stored = studio.store.add_batch(
        BatchRecord(0, "", session.id, "edit", "rotate {i} degrees", created=now, updated=now),
        items,
        session="many",
        settings={"model": "", "settings": {}},
    )
    batch = Batch(studio, stored.id)
    screen = BatchScreen(None, batch)
    tables = [screen._table() for _ in range(3)]
    assert "9,980 of 10,000 done" in tables[-1].text
    assert "10 failed" in tables[-1].text
    for drawn in (*tables, batch.drawn()):
        assert sum(len(str(part)) for part in drawn.data.values()) < 200_000


def test_a_disk_that_is_full_in_the_middle_ends_the_batch_and_nothing_is_paid_twice(
    paid: ni.Studio, service: Running, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stored = paid.store, []
    add_turn = type(store).add_turn

    def full_after_four(self: Any, *args: Any, **options: Any) -> Any:
        if len(stored) == 4:
            raise StoreError("The disk is full.")
        stored.append(add_turn(self, *args, **options))
        return stored[-1]

    monkeypatch.setattr(type(store), "add_turn", full_after_four)
    with pytest.raises(StoreError, match=r"The disk is full.*4 of 12 done, 1 failed, 7 to do"):
        paid.batch.edit("make it night", "photos/*.png", model=MODEL, budget=3, at_once=1)
    monkeypatch.undo()
    batch = paid.batch.list()[0]
    assert batch.counts.unsure == 1
    batch.resume()
    assert batch.counts.words == "11 of 12 done, 1 failed"
    assert len(service.requests("enerateContent")) == 12
    assert batch.cost == pytest.approx(store.known_today())


def test_a_thousand_items_of_which_seven_fail(studio: ni.Studio) -> None:
    rows = [{"colour": None if number % 143 == 5 else "red"} for number in range(1000)]
    batch = studio.batch.generate("a {colour} circle on white", rows, size="16x16", quiet=True)
    assert batch.counts.words == "993 of 1,000 done, 7 failed"
    assert [item.position for item in batch.errors] == list(range(5, 1000, 143))
    assert len(batch.session.turns) == 993
    frame = batch.frame()
    assert (len(frame), int(frame["error"].notna().sum())) == (1000, 7)
