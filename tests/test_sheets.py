"""Sessions, lists of turns and siblings draw themselves as contact sheets, and the built-in engine makes one on purpose."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

import notebook_img as ni
from notebook_img.errors import UsageError
from notebook_img.providers.local import is_exact
from tests.display.pictures import page

COLOURS = ("red", "green", "blue", "orange", "purple")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for colour in COLOURS:
        Image.new("RGB", (90, 60), colour).save(tmp_path / f"{colour}.png")
    monkeypatch.chdir(tmp_path)
    return [f"{colour}.png" for colour in COLOURS]


@pytest.fixture
def fox(files: list[str]) -> ni.Session:
    """Five photographs, a question about a file, and one about the head's picture."""
    studio = ni.Studio()
    session = studio.session("fox")
    for file in files:
        session.edit("crop to a square", file)
    session.ask("what size is it?", files[0])
    session.ask("how sharp is it?", session.head)
    return session


def drawn(value: object) -> dict[str, str]:
    data, _ = InteractiveShell.instance().display_formatter.format(value)  # type: ignore[union-attr]
    return data


def test_a_session_draws_its_pictures_and_stays_one_line_in_a_terminal(fox: ni.Session) -> None:
    for value in (fox, fox.turns):
        shown = drawn(value)
        read = page(shown["text/html"])
        assert [image["alt"].split()[0] for image in read.images] == ["t1", "t2", "t3", "t4", "t5"]
        assert "Session fox: 5 turns and 2 questions" in read.text
        assert "t5 ← head" in read.text
        assert "image/jpeg" in shown
        assert shown["text/plain"] == repr(value)


def test_a_slice_is_a_list_that_draws_itself_questions_included(fox: ni.Session) -> None:
    some = fox.turns[-3:]
    assert isinstance(some, list)
    assert [turn.id for turn in some] == ["t5", "t6", "t7"]
    assert [turn.id for turn in fox.turns[::-2]] == ["t7", "t5", "t3", "t1"]
    shown = drawn(some)
    read = page(shown["text/html"])
    assert len(read.images) == 3
    assert "1 turn and 2 questions" in read.text
    assert read.images[1]["alt"].startswith("? t6  what size is it? It is 90 × 60 pixels")
    # To a terminal it is the list it was.
    assert shown["text/plain"].startswith("[<Turn fox/t5")
    two = type(some)([*fox.turns[:1], fox.actor.session("hen").edit("invert", "red.png")])
    assert [image["alt"].split()[0] for image in page(drawn(two)["text/html"]).images] == ["fox/t1", "hen/t1"]


def test_a_turn_with_several_pictures_has_a_place_for_each(fox: ni.Session) -> None:
    fox.generate("noise", n=3, seed=1)
    assert [image["alt"].split()[0] for image in page(drawn(fox.turns[-1:])["text/html"]).images] == ["t8.1", "t8.2", "t8.3"]


def test_a_session_that_was_deleted_still_has_a_repr(fox: ni.Session) -> None:
    fox.delete()
    assert set(drawn(fox)) == {"text/plain"}


def test_the_tree_of_lone_photographs_is_a_grid_and_questions_show_what_they_are_about(fox: ni.Session) -> None:
    bundle = fox.tree()
    assert bundle.html.count("<ul") == 2, "one row of all, and the question below t5"
    assert bundle.text == (
        "Session fox: 5 turns and 2 questions\n"
        "t1  crop to a square (local)\nt2  crop to a square (local)\nt3  crop to a square (local)\nt4  crop to a square (local)\n"
        "t5  crop to a square (local)  ← head\n└─ ? t7  how sharp is it? (local)\n? t6  what size is it? (local)"
    )
    # The one about a file has its picture, the one about t5 hangs below that.
    assert [image["alt"].split(":")[0] for image in page(bundle.html).images] == ["t1", "t2", "t3", "t4", "t5", "t6"]


def pixels(turn: ni.Turn) -> np.ndarray:
    return np.asarray(turn.picture.pil().convert("RGB"))


def test_a_contact_sheet_has_every_picture_in_its_place(files: list[str]) -> None:
    turn = ni.Studio().edit("contact sheet 3 x 2, 300 px wide", files)
    sheet = pixels(turn)
    assert turn.picture.width == pytest.approx(300, abs=6)
    rows = sheet.shape[0] // 2, sheet.shape[0] // 4 * 3
    third = sheet.shape[1] // 6
    seen = [tuple(sheet[sheet.shape[0] // 4, third * k]) for k in (1, 3, 5)] + [tuple(sheet[rows[1], third * k]) for k in (1, 3)]
    assert seen == [Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in COLOURS]
    assert tuple(sheet[rows[1], third * 5]) == (255, 255, 255), "the last place is empty"
    assert turn.warnings == ()


def test_names_stand_under_the_pictures_where_asked(files: list[str]) -> None:
    studio = ni.Studio()
    bare, named = (pixels(studio.edit(f"contact sheet 5 x 1{words}", files)) for words in ("", " with captions"))
    assert named.shape[0] > bare.shape[0]
    below = named[bare.shape[0] - 4 :]
    assert (below < 128).any(), "there is writing in the new line"


def test_side_by_side_keeps_the_height_and_one_above_the_other_the_width(files: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (20, 30), "black").save(tmp_path / "small.png")
    studio = ni.Studio()
    beside = studio.edit("put them side by side", ["red.png", "small.png"])
    assert (beside.picture.width, beside.picture.height) == (90 + 4 + 40, 60)
    assert np.array_equal(pixels(beside)[:, :90], np.broadcast_to((255, 0, 0), (60, 90, 3)))
    above = studio.edit("one above the other on navy", ["red.png", "small.png"])
    assert (above.picture.width, above.picture.height) == (90, 60 + 4 + 135)
    assert tuple(pixels(above)[61, 45]) == (0, 0, 128)


@pytest.mark.parametrize(("prompt", "count", "says"), [("contact sheet 2 x 2", 5, "4 places"), ("side by side", 1, "one was given")])
def test_what_cannot_be_laid_out_is_said(files: list[str], prompt: str, count: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ni.Studio().edit(prompt, files[:count])


@pytest.mark.parametrize("prompt", ["contact sheet 4 x 3", "contact sheet with captions", "put both side by side", "one above the other"])
def test_laying_out_is_exact_and_needs_no_model(prompt: str) -> None:
    assert is_exact(prompt)


def test_letters_pillow_lacks_are_drawn_or_said(files: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "red").save(tmp_path / "여우.png")
    turn = ni.Studio().edit("side by side with captions", ["여우.png", "red.png"])
    file = io.BytesIO(turn.picture.data)
    assert Image.open(file).height > 60
    assert all("No font here has" in warning for warning in turn.warnings)
