"""Sessions of 50,000 turns and stores of 100,000 pictures, each beside the same with a hundredth of it or less."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import time
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Row, home_of_its_own, interleaved, seconds_row
from benchmarks.one_turn import KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from notebook_img.records import TurnRecord
    from notebook_img.store import Store
    from notebook_img.studio.studio import Studio
    from notebook_img.tree import Session

FEW, MANY = 100, 50_000
CELL = "at the beginning"
PART = 5_000
"""Rows written in one transaction."""
MOST_SECONDS, MOST_BYTES = 1.0, 300_000
"""What the drawing of a history may take."""


def rows(rounds: int = 15) -> list[Row]:
    """Measure everything."""
    return [*turns(rounds), *galleries(rounds)]


def turns(rounds: int) -> list[Row]:
    """Measure one more turn, from a script and from a cell that runs again, and the drawing of the history."""
    from notebook_img.replay import Kernel
    from tests.emulators.process import running

    with running("gemini") as service, home_of_its_own() as home:
        service.control(canned=50_000)
        environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
        few, many = (_session(home.with_name(f"{size}"), environ, size) for size in (FEW, MANY))
        numbers = itertools.count()

        def adding(session: Session) -> Callable[[], object]:
            return lambda: session.edit(f"warmer {next(numbers)}")

        def in_cell(session: Session, cell: str, *, restarted: bool = False) -> Callable[[], object]:
            studio: Any = session.actor
            head = session.record.turns

            def work() -> None:
                if restarted:  # what its latest run in another kernel got is looked up
                    studio.shared.kernel = Kernel()
                kernel = studio.shared.kernel
                if cell == CELL:  # it goes back to its start each time, so the head is put where all the others left it
                    studio.heads._heads[session.id] = head
                run = kernel.begin(_source(cell), cell_id=cell, notebook="/fox.ipynb")
                session.edit(f"colder {next(numbers)}")
                kernel.end(lambda: session.actor.store, failed=False)
                assert run.row

            return work

        found = []
        for what, make in (
            ("from a script", adding),
            ("from a cell that runs again", lambda session: in_cell(session, "of each turn")),
            ("from a cell's first run in a kernel", lambda session: in_cell(session, "of each turn", restarted=True)),
            ("from a cell that ran at the beginning", lambda session: in_cell(session, CELL)),
        ):
            _in_kernel(few, many, on=what != "from a script")
            mine, base = interleaved(make(many), make(few), rounds=rounds)
            found.append(seconds_row(f"a session of {MANY:,} turns: one more, {what}", mine, f"the same with {FEW}", base, 1.2))
        _in_kernel(few, many, on=False)
        started = time.perf_counter()
        drawn = many.tree()
        seconds = time.perf_counter() - started
        found.append(seconds_row(f"a session of {MANY:,} turns: its history drawn", seconds, "a second", MOST_SECONDS, 1.0))
        size = len(drawn.html)
        found.append(Row("its size", "300 kB", size / MOST_BYTES, 1.0, f"{size / 1000:.0f} kB", "300 kB"))
        for session in (few, many):
            session.actor.close()  # type: ignore[attr-defined]
    return found


def galleries(rounds: int) -> list[Row]:
    """Measure the gallery's first page and two searches in stores of 1,000 and of 100,000 pictures."""
    from notebook_img.store import Store

    with home_of_its_own() as home:
        small, large = (Store.open(home.with_name(f"{size}")) for size in (1_000, 100_000))
        for store, size in ((small, 1_000), (large, 100_000)):
            _pictures(store, size)
        found = []
        for what, search in (("the gallery's first page", ""), ("a search for many", "red fox"), ("a search for one", "needle 500,")):
            mine, base = interleaved(
                lambda search=search: large.gallery(search=search),  # type: ignore[misc]
                lambda search=search: small.gallery(search=search),  # type: ignore[misc]
                rounds=rounds,
            )
            found.append(seconds_row(f"a store of 100,000 pictures: {what}", mine, "the same with 1,000", base, 1.5))
        small.close()
        large.close()
    return found


def _session(home: Path, environ: dict[str, str], size: int) -> Session:
    """Return a session of one line that a cell's runs made today; only its first turn was really asked for."""
    from notebook_img.replay import Kernel
    from notebook_img.settings import Settings
    from notebook_img.store import schema
    from notebook_img.studio.studio import Studio

    studio = Studio(settings=Settings({**environ, "NOTEBOOK_IMG_HOME": str(home)}, budget=1e9))
    session = studio.session("fox")
    first = session.generate("a fox")
    filled(
        studio.store,
        size,
        lambda number: dataclasses.replace(first.record, kind="edit", prompt=f"step {number}", parent=number - 1, request_key=f"{number}"),
        first=2,
    )
    with studio.store._database.write() as connection:
        values = {"turns": size, "last_number": size, "head": size}
        connection.execute(schema.sessions.update().where(schema.sessions.c.id == session.id).values(values))
    _history(studio, session, size)
    studio.reread_head(session.id)
    studio.shared.kernel = Kernel()
    return session


def _history(studio: Studio, session: Session, size: int) -> None:
    """Write the runs, replies and moves of the cells, and what each turn cost."""
    from notebook_img.replay.cells import source_hash
    from notebook_img.store import schema

    today = dt.datetime.now().astimezone().date().isoformat()
    with studio.store._database.write() as connection:
        runs: list[dict[str, Any]] = []
        replies: list[dict[str, Any]] = []
        moves: list[dict[str, Any]] = []
        spend: list[dict[str, Any]] = []
        common = {"kernel": "before", "ended": 1.0, "state": "ok", "notebook": "/fox.ipynb", "owner": "ended"}
        for number in range(1, size + 1):
            cell = CELL if number == 2 else "of each turn"
            known = {"cell": f"id:{cell}", "source_hash": source_hash(_source(cell)), "ordinal": 1}
            runs.append({**common, **known, "id": number, "seen": number, "started": float(number)})
            reply = {
                "run": number,
                "position": 0,
                "request_key": f"{number}",
                "model": "gemini:m",
                "session_id": session.id,
                "turn": number,
            }
            replies.append(reply)
            before = number - 1 or None
            move = {"session_id": session.id, "run": number, "kind": "turn", "from_head": before, "to_head": number, "at": float(number)}
            moves.append(move)
            row = {"at": 1.0, "day": today, "model": "gemini:m", "state": "billed", "estimate": 0.03, "cost": 0.03}
            spend.append({**row, "session": "fox", "turn": f"fox/t{number}", "origin": "cell", "usage": "{}", "owner": ""})
        for table, values in ((schema.runs, runs), (schema.replies, replies), (schema.moves, moves), (schema.spend, spend)):
            connection.execute(table.insert(), values)


def _source(cell: str) -> str:
    return f"s.edit('{cell}')"


def _in_kernel(*sessions: Session, on: bool) -> None:
    """Let the calls of sessions be those of cells, or of a script."""
    from notebook_img.records import Origin

    for session in sessions:
        studio: Any = session.actor
        studio.origin = Origin(surface="cell", kernel=studio.shared.kernel.id) if on else Origin()


def filled(store: Store, size: int, record: Callable[[int], TurnRecord], *, first: int = 1) -> None:
    """Write so many turns as rows; a real one costs two waits for the disk."""
    from notebook_img.store.rows import insert_turn

    for start in range(first, size + 1, PART):
        with store._database.write() as connection:
            for number in range(start, min(start + PART, size + 1)):
                insert_turn(connection, dataclasses.replace(record(number), number=number, started=float(number)))


def _pictures(store: Store, size: int) -> None:
    """Fill a store with turns of one picture each."""
    from tests.store.making import add

    session = store.create_session("fox")
    template = add(store, session, 1)
    use = template.pictures[0]

    def record(number: int) -> TurnRecord:
        words = "a red fox in the snow" if number % 3 else "a grey owl at night"
        picture = dataclasses.replace(use, sha256=f"{number:064x}")
        return dataclasses.replace(template, prompt=f"needle {number}, {words}", pictures=(picture,))

    filled(store, size, record, first=2)
