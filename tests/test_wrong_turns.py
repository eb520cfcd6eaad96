"""Wrong turns a new user takes in a shell or in Python: each ends with what to do next, and none costs anything."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import UsageError
from tests.conftest import Here

SHELL = [
    (
        "edit photos warmer",
        "photos is a folder. To edit each picture in it, the folder is written photos/; to have the word in the text, put -- before it.",
    ),
    ("ask photos 'how bright is it?'", "To ask each picture in it, the folder is written photos/"),
    ("edit notes.txt warmer", "notes.txt is a file, but no image."),
    ("edit cat.png undo", "To go on from another turn, name it: notebook-img edit t1 'make it night'"),
    ("edit cat.png help", "The command is notebook-img edit --help. To send the word, put -- before it."),
    ("ask cat.png cost", "The command is notebook-img cost."),
    ("generate help", "The command is notebook-img generate --help."),
    ("undo", "To go on from another turn, name it"),
    ("export fox", "Did you mean 'sessions export'?"),
    ("version", "Did you mean '--version'?"),
    ("--hlp", "Did you mean '--help'?"),
    ("resume foo", "There is no job 'foo'. No job is waiting with a service."),
    ("sessions lst", "Did you mean 'list'? It is one of list, export, import, rename, delete, cost."),
    ("sessions rename fox", "Write notebook-img sessions rename NAME NEW."),
    ("sessions export fox", "Write notebook-img sessions export NAME FILE [--force] [--keep-metadata]."),
    ("sessions import wrok.zip", "There is no file wrok.zip. Did you mean 'work.zip'?"),
    ("keys set", "Write notebook-img keys set NAME or keys forget NAME. A key is never part of a command."),
    ("models gemni", "Did you mean 'gemini'? notebook-img models lists the known models."),
    ("mcp --htp", "notebook-img mcp does not take '--htp'. Did you mean '--http'?"),
    ("mcp serve", "notebook-img mcp does not take 'serve'. It takes --allow, "),
    ("mcp --http foo", "--http: 'foo' is no port, a number up to 65535; leave it out to get a free one."),
    ("mcp --http 99999999", "--http: '99999999' is no port"),
    ("mcp --tools al", "--tools: invalid choice: 'al' (choose from "),
]


@pytest.mark.parametrize(("line", "said"), SHELL)
def test_a_wrong_turn_in_a_shell_ends_with_the_way_on(line: str, said: str, here: Here, cwd: Path) -> None:
    import shlex

    (cwd / "photos").mkdir()
    (cwd / "notes.txt").write_text("what to do")
    (cwd / "work.zip").write_bytes(b"")
    done = here(*shlex.split(line))
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert not ni.sessions(), "nothing was begun"


def test_a_word_is_text_where_it_is_said_to_be(here: Here, cwd: Path) -> None:
    (cwd / "invert").mkdir()
    assert here("edit", "cat.png", "invert").returncode == 0, "the image is named before"
    assert "cannot 'undo'" in here("edit", "cat.png", "--", "undo").stderr


@pytest.mark.parametrize(
    "words", [("edit", "cat.png", "make it snow"), ("generate", "a fox in the snow"), ("ask", "cat.png", "which breed?")]
)
def test_a_dry_run_says_what_the_call_will_be_refused_for(words: tuple[str, ...], here: Here) -> None:
    refused = here(*words)
    assert refused.returncode == 2
    sentence = refused.stderr.strip().removeprefix("UsageError: ")
    assert f"but       {sentence}" in here(*words, "--dry-run").stdout
    assert json.loads(here(*words, "--dry-run", "--json").stdout)["refusal"] == sentence
    assert "but " not in here("edit", "cat.png", "invert", "--dry-run").stdout


def test_a_dry_run_without_the_key_says_so_beside_the_price(here: Here) -> None:
    planned = here("edit", "cat.png", "make it snow", "-m", "gemini", "--dry-run").stdout
    assert "cost      $0.0" in planned
    assert "but       No key for Google Gemini is set up. Set a key with notebook-img keys set gemini" in planned


def test_a_batch_whose_words_the_engine_does_not_know_is_not_begun(here: Here, cwd: Path) -> None:
    (cwd / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (cwd / "photos" / name).write_bytes((cwd / "cat.png").read_bytes())
    done = here("edit", "photos/", "make it snow")
    assert done.returncode == 2
    assert "cannot 'make it snow'" in done.stderr
    assert not ni.batches()


@pytest.fixture
def turn(cwd: Path) -> Any:
    return ni.edit("invert", "cat.png")


MISSPELT = [
    ("turn.picutre", "'Turn' object has no attribute 'picutre'. Did you mean 'picture' or 'pictures'?"),
    ("turn.save", "Write .picture.save('FILE')"),
    ("turn.pil", "Write .picture.pil"),
    ("turn.image", "Write .picture"),
    ("turn.df", "Write .frame()"),
    ("turn.nothing_like_it", "dir() lists what it has."),
    ("turn.picture.resize", "Write .pil().resize"),
    ("turn.picture.to_numpy", "Write .array()"),
    ("turn.picture.widht", "Did you mean 'width'?"),
    ("turn.session.pictures", "Write .head.pictures"),
    ("turn.session.last", "Write .head"),
    ("turn.session.chekout", "Did you mean 'checkout'?"),
    ("turn.session.turns.t1", "dir() lists what it has."),
    ("ni.batch.edti", "Did you mean 'edit'?"),
]


@pytest.mark.parametrize(("written", "said"), MISSPELT)
def test_a_misspelt_attribute_names_what_is_meant(written: str, said: str, turn: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        eval(written)
    assert said in str(caught.value)


def test_what_is_looked_for_by_protocols_is_not_answered_with_advice(turn: Any) -> None:
    for value in (turn, turn.picture, turn.session):
        assert not hasattr(value, "_repr_svg_")
        assert not hasattr(value, "__array_interface__")
        with pytest.raises(AttributeError) as caught:
            _ = value._repr_svg_
        assert "Did you mean" not in str(caught.value)
        copy.copy(value)
    assert pickle.loads(pickle.dumps(turn.picture)).sha256 == turn.picture.sha256


def test_a_property_that_fails_shows_its_own_error(turn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(turn), "seconds", property(lambda self: self.record.nothing))
    with pytest.raises(AttributeError, match="'TurnRecord' object has no attribute 'nothing'"):
        _ = turn.seconds


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ni.edit("cat.png", "warmer"), "'cat.png' is a picture. Write the words first: edit('make it night', 'cat.png')."),
        (lambda: ni.ask("sample:coffee"), "Write the words first: ask('what is in it?', 'sample:coffee')."),
        (lambda: ni.generate("cat.png"), "Write the words first: generate('a fox in this style', references=['cat.png'])."),
    ],
)
def test_a_picture_where_the_words_belong_is_said_to_be_one(call: Any, said: str, cwd: Path) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)


def test_turns_are_counted_and_an_id_is_pointed_to(turn: Any) -> None:
    with pytest.raises(UsageError, match=r"session.turn\('t1'\)"):
        _ = turn.session.turns["t1"]
