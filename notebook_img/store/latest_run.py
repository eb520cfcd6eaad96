"""Which run was a cell's latest: the one place that decides it, for stores and packs alike.

Both keep runs and replies in tables of the same names, so the same statements go to either. A cell is known by its id, else by its source
and its place among the cells of that source in a kernel; runs are ordered as the store saw them (``seen``), not by the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from notebook_img.files import notebook_is_gone
from notebook_img.store.people import as_here

Read: TypeAlias = Callable[[str, Mapping[str, Any]], Sequence[Any]]
"""Runs a statement with named values and returns its rows."""

PLACES = (
    """
    CREATE TEMP TABLE places AS
    SELECT cell, source_hash, place, min(at) AS at FROM (
        SELECT cell, source_hash, at, row_number() OVER (PARTITION BY kernel, source_hash ORDER BY at) AS place
        FROM (SELECT kernel, source_hash, cell, min(id) AS at FROM runs GROUP BY kernel, source_hash, cell)
    ) WHERE cell LIKE 'id:%' GROUP BY cell, source_hash
    """,
    "CREATE INDEX temp.places_of_cells ON places (cell, source_hash)",
    """
    UPDATE runs SET ordinal = coalesce(
        (SELECT place FROM places WHERE places.cell = runs.cell AND places.source_hash = runs.source_hash), ordinal
    ) WHERE cell LIKE 'id:%'
    """,
    "DROP TABLE temp.places",
)
"""Runs of before version 3 count how often the source ran; this makes places among equal cells of it.

A cell keeps the place it had in the kernel that saw it first: in a later kernel its neighbours may not have run yet.
"""

_REPLIED = "EXISTS (SELECT 1 FROM {having} WHERE run = runs.id)"
_SAME = "runs.cell = :cell"
_PLACE_BY_SOURCE = "SELECT ordinal FROM runs WHERE source_hash = :source_hash AND +cell = :cell ORDER BY seen DESC LIMIT 1"
_ALIKE = "runs.source_hash = :source_hash AND runs.ordinal = :ordinal"
_WITHOUT_ID = "runs.cell = :without_id"
_HERE = "runs.notebook = :notebook"
_HERE_OR_UNKNOWN = "runs.notebook IN (:notebook, '')"


@dataclass(frozen=True)
class KnownCell:
    """What a cell is known by."""

    key: str
    """``id:`` with the front end's id, or ``src:`` with the hash of its source and its place (see replay/cells.py)."""
    source_hash: str
    ordinal: int
    """Its place among the cells of that source, from 1."""
    notebook: str = ""
    """Path of its notebook, where it is known."""
    origins: tuple[str, ...] = ()
    """Notebooks it is a copy of."""

    @property
    def has_id(self) -> bool:
        """Whether the front end tells an id that lasts."""
        return self.key.startswith("id:")


@dataclass(frozen=True)
class LatestRun:
    """A cell's latest run, and which runs were asked: all that may be runs of this cell."""

    run: int
    conditions: tuple[str, ...]
    values: Mapping[str, Any]


NO_KERNEL = "none"


@dataclass(frozen=True)
class NamedTurn:
    """The turn an id in a cell meant."""

    word: str
    """The id as it was typed, without the part for one of several pictures."""
    session_id: str
    number: int
    own: bool
    """Whether it was a turn of the session the cell worked in."""


def find_place(read: Read, cell: str, source_hash: str) -> int | None:
    """Return the place a cell with an id had among equal cells when it ran last; None where it never ran with this source.

    Its very latest run nearly always tells. Where it had other words, the runs of these words are looked through, not all of the cell's.
    """
    values = {"cell": cell, "source_hash": source_hash}
    latest = read("SELECT source_hash, ordinal FROM runs WHERE cell = :cell ORDER BY seen DESC LIMIT 1", values)
    if not latest:
        return None
    rows = [latest[0][1:]] if latest[0][0] == source_hash else read(_PLACE_BY_SOURCE, values)
    return int(rows[0][0]) if rows else None


def find_latest(read: Read, cell: KnownCell, *, not_kernel: str = NO_KERNEL, having: str = "replies") -> LatestRun | None:
    """Return the latest run of a cell that got a reply.

    1. Runs in its own notebook, once there is one: under its id, or without any id and with its source in its place. Those of a notebook
       that is not known (nbconvert, papermill) may be runs of it too, and the latest of all counts.
    2. Else runs under its id in other notebooks: it was moved, renamed or copied.
    3. Else, if that id is new, runs of its source in its place, whatever their id (some front ends give new ones each time): of this
       notebook, of one it is a copy of, and of those that are gone.

    Where the notebook is not known, runs of all notebooks count.

    Parameters
    ----------
    read : callable
        Asks the store or the pack.
    cell : KnownCell
        What the cell is known by.
    not_kernel : str
        Leave out the runs of this kernel.
    having : str
        What it has to have got: ``replies``, or ``named``, turns that ids meant.
    """
    values = {
        "cell": cell.key,
        "source_hash": cell.source_hash,
        "ordinal": cell.ordinal,
        "notebook": cell.notebook,
        "kernel": not_kernel,
    }
    read = _having(read, having)
    if cell.has_id:
        values["ordinal"] = find_place(read, cell.key, cell.source_hash) or cell.ordinal
        # Not by source and place: as many of those runs may have ids as this cell has ever run.
        values["without_id"] = f"src:{cell.source_hash}:{values['ordinal']}"
    alike = _WITHOUT_ID if cell.has_id else _ALIKE
    same = (_SAME,) if cell.has_id else ()
    if cell.notebook:
        if _latest(read, [f"{each} AND {_HERE}" for each in (*same, alike)], values) is not None:
            return _found(read, [f"{each} AND {_HERE_OR_UNKNOWN}" for each in (*same, alike)], values)
        if same and _latest(read, same, values) is not None:
            return _found(read, [*same, f"{alike} AND runs.notebook = ''"], values)
        return _found_in(read, cell, values)
    if same and _latest(read, same, values) is not None:
        return _found(read, [*same, alike], values)
    return _found(read, [_ALIKE], values)


def find_named(read: Read, cell: KnownCell) -> list[NamedTurn]:
    """Return what the ids typed in a cell meant in its latest run that had any."""
    latest = find_latest(read, cell, having="named")
    rows = read("SELECT word, session_id, turn, own FROM named WHERE run = :run", {"run": latest.run}) if latest is not None else ()
    return [NamedTurn(row[0], row[1], row[2], own=bool(row[3])) for row in rows]


def find_replies(read: Read, latest: LatestRun, request_key: str) -> list[int]:
    """Return the runs of a cell that got a reply to a request, the latest first."""
    rows = [
        row
        for condition in latest.conditions
        for row in read(
            f"SELECT DISTINCT runs.seen, runs.id FROM replies JOIN runs ON runs.id = replies.run "  # noqa: S608 - conditions of this module
            f"WHERE replies.request_key = :request_key AND runs.kernel != :kernel AND {condition}",
            {**latest.values, "request_key": request_key},
        )
    ]
    return [int(run) for _, run in sorted({(row[0], row[1]) for row in rows}, reverse=True)]


def find_claimed(
    read: Read, request_key: str, *, notebooks: Sequence[str], session_id: str = "", everything: bool = False, not_kernel: str = NO_KERNEL
) -> list[tuple[str, int]]:
    """Return the replies to a request that are what some cell got in its latest run, the run seen first in front.

    A reply that no cell claims any more was rejected: its cell was run again.

    Parameters
    ----------
    notebooks : sequence of str
        Cells of these notebooks.
    session_id : str
        Also cells of notebooks that are not known, where they got turns of this session.
    everything : bool
        Cells of any notebook: a pack is of one.
    not_kernel : str
        As they were before this kernel: what its own runs got it has had.
    """
    rows = read(
        "SELECT runs.id, runs.cell, runs.source_hash, runs.ordinal, runs.notebook, replies.session_id, replies.turn FROM replies "
        "JOIN runs ON runs.id = replies.run WHERE replies.request_key = :request_key AND runs.kernel != :kernel "
        "ORDER BY runs.seen, runs.id, replies.position",
        {"request_key": request_key, "kernel": not_kernel},
    )
    found = []
    latest: dict[tuple[Any, ...], int] = {}
    for run, key, source_hash, ordinal, named, session, turn in rows:
        notebook = as_here(named)
        if not (everything or notebook in notebooks or (not notebook and session == session_id)):
            continue
        cell = (key, source_hash, ordinal, notebook)
        if cell not in latest:
            now = find_latest(read, KnownCell(key, source_hash, ordinal, notebook), not_kernel=not_kernel)
            latest[cell] = now.run if now is not None else 0
        if latest[cell] == run:
            found.append((str(session), int(turn)))
    return list(dict.fromkeys(found))


def _having(read: Read, table: str) -> Read:
    return lambda query, values: read(query.format(having=table), values)


def _found_in(read: Read, cell: KnownCell, values: Mapping[str, Any]) -> LatestRun | None:
    """Look for a cell whose id is new, or that has none and never ran in this notebook."""
    rows = read(f"SELECT DISTINCT runs.notebook FROM runs WHERE {_ALIKE}", values)  # noqa: S608
    found = [as_here(str(row[0])) for row in rows]
    known = [notebook for notebook in found if notebook in (cell.notebook, "", *cell.origins) or _is_gone(notebook, cell.notebook)]
    if not known:
        return None
    names = {f"notebook_{number}": notebook for number, notebook in enumerate(known[:500])}
    return _found(read, [f"{_ALIKE} AND runs.notebook IN ({', '.join(f':{name}' for name in names)})"], {**values, **names})


def _is_gone(notebook: str, here: str) -> bool:
    """Return whether a notebook is no longer there; where not even this one is, paths are not those of this machine."""
    return notebook_is_gone(notebook) and not notebook_is_gone(here)


def _found(read: Read, conditions: Sequence[str], values: Mapping[str, Any]) -> LatestRun | None:
    run = _latest(read, conditions, values)
    return LatestRun(run, tuple(conditions), values) if run is not None else None


def _latest(read: Read, conditions: Sequence[str], values: Mapping[str, Any]) -> int | None:
    # One statement per condition, each by its own index.
    rows = [
        row
        for condition in conditions
        for row in read(
            f"SELECT runs.seen, runs.id FROM runs WHERE {condition} AND runs.kernel != :kernel AND {_REPLIED} "  # noqa: S608
            "ORDER BY runs.seen DESC, runs.id DESC LIMIT 1",
            values,
        )
    ]
    return max((row[0], row[1]) for row in rows)[1] if rows else None
