"""Notes of each turn in files beside the index, ``turns/SESSION.jsonl``: read only when the index has lost rows (rebuild.py).

A line is written inside the transaction that stores its turn, and taken away inside the one that deletes it. Notes hold no more than the
index does, and leave out what was sent and got.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, select

from notebook_img.errors import OutputError
from notebook_img.files import write_pieces
from notebook_img.store import json_stream, schema
from notebook_img.store.pack import PAGE
from notebook_img.store.pack_writer import plain_turn
from notebook_img.store.rows import dumps

if TYPE_CHECKING:
    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.store import Store
    from notebook_img.store.pack_schema import PackedRun

FOLDER = "turns"
_SESSION = ("id", "name", "created", "updated", "model", "notebook")
_RUN = ("id", "cell", "kernel", "source_hash", "ordinal", "started", "notebook", "seen")
_LEFT_OUT = ("sent", "got", "raw")
_Identity: TypeAlias = tuple[float, str, str]
_LONGEST = 8_000_000
"""Bytes of a line that is read."""


def add_notes(home: Path | None, connection: Connection, session: Mapping[str, Any], records: Iterable[TurnRecord]) -> None:
    """Write down turns of a session. Where that cannot be done they are stored all the same.

    Parameters
    ----------
    session : mapping
        Columns of its row.
    """
    if home is None:
        return
    facts = {name: session[name] for name in _SESSION}
    with contextlib.suppress(ValueError):
        facts["settings"] = json.loads(session["settings"])
    lines = []
    for record in records:
        plain = {name: value for name, value in plain_turn(record).items() if name not in _LEFT_OUT}
        lines.append(dumps({"session": facts, "turn": plain, "run": _run(connection, record.origin.run)}))
    # A line break in front: the last line may have been cut off by a crash.
    data = "".join(f"\n{line}\n" for line in lines).encode("utf-8", "replace")
    with contextlib.suppress(OSError):
        (home / FOLDER).mkdir(mode=0o700, exist_ok=True)
        # One call, at the end of the file whoever else writes; not synced, as they only serve where the index is lost.
        descriptor = os.open(_path(home, session["id"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


def forget_session(home: Path | None, session_id: str) -> None:
    """Take the notes of a session away."""
    if home is None:
        return
    with contextlib.suppress(OSError):
        _path(home, session_id).unlink(missing_ok=True)


def forget_turns(home: Path | None, session_id: str, numbers: Iterable[int]) -> None:
    """Take the notes of some turns away."""
    if home is None:
        return
    path, gone = _path(home, session_id), set(numbers)
    with contextlib.suppress(OSError, OutputError):
        if path.is_file():
            write_pieces(path, (b"\n" + line + b"\n" for line, note in _lines(path) if note["turn"]["number"] not in gone), private=True)


def complete_notes(store: Store, ids: Collection[str] | None = None) -> int:
    """Write down what is not written down yet (of stores that older versions made, of sessions that were imported).

    Parameters
    ----------
    ids : collection of str, optional
        Only of these sessions.

    Returns
    -------
    int
        How many turns that were.
    """
    added = 0
    home = store._database.notes  # noqa: SLF001 - the same package
    if home is None:
        return added
    # Under the write lock, so that no session is deleted while its notes are written.
    with store._database.write() as connection:  # noqa: SLF001 - the same package
        for row in connection.execute(select(schema.sessions)).all():
            session = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
            if ids is not None and session["id"] not in ids:
                continue
            path = _path(home, session["id"])
            known = {note["turn"]["number"] for _, note in _lines(path)} if path.is_file() else set()
            last = 0
            while page := store.turns(session["id"], after=last, limit=PAGE):
                lacking = [record for record in page if record.number not in known]
                if lacking:
                    add_notes(home, connection, session, lacking)
                added, last = added + len(lacking), page[-1].number
    return added


class Notes:
    """The notes of a home, in the form that sessions are imported from.

    Where numbers were given twice (an older index was put back, and went on), the later turns are those of the session; what they took the
    place of is a session of its own.
    """

    def __init__(self, home: Path) -> None:
        self._sessions: dict[str, SessionRecord] = {}
        self._turns: dict[str, dict[int, TurnRecord]] = {}
        self._runs: dict[tuple[Any, ...], PackedRun] = {}
        """Row ids of another index may be given again in this one, so a run is known by more."""
        for path in sorted((home / FOLDER).glob("*.jsonl")):
            with contextlib.suppress(OSError):
                self._read(path)

    @property
    def sessions(self) -> list[SessionRecord]:
        """Its sessions."""
        return sorted(self._sessions.values(), key=lambda session: session.created)

    @property
    def runs(self) -> list[PackedRun]:
        """The runs that got its turns, oldest first."""
        return sorted(self._runs.values(), key=lambda run: (run.seen, run.started))

    def turns(self, session_id: str) -> list[TurnRecord]:
        """Return a session's turns by number."""
        found = self._turns.get(session_id, {})
        return [found[number] for number in sorted(found)]

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""
        return self._turns.get(session_id, {}).get(number)

    def _read(self, path: Path) -> None:
        from notebook_img.store.pack_schema import session_record, turn_record, turn_values

        session: SessionRecord | None = None
        layers: list[dict[int, TurnRecord]] = [{}]
        runs: dict[tuple[int, _Identity], Any] = {}
        for _, note in _lines(path):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found = session_record(note["session"])
                record = turn_record(found.id, turn_values(note["turn"]))
                if found.id != path.stem:
                    continue
                session = found
                known = layers[-1].get(record.number)
                if known is not None and _identity(known) != _identity(record):
                    layers.append({number: turn for number, turn in layers[-1].items() if number < record.number})
                layers[-1][record.number] = record
                runs[record.number, _identity(record)] = note.get("run")
        if session is None:
            return
        for place, layer in enumerate(reversed(layers)):
            # The later one first, so that it gets the session's id and name.
            name = session.id if not place else f"{session.id}{place:08x}"
            head = max((number for number, record in layer.items() if record.kind != "ask"), default=None)
            self._sessions[name] = dataclasses.replace(session, id=name, head=head)
            # What went into several of them was got once; a turn that was made in an older one was got there.
            self._turns[name] = {
                number: self._at_run(runs.pop((number, _identity(record)), None), dataclasses.replace(record, session_id=name))
                for number, record in layer.items()
            }

    def _at_run(self, plain: Any, record: TurnRecord) -> TurnRecord:
        """Return a turn with the number its run has here, which now knows of the turn."""
        from notebook_img.store.pack_schema import run_values

        if plain is None:
            return record
        key = tuple(plain.get(name, 0) for name in _RUN)
        run = self._runs.get(key) or run_values({**plain, "id": len(self._runs) + 1})
        start = record.parent if record.parent is not None else record.head_before
        moves = run.moves if record.kind == "ask" else (*run.moves, (record.session_id, "turn", start, record.number, record.started))
        self._runs[key] = run.model_copy(update={"replies": (*run.replies, (record.session_id, record.number)), "moves": moves})
        return dataclasses.replace(record, origin=dataclasses.replace(record.origin, run=run.id))


def _identity(record: TurnRecord) -> _Identity:
    return record.started, record.prompt, record.content_key


def _run(connection: Connection, number: int) -> dict[str, Any] | None:
    row = connection.exec_driver_sql("SELECT * FROM runs WHERE id = :id", {"id": number}).mappings().first() if number else None
    return None if row is None else {name: row[name] for name in _RUN}


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Give the whole lines of a file, as they are and read."""
    with path.open("rb") as file:
        while line := file.readline(_LONGEST):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                note = json_stream.parsed(line.strip()) if line.strip() else None
                if isinstance(note, dict) and isinstance(note["turn"]["number"], int):
                    yield line.strip(), note


def _path(home: Path, session_id: str) -> Path:
    return home / FOLDER / f"{session_id}.jsonl"
