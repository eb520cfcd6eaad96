"""What of a notebook goes into its pack: what its cells give back, and what leads to it. Rolls that were rejected stay behind."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from notebook_img.store import schema
from notebook_img.store.pack_writer import runs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notebook_img.store.store import Store


@dataclass(frozen=True)
class Selection:
    """Turns of some sessions, and the runs of cells that got them."""

    turns: Mapping[str, frozenset[int]]
    """Numbers by the session's id."""
    runs: Sequence[dict[str, Any]]

    @property
    def count(self) -> int:
        """How many turns they are."""
        return sum(map(len, self.turns.values()))


def select_for_cells(store: Store, ids: Sequence[str], notebook: str) -> Selection:
    """Return what the cells of a notebook give back: what their latest runs got, named or moved to, with all it was made from.

    Parameters
    ----------
    store : Store
        Where it lies.
    ids : sequence of str
        The sessions its cells worked in.
    notebook : str
        Its path; empty where it is not known, and then every cell that got turns of these sessions counts.
    """
    of_cells: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs_of(store, ids):  # in the order the store saw them
        if not notebook or run["notebook"] in (notebook, ""):
            of_cells[run["cell"]].append(run)
    asked, whole = _asked(store, ids)
    runs = [run for of_cell in of_cells.values() for run in _given_back(of_cell, asked, whole)]
    wanted: dict[str, set[int]] = defaultdict(set)
    for run in runs:
        for session, number in _turns_of(run):
            wanted[session].add(number)
    turns = {session: _with_ancestors(store, session, wanted[session]) for session in ids if session in wanted}
    turns = {session: numbers for session, numbers in turns.items() if numbers}
    return Selection(turns, [_within(run, turns) for run in sorted(runs, key=lambda run: int(run["seen"]))])


def _asked(store: Store, ids: Sequence[str]) -> tuple[dict[int, dict[tuple[str, int], str]], set[int]]:
    """Return by run the keys of the requests that got these sessions' turns, and which of the runs came to their end."""
    replies, runs = schema.replies.c, schema.runs.c
    query = select(replies.run, replies.session_id, replies.turn, replies.request_key, runs.state)
    keys: dict[int, dict[tuple[str, int], str]] = defaultdict(dict)
    whole = set()
    with store._database.read() as connection:  # noqa: SLF001 - the same package
        for row in connection.execute(query.join(schema.runs, runs.id == replies.run).where(replies.session_id.in_(ids))):
            keys[row.run][row.session_id, row.turn] = row.request_key
            if row.state == "ok":
                whole.add(row.run)
    return keys, whole


def _given_back(
    runs: Sequence[dict[str, Any]], asked: Mapping[int, Mapping[tuple[str, int], str]], whole: set[int]
) -> Iterable[dict[str, Any]]:
    """Give a cell's latest run and what it got; a run that failed got a part, and the rest is what the runs before it got."""
    latest = runs[-1]
    got: set[str] = set()
    for run in reversed(runs):
        of_run = asked.get(run["id"], {})
        if run is latest or (not got and of_run):
            yield run
        elif rest := [list(reply) for reply, key in of_run.items() if key not in got]:
            yield {**run, "replies": rest, "named": [], "moves": []}
        got.update(of_run.values())
        if got and run["id"] in whole:
            return


def _turns_of(run: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    yield from run["replies"]
    yield from ((session, number) for _, session, number, _ in run["named"])
    for session, kind, before, after, _ in run["moves"]:
        # A new turn moves the head from a roll that may have been rejected; undo and checkout go between turns that count.
        yield from ((session, head) for head in (after, None if kind == "turn" else before) if head is not None)


def _within(run: dict[str, Any], turns: Mapping[str, frozenset[int]]) -> dict[str, Any]:
    """Return a run that names no turn which stays behind, or was deleted."""

    def known(session: str, number: int | None) -> bool:
        return number in turns.get(session, ())

    return {
        **run,
        "replies": [reply for reply in run["replies"] if known(*reply)],
        "named": [named for named in run["named"] if known(named[1], named[2])],
        "moves": [
            [session, kind, before if known(session, before) else None, after, at]
            for session, kind, before, after, at in run["moves"]
            if after is None or known(session, after)
        ],
    }


def _with_ancestors(store: Store, session: str, wanted: set[int]) -> frozenset[int]:
    """Return those of the turns that are still there, and all they come of."""
    parents = {number: parent for number, parent, _ in store.turn_numbers(session)}
    found: set[int] = set()
    for number in wanted:
        at: int | None = number
        while at is not None and at in parents and at not in found:
            found.add(at)
            at = parents[at]
    return frozenset(found)
