"""Workspace: what the steps of a call work on. Settings, store, kernel, heads, who asks, and a way to tell the user something."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.ids import TurnId, turn_id
from notebook_img.records import Origin
from notebook_img.replay import Heads
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from notebook_img.pictures import Picture
    from notebook_img.records import Role, SessionRecord, TurnRecord
    from notebook_img.replay import Kernel, Packs, Run, Slot, Stored
    from notebook_img.store import Store

log = logging.getLogger("notebook_img")


class Workspace:
    """One person's or agent's place to work: settings and store, its own head per session, and who it is.

    Parameters
    ----------
    settings : Settings
        All settings; its `home` is where the store lies.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.shared = Shared(settings)
        self.origin = Origin()
        self.notebook: Path | None = None
        self.say: Callable[[str], None] = log.info
        self.heads = Heads()

    @property
    def store(self) -> Store:
        """The store."""
        return self.shared.store

    @property
    def kernel(self) -> Kernel | None:
        """The running kernel's cells, or None outside a kernel."""
        return self.shared.kernel if self.origin.surface in ("cell", "python") else None

    @property
    def working_folder(self) -> Path:
        """The notebook's folder where it is known, else the working directory."""
        return self.notebook.parent if self.notebook else working_directory()

    # ------------------------------------------------------------------------------------------ sessions

    def session_record(self, name: str) -> SessionRecord:
        """Return the row of a session by name."""
        found = self.store.session_named(name)
        if found is None:
            raise unknown_session(self.store, name)
        return found

    def session_name(self, session_id: str) -> str:
        """Return a session's present name."""
        record = self.store.session(session_id)
        return record.name if record else "deleted"

    def keep_model(self, session_id: str, model: str) -> None:
        """Keep a model that was typed for a session."""
        record = self.store.session(session_id)
        if record is not None and (record.kept_model, record.settings.get("model_typed")) != (model, True):
            self.store.update_session(session_id, model=model, settings={**record.settings, "model_typed": True})

    def note_default(self, session_id: str, model: str) -> None:
        """Record which default model made a session's latest picture."""
        record = self.store.session(session_id)
        if record is not None and record.ran_on != model:
            self.store.update_session(session_id, settings={**record.settings, "ran_on": model})

    # ------------------------------------------------------------------------------------------ heads

    @property
    def cell_run(self) -> Run | None:
        """The run of a cell that is going on in this kernel, or None."""
        return self.kernel.current if self.kernel else None

    def head(self, session_id: str) -> int | None:
        """Return this studio's head: the stored one when first asked for, its own from then on."""
        return self.heads.head(self.store, session_id)

    def head_for_call(self, session_id: str) -> int | None:
        """Return the head a call starts at: of calls made at once in a cell, that of the first, however quick its reply is."""
        run = self.cell_run
        first = run.under_way(session_id) if run is not None else None
        return self.head(session_id) if first is None else first.head

    def reread_head(self, session_id: str) -> int | None:
        """Take the stored head again (``%imgsession use``)."""
        self.heads.reread(session_id)
        return self.head(session_id)

    def move_head(
        self,
        session_id: str,
        to: int | None,
        kind: str,
        *,
        start: int | None = None,
        redo: Sequence[int | None] | None = None,
        slot: Slot | None = None,
        stored: bool = False,
    ) -> None:
        """Move this studio's head and the stored one, and record the cell that did it. See `Heads.move`.

        `stored` tells that the turn which is the new head has moved the stored one already. Of a cell's requests under way at
        once (`slot`) the one made last decides, not the one that is answered last: the next cell goes on from the same turn each time.
        """
        kernel, run = self.kernel, slot.run if slot is not None else self.cell_run
        head = to
        if slot is not None and slot.overlaps:
            with slot.run.placing:
                last = slot.run.placed.get(session_id, -1) < slot.number
                if last:
                    slot.run.placed[session_id] = slot.number
                # The turns have moved the stored head in the order they came.
                head = to if last else self.head(session_id)
                before = self.heads.move(self.store, session_id, head, kind, run=run, start=start, redo=redo)
        else:
            before = self.heads.move(self.store, session_id, to, kind, run=run, start=start, redo=redo, stored=stored)
        if kernel is not None and run is not None:
            row = kernel.row(self.store, run)
            self.store.note_move(session_id, run=row, kind=kind, from_head=before, to_head=to)  # type: ignore[arg-type]
            run.moved.add(session_id)
            if slot is None:
                run.goes_on(session_id)
        self.shared.changed("head", session_id, head)

    def cell_start(self, session_id: str, head: int | None) -> int | None:
        """Return where the running cell starts. See `Heads.start_of`."""
        return self.heads.start_of(self.store, session_id, head, self.cell_run)

    def last_question(self, session_id: str, head: int | None) -> TurnRecord | None:
        """Return the question a follow-up goes on from. See `Heads.last_question`."""
        return self.heads.last_question(self.store, session_id, head, self.cell_run)

    # ------------------------------------------------------------------------------------------ turns

    def turn_record(self, session_id: str, number: int) -> TurnRecord:
        """Return a turn's row; NotFoundError with the last ids otherwise."""
        record = self.store.turn(session_id, number)
        if record is None:
            last = self.store.turns(session_id, limit=3, newest_first=True)
            known = f" The latest are {', '.join(turn.id for turn in last)}." if last else " It has none yet."
            raise NotFoundError(f"There is no turn {turn_id(number)} in session {self.session_name(session_id)!r}.{known}")
        return record

    def pictures_of(self, record: TurnRecord, *roles: Role) -> list[Picture]:
        """Return a turn's pictures in these roles, read from their files only when touched."""
        from notebook_img.tree import pictures_of

        return pictures_of(self.store, record, self.session_name(record.session_id), *roles)

    def cell_origin(self) -> Origin:
        """Return the origin with the cell that runs now."""
        run = self.kernel.current if self.kernel else None
        if run is None or self.kernel is None:
            return self.origin
        return dataclasses.replace(self.origin, kernel=self.kernel.id, cell=run.cell, notebook=run.notebook)

    def typed_turn(self, session_id: str, typed: TurnId) -> tuple[str, int]:
        """Return session id and number of the turn that a typed id means; the session id is empty where there is none.

        In a cell it means the turn it meant when the cell was last run. See `replay.turn_meant`.
        """
        named = self.store.session_named(typed.session) if typed.session else None
        plain = (session_id if not typed.session else named.id if named is not None else "", typed.number)
        kernel, run = self.kernel, self.cell_run
        if kernel is None or run is None:
            return plain
        from notebook_img.replay import turn_meant

        return turn_meant(self.store, self.packs, kernel, run, session_id, typed, plain, self.origins)

    # ------------------------------------------------------------------------------------------ replay

    def stored_id(self, stored: Stored) -> str:
        """Return ``fox/t7`` for a stored reply."""
        if stored.source < 2:
            return turn_id(stored.number, session=self.session_name(stored.session_id))
        return f"{self.packs().name(stored)} ({turn_id(stored.number)})"

    @property
    def origins(self) -> tuple[str, ...]:
        """The notebooks this one is a copy of, as far as is known."""
        return ()

    def packs(self) -> Packs:
        """Return the packs replies may come from; looked for again when a file comes or goes."""
        return packs_of(self)


class Shared:
    """What all studios of one process and home share: the store, the kernel's cells, listeners."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kernel: Kernel | None = None
        self.listeners: list[Callable[[str, str, int | None], None]] = []
        self.batch_listeners: dict[int, list[Callable[[Any], None]]] = {}
        """By batch what is called with each of its events, on the core's thread."""
        self.batch_screen: Callable[[Any], AbstractContextManager[Callable[[Any], None]]] | None = None
        """Shows a batch while it is waited for; the surface that waits sets it."""
        self.noticed: set[str] = set()
        self.brought_in: deque[tuple[float, Picture]] = deque(maxlen=5)
        """When pictures were brought into a panel, and which: the ones a person may mean when talking to an agent."""
        self.found: dict[tuple[str, str], Any] = {}
        """What models found of words in pictures, by the picture's hash and the words."""
        self.finding: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """What is being looked for just now."""
        self.lines: dict[str, Any] = {}
        """What this process knows of its calls to each model, as a `Line` (calls/pacing.py)."""
        self.queues: WeakValueDictionary[Any, asyncio.Lock] = WeakValueDictionary()
        """Where calls wait for their turn just now."""
        self.clock: Callable[[], float] = time.time
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
        """The time that calls wait by."""
        self.packs: tuple[tuple[Any, ...], Packs] | None = None
        self._store: Store | None = None
        self._lock = threading.RLock()

    @property
    def store(self) -> Store:
        """The store, opened on first use."""
        with self._lock:
            if self._store is None or self._store.home != self.settings.home:
                from notebook_img.store import Store

                self._store = Store.open(self.settings.address, or_read_only=True)
            return self._store

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def say_once(self, text: str, say: Callable[[str], None]) -> None:
        """Say what need not be heard twice in this process."""
        if text not in self.noticed:
            self.noticed.add(text)
            say(text)

    @contextlib.contextmanager
    def screen(self, batch: Any, *, quiet: bool) -> Iterator[Callable[[Any], None]]:
        """Go around a wait for a batch: gives what is called with its events in the caller's thread."""
        if self.batch_screen is None or quiet:
            yield lambda _event: None
            return
        with self.batch_screen(batch) as on_event:
            yield on_event

    def listen_to_batch(self, batch: int, tell: Callable[[Any], None]) -> Callable[[], None]:
        """Call `tell` with each event of a batch; return what ends that."""
        listeners = self.batch_listeners.setdefault(batch, [])
        listeners.append(tell)
        return lambda: listeners.remove(tell)

    def told_of_batch(self, batch: int, event: Any) -> None:
        """Tell all who listen to a batch."""
        for listener in tuple(self.batch_listeners.get(batch, ())):
            listener(event)

    def changed(self, what: str, session_id: str, number: int | None = None) -> None:
        """Tell listeners (panel, live outputs) what happened; called outside any lock, in the thread that did it."""
        for listener in tuple(self.listeners):
            try:
                listener(what, session_id, number)
            except Exception:  # a listener's trouble is not the caller's
                log.exception("a listener failed")


def packs_of(workspace: Workspace) -> Packs:
    """Return the packs replies may come from; looked for again when a file comes or goes."""
    from notebook_img.replay import Packs, find_packs

    paths = find_packs([workspace.working_folder, working_directory()], workspace.settings.replay_from)
    marks = tuple((path, *_mark(path)) for path in paths)
    shared = workspace.shared
    if shared.packs is None or shared.packs[0] != marks:
        shared.packs = (marks, Packs(paths, lambda text: shared.say_once(text, workspace.say)))
    return shared.packs[1]


def _mark(path: Path) -> tuple[int, int]:
    """Return what changes with a file; of a link that leads nowhere nothing does."""
    try:
        told = path.stat()
    except OSError:
        return (0, 0)
    return told.st_mtime_ns, told.st_size


def unknown_session(store: Store, name: str) -> NotFoundError:
    """Return the error for an unknown session: near names, or the latest ones."""
    from notebook_img.store import check_session_name

    check_session_name(name)
    names = store.session_names()
    near = did_you_mean(name, names)
    known = f" Sessions: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}." if names and not near else ""
    return NotFoundError(f"There is no session {name!r}.{near}{known}", hint=Hint("create-session", name=name))


def working_directory() -> Path:
    """Return the working directory; UsageError when it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("The working directory no longer exists. Change to one that does, or name a session.") from error
