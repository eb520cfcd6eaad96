"""Sessions out of a store as one zip, and into another. Ids are kept, so that references to turns stay valid."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, func, select, update

from notebook_img.errors import NotFoundError, OutputError, PackError, UsageError
from notebook_img.files import part_name, reason, remove_left_parts, sync_folder
from notebook_img.hints import Hint
from notebook_img.store import schema
from notebook_img.store.database import insert_row
from notebook_img.store.names import check_session_name
from notebook_img.store.pack import Pack
from notebook_img.store.pack_writer import PackWriter
from notebook_img.store.rows import PART, dumps, insert_turn, session_record, session_values
from notebook_img.store.sessions import free_name
from notebook_img.store.turn_notes import complete_notes
from notebook_img.store.written import insert_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.store import Store
    from notebook_img.store.pack_schema import PackedRun
    from notebook_img.store.pack_selection import Selection


@dataclass(frozen=True)
class Imported:
    """What happened to one session of an export."""

    session: SessionRecord
    was: str
    """Its name in the export."""
    added: int
    """How many turns were new."""

    @property
    def said(self) -> str:
        """The same as a sentence."""
        turns = f"{self.added} turn{'s' if self.added != 1 else ''}"
        if self.session.name != self.was:
            return f"Session {self.was!r} was imported as {self.session.name!r}, because another session has its name: {turns}."
        return (
            f"Session {self.was!r} was imported: {turns}." if self.added else f"Session {self.was!r} was already here; nothing was added."
        )


def export_sessions(
    store: Store,
    ids: Sequence[str],
    path: Path,
    *,
    raw: bool = True,
    force: bool = False,
    only: Selection | None = None,
    keep_metadata: bool = False,
) -> list[str]:
    """Write sessions with their pictures into one zip; return what is missing from it or was left out, one sentence each.

    Pictures and raw states that are missing or damaged are left out: the rest of the work is not held back by them.

    Parameters
    ----------
    store : Store
        Where they are.
    ids : sequence of str
        Ids of the sessions.
    path : Path
        The file; one that is not ours, or was changed since, is only overwritten with `force`.
    raw : bool
        Whether the providers' raw state goes along.
    force : bool
        Overwrite whatever lies there.
    only : Selection, optional
        Which of their turns; all of them when left out.
    keep_metadata : bool
        Leave place, serial numbers and owner in the files of input pictures.

    Raises
    ------
    OutputError
        When the file cannot or must not be written.
    NotFoundError
        When there is no such session.
    """
    path = Path(path).expanduser()
    _refuse_foreign(store, path, force=force)
    sessions = [store.session(session_id) for session_id in ids]
    if None in sessions:
        raise NotFoundError("A session that was to be exported was deleted. Nothing was written.")
    temporary = path.with_name(part_name(path.name))
    try:
        remove_left_parts(path.parent)
        with temporary.open("x+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                writer = PackWriter(store, archive, raw=raw, keep_metadata=keep_metadata)
                missing = writer.write([session for session in sessions if session is not None], only)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            written = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(temporary, path)  # noqa: PTH105 - the atomic form, on Windows too
        sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    if not store.read_only:
        store.note_written(path, written)
    return missing


def import_sessions(store: Store, path: Path) -> list[Imported]:
    """Bring the sessions of an export into a store: all of them, or none.

    A session that is here already gets what it lacks. One whose turns differ from those here under the same ids comes in beside it. A
    picture that is damaged or missing here is whole again afterwards.

    Raises
    ------
    PackError
        When the file is damaged, cut off, changed or newer; then nothing was imported.
    StoreError
        When it cannot be stored; then no session was changed.
    """
    pack = Pack(Path(path).expanduser())
    pack.verify()
    _write_files(store, pack)
    done = insert_all(store, pack)
    complete_notes(store, {imported.session.id for imported in done})
    return done


def insert_all(store: Store, source: Source) -> list[Imported]:
    """Insert the sessions of a pack, or of what else has the same form, with the runs of cells that got their turns: all or nothing.

    Their notes are written later (`turn_notes.complete_notes`): here they would have to be taken back where a later row is refused.
    """
    with store._database.write() as connection:  # noqa: SLF001 - the same package
        names: dict[str, str] = {}
        runs = _insert_runs(connection, source)
        done = []
        for session in source.sessions:
            imported = _insert_session(connection, session, source, runs)
            names[session.id] = imported.session.id
            done.append(imported)
        _insert_replies(connection, source, runs, names)
        _insert_named(connection, source, runs, names)
        _insert_moves(connection, source, runs, names)
    return done


class Source(Protocol):
    """What sessions are imported from: a pack, or notes of lost turns."""

    @property
    def sessions(self) -> Sequence[SessionRecord]:
        """Its sessions."""

    @property
    def runs(self) -> Iterable[PackedRun]:
        """The runs that got their turns, oldest first."""

    def turns(self, session_id: str) -> Iterable[TurnRecord]:
        """Give a session's turns by number."""

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""


def _write_files(store: Store, pack: Pack) -> None:
    """Write all files before any row: what is there already and whole stays, and files without rows do no harm."""
    seen: set[str] = set()
    for session in pack.sessions:
        for record in pack.turns(session.id):
            for use in record.pictures:
                if use.sha256 not in seen and pack.holds_picture(use.sha256) and not store.is_whole(use.sha256):
                    store.put_stream(pack.picture_stream(use.sha256), sha256=use.sha256, mime_type=use.mime_type)
                seen.add(use.sha256)
    for name in pack.raw_names():
        if not pack.raw_is_sound(name):
            raise PackError(f"{pack.path} is damaged or was changed: {name} is not what it says it is. Nothing was imported from it.")
        path = store._raw._path(Path(name).stem, Path(name).suffix)  # noqa: SLF001
        shelf = store._database.shelf  # noqa: SLF001
        if not shelf.is_whole(path):
            shelf.put_pieces(path, pack.stream(name), path.stem)


def _insert_session(connection: Connection, session: SessionRecord, source: Source, runs: Mapping[int, int]) -> Imported:
    table, there = schema.sessions, session.id
    if not _agrees(connection, session.id, source.turns(there)):
        # Always the same id for the same content, so that importing it again finds it.
        told = hashlib.sha256(b"[")
        for number, record in enumerate(source.turns(there)):
            told.update(f"{',' if number else ''}{dumps(dataclasses.asdict(_at_run(record, runs)))}".encode("utf-8", "surrogatepass"))
        told.update(b"]")
        session = dataclasses.replace(session, id=hashlib.sha256(f"{session.id} {told.hexdigest()}".encode()).hexdigest()[:16])
    present = connection.execute(select(table).where(table.c.id == session.id)).one_or_none()
    was = session.name
    if present is None:
        session = dataclasses.replace(session, name=free_name(connection, _sound(was)))
        connection.execute(table.insert().values(**session_values(session), turns=0, last_number=0))
    else:
        was = present.name
    known = set(connection.execute(select(schema.turns.c.number).where(schema.turns.c.session_id == session.id)).scalars())
    here, added, heads = len(known), 0, set()
    for record in source.turns(there):
        if record.kind != "ask":
            heads.add(record.number)
        if record.number not in known:
            insert_turn(connection, dataclasses.replace(_at_run(record, runs), session_id=session.id))
            added += 1
    values: dict[str, Any] = {"turns": here + added}
    last = connection.execute(select(func.max(schema.turns.c.number)).where(schema.turns.c.session_id == session.id)).scalar_one() or 0
    values["last_number"] = max(last, present.last_number if present else 0)
    if present is None and session.head not in heads:
        values["head"] = max(heads, default=None)
    connection.execute(update(table).where(table.c.id == session.id).values(**values))
    return Imported(session_record(connection.execute(select(table).where(table.c.id == session.id)).one()), was, added)


def _agrees(connection: Connection, session_id: str, turns: Iterable[TurnRecord]) -> bool:
    """Return whether the turns here under the same numbers are the same turns."""
    columns = schema.turns.c
    query = select(columns.number, columns.started, columns.prompt, columns.content_key).where(columns.session_id == session_id)
    left = iter(turns)
    while page := {turn.number: (turn.started, turn.prompt, turn.content_key) for turn in itertools.islice(left, PART)}:
        for row in connection.execute(query.where(columns.number.in_(page))):
            if page[row.number] != (row.started, row.prompt, row.content_key):
                return False
    return True


def _sound(name: str) -> str:
    """Return a valid session name, whatever the file says."""
    try:
        return check_session_name(name)
    except UsageError:
        return "imported"


def _insert_runs(connection: Connection, source: Source) -> dict[int, int]:
    """Insert the runs that are not here; return their row ids here by their ids there."""
    table, insert = schema.runs, insert_into(schema.runs)
    ids: dict[int, int] = {}
    for run in source.runs:
        facts = {name: getattr(run, name) for name in ("cell", "kernel", "source_hash", "started")}
        same = select(table.c.id).where(*(table.c[name] == value for name, value in facts.items()))
        present = connection.execute(same).scalars().first()
        if present is None:
            # Another home's numbers say nothing among ours; of equal ones the row that came later counts as the later run.
            seen = _seen_before(connection, run.started) or run.seen
            values = {
                **facts,
                "ordinal": run.ordinal,
                "seen": seen,
                "ended": run.started,
                "state": "ok",
                "notebook": run.notebook,
                "owner": "",
            }
            present = insert_row(connection, insert, values)
        ids[run.id] = int(present)
    return ids


def _seen_before(connection: Connection, started: float) -> int:
    """Return where a run of another home stands among those here: only its clock tells."""
    query = select(func.max(schema.runs.c.seen)).where(schema.runs.c.started <= started)
    return int(connection.execute(query).scalar_one() or 0)


def _insert_replies(connection: Connection, source: Source, runs: Mapping[int, int], names: Mapping[str, str]) -> None:
    table = schema.replies
    for run in source.runs:
        here = runs[run.id]
        if connection.execute(select(table.c.run).where(table.c.run == here).limit(1)).first():
            continue
        for position, (session_id, number) in enumerate(run.replies):
            record = source.turn(session_id, number)
            if record is not None:
                values = {"request_key": record.request_key, "model": record.model, "session_id": names[session_id], "turn": number}
                connection.execute(table.insert().values(run=here, position=position, **values))


def _insert_named(connection: Connection, source: Source, runs: Mapping[int, int], names: Mapping[str, str]) -> None:
    statement = insert_into(schema.named, unless_there=True)
    for run in source.runs:
        for word, session_id, number, own in run.named:
            values = {"run": runs[run.id], "word": word, "session_id": names.get(session_id, session_id), "turn": number, "own": int(own)}
            connection.exec_driver_sql(statement, values)


def _insert_moves(connection: Connection, source: Source, runs: Mapping[int, int], names: Mapping[str, str]) -> None:
    """Insert where the cells started, for the runs of which nothing is known here."""
    table = schema.moves
    for run in source.runs:
        here = runs[run.id]
        if connection.execute(select(table.c.id).where(table.c.run == here).limit(1)).first():
            continue
        for session_id, kind, before, after, at in run.moves:
            if session_id in names:
                values = {"session_id": names[session_id], "kind": kind, "from_head": before, "to_head": after, "at": at}
                connection.execute(table.insert().values(run=here, **values))


def _at_run(record: TurnRecord, runs: Mapping[int, int]) -> TurnRecord:
    return dataclasses.replace(record, origin=dataclasses.replace(record.origin, run=runs.get(record.origin.run, 0)))


def _refuse_foreign(store: Store, path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Name a file in it: {path / 'fox.zip'}.")
    if not path.exists() or force:
        return
    with path.open("rb") as file:
        present = hashlib.file_digest(file, "sha256").hexdigest()
    if store.last_written(path) != present:
        raise OutputError(
            f"{path} already exists and was not written by notebook_img (or was changed since), so it was not overwritten.",
            hint=Hint("force"),
        )
