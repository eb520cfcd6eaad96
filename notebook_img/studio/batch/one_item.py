"""One item as a worker of an executor does it: a function of plain data, in whatever process, with the keys that one has."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.errors import NotebookImgError, StoreError
from notebook_img.records import Claim, Origin

if TYPE_CHECKING:
    from notebook_img.workspace import Workspace

LOOK = 0.25
"""Seconds between two looks at whether the batch was stopped."""


@dataclass(frozen=True)
class ItemTask:
    """What a worker is told: where the store is, which item, how calls are made. No key, no object of a kernel."""

    home: str
    claim: Claim
    origin: Origin = field(default_factory=Origin)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notebook: str = ""
    fresh: bool = False
    at_once: int = 1
    down: int = 0
    """How many calls in a row failed because the service could not be asked."""
    tries: int = 0
    """How often the service could not be asked for this one."""


@dataclass(frozen=True)
class ItemOutcome:
    """What became of it; the store says the same."""

    state: str
    """As in the item's row; empty where it was not begun: stopped, or somebody else has gone on with it."""
    turn: int | None = None
    error: NotebookImgError | None = None
    ends_all: bool = False
    """Whether the error would meet all other items as well."""
    down: bool = False
    """Whether the service could not be asked."""


def do_item(task: ItemTask) -> ItemOutcome:
    """Take an item over, do it, and store what came of it; an item that was sent already is left as it is."""
    from notebook_img.studio.batch.work import ItemEnded, Work

    workspace = _workspace(os.getpid(), task.home, _Equal(dict(task.settings)), task.notebook)
    store, batch = workspace.store, task.claim.batch
    record = store.batch(batch)
    # What a worker has in its queue cannot be called back, so it looks before it begins.
    stopped = record is not None and record.stopping == "now"
    if stopped or (taken := store.take_item(task.claim)) is None:
        return ItemOutcome("")
    item, claim = taken
    session = store.session(record.session_id) if record is not None else None
    if record is None or session is None:
        raise StoreError(f"Batch b{batch} was deleted with its session.")
    work = Work(workspace, record, task.origin, task.at_once, fresh=task.fresh, down=task.down, tries={claim.item: task.tries})
    ended: list[ItemEnded] = []

    def hear(event: Any) -> None:
        if isinstance(event, ItemEnded):
            ended.append(event)

    future = loop.spawn(lambda _tell: work.do_one(session, item, claim, work.place(item), hear))
    while not concurrent.futures.wait((future,), LOOK).done:
        found = store.batch(batch)
        if found is None or found.stopping == "now":
            loop.stop(future)
            concurrent.futures.wait((future,))
    if not future.cancelled() and (fault := future.exception()) is not None:
        raise fault
    found_item = store.item(claim.item)
    return ItemOutcome(
        ended[-1].state if ended else "",
        turn=found_item.turn if found_item is not None else None,
        error=work.ended_by or work.first_error,
        ends_all=work.ended_by is not None,
        down=work.down > task.down,
    )


class _Equal(dict[str, Any]):
    """Settings that can be hashed; equal where they hold the same."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))


_lock = threading.Lock()


def _workspace(process: int, home: str, settings: _Equal, notebook: str) -> Workspace:
    with _lock:  # threads of an executor begin at once
        return _made(process, home, settings, notebook)


@functools.lru_cache(maxsize=8)
def _made(_process: int, home: str, settings: _Equal, notebook: str) -> Workspace:
    """Return this process's own workspace over a home; connections and store stay open from one item to the next."""
    from notebook_img.settings import Settings
    from notebook_img.workspace import Workspace

    workspace = Workspace(Settings())
    # As they were read where the batch was begun; a limit that is set here still holds.
    workspace.settings.chosen.update(settings)
    workspace.settings.set("home", home)
    workspace.notebook = Path(notebook) if notebook else None
    return workspace
