"""What replay asks of the store: the last question, a turn's line, a cell's latest run and where its runs started."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, literal_column, select, tuple_

from notebook_img.store import jumps, schema
from notebook_img.store.owner import is_alive, this_process
from notebook_img.store.rows import PART, Cells

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notebook_img.records import TurnRecord
    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow

ELSEWHERE = 3600.0
"""Seconds for which a process on another host is taken to run: longer than a service takes for a picture."""
FIRST_PAGE = 8
"""Earlier runs of a cell that are read at first: where it starts is nearly always known from the latest."""


@dataclass(frozen=True)
class HeldReply:
    """A reply an earlier run of a cell got, joined with its turn."""

    session_id: str
    number: int
    request_key: str
    model: str
    """``provider:model`` that answered."""
    started: float
    wanted: str = ""
    """The model it was asked of, where another name answered."""
    content: str = ""
    """`content_key` of the turn; empty when it was deleted."""


@dataclass(frozen=True)
class CellMove:
    """A head move by an earlier run of a cell, with where that run started."""

    run: int
    to_head: int | None
    run_start: int | None


class Lookups:
    """Queries of replay and places."""

    home: Path
    _database: Database

    @property
    def owner(self) -> str:
        """``host:pid:start`` of this process."""
        return this_process()

    def alive(self, owner: str, since: float) -> bool:
        """Return whether a process may still run.

        Parameters
        ----------
        owner : str
            ``host:pid:start``.
        since : float
            When it was last heard of, seconds since the epoch. One on another host is taken to run for `ELSEWHERE` seconds from then on:
            a new container has another host name, and the old one's jobs must not wait for ever.
        """
        alive = is_alive(owner)
        return time.time() - since < ELSEWHERE if alive is None else alive

    def owns(self, path: Path) -> bool:
        """Return whether a file lies in this store."""
        return path.is_relative_to(self.home)

    def last_question(self, session_id: str) -> TurnRecord | None:
        """Return the latest question of a session."""
        # Written out and named: SQLite takes the index of questions only where it sees the word, not a parameter, and
        # without statistics it may prefer to go through all turns.
        query = (
            "SELECT number FROM turns INDEXED BY questions_by_number "
            "WHERE session_id = :session AND kind = 'ask' ORDER BY number DESC LIMIT 1"
        )
        with self._database.read() as connection:
            number = connection.exec_driver_sql(query, {"session": session_id}).scalar_one_or_none()
        return self.turn(session_id, int(number)) if number is not None else None  # type: ignore[attr-defined]

    def branch_of(self, session_id: str, agent: str) -> int | None:
        """Return the turn an agent made last in a session, if no person has made one since."""
        query = (
            "SELECT number, surface FROM turns WHERE session_id = :session AND kind != 'ask' "
            "AND (surface != 'agent' OR origin_name = :agent) ORDER BY number DESC LIMIT 1"
        )
        with self._database.read() as connection:
            row = connection.exec_driver_sql(query, {"session": session_id, "agent": agent}).first()
        return int(row.number) if row is not None and row.surface == "agent" else None

    def has_turn(self, session_id: str, number: int) -> bool:
        """Return whether there is such a turn: the quick part of `turn`."""
        query = "SELECT 1 FROM turns WHERE session_id = :session AND number = :number"
        with self._database.read() as connection:
            return connection.exec_driver_sql(query, {"session": session_id, "number": number}).first() is not None

    def descends(self, session_id: str, number: int, ancestor: int) -> bool:
        """Return whether a turn is `ancestor` or comes of it."""
        with self._database.read() as connection:
            return jumps.descends(connection, session_id, number, ancestor)

    def start_of_line(self, session_id: str, number: int) -> int:
        """Return the first turn of the line a turn stands in."""
        with self._database.read() as connection:
            return jumps.start_of_line(connection, session_id, number)

    def cell_moves(self, session_id: str, cell: str, *, before_run: int | None = None) -> Iterator[CellMove]:
        """Give the head moves of a cell's earlier runs in a session, latest first, read as far as they are asked for."""
        runs, moves = schema.runs.c, schema.moves
        # By time, not by row: runs of another home may have been imported after later ones of this.
        query = select(runs.id, runs.started).where(runs.cell == cell).order_by(runs.started.desc(), runs.id.desc())
        if before_run is not None:
            query = query.where(runs.id != before_run)
        size, last = FIRST_PAGE, None
        while True:
            page = query if last is None else query.where(tuple_(runs.started, runs.id) < tuple_(last.started, last.id))
            with self._database.read() as connection:
                rows = connection.execute(page.limit(size)).all()
                found: dict[int, list[AnyRow]] = {row.id: [] for row in rows}
                # Without the plus SQLite goes through all moves of the session instead of those of the few runs.
                own = select(moves).where(literal_column("+moves.session_id") == session_id, moves.c.run.in_(found)).order_by(moves.c.id)
                for move in connection.execute(own):
                    found[move.run].append(move)
            for run, made in found.items():
                yield from (CellMove(run, move.to_head, made[0].from_head) for move in reversed(made))
            if len(rows) < size:
                return
            size, last = min(2 * size, PART), rows[-1]

    def latest_replies(
        self, cell: str, *, source_hash: str, ordinal: int, not_kernel: str | None = None, notebook: str = ""
    ) -> list[HeldReply]:
        """Return what the latest run of a cell got, in order; a deleted turn keeps its place in it.

        Parameters
        ----------
        cell : str
            The cell's key. One that has never run under it is looked for by its source: the notebook may have been run before by
            something that tells cell ids, or that tells none.
        source_hash, ordinal : str, int
            Among cells of that source the `ordinal`-th one is meant.
        not_kernel : str, optional
            Only runs in other kernels.
        notebook : str
            Runs of this notebook come first: a copy of it has the same cells. Another one's count where it has none, as it may have moved.
        """
        runs, replies, turns = schema.runs.c, schema.replies.c, schema.turns.c
        # By time, not by row: runs of another home may have been imported after later ones of this.
        query = select(runs.id, runs.cell).where(exists().where(replies.run == runs.id)).order_by(runs.started.desc(), runs.id.desc())
        if not_kernel is not None:
            query = query.where(runs.kernel != not_kernel)
        places = [query.where(runs.notebook == notebook), query] if notebook else [query]
        with self._database.read() as connection:
            found = (connection.execute(place.where(runs.cell == cell).limit(1)).scalar() for place in places)
            run = next((run for run in found if run is not None), None)
            if run is None:
                alike = (
                    self._by_source(list(connection.execute(place.where(runs.source_hash == source_hash))), ordinal) for place in places
                )
                run = next((run for run in alike if run is not None), None)
            if run is None:
                return []
            held = (
                select(
                    *(replies.session_id, replies.turn, replies.request_key, replies.model.label("answered")),
                    *(turns.model, turns.started, turns.asked, turns.content_key),
                )
                .select_from(
                    schema.replies.outerjoin(schema.turns, and_(turns.session_id == replies.session_id, turns.number == replies.turn))
                )
                .where(replies.run == run)
                .order_by(replies.position)
            )
            return [
                HeldReply(
                    row.session_id,
                    row.turn,
                    row.request_key,
                    row.model or row.answered,
                    row.started or 0.0,
                    str(Cells(row).json("asked", dict).get("model") or "") if row.asked else "",
                    row.content_key or "",
                )
                for row in connection.execute(held)
            ]

    def sessions_of_notebook(self, notebook: str, current: str) -> list[str]:
        """Return the ids of the sessions whose turns the cells of a notebook got, the current one first."""
        runs, replies = schema.runs.c, schema.replies.c
        query = (
            select(replies.session_id)
            .distinct()
            .select_from(schema.replies.join(schema.runs, runs.id == replies.run))
            .join(schema.sessions, schema.sessions.c.id == replies.session_id)
            .where(runs.notebook == notebook)
        )
        with self._database.read() as connection:
            found = [] if not notebook else [str(row) for row in connection.execute(query).scalars()]
        return [current, *(other for other in found if other != current)]

    @staticmethod
    def _by_source(rows: list[AnyRow], ordinal: int) -> int | None:
        """Return the latest run of the `ordinal`-th cell of that source, in the order the cells first ran."""
        latest: dict[str, int] = {}
        for row in rows:
            latest.setdefault(row.cell, int(row.id))
        # The rows come latest first, so the cell that is seen first from the end ran first.
        cells = list(dict.fromkeys(row.cell for row in reversed(rows)))
        return latest[cells[ordinal - 1]] if 1 <= ordinal <= len(cells) else None
