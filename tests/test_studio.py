"""Studio: sessions named after their place, heads of its own, the model a session keeps, what is said and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img.calls import PlacedCall, make_call
from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.records import Origin


@pytest.fixture
def open_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ni.Studio]]:
    """Open studios over one home, each as a process of its own would."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    opened: list[ni.Studio] = []

    def open_one(notebook: Path | None = None, **more: object) -> ni.Studio:
        studio = ni.Studio(model="local", **more)
        studio.notebook = notebook
        studio.said = []  # type: ignore[attr-defined]
        studio.say = studio.said.append  # type: ignore[attr-defined]
        opened.append(studio)
        return studio

    yield open_one
    for studio in opened:
        studio.close()


def notebook(folder: Path, name: str = "foxes.ipynb") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return folder / name


# Names


def test_the_session_is_named_after_the_notebook_or_the_working_directory(open_studio, tmp_path: Path) -> None:
    assert open_studio(notebook(tmp_path / "a")).session().name == "foxes"
    assert open_studio().session().name == "work"


def test_the_same_notebook_gets_its_session_again(open_studio, tmp_path: Path) -> None:
    path = notebook(tmp_path / "a")
    first = open_studio(path).session()
    first.generate("a red circle")
    again = open_studio(path)
    assert again.session().id == first.id
    assert again.session().head.id == "t1"


def test_another_notebook_of_that_name_gets_a_number_and_it_is_said(open_studio, tmp_path: Path) -> None:
    open_studio(notebook(tmp_path / "a")).session()
    second = open_studio(notebook(tmp_path / "b"))
    assert second.session().name == "foxes-2"
    assert "foxes-2" in " ".join(second.said)
    assert open_studio(notebook(tmp_path / "c")).session().name == "foxes-3"
    assert open_studio(tmp_path / "b" / "foxes.ipynb").session().name == "foxes-2"


def test_a_moved_notebook_keeps_its_session_and_it_is_said(open_studio, tmp_path: Path) -> None:
    path = notebook(tmp_path / "a")
    session = open_studio(path).session()
    session.generate("a red circle")
    (tmp_path / "elsewhere").mkdir()
    moved = path.rename(tmp_path / "elsewhere" / "foxes.ipynb")
    after = open_studio(moved)
    assert after.session().id == session.id
    assert "moved" in " ".join(after.said)


@pytest.mark.parametrize(
    ("stem", "name"), [("t7", "t7-session"), ("Übung 1", "Übung 1"), ("a/b:c", "a-b-c"), ("...", "-session"), ("x" * 200, "x" * 60)]
)
def test_any_file_name_makes_a_legal_session_name(open_studio, stem: str, name: str) -> None:
    from notebook_img.store import check_session_name
    from notebook_img.studio.sessions import session_name_from

    made = session_name_from(stem)
    assert made == name or made.strip("-")
    assert check_session_name(made) == made


def test_opening_and_creating_are_said(open_studio) -> None:
    studio = open_studio()
    studio.session("fox")
    assert "created" in studio.said[-1]
    studio.session("fox").generate("a red circle")
    studio.session("fox")
    assert "opened, 1 turn" in studio.said[-1]
    before = len(studio.said)
    studio.session()
    assert len(studio.said) == before


def test_outside_a_kernel_it_is_said_through_logging_and_never_on_stdout(tmp_path: Path) -> None:
    script = "import logging; logging.basicConfig(level='INFO'); import notebook_img as ni; ni.session('fox')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout == ""
    assert "created" in done.stderr


def test_an_unknown_session_is_an_error_with_near_names_unless_it_is_to_be_created(open_studio) -> None:
    studio = open_studio()
    studio.session("fox")
    studio.session("hen")
    with pytest.raises(NotFoundError, match="Did you mean 'fox'"):
        studio.session("fxo", create=False)
    with pytest.raises(NotFoundError, match="Sessions: "):
        studio.session_for("zebra", creates=False)
    assert sorted(each.name for each in studio.sessions()) == ["fox", "hen"]
    assert studio.session_for("zebra", creates=True).name == "zebra"


@pytest.mark.parametrize("name", ["", "  ", "t7", "a/b", "x" * 300, "new\nline"])
def test_what_is_no_name_is_refused(open_studio, name: str) -> None:
    studio = open_studio()
    with pytest.raises(UsageError):
        studio.session(name)
    assert studio.sessions() == []


def test_a_session_deleted_elsewhere_is_said_and_a_new_one_begins(open_studio) -> None:
    studio = open_studio()
    session = studio.session()
    open_studio().session(session.name).delete()
    studio.generate("a red circle")
    assert "deleted" in " ".join(studio.said)
    assert studio.session().head.id == "t1"


# Heads


def test_a_studio_starts_at_the_stored_head_and_has_its_own_from_then_on(open_studio) -> None:
    one = open_studio()
    one.session("fox").generate("a red circle")
    two = open_studio()
    assert two.session("fox").head.id == "t1"
    one.session().edit("invert")
    assert two.session_for("fox", creates=False).head.id == "t1", "another's moves are not one's own"
    assert two.edit("sepia", session=two.session_for("fox", creates=False)).record.parent == 1
    fox = two.session("fox")
    two.reread_head(fox.id)
    assert fox.head.id == "t3"
    assert one.session_for("fox", creates=False).head.id == "t2"


def test_an_agents_studio_never_moves_the_kernels_head(open_studio) -> None:
    kernel = open_studio()
    kernel.session("fox").generate("a red circle")
    agent = kernel.beside(Origin(surface="agent", name="claude-desktop"))
    agent.edit("invert", session=agent.session_for("fox", creates=False))
    assert kernel.session().head.id == "t1"
    assert kernel.session().turns[-1].origin.words == "claude-desktop"


# Models


def test_a_session_follows_the_default_until_a_model_is_chosen_for_it(open_studio) -> None:
    studio = open_studio()
    session = studio.session("fox")
    session.generate("a red circle")
    session.generate("a red circle", model="local")
    assert session.model == "", "the built-in engine is kept only when it is chosen for the session"
    assert studio.session("fox", model="local").model == "local"


def test_a_model_that_cannot_do_it_is_refused_with_what_can(open_studio) -> None:
    studio = open_studio()
    with pytest.raises(NotFoundError, match="gemini"):
        studio.generate("a fox", model="gemni")
    with pytest.raises(UsageError):
        studio.generate("a red circle", model="local", aspect_ratio="7:1000000")
    with pytest.raises(UsageError, match="size"):
        studio.edit("invert", "sample:chelsea", siez="2K")
    with pytest.raises(UsageError, match="aspect_ratio"):
        studio.generate("a red circle", aspect="1:1")


# Refusals that leave no trace


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: s.edit("warmer"), "nothing to go on from"),
        (lambda s: s.edit(""), "prompt is empty"),
        (lambda s: s.generate("   "), "prompt is empty"),
        (lambda s: s.ask("what is it?"), "no picture to ask about"),
        (lambda s: s.edit("warmer", "missing.png"), "missing.png"),
        (lambda s: s.edit("add a red scarf", "sample:chelsea"), "red scarf"),
        (lambda s: s.edit("crop to a square and add a red scarf", "sample:chelsea"), "red scarf"),
        (lambda s: s.edit(b"bytes", "sample:chelsea"), "prompt has to be text"),
        (lambda s: s.edit("warmer", start="t9"), "t9"),
        (lambda s: s.edit("warmer", start="nonsense"), "nonsense"),
        (lambda s: s.edit("warmer", "sample:chelsea", pick=2), "pick"),
        (lambda s: s.edit("warmer", "sample:nobody"), "sample"),
        (lambda s: s.ask("x", "sample:chelsea", schema={}), "JSON schema"),
        (lambda s: s.ask("x", "sample:chelsea", schema="Sales"), "not text"),
        (lambda s: s.ask("x", "sample:chelsea", table="year itn"), "itn"),
    ],
)
def test_what_is_refused_leaves_no_trace(open_studio, call, says: str) -> None:
    studio = open_studio()
    session = studio.session("fox")
    with pytest.raises(ni.NotebookImgError, match=says) as caught:
        call(session)
    assert len(str(caught.value)) < 600
    assert len(session.turns) == 0
    assert session.head is None
    assert not list(studio.settings.home.rglob("*.png"))
    assert not list(studio.settings.home.rglob("*.part"))


def test_python_goes_on_from_turns_ids_and_picks(open_studio) -> None:
    studio = open_studio()
    session = studio.session("fox")
    four = session.generate("noise", n=4)
    assert [picture.name for picture in four.pictures] == ["fox/t1.1", "fox/t1.2", "fox/t1.3", "fox/t1.4"]
    with pytest.raises(UsageError, match="pick=2"):
        session.edit("invert")
    assert four.pick(2).edit("invert").record.picked == 2
    assert session.edit("invert", four.pick(3)).record.picked == 3
    assert session.edit("invert", "t1.4").record.picked == 4
    assert session.edit("invert", four, pick=1).record.picked == 1
    assert session.edit("sepia", "fox/t2").record.parent == 2
    other = studio.session("hen").edit("invert", "fox/t2")
    assert other.record.parent is None, "a picture of another session starts a new line"
    assert other.inputs[0] == session.turn("t2").picture
    assert four.compare is not None
    assert session.turn("t2").compare().html


def test_the_async_twins_have_the_same_names_and_give_the_same(open_studio) -> None:
    import asyncio

    studio = open_studio()
    session = studio.session("fox")

    async def work() -> list[str]:
        first = await session.aio.generate("a red circle")
        second = await first.aio.edit("invert")
        third = await second.aio.ask("what size is it?")
        fourth = await studio.aio.edit("sepia", session=session)
        return [turn.id for turn in (first, second, third, fourth)]

    assert asyncio.run(work()) == ["t1", "t2", "t3", "t4"]


def test_again_repeats_a_turn_with_a_new_seed(open_studio) -> None:
    session = open_studio().session("fox")
    first = session.generate("noise", size="64x64")
    again = session.edit(again=True)
    assert again.prompt == "noise"
    assert again.picture.size == (64, 64)
    assert again.record.parent is None
    assert again.picture != first.picture


def test_turns_survive_a_new_process(open_studio, tmp_path: Path) -> None:
    session = open_studio().session("fox")
    session.edit("invert", "sample:chelsea")
    script = "import notebook_img as ni; s = ni.session('fox'); t = s.edit('sepia'); print(t.parent.id, t.parent.picture.sha256, t.parent.prompt)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout.split() == ["t1", session.turn("t1").picture.sha256, "invert"], done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a working directory from being deleted")
def test_a_deleted_working_directory_is_said(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="no longer exists"):
        ni.Studio().session()
    monkeypatch.chdir(tmp_path)


def test_a_session_a_command_made_for_itself_is_gone_when_nothing_came_of_it(open_studio):
    studio = open_studio()
    with pytest.raises(NotFoundError):
        studio.edit("darker", "nope.png", session=studio.session_for("new", creates=True))
    studio.edit("darker", "sample:chelsea", dry_run=True, session=studio.session_for("new", creates=True))
    assert [session.name for session in studio.sessions()] == []
    studio.edit("darker", "sample:chelsea", session=studio.session_for("new", creates=True))
    with pytest.raises(NotebookImgError, match="gibberish"):
        studio.edit("gibberish blah", session=studio.session_for("new", creates=True))
    assert [(session.name, len(session.turns)) for session in studio.sessions()] == [("new", 1)]


def test_a_session_that_was_asked_for_by_name_stays_when_a_call_fails(open_studio):
    studio = open_studio()
    with pytest.raises(NotFoundError):
        studio.session("fox").edit("darker", "nope.png")
    assert [session.name for session in studio.sessions()] == ["fox"]


def test_a_question_refuses_a_start_that_is_none_and_a_pick_of_a_file(open_studio):
    session = open_studio().session("fox")
    session.generate("two red circles")
    with pytest.raises(NotFoundError, match="'zzz' is not a turn"):
        session.ask("what size?", start="zzz")
    with pytest.raises(UsageError, match="pick chooses"):
        session.ask("what size?", "sample:coffee", pick=2)
    with pytest.raises(UsageError, match="again repeats"):
        session.edit(image="sample:coffee", again=True)
    both = session.ask("what size?", "sample:coffee", start="t1")
    assert both.inputs[0].sha256 == session.turn("t1").picture.sha256
    assert len(both.inputs) == 2


def test_boxes_and_a_table_are_not_asked_for_at_once(open_studio):
    with pytest.raises(UsageError, match="Boxes"):
        open_studio().session("fox").ask("things", "sample:coffee", boxes="", table="a int")


def test_an_agent_goes_on_with_its_own_branch_in_another_process_until_the_person_goes_on(open_studio):
    person = open_studio()
    person.session("fox").edit("darker", "sample:chelsea")
    agent = Origin(surface="agent", name="claude")

    def session(studio, origin):
        return studio.beside(origin, keeps_stored_head=True).session_for("fox", creates=False)

    branch = session(person, agent).edit("warmer")
    assert person.session("fox").head.id == "t1"
    again = session(open_studio(), agent).edit("sharper")
    assert again.parent == branch
    assert session(open_studio(), Origin(surface="agent", name="another")).edit("sharper").parent.id == "t1"
    newest = person.session("fox").edit("invert")
    assert newest.parent.id == "t1"
    assert session(open_studio(), agent).edit("cooler").parent == newest


def test_what_today_has_cost_is_one_sentence(open_studio) -> None:
    from notebook_img.studio import spent_today

    studio = open_studio()
    assert spent_today(studio) == "$0.00 of $5.00"
    store = studio.store
    store.settle(store.reserve("gemini:x", 1.0, "2001-01-01", "cell", "fox", None), "billed", 1.0)  # another day
    store.settle(store.reserve("gemini:x", 0.04, None, "cell", "fox", None), "billed", 0.04)
    store.settle(store.reserve("gemini:x", None, None, "cell", "fox", None), "unknown")
    store.reserve("gemini:x", 0.1, None, "cell", "fox", None)
    assert spent_today(studio) == "$0.04 of $5.00, $0.10 in flight, 1 call of unknown cost"


# Calls


def test_a_new_session_stays_while_another_studio_works_in_it(open_studio) -> None:
    studio = open_studio()
    session = studio.session_for("fox", creates=True)
    panel = studio.beside(Origin(surface="panel"), same_heads=True)
    with panel.begin(session, make_call("generate", "a red circle")):
        with pytest.raises(UsageError):
            studio.run(session, make_call("edit", "make it night"))
        assert studio.store.session_named("fox")
    assert studio.store.session_named("fox") is None, "nothing came of either"


def test_calls_placed_before_one_that_cannot_be_are_left_too(open_studio, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = open_studio()
    session = studio.session("fox")
    left: list[str] = []
    monkeypatch.setattr(PlacedCall, "leave", lambda self: left.append(self.call.prompt))
    calls = make_call("generate", "a red circle"), make_call("edit", "make it night")
    with pytest.raises(UsageError, match="nothing to go on from"), studio.begin(session, *calls):
        pytest.fail("the second one cannot be placed")
    assert left == ["a red circle"]
