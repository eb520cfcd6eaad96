"""Reading a pack or an export: one zip with sessions, pictures and raw state, every member checked against its hash when it is read.

The first member, ``manifest.json``, has the version and the size and sha256 of every other one. Nothing is ever unpacked by name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import PackError
from notebook_img.pictures import SUFFIXES, sniff
from notebook_img.records import Origin, PictureUse, SessionRecord, TurnRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = 1
FORMAT = "notebook_img sessions"
MOST_BYTES = 1 << 30
"""Largest member that is read."""
MOST_MANIFEST = 1 << 26

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PackedRun:
    """A run of a cell and the turns it got, in order."""

    id: int
    """Only within this file."""
    cell: str
    kernel: str
    source_hash: str
    ordinal: int
    started: float
    notebook: str
    replies: tuple[tuple[str, int], ...]
    """Session id and turn number."""
    moves: tuple[tuple[str, str, int | None, int | None, float], ...] = ()
    """Session id, kind, head before and after, and when: where the cell started."""


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
        with self._opened() as archive:
            manifest = self._manifest(archive)
        self.members: Mapping[str, tuple[str, int]] = manifest

    @functools.cached_property
    def _content(self) -> tuple[dict[str, SessionRecord], dict[str, dict[int, TurnRecord]]]:
        sessions: dict[str, SessionRecord] = {}
        turns: dict[str, dict[int, TurnRecord]] = {}
        try:
            for plain in json.loads(self.read("sessions.json"))["sessions"]:
                records = [_turn(plain["id"], turn) for turn in plain["turns"]]
                sessions[plain["id"]] = _session(plain, len(records))
                turns[plain["id"]] = {record.number: record for record in records}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._damaged("its list of sessions cannot be understood") from error
        return sessions, turns

    @property
    def sessions(self) -> list[SessionRecord]:
        """Its sessions."""
        return list(self._content[0].values())

    def turns(self, session_id: str) -> list[TurnRecord]:
        """Return a session's turns by number."""
        found = self._content[1].get(session_id, {})
        return [found[number] for number in sorted(found)]

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""
        return self._content[1].get(session_id, {}).get(number)

    @functools.cached_property
    def _by_request(self) -> dict[str, list[TurnRecord]]:
        found: dict[str, list[TurnRecord]] = {}
        for turns in self._content[1].values():
            for record in turns.values():
                if record.request_key:
                    found.setdefault(record.request_key, []).append(record)
        for records in found.values():
            records.sort(key=lambda record: (record.started, record.number))
        return found

    def find_replies(self, request_key: str) -> list[TurnRecord]:
        """Return the turns that answered a request, oldest first."""
        return list(self._by_request.get(request_key, ()))

    @functools.cached_property
    def runs(self) -> list[PackedRun]:
        """The runs of cells that got its turns, oldest first."""
        if "cells.json" not in self.members:
            return []
        try:
            return [
                PackedRun(
                    id=int(plain["id"]),
                    cell=str(plain["cell"]),
                    kernel=str(plain["kernel"]),
                    source_hash=str(plain["source_hash"]),
                    ordinal=int(plain["ordinal"]),
                    started=float(plain["started"]),
                    notebook=str(plain["notebook"]),
                    replies=tuple((str(session), int(number)) for session, number in plain["replies"]),
                    moves=tuple(
                        (str(session), str(kind), _number(before), _number(after), float(at))
                        for session, kind, before, after, at in plain.get("moves", ())
                    ),
                )
                for plain in json.loads(self.read("cells.json"))["runs"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged("its list of cells cannot be understood") from error

    def picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked to be an image with this hash."""
        name = next((name for name in self.members if name.startswith(f"pictures/{sha256}")), None)
        if name is None:
            raise self._damaged(f"picture {sha256[:12]}… is missing")
        data = self.read(name)
        if self.members[name][0] != sha256 or sniff(data) is None:
            raise self._damaged(f"picture {sha256[:12]}… is not what it says it is")
        return data

    def read(self, name: str) -> bytes:
        """Return a member's bytes, checked against its size and hash."""
        if name not in self.members:
            raise self._damaged(f"{name} is missing")
        with self._opened() as archive:
            return self._read(archive, name)

    def verify(self) -> None:
        """Check every member.

        Raises
        ------
        PackError
            At the first one that is wrong.
        """
        with self._opened() as archive:
            there = set(archive.namelist()) - {"manifest.json"}
            if lost := sorted(set(self.members) - there):
                raise self._damaged(f"{lost[0]} is missing")
            if foreign := sorted(there - set(self.members)):
                raise self._damaged(f"{foreign[0]} was added to it")
            for name in self.members:
                self._read(archive, name)
        for session in self.sessions:
            for record in self.turns(session.id):
                for use in record.pictures:
                    if f"pictures/{use.sha256}{SUFFIXES.get(use.mime_type, '.bin')}" not in self.members:
                        raise self._damaged(f"picture {use.sha256[:12]}… of {session.name}/{record.id} is missing")

    def _read(self, archive: zipfile.ZipFile, name: str) -> bytes:
        expected, size = self.members[name]
        if size > MOST_BYTES:
            raise self._damaged(f"{name} is too large to be read ({size / 1e9:.1f} GB)")
        try:
            with archive.open(name) as file:
                data = file.read(size + 1)  # a member that says less than it unpacks to is not read any further
        except KeyError as error:
            raise self._damaged(f"{name} is missing") from error
        if len(data) != size or hashlib.sha256(data).hexdigest() != expected:
            raise self._damaged(f"{name} does not match its hash")
        return data

    @contextlib.contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        """Open the zip for a moment: a file that stays open cannot be replaced on Windows."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except FileNotFoundError as error:
            raise PackError(f"There is no file {self.path}.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged("it is cut off or not a zip file") from error
        except OSError as error:
            raise PackError(f"{self.path} cannot be read: {error.strerror or error}.") from error

    def _manifest(self, archive: zipfile.ZipFile) -> dict[str, tuple[str, int]]:
        try:
            with archive.open("manifest.json") as file:
                manifest = json.loads(file.read(MOST_MANIFEST))
            if manifest["format"] != FORMAT:
                raise KeyError("format")
            version = int(manifest["version"])
            if version <= VERSION:
                return {str(name): (str(facts["sha256"]), int(facts["bytes"])) for name, facts in manifest["members"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PackError(
                f"{self.path} is not a pack or export of notebook_img: it has no manifest of ours. Nothing was imported."
            ) from error
        raise PackError(
            f"{self.path} was made by a newer notebook_img (its version {version}, this one reads {VERSION}). "
            "Run pip install -U notebook-img; nothing was imported.",
        )

    def _damaged(self, what: str) -> PackError:
        return PackError(f"{self.path} is damaged or was changed: {what}. Nothing was imported from it. Get a new copy.")


def _session(plain: Mapping[str, Any], turns: int) -> SessionRecord:
    head = plain.get("head")
    return SessionRecord(
        id=_text(plain["id"], r"[0-9a-f]{8,64}"),
        name=str(plain["name"]),
        created=float(plain["created"]),
        updated=float(plain["updated"]),
        model=str(plain.get("model", "")),
        head=None if head is None else int(head),
        redo=(),
        notebook=str(plain.get("notebook", "")),
        settings=dict(plain.get("settings", {})),
        turns=turns,
    )


def _turn(session_id: str, plain: Mapping[str, Any]) -> TurnRecord:
    known = {field.name for field in fields(TurnRecord)}
    given = {name: value for name, value in plain.items() if name in known}
    uses = tuple(
        PictureUse(
            sha256=_text(use["sha256"], _HASH.pattern),
            role=use["role"],
            mime_type=str(use["mime_type"]),
            width=int(use["width"]),
            height=int(use["height"]),
            bytes=int(use["bytes"]),
            name=str(use.get("name", "")),
            pixels_key=str(use.get("pixels_key", "")),
        )
        for use in given.pop("pictures")
    )
    if any(use.role not in ("input", "reference", "mask", "output", "delivered") for use in uses):
        raise ValueError("role")
    origin = Origin(**given.pop("origin"))
    record = TurnRecord(
        **{**given, "session_id": session_id, "pictures": uses, "origin": origin, "warnings": tuple(given.get("warnings", ()))}
    )
    whole = [record.number, *(number for number in (record.parent, record.head_before, record.picked) if number is not None)]
    if record.kind not in ("generate", "edit", "ask") or any(not isinstance(number, int) or number < 1 for number in whole):
        raise ValueError("turn")
    if record.raw:
        _text(record.raw, _HASH.pattern)
    return record


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _text(value: Any, pattern: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError("text")
    return value
