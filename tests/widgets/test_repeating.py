"""The cell that repeats a turn: read again by the magics' own parser, and run in a kernel's shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import notebook_img
from notebook_img.jupyter.line import parse
from notebook_img.records import PictureUse, TurnRecord
from notebook_img.widgets import as_magic, uploads
from tests.widgets.conftest import Watched
from tests.widgets.test_turns import cat, run  # noqa: F401 - a fixture


def read(text: str) -> Any:
    """Return what the magic reads from a cell."""
    first, _, body = text.partition("\n")
    magic, _, line = first.partition(" ")
    assert magic == "%%imgedit"
    return parse(line, body, "edit", is_id=lambda _: False, exists=lambda _: False)


def made(prompt: str, *pictures: PictureUse, **asked: Any) -> TurnRecord:
    return TurnRecord("s", 3, "edit", prompt, "local:builtin", pictures=pictures, asked=asked)


UPLOAD = PictureUse("a" * 64, "input", "image/png", 4, 4, 9, "upload.png")
MASK = PictureUse("b" * 64, "mask", "image/png", 4, 4, 9)


def test_a_turn_is_copied_as_the_cell_that_repeats_it(cat: Watched) -> None:  # noqa: F811
    cat.do("magic")
    first, second = cat.last("magic")["text"].split("\n")
    assert first.startswith("%%imgedit -s fox -i sample:chelsea -m local:builtin")
    assert second == "make it night"
    run(cat, "warmer")
    cat.do("magic")
    assert "--from t1" in cat.last("magic")["text"]


def test_a_masked_turn_of_an_upload_is_repeated_from_the_store() -> None:
    text = as_magic.as_magic(made("make it\nnight", UPLOAD, MASK, n=2, confine=False), "fox", {"ni": notebook_img})
    assert text.startswith('%%imgedit -s fox -i \'ni.session("fox").turn("t3").inputs[0]\'')
    assert text.endswith("--no-confine\nmake it\nnight")
    assert '--mask \'ni.session("fox").turn("t3").mask\'' in text


def test_a_notebook_without_the_import_needs_none() -> None:
    text = as_magic.as_magic(made("warmer", UPLOAD), "fox", {"ni": 7})
    assert read(text).values["images"] == ['__import__("notebook_img").session("fox").turn("t3").inputs[0]']


@pytest.mark.parametrize("session", ["fox", "two words", "it's", 'a "b" c', "it' s \" b", "-x", "C:\\new", "fox  # 1", "{colour}", "ends;"])
def test_every_name_of_a_session_is_found_again(session: str) -> None:
    parsed = read(as_magic.as_magic(made("warmer", UPLOAD, MASK), session))
    names = {"__builtins__": {"__import__": lambda _name: type("Package", (), {"session": staticmethod(Found)})}}
    assert eval(parsed.values["images"][0], names) == (session, "t3")
    assert eval(parsed.values["mask"], names) == (session, "t3")
    if session != "it' s \" b":  # the magics have no way to write a value with both quotes before spaces
        assert parsed.values["session"] == session


class Found:
    """Stands for a session: which turn of which one was asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def turn(self, number: str) -> Any:
        place = (self.name, number)
        return type("Turn", (), {"inputs": [place], "mask": place})


@pytest.mark.parametrize(
    "prompt", ["caption 'it is {colour}'", "one\ntwo", "--seed 4", "caption 'one  # two'", "why?", "say 'a' and \"b\";", "it's -s fox"]
)
def test_prompts_come_back_letter_by_letter(prompt: str) -> None:
    parsed = read(as_magic.as_magic(made(prompt, UPLOAD, negative_prompt="red, 'blue' ones"), "fox"))
    assert parsed.text == prompt
    assert parsed.values.get("no_vars", False) == ("{" in prompt)
    assert parsed.values["negative_prompt"] == "red, 'blue' ones"
    assert "seed" not in parsed.values


def test_a_file_is_named_only_where_it_is_the_same_picture(panel: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(uploads, "names_in_notebook", lambda: {"ni": notebook_img})
    Image.new("RGB", (40, 30), "red").save("red.png")
    panel.do("open", text="red.png")
    run(panel, "warmer")
    panel.do("magic")
    assert "-i red.png" in panel.last("magic")["text"]
    Image.new("RGB", (40, 30), "blue").save("red.png")
    panel.do("magic")
    assert "inputs[0]" in panel.last("magic")["text"]
