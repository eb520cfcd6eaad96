"""The drawing of a history: of a long one the latest part, what is left out counted, and the way to it said."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from notebook_img.cli import main
from notebook_img.store import Store, schema
from notebook_img.store.rows import insert_turn
from notebook_img.tree import Session
from tests.store.making import add
from tests.tree.acting import Acting

OUTLINE = 300


@pytest.fixture
def long(home: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of one line and 1,200 turns, of which each hundredth is a question."""
    monkeypatch.setattr("notebook_img.tree.drawing.OUTLINE", OUTLINE)
    store = Store.open(home)
    fox = store.create_session("fox")
    first = add(store, fox, 1, prompt="step 1")
    size = 1_200
    with store._database.write() as connection:
        for number in range(2, size + 1):
            kind = "ask" if number % 100 == 0 else "edit"
            parent = number - 1 if (number - 1) % 100 else number - 2
            record = dataclasses.replace(first, kind=kind, number=number, parent=parent, prompt=f"step {number}")
            insert_turn(connection, record)
        values = {"turns": size, "last_number": size, "head": size - 1}
        connection.execute(schema.sessions.update().where(schema.sessions.c.id == fox.id).values(values))
    return Session(Acting(store), fox.id)


def drawn(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^(?:\W*)t(\d+)  step", text, re.MULTILINE)]


def test_of_a_long_history_the_latest_part_is_drawn_and_the_way_to_the_rest_is_said(long: Session) -> None:
    text = long.tree().text
    assert text.startswith("Session fox: 1,188 turns and 12 questions, 60 of them drawn")
    assert f"… {1_200 - OUTLINE} earlier turns not drawn" in text
    assert "t1199  step 1199 (local)  ← head" in text
    [before] = re.findall(r"tree\('t(\d+)'\) draws the history up to t\1\.", text)
    earlier = long.tree(f"t{before}").text
    assert max(drawn(earlier)) == int(before)
    assert "step 1199" not in earlier


def test_every_turn_can_be_come_to(long: Session) -> None:
    seen: set[int] = set()
    until: str | None = None
    for _ in range(100):
        text = long.tree(until).text
        seen |= set(drawn(text))
        more = re.search(r"tree\('(t\d+)'\)", text)
        if more is None:
            break
        assert more[1] != until
        until = more[1]
    assert {1, 2, 600, 1_199} <= seen
    assert len(seen) > 1_190


def test_a_head_far_back_is_drawn_with_what_it_follows(long: Session) -> None:
    long.actor.heads[long.id] = 101  # type: ignore[attr-defined]
    text = long.tree().text
    assert "t101  step 101 (local)  ← head" in text
    assert "step 98" in text


def test_a_drawing_of_any_history_is_small(long: Session) -> None:
    bundle = long.tree()
    assert len(bundle.html) < 300_000
    assert len(bundle.text) < 20_000


def test_a_damaged_picture_does_not_keep_the_history_from_being_drawn(home: Path) -> None:
    with Store.open(home) as store:
        fox = store.create_session("fox")
        paths = [store.picture_path(add(store, fox, f"hurt {number}", parent=number or None).pictures[0].sha256) for number in range(3)]
        paths[1].write_bytes(b"damaged")
        bundle = Session(Acting(store), fox.id).tree()
    assert bundle.html.count("<img") == 2
    assert bundle.html.count("no picture") == 1


def test_a_ring_of_parents_is_drawn_as_lines(home: Path) -> None:
    with Store.open(home) as store:
        fox = store.create_session("fox")
        for number in range(200):
            add(store, fox, 1, parent=number or None, prompt=f"step {number + 1}")
        with store._database.write() as connection:
            connection.exec_driver_sql("UPDATE turns SET parent = 150 WHERE number = 50")
        text = Session(Acting(store), fox.id).tree().text
    assert "step 200" in text


def test_a_shell_shows_a_history_in_parts(long: Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "fox"]) == 0
    text = capsys.readouterr().out
    [words] = re.findall(r"notebook-img (show fox --until t\d+) shows", text)
    assert len(text.splitlines()) < 80
    assert main(words.split()) == 0
    assert f"{words.split()[-1]}  step" in capsys.readouterr().out
