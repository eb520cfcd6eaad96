"""Sessions out of a store as one zip, and into another. Ids are kept, so that references to turns stay valid."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select, update

from notebook_img.errors import NotFoundError, OutputError, PackError, UsageError
from notebook_img.files import reason, sync_folder
from notebook_img.hints import Hint
from notebook_img.pictures import SUFFIXES
from notebook_img.store import pack as packs
from notebook_img.store import schema
from notebook_img.store.names import check_session_name
from notebook_img.store.picture_files import write_once
from notebook_img.store.rows import dumps, insert_turn, session_record, session_values
from notebook_img.store.sessions import free_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.store import Store


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


def export_sessions(store: Store, ids: Sequence[str], path: Path, *, raw: bool = True, force: bool = False) -> None:
    """Write sessions with their pictures into one zip.

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

    Raises
    ------
    OutputError
        When the file cannot or must not be written.
    NotFoundError
        When there is no such session.
    StoreError
        When a picture is missing or damaged.
    """
    path = Path(path).expanduser()
    _refuse_foreign(store, path, force=force)
    sessions = []
    for session_id in ids:
        session = store.session(session_id)
        if session is None:
            raise NotFoundError("A session to export was deleted. Nothing was written.")
        sessions.append((session, store.turns(session_id)))
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                _write_members(archive, _members(store, sessions, raw=raw))
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            written = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(temporary, path)  # noqa: PTH105 - the atomic form, on Windows too
        temporary = ""
        sync_folder(path.parent)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    if not store.read_only:
        store.note_written(path, written)


def import_sessions(store: Store, path: Path) -> list[Imported]:
    """Bring the sessions of an export into a store: all of them, or none.

    A session that is here already gets what it lacks. One whose turns differ from those here under the same ids comes in beside it.

    Raises
    ------
    PackError
        When the file is damaged, cut off, changed or newer; then nothing was imported.
    StoreError
        When it cannot be stored; then no session was changed.
    """
    pack = packs.Pack(Path(path).expanduser())
    pack.verify()
    _write_files(store, pack)
    with store._database.write() as connection:  # noqa: SLF001 - the same package
        names = {session.id: session.id for session in pack.sessions}
        runs = _insert_runs(connection, pack)
        done = []
        for session in pack.sessions:
            turns = [_at_run(record, runs) for record in pack.turns(session.id)]
            imported = _insert_session(connection, session, turns)
            names[session.id] = imported.session.id
            done.append(imported)
        _insert_replies(connection, pack, runs, names)
        _insert_moves(connection, pack, runs, names)
    return done


def _members(store: Store, sessions: Sequence[tuple[SessionRecord, Sequence[TurnRecord]]], *, raw: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of every member except the manifest."""
    listed: list[dict[str, Any]] = []
    pictures: dict[str, str] = {}
    states: dict[str, None] = {}
    for session, records in sessions:
        turns = []
        for record in records:
            kept = record if raw else dataclasses.replace(record, raw="")
            turns.append({name: value for name, value in dataclasses.asdict(kept).items() if name != "session_id"})
            pictures.update({use.sha256: use.mime_type for use in record.pictures})
            if kept.raw and store._raw.has_raw(kept.raw):  # noqa: SLF001
                states[kept.raw] = None
        listed.append({**dataclasses.asdict(session), "redo": [], "turns": turns})
    yield "sessions.json", dumps({"sessions": listed}).encode("utf-8", "surrogatepass")
    yield "cells.json", dumps({"runs": _runs_of(store, [session.id for session, _ in sessions])}).encode()
    for sha256, mime_type in pictures.items():
        yield f"pictures/{sha256}{SUFFIXES.get(mime_type, '.bin')}", store.read_picture(sha256)
    blobs: dict[str, None] = {}
    for name in states:
        yield f"raw/{name}.json", store._raw.raw_bytes(name, ".json")  # noqa: SLF001
        blobs.update(dict.fromkeys(sorted(store._raw.raw_references(name))))  # noqa: SLF001
    for name in blobs:
        if name not in pictures:
            yield f"raw/{name}.bin", store._raw.blob(name)  # noqa: SLF001


def _write_members(archive: zipfile.ZipFile, members: Iterator[tuple[str, bytes]]) -> None:
    manifest: dict[str, dict[str, Any]] = {}
    for name, data in members:
        manifest[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        _write(archive, name, data)
    plain = {"format": packs.FORMAT, "version": packs.VERSION, "members": manifest}
    _write(archive, "manifest.json", json.dumps(plain, indent=1).encode())


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # A fixed date: the same sessions give the same bytes, which version control likes.
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    # Pictures are compressed already.
    info.compress_type = zipfile.ZIP_STORED if name.startswith("pictures/") else zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _runs_of(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the runs that got turns of these sessions or moved their heads, with those replies and moves."""
    runs, replies, moves = schema.runs, schema.replies, schema.moves
    names = ("id", "cell", "kernel", "source_hash", "ordinal", "started", "notebook")
    of_run = select(replies.c.run).where(replies.c.session_id.in_(ids)).union(select(moves.c.run).where(moves.c.session_id.in_(ids)))
    with store._database.read() as connection:  # noqa: SLF001
        found: dict[int, dict[str, Any]] = {
            row.id: {**{name: getattr(row, name) for name in names}, "replies": [], "moves": []}
            for row in connection.execute(select(runs).where(runs.c.id.in_(of_run)).order_by(runs.c.id))
        }
        for row in connection.execute(select(replies).where(replies.c.session_id.in_(ids)).order_by(replies.c.run, replies.c.position)):
            found[row.run]["replies"].append([row.session_id, row.turn])
        for row in connection.execute(select(moves).where(moves.c.session_id.in_(ids), moves.c.run != 0).order_by(moves.c.id)):
            found[row.run]["moves"].append([row.session_id, row.kind, row.from_head, row.to_head, row.at])
    return list(found.values())


def _write_files(store: Store, pack: packs.Pack) -> None:
    """Write all files before any row: existing files stay, and files without rows do no harm."""
    for session in pack.sessions:
        for record in pack.turns(session.id):
            for use in record.pictures:
                if not store.picture_path(use.sha256, use.mime_type).is_file():
                    store.put_picture(pack.picture(use.sha256), sha256=use.sha256, mime_type=use.mime_type)
    for name in pack.members:
        if name.startswith("raw/"):
            base = Path(name)
            if len(base.stem) != 64 or base.suffix not in (".json", ".bin") or pack.members[name][0] != base.stem:
                raise PackError(f"{pack.path} is damaged or was changed: {name} is not what it says it is. Nothing was imported from it.")
            write_once(store._raw._path(base.stem, base.suffix), pack.read(name))  # noqa: SLF001


def _insert_session(connection: Connection, session: SessionRecord, turns: Sequence[TurnRecord]) -> Imported:
    table = schema.sessions
    if not _agrees(connection, session.id, turns):
        # Always the same id for the same content, so that importing it again finds it.
        told = hashlib.sha256(dumps([dataclasses.asdict(turn) for turn in turns]).encode("utf-8", "surrogatepass")).hexdigest()
        session = dataclasses.replace(session, id=hashlib.sha256(f"{session.id} {told}".encode()).hexdigest()[:16])
        turns = [dataclasses.replace(turn, session_id=session.id) for turn in turns]
    present = connection.execute(select(table).where(table.c.id == session.id)).one_or_none()
    was = session.name
    if present is None:
        session = dataclasses.replace(session, name=free_name(connection, _sound(was)))
        connection.execute(table.insert().values(**session_values(session), turns=0, last_number=0))
    else:
        was = present.name
    known = set(connection.execute(select(schema.turns.c.number).where(schema.turns.c.session_id == session.id)).scalars())
    added = [turn for turn in turns if turn.number not in known]
    for turn in added:
        insert_turn(connection, turn)
    last = connection.execute(select(func.max(schema.turns.c.number)).where(schema.turns.c.session_id == session.id)).scalar_one() or 0
    connection.execute(
        update(table)
        .where(table.c.id == session.id)
        .values(turns=len(known) + len(added), last_number=max(last, present.last_number if present else 0)),
    )
    return Imported(session_record(connection.execute(select(table).where(table.c.id == session.id)).one()), was, len(added))


def _agrees(connection: Connection, session_id: str, turns: Sequence[TurnRecord]) -> bool:
    """Return whether the store's turns with these numbers are the same turns."""
    here = {
        row.number: (row.started, row.prompt, row.content_key)
        for row in connection.execute(
            select(schema.turns.c.number, schema.turns.c.started, schema.turns.c.prompt, schema.turns.c.content_key).where(
                schema.turns.c.session_id == session_id,
            ),
        )
    }
    return all(here.get(turn.number, mine) == mine for turn in turns for mine in [(turn.started, turn.prompt, turn.content_key)])


def _sound(name: str) -> str:
    """Return a valid session name, whatever the file says."""
    try:
        return check_session_name(name)
    except UsageError:
        return "imported"


def _insert_runs(connection: Connection, pack: packs.Pack) -> dict[int, int]:
    """Insert the missing runs; return their row ids in the store by their ids in the file."""
    table = schema.runs
    ids: dict[int, int] = {}
    for run in pack.runs:
        facts = {
            "cell": run.cell,
            "kernel": run.kernel,
            "source_hash": run.source_hash,
            "ordinal": run.ordinal,
            "started": run.started,
        }
        same = select(table.c.id).where(*(table.c[name] == value for name, value in facts.items()))
        present = connection.execute(same).scalars().first()
        if present is None:
            result = connection.execute(table.insert().values(**facts, ended=run.started, state="ok", notebook=run.notebook, owner=""))
            present = int(result.lastrowid)
        ids[run.id] = int(present)
    return ids


def _insert_replies(connection: Connection, pack: packs.Pack, runs: dict[int, int], names: dict[str, str]) -> None:
    table = schema.replies
    for run in pack.runs:
        here = runs[run.id]
        if connection.execute(select(table.c.run).where(table.c.run == here).limit(1)).first():
            continue
        for position, (session_id, number) in enumerate(run.replies):
            record = pack.turn(session_id, number)
            if record is not None:
                values = {"request_key": record.request_key, "model": record.model, "session_id": names[session_id], "turn": number}
                connection.execute(table.insert().values(run=here, position=position, **values))


def _insert_moves(connection: Connection, pack: packs.Pack, runs: dict[int, int], names: dict[str, str]) -> None:
    """Insert where the cells started, for the runs of which the store knows nothing."""
    table = schema.moves
    for run in pack.runs:
        here = runs[run.id]
        if connection.execute(select(table.c.id).where(table.c.run == here).limit(1)).first():
            continue
        for session_id, kind, before, after, at in run.moves:
            if session_id in names:
                values = {"session_id": names[session_id], "kind": kind, "from_head": before, "to_head": after, "at": at}
                connection.execute(table.insert().values(run=here, **values))


def _at_run(record: TurnRecord, runs: dict[int, int]) -> TurnRecord:
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
