"""What a crash, a full disk or a careless hand can leave behind: finding it, and mending what can be mended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from notebook_img.errors import StoreError
from notebook_img.hints import Hint, worded
from notebook_img.ids import turn_id
from notebook_img.store import counting, schema
from notebook_img.store.cells import fail_ended_runs
from notebook_img.store.jobs import named_by_work
from notebook_img.store.owner import is_alive
from notebook_img.store.rows import DAMAGED, PART, turn_record
from notebook_img.store.setting_aside import way_back
from notebook_img.store.spend import ended_reservations, expire_reservations
from notebook_img.store.turn_notes import complete_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence, Sized
    from pathlib import Path

    from notebook_img.store import Store
    from notebook_img.store.database import Database
    from notebook_img.store.shelf import Entry

OLD_ENOUGH = 3600.0
"""Seconds after which a file that is unfinished or used by no turn counts as left over, not as being written."""

USED_PICTURES = select(schema.pictures.c.sha256, schema.pictures.c.mime_type, schema.pictures.c.bytes).where(
    select(schema.uses.c.sha256).where(schema.uses.c.sha256 == schema.pictures.c.sha256).exists()
)
"""A deletion that was killed may leave the row of a picture no turn uses, and no file: nothing is lost with it."""


@dataclass(frozen=True, init=False)
class Problem:
    """Something wrong with a store, and what can be done about it."""

    sentence: str
    hints: tuple[Hint, ...]

    def __init__(self, sentence: str, *hints: Hint) -> None:
        object.__setattr__(self, "sentence", sentence)
        object.__setattr__(self, "hints", hints)

    def __str__(self) -> str:
        return worded(self)


def check_store(store: Store) -> list[Problem]:
    """Return what is wrong with a store; nothing is changed."""
    database = store._database  # noqa: SLF001 - the same package
    found = []
    with database.read() as connection:
        doubt = _doubt(database, connection)
        lost = lost_pictures(store, connection)
        named = users(connection, sorted(lost))
        lost_states = _lost_states(store, connection)
        damaged = _damaged_turns(connection)
        unused = _unused_files(store, connection)
        stale = len(ended_reservations(connection))
        running = select(schema.runs.c.owner).where(schema.runs.c.state == "running")
        runs = sum(is_alive(owner) is False for owner in connection.execute(running).scalars())
    if doubt:
        found.append(Problem(f"The index is in doubt: {doubt}. Put the right copy back, or have its turns made again.", Hint("rebuild")))
    for state in ("missing", "damaged"):
        if count := sum(how == state for how in lost.values()):
            words = f"{count} picture file{'s' if count != 1 else ''} {state}, used by {', '.join(sorted(named)[:5])}."
            found.append(Problem(f"{words} Importing an export heals what it holds.", Hint("verify")))
    if lost_states:
        words = f"{len(lost_states)} raw state{_s(lost_states)} missing; those turns go on from their pictures."
        found.append(Problem(words, Hint("verify")))
    if damaged:
        words = ", ".join(damaged[:5])
        found.append(Problem(f"{len(damaged)} turn{_s(damaged)} with a damaged row: {words}. What can be read of them is shown."))
    if parts := _parts(store):
        found.append(Problem(f"{len(parts)} unfinished file{_s(parts)} left by a process that was killed.", Hint("repair")))
    if unused:
        words = _files(unused, "no turn uses")
        found.append(Problem(f"{words}; kept while the index is in doubt.") if doubt else Problem(f"{words}.", Hint("repair")))
    if stale:
        found.append(Problem(f"{stale} reserved call{'s' if stale != 1 else ''} of a process that has ended.", Hint("repair")))
    if runs:
        found.append(Problem(f"{runs} cell run{'s' if runs != 1 else ''} of a kernel that has ended.", Hint("repair")))
    return found


def repair_store(store: Store) -> list[str]:
    """Mend what can be mended; return what was done, one sentence each.

    Nothing is deleted but what was never finished. Files that no turn uses are moved aside, and only where the rows are known to be whole:
    of an index that lost some, most of what it does not name is what it lost.
    """
    done = []
    database = store._database  # noqa: SLF001
    parts = _parts(store)
    for path in parts:
        path.unlink(missing_ok=True)
    if parts:
        done.append(f"Removed {len(parts)} unfinished file{_s(parts)}.")
    with database.write() as connection:
        stale = expire_reservations(connection)
        runs = fail_ended_runs(connection)
        doubt = _doubt(database, connection)
        if doubt and database.doubt and not _unused_files(store, connection, older_than=0.0):
            # All that is here has its row, so nothing is left that could be in doubt.
            counting.set_doubt(connection, "")
            doubt = _doubt(database, connection)
            done.append("The index names all that lies beside it, and is no longer in doubt.")
        # Under the write lock, so that no turn can come to name a file that goes (see Sessions._drop_unused).
        unused = _unused_files(store, connection)
        said = _files(unused, "no turn names")
        folder = database.shelf.set_aside([entry.path for entry in unused]) if unused and not doubt else None
    if folder is not None:
        done.append(f"Moved {said} to {folder}. {way_back(database.shelf.shown, folder)}")
    elif unused:
        done.append(f"Left {said} where they are, because the index is in doubt: {doubt}.")
    if stale:
        done.append(f"Settled {stale} reserved call{'s' if stale != 1 else ''} of an ended process as unknown.")
    if runs:
        done.append(f"Marked {runs} run{'s' if runs != 1 else ''} of an ended kernel as failed.")
    if notes := complete_notes(store):
        done.append(f"Wrote down {notes} turn{'s' if notes != 1 else ''} beside the index, in case it is lost.")
    return done


def _doubt(database: Database, connection: Connection) -> str:
    """Return why rows may be missing or wrong, in words; empty where they are known to be whole."""
    if damage := database.damage(connection):
        return damage
    count, doubt = counting.in_index(connection)
    if doubt == "lost" and (beside := counting.beside(database.home)) and beside.turns > count.turns:
        return f"{counting.DOUBTS[doubt]}; it knows of {count.turns} turns, and there were {beside.turns}"
    return counting.DOUBTS.get(doubt, "")


def lost_pictures(store: Store, connection: Connection) -> dict[str, str]:
    """Return the pictures whose file is missing or cut, and which of the two; bytes are not looked at (see verify.py)."""
    found = {}
    files = store._files  # noqa: SLF001
    sizes = files.sizes()
    for row in connection.execute(USED_PICTURES):
        size = sizes(row.sha256, row.mime_type)
        if size is None:
            found[row.sha256] = "missing"
        elif size != row.bytes:
            found[row.sha256] = "damaged"
    return found


def users(connection: Connection, pictures: Iterable[str]) -> list[str]:
    """Return which turns use some pictures, ``fox/t7``, each once."""
    uses, turns, sessions = schema.uses, schema.turns, schema.sessions
    found: dict[str, None] = {}
    for sha256 in pictures:
        query = (
            select(sessions.c.name, turns.c.number)
            .join(turns, turns.c.session_id == sessions.c.id)
            .join(uses, uses.c.turn_id == turns.c.id)
            .where(uses.c.sha256 == sha256)
        )
        found.update((turn_id(row.number, session=row.name), None) for row in connection.execute(query))
    return list(found)


def _damaged_turns(connection: Connection) -> list[str]:
    """Return the turns whose row is damaged in part."""
    turns, sessions = schema.turns, schema.sessions
    query = select(turns, sessions.c.name.label("of")).join(sessions, sessions.c.id == turns.c.session_id).order_by(turns.c.id)
    return [
        turn_id(row.number, session=row.of)
        for row in connection.execution_options(yield_per=PART).execute(query)
        if any(warning.startswith(DAMAGED) for warning in turn_record(row).warnings)
    ]


def _lost_states(store: Store, connection: Connection) -> list[str]:
    names = connection.execute(select(schema.turns.c.raw).where(schema.turns.c.raw != "").distinct()).scalars()
    return [name for name in names if not store._raw.has_raw(name)]  # noqa: SLF001


def _unused_files(store: Store, connection: Connection, older_than: float = OLD_ENOUGH) -> list[Entry]:
    """Return old files named by nothing: pictures without a use or a waiting job, raw states and blobs without a turn."""
    pictures = set(connection.execute(select(schema.uses.c.sha256).distinct()).scalars())
    waiting = named_by_work(connection)
    states = set(connection.execute(select(schema.turns.c.raw).where(schema.turns.c.raw != "")).scalars())
    blobs: set[str] = set()
    unread = False
    for name in states:
        try:
            blobs |= store._raw.raw_references(name)  # noqa: SLF001
        except StoreError:
            unread = True

    def used_picture(path: Path) -> bool:
        return path.stem in pictures or path.stem in blobs or path.stem in waiting

    def used_raw(path: Path) -> bool:
        # What a missing or damaged state refers to is not known.
        return path.stem in states if path.suffix == ".json" else unread or path.stem in blobs

    places: list[tuple[str, Callable[[Path], bool]]] = [("pictures", used_picture), ("raw", used_raw)]
    now = time.time()
    return [
        entry
        for kind, used in places
        for entry in store._database.shelf.entries(kind)  # noqa: SLF001
        if _is_content(entry.path) and not used(entry.path) and now - entry.changed >= older_than
    ]


def _is_content(path: Path) -> bool:
    return path.suffix != ".part" and len(path.stem) == 64


def _parts(store: Store) -> list[Path]:
    """Return files whose writing was never finished."""
    now = time.time()
    return [path for path in store._database.shelf.parts() if now - path.stat().st_mtime > OLD_ENOUGH]  # noqa: SLF001


def _files(entries: Sequence[Entry], which: str) -> str:
    return f"{len(entries)} file{_s(entries)} that {which} ({sum(entry.size for entry in entries) / 1e6:.1f} MB)"


def _s(things: Sized) -> str:
    return "s" if len(things) != 1 else ""
