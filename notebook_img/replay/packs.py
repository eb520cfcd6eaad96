"""Packs a kernel may take replies from: beside the notebook, in the working directory, and those named by a setting."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from notebook_img.errors import NotebookImgError, NotFoundError, PackError, StoreError
from notebook_img.replay.rules import Stored, stored_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.store import KnownCell, NamedTurn, Store

T = TypeVar("T")
SUFFIX = ".pictures.zip"
FIRST_SOURCE = 2
"""Sources 0 and 1 are the session and the store (see `replay.Stored`)."""


class Source(Protocol):
    """Something replies can be read from."""

    @property
    def name(self) -> str:
        """What it is called."""

    def find_replies(self, request_key: str) -> Sequence[TurnRecord]:
        """Return the turns that answered a request, those first that a cell got in its latest run."""

    def latest_replies(self, cell: KnownCell) -> Sequence[TurnRecord]:
        """Return what the latest run of a cell got."""

    def named_in(self, cell: KnownCell) -> Sequence[NamedTurn]:
        """Return what the ids typed in a cell meant in its latest run."""

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return one turn."""

    def some_turns(self, most: int) -> Sequence[TurnRecord]:
        """Return up to so many turns, to say what there is."""

    def same_content(self, content: str) -> Sequence[str]:
        """Return the hashes of the files that look the same (see `PictureUse.content`)."""

    def from_address(self, address: str) -> Sequence[PictureUse]:
        """Return the pictures that came from a URL, by its hash."""

    def picture_stream(self, sha256: str) -> Iterator[bytes]:
        """Give a picture's bytes in pieces; at the end they have been checked."""


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
        from notebook_img.store import Pack

        self._sources: list[Source | None] = []
        """A pack that cannot be used leaves its place empty, so that the numbers of the others stay."""
        self._say = say
        for path in paths:
            try:
                self._sources.append(_StoreSource(path) if path.is_dir() else Pack(path))
            except NotebookImgError as error:
                self._sources.append(None)
                say(f"A pack was left out: {error.sentence}")

    def name(self, stored: Stored) -> str:
        """Return the name of the pack a reply is from."""
        source = self._sources[stored.source - FIRST_SOURCE]
        return source.name if source is not None else "a pack"

    @property
    def names(self) -> list[str]:
        """Where replies may come from."""
        return [source.name for source in self._sources if source is not None]

    def find(self, request_key: str) -> list[Stored]:
        """Return all replies to a request."""
        found = self._each(lambda source: source.find_replies(request_key))
        return [_stored(index, record) for index, records in found for record in records]

    def latest_replies(self, cell: KnownCell) -> tuple[Stored, ...]:
        """Return what the latest run of a cell got, in the first pack that knows the cell."""
        cell = _anywhere(cell)
        index, records = next(self._each(lambda source: source.latest_replies(cell)), (0, ()))
        return tuple(_stored(index, record) for record in records)

    def named_in(self, cell: KnownCell) -> Sequence[NamedTurn]:
        """Return what the ids typed in a cell meant in its latest run, in the first pack that knows of any."""
        cell = _anywhere(cell)
        return next((named for _, named in self._each(lambda source: source.named_in(cell))), ())

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        """Return a turn of any pack."""
        return next((record for _, record in self._each(lambda source: source.turn(session_id, number))), None)

    def some_turns(self, most: int) -> list[TurnRecord]:
        """Return turns of all packs, up to so many of each, to say what there is."""
        return [record for _, records in self._each(lambda source: source.some_turns(most)) for record in records]

    def same_content(self, content: str) -> list[str]:
        """Return the hashes of the files that look the same (see `PictureUse.content`)."""
        return [sha256 for _, hashes in self._each(lambda source: source.same_content(content)) for sha256 in hashes]

    def from_address(self, address: str) -> list[PictureUse]:
        """Return the pictures that came from a URL, by its hash."""
        return [use for _, uses in self._each(lambda source: source.from_address(address)) for use in uses]

    def heal(self, use: PictureUse, store: Store) -> bool:
        """Bring a picture back into a store that lost its file; return whether some pack had it."""
        for source in filter(None, self._sources):
            with contextlib.suppress(NotebookImgError):
                store.put_stream(source.picture_stream(use.sha256), sha256=use.sha256, mime_type=use.mime_type)
                return True
        return False

    def read_picture(self, sha256: str) -> bytes:
        """Return the bytes of a picture that some pack holds.

        Raises
        ------
        PackError
            When none does.
        """
        for source in filter(None, self._sources):
            with contextlib.suppress(NotebookImgError):
                return b"".join(source.picture_stream(sha256))
        raise PackError(f"No pack holds picture {sha256[:12]}….")

    def brought(self, session_id: str, number: int, store: Store) -> TurnRecord | None:
        """Return a turn of any pack, its pictures brought into a store."""
        found = next((_stored(index, record) for index, record in self._each(lambda source: source.turn(session_id, number))), None)
        return None if found is None else self.take(found, store)

    def take(self, stored: Stored, store: Store) -> TurnRecord | None:
        """Return a packed turn, its pictures brought into a store; None where the pack cannot give them, and then it is left out.

        Raises
        ------
        StoreError
            When the store cannot keep them.
        """
        if store.read_only:
            raise StoreError(
                f"The store at {store.home} cannot be written, so nothing can be taken from a pack. "
                "Set NOTEBOOK_IMG_HOME to a folder you can write to."
            )

        def bring(source: Source) -> TurnRecord | None:
            record = source.turn(stored.session_id, stored.number)
            for use in record.pictures if record is not None else ():
                if not store.is_whole(use.sha256):
                    store.put_stream(source.picture_stream(use.sha256), sha256=use.sha256, mime_type=use.mime_type)
            return record

        return self._read(stored.source - FIRST_SOURCE, bring)

    def _each(self, look: Callable[[Source], T | None]) -> Iterator[tuple[int, T]]:
        """Give what each pack has, with its place; one that has nothing is passed over."""
        for index in range(len(self._sources)):
            if found := self._read(index, look):
                yield index, found

    def _read(self, index: int, look: Callable[[Source], T]) -> T | None:
        """Look into one pack; a damaged one is said once and left out, as it must not stop cells that have their replies elsewhere."""
        source = self._sources[index]
        if source is None:
            return None
        try:
            return look(source)
        except (PackError, _UnusableError) as error:
            self._sources[index] = None
            self._say(f"A pack was left out: {error.sentence}")
            return None


class _UnusableError(NotebookImgError):
    """Another store that cannot be read; told apart from trouble of the store that is worked with."""


class _StoreSource:
    """The home of another store, never written to."""

    def __init__(self, home: Path) -> None:
        from notebook_img.store import Store

        self.name = str(home)
        self._store: Store = Store.open(home, read_only=True)

    def find_replies(self, request_key: str) -> Sequence[TurnRecord]:
        with _unusable():
            return self._store.claimed_first(request_key)

    def latest_replies(self, cell: KnownCell) -> Sequence[TurnRecord]:
        with _unusable():
            held = self._store.latest_replies(cell)
            records = [self._store.turn(reply.session_id, reply.number) for reply in held]
            return [record for record in records if record is not None]

    def named_in(self, cell: KnownCell) -> Sequence[NamedTurn]:
        with _unusable():
            return self._store.named_in(cell)

    def turn(self, session_id: str, number: int) -> TurnRecord | None:
        with _unusable():
            return self._store.turn(session_id, number)

    def some_turns(self, most: int) -> Sequence[TurnRecord]:
        with _unusable():
            latest = (self._store.turns(session.id, limit=most, newest_first=True) for session in self._store.sessions())
            return list(itertools.islice(itertools.chain.from_iterable(latest), most))

    def same_content(self, content: str) -> Sequence[str]:
        with _unusable():
            return self._store.same_content(content)

    def from_address(self, address: str) -> Sequence[PictureUse]:
        with _unusable():
            return self._store.from_address(address)

    def picture_stream(self, sha256: str) -> Iterator[bytes]:
        with _unusable():
            return iter([self._store.read_picture(sha256)])


@contextlib.contextmanager
def _unusable() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise _UnusableError(error.sentence) from error


def find_packs(folders: Sequence[Path], named: Sequence[Path]) -> list[Path]:
    """Return the packs in some folders and those named by the setting.

    Raises
    ------
    NotFoundError
        When a named pack does not exist.
    """
    found: list[Path] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += sorted(folder.glob(f"*{SUFFIX}"))
    for path in named:
        if not path.exists():
            raise NotFoundError(f"NOTEBOOK_IMG_REPLAY_FROM names {path}, which does not exist.")
        found.append(path)
    return [Path(path) for path in dict.fromkeys(os.path.realpath(path) for path in found)]


def _anywhere(cell: KnownCell) -> KnownCell:
    # Where the pack was written its notebook may have stood anywhere.
    return dataclasses.replace(cell, notebook="")


def _stored(index: int, record: TurnRecord) -> Stored:
    return stored_of(record, index + FIRST_SOURCE)
