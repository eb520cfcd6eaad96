"""Reading a pack or an export: one zip with sessions, pictures and raw state, every member checked against its hash when it is read.

The member ``manifest.json`` has the version and the size and sha256 of every other one. Nothing is ever unpacked by name. A pack may come
from anybody: what is read of it has a schema and limits, is kept in a temporary file and not in memory, and whatever is wrong with it is a
`PackError`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import sqlite3
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from notebook_img.errors import NotebookImgError, PackError
from notebook_img.files import reason
from notebook_img.ids import turn_id
from notebook_img.pictures import sniff
from notebook_img.store import json_stream, zip_members
from notebook_img.store.latest_run import NAMED, PLACES, NamedTurn, find_claimed, find_latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from notebook_img.records import PictureUse, SessionRecord, TurnRecord
    from notebook_img.store.latest_run import KnownCell
    from notebook_img.store.pack_schema import PackedRun

VERSION = 2
"""1: without the pictures that were missing when it was written (``missing`` in the manifest)."""
FORMAT = "notebook_img sessions"
MANIFEST = "manifest.json"
MOST_BYTES = 1 << 30
"""Largest member that is read."""
MOST_ROWS = 1_000_000
"""Most turns, and most runs."""
PAGE = 200
NO_HASH = "none"
"""Of a member whose size is not the one the manifest says."""

_TABLES = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;
CREATE TABLE members (name TEXT PRIMARY KEY, method, packed, size, offset, sha256 TEXT) WITHOUT ROWID;
CREATE TABLE gone (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sessions (position INTEGER PRIMARY KEY, id TEXT UNIQUE, facts TEXT);
CREATE TABLE turns (session INTEGER, number INTEGER, request_key TEXT, started REAL, facts TEXT);
CREATE UNIQUE INDEX turns_by_number ON turns (session, number);
CREATE TABLE uses (sha256 TEXT, session INTEGER, number INTEGER, content TEXT, address TEXT);
CREATE INDEX uses_by_content ON uses (content) WHERE content != '';
CREATE INDEX uses_by_address ON uses (address) WHERE address != '';
CREATE INDEX turns_by_request ON turns (request_key);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, cell TEXT, kernel TEXT, source_hash TEXT, ordinal INTEGER, notebook TEXT, seen INTEGER, facts TEXT
);
CREATE INDEX runs_by_cell ON runs (cell, seen);
CREATE INDEX runs_by_source ON runs (source_hash, ordinal, seen);
CREATE TABLE replies (
    run INTEGER, position INTEGER, session_id TEXT, turn INTEGER, request_key TEXT, PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE named (run INTEGER, word TEXT, session_id TEXT, turn INTEGER, own INTEGER);
CREATE INDEX named_by_run ON named (run);
CREATE INDEX replies_by_request ON replies (request_key);
"""

_INSERT_RUN = "INSERT INTO runs (cell, kernel, source_hash, ordinal, notebook, seen, facts) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_REPLY = """
INSERT INTO replies (run, position, session_id, turn, request_key) VALUES (?, ?, ?, ?, coalesce(
    (SELECT request_key FROM turns JOIN sessions ON sessions.position = turns.session WHERE sessions.id = ? AND turns.number = ?), ''
))
"""


class Pack:
    """A file written by `export_sessions`, opened for reading.

    Parameters
    ----------
    path : Path
        The zip.

    Raises
    ------
    PackError
        When it is no such file, damaged, or newer than this version. Every method may raise it too.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        self._is_read = False
        with self._told():
            # Without a name SQLite keeps it in memory while it is small, and in a temporary file of its own from then on.
            self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            weakref.finalize(self, self._index.close)
            self._index.executescript(_TABLES)
            self._list_members()

    # What is in it

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.name

    @property
    def sessions(self) -> list[SessionRecord]:
        """Its sessions."""
        return [record for _, record in self._sessions()]

    def turns(self, session_id: str) -> Iterator[TurnRecord]:
        """Give a session's turns by number."""
        last = 0
        while rows := self._rows(
            "SELECT number, facts FROM turns WHERE session = (SELECT position FROM sessions WHERE id = ?) AND number > ? "
            "ORDER BY number LIMIT ?",
            session_id,
            last,
            PAGE,
        ):
            yield from (_record(session_id, facts) for _, facts in rows)
            last = rows[-1][0]

    def some_turns(self, most: int) -> list[TurnRecord]:
        """Return up to so many turns."""
        every = itertools.chain.from_iterable(self.turns(session.id) for session in self.sessions)
        return list(itertools.islice(every, most))

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""
        rows = self._rows(
            "SELECT facts FROM turns WHERE session = (SELECT position FROM sessions WHERE id = ?) AND number = ?", session_id, number
        )
        return _record(session_id, rows[0][0]) if rows else None

    def count_turns(self, session_id: str) -> int:
        """Return how many turns a session has."""
        [(count,)] = self._rows("SELECT count(*) FROM turns WHERE session = (SELECT position FROM sessions WHERE id = ?)", session_id)
        return int(count)

    def find_replies(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered a request: what a cell got in its latest run first, then the others, oldest first."""
        if not request_key:
            return []
        claimed = find_claimed(self._read, request_key, notebooks=(), everything=True)
        rows = self._rows(
            "SELECT sessions.id, turns.number FROM turns JOIN sessions ON sessions.position = turns.session "
            "WHERE request_key = ? ORDER BY started, number",
            request_key,
        )
        return self._turns_named(dict.fromkeys([*claimed, *((session, number) for session, number in rows)]))

    @property
    def runs(self) -> Iterator[PackedRun]:
        """The runs of cells that got its turns, oldest first."""
        from notebook_img.store.pack_schema import run_values

        last = -1
        while rows := self._rows("SELECT id, ordinal, facts FROM runs WHERE id > ? ORDER BY id LIMIT ?", last, PAGE):
            yield from (run_values({**json.loads(facts), "ordinal": ordinal}) for _, ordinal, facts in rows)
            last = rows[-1][0]

    def latest_replies(self, cell: KnownCell) -> list[TurnRecord]:
        """Return what the latest run of a cell got (see latest_run.py)."""
        found = find_latest(self._read, cell)
        rows = self._rows("SELECT session_id, turn FROM replies WHERE run = ? ORDER BY position", found.run) if found is not None else []
        return self._turns_named(rows)

    def named_in(self, cell: KnownCell) -> list[NamedTurn]:
        """Return what the ids typed in a cell meant in its latest run that had any."""
        found = find_latest(self._read, cell, having="named")
        rows = self._read(NAMED, {"run": found.run}) if found is not None else []
        return [NamedTurn(row[0], row[1], row[2], own=bool(row[3])) for row in rows]

    def same_content(self, content: str) -> list[str]:
        """Return the hashes of the files of which the same is seen."""
        rows = self._rows("SELECT DISTINCT sha256 FROM uses WHERE content = ? AND content != '' LIMIT 100", content)
        return [row[0] for row in rows]

    def from_address(self, address: str) -> list[PictureUse]:
        """Return the pictures that came from a URL, by its hash, the latest first."""
        rows = self._rows(
            "SELECT sessions.id, uses.number FROM uses JOIN sessions ON sessions.position = uses.session "
            "WHERE address = ? AND address != '' ORDER BY uses.rowid DESC LIMIT 100",
            address,
        )
        return [use for record in self._turns_named(dict.fromkeys(rows)) for use in record.pictures if use.address == address]

    def _turns_named(self, names: Iterable[tuple[str, int]]) -> list[TurnRecord]:
        records = [self.turn(session, number) for session, number in names]
        return [record for record in records if record is not None]

    def _read(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        if not self._is_read:
            self._read_content()
        with self._lock, self._told():
            return self._index.execute(query, dict(values)).fetchall()

    # Pictures and raw state

    def holds_picture(self, sha256: str) -> bool:
        """Return whether it says to have a picture."""
        return self._picture_name(sha256) is not None

    def picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked to be an image with this hash."""
        return b"".join(self.picture_stream(sha256))

    def picture_stream(self, sha256: str) -> Iterator[bytes]:
        """Give a picture's bytes in pieces; at the end it is known whether they were an image with this hash."""
        name = self._picture_name(sha256)
        if name is None:
            raise self._damaged(f"picture {sha256[:12]}… is missing")
        pieces = self.stream(name)
        first = next(pieces, b"")
        _, told = self._member(name)
        if told == NO_HASH:
            raise self._damaged(f"{name} does not match its hash")
        if told != sha256 or sniff(first) is None:
            raise self._damaged(f"picture {sha256[:12]}… is not what it says it is")
        yield first
        yield from pieces

    def has(self, name: str) -> bool:
        """Return whether it says to have a member."""
        return bool(self._rows("SELECT 1 FROM members WHERE name = ? AND size IS NOT NULL", name, content=False))

    def raw_names(self) -> list[str]:
        """Return the members that hold raw state."""
        return [
            name for (name,) in self._rows("SELECT name FROM members WHERE name >= 'raw/' AND name < 'raw0' ORDER BY name", content=False)
        ]

    def raw_is_sound(self, name: str) -> bool:
        """Return whether a member is named by its hash, as raw state is."""
        path = Path(name)
        return path.suffix in (".json", ".bin") and self._member(name)[1] == path.stem and path.parent == Path("raw")

    def stream(self, name: str) -> Iterator[bytes]:
        """Give a member's bytes in pieces; at the end they have been checked against its size and hash."""
        member, sha256 = self._member(name)
        if member.size > MOST_BYTES:
            raise self._damaged(f"{name} is too large to be read ({member.size / 1e9:.1f} GB)")
        digest = hashlib.sha256()
        with self._told(), self._opened() as file:
            for piece in zip_members.stream(file, member):
                digest.update(piece)
                yield piece
        if digest.hexdigest() != sha256:
            raise self._damaged(f"{name} does not match its hash")

    def verify(self) -> None:
        """Check every member.

        Raises
        ------
        PackError
            At the first one that is wrong.
        """
        for name, size, sha256 in self._rows("SELECT name, size, sha256 FROM members ORDER BY offset", content=False):
            if size is None:
                raise self._damaged(f"{name} is missing")
            if sha256 is None and name != MANIFEST:
                raise self._damaged(f"{name} was added to it")
            if sha256 is not None:
                for _ in self.stream(name):
                    pass
        lost = self._rows(
            "SELECT uses.sha256, sessions.facts, uses.number FROM uses JOIN sessions ON sessions.position = uses.session "
            "WHERE uses.sha256 NOT IN (SELECT substr(name, 10, 64) FROM members WHERE name >= 'pictures/' AND name < 'pictures0') "
            "AND uses.sha256 NOT IN (SELECT sha256 FROM gone) LIMIT 1"
        )
        for sha256, session, number in lost:
            raise self._damaged(f"picture {sha256[:12]}… of {turn_id(number, session=json.loads(session)['name'][:80])} is missing")

    # Reading it

    def _list_members(self) -> None:
        with self._opened() as file:
            try:
                for member in zip_members.members(file):
                    values = (member.name, member.method, member.packed, member.size, member.offset)
                    self._index.execute("INSERT INTO members (name, method, packed, size, offset) VALUES (?, ?, ?, ?, ?)", values)
            except (zip_members.BrokenZipError, sqlite3.IntegrityError) as error:
                raise self._damaged(f"it is cut off or not a zip file ({error})") from error
        try:
            self._read_manifest()
        except (json_stream.BrokenJSONError, zip_members.BrokenZipError, KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"{self.path} is not a pack or export of notebook_img: it has no manifest of ours. Nothing was imported."
            ) from error

    def _read_manifest(self) -> None:
        from notebook_img.store.pack_schema import member_values

        facts: dict[str, Any] = {}
        if not self._rows("SELECT 1 FROM members WHERE name = ?", MANIFEST, content=False):
            raise KeyError(MANIFEST)
        member, _ = self._member(MANIFEST)
        with self._opened() as file:
            for path, value in json_stream.values(zip_members.stream(file, member), ("members", "*"), ("missing", "*")):
                if path[0] == "members" and len(path) == 2:
                    sha256, size = member_values(value)
                    # One of another size has no hash it could match.
                    known = "UPDATE members SET sha256 = CASE WHEN size = ? THEN ? ELSE ? END WHERE name = ?"
                    if not self._index.execute(known, (size, sha256, NO_HASH, path[1])).rowcount:
                        self._index.execute("INSERT INTO members (name, sha256) VALUES (?, ?)", (path[1], sha256))
                elif path[0] == "missing" and len(path) == 2:
                    self._index.execute("INSERT OR IGNORE INTO gone VALUES (?)", (str(value)[:64],))
                elif path == ("version",):
                    facts["version"] = int(value)
                elif len(path) == 1:
                    facts[str(path[0])] = value
        if facts["format"] != FORMAT:
            raise KeyError("format")
        if facts["version"] > VERSION:
            raise PackError(
                f"{self.path} was made by a newer notebook_img (its version {facts['version']}, this one reads {VERSION}). "
                "Run pip install -U notebook-img; nothing was imported.",
            )

    def _read_content(self) -> None:
        """Bring sessions, turns and runs into the index, each checked; at the first use of any."""
        with self._lock:
            if self._is_read:
                return
            self._index.execute("BEGIN")
            try:
                for table in ("sessions", "turns", "uses", "runs", "replies", "named"):
                    self._index.execute(f"DELETE FROM {table}")  # noqa: S608 - of an attempt that failed
                self._read_part("sessions.json", "its list of sessions cannot be understood")
                if self._rows("SELECT 1 FROM members WHERE name = 'cells.json'", content=False):
                    self._read_part("cells.json", "its list of cells cannot be understood")
            finally:
                self._index.execute("COMMIT")
            self._is_read = True

    def _read_part(self, name: str, words: str) -> None:
        from pydantic import ValidationError

        from notebook_img.store.pack_schema import first_wrong

        try:
            (self._read_sessions if name == "sessions.json" else self._read_runs)(self.stream(name))
        except ValidationError as error:
            raise self._damaged(f"{words} ({first_wrong(error)})") from error
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, sqlite3.IntegrityError) as error:
            raise self._damaged(f"{words} ({str(error)[:100]})") from error

    def _read_sessions(self, pieces: Iterator[bytes]) -> None:
        from notebook_img.store.pack_schema import session_record, turn_values

        facts: dict[str, Any] = {}
        position, count = -1, 0

        def end() -> None:
            if position >= 0:
                record = session_record(facts)
                self._index.execute("INSERT INTO sessions VALUES (?, ?, ?)", (position, record.id, _dumps(facts)))

        for path, value in json_stream.values(pieces, ("sessions", "*", "turns", "*"), ("sessions", "*", "*")):
            if path[:1] not in ((), ("sessions",)):
                continue  # what a later version adds
            if len(path) < 3:
                raise ValueError("no list of objects")
            if path[1] != position:
                end()
                position, facts = int(path[1]), {}
            if path[2] == "turns" and len(path) == 4:
                turn = turn_values(value)
                count += 1
                if count > MOST_ROWS:
                    raise ValueError(f"more than {MOST_ROWS:,} turns")
                row = (position, turn["number"], turn["request_key"], turn["started"], _dumps(turn))
                self._index.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", row)
                used = ((use["sha256"], position, turn["number"], use["content"], use["address"]) for use in turn["pictures"])
                self._index.executemany("INSERT INTO uses VALUES (?, ?, ?, ?, ?)", used)
            elif path[2] != "turns":
                facts[str(path[2])] = value
            else:
                raise ValueError("no list of turns")
        end()

    def _read_runs(self, pieces: Iterator[bytes]) -> None:
        from notebook_img.store.pack_schema import run_values

        for path, value in json_stream.values(pieces, ("runs", "*")):
            if path[0] == "runs" and len(path) == 2:
                run = run_values(value)
                if int(path[1]) > MOST_ROWS:
                    raise ValueError(f"more than {MOST_ROWS:,} runs")
                row = (run.cell, run.kernel, run.source_hash, run.ordinal, run.notebook, run.seen or None, _dumps(run.model_dump()))
                number = self._index.execute(_INSERT_RUN, row).lastrowid
                self._index.executemany(_INSERT_REPLY, ((number, position, *turn, *turn) for position, turn in enumerate(run.replies)))
                self._index.executemany("INSERT INTO named VALUES (?, ?, ?, ?, ?)", ((number, *each) for each in run.named))
        # Of an older version: its runs stand in the order of its rows, and count runs of a source instead of places.
        if self._index.execute("UPDATE runs SET seen = id WHERE seen IS NULL").rowcount:
            for statement in PLACES.split(";"):
                self._index.execute(statement)

    def _sessions(self) -> list[tuple[int, SessionRecord]]:
        from notebook_img.store.pack_schema import session_record

        rows = self._rows("SELECT position, facts FROM sessions ORDER BY position")
        return [(position, session_record(json.loads(facts))) for position, facts in rows]

    def _rows(self, query: str, *values: Any, content: bool = True) -> list[Any]:
        if content and not self._is_read:
            self._read_content()
        with self._lock, self._told():
            return self._index.execute(query, values).fetchall()

    def _member(self, name: str) -> tuple[zip_members.Member, str]:
        rows = self._rows("SELECT name, method, packed, size, offset, sha256 FROM members WHERE name = ?", name, content=False)
        if not rows or rows[0][3] is None:
            raise self._damaged(f"{name} is missing")
        return zip_members.Member(*rows[0][:5]), rows[0][5] or ""

    def _picture_name(self, sha256: str) -> str | None:
        # "~" comes behind every letter of a suffix.
        rows = self._rows(
            "SELECT name FROM members WHERE name >= ? AND name < ? AND size IS NOT NULL LIMIT 1",
            f"pictures/{sha256}",
            f"pictures/{sha256}~",
            content=False,
        )
        return str(rows[0][0]) if rows else None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the zip for a moment: a file that stays open cannot be replaced on Windows."""
        if self.path.exists() and not self.path.is_file():
            # To open a pipe could wait for ever.
            raise PackError(f"{self.path} is no ordinary file.")
        with self.path.open("rb") as file:
            yield file

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn whatever a file of a stranger can raise into one sentence."""
        try:
            yield
        except NotebookImgError:
            raise
        except FileNotFoundError as error:
            raise PackError(f"There is no file {self.path}.") from error
        except OSError as error:
            raise PackError(f"{self.path} cannot be read: {reason(error)}.") from error
        except (ValueError, sqlite3.Error, MemoryError, RecursionError) as error:
            raise self._damaged(str(error)[:100]) from error

    def _damaged(self, what: str) -> PackError:
        return PackError(f"{self.path} is damaged or was changed: {what}. Nothing was imported from it. Get a new copy.")


def _record(session_id: str, facts: str) -> TurnRecord:
    from notebook_img.store.pack_schema import turn_record

    values: Mapping[str, Any] = json.loads(facts)
    return turn_record(session_id, values)


def _dumps(value: Any) -> str:
    """Return JSON text that UTF-8 can hold: half of a surrogate pair in a prompt must not cost the whole pack."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
