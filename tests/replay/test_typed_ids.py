"""An id typed in a cell means the turn it meant when the cell was last run: in a copy, under another name, by nbconvert, from a pack."""

from __future__ import annotations

import pytest

from tests.replay.real_kernels import notebook_json

CELLS = [
    ("A", "edit('first', 'sample:chelsea')"),
    ("B", "edit('night')"),
    ("C", "edit('warm', 't1')"),
    ("K", "checkout('t2')"),
    ("D", "edit('cold')"),
    ("E", "keep([s.turn('t3')])\nedit('from two', start='t2')"),
]
TREE = [None, 1, 1, 2, 2]


@pytest.fixture
def notebook(tmp_path):
    found = tmp_path / "one.ipynb"
    found.touch()
    return found


def run(running, cells=CELLS):
    done = [running.run(*cell) for cell in cells]
    assert [cell.error for cell in done] == [None] * len(cells)
    return done


def tree(running):
    """Parents by the order the turns came in."""
    numbers = {turn.number: place for place, turn in enumerate(running.session.turns, 1)}
    return [numbers[turn.parent.number] if turn.parent else None for turn in running.session.turns]


@pytest.fixture
def first(kernel, notebook):
    running = kernel(notebook=notebook, session=None)
    run(running)
    assert tree(running) == TREE
    return running


def other_work(running):
    """Turns that make the ids of what follows other ones."""
    running.run("O", "gen('something else'); gen('and more'); gen('and still more')")


def given_back(running, first):
    before = [turn.picture.sha256 for turn in first.session.turns]
    done = run(running)
    assert [cell.calls for cell in done] == [0] * len(CELLS)
    mine = running.session.turns[-len(before) :]
    assert [turn.picture.sha256 for turn in mine] == before
    numbers = {turn.number: place for place, turn in enumerate(mine, 1)}
    assert [numbers[turn.parent.number] if turn.parent else None for turn in mine] == TREE


def test_in_a_copy(kernel, first, tmp_path):
    copy = tmp_path / "copy.ipynb"
    copy.touch()
    running = kernel(notebook=copy, session=None)
    other_work(running)
    given_back(running, first)
    again = kernel(notebook=copy, session=None)
    assert [cell.calls for cell in run(again)] == [0] * len(CELLS)


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_where_the_notebook_is_not_known(kernel, first, ids):
    running = kernel(session="by nbconvert", ids=ids)
    other_work(running)
    given_back(running, first)


def test_from_a_pack(kernel, first, notebook, tmp_path):
    first.studio.pack()
    colleague = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    other_work(colleague)
    given_back(colleague, first)


def test_from_an_export(kernel, first, notebook, tmp_path):
    first.session.export(tmp_path / "one.zip")
    other = kernel(home=tmp_path / "theirs", session=None)
    other.studio.import_sessions(tmp_path / "one.zip")
    other.session = other.studio.session("mine")
    other_work(other)
    given_back(other, first)


def test_what_has_no_copy_yet_gets_one_where_it_belongs(kernel, first, tmp_path):
    copy = tmp_path / "copy.ipynb"
    copy.write_text(notebook_json(dict(CELLS)))
    running = kernel(notebook=copy, session=None)
    other_work(running)
    done = run(running, CELLS[3:5])  # the cells that made t2, and t1 before it, have not run here
    assert [cell.calls for cell in done] == [0, 0]
    night = done[1].turns[0].parent
    assert (night.prompt, night.parent.prompt) == ("night", "first")
    own = run(running, CELLS[:2])
    assert [cell.turns[0] for cell in own] == [night.parent, night], "their own cells get those"


def test_what_is_gone_is_an_error_before_anything_is_sent(kernel, first, tmp_path, painter):
    copy = tmp_path / "copy.ipynb"
    copy.touch()
    running = kernel(notebook=copy, session=None)
    run(running, CELLS[:1])
    running.run("O", "gen('x'); gen('y')")
    first.session.delete_turn("t2")
    sent = len(painter.calls)
    failed = running.run(*CELLS[3])
    assert "t2 in this cell means one/t2" in str(failed.error)
    assert "It is gone" in str(failed.error)
    assert len(painter.calls) == sent


@pytest.mark.parametrize("where", ["a copy", "unknown", "a pack"])
def test_an_id_of_a_roll_that_was_rejected_since_means_that_roll(kernel, notebook, tmp_path, where):
    """Its own cell gets another picture by now, so that no cell brings a copy of it."""
    cells = [("A", "gen('fox')"), ("B", "edit('night')"), ("C", "edit('snow', start='t2')")]
    first = kernel(notebook=notebook, session=None)
    made = run(first, cells)
    rerolled = [first.run(*cells[0]), first.run(*cells[1])]
    if where == "a copy":
        (tmp_path / "copy.ipynb").touch()
        running = kernel(notebook=tmp_path / "copy.ipynb", session=None)
    elif where == "a pack":
        first.studio.pack()
        running = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    else:
        running = kernel(session="by nbconvert", ids=False)
    back = run(running, cells)
    assert [cell.calls for cell in back] == [0, 0, 0]
    assert [cell.hashes for cell in back] == [rerolled[0].hashes, rerolled[1].hashes, made[2].hashes]
    parent = back[2].turns[0].parent
    assert [parent.picture.sha256, parent.parent.picture.sha256] == [made[1].hashes[0], made[0].hashes[0]]
    if where != "a pack":  # which gives all it holds
        assert running.run("N", "pass\ngen('fox')").calls == 1, "a rejected roll comes back to no other cell"


def test_a_program_beside_the_front_end_does_not_add_a_copy_at_each_turn(kernel, first, notebook):
    for _ in range(2):
        run(kernel(session="by nbconvert", ids=False))
        here = run(kernel(notebook=notebook, session=None))
        assert {turn.given for cell in here for turn in cell.turns if turn.given} == {"replayed"}, "this notebook's own"
    assert [len(kernel(session=name, ids=False).session.turns) for name in ("one", "by nbconvert")] == [len(TREE), len(TREE)]


def test_an_id_that_is_typed_anew_means_what_it_says(kernel, first, tmp_path):
    copy = tmp_path / "copy.ipynb"
    copy.touch()
    running = kernel(notebook=copy, session=None)
    other_work(running)
    run(running)
    made = running.run("N", "edit('new', 't2')")
    assert made.turns[0].parent.number == 2


def test_an_id_in_a_cell_of_somebody_elses_notebook_means_what_it_says(kernel, first):
    """Without ids two notebooks may hold the same words, and have nothing to do with each other."""
    running = kernel(session="another", ids=False)
    running.run("?", "gen('p')")
    running.run("?", "gen('q')")
    done = running.run("?", "checkout('t2')")
    assert done.error is None
    assert running.session.head.number == 2


def test_a_picture_of_another_session_is_that_picture_though_the_session_was_renamed(kernel, notebook, tmp_path):
    other = kernel(session="other")
    other.run("O", "gen('owl')")
    first = kernel(notebook=notebook, session=None)
    made = first.run("A", "edit('night', 'other/t1')")
    other.session.rename("owls")
    again = kernel(notebook=notebook, session=None).run("A", "edit('night', 'other/t1')")
    assert (again.error, again.calls, again.hashes) == (None, 0, made.hashes)
    first.studio.pack()
    colleague = kernel(home=tmp_path / "theirs", notebook=notebook, session=None)
    packed = colleague.run("A", "edit('night', 'other/t1')")
    assert (packed.error, packed.calls, packed.hashes) == (None, 0, made.hashes)


def test_an_id_of_a_session_that_was_deleted_and_made_anew_means_the_new_turn(kernel):
    running = kernel(session="fox")
    running.run("A", "gen('fox')")
    running.session = running.studio.session("cat")
    cell = ("B", "edit('night', 'fox/t1')")
    assert running.run(*cell).error is None
    running.studio.store.delete_session(running.studio.session_record("fox").id)
    running.session = running.studio.session("fox")
    anew = running.run("C", "gen('new fox')").turns[0]
    running.session = running.studio.session("cat")
    made = running.run(*cell)
    assert (made.error, made.turns[0].parent or anew) == (None, anew)


def test_where_one_notebook_goes_on_in_another_session_ids_are_of_that_one(kernel, notebook):
    running = kernel(notebook=notebook, session="fox")
    running.run("A", "gen('fox')")
    running.run("B", "edit('night')")
    cell = ("C", "edit('warm', 't2')")
    assert running.run(*cell).error is None
    again = kernel(notebook=notebook, session="owl")
    again.run("A", "gen('fox')")
    second = again.run("N", "gen('owl')").turns[0]
    made = again.run(*cell)
    assert made.error is None
    assert made.turns[0].parent == second
