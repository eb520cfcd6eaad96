"""Which pictures a person may mean who shows one to an agent: what is attached to a chat stays there, and has no path here."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError
from notebook_img.ids import turn_id
from notebook_img.mcp import sessions
from notebook_img.pictures import is_picture_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.mcp.running_call import Caller
    from notebook_img.mcp.work import Work
    from notebook_img.pictures import Picture

MOST = 5
MOST_LOOKED_AT = 5000
"""Files of the allowed folders that are looked at."""
BEFORE = 600.0
"""Seconds before the conversation began: a picture may be saved first and then spoken of."""


@dataclass(frozen=True)
class Candidate:
    """A picture, and what every tool takes for it."""

    id: str
    what: str
    picture: Picture
    at: float


def candidates(work: Work, caller: Caller) -> list[Candidate]:
    """Return up to five pictures a person may mean, the newest first, each once."""
    every = sorted((*_uploads(work), *_heads(work, caller), *_new_files(caller, work)), key=lambda row: row.at, reverse=True)
    found: dict[str, Candidate] = {}
    for row in every:
        found.setdefault(row.picture.sha256, row)
        if len(found) == MOST:
            break
    return list(found.values())


def _uploads(work: Work) -> Iterator[Candidate]:
    """Give what was brought into the notebook's panel; the store keeps it from now on, so that its id stands for it."""
    for at, picture in tuple(work.studio.shared.brought_in):
        sha256 = work.studio.store.put_picture(picture.data, mime_type=picture.mime_type)
        work.scope.offered.add(sha256)
        yield Candidate(f"nbimg://pictures/{sha256}", f"brought into the notebook: {picture.name or 'no name'}", picture, at)


def _heads(work: Work, caller: Caller) -> Iterator[Candidate]:
    for row in work.scope.sessions(limit=3):
        if row.head is not None and (session := sessions.find(work, caller, row.name)) is not None:
            turn = session.turn(turn_id(row.head))
            for picture in turn.pictures[:1]:
                yield Candidate(turn.full_id, f"the latest picture of session {row.name}", picture, row.updated)


def _new_files(caller: Caller, work: Work) -> Iterator[Candidate]:
    since, store = caller.since - BEFORE, work.studio.store
    found: list[tuple[float, Path]] = []
    for path in itertools.islice(itertools.chain.from_iterable(map(_files, caller.folders.allowed)), MOST_LOOKED_AT):
        with contextlib.suppress(OSError):
            changed = path.stat().st_mtime
            if since <= changed <= time.time() + 60 and is_picture_file(str(path)) and store.last_written(path) is None:
                found.append((changed, path))
    for changed, path in sorted(found, reverse=True)[:MOST]:
        with contextlib.suppress(NotebookImgError):  # no image after all, or one too large
            yield Candidate(_name_of(path, caller), "a new file", caller.folders.picture(str(path)), changed)


def _files(folder: Path) -> Iterator[Path]:
    """Give the files of a folder and of those right in it."""
    try:
        with os.scandir(folder) as entries:
            rows = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for row in rows:
        if row.is_file(follow_symlinks=False):
            yield Path(row.path)
        elif row.is_dir(follow_symlinks=False) and not row.name.startswith("."):
            with contextlib.suppress(OSError), os.scandir(row.path) as inner:
                yield from (Path(entry.path) for entry in inner if entry.is_file(follow_symlinks=False))


def _name_of(path: Path, caller: Caller) -> str:
    return str(path.relative_to(caller.folders.base)) if path.is_relative_to(caller.folders.base) else str(path)
