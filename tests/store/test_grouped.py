"""Changes of several threads in one transaction: one wait for the disk for all, and each fails for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from notebook_img.errors import StoreError
from notebook_img.store.sqlite import SQLiteDatabase as Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "home")


def noting(model: str) -> Callable[[Connection], str]:
    def change(connection: Connection) -> str:
        connection.exec_driver_sql(
            "INSERT INTO rates (model, sent, learned, refused, changed, until) VALUES (?, '[]', 0, 0, 0, 0)", (model,)
        )
        return model

    return change


def noted(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.exec_driver_sql("SELECT model FROM rates").scalars())


def all_at_once(database: Database, changes: list[Callable[[Connection], Any]]) -> tuple[list[Future[Any]], int]:
    """Have these changes wait for one writer; return what came of them, and how many transactions they took."""
    begun = []
    write = database._grouped._write

    def counted() -> Any:
        begun.append(len(begun))
        return write()

    database._grouped._write = counted
    with ThreadPoolExecutor(len(changes)) as pool:
        with database._one_writer:
            futures = [pool.submit(database.together, change) for change in changes]
            until = threading.Event()
            while len(database._grouped._waiting) < len(changes):
                until.wait(0.001)
        for future in futures:
            future.exception()
    database._grouped._write = write
    return futures, len(begun)


def test_what_waits_together_is_one_transaction(database: Database) -> None:
    futures, transactions = all_at_once(database, [noting(f"m{number}") for number in range(12)])
    assert [future.result() for future in futures] == [f"m{number}" for number in range(12)]
    assert transactions == 1
    assert len(noted(database)) == 12


def test_one_that_fails_is_taken_back_alone(database: Database) -> None:
    def failing(connection: Connection) -> None:
        noting("half")(connection)
        raise StoreError("no")

    changes = [noting("a"), failing, noting("b"), noting("a2")]
    (first, second, third, fourth), _ = all_at_once(database, changes)
    assert (first.result(), third.result(), fourth.result()) == ("a", "b", "a2")
    with pytest.raises(StoreError, match="no"):
        second.result()
    assert noted(database) == {"a", "b", "a2"}


def test_what_sqlite_refuses_is_a_sentence_of_its_own_change(database: Database) -> None:
    database.together(noting("there"))
    futures, _ = all_at_once(database, [noting("a"), noting("there"), noting("b")])
    assert isinstance(futures[1].exception(), StoreError)
    assert noted(database) == {"there", "a", "b"}


def test_an_interrupt_in_one_costs_the_others_nothing(database: Database) -> None:
    """An interrupt meets whoever leads, whichever that is: it loses its own change, and the others are made again by one of them."""
    seen = []

    def interrupted(connection: Connection) -> str:
        name = noting("c")(connection)
        if not seen:
            seen.append(1)
            raise KeyboardInterrupt
        return name

    futures, transactions = all_at_once(database, [noting("a"), noting("b"), interrupted])
    lost = [name for name, future in zip("abc", futures, strict=True) if isinstance(future.exception(), KeyboardInterrupt)]
    assert len(lost) == 1
    assert noted(database) == {"a", "b", "c"} - set(lost)
    assert transactions >= 2
    assert not database._grouped._waiting


def test_a_transaction_that_fails_whole_fails_each_for_itself(database: Database) -> None:
    database.busy_timeout = 0.0
    database.close()  # its connections are opened again, and wait for nobody
    other = Database(database.home)
    with other.write():
        futures, transactions = all_at_once(database, [noting("a"), noting("b"), noting("c")])
    assert all(isinstance(future.exception(), StoreError) for future in futures)
    assert transactions == 3
    assert noted(database) == set()
