"""A lost index is made again: turns from notes, rows and the provenance that pictures carry."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from notebook_img.errors import StoreError
from notebook_img.pictures import Picture, provenance
from notebook_img.records import Origin, TurnRecord
from notebook_img.store import KnownCell, Store, export_sessions, import_sessions, rebuild_store
from notebook_img.store.maintenance import repair_store as repair
from notebook_img.store.salvage import salvage
from notebook_img.store.sqlite import FILE_NAME
from tests.store.making import add, png, problems


def content(store: Store) -> dict[str, list[object]]:
    """All turns by session name, but for what notes leave out: what was sent and got, raw state, and row ids."""
    return {session.name: [_plain(turn) for turn in store.turns(session.id)] for session in store.sessions()}


def _plain(turn: TurnRecord) -> object:
    return (turn.number, turn.kind, turn.prompt, turn.model, turn.parent, turn.pictures, turn.text, turn.asked, turn.seed, turn.usage, turn.cost, turn.warnings, turn.answer, turn.started, turn.origin.cell, turn.request_key, turn.content_key)  # fmt: skip


@pytest.fixture
def full(home: Path) -> Path:
    """A store of two sessions with questions, branches, a rename and a deletion."""
    with Store.open(home) as store:
        fox, owl = store.create_session("fox", notebook="/n.ipynb"), store.create_session("wol")
        run = store.start_run("id:a", kernel="k1", source_hash="h", ordinal=1, notebook="/n.ipynb")
        origin = Origin("cell", kernel="k1", cell="id:a", run=run, notebook="/n.ipynb")
        first = add(store, fox, 1, 2, origin=origin, request_key="r1", content_key="c1", started=1.0, raw={"x": b"y" * 3000})
        store.note_reply(run, "r1", "m", fox.id, first.number)
        store.note_move(fox.id, kind="turn", from_head=None, to_head=1, run=run)
        add(store, fox, 3, parent=1, started=2.0, seed=2**70, usage={"tokens": 3}, cost=0.04)
        add(store, fox, 1, parent=1, kind="ask", text="words", answer={"value": 1}, started=3.0)
        add(store, fox, 4, parent=1, started=4.0)
        add(store, fox, 5, parent=4, started=5.0)
        store.delete_branch(fox.id, 5)
        add(store, owl, 6, started=6.0)
        store.update_session(owl.id, name="owl")
        add(store, owl, 7, started=7.0)
        add(store, store.create_session("gone"), 8)
        store.delete_session(store.session_named("gone").id)  # type: ignore[union-attr]
    return home


def _gone(home: Path) -> None:
    (home / FILE_NAME).unlink()


def _empty(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b"")


def _no_database(home: Path) -> None:
    (home / FILE_NAME).write_bytes(b"no database" * 1000)


def _damaged(home: Path) -> None:
    path = home / FILE_NAME
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    for page in range(3, pages, 3):
        data[page * 4096 : page * 4096 + 4096] = b"\x17" * 4096
    path.write_bytes(data)


@pytest.mark.parametrize("loss", [_gone, _empty, _no_database, _damaged])
def test_a_lost_index_is_made_again_with_all_turns(full: Path, loss: Callable[[Path], None]) -> None:
    with Store.open(full) as store:
        before, heads = content(store), {session.name: session.head for session in store.sessions()}
    loss(full)
    said = " ".join(rebuild_store(full))
    assert "Made" in said or "brought" in said
    with Store.open(full) as store:
        assert content(store) == before
        assert {session.name: session.head for session in store.sessions()} == heads
        assert [reply.number for reply in store.latest_replies(KnownCell("id:a", "h", 1))] == [1]
        assert [(move.to_head, move.run_start) for move in store.cell_moves(store.session_named("fox").id, "id:a")] == [(1, None)]  # type: ignore[union-attr]
        assert [problem for problem in problems(store) if "raw" not in problem] == []
        assert rebuild_store(full) == ["Nothing was lost that could be made again."]


def _page_of(table: str) -> Callable[[Path], None]:
    def loss(home: Path) -> None:
        with contextlib.closing(sqlite3.connect(home / FILE_NAME)) as index:
            index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [page] = index.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        with (home / FILE_NAME).open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(bytes(4096))

    return loss


@pytest.mark.parametrize(("table", "noted"), [("uses", True), ("pictures", True), ("pictures", False)])
def test_turns_whose_pictures_the_damaged_index_lost_get_them_from_notes_and_files(full: Path, table: str, noted: bool) -> None:
    with Store.open(full) as store:
        before = content(store)
    _page_of(table)(full)
    if not noted:  # an older version's store
        shutil.rmtree(full / "turns")
    rebuild_store(full)
    with Store.open(full) as store:
        assert content(store) == before
        assert [problem for problem in problems(store) if "raw" not in problem] == []


def _said(statement: str) -> Callable[[Path], None]:
    def loss(home: Path) -> None:
        with contextlib.closing(sqlite3.connect(home / FILE_NAME)) as index:
            index.executescript(statement)

    return loss


@pytest.mark.parametrize(
    "lost", ["DROP TABLE replies", "DROP TABLE counts", "DELETE FROM counts", "DROP TRIGGER turn_came", "DROP INDEX turns_by_raw"]
)
def test_an_index_that_lacks_a_part_is_told_and_made_again(full: Path, lost: str) -> None:
    with Store.open(full) as store:
        before = content(store)
    _said(lost)(full)
    try:
        with Store.open(full) as store:
            told = " ".join(problems(store))
    except StoreError as error:
        told = str(error)
    assert "it is damaged (without" in told or "is damaged (no such table" in told
    assert "--rebuild" in told
    assert "Moved the damaged index" in " ".join(rebuild_store(full))
    with Store.open(full) as store:
        assert content(store) == before
        assert problems(store) == []


def _folder(home: Path) -> None:
    (home / FILE_NAME).rename(home / "index of yesterday")
    (home / FILE_NAME).mkdir()
    (home / FILE_NAME / "kept").write_text("something of somebody's")


def _link_to_nowhere(home: Path) -> None:
    (home / FILE_NAME).unlink()
    (home / FILE_NAME).symlink_to(home / "a disk" / "that is not there")


@pytest.mark.parametrize(
    ("in_its_place", "said"), [(_folder, "a folder has its name"), (_link_to_nowhere, "that is not there, which is not there")]
)
def test_what_has_the_name_of_the_index_and_is_no_file_is_named_and_moved_aside(
    full: Path, in_its_place: Callable[[Path], None], said: str
) -> None:
    with Store.open(full) as store:
        before = content(store)
    in_its_place(full)
    with pytest.raises(StoreError, match=said) as caught:
        Store.open(full)
    assert "--rebuild" in str(caught.value)
    rebuild_store(full)
    with Store.open(full) as store:
        assert content(store) == before
    [moved] = (path for path in (full / "rescued").rglob("*") if path.name == FILE_NAME)
    assert moved.is_symlink() or (moved / "kept").read_text() == "something of somebody's"


def test_a_count_that_cannot_be_read_is_none(full: Path) -> None:
    (full / "store.count").write_text("[" * 100_000)
    with Store.open(full) as store:
        assert [problem for problem in problems(store) if "raw" not in problem] == []


def test_stars_and_the_places_of_cells_come_out_of_a_damaged_index(full: Path) -> None:
    with Store.open(full) as store:
        fox = store.session_named("fox")
        assert fox is not None
        starred = store.turns(fox.id)[0].pictures[0].sha256
        store.star([starred])
        for ordinal in (1, 2):  # as version 2 counted: how often the source ran
            store.start_run("id:b", kernel="k", source_hash="same", ordinal=ordinal)
        with store._database.write() as connection:
            connection.exec_driver_sql("UPDATE runs SET ordinal = 2 WHERE cell = 'id:b'")
            for index in ("runs_by_cell", "runs_by_source", "runs_by_order"):
                connection.exec_driver_sql(f"DROP INDEX {index}")
            connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN seen")
    with contextlib.closing(sqlite3.connect(full / FILE_NAME)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    home = full.with_name("new")
    with Store.open(home) as store:
        with store._database.write() as connection:
            salvage(full / FILE_NAME, connection, full)
            assert connection.exec_driver_sql("SELECT sha256 FROM stars").scalars().all() == [starred]
            places = connection.exec_driver_sql("SELECT DISTINCT ordinal FROM runs WHERE cell = 'id:b'").scalars().all()
        assert places == [1]


def test_rows_an_older_copy_of_the_index_lacks_are_made_again_in_their_sessions(home: Path) -> None:
    with Store.open(home) as store:
        fox = store.create_session("fox")
        add(store, fox, 1, started=1.0)
    shutil.copy(home / FILE_NAME, home / "older")
    with Store.open(home) as store:
        add(store, fox, 2, parent=1, started=2.0)
        add(store, store.create_session("owl"), 3, started=3.0)
        before = content(store)
    (home / "older").replace(home / FILE_NAME)
    assert rebuild_store(home) == ["Made again: 1 turn of fox, 1 turn of owl."]
    with Store.open(home) as store:
        assert content(store) == before
        assert store.session(fox.id).head == 2  # type: ignore[union-attr]
        assert problems(store) == []


def test_what_an_older_copy_put_other_turns_in_the_place_of_is_a_session_beside(home: Path) -> None:
    with Store.open(home) as store:
        fox = store.create_session("fox")
        add(store, fox, 1, started=1.0, prompt="first")
    shutil.copy(home / FILE_NAME, home / "older")
    with Store.open(home) as store:
        add(store, fox, 2, parent=1, started=2.0, prompt="lost")
    (home / "older").replace(home / FILE_NAME)
    with Store.open(home) as store:
        add(store, fox, 3, parent=1, started=3.0, prompt="new")
    rebuild_store(home)
    with Store.open(home) as store:
        prompts = {session.name: [turn.prompt for turn in store.turns(session.id)] for session in store.sessions()}
        assert prompts == {"fox": ["first", "new"], "fox-2": ["first", "lost"]}
        assert problems(store) == []
    assert rebuild_store(home) == ["Nothing was lost that could be made again."]


def test_a_deleted_turn_and_a_deleted_session_leave_no_note(full: Path) -> None:
    notes = b"".join(path.read_bytes() for path in (full / "turns").iterdir())
    assert b'"started":5.0' not in notes
    assert b'"gone"' not in notes
    assert len(list((full / "turns").iterdir())) == 2


def test_what_is_imported_is_noted_too_and_an_older_store_at_its_next_repair(full: Path, tmp_path: Path) -> None:
    with Store.open(full) as store, Store.open(tmp_path / "other") as other:
        export_sessions(store, [session.id for session in store.sessions()], tmp_path / "x.zip")
        import_sessions(other, tmp_path / "x.zip")
        before = content(other)
        shutil.rmtree(full / "turns")
        assert "Wrote down 6 turns" in " ".join(repair(store))
    for home in (full, tmp_path / "other"):
        _gone(home)
        rebuild_store(home)
        with Store.open(home) as store:
            assert content(store) == before


def _carrying(path: Path, turn: str, prompt: str, parent: str = "") -> bytes:
    Image.new("RGB", (8, 4), "orange").save(path)
    facts = {"prompt": prompt, "model": "gemini:flash", "parent": parent, "seed": 7, "turn": turn}
    path.write_bytes(provenance.write_provenance(path.read_bytes(), Picture(path.read_bytes()).mime_type, facts))
    return path.read_bytes()


def test_without_notes_turns_are_made_of_pictures_that_carry_their_provenance(home: Path, tmp_path: Path) -> None:
    with Store.open(home) as store:
        store.put_picture(_carrying(tmp_path / "a.png", "fox/t3.2", "two foxes"))
        store.put_picture(png("nobody knows"))
    _gone(home)
    (tmp_path / "out").mkdir()
    one = _carrying(tmp_path / "out" / "b.jpg", "fox/t3.1", "two foxes")
    _carrying(tmp_path / "out" / "c.webp", "fox/t5", "make it night", parent="t3")
    _carrying(tmp_path / "out" / "d.png", "no id at all", "x")
    (tmp_path / "out" / "e.png").write_bytes(b"no picture")
    said = rebuild_store(home, [tmp_path / "out"])
    assert "2 turns of fox" in said[1]
    assert "Of 1 picture in" in said[2]
    with Store.open(home) as store:
        fox = store.session_named("fox")
        assert fox is not None
        first, second = store.turns(fox.id)
        assert (first.number, first.kind, first.prompt, first.model, first.seed) == (3, "generate", "two foxes", "gemini:flash", 7)
        assert [(use.mime_type, use.width, use.height) for use in first.pictures] == [("image/jpeg", 8, 4), ("image/png", 8, 4)]
        assert store.read_picture(first.pictures[0].sha256) == one
        assert (second.number, second.kind, second.parent, fox.head) == (5, "edit", 3, 5)
        assert "in doubt" in " ".join(problems(store))
    assert rebuild_store(home, [tmp_path / "out"])[0].startswith("Of 1 picture")


def test_an_index_that_is_locked_or_newer_is_not_taken_for_a_lost_one(home: Path) -> None:
    with Store.open(home) as store, store._database.write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer"):
        rebuild_store(home)
    assert not (home / "rescued").exists()
