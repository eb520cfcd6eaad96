from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.ids import parse_id
from notebook_img.store import check_session_name
from notebook_img.tree import Session, Turn
from tests.tree.acting import Acting


def test_a_turn_is_found_by_any_form_of_its_id(fox: Session) -> None:
    turn = fox.generate("a fox", n=3)
    for form in ("t1", "fox/t1", " t1 ", 1, turn):
        assert fox.turn(form) == turn
    assert fox.turn("t1.2").picked == 2
    assert fox.turn("fox/t1.2").id == "t1.2"
    assert turn.full_id == "fox/t1"


def test_an_unknown_turn_is_an_error_that_names_the_nearest_or_last_ones(fox: Session) -> None:
    with pytest.raises(NotFoundError, match="no turn yet"):
        fox.turn("t1")
    for _ in range(9):
        fox.generate("a fox")
    with pytest.raises(NotFoundError, match=r"no turn t70 in session 'fox'\. The last ones are t7, t8, t9\."):
        fox.turn("t70")
    fox.actor.store.delete_branch(fox.id, 5)
    with pytest.raises(NotFoundError, match=r"The nearest are t3, t4, t6, t7\."):
        fox.turn(5)
    with pytest.raises(NotFoundError, match=r"'night.png' is not the id of a turn; ids look like t7\. The last ones are t7, t8, t9\."):
        fox.turn("night.png")
    with pytest.raises(NotFoundError, match="a turn of session 'bear'"):
        fox.turn("bear/t1")
    with pytest.raises(NotFoundError):
        fox.turn(0)
    with pytest.raises(NotFoundError):
        fox.turn(-1)


@pytest.mark.parametrize("text", ["t0", "t01", "t1.0", "7", "t7.x", "/t7", "a/b/t7", "t７", "", "t7 t8"])
def test_what_is_no_id_is_not_taken_for_one(text: str) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize("name", ["fox", "my fox 2", "Füchse", "t", "tea7", "t7 again", "x" * 80])
def test_a_session_may_have_a_plain_name(name: str) -> None:
    assert check_session_name(f" {name} ") == name


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "needs a name"), ("  ", "needs a name"), ("a/b", "'a-b'"), ("t7", "id of a turn"), ("T12.2", "id of a turn"), ("x" * 81, "81 characters"), ("a\nb", "line break"), (7, "text")],
)  # fmt: skip
def test_a_session_may_not_have_a_name_that_confuses(fox: Session, name: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_session_name(name)
    with pytest.raises(UsageError, match=words):
        fox.rename(name)
    assert fox.name == "fox"


def test_a_session_can_be_renamed_unless_the_name_is_taken(actor: Acting, fox: Session) -> None:
    turn = fox.generate("a fox")
    actor.store.create_session("bear")
    with pytest.raises(UsageError, match="already"):
        fox.rename("bear")
    fox.rename("wolf")
    assert (fox.name, turn.full_id) == ("wolf", "wolf/t1")


def test_a_deleted_session_says_so_and_its_repr_is_still_readable(fox: Session) -> None:
    turn = fox.generate("a fox")
    fox.delete()
    with pytest.raises(NotFoundError, match="was deleted"):
        _ = fox.name
    assert "deleted" in repr(fox)
    assert repr(turn).startswith("<Turn (deleted session)/t1 generate 'a fox'")


def test_turns_are_a_lazy_sequence(fox: Session) -> None:
    for number in range(7):
        fox.generate(f"{number}")
    fox.actor.store.delete_branch(fox.id, 3)
    turns = fox.turns

    def ids(found: list[Turn]) -> list[str]:
        return [turn.id for turn in found]

    assert len(turns) == 6
    assert ids(list(turns)) == ["t1", "t2", "t4", "t5", "t6", "t7"]
    assert ids(list(reversed(turns))) == ["t7", "t6", "t5", "t4", "t2", "t1"]
    assert (turns[0].id, turns[2].id, turns[-1].id) == ("t1", "t4", "t7")
    everything = list(turns)
    for cut in (
        slice(None),
        slice(1, 3),
        slice(-2, None),
        slice(None, None, 2),
        slice(None, None, -1),
        slice(4, 1, -2),
        slice(5, 2),
        slice(9, 99),
    ):
        assert turns[cut] == everything[cut]
    for index in (6, -7, 99):
        with pytest.raises(IndexError):
            turns[index]
    assert turns[1] in turns
    assert repr(turns) == "<6 turns: ..., t5, t6, t7>"
    fox.generate("another")
    assert len(turns) == 7


def test_going_through_a_session_reads_pages_and_not_everything(fox: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notebook_img.tree.turns.PAGE", 3)
    for number in range(8):
        fox.generate(f"{number}")
    store = fox.actor.store
    real, pages = store.turns, []

    def turns(*arguments: Any, **page: Any) -> Any:
        pages.append(page["limit"])
        return real(*arguments, **page)

    monkeypatch.setattr(store, "turns", turns)
    assert next(iter(fox.turns)).id == "t1"
    assert pages == [3]
    assert len(list(fox.turns)) == 8


def test_pictures_are_read_from_their_files_only_when_looked_at(fox: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = fox.generate("a fox", n=2)
    read: list[str] = []
    store = fox.actor.store
    real = store.read_picture
    monkeypatch.setattr(store, "read_picture", lambda sha: read.append(sha) or real(sha))
    first, second = turn.pictures
    assert (first.name, second.name) == ("fox/t1.1", "fox/t1.2")
    assert (first.width, first.height, first.mime_type, first.sha256) == (1, 1, "image/png", turn.record.pictures[0].sha256)
    assert first.path is not None
    assert first.path.is_file()
    assert first == turn.picture
    assert read == []
    assert first.data == first.path.read_bytes()
    assert read == [first.sha256]


def test_a_turn_holds_no_bytes(fox: Session) -> None:
    turn = fox.generate("a fox")
    _ = turn.picture.data

    def held(value: object, seen: set[int]) -> bool:
        if id(value) in seen or isinstance(value, (type, Acting)):
            return False
        seen.add(id(value))
        if isinstance(value, (bytes, bytearray)):
            return True
        parts = list(vars(value).values()) if hasattr(value, "__dict__") else list(value) if isinstance(value, (tuple, list, set)) else []
        return any(held(part, seen) for part in parts)

    assert not held(turn, set())


def test_a_pick_goes_on_from_one_of_several_pictures(fox: Session) -> None:
    turn = fox.generate("a fox", n=3)
    picked = turn.pick(2)
    assert (picked.id, picked.picture.sha256) == ("t1.2", turn.pictures[1].sha256)
    assert len(picked.pictures) == 3
    child = picked.edit("closer")
    assert (child.record.parent, child.record.picked) == (1, 2)
    assert child.parent == picked
    for wrong in (0, 4, -1, True, "2"):
        with pytest.raises(UsageError, match="3 pictures, 1 to 3"):
            turn.pick(wrong)  # type: ignore[arg-type]


def test_a_turn_goes_on_from_itself_and_not_from_the_head(fox: Session) -> None:
    first = fox.generate("a fox")
    fox.edit("warmer")
    branch = first.edit("colder")
    assert branch.parent == first
    question = first.ask("what is it?")
    assert question.record.parent == 1
    assert (question.text, question.picture) == ("a fox", first.picture)
    assert question.ask("and more?").record.parent == question.number
    assert [line[-1].id for line in fox.lines()] == ["t2", "t3"]
    assert [turn.id for turn in fox.following(first)] == ["t2", "t3", "t4", "t5"]


async def test_the_async_twins_do_the_same(fox: Session) -> None:
    turn = await fox.aio.generate("a fox")
    assert (await fox.aio.edit("warmer")).parent == turn
    assert (await fox.aio.ask("what?")).kind == "ask"
    assert (await turn.aio.edit("colder")).parent == turn
    assert (await turn.aio.ask("what?")).record.parent == 1


def test_a_typed_answer_has_its_value_boxes_and_table(fox: Session) -> None:
    fox.generate("a fox")
    answer = {
        "value": [{"year": 2025, "sales": 1.5}],
        "value_by": "schema",
        "boxes": [{"label": "fox", "left": 0, "top": 0, "right": 1, "bottom": 1}],
    }
    turn = fox.ask("the values", answer=answer)
    assert turn.value == [{"year": 2025, "sales": 1.5}]
    assert turn.value_by == "schema"
    assert turn.boxes[0].label == "fox"
    pytest.importorskip("pandas", reason="needs pandas: pip install pandas")
    assert turn.frame().to_dict("list") == {"year": [2025], "sales": [1.5]}
    assert list(fox.ask("where?", answer={"boxes": answer["boxes"]}).frame()["label"]) == ["fox"]
    with pytest.raises(UsageError, match="neither a table nor boxes"):
        fox.ask("what?").frame()


def test_a_turn_is_one_readable_line(fox: Session) -> None:
    assert repr(fox.generate("a fox\nin the\tsnow")) == "<Turn fox/t1 generate 'a fox in the snow' 1x1 local:built-in>"
    assert repr(fox.edit("x" * 100, n=2)) == f"<Turn fox/t2 edit '{'x' * 57}...' 2 pictures local:built-in>"
    assert repr(fox.ask("what is it?")) == "<Turn fox/t3 ask 'what is it?' -> a fox local:built-in>"
    assert repr(fox) == "<Session 'fox' 3 turns, head t2>"


def test_a_turn_shows_its_picture_with_a_caption_and_a_question_its_answer(fox: Session) -> None:
    turn = fox.generate("a <b>fox</b>")
    data, _ = turn._repr_mimebundle_()
    assert set(data) - {"image/png", "image/jpeg"} == {"text/html", "text/plain"}
    assert "data:image/" in data["text/html"]
    assert "<b>fox</b>" not in data["text/html"]
    assert "fox/t1" in data["text/plain"]
    assert "built-in, not AI" in data["text/plain"]
    grid, _ = fox.edit("more", n=3)._repr_mimebundle_()
    assert grid["text/html"].count("<img") == 3
    answer, _ = fox.ask("what is it?")._repr_mimebundle_()
    assert "a fox" in answer["text/plain"]
    turn.replayed = True
    turn.files = (Path("night.png"),)
    assert "replayed" in turn.figure().text
    assert "saved night.png" in turn.figure().text


def test_a_turn_shown_by_a_magic_is_not_drawn_again_in_that_execution(fox: Session) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    turn = fox.generate("a fox")
    shell = InteractiveShell.instance()
    try:
        shell.user_ns["turn"] = turn
        format_of = shell.display_formatter.format
        assert "text/html" in format_of(turn)[0]
        turn.shown_in = shell.execution_count
        assert format_of(turn) == ({}, {})
        assert shell.run_cell("turn", store_history=True).result is turn
        assert "text/html" in format_of(turn)[0]
    finally:
        InteractiveShell.clear_instance()


def test_a_comparison_is_with_the_turn_before_or_with_any_other(fox: Session) -> None:
    first = fox.generate("a fox")
    with pytest.raises(UsageError, match="follows no picture"):
        first.compare()
    second = fox.edit("warmer")
    assert second.compare().text.startswith("t1 and t2:")
    assert first.compare(second).text.startswith("t1 and t2:")
    assert "and t2" in second.compare(first.picture).text


def test_a_session_draws_its_tree(fox: Session) -> None:
    fox.generate("a fox")
    fox.edit("warmer")
    fox.ask("what is it?")
    fox.checkout("t1")
    fox.edit("colder")
    text = fox.tree().text
    for words in ("fox", "t1", "t2", "t3", "t4", "what is it?"):
        assert words in text


def test_a_session_with_a_missing_picture_file_still_draws_its_tree(fox: Session) -> None:
    turn = fox.generate("a fox")
    assert turn.picture.path is not None
    turn.picture.path.unlink()
    assert "t1" in fox.tree().text


def test_the_cost_of_a_session_counts_refused_calls_and_says_what_is_unknown(fox: Session) -> None:
    store = fox.actor.store
    for state, cost in (("billed", 0.04), ("refused", 0.01), ("unknown", None), ("failed", None)):
        store.settle(store.reserve("m", 0.04, "2026-11-21", "cell", "fox", None), state, cost)
    assert fox.cost() == (pytest.approx(0.05), 1)


def test_a_session_is_exported_as_zip(fox: Session, tmp_path: Path) -> None:
    fox.generate("a fox")
    assert fox.export(tmp_path / "fox.zip").is_file()
    with pytest.raises(UsageError, match=r"fox\.zip"):
        fox.export(tmp_path / "fox.tar")


def test_sessions_and_turns_are_equal_when_they_are_the_same(actor: Acting, fox: Session) -> None:
    turn = fox.generate("a fox")
    assert {turn, fox.turn("t1")} == {turn}
    assert turn != turn.pick(1)
    assert turn != "t1"
    assert fox == Session(actor, fox.id)
    assert fox != Session(Acting(actor.store), fox.id)


def test_importing_the_tree_imports_neither_sqlalchemy_nor_pillow() -> None:
    import subprocess
    import sys

    program = "import sys, notebook_img.tree; print([name for name in ('sqlalchemy', 'PIL', 'numpy', 'pydantic', 'IPython') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
