"""Running again in real kernels, with the messages a front end sends: cells are known by the id in their metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from notebook_img import Studio
from tests.jupyter.kernels import Kernel, Ran, environment, lab_cell, running_kernel

A, B, C = "%imgedit sample:coffee warmer", "%imgedit pencil sketch", "%imgedit invert"


class Notebook:
    """A notebook open in a front end: a kernel, and the store it writes to."""

    def __init__(self, kernel: Kernel, home: Path) -> None:
        self.kernel = kernel
        self.home = home

    def run(self, cell: str, source: str) -> Ran:
        """Run a cell as JupyterLab does, with its id."""
        ran = self.kernel.run_as(source, lab_cell(cell))
        assert ran.status == "ok", ran.traceback
        return ran

    def turns(self, session: str = "fox") -> list[tuple[str, str | None]]:
        """Return id and parent of every turn in the store: a request that was sent is a turn more."""
        studio = Studio(home=self.home)
        try:
            found = studio.session(session, create=False).turns
            return [(turn.id, turn.parent.id if turn.parent else None) for turn in found]
        finally:
            studio.close()

    def hashes(self, session: str) -> list[str]:
        """Return the hash of every picture made in a session."""
        studio = Studio(home=self.home)
        try:
            return [picture.sha256 for turn in studio.session(session, create=False).turns for picture in turn.pictures]
        finally:
            studio.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook in a fresh kernel, over one home."""
    with ExitStack() as stack:

        def start(notebook: Path | None = None, *, session: str = "fox", home: Path | None = None) -> Notebook:
            home = home or tmp_path / "home"
            more = {"JPY_SESSION_NAME": str(notebook)} if notebook else {}
            folder = notebook.parent if notebook else tmp_path / "work"
            env = environment(home, NOTEBOOK_IMG_MODEL="local", **more)
            made = Notebook(stack.enter_context(running_kernel(env, folder)), home)
            made.run("setup", "%load_ext notebook_img" + (f"\n%imgsession {session}" if session else ""))
            return made

        yield start


def replayed(ran: Ran) -> bool:
    return "replayed" in ran.text


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without ids"])
def test_run_all_twice_asks_for_nothing_and_run_again_asks_anew(opened: Any, ids: bool) -> None:
    cells = [("a" if ids else "", A), ("b" if ids else "", B), ("c" if ids else "", C)]
    first = opened()
    made = [first.run(*cell) for cell in cells]
    assert not any(replayed(ran) for ran in made)
    line = [("t1", None), ("t2", "t1"), ("t3", "t2")]
    assert first.turns() == line
    second = opened()
    assert all(replayed(second.run(*cell)) for cell in cells)
    assert second.turns() == line, "nothing was asked for"
    if ids:
        assert not replayed(second.run(*cells[1]))
        assert second.turns()[-1] == ("t4", "t1"), "the middle cell starts where it started"
        assert not replayed(second.run(*cells[2]))
        assert second.turns()[-1] == ("t5", "t4")
        third = opened()
        assert [replayed(third.run(*cell)) for cell in cells] == [True] * 3
        assert len(third.turns()) == 5
        assert "fox/t5" in third.run("look", "%imgsession show").text, "the latest run of each cell came back"


def test_the_same_cell_three_times_then_a_fresh_kernel(opened: Any) -> None:
    first = opened()
    first.run("a", A)
    for _ in range(3):
        first.run("b", B)
    assert first.turns() == [("t1", None), ("t2", "t1"), ("t3", "t1"), ("t4", "t1")], "siblings, not a chain"
    first.run("c", C)
    second = opened()
    shown = [second.run("a", A).text, second.run("b", B).text, second.run("c", C).text]
    assert ["fox/t1" in shown[0], "fox/t4" in shown[1], "fox/t5" in shown[2]] == [True] * 3
    assert len(second.turns()) == 5


def test_a_renamed_and_moved_notebook_goes_on_with_its_session(opened: Any, tmp_path: Path) -> None:
    old, new = tmp_path / "one" / "work.ipynb", tmp_path / "two" / "renamed.ipynb"
    for folder in (old.parent, new.parent):
        folder.mkdir()
    old.touch()
    first = opened(old, session="")
    first.run("a", A)
    first.run("b", B)
    assert len(first.turns("work")) == 2
    moved = old.rename(new.parent / "work.ipynb")
    second = opened(moved, session="")
    ran = second.run("a", A)
    assert replayed(ran)
    assert "moved" in ran.text
    assert len(second.turns("work")) == 2, "moved: its own session goes on"
    renamed = moved.rename(new)
    third = opened(renamed, session="")
    assert replayed(third.run("a", A))
    assert replayed(third.run("b", B)), "renamed: another session, the same pictures"


def test_two_notebooks_of_one_name_have_a_session_each_and_it_is_said(opened: Any, tmp_path: Path) -> None:
    notebooks = [tmp_path / name / "work.ipynb" for name in ("one", "two")]
    for each in notebooks:
        each.parent.mkdir()
        each.touch()
    first = opened(notebooks[0], session="")
    first.run("a", A)
    second = opened(notebooks[1], session="")
    ran = second.run("a", A)
    assert "'work-2'" in ran.text
    assert len(second.turns("work")) == len(second.turns("work-2")) == 1
    assert "work-2" in opened(notebooks[1], session="").run("a", "%imgsession").text, "and it keeps it"


def test_a_colleague_without_a_key_gets_the_pictures_of_the_pack_beside_the_notebook(opened: Any, tmp_path: Path) -> None:
    notebook = tmp_path / "shared" / "work.ipynb"
    notebook.parent.mkdir()
    notebook.touch()
    first = opened(notebook, session="")
    first.run("a", A)
    first.run("b", B)
    first.run("p", "%imgsession pack")
    assert (notebook.parent / "work.pictures.zip").is_file()
    colleague = opened(notebook, session="", home=tmp_path / "other home")
    colleague.run("only", "%config NotebookImg.replay = 'only'")
    again = [colleague.run("a", A), colleague.run("b", B)]
    assert all(replayed(ran) for ran in again)
    assert colleague.hashes("work") == first.hashes("work")
