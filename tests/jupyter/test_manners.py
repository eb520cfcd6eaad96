"""Small things that annoyed: each was seen by a new user, and each has its line here."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from notebook_img.errors import near
from notebook_img.studio import default_studio
from notebook_img.tree import caption
from tests.jupyter.conftest import StartShell


@pytest.fixture
def shell(start_shell: StartShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    made = start_shell()
    default_studio().say = lambda _text: None
    made.run_line_magic("imgsession", "fox")
    return made


def printed(shell: Any, magic: str, line: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        shell.run_line_magic(magic, line)
    return out.getvalue()


def test_a_format_that_was_asked_for_is_no_warning(shell: Any) -> None:
    turn = shell.run_line_magic("imgedit", "--quiet sample:chelsea invert -o night.png")
    said = caption(turn)
    assert said.warnings == ()
    assert said.remarks == ("converted from JPEG to PNG",)
    assert "⚠" not in said.html()
    assert "converted from JPEG to PNG" in said.plain()


def test_the_built_in_engine_redraws_no_data(shell: Any) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2])
    shell.user_ns["fig"] = figure
    assert shell.run_line_magic("imgedit", "--quiet {fig} crop to a square").warnings == ()


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("dgo.png", ["dog.png", "cat.png", "tree.png"], ["dog.png"]),
        ("xyz.png", ["dog.png", "cat.png"], []),
        ("--sise", ["--size", "--seed", "--style"], ["--size"]),
        ("gemni", ["gemini", "openai", "ark"], ["gemini"]),
        ("fo", ["fox", "bear"], ["fox"]),
        ("watercolour", ["local", "gemini"], []),
    ],
)
def test_only_what_is_much_like_it_is_suggested(word: str, known: list[str], meant: list[str]) -> None:
    assert near(word, known) == meant


@pytest.mark.parametrize("magic", ["imggen", "imgedit", "askimage"])
def test_help_at_the_name_has_the_syntax_and_lines_that_work(shell: Any, magic: str) -> None:
    words = shell.magics_manager.magics["line"][magic].__doc__
    assert words.count(f"%{magic}") >= 5
    assert f"%{magic} -h lists all options" in words
    for line in [line.strip() for line in words.splitlines() if line.startswith("            %")]:
        assert line.startswith(f"%{magic} ")


def test_help_lists_what_the_model_takes_and_names_the_rest(shell: Any) -> None:
    text = printed(shell, "imgedit", "-h")
    listed = [line for line in text.splitlines() if line.startswith("  -")]
    assert not any("--strength" in line or "--history" in line for line in listed)
    assert "does not take" in text
    assert "--strength" in text
    assert any("--output" in line for line in listed)


def test_img_local_lists_edits_drawings_and_facts(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("img", "local")
    text = capsys.readouterr().out
    assert all(word in text for word in ("crop", "hexagon", "sharpness"))


def test_the_packages_name_loads_the_extension_too(shell: Any) -> None:
    shell.run_line_magic("unload_ext", "notebook_img")
    assert shell.run_line_magic("load_ext", "notebook-img") is None
    assert "imgedit" in shell.magics_manager.magics["line"]


def test_the_package_offers_its_own_names_only() -> None:
    import notebook_img

    assert not {"Any", "TYPE_CHECKING", "annotations"} & {*dir(notebook_img)}


def test_a_session_is_named_to_tree_as_it_is_to_the_magics(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("imggen", "--quiet a red circle")
    shell.run_line_magic("imgsession", "other")
    shell.run_line_magic("imgsession", "tree -s fox")
    assert "a red circle" in capsys.readouterr().out


@pytest.mark.parametrize(("line", "notes"), [("a red circle # first try", 1), ("a red circle  # first try", 0), ("a circle in #ff0000", 0)])
def test_a_comment_that_would_be_sent_is_said(shell: Any, line: str, notes: int) -> None:
    said: list[str] = []
    default_studio().say = said.append
    printed(shell, "imggen", f"--dry-run --no-vars {line}")
    assert len([text for text in said if "would be a comment" in text]) == notes


def test_one_turn_is_one_turn(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("imggen", "--quiet a red circle")
    shell.run_line_magic("img", "")
    text = capsys.readouterr().out
    assert "fox, 1 turn" in text
    assert "1 turns" not in text


def test_siblings_say_which_of_them_is_gone_on_from(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = shell.run_line_magic("imggen", "-m local -m local:builtin a red circle")
    text = capsys.readouterr().out
    assert f"The next edit goes on from {first.id}; %imgsession checkout {second.id} goes on from that one." in text
    assert default_studio().session("fox").head.id == first.id


def test_the_budget_says_what_is_spent_in_one_sentence() -> None:
    from notebook_img.store.spend import _over_budget

    text = _over_budget("gemini:x", 0.04, 0.25, 0.0, 0.2, "")
    assert text.endswith("is up to $0.04, and today $0.25 of at most $0.20 has been spent.")


def test_config_shows_the_value_in_force(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_PREVIEW", "512")
    text = printed(shell, "config", "NotebookImg")
    assert "Current: 512" in text
    assert "Current: 768" not in text


def test_arrays_are_called_by_their_names(shell: Any) -> None:
    shell.user_ns["grey"] = np.full((40, 60), 120, np.uint8)
    turn = shell.run_line_magic("imgedit", "--quiet {grey} invert")
    assert turn.inputs[0].name == "grey"
