"""What can be done about an error is data, and every surface says it in its own words: magics, options, tools, controls."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import Formatter

import pytest

import notebook_img
from notebook_img.cli.wording import IN_SHELLS
from notebook_img.errors import JobPendingError, KeyMissingError, NotFoundError, OutputError, sentence_of
from notebook_img.hints import IN_PYTHON, Hint, worded
from notebook_img.jupyter.wording import IN_CELLS, in_cells_words
from notebook_img.mcp.wording import FOR_AGENTS
from notebook_img.widgets.wording import IN_PANELS

PACKAGE = Path(notebook_img.__file__).parent
WORDINGS = {"python": IN_PYTHON, "cells": IN_CELLS, "shells": IN_SHELLS, "agents": FOR_AGENTS, "panels": IN_PANELS}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def calls_of(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


# The hint


def test_an_error_ends_with_its_hint_in_pythons_words_and_its_sentence_does_not() -> None:
    error = OutputError("night.png already exists and was not changed.", hint=Hint("force"))
    assert str(error) == "night.png already exists and was not changed. Choose another name, or pass force=True."
    assert error.sentence == sentence_of(error) == "night.png already exists and was not changed."
    assert error._render_traceback_() == [f"OutputError: {error}"]


@pytest.mark.parametrize(
    ("surface", "says"),
    [
        ("python", "ni.session('fox')"),
        ("cells", "%imgsession fox"),
        ("shells", "-s fox"),
        ("agents", "start_image_session"),
        ("panels", "fox"),
    ],
)
def test_the_same_hint_has_the_words_of_each_surface(surface: str, says: str) -> None:
    error = NotFoundError("There is no session 'fox'.", hint=Hint("create-session", name="fox"))
    text = worded(error, WORDINGS[surface])
    assert text.startswith("There is no session 'fox'. ")
    assert says in text


def test_a_hint_travels_with_its_error_and_a_job_names_itself() -> None:
    error = JobPendingError("Jimeng is still working.", job="j1")
    error.kept_as("j2")
    again = pickle.loads(pickle.dumps(error))
    assert again.hints == error.hints == (Hint("resume-job", job="j2"),)
    assert "'j2'" in str(again)
    assert JobPendingError("Jimeng is still working.").hints == ()


def test_a_hint_nobody_knows_does_not_keep_an_error_from_being_shown() -> None:
    error = KeyMissingError("There is no key.", hint=(Hint("pray"), Hint("set-key", name="mine")))
    assert str(error).startswith("There is no key. Set ")


def test_a_magic_gives_its_errors_the_words_of_cells_for_the_saved_notebook_too() -> None:
    @in_cells_words
    def magic() -> None:
        raise OutputError("night.png already exists and was not changed.", hint=Hint("force"))

    with pytest.raises(OutputError) as caught:
        magic()
    assert str(caught.value).endswith("Choose another name, or add --force.")
    assert caught.value._render_traceback_() == [f"OutputError: {caught.value}"]


# The tables


@pytest.mark.parametrize("surface", WORDINGS)
def test_every_surface_has_words_for_every_hint(surface: str) -> None:
    assert set(WORDINGS[surface]) == set(IN_PYTHON)


def test_every_hint_of_the_package_is_known_and_brings_what_the_wordings_name() -> None:
    found = list(calls_of("Hint"))
    assert len(found) > 30
    for place, call in found:
        keys = [part.value for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        given = {keyword.arg for keyword in call.keywords}
        for key in keys:
            wanted = set().union(*(placeholders(wording.get(key, "")) for wording in WORDINGS.values()))
            assert key in IN_PYTHON, f"{place}: {key}"
            assert wanted <= given, f"{place}: {key} names {wanted - given}"


def test_no_wording_is_there_for_nothing() -> None:
    used = {part.value for _, call in calls_of("Hint") for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant)}
    assert set(IN_PYTHON) <= used


# The core


MAGIC = re.compile(r"%(%?img\w*|askimage|config|pip|tb|cd|env)\b")
FLAG = re.compile(r"(?<![\w-])--[a-z]")
FOR_PEOPLE = {"commands.py", "clients.py", "dotenv.py", "mcpb.py", "bundle.py"}
"""Modules of mcp/ whose words are read by a person in a notebook or a terminal, not by an agent."""


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def found(paths: Iterable[Path], pattern: re.Pattern[str]) -> list[str]:
    return [f"{path}:{line}: {text}" for path in paths for line, text in strings(path) if pattern.search(text)]


def test_no_core_module_names_a_magic() -> None:
    surfaces = {"jupyter", "widgets", "mcp", "cli"}
    core = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in surfaces]
    assert len(core) > 100
    assert found(core, MAGIC) == []


@pytest.mark.parametrize("pattern", [MAGIC, FLAG], ids=["magic", "flag"])
def test_no_module_that_speaks_to_agents_names_a_magic_or_a_flag(pattern: re.Pattern[str]) -> None:
    speaking = [path for path in (PACKAGE / "mcp").rglob("*.py") if path.name not in FOR_PEOPLE]
    assert len(speaking) > 15
    assert found(speaking, pattern) == []


def test_a_shell_and_the_panel_read_no_magic() -> None:
    spoken = [path for room in ("cli", "widgets") for path in (PACKAGE / room).rglob("*.py") if path.name != "as_magic.py"]
    assert found(spoken, MAGIC) == []
    fronts = [path for path in PACKAGE.rglob("front/*.js") if MAGIC.search(path.read_text(encoding="utf-8"))]
    assert fronts == []
