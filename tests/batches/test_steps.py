"""What an item costs the store does not grow with its batch: counted as steps of SQLite, not as time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

import notebook_img as ni
from notebook_img.studio import Batch

STEP = 100
"""Instructions between two calls of the handler that counts."""
FEW, SOME = 2, 22


def waiting_batch(studio: ni.Studio, size: int, waiting: int) -> Batch:
    """Return a batch of which so many items wait still, and all others are done."""
    colours = [f"#{size % 256:02x}{waiting:02x}{number:02x}" for number in range(waiting + 1)]
    batch = studio.batch.generate("a {colour} circle on white", over={"colour": colours}, size="16x16", first=1, quiet=True, fresh=True)
    names = "batch, label, state, key, call, fields, session_id, turn"
    with studio.store._database.write() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE more(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM more WHERE n < :size) "
            f"INSERT INTO items (position, {names}) SELECT more.n, {names} FROM more, items WHERE batch = :batch AND position = 0",
            {"first": waiting + 1, "size": size, "batch": batch.number},
        )
    assert (batch.counts.waiting, batch.counts.total) == (waiting, size + 1)
    return batch


def steps(studio: ni.Studio, size: int, waiting: int) -> int:
    """Return how many instructions of SQLite it takes to do what waits."""
    batch = waiting_batch(studio, size, waiting)
    found = [0]

    def count() -> int:
        found[0] += STEP
        return 0

    def listen(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(count, STEP)

    database = studio.store._database
    event.listen(database._engine, "connect", listen)
    database.close()  # so that each connection is a new one, that counts
    batch.resume()
    event.remove(database._engine, "connect", listen)
    database.close()
    assert batch.counts.done == size + 1
    return found[0]


def test_an_item_of_ten_thousand_takes_no_more_steps_than_one_of_a_hundred(studio: ni.Studio) -> None:
    """What is done once for the whole batch is the same for few items and for some, so it falls out of the difference."""
    small, large = (steps(studio, size, SOME) - steps(studio, size, FEW) for size in (100, 10_000))
    assert small > 0
    assert large <= 1.5 * small
