"""What a pack holds: what the cells of the notebook give back and what leads to it; and that its cell can be run again, by anybody."""

from __future__ import annotations

import os
import stat

import pytest

from notebook_img.errors import OutputError
from notebook_img.store import Pack
from notebook_img.studio import write_pack
from tests.needs import needs_modes

A = "gen('a fox')"


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "shared" / "work.ipynb"
    path.parent.mkdir()
    path.touch()
    return path


def held(path):
    """The prompts in a pack, by number."""
    pack = Pack(path)
    return [(turn.number, turn.prompt) for session in pack.sessions for turn in pack.turns(session.id)]


def test_rejected_rolls_stay_behind_and_what_a_cell_goes_on_from_comes_along(kernel, notebook):
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    first.run("A", A)
    first.run("B", "edit('night')")
    first.run("B", "edit('night')")
    # In the panel, without any cell; what a cell makes of it needs it.
    first.studio.run(first.session, _from_panel("warm"))
    first.run("C", "edit('snow')")
    path, turns, _ = first.studio.pack()
    assert held(path) == [(2, "a fox"), (4, "night"), (5, "warm"), (6, "snow")]
    assert turns == 4
    path, turns, _ = first.studio.pack(str(notebook.with_name("all.pictures.zip")), everything=True)
    assert turns == 6
    assert len(held(path)) == 6


def _from_panel(prompt):
    from notebook_img.calls.call import make_call
    from notebook_img.records import Origin

    return make_call("edit", prompt, None, {}).but(origin=Origin(surface="panel"))


def test_cells_that_only_move_the_head_keep_their_places(kernel, notebook, tmp_path, painter):
    cells = [("A", A), ("B", "edit('night')"), ("U", "undo()"), ("C", "edit('snow')")]
    first = kernel(notebook=notebook, session=None)
    made = [first.run(cell, source) for cell, source in cells]
    first.studio.pack()
    painter.key = False
    colleague = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    again = [colleague.run(cell, source) for cell, source in cells]
    assert [cell.error for cell in again] == [None] * 4
    assert [cell.hashes for cell in again] == [cell.hashes for cell in made]


def test_run_again_it_is_up_to_date_and_left_as_it_is(kernel, notebook):
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    packed = write_pack(first.studio, None)
    assert (packed.new, packed.words) == (True, f"Packed 1 turn with 1 picture made ({packed.bytes / 1e6:.1f} MB) into {packed.path}.")
    before = packed.path.stat()
    again = write_pack(first.studio, None)
    assert (again.new, "up to date" in again.words) == (False, True)
    assert packed.path.stat() == before
    first.run("A", A)
    assert write_pack(first.studio, None).new, "another roll is another picture"
    assert held(packed.path) == [(2, "a fox")]


def test_a_cell_that_only_moves_the_head_is_something_new_and_the_same_work_in_a_new_kernel_is_not(kernel, notebook, tmp_path, painter):
    cells = [("A", A), ("A", A), ("B", "edit('night')"), ("K", "checkout('t2')")]
    first = kernel(notebook=notebook, session=None)
    for cell, source in cells[:3]:
        first.run(cell, source)
    assert write_pack(first.studio, None).new
    first.run(*cells[3])
    assert write_pack(first.studio, None).new
    assert not write_pack(first.studio, None).new
    again = kernel(notebook=notebook, session=None)
    for cell, source in cells[1:4]:
        assert again.run(cell, source).calls == 0
    assert not write_pack(again.studio, None).new
    painter.key = False
    colleague = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    for cell, source in cells[1:4]:
        assert colleague.run(cell, source).error is None
    assert colleague.session.head.prompt == "a fox"


def test_a_colleague_who_runs_the_pack_cell_writes_nothing_until_there_is_something_new(kernel, notebook, tmp_path):
    cells = [("A", A), ("B", "edit('night')"), ("Q", "ask('what is it?')")]
    first = kernel(notebook=notebook, session=None)
    for cell, source in cells:
        first.run(cell, source)
    path, _, _ = first.studio.pack()
    before = path.read_bytes()
    colleague = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    for cell, source in cells:
        assert colleague.run(cell, source).calls == 0
    packed = write_pack(colleague.studio, None)
    assert (packed.new, packed.turns) == (False, 3)
    assert path.read_bytes() == before
    colleague.run("D", "edit('snow')")
    with pytest.raises(OutputError, match="force"):
        colleague.studio.pack()
    assert path.read_bytes() == before
    assert colleague.studio.pack(force=True)[1] == 4


def test_where_the_latest_run_failed_the_pack_has_what_the_run_before_got(kernel, notebook, tmp_path, painter):
    source = "gen('a fox'); gen('an owl')"
    first = kernel(notebook=notebook, session=None)
    first.run("A", source.replace("owl", "elk"))
    first.run("A", source)
    painter.reset()
    painter.fail_at = 1
    assert first.run("A", source).error is not None
    path, _, _ = first.studio.pack()
    assert [prompt for _, prompt in held(path)] == ["an owl", "a fox"], "neither the fox that was rejected nor the elk"
    own = kernel(notebook=notebook, session=None).run("A", source)
    painter.key = False
    again = kernel(home=tmp_path / "theirs", notebook=notebook, session=None).run("A", source)
    assert (again.error, again.hashes) == (None, own.hashes)


def test_what_stands_in_a_pack_names_nothing_that_stayed_behind(kernel, notebook):
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    first.run("A", A)
    first.run("A", A)
    path, _, _ = first.studio.pack()
    pack = Pack(path)
    [session] = pack.sessions
    [turn] = pack.turns(session.id)
    assert (turn.number, turn.head_before, session.head) == (3, None, 3)
    assert [run.replies for run in pack.runs] == [((session.id, 3),)]


@needs_modes
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_pack_can_be_read_by_whom_the_umask_lets(kernel, notebook, umask, mode):
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    before = os.umask(umask)
    try:
        path, _, _ = first.studio.pack()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_large_pack_is_warned_about(kernel, notebook, monkeypatch):
    from notebook_img.studio import packing

    monkeypatch.setattr(packing, "LARGE", 100)
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    first.studio.pack()
    assert [text for text in first.said if "Many places take no file of more than 50 MB" in text]


def test_without_any_cell_everything_is_packed_and_this_is_said(kernel, notebook):
    first = kernel(notebook=notebook, session=None)
    first.studio.run(first.studio.session(), _from_panel("warm").but(kind="generate"))
    assert first.studio.pack()[1] == 1
    assert any("everything of the session is packed" in text for text in first.said)
