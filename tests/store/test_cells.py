from __future__ import annotations

from notebook_img.records import SessionRecord
from notebook_img.store import KnownCell, Store
from tests.store.making import add


def test_runs_of_a_cell_are_found_latest_first_with_what_they_got(store: Store, fox: SessionRecord) -> None:
    for number in (1, 2, 3):
        add(store, fox, number, request_key=f"r{number}")
    first = store.start_run("id:a", kernel="k1", source_hash="h")
    for number in (1, 2):
        assert store.note_reply(first, f"r{number}", "", fox.id, number) == number - 1
    store.end_run(first, "ok")
    second = store.start_run("id:a", kernel="k2", source_hash="h")
    third = store.start_run("id:b", kernel="k2", source_hash="h")
    assert [run.id for run in store.runs()] == [third, second, first]
    assert [run.id for run in store.runs("id:a")] == [second, first]
    assert [(reply.request_key, reply.turn) for reply in store.replies(first)] == [("r1", 1), ("r2", 2)]
    assert store.run(first).state == "ok"  # type: ignore[union-attr]
    assert store.run(second).state == "running"  # type: ignore[union-attr]
    # A run that got nothing is passed over, and so is the one that goes on.
    assert [reply.number for reply in store.latest_replies(KnownCell("id:a", "h", 1), not_kernel="k2")] == [1, 2]


def test_where_a_cells_earlier_runs_started_is_known(store: Store, fox: SessionRecord) -> None:
    first = store.start_run("id:a", kernel="k", source_hash="h")
    store.note_move(fox.id, run=first, kind="turn", from_head=1, to_head=2)
    store.note_move(fox.id, run=first, kind="turn", from_head=2, to_head=3)
    second = store.start_run("id:a", kernel="k", source_hash="h")
    store.note_move(fox.id, run=second, kind="undo", from_head=3, to_head=2)
    assert [(move.to_head, move.run_start) for move in store.cell_moves(fox.id, "id:a")] == [(2, 3), (3, 1), (2, 1)]
    assert [move.run for move in store.cell_moves(fox.id, "id:a", before_run=second)] == [first, first]
    assert [move.kind for move in store.moves(fox.id)] == ["turn", "turn", "undo"]


def test_replies_to_a_request_are_found_oldest_first_in_any_session(store: Store, fox: SessionRecord) -> None:
    bear = store.create_session("bear")
    add(store, fox, 1, request_key="same", started=2.0)
    add(store, bear, 2, request_key="same", started=1.0, model="gemini:flash")
    add(store, fox, 3, request_key="other")
    assert [turn.session_id for turn in store.find_replies("same")] == [bear.id, fox.id]
