"""Packs a kernel may take replies from: beside the notebook, in the working directory, and those named by a setting."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from notebook_img.errors import NotFoundError, PackError
from notebook_img.hints import Hint
from notebook_img.replay.rules import Stored, stored_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.records import TurnRecord
    from notebook_img.store import Pack, Store

SUFFIX = ".pictures.zip"
FIRST_SOURCE = 2
"""Sources 0 and 1 are the session and the store (see `replay.Stored`)."""


class Source(Protocol):
    """Something replies can be read from."""

    name: str

    def find(self, request_key: str) -> Sequence[TurnRecord]:
        """Return the turns that answered a request, oldest first."""

    def latest_run(self, cell: str, *, source_hash: str, ordinal: int) -> Sequence[TurnRecord]:
        """Return what the latest run of a cell got."""

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""

    def picture(self, sha256: str) -> bytes:
        """Return a picture's bytes, checked."""


class Packs:
    """All packs and read-only stores of one kernel, in order.

    Parameters
    ----------
    paths : sequence of Path
        Packs (zip files) and homes of other stores (folders).
    say : callable
        Told about a pack that cannot be used; the others are used all the same.
    """

    def __init__(self, paths: Sequence[Path], say: Callable[[str], None]) -> None:
        self._sources: list[Source] = []
        self._say = say
        self._bad: set[int] = set()
        for path in paths:
            try:
                self._sources.append(_StoreSource(path) if path.is_dir() else _PackSource(path))
            except PackError as error:
                say(f"A pack was left out: {error.sentence}")

    @property
    def names(self) -> list[str]:
        """Where replies may come from."""
        return [source.name for source in self._sources]

    def find(self, request_key: str) -> list[Stored]:
        """Return all replies to a request."""
        return [
            _stored(index, record) for index, source in enumerate(self._sources) for record in self._read(index, source.find, request_key)
        ]

    def latest_run(self, cell: str, *, source_hash: str, ordinal: int) -> tuple[Stored, ...]:
        """Return what the latest run of a cell got, in the first pack that knows the cell."""
        for index, source in enumerate(self._sources):
            if records := self._read(index, lambda run=source.latest_run: run(cell, source_hash=source_hash, ordinal=ordinal)):
                return tuple(_stored(index, record) for record in records)
        return ()

    def _read(self, index: int, look: Callable[..., Sequence[TurnRecord]], *given: str) -> Sequence[TurnRecord]:
        """Look into one pack; a damaged one is reported once and skipped, as cells may have their replies elsewhere."""
        if index in self._bad:
            return ()
        try:
            return look(*given)
        except PackError as error:
            self._bad.add(index)
            self._say(f"A pack was left out: {error.sentence}")
            return ()

    def take(self, stored: Stored) -> tuple[TurnRecord, dict[str, bytes]]:
        """Return a packed turn and its pictures' bytes, each checked against its hash.

        Raises
        ------
        PackError
            When a picture does not match its hash: the pack is damaged or was changed.
        """
        source = self._sources[stored.source - FIRST_SOURCE]
        record = source.turn(stored.session_id, stored.number)
        if record is None:
            raise PackError(f"{source.name} no longer holds the turn it had. Get a new copy of the pack.")
        return record, {sha256: source.picture(sha256) for sha256 in {use.sha256 for use in record.pictures}}


class _PackSource:
    """One zip."""

    def __init__(self, path: Path) -> None:
        from notebook_img.store import Pack

        self.name = path.name
        self._pack: Pack = Pack(path)

    def find(self, request_key: str) -> Sequence[TurnRecord]:
        return self._pack.find_replies(request_key)

    def latest_run(self, cell: str, *, source_hash: str, ordinal: int) -> Sequence[TurnRecord]:
        runs = [run for run in self._pack.runs if run.replies]
        found = next((run for run in reversed(runs) if run.cell == cell), None)
        if found is None:
            cells = list(dict.fromkeys(run.cell for run in runs if run.source_hash == source_hash))
            if 1 <= ordinal <= len(cells):
                found = next(run for run in reversed(runs) if run.cell == cells[ordinal - 1])
        if found is None:
            return []
        records = [self._pack.turn(session, number) for session, number in found.replies]
        return [record for record in records if record is not None]

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        return self._pack.turn(session_id, number)

    def picture(self, sha256: str) -> bytes:
        return self._pack.picture(sha256)


class _StoreSource:
    """The home of another store, never written to."""

    def __init__(self, home: Path) -> None:
        from notebook_img.errors import StoreError
        from notebook_img.store import Store

        self.name = str(home)
        try:
            self._store: Store = Store.open(home, read_only=True)
        except StoreError as error:
            raise PackError(error.sentence, hint=error.hints) from error

    def find(self, request_key: str) -> Sequence[TurnRecord]:
        return self._store.find_replies(request_key)

    def latest_run(self, cell: str, *, source_hash: str, ordinal: int) -> Sequence[TurnRecord]:
        held = self._store.latest_replies(cell, source_hash=source_hash, ordinal=ordinal)
        records = [self._store.turn(reply.session_id, reply.number) for reply in held]
        return [record for record in records if record is not None]

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        return self._store.turn(session_id, number)

    def picture(self, sha256: str) -> bytes:
        data = self._store.read_picture(sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PackError(f"A picture in {self.name} does not match its hash.", hint=Hint("repair"))
        return data


def find_packs(folders: Sequence[Path], named: Sequence[Path]) -> list[Path]:
    """Return the packs in some folders and those named by the setting.

    Raises
    ------
    NotFoundError
        When a named pack does not exist.
    """
    found: list[Path] = []
    for folder in folders:
        if folder.is_dir():
            found += sorted(folder.glob(f"*{SUFFIX}"))
    for path in named:
        if not path.exists():
            raise NotFoundError(f"NOTEBOOK_IMG_REPLAY_FROM names {path}, which does not exist.")
        found.append(path)
    return list(dict.fromkeys(path.resolve() for path in found))


def _stored(index: int, record: TurnRecord) -> Stored:
    return stored_of(record, index + FIRST_SOURCE)
