"""A session of 10,000 turns beside one of 100: opening it, one more turn, the first page of its list."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import TYPE_CHECKING

from benchmarks.measuring import Row, home_of_its_own, interleaved, seconds_row
from benchmarks.one_turn import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.studio import Studio
    from notebook_img.tree import Session

FEW, MANY = 100, 10_000


def rows(rounds: int = 15) -> list[Row]:
    """Measure each against the same with a hundred turns, in one store."""
    from notebook_img.settings import Settings
    from notebook_img.store import Store
    from notebook_img.studio import Studio
    from tests.emulators.process import running

    with running("gemini") as service, home_of_its_own() as home:
        service.control(canned=50_000)
        environ = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
        studio = Studio(settings=Settings(environ, budget=1e9))
        short, long = (filled(studio, name, size) for name, size in (("short", FEW), ("long", MANY)))

        def opening(name: str) -> Callable[[], object]:
            def work() -> None:
                store = Store.open(home)
                record = store.session_named(name)
                assert record is not None
                assert store.turn(record.id, record.head or 0) is not None
                store.close()

            return work

        def listing(session: Session) -> Callable[[], object]:
            return lambda: session.turns[-20:]

        numbers = itertools.count()

        def adding(session: Session) -> Callable[[], object]:
            return lambda: session.edit(f"warmer {next(numbers)}")

        found = []
        for what, make in (("open", opening), ("the first page of the list", listing), ("one more edit turn", adding)):
            ours, theirs = (make(item.name if make is opening else item) for item in (long, short))  # type: ignore[arg-type]
            mine, base = interleaved(ours, theirs, rounds=rounds)
            found.append(seconds_row(f"a session of {MANY:,} turns: {what}", mine, f"the same with {FEW}", base, 1.2))
        studio.close()
    return found


def filled(studio: Studio, name: str, size: int) -> Session:
    """Return a session with one line of so many turns; only its first was really made."""
    from notebook_img.store import schema
    from notebook_img.store.rows import insert_turn

    session = studio.session(name)
    first = session.generate("a fox")
    store = studio.store
    with store._database.write() as connection:
        for number in range(2, size + 1):
            record = dataclasses.replace(
                first.record,
                kind="edit",
                prompt=f"step {number}",
                number=number,
                parent=number - 1,
                started=time.time(),
                request_key=f"{number}",
            )
            insert_turn(connection, record)
        values = {"turns": size, "last_number": size, "head": size}
        connection.execute(schema.sessions.update().where(schema.sessions.c.id == session.id).values(values))
    studio.reread_head(session.id)
    return session
