"""A damaged row hides neither itself nor anything else."""

from __future__ import annotations

import pytest

from notebook_img.records import SessionRecord
from notebook_img.store import Store, export_sessions, import_sessions
from tests.store.making import add, problems

HURT_ROWS = {
    "asked": "{'n': 1",
    "usage": "[1]",
    "got": b"\x00\xff",
    "answer": "[" * 5000,
    "warnings": "null",
    "prompt": None,
    "kind": "paint",
    "cost": "much",
    "started": b"x",
    "parent": "t1",
    "text": b"\xff\xfe",
    "seed": "1e9",
}


@pytest.mark.parametrize("column", HURT_ROWS)
def test_a_damaged_row_hides_neither_itself_nor_its_session(store: Store, fox: SessionRecord, column: str) -> None:
    add(store, fox, 1, prompt="first")
    add(store, fox, 2, parent=1, prompt="second")
    add(store, fox, 3, parent=2, prompt="third")
    with store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        if column == "prompt":
            connection.exec_driver_sql("UPDATE turns SET prompt = zeroblob(3) WHERE number = 2")
        else:
            connection.exec_driver_sql(f"UPDATE turns SET {column} = ? WHERE number = 2", (HURT_ROWS[column],))
    first, second, third = store.turns(fox.id)
    assert (first.prompt, third.prompt) == ("first", "third")
    assert second.pictures[0].sha256
    assert second.warnings[-1] == f"Part of this turn's row is damaged: {column}."
    assert "1 turn with a damaged row: fox/t2" in " ".join(problems(store))
    assert [turn.number for turn in store.chain(fox.id, 2)][-1] == 2
    export_sessions(store, [fox.id], store.home / "x.zip")
    with Store.open(store.home / "other") as other:
        assert import_sessions(other, store.home / "x.zip")[0].added == 3


def test_a_damaged_session_row_hides_no_session(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1)
    store.create_session("owl")
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET redo = 'x', settings = '[', head = 'none', created = 'then' WHERE name = 'fox'")
    assert {record.name: record.settings for record in store.sessions()} == {"fox": {}, "owl": {}}
    assert store.session(fox.id).head is None  # type: ignore[union-attr]
