"""Runs of cells, the replies each run got, and the head moves it made: what replay and places are decided from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import Connection, func, select, update

from notebook_img.store import schema
from notebook_img.store.database import insert_row, now
from notebook_img.store.latest_run import find_place
from notebook_img.store.owner import is_alive, this_process
from notebook_img.store.people import as_here
from notebook_img.store.rows import sound
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.store.database import Database
    from notebook_img.store.rows import AnyRow

RunState: TypeAlias = Literal["running", "ok", "failed"]
MoveKind: TypeAlias = Literal["turn", "undo", "redo", "checkout", "resume"]
"""A new turn moves the head from its parent; the other kinds move it among existing turns."""


@dataclass(frozen=True)
class RunRecord:
    """One run of one cell."""

    id: int
    cell: str
    """Key of the cell (see replay/cells.py)."""
    kernel: str
    """Random id of the kernel it ran in."""
    source_hash: str
    ordinal: int
    """Its place among the cells of this source, from 1."""
    started: float
    ended: float | None
    state: RunState
    notebook: str = ""
    seen: int = 0
    """Its place in the order the store saw runs in."""


@dataclass(frozen=True)
class ReplyRecord:
    """One request of a run and the turn that answered it, new or replayed."""

    run: int
    position: int
    """From 0."""
    request_key: str
    model: str
    """The model that answered, as provider:model."""
    session_id: str
    turn: int


@dataclass(frozen=True)
class MoveRecord:
    """A move of a head that a run made."""

    id: int
    session_id: str
    run: int
    """0 outside a cell."""
    kind: str
    from_head: int | None
    to_head: int | None
    at: float


class Cells:
    """Runs, replies and moves. In a store that cannot be written none is recorded, so that it can be replayed all the same."""

    _database: Database

    def start_run(self, cell: str, *, kernel: str, source_hash: str, ordinal: int = 0, notebook: str = "") -> int:
        """Record that a cell starts; return the run's id, 0 in a store that cannot be written.

        A cell with an id keeps the place it had among equal cells when it first ran: in a later kernel its neighbours may not have run yet.
        """
        if self._database.read_only:
            return 0
        values: dict[str, Any] = {
            "cell": cell,
            "kernel": kernel,
            "source_hash": source_hash,
            "ordinal": ordinal,
            "ended": None,
            "state": "running",
            "notebook": notebook,
            "owner": this_process(),
        }
        with self._database.write() as connection:
            values |= {"seen": next_place(connection), "started": now(connection)}
            if cell.startswith("id:"):
                known = find_place(lambda query, told: connection.exec_driver_sql(query, told).all(), cell, source_hash)
                values["ordinal"] = known or ordinal
            return insert_row(connection, _INSERT_RUN, values)

    def end_run(self, run: int, state: RunState) -> None:
        """Record how a run ended: ``ok`` or ``failed`` (also when it was stopped)."""
        with self._database.write() as connection:
            connection.execute(update(schema.runs).where(schema.runs.c.id == run).values(state=state, ended=now(connection)))

    def run(self, run: int) -> RunRecord | None:
        """Return one run."""
        with self._database.read() as connection:
            row = connection.execute(select(schema.runs).where(schema.runs.c.id == run)).one_or_none()
        return _run_record(row) if row else None

    def runs(self, cell: str | None = None) -> list[RunRecord]:
        """Return runs, of one cell or of all, latest first."""
        query = select(schema.runs).order_by(schema.runs.c.id.desc())
        if cell is not None:
            query = query.where(schema.runs.c.cell == cell)
        with self._database.read() as connection:
            return [_run_record(row) for row in connection.execute(query)]

    def note_reply(self, run: int, request_key: str, model: str, session_id: str, turn: int, *, position: int | None = None) -> int:
        """Record the turn a run's request got; return its position in the run: the next one from 0, or the one given."""
        if self._database.read_only:
            return position or 0
        table = schema.replies
        with self._database.write() as connection:
            if position is None:
                last = connection.execute(select(func.max(table.c.position)).where(table.c.run == run)).scalar_one()
                position = 0 if last is None else int(last) + 1
            connection.execute(
                table.insert().values(
                    run=run,
                    position=position,
                    request_key=request_key,
                    model=model,
                    session_id=session_id,
                    turn=turn,
                ),
            )
        return position

    def note_replies(self, run: int, replies: Sequence[tuple[int, str, str, str, int]]) -> None:
        """Record many at once, each as position, request key, model, session id and turn: what a batch had already."""
        if self._database.read_only or not replies:
            return
        with self._database.write() as connection:
            connection.exec_driver_sql(
                _PUT_REPLY,
                [
                    dict(zip(("run", "position", "request_key", "model", "session_id", "turn"), (run, *reply), strict=True))
                    for reply in replies
                ],
            )

    def replies(self, run: int) -> list[ReplyRecord]:
        """Return what a run got, in order. A turn may have been deleted since."""
        query = select(schema.replies).where(schema.replies.c.run == run).order_by(schema.replies.c.position)
        with self._database.read() as connection:
            return [ReplyRecord(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name

    def note_refusal(self, run: int, position: int, request_key: str, model: str, said: str) -> None:
        """Record that a service refused a request of a run, and in which words."""
        if self._database.read_only:
            return
        values = {"run": run, "position": position, "request_key": request_key, "model": model, "said": said[:10_000]}
        with self._database.write() as connection:
            connection.exec_driver_sql(_INSERT_REFUSAL, sound(values))

    def note_named(self, run: int, word: str, session_id: str, turn: int, *, own: bool) -> None:
        """Record the turn an id meant that was typed in a cell."""
        if self._database.read_only:
            return
        values = {"run": run, "word": word, "session_id": session_id, "turn": turn, "own": int(own)}
        with self._database.write() as connection:
            connection.exec_driver_sql(_INSERT_NAMED, values)

    def note_move(self, session_id: str, *, kind: MoveKind, from_head: int | None, to_head: int | None, run: int = 0) -> int:
        """Record that a head moved; return the move's id."""
        if self._database.read_only:
            return 0
        with self._database.write() as connection:
            values = {"session_id": session_id, "run": run, "kind": kind, "from_head": from_head, "to_head": to_head, "at": now(connection)}
            return insert_row(connection, _INSERT_MOVE, values)

    def moves(self, session_id: str) -> list[MoveRecord]:
        """Return a session's head moves, oldest first."""
        query = select(schema.moves).where(schema.moves.c.session_id == session_id).order_by(schema.moves.c.id)
        with self._database.read() as connection:
            return [MoveRecord(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001


_INSERT_RUN = insert_into(schema.runs)
_INSERT_MOVE = insert_into(schema.moves)
_PUT_REPLY = insert_into(schema.replies, or_replace=True)
_INSERT_REFUSAL = insert_into(schema.refusals, unless_there=True)
_INSERT_NAMED = insert_into(schema.named, unless_there=True)


def next_place(connection: Connection) -> int:
    """Return the next number in the order the store sees runs in."""
    return int(connection.exec_driver_sql("SELECT coalesce(max(seen), 0) + 1 FROM runs").scalar_one())


def fail_ended_runs(connection: Connection) -> int:
    """Mark runs as failed whose process has ended; return how many."""
    rows = connection.execute(select(schema.runs.c.id, schema.runs.c.owner).where(schema.runs.c.state == "running")).all()
    ended = [row.id for row in rows if is_alive(row.owner) is False]
    if ended:
        connection.execute(update(schema.runs).where(schema.runs.c.id.in_(ended)).values(state="failed"))
    return len(ended)


def _run_record(row: AnyRow) -> RunRecord:
    fields = dict(row._mapping)  # noqa: SLF001
    fields.pop("owner")
    return RunRecord(**{**fields, "notebook": as_here(fields["notebook"])})
