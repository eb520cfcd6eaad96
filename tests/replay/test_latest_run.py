"""Which run was a cell's latest: over ids, sources, places and notebooks, in the order the store saw runs in, never by the clock."""

from __future__ import annotations

import time

import pytest
import sqlalchemy

from notebook_img.store import KnownCell, upgrades
from notebook_img.store.latest_run import find_latest

A = "edit('first', 'sample:chelsea')"


@pytest.fixture
def notebooks(tmp_path):
    """Two notebooks that exist."""
    found = [tmp_path / name for name in ("one.ipynb", "two.ipynb")]
    for each in found:
        each.touch()
    return found


def test_where_no_ids_are_told_the_roll_made_last_with_one_comes_back(kernel):
    kernel().run("A", A)
    kernel(ids=False).run("?", A)
    lab = kernel()
    lab.run("A", A)
    last = lab.run("A", A)
    assert last.calls == 1
    again = kernel(ids=False).run("?", A)
    assert (again.calls, again.hashes) == (0, last.hashes)


def test_with_new_ids_at_each_opening_the_latest_roll_comes_back(kernel):
    kernel().run("first opening", A)
    second = kernel()
    second.run("second opening", A)
    last = second.run("second opening", A)
    again = kernel().run("third opening", A)
    assert (again.calls, again.hashes) == (0, last.hashes)


def test_equal_cells_keep_their_places_though_only_the_second_ran_last(kernel):
    first = kernel()
    made = [first.run("X", "gen('fox')"), first.run("Y", "gen('fox')")]
    other = kernel()
    other.run("Y", "gen('fox')")
    last = other.run("Y", "gen('fox')")
    bare = kernel(ids=False)
    assert [bare.run("?", "gen('fox')").hashes, bare.run("?", "gen('fox')").hashes] == [made[0].hashes, last.hashes]


def test_words_that_were_changed_and_changed_back_get_the_last_roll_for_them(kernel):
    first = kernel()
    first.run("A", "gen('fox')")
    last = first.run("A", "gen('fox')")
    first.run("A", "gen('red fox')")
    again = kernel().run("A", "gen('fox')")
    assert (again.calls, again.hashes) == (0, last.hashes)


def test_a_clock_that_was_set_back_changes_nothing(kernel, monkeypatch):
    first = kernel()
    first.run("A", A)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 86_400)
    last = first.run("A", A)
    assert last.calls == 1
    assert kernel().run("A", A).hashes == last.hashes


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without"])
def test_a_new_cell_of_another_notebook_asks(kernel, notebooks, ids):
    one, two = notebooks
    kernel(notebook=one, session=None, ids=ids).run("A", A)
    assert kernel(notebook=two, session=None, ids=ids).run("B", A).calls == 1


def test_a_rejected_roll_comes_back_to_no_other_cell(kernel, notebooks):
    first = kernel(notebook=notebooks[0], session=None)
    first.run("A", "gen('fox')")
    kept = first.run("A", "gen('fox')")
    second = kernel(notebook=notebooks[0], session=None)
    taken = second.run("B", "pass\ngen('fox')")
    assert (taken.calls, taken.hashes) == (0, kept.hashes), "what another cell of this notebook has"
    assert second.run("C", "pass; gen('fox')").calls == 1, "and never the roll that it does not have any more"


def test_a_cell_that_was_split_costs_nothing(kernel):
    first = kernel()
    made = first.run("A", "edit('x', 'sample:chelsea'); edit('y')")
    second = kernel()
    again = [second.run("A", "edit('x', 'sample:chelsea')"), second.run("B", "edit('y')")]
    assert ([cell.calls for cell in again], [cell.hashes[0] for cell in again]) == ([0, 0], made.hashes)


def test_what_is_given_from_elsewhere_says_from_where(kernel, notebooks, tmp_path):
    first = kernel(notebook=notebooks[0], session=None)
    made = first.run("A", A)
    first.studio.pack()
    assert kernel(notebook=notebooks[0], session=None).run("A", A).turns[0].given == "replayed"
    copy = kernel(notebook=notebooks[1], session=None).run("A", A)
    assert (copy.calls, copy.turns[0].given) == (0, "replayed from one/t1; run again for a new one")
    moved = tmp_path / "elsewhere" / "one.ipynb"
    moved.parent.mkdir()
    moved.touch()
    (tmp_path / "one.pictures.zip").rename(moved.with_name("one.pictures.zip"))
    packed = kernel(home=tmp_path / "another home", notebook=moved, session=None).run("A", A)
    assert (packed.hashes, packed.turns[0].given) == (made.hashes, "replayed from one.pictures.zip (t1); run again for a new one")


def test_a_pack_gives_the_roll_made_last(kernel, notebooks, tmp_path):
    first = kernel(notebook=notebooks[0], session=None)
    first.run("A", "gen('fox')")
    first.run("A", "gen('cat')")
    kept = first.run("A", "gen('fox')")
    first.studio.pack()
    for ids in (True, False):
        colleague = kernel(home=tmp_path / f"home {ids}", notebook=notebooks[0], session=None, ids=ids)
        assert colleague.run("A", "gen('fox')").hashes == kept.hashes
    stranger = kernel(home=tmp_path / "home", notebook=notebooks[0], session=None)
    assert stranger.run("N", "pass\ngen('fox')").hashes == kept.hashes


VERSION_2 = (
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, cell, kernel, source_hash, ordinal, started, ended, state, notebook, owner)",
    "CREATE INDEX runs_by_cell ON runs (cell, started, id)",
    "CREATE INDEX runs_by_source ON runs (source_hash)",
    "CREATE TABLE uses (id INTEGER PRIMARY KEY, turn_id, position, role, sha256, name, pixels_key)",
    "CREATE TABLE replies (run, position, request_key, model, session_id, turn)",
)


def test_runs_of_version_2_keep_the_order_their_rows_have():
    """They counted how often a source ran, and were ordered by a clock that was set back; those without an owner were imported."""
    rows = [
        ("id:a", "k1", 1, 500.0, "x"), ("id:a", "k1", 2, 600.0, "x"), ("id:b", "k1", 3, 100.0, "x"), ("id:a", "k2", 1, 200.0, "x"),
        ("id:c", "k2", 2, 300.0, "x"), ("id:a", "k0", 1, 150.0, ""),
    ]  # fmt: skip
    with sqlalchemy.create_engine("sqlite://").begin() as connection:
        for statement in VERSION_2:
            connection.exec_driver_sql(statement)
        for row in rows:
            insert = "INSERT INTO runs (cell, kernel, source_hash, ordinal, started, state, notebook, owner) VALUES (?, ?, 'h', ?, ?, 'ok', '', ?)"
            connection.exec_driver_sql(insert, row)
        connection.exec_driver_sql("INSERT INTO replies SELECT id, 0, 'r', 'm', 's', id FROM runs")
        upgrades.UPGRADES[2](connection)
        told = connection.exec_driver_sql("SELECT cell, ordinal, seen FROM runs ORDER BY id").all()
        assert [tuple(row) for row in told] == [
            ("id:a", 1, 1), ("id:a", 1, 2), ("id:b", 2, 3), ("id:a", 1, 4), ("id:c", 2, 5), ("id:a", 1, 3),
        ]  # fmt: skip

        def read(query, values):
            return connection.execute(sqlalchemy.text(query), values).all()

        assert find_latest(read, KnownCell("id:a", "h", 1)).run == 4
        assert find_latest(read, KnownCell("src:h:2", "h", 2)).run == 5
