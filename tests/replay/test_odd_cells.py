"""Cells that run others, siblings that are refused, forks, front ends without ids, pictures whose files are gone."""

from __future__ import annotations

import pytest

from notebook_img.errors import RefusedError
from notebook_img.store import KnownCell, rebuild_store
from notebook_img.store.sqlite import FILE_NAME
from tests.needs import needs_fork

A = "edit('first', 'sample:chelsea')"


def take_away(running, turn):
    for picture in turn.pictures:
        running.studio.store.picture_path(picture.sha256).unlink()


def write_over(running, turn):
    for picture in turn.pictures:
        path = running.studio.store.picture_path(picture.sha256)
        path.write_bytes(path.read_bytes()[:-9] + b"something")


def forget(running, turn):
    """What a damaged index may do."""
    with running.studio.store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM uses WHERE role = 'output'")


HURT = pytest.mark.parametrize("hurt", [take_away, write_over])


@pytest.mark.parametrize("hurt", [take_away, write_over, forget])
def test_a_picture_whose_file_is_gone_is_asked_for_anew_and_that_is_said(kernel, hurt):
    first = kernel()
    made = first.run("A", A)
    hurt(first, made.turns[0])
    again = kernel()
    done = again.run("A", A)
    assert (done.error, done.calls) == (None, 1)
    assert done.turns[0].picture.data
    assert "The picture of fox/t1 is gone from the store or damaged, so it cannot be given back." in again.said
    assert kernel().run("A", A).hashes == done.hashes


@HURT
def test_a_picture_whose_file_is_gone_comes_back_from_a_pack(kernel, tmp_path, hurt):
    notebook = tmp_path / "one.ipynb"
    notebook.touch()
    first = kernel(notebook=notebook, session=None)
    made = first.run("A", A)
    first.studio.pack()
    hurt(first, made.turns[0])
    done = kernel(notebook=notebook, session=None).run("A", A)
    assert (done.error, done.calls, done.hashes) == (None, 0, made.hashes)
    assert done.turns[0].picture.data
    assert len(first.session.turns) == 1, "the turn itself, healed"


@HURT
def test_only_says_that_a_picture_is_gone(kernel, hurt):
    first = kernel()
    hurt(first, first.run("A", A).turns[0])
    done = kernel(replay="only").run("A", A)
    assert done.calls == 0
    assert "no stored reply fits" in str(done.error)


def test_where_the_index_lost_rows_that_is_said_before_they_are_paid_for_again(kernel, home):
    first = kernel()
    made = first.run("A", A)
    first.studio.close()
    (home / FILE_NAME).with_name("kept").write_bytes((home / FILE_NAME).read_bytes())
    later = kernel()
    night = later.run("B", "edit('night', start='t1')")
    later.studio.close()
    (home / "kept").replace(home / FILE_NAME)
    again = kernel()
    assert again.run("A", A).hashes == made.hashes
    assert not any("Rows are missing" in text for text in again.said)
    assert again.run("C", "gen('owl')").calls == 1
    assert [text for text in again.said if "Rows are missing" in text and "rebuild" in text]
    again.studio.close()
    rebuild_store(home)
    back = kernel()
    assert back.run("B", "edit('night', start='t1')").hashes == night.hashes
    assert not any("Rows are missing" in text for text in back.said)


def nested(running, cell, source):
    """What ``get_ipython().run_cell`` does: the front end's id is that of the cell that runs."""

    def run_cell(inner):
        running.studio.shared.kernel.begin(inner, cell_id=cell if running.ids else "", notebook="")
        try:
            exec(inner, {"gen": running.session.generate, "edit": running.session.edit})
        finally:
            running.studio.shared.kernel.end(lambda: running.studio.store, failed=False)

    return running.run(cell, source, run_cell=run_cell)


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_a_cell_that_runs_others_goes_on_from_where_it_is(kernel, ids):
    source = "gen('fox')\nrun_cell(\"edit('night')\")\nrun_cell(\"edit('warm')\")\nedit('cold')"
    first = kernel(ids=ids)
    made = nested(first, "O", source)
    assert made.error is None
    line = [None, 1, 2, 3]
    assert [turn.parent.number if turn.parent else None for turn in first.session.turns] == line
    again = kernel(ids=ids)
    done = nested(again, "O", source)
    assert (done.error, done.calls) == (None, 0)
    assert len(again.session.turns) == 4
    if ids:
        assert nested(again, "O", source).calls == 4
        assert [turn.parent.number if turn.parent else None for turn in again.session.turns] == [None, 1, 2, 3, None, 5, 6, 7]


def test_after_an_unloading_no_cell_counts_as_one_that_another_runs(kernel):
    running = kernel()
    cells = running.studio.shared.kernel
    cells.begin("%unload_ext notebook_img", cell_id="A")
    cells.abandon()
    assert cells.begin("gen('fox')", cell_id="A").cell == "id:A"


def refuse(painter, monkeypatch, model):
    paint = painter.run

    async def run(self, request, emit):
        if request.model == model:
            painter.calls.append("refused")
            raise RefusedError(
                "Painter refused the prompt: no foxes.", stage="prompt", reason="FOX", provider="painter", model=model, billed="no"
            )
        return await paint(self, request, emit)

    monkeypatch.setattr(painter, "run", run)


TWO = """
for model in ('painter:oil', 'painter:ink'):
    try:
        gen('fox', model=model)
    except Exception as error:
        said.append(str(error))
"""


def test_a_sibling_that_was_refused_is_not_asked_again_at_each_run_all(kernel, painter, monkeypatch):
    refuse(painter, monkeypatch, "ink")
    said = []
    assert kernel().run("A", TWO, said=said).calls == 2
    for _ in range(2):
        running = kernel()
        again = running.run("A", TWO, said=said)
        assert (again.error, again.calls) == (None, 0)
    assert said[0] == "Painter refused the prompt: no foxes."
    assert (
        said[2]
        == "Painter refused the prompt: no foxes. That was said when this cell was last run; nothing was sent. Run it again to ask again."
    )
    assert said[1] == said[2]
    assert running.run("A", TWO, said=said).calls == 2, "run again, both are asked"
    assert kernel().run("A", TWO.replace("model=model", "model=model, fresh=True"), said=said).calls == 2


def test_a_cell_that_failed_because_it_was_refused_asks_again(kernel, painter, monkeypatch):
    refuse(painter, monkeypatch, "oil")
    for _ in range(2):
        done = kernel().run("A", "gen('fox')")
        assert (done.calls, "no foxes" in str(done.error)) == (1, True)


def test_without_ids_it_is_said_once_that_a_cell_run_again_is_another_one(kernel):
    running = kernel(ids=False)
    for _ in range(3):
        running.run("?", "gen('fox')")
    assert len([text for text in running.said if "does not tell which cell runs" in text]) == 1
    told = kernel()
    for _ in range(3):
        told.run("A", "gen('fox')")
    assert not any("does not tell" in text for text in told.said)


FORKS = """
import os
for number in range(3):
    if not (child := os.fork()):
        code = 1
        try:
            gen(f'fox {number}')
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
"""


@needs_fork
def test_what_forked_processes_of_a_cell_got_comes_back(kernel):
    first = kernel()
    assert first.run("F", FORKS).error is None
    made = [turn.picture.sha256 for turn in first.session.turns]
    again = kernel()
    assert again.run("F", FORKS).error is None
    assert [turn.picture.sha256 for turn in again.session.turns] == made
    assert again.run("F", FORKS).error is None
    assert len(again.session.turns) == 6, "run again, it asks anew"


@needs_fork
def test_a_fork_that_asks_for_nothing_is_no_run_of_what_the_cell_says_later(kernel):
    made = kernel().run("F", "gen('fox')")
    again = kernel()
    assert again.run("F", "import os\nchild = os.fork()\nif not child: os._exit(0)\nos.waitpid(child, 0)").error is None
    back = again.run("F", "gen('fox')")
    assert (back.calls, back.hashes) == (0, made.hashes)


def test_a_cells_place_is_found_by_its_runs_however_many_there_were(kernel):
    store = kernel().studio.store
    for number in range(3):
        run = store.start_run("id:A", kernel=f"k{number}", source_hash="h", ordinal=number + 1)
        store.note_reply(run, "r", "m", "s", number + 1)
    assert [(run.ordinal, run.seen) for run in reversed(store.runs())] == [(1, 1), (1, 2), (1, 3)]
    assert [reply.number for reply in store.latest_replies(KnownCell("id:A", "h", 7))] == [3]
