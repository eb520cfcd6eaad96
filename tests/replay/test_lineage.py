"""Notebooks that were renamed, moved or copied: whose session goes on, what comes back, and where the work lies."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

from notebook_img.studio.sessions import CurrentSession

A, B = "edit('first', 'sample:chelsea')", "edit('night')"
CELLS = {"A": A, "B": B, "N": "gen('new')"}


def write(path, ids=True, names="ABN"):
    cells = [
        {"cell_type": "code", "source": [source], "metadata": {}, "outputs": [], "execution_count": None, **({"id": name} if ids else {})}
        for name, source in zip(names, CELLS.values(), strict=True)
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 if ids else 4}))
    return path


@pytest.fixture
def untitled(tmp_path):
    return write(tmp_path / "Untitled.ipynb")


def start(kernel, notebook, **options):
    """A kernel that has run nothing: its session is found at the first call."""
    return kernel(notebook=notebook, session=None, **options)


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_a_renamed_notebook_goes_on_with_its_session_whatever_cell_is_first(kernel, tmp_path, ids):
    untitled = write(tmp_path / "Untitled.ipynb", ids)
    first = start(kernel, untitled, ids=ids)
    made = [first.run("A", A), first.run("B", B)]
    foxes = untitled.rename(tmp_path / "foxes.ipynb")
    again = start(kernel, foxes, ids=ids)
    assert (again.session.name, again.session.id) == ("Untitled", first.session.id)
    assert any("The notebook was renamed or moved (it was Untitled.ipynb); its session 'Untitled' goes on." in text for text in again.said)
    assert again.run("N", "edit('new')").turns[0].parent == made[1].turns[0], "the head is where it was"
    back = [again.run("A", A), again.run("B", B)]
    assert [(cell.calls, cell.hashes) for cell in back] == [(0, cell.hashes) for cell in made]
    write(untitled, ids).write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    fresh = start(kernel, untitled)
    assert fresh.session.name == "Untitled-2", "another notebook that got the old name"


def test_a_notebook_moved_to_another_folder_and_renamed(kernel, tmp_path, untitled):
    first = start(kernel, untitled)
    made = first.run("A", A)
    (tmp_path / "deep").mkdir()
    moved = untitled.rename(tmp_path / "deep" / "foxes.ipynb")
    again = start(kernel, moved)
    assert again.session.id == first.session.id
    done = again.run("A", A)
    assert (done.calls, done.hashes, done.turns[0].given) == (0, made.hashes, "replayed")


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_a_copy_has_a_session_of_its_own_that_knows_its_origin(kernel, tmp_path, ids):
    one = write(tmp_path / "one.ipynb", ids)
    first = start(kernel, one, ids=ids)
    if ids:
        first.run("A", A)  # without ids a second run is a second cell
    made = [first.run("A", A), first.run("B", B)]
    two = tmp_path / "two.ipynb"
    shutil.copy(one, two)
    copy = start(kernel, two, ids=ids)
    assert copy.session.name == "two"
    assert any("two" in text and "copy of one.ipynb" in text and "in session 'one'" in text for text in copy.said)
    back = [copy.run("A", A), copy.run("B", B)]
    assert [(cell.calls, cell.hashes) for cell in back] == [(0, cell.hashes) for cell in made]
    assert back[0].turns[0].given.startswith("replayed from one/t")
    pasted = start(kernel, two, ids=ids).run("P", "pass\n" + A)
    assert (pasted.calls, pasted.hashes) == (0, made[0].hashes), "what a cell of the original has"
    assert len(first.session.turns) == 2 + ids


def begun(kernel, notebook, cell):
    """A kernel in which a cell runs when its session is looked for."""
    running = kernel(notebook=notebook, session="first")
    running.studio.shared.kernel.begin("", cell_id=cell, notebook=str(notebook))
    running.studio._current = CurrentSession(running.studio)
    running.session = running.studio.session()
    running.studio.shared.kernel.abandon()
    return running


@pytest.fixture
def renamed(kernel, untitled):
    """A notebook that was renamed while its kernel, which goes by the old name, is running; a new one has that name now."""
    first = start(kernel, untitled)
    first.run("A", A)
    untitled.rename(untitled.with_name("foxes.ipynb"))
    untitled.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return first


def test_a_new_notebook_that_has_the_name_of_a_renamed_one_is_not_that_one(kernel, untitled, renamed):
    new = begun(kernel, untitled, "Z")
    made = new.run("Z", "gen('owl')")
    assert made.error is None
    assert (new.session.name, renamed.session.name) == ("Untitled-2", "Untitled")
    assert "foxes.ipynb was called Untitled.ipynb before; session 'Untitled' stays with it." in new.said
    night = renamed.run("B", B)
    assert night.turns[0].parent.prompt == "first", "its kernel goes on where it was"
    later = start(kernel, untitled.with_name("foxes.ipynb"))
    back = [later.run("A", A), later.run("B", B)]
    assert ([cell.calls for cell in back], later.session.id) == ([0, 0], renamed.session.id)
    again = start(kernel, untitled)
    assert (again.run("Z", "gen('owl')").hashes, again.session.id) == (made.hashes, new.session.id)


def test_a_restarted_kernel_that_goes_by_the_old_name_of_its_notebook_finds_its_session(kernel, untitled, renamed):
    new = begun(kernel, untitled, "Z")
    new.run("Z", "gen('owl')")
    restarted = begun(kernel, untitled, "A")
    assert (new.session.name, restarted.session.name) == ("Untitled-2", "Untitled")
    assert restarted.run("A", A).calls == 0
    assert restarted.run("B", B).turns[0].parent.prompt == "first"


def test_a_notebook_whose_cells_are_all_others_now_is_the_same_one(kernel, untitled):
    first = start(kernel, untitled)
    first.run("A", A)
    later = start(kernel, write(untitled, names="XYZ"))
    assert later.run("X", "edit('night')").turns[0].parent.prompt == "first"
    assert later.session.id == first.session.id


def test_two_notebooks_that_begin_alike_have_nothing_to_do_with_each_other(kernel, tmp_path):
    one = write(tmp_path / "one.ipynb", ids=False)
    start(kernel, one, ids=False).run("?", A)
    two = write(tmp_path / "two.ipynb", ids=False)
    other = start(kernel, two, ids=False)
    assert other.said == []
    assert other.run("?", A).calls == 1


def test_a_cell_that_made_the_picture_itself_is_told_so(kernel):
    running = kernel()
    running.run("S", "gen('fox')")
    failed = running.run("S", "edit('night')")
    assert failed.calls == 0
    assert "fox/t1 comes of this cell itself" in str(failed.error)
    assert "Name a picture (fox/t1)" in str(failed.error)
    assert running.run("S", "edit('night', 't1')").error is None


def test_an_empty_session_says_where_the_work_lies(kernel, tmp_path, untitled):
    first = start(kernel, untitled)
    first.run("A", A)
    other = kernel(notebook=untitled, session="empty")
    assert "Earlier work of this notebook is in session 'Untitled'" in str(other.run("B", B).error)


@pytest.fixture
def close_folder(monkeypatch):
    """Close a folder to this process. Modes would not do: an administrator, who may run this test, reads everything."""
    closed, stat = [], Path.stat

    def refusing(self, **options):
        if any(folder in self.parents for folder in closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    return closed.append


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_a_notebook_in_a_folder_that_cannot_be_read_is_not_gone(kernel, tmp_path, close_folder, ids):
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.mkdir()
    mine.mkdir()
    first = start(kernel, write(theirs / "work.ipynb", ids), ids=ids)
    made = [first.run("A", A), first.run("B", B)]
    close_folder(theirs)
    copy = start(kernel, write(mine / "work.ipynb", ids), ids=ids)
    back = [copy.run("A", A), copy.run("B", B)]
    assert [cell.error for cell in back] == [None, None]
    assert [(cell.calls, cell.hashes) for cell in back] == [(0, cell.hashes) for cell in made]
    assert copy.session.id != first.session.id, "a copy, and not the notebook under another name"
    unrelated = start(kernel, mine / "other.ipynb", ids=ids)
    assert unrelated.run("Z", A).calls == 1


@pytest.mark.parametrize("ran", [True, False], ids=["that ran", "that lies beside"])
def test_a_copy_beside_a_notebook_whose_ids_were_taken_out_is_not_that_notebook(kernel, tmp_path, ran):
    one = write(tmp_path / "one.ipynb")
    first = start(kernel, one)
    made = [first.run("A", A), first.run("B", B)]
    copy = Path(shutil.copy(one, tmp_path / "backup.ipynb"))
    if ran:
        start(kernel, copy).run("A", A)
    write(one, ids=False)  # the front end makes new ones, and saves them later
    later = begun(kernel, one, "new A")
    assert later.session.id == first.session.id
    back = [later.run("new A", A), later.run("new B", B)]
    assert [(cell.calls, cell.hashes, cell.turns[0].given) for cell in back] == [(0, cell.hashes, "replayed") for cell in made]
