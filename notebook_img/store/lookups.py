"""What replay asks of the store: the last question, a turn's line, a cell's latest run and where its runs started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, literal, literal_column, select, text, tuple_

from notebook_img.store import jumps, schema
from notebook_img.store.database import now
from notebook_img.store.latest_run import NO_KERNEL, find_claimed, find_latest, find_named, find_replies
from notebook_img.store.owner import is_alive, this_process
from notebook_img.store.rows import PART, USE_COLUMNS, Cells, picture_use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import ColumnElement

    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.store.database import Database
    from notebook_img.store.latest_run import KnownCell, NamedTurn, Read
    from notebook_img.store.picture_files import PictureFiles
    from notebook_img.store.rows import AnyRow

ELSEWHERE = 3600.0
"""Seconds for which a process on another host is taken to run: longer than a service takes for a picture."""
FIRST_PAGE = 8
"""Earlier runs of a cell that are read at first: where it starts is nearly always known from the latest."""
MOST_RUNS = 20
"""Earlier runs of a cell in which a reply is looked for."""


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
    _files: PictureFiles

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
        if alive is not None:
            return alive
        with self._database.read() as connection:
            return now(connection) - since < ELSEWHERE

    def owns(self, path: Path) -> bool:
        """Return whether a file lies in this store."""
        return path.is_relative_to(self.home)

    def has_file(self, use: PictureUse) -> bool:
        """Return whether the file of a picture is there and as long as it should be; `is_whole` reads it."""
        return self._files.size(use.sha256, use.mime_type) == use.bytes

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
        query = select(runs.id, runs.seen).where(runs.cell == cell).order_by(runs.seen.desc(), runs.id.desc())
        if before_run is not None:
            query = query.where(runs.id != before_run)
        size, last = FIRST_PAGE, None
        while True:
            page = query if last is None else query.where(tuple_(runs.seen, runs.id) < tuple_(last.seen, last.id))
            with self._database.read() as connection:
                rows = connection.execute(page.limit(size)).all()
                found: dict[int, list[AnyRow]] = {row.id: [] for row in rows}
                # Without the plus SQLite goes through all moves of the session instead of those of the few runs.
                here = literal_column("+moves.session_id") == literal(session_id)
                own = select(moves).where(here, moves.c.run.in_(found)).order_by(moves.c.id)
                for move in connection.execute(own):
                    found[move.run].append(move)
            for run, made in found.items():
                yield from (CellMove(run, move.to_head, made[0].from_head) for move in reversed(made))
            if len(rows) < size:
                return
            size, last = min(2 * size, PART), rows[-1]

    def latest_replies(self, cell: KnownCell, *, not_kernel: str = NO_KERNEL) -> list[HeldReply]:
        """Return what the latest run of a cell got, in order (see latest_run.py); a deleted turn keeps its place in it.

        Parameters
        ----------
        cell : KnownCell
            What it is known by.
        not_kernel : str
            Leave out the runs of this kernel.
        """
        with self._database.read() as connection:
            found = find_latest(_reader(connection), cell, not_kernel=not_kernel)
            return _held(connection, schema.replies.c.run == found.run) if found is not None else []

    def refusal(self, cell: KnownCell, request_key: str, model: str, *, not_kernel: str = NO_KERNEL) -> str | None:
        """Return the words in which a request of a cell's latest run was refused, if that run came to a good end all the same."""
        query = (
            "SELECT said FROM refusals JOIN runs ON runs.id = refusals.run "
            "WHERE run = :run AND request_key = :request_key AND model = :model AND state = 'ok' LIMIT 1"
        )
        with self._database.read() as connection:
            found = find_latest(_reader(connection), cell, not_kernel=not_kernel)
            values = {"run": found.run if found is not None else 0, "request_key": request_key, "model": model}
            said = connection.exec_driver_sql(query, values).scalar_one_or_none()
        return None if said is None else str(said)

    def earlier_replies(self, cell: KnownCell, request_key: str, *, not_kernel: str = NO_KERNEL) -> list[list[HeldReply]]:
        """Return what any run of a cell got for one request, the latest run first."""
        with self._database.read() as connection:
            found = find_latest(_reader(connection), cell, not_kernel=not_kernel)
            if found is None:
                return []
            table = schema.replies.c
            runs = find_replies(_reader(connection), found, request_key)[:MOST_RUNS]
            return [_held(connection, (table.run == run) & (table.request_key == request_key)) for run in runs]

    def claimed_replies(
        self, request_key: str, *, notebooks: Sequence[str], session_id: str, not_kernel: str = NO_KERNEL
    ) -> list[TurnRecord]:
        """Return the turns that answered a request and are what a cell of these notebooks got in its latest run.

        Also those of a session that no cell got (a panel's, a command line's, an agent's, a fetched job's), the latest first. Copies
        that were made for an id (a cell without a kernel, see replay/typed_ids.py) may be of rejected rolls, and are not among them.
        """
        with self._database.read() as connection:
            found = find_claimed(_reader(connection), request_key, notebooks=notebooks, session_id=session_id, not_kernel=not_kernel)
            # The plus keeps SQLite from going through all turns of the session in their order.
            query = (
                "SELECT number FROM turns WHERE request_key = :key AND +session_id = :session AND NOT EXISTS (SELECT 1 FROM replies "
                "WHERE replies.session_id = turns.session_id AND replies.turn = turns.number) AND NOT (cell != '' AND kernel = '') "
                "ORDER BY number DESC LIMIT 100"
            )
            rows = connection.exec_driver_sql(query, {"key": request_key, "session": session_id}).scalars()
            found += [(session_id, int(number)) for number in rows]
        records = [self.turn(session, number) for session, number in dict.fromkeys(found)]  # type: ignore[attr-defined]
        return [record for record in records if record is not None]

    def claimed_first(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered a request as a pack gives them: what a cell got in its latest run first, then the others."""
        with self._database.read() as connection:
            claimed = find_claimed(_reader(connection), request_key, notebooks=(), everything=True)
        every = {(record.session_id, record.number): record for record in self.find_replies(request_key)}  # type: ignore[attr-defined]
        return [every[name] for name in dict.fromkeys([*claimed, *every]) if name in every]

    def named_in(self, cell: KnownCell) -> list[NamedTurn]:
        """Return what the ids typed in a cell meant in its latest run that had any."""
        with self._database.read() as connection:
            return find_named(_reader(connection), cell)

    def same_content(self, content: str) -> list[str]:
        """Return the hashes of the files that look the same (see `PictureUse.content`)."""
        query = "SELECT DISTINCT sha256 FROM uses WHERE content = :content AND content != '' LIMIT 100"
        with self._database.read() as connection:
            return list(connection.exec_driver_sql(query, {"content": content}).scalars())

    def from_address(self, address: str) -> list[PictureUse]:
        """Return the pictures that came from a URL, by its hash, the latest first."""
        table = schema.uses.c
        query = (
            select(*USE_COLUMNS)
            .join(schema.pictures, schema.pictures.c.sha256 == table.sha256)
            .where(table.address == address, table.address != "")
            .order_by(table.id.desc())
            .limit(100)
        )
        with self._database.read() as connection:
            found = [picture_use(row) for row in connection.execute(query)]
        return list({use.sha256: use for use in found}.values())

    def counterpart(self, session_id: str, of: TurnRecord) -> int | None:
        """Return the turn of a session that is a copy of another one: the same reply to the same request."""
        query = (
            "SELECT number FROM turns WHERE request_key = :request_key AND +session_id = :session "
            "AND content_key = :content_key AND started = :started ORDER BY number DESC LIMIT 1"
        )
        values = {"request_key": of.request_key, "session": session_id, "content_key": of.content_key, "started": of.started}
        with self._database.read() as connection:
            found = connection.exec_driver_sql(query, values).scalar_one_or_none() if of.content_key else None
        return int(found) if found is not None else None


def _reader(connection: Connection) -> Read:
    return lambda query, values: connection.execute(text(query), values).all()


def _held(connection: Connection, where: ColumnElement[bool]) -> list[HeldReply]:
    """Return the replies of a run, joined with their turns."""
    replies, turns = schema.replies.c, schema.turns.c
    query = (
        select(
            *(replies.session_id, replies.turn, replies.request_key, replies.model.label("answered")),
            *(turns.model, turns.started, turns.asked, turns.content_key),
        )
        .select_from(schema.replies.outerjoin(schema.turns, and_(turns.session_id == replies.session_id, turns.number == replies.turn)))
        .where(where)
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
        for row in connection.execute(query)
    ]
