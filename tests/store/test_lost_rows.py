"""An index that lost rows: nothing is concluded from what it does not name, and nothing is begun anew beside what it knew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_img.errors import StoreError
from notebook_img.records import TurnRecord
from notebook_img.store import Store
from notebook_img.store.counting import FILE_NAME as COUNT
from notebook_img.store.maintenance import repair_store as repair
from notebook_img.store.sqlite import FILE_NAME
from tests.needs import needs_moves_of_open_files
from tests.store.making import add, png, problems


@pytest.fixture
def older(home: Path) -> Path:
    """A store of six turns, all of it older than a day; beside it, a copy of its index as it was after three."""
    with Store.open(home) as store:
        fox = store.create_session("fox")
        for number in range(3):
            add(store, fox, number)
    shutil.copy(home / FILE_NAME, home / "after-three.sqlite")
    with Store.open(home) as store:
        for number in range(3, 6):
            add(store, fox, number)
    _made_old(home)
    return home


def _made_old(home: Path) -> None:
    for path in home.rglob("*"):
        if path.is_file():
            os.utime(path, (1.0, 1.0))


def pictures(home: Path) -> set[str]:
    return {path.name for path in (home / "pictures").rglob("*.png")}


def _older_copy(home: Path) -> None:
    (home / "after-three.sqlite").replace(home / FILE_NAME)


def _without_its_wal(home: Path) -> None:
    (home / f"{FILE_NAME}-wal").unlink()


def _flipped(home: Path) -> None:
    wal = home / f"{FILE_NAME}-wal"
    data = bytearray(wal.read_bytes())
    data[len(data) // 2] ^= 1
    wal.write_bytes(data)


def _another(home: Path) -> None:
    with Store.open(home / "elsewhere") as store:
        for number in range(20):
            add(store, store.session_named("owl") or store.create_session("owl"), f"owl {number}")
    (home / "elsewhere" / FILE_NAME).replace(home / FILE_NAME)
    shutil.rmtree(home / "elsewhere")


HURTS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "an older copy": (_older_copy, False),
    "without its WAL": (_without_its_wal, True),
    "a flipped bit in the WAL": (_flipped, True),
    "another store's": (_another, False),
}


@pytest.mark.parametrize("hurt", HURTS)
def test_of_an_index_that_lost_rows_nothing_is_moved_and_this_is_said(older: Path, hurt: str) -> None:
    change, with_wal = HURTS[hurt]
    if with_wal:  # as a kernel leaves it that was killed
        _kept_in_the_wal(older)
    change(older)
    before = pictures(older)
    for _ in range(2):
        with Store.open(older) as store:
            said = " ".join(problems(store))
            assert "The index is in doubt" in said
            assert "doctor --rebuild" in said
            assert "because the index is in doubt" in " ".join(repair(store))
            # What is stored from now on makes it no more certain.
            add(store, store.session_named("new") or store.create_session("new"), f"after {hurt}")
    assert pictures(older) >= before


def _kept_in_the_wal(home: Path) -> None:
    """Leave the newest turns in the WAL alone: copies taken while a store is open have it beside them."""
    with Store.open(home) as store:
        fox = store.session_named("fox")
        assert fox is not None
        add(store, fox, "in the WAL", prompt="x" * 3000)
        copies = {name: (home / name).read_bytes() for name in (FILE_NAME, f"{FILE_NAME}-wal")}
    for name, data in copies.items():
        (home / name).write_bytes(data)
    _made_old(home)


def test_the_right_index_put_back_is_certain_again(older: Path) -> None:
    right = (older / FILE_NAME).read_bytes()
    _older_copy(older)
    with Store.open(older) as store:
        assert problems(store) != []
    (older / FILE_NAME).write_bytes(right)
    with Store.open(older) as store:
        assert problems(store) == []


def test_an_older_index_goes_on_being_in_doubt_until_it_names_all_that_is_there(older: Path) -> None:
    _older_copy(older)
    with Store.open(older) as store:
        fox = store.session_named("fox")
        assert fox is not None
        assert "it knows of 3 turns, and there were 6" in " ".join(problems(store))
        for number in range(20):  # more than were lost
            add(store, fox, f"new {number}")
        assert "in doubt" in " ".join(problems(store))
        for number in range(3, 6):
            add(store, fox, number)
        assert "no longer in doubt" in " ".join(repair(store))
        assert problems(store) == []


@pytest.mark.parametrize("how", ["missing", "empty", "never a table"])
def test_an_index_that_is_gone_beside_pictures_is_an_error_and_no_fresh_start(older: Path, how: str) -> None:
    path = older / FILE_NAME
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"")
    before = {item: item.read_bytes() for item in older.rglob("*") if item.is_file()}
    with pytest.raises(StoreError, match=r"doctor --rebuild") as caught:
        Store.open(older)
    assert "NOTEBOOK_IMG_HOME" in str(caught.value)
    assert len(str(caught.value)) < 600
    assert {item: item.read_bytes() for item in older.rglob("*") if item.is_file()} == before


def test_a_copy_of_the_index_alone_is_never_empty(home: Path, tmp_path: Path) -> None:
    with Store.open(home):
        shutil.copy(home / FILE_NAME, tmp_path / FILE_NAME)
        with Store.open(tmp_path) as copy:
            assert copy.sessions() == []


def test_without_the_count_an_index_that_names_everything_is_certain_and_another_is_not(older: Path) -> None:
    (older / COUNT).unlink()
    with Store.open(older) as store:
        assert problems(store) == []
    assert (older / COUNT).is_file()
    (older / COUNT).write_bytes(b"no count")
    _older_copy(older)
    with Store.open(older) as store:
        assert "nothing tells whether it knows of all pictures" in " ".join(problems(store))


def test_files_nobody_names_are_moved_aside_with_the_way_back(older: Path) -> None:
    with Store.open(older) as store:
        orphan = store.picture_path(store.put_picture(png("orphan")))
        os.utime(orphan, (1.0, 1.0))
        [said] = repair(store)
        assert not orphan.exists()
        folder = Path(said.split(" to ")[1].split(". To undo")[0])
        shutil.copytree(folder, store.home, dirs_exist_ok=True)
        assert orphan.read_bytes() == png("orphan")


def test_the_count_follows_what_is_stored_and_deleted(home: Path) -> None:
    from notebook_img.store.counting import beside, in_index

    def told(store: Store) -> tuple[int, int, int]:
        with store._database.read() as connection:
            count, doubt = in_index(connection)
        assert doubt == ""
        assert beside(home) == count
        return count.changes, count.turns, count.pictures

    with Store.open(home) as store:
        fox = store.create_session("fox")
        add(store, fox, 1, 2)
        assert told(store) == (3, 1, 2)
        add(store, fox, 2, parent=1)
        assert told(store) == (4, 2, 2)
        store.delete_branch(fox.id, 2)
        assert told(store) == (5, 1, 2)
        store.delete_session(fox.id)
        assert told(store) == (8, 0, 0)


def test_a_store_of_many_writers_has_one_count(home: Path) -> None:
    with Store.open(home) as first, Store.open(home) as second:
        fox = first.create_session("fox")
        for number in range(6):
            turn: TurnRecord = add(first if number % 2 else second, fox, number)
        assert turn.number == 6
    with Store.open(home) as store:
        assert problems(store) == []


@needs_moves_of_open_files
def test_an_index_that_is_moved_away_under_an_open_store_is_an_error_at_each_write_and_makes_no_empty_one(older: Path) -> None:
    with Store.open(older) as store:
        fox = store.session_named("fox")
        assert fox is not None
        (older / FILE_NAME).rename(older / "away")
        for _ in range(2):
            with pytest.raises(StoreError, match="missing"):
                add(store, fox, "after")
            assert not (older / FILE_NAME).exists()
        (older / "away").rename(older / FILE_NAME)
        assert add(store, fox, "after").number == 7


def test_a_deletion_in_doubt_moves_aside_what_a_lost_turn_may_use(older: Path) -> None:
    _older_copy(older)
    with Store.open(older) as store:
        fox = store.session_named("fox")
        assert fox is not None
        store.delete_session(fox.id)
        assert len(list((older / "rescued").rglob("*.png"))) == 3
