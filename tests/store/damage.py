"""Twenty ways in which a store is hurt, for test_damage.py."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from notebook_img.store import Store
from notebook_img.store.counting import FILE_NAME as COUNT
from notebook_img.store.sqlite import FILE_NAME
from tests.store.making import add

WAL = f"{FILE_NAME}-wal"


def whole_store(home: Path) -> Path:
    """Make a store whose newest rows are in the WAL alone, as a killed kernel leaves them; beside it lie older copies of the index."""
    with Store.open(home) as store:
        for name in ("fox", "owl"):
            session = store.create_session(name)
            for number in range(6):
                add(
                    store,
                    session,
                    f"{name}/{number}",
                    parent=number or None,
                    prompt=f"step {number}",
                    started=float(number),
                    raw={"x": b"r" * 3000},
                )
            add(store, session, f"{name}/0", parent=1, kind="ask", text="words", started=9.0)
        copied = (home / FILE_NAME).read_bytes()
    (home / "older").mkdir()
    shutil.copy(home / FILE_NAME, home / "older" / FILE_NAME)
    (home / "older" / "before any").write_bytes(copied)
    with Store.open(home) as store:
        fox = store.session_named("fox")
        assert fox is not None
        for number in range(6, 10):
            add(store, fox, f"fox/{number}", parent=number, prompt=f"step {number}", started=10.0 + number)
        add(store, store.create_session("wren"), "wren/0", started=30.0)
        left = {name: (home / name).read_bytes() for name in (FILE_NAME, WAL)}
    for name, data in left.items():
        (home / name).write_bytes(data)
    for path in home.rglob("*"):
        if path.is_file():
            os.utime(path, (1.0, 1.0))  # old enough to be left over, if it is
    return home


def _flip(path: Path, luck: random.Random, *, after: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[luck.randrange(min(after, len(data) - 1), len(data))] ^= 1 << luck.randrange(8)
    path.write_bytes(data)


def _some(home: Path, luck: random.Random, folder: str = "pictures") -> list[Path]:
    files = sorted(path for path in (home / folder).rglob("*") if path.is_file())
    return luck.sample(files, k=max(1, len(files) // 4))


def _index_gone(home: Path, _: random.Random) -> None:
    for name in (FILE_NAME, WAL):
        (home / name).unlink(missing_ok=True)


def _index_moved_away(home: Path, _: random.Random) -> None:
    (home / FILE_NAME).rename(home / "store.sqlite.bak")


def _index_empty(home: Path, _: random.Random) -> None:
    (home / FILE_NAME).write_bytes(b"")


def _index_cut(home: Path, luck: random.Random) -> None:
    data = (home / FILE_NAME).read_bytes()
    (home / FILE_NAME).write_bytes(data[: luck.randrange(len(data))])


def _index_older(home: Path, _: random.Random) -> None:
    (home / WAL).unlink(missing_ok=True)
    shutil.copy(home / "older" / FILE_NAME, home / FILE_NAME)


def _index_from_the_beginning(home: Path, _: random.Random) -> None:
    (home / WAL).unlink(missing_ok=True)
    shutil.copy(home / "older" / "before any", home / FILE_NAME)


def _older_under_the_newer_wal(home: Path, _: random.Random) -> None:
    shutil.copy(home / "older" / FILE_NAME, home / FILE_NAME)


def _without_wal(home: Path, _: random.Random) -> None:
    (home / WAL).unlink()


def _wal_flipped(home: Path, luck: random.Random) -> None:
    _flip(home / WAL, luck, after=32)


def _wal_cut(home: Path, luck: random.Random) -> None:
    data = (home / WAL).read_bytes()
    (home / WAL).write_bytes(data[: luck.randrange(len(data))])


def _index_flipped(home: Path, luck: random.Random) -> None:
    for _ in range(3):
        _flip(home / FILE_NAME, luck, after=100)


def _pages_overwritten(home: Path, luck: random.Random) -> None:
    (home / WAL).unlink(missing_ok=True)
    data = bytearray((home / FILE_NAME).read_bytes())
    for page in luck.sample(range(1, len(data) // 4096), k=3):
        data[page * 4096 : (page + 1) * 4096] = luck.randbytes(4096)
    (home / FILE_NAME).write_bytes(data)


def _anothers_index(home: Path, _: random.Random) -> None:
    with Store.open(home / "elsewhere") as store:
        session = store.create_session("theirs")
        for number in range(30):
            add(store, session, f"theirs/{number}")
    (home / WAL).unlink(missing_ok=True)
    shutil.copy(home / "elsewhere" / FILE_NAME, home / FILE_NAME)
    shutil.rmtree(home / "elsewhere")


def _count_lost(home: Path, luck: random.Random) -> None:
    (home / COUNT).write_bytes(luck.choice([b"", b"{}", b"\xff" * 256]))
    if luck.random() < 0.5:
        _index_older(home, luck)


def _pictures_gone(home: Path, luck: random.Random) -> None:
    for path in _some(home, luck):
        path.unlink()


def _pictures_cut(home: Path, luck: random.Random) -> None:
    for path in _some(home, luck):
        data = path.read_bytes()
        path.write_bytes(data[: luck.randrange(len(data))])


def _pictures_flipped(home: Path, luck: random.Random) -> None:
    for path in _some(home, luck):
        _flip(path, luck)


def _pictures_exchanged(home: Path, luck: random.Random) -> None:
    first, second, *_ = _some(home, luck)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def _raw_hurt(home: Path, luck: random.Random) -> None:
    for path in _some(home, luck, "raw"):
        path.unlink() if luck.random() < 0.5 else _flip(path, luck)


def _notes_hurt_and_index_gone(home: Path, luck: random.Random) -> None:
    for path in _some(home, luck, "turns"):
        path.unlink() if luck.random() < 0.5 else _flip(path, luck)
    _index_gone(home, luck)


WAYS: dict[str, Callable[[Path, random.Random], None]] = {
    hurt.__name__.strip("_").replace("_", " "): hurt
    for hurt in (
        _index_gone,
        _index_moved_away,
        _index_empty,
        _index_cut,
        _index_older,
        _index_from_the_beginning,
        _older_under_the_newer_wal,
        _without_wal,
        _wal_flipped,
        _wal_cut,
        _index_flipped,
        _pages_overwritten,
        _anothers_index,
        _count_lost,
        _pictures_gone,
        _pictures_cut,
        _pictures_flipped,
        _pictures_exchanged,
        _raw_hurt,
        _notes_hurt_and_index_gone,
    )
}
