"""What a pack or an export holds: its sessions, turns and runs, each checked against a schema, and what is looked for among them.

Its file is in pack_file.py.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from notebook_img.ids import turn_id
from notebook_img.store import json_stream
from notebook_img.store.latest_run import PLACES, find_claimed, find_latest, find_named
from notebook_img.store.pack_file import MANIFEST, PackFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from notebook_img.records import PictureUse, SessionRecord, TurnRecord
    from notebook_img.store.latest_run import KnownCell, NamedTurn
    from notebook_img.store.pack_schema import PackedRun

MOST_ROWS = 1_000_000
"""Most turns, and most runs."""
PAGE = 200

_TABLES = """
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


class Pack(PackFile):
    """A file written by `export_sessions`, opened for reading: its sessions, turns and runs, read at the first use of any.

    It is opened, and fails, as a `PackFile` does.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._is_read = False
        with self._told():
            self._index.executescript(_TABLES)

    # What is in it

    @property
    def sessions(self) -> list[SessionRecord]:
        """Its sessions."""
        return [record for _, record in self._sessions()]

    def turns(self, session_id: str) -> Iterator[TurnRecord]:
        """Give a session's turns by number."""
        last = 0
        while rows := self._content(
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
        rows = self._content(
            "SELECT facts FROM turns WHERE session = (SELECT position FROM sessions WHERE id = ?) AND number = ?", session_id, number
        )
        return _record(session_id, rows[0][0]) if rows else None

    def count_turns(self, session_id: str) -> int:
        """Return how many turns a session has."""
        [(count,)] = self._content("SELECT count(*) FROM turns WHERE session = (SELECT position FROM sessions WHERE id = ?)", session_id)
        return int(count)

    def find_replies(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered a request: what a cell got in its latest run first, then the others, oldest first."""
        if not request_key:
            return []
        claimed = find_claimed(self._read, request_key, notebooks=(), everything=True)
        rows = self._content(
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
        while rows := self._content("SELECT id, ordinal, facts FROM runs WHERE id > ? ORDER BY id LIMIT ?", last, PAGE):
            yield from (run_values({**json.loads(facts), "ordinal": ordinal}) for _, ordinal, facts in rows)
            last = rows[-1][0]

    def latest_replies(self, cell: KnownCell) -> list[TurnRecord]:
        """Return what the latest run of a cell got (see latest_run.py)."""
        found = find_latest(self._read, cell)
        rows = self._content("SELECT session_id, turn FROM replies WHERE run = ? ORDER BY position", found.run) if found is not None else []
        return self._turns_named(rows)

    def named_in(self, cell: KnownCell) -> list[NamedTurn]:
        """Return what the ids typed in a cell meant in its latest run that had any."""
        return find_named(self._read, cell)

    def same_content(self, content: str) -> list[str]:
        """Return the hashes of the files that look the same (see `PictureUse.content`)."""
        rows = self._content("SELECT DISTINCT sha256 FROM uses WHERE content = ? AND content != '' LIMIT 100", content)
        return [row[0] for row in rows]

    def from_address(self, address: str) -> list[PictureUse]:
        """Return the pictures that came from a URL, by its hash, the latest first."""
        rows = self._content(
            "SELECT sessions.id, uses.number FROM uses JOIN sessions ON sessions.position = uses.session "
            "WHERE address = ? AND address != '' ORDER BY uses.rowid DESC LIMIT 100",
            address,
        )
        return [use for record in self._turns_named(dict.fromkeys(rows)) for use in record.pictures if use.address == address]

    def _turns_named(self, names: Iterable[tuple[str, int]]) -> list[TurnRecord]:
        records = [self.turn(session, number) for session, number in names]
        return [record for record in records if record is not None]

    def _content(self, query: str, *values: Any) -> list[Any]:
        self._read_content()
        return self._rows(query, *values)

    def _read(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        self._read_content()
        with self._lock, self._told():
            return self._index.execute(query, dict(values)).fetchall()

    def verify(self) -> None:
        """Check every member.

        Raises
        ------
        PackError
            At the first one that is wrong.
        """
        for name, size, sha256 in self._rows("SELECT name, size, sha256 FROM members ORDER BY offset"):
            if size is None:
                raise self._damaged(f"{name} is missing")
            if sha256 is None and name != MANIFEST:
                raise self._damaged(f"{name} was added to it")
            if sha256 is not None:
                for _ in self.stream(name):
                    pass
        lost = self._content(
            "SELECT uses.sha256, sessions.facts, uses.number FROM uses JOIN sessions ON sessions.position = uses.session "
            "WHERE uses.sha256 NOT IN (SELECT substr(name, 10, 64) FROM members WHERE name >= 'pictures/' AND name < 'pictures0') "
            "AND uses.sha256 NOT IN (SELECT sha256 FROM gone) LIMIT 1"
        )
        for sha256, session, number in lost:
            raise self._damaged(f"picture {sha256[:12]}… of {turn_id(number, session=json.loads(session)['name'][:80])} is missing")

    # Reading it

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
                if self.has("cells.json"):
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
            for statement in PLACES:
                self._index.execute(statement)

    def _sessions(self) -> list[tuple[int, SessionRecord]]:
        from notebook_img.store.pack_schema import session_record

        rows = self._content("SELECT position, facts FROM sessions ORDER BY position")
        return [(position, session_record(json.loads(facts))) for position, facts in rows]


def _record(session_id: str, facts: str) -> TurnRecord:
    from notebook_img.store.pack_schema import turn_record

    values: Mapping[str, Any] = json.loads(facts)
    return turn_record(session_id, values)


def _dumps(value: Any) -> str:
    """Return JSON text that UTF-8 can hold: half of a surrogate pair in a prompt must not cost the whole pack."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
