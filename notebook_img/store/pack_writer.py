"""Writing a pack or an export, member by member; what is missing from it is named instead of holding the rest back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import zipfile
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from notebook_img.errors import PictureError, StoreError
from notebook_img.ids import turn_id
from notebook_img.network import shown_url
from notebook_img.pictures import SUFFIXES, sniff, without_private_parts
from notebook_img.store import pack_file, schema
from notebook_img.store.pack import PAGE
from notebook_img.store.people import as_here
from notebook_img.store.rows import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from notebook_img.records import PictureUse, SessionRecord, TurnRecord
    from notebook_img.store import Store
    from notebook_img.store.pack_selection import Selection


def _unsigned(got: Any) -> Any:
    """Return what came back without the signatures of URLs at which pictures were left."""
    if not isinstance(got, dict):
        return got
    lists = {name: got[name] for name in ("urls", "unfetched") if isinstance(got.get(name), list)}
    return {**got, **{name: [shown_url(str(url)) for url in urls] for name, urls in lists.items()}}


class PackWriter:
    """Writes the members of one zip, and notes each in its manifest."""

    def __init__(self, store: Store, archive: zipfile.ZipFile, *, raw: bool, keep_metadata: bool = False) -> None:
        self.store = store
        self.archive = archive
        self.raw = raw
        self.members: dict[str, dict[str, Any]] = {}
        self.pictures: dict[str, tuple[str, str]] = {}
        """Type and first user by hash."""
        self.states: dict[str, str] = {}
        self.keep_metadata = keep_metadata
        self.made: set[str] = set()
        """Hashes of what services delivered and of what was made of it: these files are never touched."""
        self.cut: dict[str, str] = {}
        """Hash of an input: hash of its file without what tells place, camera and owner, the same where nothing does."""
        self.uncut: dict[str, str] = {}
        """The other way round, of those that differ."""
        self.types: dict[str, str] = {}
        """What those that differ are."""
        self.held: dict[str, StoreError] = {}
        """Inputs whose private parts cannot be cut out here, and why: they are left out of the pack."""
        self.left_out: dict[str, None] = {}

    def write(self, sessions: Sequence[SessionRecord], only: Selection | None = None) -> list[str]:
        """Write everything, or what is selected; return what is missing."""
        if only is not None:
            sessions = [session for session in sessions if session.id in only.turns]
        self._add("sessions.json", self._sessions(sessions, only))
        runs = runs_of(self.store, [session.id for session in sessions]) if only is None else only.runs
        self._add("cells.json", [dumps({"runs": runs}).encode()])
        missing = []
        gone = []
        for sha256, (mime_type, user) in self.pictures.items():
            if (problem := self._added(f"pictures/{sha256}{SUFFIXES.get(mime_type, '.bin')}", self._picture, sha256)) is not None:
                gone.append(sha256)
                missing.append(f"A picture of {user} is missing from it: {problem}")
        raw = self.store._raw  # noqa: SLF001 - the same package
        for name, user in self.states.items():
            blobs: set[str] = set()
            problem = self._added(f"raw/{name}.json", raw.raw_bytes, name, ".json")
            if problem is None:
                blobs = raw.raw_references(name) - self.pictures.keys()
            lost = [told for blob in sorted(blobs) if (told := self._added(f"raw/{blob}.bin", raw.blob, blob)) is not None]
            if problem is not None or lost:
                missing.append(f"The raw state of {user} is not whole in it: {problem or lost[0]}")
        manifest = {"format": pack_file.FORMAT, "version": pack_file.VERSION, "members": self.members, "missing": gone}
        self._add(pack_file.MANIFEST, [json.dumps(manifest, indent=1).encode()])
        if self.uncut:
            pictures = "one input picture" if len(self.uncut) == 1 else f"{len(self.uncut)} input pictures"
            missing.append(f"Left out of the files of {pictures} in it: {', '.join(self.left_out)}.")
        return missing

    def _sessions(self, sessions: Sequence[SessionRecord], only: Selection | None) -> Iterator[bytes]:
        """Give the list of sessions with their turns, a page at a time."""
        yield b'{"sessions":['
        for position, whole in enumerate(sessions):
            numbers = only.turns[whole.id] if only is not None else None
            session = whole if numbers is None or whole.head in numbers else dataclasses.replace(whole, head=max(numbers))
            facts = dumps({name: value for name, value in dataclasses.asdict(session).items() if name not in ("turns", "redo")})
            yield f'{"," if position else ""}{facts[:-1]},"turns":['.encode("utf-8", "replace")
            last, between = 0, ""
            while page := self.store.turns(session.id, after=last, limit=PAGE):
                last = page[-1].number
                kept = [_within(record, numbers) for record in page if numbers is None or record.number in numbers]
                if kept:
                    turns = dumps([self._turn(session.name, record) for record in kept])[1:-1]
                    yield f"{between}{turns}".encode("utf-8", "replace")
                    between = ","
            yield b"]}"
        yield b"]}"

    def _turn(self, session: str, record: TurnRecord) -> dict[str, Any]:
        self.made.update(use.sha256 for use in record.uses("output", "delivered"))
        raw, shared = record.raw if self.raw else "", tuple(map(self._shared, record.pictures))
        kept = dataclasses.replace(record, raw=raw, pictures=shared, got=_unsigned(record.got))
        record = kept
        for use in record.pictures:
            self.pictures.setdefault(use.sha256, (use.mime_type, turn_id(record.number, session=session)))
        if kept.raw:
            self.states.setdefault(kept.raw, turn_id(record.number, session=session))
        return plain_turn(kept)

    def _shared(self, use: PictureUse) -> PictureUse:
        """Return the use of a picture as it stands in the pack. Keys of requests stay: they were made of the picture as it was."""
        if self.keep_metadata or use.role not in ("input", "reference") or use.sha256 in self.made:
            return use
        if use.sha256 not in self.cut:
            self.cut[use.sha256] = self._cut(use.sha256)
        sha256 = self.cut[use.sha256]
        if sha256 == use.sha256:
            return use
        return dataclasses.replace(use, sha256=sha256, bytes=len(self._picture(sha256)), mime_type=self.types[sha256])

    def _cut(self, sha256: str) -> str:
        try:
            data, gone = without_private_parts(self.store.read_picture(sha256))
        except StoreError:
            return sha256  # missed where it would be written
        except PictureError as error:
            self.held[sha256] = StoreError(str(error))
            return sha256
        if not gone:
            return sha256
        self.left_out.update(dict.fromkeys(gone))
        cut = hashlib.sha256(data).hexdigest()
        self.uncut[cut] = sha256
        self.types[cut] = sniff(data) or ""
        return cut

    def _picture(self, sha256: str) -> bytes:
        if sha256 in self.held:
            raise self.held[sha256]
        if sha256 in self.uncut:
            return without_private_parts(self.store.read_picture(self.uncut[sha256]))[0]
        return self.store.read_picture(sha256)

    def _added(self, name: str, read: Callable[..., bytes], *what: str) -> str | None:
        """Add a member unless it is there already; return why it cannot be read, where it cannot."""
        if name not in self.members:
            try:
                self._add(name, [read(*what)])
            except StoreError as error:
                return str(error)
        return None

    def _add(self, name: str, pieces: Iterable[bytes]) -> None:
        # A fixed date: the same sessions give the same bytes, which version control likes.
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o644 << 16
        # Pictures are compressed already.
        info.compress_type = zipfile.ZIP_STORED if name.startswith("pictures/") else zipfile.ZIP_DEFLATED
        digest, size = hashlib.sha256(), 0
        with self.archive.open(info, "w", force_zip64=name == "sessions.json") as member:
            for data in pieces:
                member.write(data)
                digest.update(data)
                size += len(data)
        self.members[name] = {"sha256": digest.hexdigest(), "bytes": size}


def _within(record: TurnRecord, numbers: frozenset[int] | None) -> TurnRecord:
    """Return a turn that names no turn which stays behind."""
    known = numbers is None or record.head_before is None or record.head_before in numbers
    return record if known else dataclasses.replace(record, head_before=None)


def plain_turn(record: TurnRecord) -> dict[str, Any]:
    """Return a turn as it stands in a pack: JSON that any reader takes, without the numbers JSON has no words for."""
    plain = {name: value for name, value in dataclasses.asdict(record).items() if name != "session_id"}
    return dict(_finite(plain))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def runs_of(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the runs that got turns of these sessions or moved their heads, with those replies and moves."""
    runs, replies, named, moves = schema.runs, schema.replies, schema.named, schema.moves
    names = ("id", "cell", "kernel", "source_hash", "ordinal", "started", "notebook", "seen")
    of_run = (
        select(replies.c.run)
        .where(replies.c.session_id.in_(ids))
        .union(select(moves.c.run).where(moves.c.session_id.in_(ids)), select(named.c.run).where(named.c.session_id.in_(ids)))
    )
    with store._database.read() as connection:  # noqa: SLF001
        found: dict[int, dict[str, Any]] = {
            row.id: {
                **{name: getattr(row, name) for name in names},
                "notebook": as_here(row.notebook),
                "replies": [],
                "named": [],
                "moves": [],
            }
            for row in connection.execute(select(runs).where(runs.c.id.in_(of_run)).order_by(runs.c.seen, runs.c.id))
        }
        for row in connection.execute(select(replies).where(replies.c.session_id.in_(ids)).order_by(replies.c.run, replies.c.position)):
            found[row.run]["replies"].append([row.session_id, row.turn])
        for row in connection.execute(select(moves).where(moves.c.session_id.in_(ids), moves.c.run != 0).order_by(moves.c.id)):
            found[row.run]["moves"].append([row.session_id, row.kind, row.from_head, row.to_head, row.at])
        for row in connection.execute(select(named).where(named.c.run.in_(of_run)).order_by(named.c.run, named.c.word)):
            found[row.run]["named"].append([row.word, row.session_id, row.turn, bool(row.own)])
    return list(found.values())
