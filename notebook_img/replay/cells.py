"""Cells of the running kernel: which cell runs, which run of it this is, what earlier runs got and where they started."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import hashlib
import os
import threading
import weakref
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.replay.rules import CellState, Held, Stored, Want
    from notebook_img.store import KnownCell, NamedTurn, Store

VSCODE = "vscode-notebook-cell:"
"""VS Code's ids hold a path and change from kernel to kernel, so they only tell cells of the running kernel apart."""


_RUNNING: ContextVar[tuple[str, Run | None]] = ContextVar("notebook_img_run", default=("", None))
"""The kernel's id and the cell run of this context; tasks inherit it."""


def source_hash(source: str) -> str:
    """Return what a cell's text is known by."""
    return hashlib.sha256(source.strip().encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _caller() -> Any:
    """Return what makes calls one after the other: a task, or the main thread; None in the threads of a pool, which share out calls."""
    with contextlib.suppress(RuntimeError):
        if (task := asyncio.current_task()) is not None:
            return task
    thread = threading.current_thread()
    return thread if thread is threading.main_thread() else None


class Slot:
    """The place of one request among those of its run, fixed when the call is made.

    Several calls of a cell may be under way at once (``asyncio.gather``); which of equal requests is the first is decided
    by the order the calls were made in, not by which thread is quicker.
    """

    def __init__(self, run: Run, number: int, session_id: str = "", head: int | None = None) -> None:
        self.run = run
        self.number = number
        self.key: str | None = None
        """Its request key; None until it is known, and for a request that failed, which does not count."""
        self.model = ""
        """The model it goes to, ``provider:model``."""
        self.session_id = session_id
        """The session whose head it may move; empty for a question."""
        self.head = head
        """The head of its session when the call was made."""
        self.ended = False
        self.overlaps = False
        """Whether another request of the run was under way at the same time."""
        self._known = threading.Event()

    def enter(self, key: str | None, model: str = "") -> None:
        """Set the request key; None for a request that does not count (a dry run)."""
        with self.run.counting:
            self._uncount()  # a request may be read more than once
            self.key, self.model = key, model
            if key is not None:
                bisect.insort(self.run.equal.setdefault(key, {}).setdefault(model, []), self.number)
        self._known.set()

    def fail(self) -> None:
        """Stop counting this request."""
        with self.run.counting:
            self._uncount()
            self.key = None
        self._known.set()

    def _uncount(self) -> None:
        if self.key is not None:
            numbers = self.run.equal[self.key][self.model]
            del numbers[bisect.bisect_left(numbers, self.number)]

    def leave(self) -> None:
        """Let later requests go on."""
        self.ended = True
        self.run.open.pop(self.number, None)
        self.run.open_in.get(self.session_id, {}).pop(self.number, None)
        if self.number in self.run.got:
            self.run.goes_on(self.session_id)
        self._known.set()

    async def wait_for_earlier(self) -> None:
        """Wait until the keys of all earlier requests of the run are known."""
        slots = self.run.slots
        while self.run.known_before < self.number:
            if slots[self.run.known_before]._known.is_set():  # noqa: SLF001 - the same class
                self.run.known_before += 1  # on the core's loop alone, and each of them is waited for once
            else:  # keys are told by threads, so an asyncio event would not be enough
                await asyncio.sleep(0.002)

    def position(self, want: Want) -> int:
        """Return how many equal requests of the run came before, counting those whose model's reply could answer this one."""
        from notebook_img.replay.rules import model_fits

        with self.run.counting:
            equal = self.run.equal.get(want.request_key, {})
            return sum(bisect.bisect_left(numbers, self.number) for model, numbers in equal.items() if model_fits(want, model))


@dataclass
class Run:
    """One run of one cell."""

    cell: str
    """Key that other kernels know the cell by."""
    local: str
    """Key that tells it apart within this kernel."""
    source_hash: str
    ordinal: int
    """Its place among the cells of the same source in this kernel; without ids every run is another cell."""
    notebook: str
    cell_id: str = ""
    """As the front end tells it."""
    keys: tuple[str, ...] = ()
    """What its runs in this kernel are known by, this one first: with VS Code's ids each wording of a cell has a key of its own."""
    row: int = 0
    """Row id in the store; 0 until it makes its first request or move."""
    state: Literal["running", "ok", "failed"] = "running"
    slots: list[Slot] = field(default_factory=list)
    """Its requests, in the order they were made."""
    open: dict[int, Slot] = field(default_factory=dict, repr=False)
    """Those that have not ended, by number."""
    open_in: dict[str, dict[int, Slot]] = field(default_factory=dict, repr=False)
    """Those among them that may move a session's head, by session: the ten thousand of a batch move none."""
    equal: dict[str, dict[str, list[int]]] = field(default_factory=dict, repr=False)
    """The numbers of its requests, in order, by key and by model: a batch makes ten thousand, and all may be equal."""
    counting: threading.Lock = field(default_factory=threading.Lock, repr=False)
    known_before: int = 0
    """Of the requests before this number all keys are known."""
    got: dict[int, Stored] = field(default_factory=dict)
    """What they got, by the number of their slot."""
    moved: set[str] = field(default_factory=set)
    """Sessions whose head this run has moved: only a cell's first edit looks for its old place."""
    placed: dict[str, int] = field(default_factory=dict)
    """By session the number of the slot whose turn is the head: of requests under way at once the one made last."""
    batches: set[int] = field(default_factory=set)
    """Batches it has made or gone on with: a second call like the first makes another."""
    placing: threading.RLock = field(default_factory=threading.RLock, repr=False)
    went_on: dict[str, weakref.WeakSet[Any]] = field(default_factory=dict, repr=False)
    """By session the tasks and threads that have waited for an edit of their own, or moved the head."""
    asked: set[str] = field(default_factory=set)
    """Sessions this run has asked a question in, likewise."""
    forked: bool = False
    """Whether processes were forked in it, of whose requests this one knows nothing."""
    inner: int = 0
    """How many cells it has run itself."""
    named: dict[tuple[str, str], NamedTurn] | None = None
    """By session id and word what ids typed in the cell mean; under an empty session id what they meant in its latest run."""
    earlier: Held | None = None
    """What the cell's latest run in any kernel got; looked up once."""
    _held: Held | None = field(default=None, repr=False)

    def known(self, origins: tuple[str, ...] = ()) -> KnownCell:
        """Return what other kernels know the cell by, and the notebooks its own is a copy of."""
        from notebook_img.store import KnownCell

        return KnownCell(self.cell, self.source_hash, self.ordinal, self.notebook, origins)

    @property
    def replies(self) -> Held:
        """What it got, in the order of the requests."""
        from notebook_img.replay.rules import Held

        if self._held is None:
            self._held = Held(self.got[number] for number in sorted(self.got))
        return self._held

    def goes_on(self, session_id: str) -> None:
        """Note that the caller knows the present head of a session: its next call goes on from there, whatever else is under way."""
        if (caller := _caller()) is not None:
            self.went_on.setdefault(session_id, weakref.WeakSet()).add(caller)

    def under_way(self, session_id: str) -> Slot | None:
        """Return the first of its requests in a session that still waits, where the caller's next one is made at once with it."""
        if _caller() in self.went_on.get(session_id, ()):
            return None
        return next(iter(tuple(self.open_in.get(session_id, {}).values())), None)

    def slot(self, session_id: str = "", head: int | None = None) -> Slot:
        """Return the place of its next request; with the session whose head it may move, and that head."""
        slot = Slot(self, len(self.slots), session_id, head)
        slot.overlaps = bool(self.open)
        if len(self.open) == 1:  # of more each overlaps already
            for other in tuple(self.open.values()):
                other.overlaps = True
        self.open[slot.number] = slot
        if session_id:
            self.open_in.setdefault(session_id, {})[slot.number] = slot
        self.slots.append(slot)
        return slot


_living: weakref.WeakSet[Kernel] = weakref.WeakSet()


class Kernel:
    """The running kernel. One per process that runs cells; plain scripts have none."""

    def __init__(self) -> None:
        self.id = os.urandom(8).hex()
        self._stack: list[Run] = []
        self.had: set[tuple[str, float]] = set()
        """Identities of the replies that cells of this kernel got."""
        self._runs: dict[str, list[Run]] = {}
        self._counts: Counter[str] = Counter()
        self._places: dict[tuple[str, str], int] = {}
        """By cell and source the place among the cells of that source."""
        self.lock = self._lock = threading.RLock()
        _living.add(self)

    def begin(self, source: str, *, cell_id: str = "", notebook: str = "") -> Run:
        """Record that a cell starts.

        Parameters
        ----------
        source : str
            The cell's text.
        cell_id : str
            The front end's id of the cell, where it tells one.
        notebook : str
            Path of the notebook, where it is known.
        """
        told = source_hash(source)
        with self._lock:
            local = cell_id if cell_id.startswith(VSCODE) else f"id:{cell_id}" if cell_id else ""
            outer = self._stack[-1] if self._stack else None
            if outer is not None and cell_id and outer.cell_id == cell_id:
                # A cell that runs another (shell.run_cell): the front end tells the same id for both.
                outer.inner += 1
                local = f"{outer.local}>{outer.inner}"
            ordinal = self._places.get((local, told), 0)
            if not ordinal or not local:
                self._counts[told] += 1
                ordinal = self._places[local, told] = self._counts[told]
            cell = local if local.startswith("id:") else f"src:{told}:{ordinal}"
            local = local or cell
            before = reversed(self._runs.get(local, ()))
            keys = tuple(dict.fromkeys([cell, *(other.cell for other in before)]))
            run = Run(cell, local, told, ordinal, notebook, cell_id, keys)
            # A cell may run others (shell.run_cell), and goes on when they have ended.
            self._stack.append(run)
            self._runs.setdefault(local, []).append(run)
        _RUNNING.set((self.id, run))
        return run

    @property
    def current(self) -> Run | None:
        """The run that the caller belongs to: a task made in a cell belongs to it also when it goes on in a later one."""
        kernel, run = _RUNNING.get()
        if kernel == self.id and run is not None:
            return run
        # A thread of a cell's own has no context of it.
        return self._stack[-1] if self._stack else None

    @property
    def cells(self) -> list[str]:
        """The keys of the cells that run or made requests in this kernel."""
        with self._lock:
            return list(dict.fromkeys([*(run.cell for runs in self._runs.values() for run in runs), *(run.cell for run in self._stack)]))

    def end(self, store: Callable[[], Store], *, failed: bool) -> None:
        """Record how the running cell ended."""
        with self._lock:
            run = self._stack.pop() if self._stack else None
            outer = self._stack[-1] if self._stack else None
        _RUNNING.set((self.id, outer))
        if run is None:
            return
        run.state = "failed" if failed else "ok"
        if run.row:
            store().end_run(run.row, run.state)
        elif not (run.slots or run.forked):
            # A run that asked for nothing counts for nothing, and keeping it would only cost memory.
            self._runs[run.local].remove(run)

    def abandon(self) -> None:
        """Forget which cells are running: their end is not watched for any more."""
        with self._lock:
            self._stack.clear()

    def row(self, store: Store, run: Run) -> int:
        """Return the run's row in the store, written at its first use: most cells of a notebook never need one."""
        with self._lock:
            if not run.row:
                run.row = store.start_run(run.cell, kernel=self.id, source_hash=run.source_hash, ordinal=run.ordinal, notebook=run.notebook)
                if run.state != "running":  # its call outlived the cell
                    store.end_run(run.row, run.state)
            return run.row

    def _before(self, run: Run) -> list[Run]:
        with self._lock:
            others = [other for other in self._runs.get(run.local, []) if other is not run]
        # Most forks ask for nothing (!ls), so a fork alone counts only where the cell still says the same.
        return [other for other in others if other.got or (other.forked and other.source_hash == run.source_hash)]

    def is_first(self, run: Run) -> bool:
        """Return whether no run of the cell in this kernel has come to its end with a reply."""
        return not any(other.state == "ok" for other in self._before(run))

    def state(self, run: Run, latest: Callable[[Run], tuple[Stored, ...]], *, giving_back: bool = False) -> CellState:
        """Return what replay needs to know about the running cell.

        Parameters
        ----------
        run : Run
            The present run.
        latest : callable
            Looks up what the cell's latest run in any kernel got.
        giving_back : bool
            Treat every run as a first one (replay ``only``).
        """
        # Here and not above: cells are watched from %load_ext on, and the rules take a third of its time.
        from notebook_img.replay.rules import CellState, Held

        before = self._before(run)
        first = self.is_first(run)
        stopped: list[Held] = []
        for other in reversed(before):
            if other.state == "ok":
                break
            stopped.append(other.replies)
        if giving_back:
            first, stopped = True, [other.replies for other in reversed(before)]
        if not first:
            return CellState(first=False, held=stopped[:1])
        if run.earlier is None:
            run.earlier = Held(latest(run))
        return CellState(first=True, held=[*stopped, run.earlier])

    def note(self, slot: Slot | None, stored: Stored) -> None:
        """Record that this kernel has used a reply."""
        with self._lock:
            self.had.add(stored.identity)
            if slot is not None:
                slot.run.got[slot.number] = stored
                slot.run._held = None  # noqa: SLF001 - the same module


def _note_fork() -> None:
    for kernel in list(_living):
        if (run := kernel.current) is not None:
            run.forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_note_fork)
