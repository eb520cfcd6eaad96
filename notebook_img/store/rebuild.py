"""Turns made again where the index has lost them: from its readable rows, from notes, from pictures that carry their provenance."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from notebook_img.errors import NotebookImgError, StoreError
from notebook_img.ids import parse_id
from notebook_img.pictures import SUFFIXES, Picture, sniff
from notebook_img.records import PictureUse, SessionRecord, TurnRecord
from notebook_img.settings import Address
from notebook_img.store import counting, schema
from notebook_img.store.bundle import Imported, Source, insert_all
from notebook_img.store.salvage import complete_turns, salvage
from notebook_img.store.setting_aside import FOLDER, set_aside
from notebook_img.store.sqlite import FILE_NAME
from notebook_img.store.store import Store
from notebook_img.store.turn_notes import Notes, complete_notes

if TYPE_CHECKING:
    from notebook_img.store.pack_schema import PackedRun

MOST_BYTES = 200_000_000
"""Largest file that is looked into for provenance."""


def rebuild_store(home: Path | Address, places: Sequence[Path] = ()) -> list[str]:
    """Make turns again; return what was done, one sentence each. Nothing is deleted, and a damaged index is moved aside.

    Parameters
    ----------
    home : Path or Address
        Folder of the store, or where it is.
    places : sequence of Path
        Folders and files that may hold pictures of its turns, as ``-o`` writes them.

    Raises
    ------
    StoreError
        When the store cannot be opened for another reason than a lost index.
    """
    store, done = _opened(home)
    database = store._database  # noqa: SLF001 - the same package
    with store:
        imported = []
        sources: list[Callable[[], Source]] = [lambda: _Carried(store, places)]
        if database.notes:
            notes = Notes(store.home)
            sources.insert(0, lambda: notes)
            with database.write() as connection:
                if completed := complete_turns(connection, notes):
                    done.append(f"Gave {completed} turn{'s' if completed != 1 else ''} the pictures that were lost from the index.")
        for source in sources:
            lost = source()
            heads = {session.id: session.head for session in lost.sessions}
            imported += insert_all(store, lost)
            for item in imported:
                # What was lost came last, so the head was there.
                if item.added and (head := heads.get(item.session.id)) is not None and head > (item.session.head or 0):
                    store.update_session(item.session.id, head=head)
        complete_notes(store)
        if made := [item for item in imported if item.added]:
            done.append(f"Made again: {_listed(made)}.")
        with database.write() as connection:
            unnamed = _unnamed(store, connection)
            counting.set_doubt(connection, "unknown" if unnamed else "")
        if unnamed:
            done.append(
                f"Of {len(unnamed)} picture{'s' if len(unnamed) != 1 else ''} in {database.shelf.shown} nothing tells how they were "
                "made. They stay where they are."
            )
    return done or ["Nothing was lost that could be made again."]


def _opened(home: Path | Address) -> tuple[Store, list[str]]:
    """Open the store, with a new index where the old one is lost."""
    try:
        store = Store.open(home)
        if isinstance(home, Address) or _is_sound(store):
            return store, []
        store.close()
    except StoreError as error:
        if isinstance(home, Address) or not error.lost_index:
            raise
    # Whatever goes by its name: a link to a disk that is gone, a folder.
    parts = [path for suffix in ("", "-wal", "-shm", "-journal") if os.path.lexists(path := home / f"{FILE_NAME}{suffix}")]
    empty = not any(path.lstat().st_size for path in parts)
    folder = set_aside(home, parts)
    store = Store.open(home, anew=True)
    if empty:
        return store, ["Made a new index in place of the one that is gone."]
    with store._database.write() as connection:  # noqa: SLF001
        came = salvage(folder / FILE_NAME, connection, home)
    return store, [f"Moved the damaged index to {folder}, and brought {came:,} of its rows into a new one."]


def _is_sound(store: Store) -> bool:
    with store._database.read() as connection:  # noqa: SLF001
        return not store._database.damage(connection)  # noqa: SLF001


def _listed(made: Sequence[Imported]) -> str:
    words = [f"{item.added} turn{'s' if item.added != 1 else ''} of {item.session.name}" for item in made]
    return ", ".join(words[:10]) + (f" and of {len(words) - 10} more sessions" if len(words) > 10 else "")


class _Carried:
    """Turns that are not in a store, from pictures that say of which turn they are."""

    def __init__(self, store: Store, places: Sequence[Path]) -> None:
        self._store = store
        self._sessions: dict[str, SessionRecord] = {}
        self._turns: dict[str, dict[int, TurnRecord]] = {}
        found: dict[tuple[str, int], dict[int, tuple[dict[str, Any], PictureUse, float]]] = {}
        for path in _files(store, places):
            try:
                picture = Picture(path.read_bytes())
                facts = picture.provenance()
                named = parse_id(str(facts.get("turn"))) if facts else None
                if facts is None or named is None or not named.session or self._is_there(named.session, named.number, facts):
                    continue
                use = PictureUse(picture.sha256, "output", picture.mime_type, picture.width, picture.height, len(picture.data))
                found.setdefault((named.session, named.number), {}).setdefault(named.picture or 1, (facts, use, path.stat().st_mtime))
                store.put_picture(picture.data, sha256=use.sha256, mime_type=use.mime_type)
            except StoreError:
                raise
            except (NotebookImgError, OSError):
                continue  # a picture that cannot be read tells nothing
        for (session, number), pictures in sorted(found.items()):
            self._add(session, number, [pictures[index] for index in sorted(pictures)])

    @property
    def sessions(self) -> list[SessionRecord]:
        return list(self._sessions.values())

    @property
    def runs(self) -> Iterable[PackedRun]:
        return ()

    def turns(self, session_id: str) -> list[TurnRecord]:
        return [self._turns[session_id][number] for number in sorted(self._turns[session_id])]

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        return self._turns.get(session_id, {}).get(number)

    def _is_there(self, session: str, number: int, facts: dict[str, Any]) -> bool:
        record = self._store.session_named(session)
        turn = self._store.turn(record.id, number) if record is not None else None
        return turn is not None and turn.prompt == str(facts.get("prompt"))

    def _add(self, name: str, number: int, pictures: Sequence[tuple[dict[str, Any], PictureUse, float]]) -> None:
        from notebook_img.store.pack_schema import turn_record, turn_values

        facts, _, at = pictures[0]
        above = parse_id(str(facts.get("parent") or ""))
        parent = above.number if above is not None and above.number < number else None
        known = self._store.session_named(name)
        session = known.id if known is not None else hashlib.sha256(f"carried {name}".encode()).hexdigest()[:16]
        plain = {
            "number": number,
            "kind": "edit" if parent is not None else "generate",
            "prompt": str(facts.get("prompt") or ""),
            "model": str(facts.get("model") or ""),
            "parent": parent,
            "seed": facts.get("seed"),
            "started": at,
            "pictures": [dataclasses.asdict(use) for _, use, _ in pictures],
            "note": "made again from its picture",
        }
        try:
            record = turn_record(session, turn_values(plain))
        except ValueError:
            return  # a file of somebody's that claims to be ours
        self._turns.setdefault(session, {})[number] = record
        self._sessions[session] = SessionRecord(session, name, at, at, record.model, max(self._turns[session]))


def _files(store: Store, places: Sequence[Path]) -> Iterator[Path]:
    """Give the pictures that may be of lost turns: in the home those no row names, and all in the places that were named."""
    with store._database.read() as connection:  # noqa: SLF001
        for path in _unnamed(store, connection):
            store._database.shelf.bring(path)  # noqa: SLF001
            yield path
    suffixes = set(SUFFIXES.values()) | {".jpeg"}
    for place in (store._database.files / FOLDER, *places):  # noqa: SLF001
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix.casefold() in suffixes and path.is_file() and path.stat().st_size <= MOST_BYTES and sniff(_head(path)):
                yield path


def _unnamed(store: Store, connection: Connection) -> list[Path]:
    """Return the pictures on the shelf that no row of the index names."""
    named = set(connection.execute(select(schema.pictures.c.sha256)).scalars())
    entries = store._database.shelf.entries("pictures")  # noqa: SLF001
    return [entry.path for entry in entries if len(entry.path.stem) == 64 and entry.path.suffix != ".part" and entry.path.stem not in named]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""
