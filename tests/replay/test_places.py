"""Running again where it is less plain: copies, siblings, calls at once, repeated turns, what others brought in."""

from __future__ import annotations

import asyncio
import threading

import pytest
from PIL import Image

A = "edit('first', 'sample:chelsea')"
FOUR = "for _ in range(4): gen('fox')"


def test_a_real_models_pictures_come_back_where_only_the_built_in_engine_is_set_up(kernel, tmp_path):
    notebook = tmp_path / "work.ipynb"
    notebook.touch()
    first = kernel(notebook=notebook, session=None)
    made = [first.run("A", A), first.run("B", "edit('night')")]
    first.studio.pack()
    colleague = kernel(home=tmp_path / "empty", notebook=notebook, session=None, model="local")
    again = [colleague.run("A", A), colleague.run("B", "edit('night')")]
    assert [cell.error for cell in again] == [None, None]
    assert [cell.hashes for cell in again] == [cell.hashes for cell in made]


def test_a_cell_that_repeats_a_turn_repeats_it_when_it_is_run_again(kernel):
    running = kernel()
    running.run("A", "gen('fox', n=4)")
    running.run("B", "edit('night', pick=3)")
    made = [running.run("C", "edit(again=True)") for _ in range(3)]
    assert [(cell.error, cell.calls, cell.turns[0].prompt) for cell in made] == [(None, 1, "night")] * 3
    again = kernel()
    assert [again.run("C", "edit(again=True)").hashes] == [made[-1].hashes]


def test_an_outpainted_turn_can_be_repeated(kernel):
    running = kernel()
    made = running.run("A", "edit('more sky', 'sample:chelsea', outpaint='1:1')")
    again = running.run("B", "edit(again=True)")
    assert (made.error, again.error) == (None, None)
    assert again.turns[0].picture.size == made.turns[0].picture.size == (451, 451)


def test_a_question_is_repeated_and_not_the_edit_before_it(kernel):
    running = kernel()
    a = running.run("A", "gen('fox')")
    running.run("Q", "ask('what is it?')")
    for _ in range(2):
        again = running.run("R", "ask(again=True)")
        assert (again.error, again.calls, again.turns[0].prompt) == (None, 1, "what is it?")
        assert again.turns[0].parent == a.turns[0]
    nothing = kernel(session="bear").run("R", "ask(again=True)")
    assert "no question to repeat" in str(nothing.error)


def test_an_edit_from_a_question_about_one_of_several_pictures_goes_on_from_that_one(kernel):
    running = kernel()
    running.run("A", "gen('fox', n=2)")
    asked = running.run("Q", "ask('what is it?', 't1.2')")
    made = running.run("B", f"edit('night', '{asked.turns[0].id}')")
    assert made.error is None
    assert made.turns[0].parent.picked == 2


def test_a_copied_notebook_leaves_the_replies_of_its_original_alone(kernel, tmp_path):
    one, two = tmp_path / "a.ipynb", tmp_path / "b.ipynb"
    one.touch()
    two.touch()
    first = kernel(notebook=one, session=None)
    made = [first.run("A", A), first.run("B", "edit('night')")]
    copy = kernel(notebook=two, session=None)
    assert copy.run("A", A).calls == 0
    other = copy.run("A", A)
    assert other.calls == 1
    again = kernel(notebook=one, session=None)
    assert [again.run("A", A).hashes, again.run("B", "edit('night')").hashes] == [cell.hashes for cell in made]
    assert kernel(notebook=two, session=None).run("A", A).hashes == other.hashes


def test_of_calls_at_once_the_one_made_last_is_the_head(kernel, painter):
    three = """
import asyncio
async def three():
    return await asyncio.gather(*(s.aio.edit(f'v{number}') for number in range(3)))
keep(asyncio.run(three()))
"""
    painter.slow = {"v2": 0.0, "v1": 0.15, "v0": 0.3}
    first = kernel()
    first.run("A", "gen('fox')")
    made = first.run("G", three)
    z = first.run("Z", "edit('z')")
    assert z.turns[0].parent == made.turns[2]
    painter.slow = {}
    for _ in range(3):
        again = kernel()
        assert [again.run("A", "gen('fox')").calls, again.run("G", three).calls, again.run("Z", "edit('z')").calls] == [0, 0, 0]
        assert again.studio.store.session_named("fox").head == z.turns[0].number


@pytest.mark.parametrize("slow", ["ask", "edit"])
def test_edits_one_after_the_other_go_on_from_each_other_though_another_call_is_under_way(kernel, painter, monkeypatch, slow):
    gate, paint = threading.Event(), painter.run

    async def run(self, request, emit):
        if request.prompt == "slow":
            await asyncio.to_thread(gate.wait, 20)
        return await paint(self, request, emit)

    monkeypatch.setattr(painter, "run", run)
    running = kernel()
    running.run("A", "gen('fox')")
    cells = running.studio.shared.kernel
    threads = []

    def start():
        threads.append(threading.Thread(target=getattr(running.session, slow), args=["slow"]))
        threads[0].start()
        while not cells.current.slots:
            threads[0].join(0.01)

    made = running.run("B", "start(); edit('red'); edit('blue'); undo(); edit('green')", start=start)
    gate.set()
    threads[0].join(20)
    red, _, green = made.turns
    assert [turn.parent for turn in made.turns] == [red.parent, red, red]
    assert red.parent.prompt == "fox"
    assert running.session.head == green, "of what was under way at once the call made last"


def test_siblings_that_were_run_again_come_back_as_they_were(kernel):
    source = "gen('fox', model='painter:oil'); gen('fox', model='painter:ink')"
    first = kernel()
    first.run("A", source)
    made = first.run("A", source)
    again = kernel().run("A", source)
    assert (again.calls, again.hashes) == (0, made.hashes)


def test_a_stopped_first_run_goes_on_with_the_replies_of_the_same_run(kernel):
    first = kernel()
    first.run("L", FOUR)
    made = first.run("L", FOUR)
    second = kernel()
    second.run("L", "for _ in range(2): gen('fox')\n1 / 0")
    again = second.run("L", FOUR)
    assert (again.calls, again.hashes) == (0, made.hashes)


def test_a_reply_is_not_given_twice_for_having_a_copy(kernel):
    two = "for _ in range(2): gen('fox')"
    made = kernel(session="one").run("A", two)
    copied = kernel(session="two").run("A", two)
    assert (copied.calls, copied.hashes) == (0, made.hashes)
    third = kernel(session="two").run("A", "for _ in range(3): gen('fox')")
    assert (third.calls, third.hashes[:2]) == (1, made.hashes)
    assert third.hashes[2] not in made.hashes


def test_an_imported_session_knows_where_its_cells_started(kernel, tmp_path):
    first = kernel()
    first.run("A", A)
    b = first.run("B", "edit('night')")
    first.run("C", "edit('warm')")
    first.session.export(tmp_path / "fox.zip")
    other = kernel(home=tmp_path / "other", session=None)
    other.studio.import_sessions(tmp_path / "fox.zip")
    other.session = other.studio.session("fox")
    again = other.run("B", "edit('night')")
    assert (again.calls, again.hashes) == (0, b.hashes)


def test_runs_that_were_imported_later_are_no_later_runs(kernel, tmp_path):
    first = kernel()
    first.run("L", "gen('fox')")
    first.session.export(tmp_path / "one.zip")
    first.run("L", "gen('fox')")
    first.session.export(tmp_path / "two.zip")
    other = kernel(home=tmp_path / "other", session=None)
    other.studio.import_sessions(tmp_path / "one.zip")
    other.session = other.studio.session("fox")
    other.run("L", "gen('fox')")
    made = other.run("L", "gen('fox')")
    other.studio.import_sessions(tmp_path / "two.zip")
    again = kernel(home=tmp_path / "other").run("L", "gen('fox')")
    assert again.hashes == made.hashes


def test_a_cell_whose_call_outlives_it_asks_anew_when_it_is_run_again(kernel, painter):
    painter.slow = {"fox": 0.3}
    running = kernel()
    cells = running.studio.shared.kernel
    threads = []

    def start():
        threads.append(threading.Thread(target=running.session.generate, args=["fox"]))
        threads[0].start()
        while not cells.current.slots:
            threads[0].join(0.01)

    assert running.run("T", "start()", start=start).error is None
    assert not running.session.turns, "the cell has ended and its call goes on"
    threads[0].join(20)
    assert running.run("T", "gen('fox')").calls == 1
    assert [run.state for run in running.studio.store.runs("id:T")] == ["ok", "ok"]


def test_a_deleted_turn_keeps_its_place_in_a_loop(kernel):
    source = "for number in range(3): keep([(turn := gen('fox')), turn.edit(f'frame {number}')])"
    first = kernel()
    made = first.run("L", source)
    first.session.delete_turn(made.turns[0])
    again = kernel().run("L", source)
    assert again.calls == 2
    assert again.hashes[-4:] == made.hashes[-4:]


def test_mode_only_refuses_a_thread_that_outlived_its_cell(kernel, painter):
    running = kernel(replay="only")
    failed = []

    def late():
        try:
            running.session.generate("fox")
        except Exception as error:
            failed.append(str(error))

    thread = threading.Thread(target=late)
    thread.start()
    thread.join(20)
    assert painter.calls == []
    assert "replay is 'only'" in failed[0]


@pytest.mark.parametrize("name", ["night.png", "night.jpg"])
def test_a_file_that_came_with_the_notebook_is_no_obstacle(kernel, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    source = f"gen('fox', output='{name}')"
    notebook = tmp_path / "work.ipynb"
    notebook.touch()
    first = kernel(notebook=notebook, session=None)
    made = first.run("A", source)
    first.studio.pack()
    before = (tmp_path / name).read_bytes()
    colleague = kernel(home=tmp_path / "empty", notebook=notebook, session=None)
    again = colleague.run("A", source)
    assert (again.error, again.hashes) == (None, made.hashes)
    assert any("left as it is" in said for said in again.turns[0].notices)
    assert (tmp_path / name).read_bytes() == before
    # Somebody else's picture is still nobody's to overwrite.
    Image.new("RGB", (5, 5), "red").save(tmp_path / name)
    kept = (tmp_path / name).read_bytes()
    refused = kernel(home=tmp_path / "another", notebook=notebook, session=None).run("A", source)
    assert "already exists" in str(refused.error)
    assert (tmp_path / name).read_bytes() == kept
