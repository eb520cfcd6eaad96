"""What a store does takes as many steps with many turns as with few; counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from notebook_img.records import SessionRecord
from notebook_img.store import KnownCell, Store, schema
from notebook_img.store.rows import insert_turn
from tests.store.making import add


@pytest.fixture
def counted() -> Callable[[Store, Callable[[], object]], int]:
    """Return a function that counts the steps of SQLite's machine while something runs."""

    def count(store: Store, work: Callable[[], object]) -> int:
        steps = [0]

        def step() -> int:
            steps[0] += 1
            return 0

        store.close()
        connect = store._database._connect

        def watched() -> Any:
            connection = connect()
            connection.set_progress_handler(step, 1)
            return connection

        store._database._connect = watched  # type: ignore[method-assign]
        store._database._start_afresh()
        work()
        store.close()
        store._database._connect = connect  # type: ignore[method-assign]
        store._database._start_afresh()
        return steps[0]

    return count


def test_what_a_long_session_costs_is_what_a_short_one_costs(store: Store, counted: Callable[[Store, Callable[[], object]], int]) -> None:
    short, long = store.create_session("short"), store.create_session("long")
    template = add(store, short, "template", request_key="key", content_key="content")
    for session, size in ((short, 100), (long, 4000)):
        with store._database.write() as connection:
            first = 2 if session is short else 1
            for number in range(first, size + 1):
                insert_turn(
                    connection,
                    dataclasses.replace(template, session_id=session.id, number=number, parent=number - 1 or None, request_key=f"{number}"),
                )
            values = {"turns": size, "last_number": size, "head": size}
            connection.execute(schema.sessions.update().where(schema.sessions.c.id == session.id).values(values))
            # A cell that has run once for each turn, and what each of them cost.
            base = 0 if session is short else 1000
            run = {
                "cell": f"id:{session.name}",
                "kernel": "k",
                "source_hash": f"words of {session.name}",
                "ordinal": 1,
                "state": "ok",
                "notebook": "/n",
                "owner": "",
            }
            moved = {"session_id": session.id, "kind": "turn", "at": 1.0}
            got = {"position": 0, "request_key": "key", "model": "m", "session_id": session.id}
            for number in range(1, size + 1):
                connection.execute(schema.runs.insert().values(id=base + number, started=float(number), ended=1.0, **run))
                connection.execute(schema.moves.insert().values(run=base + number, from_head=number - 1 or None, to_head=number, **moved))
                connection.execute(schema.replies.insert().values(run=base + number, turn=number, **got))
                paid = {"model": "m", "state": "billed", "session": session.name, "turn": "", "origin": "cell", "usage": "{}", "owner": ""}
                connection.execute(schema.spend.insert().values(at=1.0, day=session.name, estimate=0.03, cost=0.03, **paid))

    def costs(session: SessionRecord, size: int) -> list[int]:
        work: list[Callable[[], object]] = [
            lambda: (store.session_named(session.name), store.session(session.id)),
            lambda: add(store, session, "new"),
            lambda: store.turns(session.id, limit=20, newest_first=True),
            lambda: store.turns(session.id, limit=20),
            lambda: store.turns(session.id, limit=20, after=size // 2),
            lambda: store.chain(session.id, size, limit=10),
            lambda: store.last_question(session.id),
            lambda: store.find_replies("key"),
            lambda: store.gallery(limit=20),
            lambda: store.sessions(limit=20),
            lambda: next(store.cell_moves(session.id, f"id:{session.name}")),
            lambda: store.latest_replies(KnownCell(f"id:{session.name}", f"words of {session.name}", 1, "/n")),
            lambda: store.latest_replies(KnownCell(f"id:{session.name}", "other words", 1, "/n")),
            lambda: store.earlier_replies(KnownCell(f"id:{session.name}", f"words of {session.name}", 1, "/n"), "never asked"),
            lambda: store.start_run(f"id:{session.name}", kernel="now", source_hash=f"words of {session.name}", notebook="/n"),
            lambda: store.start_run(f"id:{session.name}", kernel="now", source_hash=f"other words of {session.name}", notebook="/n"),
            lambda: store.claimed_replies("never asked", notebooks=["/n"], session_id=session.id),
            lambda: store.counterpart(session.id, template),
            lambda: store.spent(session.name),
            lambda: store.reserve("m", 0.03, session.name, "cell", session.name, 1e9),
            lambda: store.turn_numbers(session.id, latest=60),
            lambda: store.gallery(limit=20, search="make it night"),
        ]
        return [counted(store, one) for one in work]

    assert [
        (number, few, many)
        for number, (few, many) in enumerate(zip(costs(short, 100), costs(long, 4000), strict=True))
        if many > few * 1.5 + 20
    ] == []

    def far(session: SessionRecord, size: int) -> list[int]:
        return [counted(store, one) for one in (lambda: store.start_of_line(session.id, size), lambda: store.descends(session.id, size, 2))]

    # The way to a far ancestor grows with the logarithm: 12 bits of 4,000, and 7 of 100.
    for few, many in zip(far(short, 100), far(long, 4000), strict=True):
        assert many <= few * 2.5 + 20
    assert store.spent("long").known == pytest.approx(120)
