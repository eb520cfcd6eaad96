"""Sixty lines a person may type, and what each of them means: the table of docs/cells.md, made by typing them."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from notebook_img import Picture
from notebook_img.errors import NotebookImgError
from notebook_img.hints import worded
from notebook_img.jupyter.wording import IN_CELLS
from notebook_img.studio import default_studio
from tests.jupyter.conftest import StartShell
from tests.pages import ROOT

PAGE = ROOT / "docs" / "cells.md"

LINES = (
    # where an edit starts
    "%imgedit make it night",
    "%imgedit pics/cat.png make it night",
    '%imgedit "pics/my cat.png" make it night',
    "%imgedit pics/cat.png pics/dog.png put both on a lawn",
    "%imgedit -i pics/cat.png make it night",
    "%imgedit sample:coffee make it night",
    "%imgedit t1 make it night",
    "%imgedit --from t1 make it night",
    "%imgedit -r pics/dog.png make it night",
    "%imgedit pics/dgo.png make it night",
    "%imgedit b/w",
    "%imgedit -- b/w, with grain",
    # files by what is in them
    "%imgedit scan make it night",
    "%imgedit IMG_1.HIF make it night",
    "%imgedit draft.jxl make it night",
    "%imgedit pics/café.png make it night",
    '%imgedit "Screenshot 1 PM.png" make it night',
    "%imgedit notes make it night",
    "%imgedit pics make it night",
    "%imgedit -- scan make it night",
    # variables at the head
    "%imgedit {photo} make it night",
    "%imgedit {where} make it night",
    "%imgedit {file} make it night",
    "%imgedit {album[1]} make it night",
    "%imgedit {album} put both on a lawn",
    "%imgedit -i photo make it night",
    "%imgedit photo make it night",
    # variables in the text
    "%imgedit put {logo} on the mug",
    "%imgedit put {logo} on the mug, {logo} small",
    "%imgedit {photo} put {logo} on the mug",
    "%imgedit pics/cat.png put {logo} on the collar",
    "%imgedit put {where} on the mug",
    "%imgedit put {album} on the mug",
    "%imgedit put {paths} on the mug",
    "%imggen a card with {logo} and {photo}",
    "%askimage what differs between {photo} and {logo}?",
    "%askimage what is this?",
    "%imggen a {colour} fox",
    "%imggen {n} foxes, {price:.2f} each",
    '%imggen {row["name"]} and {row[key]}',
    "%imggen foxes {names[0:2]}",
    "%imgedit -o out_{n}.png make it night",
    # braces that were not meant so
    "%imggen a {color} fox",
    "%imggen a {nosuch} fox",
    "%imggen a fox for {row.price}",
    "%imggen a {nothing} fox",
    "%imggen a {tensor} fox",
    "%imggen a {buffer} fox",
    "%imggen {n+1} foxes",
    "%imggen {len(names)} foxes",
    "%imggen {{colour}} in braces",
    "%imggen --no-vars {colour} in braces",
    # braces of others
    '%imggen a card that says {"a": 1}',
    "%imggen a card with p { color: red }",
    r"%imggen a card with \frac{n}{2} and x_{n}",
    "%imggen a card with ${HOME} and $5",
    # what is no prompt
    "%imgedit undo",
    '%imgedit "undo"',
    "%imgedit",
    "%imggen a fox --sise 2K",
    "%imggen a fox  # the first try",
    "%askimage what breed is it ?",
)


def outcome(shell: Any, line: str) -> str:
    """Return what a line means, by its dry run, or the first sentence of its error."""
    magic, _, rest = line.removeprefix("%").partition(" ")
    said: list[str] = []
    studio = default_studio()
    studio.say = said.append
    studio.shared.noticed.clear()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            shell.run_line_magic(magic, f"--dry-run {rest}")
    except NotebookImgError as error:
        return f"error: {worded(error, IN_CELLS)}"
    facts = dict(row.strip().split("  ", 1) for row in printed.getvalue().splitlines()[1:])
    pictures = "" if facts["pictures"].strip() == "none" else f" about {facts['pictures'].strip()}"
    verb = {"imggen": "makes", "imgedit": "edits", "askimage": "asks"}[magic]
    about = (
        pictures.removeprefix(" about ")
        if magic == "imgedit"
        else f"it{pictures.replace(' about', ' with')}"
        if magic == "imggen"
        else pictures.strip()
    )
    notes = f" ({' '.join(said)})" if said else ""
    return f"{verb} {about}: “{facts['prompt'].strip()}”{notes}"


def cells(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


@pytest.fixture
def shell(start_shell: StartShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    shell = start_shell()
    default_studio().say = lambda _text: None
    Path("pics").mkdir()
    for number, name in enumerate(("pics/cat.png", "pics/my cat.png", "pics/dog.png", "pics/cafe\u0301.png", "Screenshot 1\u202fPM.png")):
        Image.new("RGB", (64, 48), (number * 40, 80, 80)).save(name)
    Image.new("RGB", (64, 48), "navy").save("scan", "PNG")
    Image.new("RGB", (64, 48), "green").save("IMG_1.HIF", "JPEG")
    Path("draft.jxl").write_bytes(b"\xff\x0a" + bytes(200))
    Path("notes").write_text("milk, bread")
    pictures = [Picture(Path(f"pics/{name}.png").read_bytes(), name=name) for name in ("cat", "dog")]
    shell.user_ns.update(
        photo=np.full((48, 64, 3), 90, np.uint8),
        logo=Picture(Path("pics/dog.png").read_bytes(), name="logo"),
        where="pics/cat.png",
        file=Path("pics/cat.png"),
        album=pictures,
        paths=["pics/cat.png", Path("pics/dog.png")],
        colour="red",
        n=3,
        price=4.5,
        row={"name": "Reynard"},
        key="name",
        names=["Reynard", "Rusty", "Swift"],
        nothing=None,
        tensor=np.zeros((3, 48, 64), np.float32),
        buffer=io.BytesIO(),
    )
    shell.run_line_magic("imgsession", "fox")
    shell.run_line_magic("imgedit", "--quiet pics/cat.png invert")
    return shell


def test_each_line_means_what_the_page_says(shell: Any) -> None:
    rows = [f"| `{cells(line)}` | {cells(outcome(shell, line))} |" for line in LINES]
    table = "\n".join(["| you type | it means |", "|---|---|", *rows])
    print(table)
    assert len(LINES) >= 60
    assert table in PAGE.read_text(encoding="utf-8"), f"Put this table into docs/cells.md:\n\n{table}"


def test_two_pictures_in_a_text_and_nothing_to_edit_ask_which_one(shell: Any) -> None:
    shell.run_line_magic("imgsession", "empty")
    with pytest.raises(NotebookImgError, match=r"Put the one to edit first: %imgedit \{photo\}"):
        shell.run_line_magic("imgedit", "--dry-run blend {photo} and {logo}")
    assert outcome(shell, "%imgedit make {photo} darker") == "edits photo (64 × 48): “make image 1 darker”"


def test_the_caption_says_which_picture_is_which(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    turn = shell.run_line_magic("imgedit", "blend with {photo} by 30 %")
    from notebook_img.tree import caption

    assert "image 1 fox/t1, image 2 photo" in caption(turn).plain()
    assert turn.parent.id == "t1"


def test_what_stands_beside_the_picture_is_said_once_in_a_kernel(shell: Any) -> None:
    said: list[str] = []
    default_studio().say = said.append
    for _ in range(2):
        shell.run_line_magic("imgedit", "--dry-run --from t1 put {logo} on the mug")
    assert said == ["This edits t1, with logo beside it; put {logo} first to edit logo."]


def test_words_longer_than_any_file_name_are_words(start_shell: StartShell) -> None:
    shell, words = start_shell(), "the cup and " * 40
    for option in ("--mask", "-i"):
        with pytest.raises(NotebookImgError):  # no key to find it with; no such picture
            shell.run_line_magic("imgedit", f'sample:chelsea -m gemini {option} "{words}" make it blue')
