"""What was paid for is stored, whatever was deleted meanwhile."""

from __future__ import annotations

from notebook_img.records import SessionRecord, TurnRecord
from notebook_img.store import Store
from tests.store.making import add, png


def _pending(store: Store, fox: SessionRecord) -> tuple[TurnRecord, dict[str, bytes]]:
    from tests.store.making import use

    record = TurnRecord(
        fox.id, 0, "edit", "warmer", "m", parent=1, head_before=1, pictures=(use(png("in"), "input", "cat.png"), use(png("out")))
    )
    return record, {use(png("out")).sha256: png("out")}


def test_an_input_deleted_during_the_call_is_stored_again_where_its_bytes_are_known_and_said_where_not(
    store: Store, fox: SessionRecord
) -> None:
    record, made = _pending(store, fox)
    turn = store.add_turn(record, made, move_head=True, spare={record.pictures[0].sha256: lambda: png("in")})
    assert turn.warnings == ()
    assert store.read_picture(turn.pictures[0].sha256) == png("in")
    store.picture_path(turn.pictures[0].sha256).unlink()
    turn = store.add_turn(record, made, move_head=True)
    assert turn.warnings == ("cat.png (input) was deleted while the call was running: the turn is stored without it.",)
    assert store.turn(fox.id, turn.number) == turn
    assert store.read_picture(turn.pictures[1].sha256) == png("out")


def test_a_session_deleted_during_the_call_is_made_again_for_its_turn(store: Store, fox: SessionRecord) -> None:
    add(store, fox, 1)
    record, made = _pending(store, fox)
    spend = store.reserve("m", 0.04, "2026-11-21", "cell", "fox", 5.0)
    store.delete_session(fox.id)
    store.create_session("fox")
    turn = store.add_turn(record, made, move_head=True, spend=spend, session=fox)
    again = store.session(fox.id)
    assert again is not None
    assert (again.name, again.head, again.turns) == ("fox-2", 2, 1)
    assert (turn.number, turn.parent, turn.head_before) == (2, None, None)
    assert "made again as 'fox-2'" in turn.warnings[-1]
    assert store.spend_rows()[0].turn == "fox-2/t2"
