"""Which run was a cell's latest: over ids, sources, places and notebooks, in the order the store saw runs in, never by the clock."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from notebook_img.store import KnownCell, Store

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


def test_a_store_of_version_2_keeps_the_order_its_rows_have(home):
    """Its runs counted how often a source ran, and were ordered by a clock that was set back."""
    rows = [
        ("id:a", "k1", 1, 500.0),
        ("id:a", "k1", 2, 600.0),
        ("id:b", "k1", 3, 100.0),
        ("id:a", "k2", 1, 200.0),
        ("id:c", "k2", 2, 300.0),
    ]
    Store.open(home).close()
    with contextlib.closing(sqlite3.connect(home / "store.sqlite")) as old, old:
        for name in ("uses_by_content", "uses_by_address", "runs_by_cell", "runs_by_source", "runs_by_order", "replies_by_request"):
            old.execute(f"DROP INDEX {name}")
        for table, column in (("uses", "content"), ("uses", "address"), ("runs", "seen")):
            old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for name in ("named", "refusals"):
            old.execute(f"DROP TABLE {name}")
        old.execute("CREATE INDEX runs_by_cell ON runs (cell, started, id)")
        old.execute("CREATE INDEX runs_by_source ON runs (source_hash)")
        for cell, kernel, ordinal, started in rows:
            old.execute(
                "INSERT INTO runs (cell, kernel, source_hash, ordinal, started, state, notebook, owner) VALUES (?, ?, 'h', ?, ?, 'ok', '', 'x')",
                (cell, kernel, ordinal, started),
            )
        old.execute("INSERT INTO replies SELECT id, 0, 'r', 'm', 's', id FROM runs")
        old.execute("PRAGMA user_version = 2")
    with Store.open(home) as opened:
        assert [(run.cell, run.ordinal, run.seen) for run in reversed(opened.runs())] == [
            ("id:a", 1, 1), ("id:a", 1, 2), ("id:b", 2, 3), ("id:a", 1, 4), ("id:c", 2, 5),
        ]  # fmt: skip
        assert [reply.number for reply in opened.latest_replies(KnownCell("id:a", "h", 1))] == [4]
        assert [reply.number for reply in opened.latest_replies(KnownCell("src:h:2", "h", 2))] == [5]
