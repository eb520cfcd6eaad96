"""Contact sheets: what every place says, what is drawn of many, and how little a notebook keeps of it."""

from __future__ import annotations

import pytest

from notebook_img.display import MOST_ITEMS, SheetItem, sheet
from tests.display.pictures import HOSTILE, grows_by, noise, page, picture


def test_every_place_has_its_words_and_a_picture_or_what_became_of_it() -> None:
    items = [
        SheetItem("a.jpg", "a cat", picture(seed=1)),
        SheetItem("b.jpg", "", state="waiting"),
        SheetItem("c.jpg", "the model refused", state="failed"),
        SheetItem("t4", "how sharp?", picture(seed=2), "question"),
        SheetItem("t5", "warmer", picture(seed=3), "head"),
    ]
    bundle = sheet(items, title="5 files")
    assert bundle.text.splitlines() == [
        "5 files",
        "a.jpg  a cat",
        "b.jpg  (waiting)",
        "c.jpg  the model refused  (failed)",
        "? t4  how sharp?",
        "t5  warmer  ← head",
    ]
    read = page(bundle.html)
    assert [image["alt"] for image in read.images] == ["a.jpg  a cat", "? t4  how sharp?", "t5  warmer  ← head"]
    for words in ("5 files", "waiting", "the model refused", "failed", "t5 ← head"):
        assert words in read.text
    assert bundle.metadata["image/jpeg"]["alt"] == "5 files: a.jpg, t4, t5"


def test_of_many_the_last_are_drawn_and_the_others_counted() -> None:
    items = [SheetItem(f"t{number}", "", picture(16, 12, seed=number)) for number in range(1, MOST_ITEMS + 3)]
    bundle = sheet(items, more=5)
    assert len(page(bundle.html).images) == MOST_ITEMS
    assert "… 7 earlier not drawn" in bundle.text
    assert "… 7 earlier not drawn" in page(bundle.html).text
    assert "t2\n" not in bundle.text


@pytest.mark.parametrize("count", [1, 4, 12, MOST_ITEMS])
def test_a_sheet_adds_no_more_than_one_picture_does(count: int) -> None:
    items = [SheetItem(f"t{number}", "words " * 40, noise(500, 400, seed=number)) for number in range(1, count + 1)]
    assert grows_by(dict(sheet(items, title="a session").data)) < 150_000


def test_nothing_written_becomes_markup() -> None:
    bundle = sheet([SheetItem(HOSTILE, HOSTILE, picture()), SheetItem(HOSTILE, HOSTILE, state="failed")], title=HOSTILE)
    assert "<script" not in bundle.html
    assert len(page(bundle.html).images) == 1


def test_an_empty_sheet_is_words_alone() -> None:
    bundle = sheet([], title="Session fox: 0 turns")
    assert set(bundle.data) == {"text/html", "text/plain"}
    assert bundle.text == "Session fox: 0 turns"
