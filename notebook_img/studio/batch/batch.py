"""Batch: one call applied to many items, each a turn or an error. Its state is in the store; any process goes on with it."""

from __future__ import annotations

import functools
import threading
import weakref
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import item_jobs
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.studio.batch import frames, sheets
from notebook_img.studio.batch.awaited import AsyncBatch
from notebook_img.studio.batch.earlier import keep_done
from notebook_img.studio.batch.ending import check, stopped, until_ended
from notebook_img.studio.batch.executor import ExecutorWork, check_executor
from notebook_img.studio.batch.item import Item, ItemList
from notebook_img.studio.batch.later import LaterWork, cancel_jobs
from notebook_img.studio.batch.prices import check_budget, check_rest
from notebook_img.studio.batch.work import Work
from notebook_img.tree import Counts, Drawn, Session, counts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from notebook_img.pictures import Bundle
    from notebook_img.providers.interface import Kind
    from notebook_img.records import BatchRecord, ItemRecord
    from notebook_img.studio.batch.prices import Prices
    from notebook_img.studio.studio import Studio

_WORKING: weakref.WeakValueDictionary[tuple[str, int], Work] = weakref.WeakValueDictionary()
"""What this process works on, by home and batch."""
_STARTS = threading.Lock()


class Batch(Drawn):
    """One call applied to many items.

    Parameters
    ----------
    studio : Studio
        Who looks and asks.
    number : int
        The batch's id in the store.
    """

    def __init__(self, studio: Studio, number: int) -> None:
        self.studio = studio
        self.number = number
        self.prices: Prices | None = None
        """What was said of its price, where this object is what made it."""
        self._last_work: Work | None = None

    # What it is

    @property
    def _key(self) -> tuple[str, int]:
        return str(self.studio.settings.home), self.number

    @property
    def work(self) -> Work | None:
        """What this process does for it, or did last, whichever object began it."""
        self._last_work = _WORKING.get(self._key) or self._last_work
        return self._last_work

    @property
    def _here(self) -> bool:
        """Whether this process works on it just now."""
        work = self.work
        return work is not None and work.future is not None and not work.future.done()

    @property
    def record(self) -> BatchRecord:
        """Its current row.

        Raises
        ------
        NotFoundError
            When it was deleted.
        """
        found = self.studio.store.batch(self.number)
        if found is None:
            raise NotFoundError(f"Batch b{self.number} was deleted with its session.", hint=Hint("list-batches"))
        return found

    @property
    def id(self) -> str:
        """``b3``."""
        return f"b{self.number}"

    @property
    def session(self) -> Session:
        """The session its turns are in."""
        return Session(self.studio, self.record.session_id)

    @property
    def name(self) -> str:
        """The name of its session, ``fox-b3``."""
        return self.session.name

    @property
    def kind(self) -> str:
        """``generate``, ``edit`` or ``ask``."""
        return self.record.kind

    @property
    def prompt(self) -> str:
        """The prompt as it was written, with its braces."""
        return self.record.prompt

    @property
    def cost(self) -> float:
        """US dollars counted for it so far, over all its runs."""
        return self.record.spent

    @property
    def counts(self) -> Counts:
        """How many of its items are done, failed, and still to be done."""
        return counts_of(self.studio.store, self.number)

    @property
    def running(self) -> bool:
        """Whether a process works on it just now."""
        return self._here or self.studio.store.at_work(self.number)

    def __len__(self) -> int:
        return self.counts.total

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __getitem__(self, position: int | slice) -> Item | ItemList:
        if isinstance(position, slice):
            return ItemList(self, [item.record for item in self.items[position]])
        total = len(self)
        place = position + total if position < 0 else position
        found = self.studio.store.items(self.number, start=place, limit=1) if 0 <= place < total else []
        if not found:
            raise IndexError(f"batch {self.id} has {total} items, 0 to {total - 1}, and no {position}")
        return Item(self, found[0])

    def views(self, records: Iterable[ItemRecord]) -> ItemList:
        """Return items of it by their rows."""
        return ItemList(self, records)

    @property
    def items(self) -> ItemList:
        """Its items, in order."""
        return ItemList(self, self.studio.store.items(self.number))

    @property
    def errors(self) -> ItemList:
        """The items that failed or were refused."""
        return ItemList(self, self.studio.store.items(self.number, states=("failed", "refused")))

    # Results

    def frame(self, *, complete: bool = False) -> Any:
        """Return a pandas DataFrame with one row per item, in the table's own index.

        Parameters
        ----------
        complete : bool
            Raise unless every item is done.

        Raises
        ------
        UsageError
            When items are missing and `complete` is true, or pandas is not installed.
        """
        if complete and (missing := self.counts.total - self.counts.done):
            raise UsageError(f"{missing} of {self.counts.total:,} items of batch {self.id} are not done: {self.counts.words}.")
        return frames.frame_of(self)

    def drawn(self) -> Bundle:
        """Return what it looks like in a notebook: its latest pictures, and a line of counts."""
        return sheets.drawn(self)

    def sheet(self, output: str | Path | None = None, *, force: bool = False) -> Bundle | Path:
        """Return the contact sheet, or write it as ``.png``, ``.pdf`` or ``.html``.

        Parameters
        ----------
        output : path, optional
            Where to write all its pictures; without it a sheet for the notebook is returned, which draws the last forty.
        force : bool
            Overwrite the file, whatever it contains.
        """
        return self.drawn() if output is None else sheets.written(self, output, force=force)

    # Going on

    def edit(self, prompt: str = "", **options: Any) -> Any:
        """Edit the picture of each item that is done: a batch over this one's results. Fields stay as they are."""
        return self._onwards("edit", prompt, options)

    def ask(self, prompt: str = "", **options: Any) -> Any:
        """Ask about the picture of each item that is done."""
        return self._onwards("ask", prompt, options)

    def _onwards(self, kind: Kind, prompt: str, options: dict[str, Any]) -> Any:
        return self.studio.batch.over_results(self, kind, prompt, options)

    def resume(self, *, wait: bool = True, at_once: int | None = None, budget: float | None = None, executor: Any = None) -> Batch:
        """Do the items that wait: after a stop, after the kernel died, after ``first=20``. What a job at a service has done is fetched.

        Parameters
        ----------
        wait : bool
            Whether to return only when it has ended.
        at_once : int, optional
            How many items are under way together.
        budget : float, optional
            US dollars for all its runs from now on.
        executor : object, optional
            Whose workers do it.

        Raises
        ------
        BudgetError
            When only its first items were agreed to (``first``), it has no budget, and the rest may cost more than `ask_above`.
        """
        check_executor(executor)
        if budget is not None:
            check_budget(budget)
            self.studio.store.update_batch(self.number, budget=budget)
        self._settle()
        keep_done(self.studio, self.record, None, {})
        return self._go_on(wait=wait, at_once=at_once, executor=executor)

    def retry(self, *, billed: bool = False, wait: bool = True, executor: Any = None) -> Batch:
        """Send once more what failed and was surely not billed. What a job at a service has done is fetched; what is left alone is named.

        Parameters
        ----------
        billed : bool
            Also what may have been billed, and what was refused.
        executor : concurrent.futures.Executor, optional
            Whose workers do it.
        """
        check_executor(executor)
        self._settle()
        store = self.studio.store
        fetched = item_jobs(self.studio, self.number)
        again = store.wait_again(self.number, billed=billed, but=fetched.keys())
        left = [item.record for item in self.errors if item.record.id not in fetched]
        if left:
            sums = sum(item.cost or 0.0 for item in left)
            from notebook_img.display import money

            cost = f", {money(sums)} counted" if sums else ""
            self.studio.say(
                f"{len(left)} that may have been billed or were refused are left as they are{cost}; billed=True sends them too."
            )
        return self._go_on(wait=wait, executor=executor) if again or fetched or self.counts.waiting else self

    def stop(self, *, now: bool = False) -> Batch:
        """Begin nothing more, in whichever process works on it; what is under way ends, or is cancelled with `now`."""
        self.studio.store.update_batch(self.number, stopping="now" if now else "soon")
        if self.work is not None:
            self.work.stop(now=now)
            self._watch(quiet=True)
        if now and self.counts.later:
            loop.run(lambda _tell: cancel_jobs(self.studio, self.record))
        self.studio.say(f"Batch {self.id}: {self.counts.words}.")
        return self

    def wait(self, *, quiet: bool = False) -> Batch:
        """Wait until nothing of it is under way, and show how far it is; stopping the wait stops the batch, if it runs here.

        Raises
        ------
        NotebookImgError
            What ended it, where items were left untried; the one error, where all failed.
        """
        self.wait_for_work(quiet=quiet)
        return self.wait_for_work(quiet=quiet) if self.stay() else self

    def stay(self) -> bool:
        """Start looking for what was handed in at a service, until all of it is fetched; return whether there is any."""
        if not self.counts.later:
            return False
        self.start(LaterWork(self.studio, self.record, self.studio.cell_origin(), self._at_once, waits=True), joins=True)
        return True

    def wait_for_work(self, *, quiet: bool = False) -> Batch:
        """Wait until the work on it ends. Of a batch that a service does later: until all is handed in, and what is done is fetched."""
        self._watch(quiet=quiet)
        self.check()
        return self

    @property
    def aio(self) -> AsyncBatch:
        """`wait`, `resume` and `retry`, to be awaited."""
        return AsyncBatch(self)

    def _settle(self) -> None:
        """Take over what processes that are gone have left."""
        self.studio.store.settle_items(self.number, own=not self._here)

    def _go_on(self, *, wait: bool, at_once: int | None = None, executor: Any = None) -> Batch:
        record = self.record
        check_rest(record, self.studio.settings.ask_above)
        work = work_on(record, executor)(self.studio, record, self.studio.cell_origin(), at_once or self._at_once)
        # Several may look at once at what a service has.
        self.start(work, joins=isinstance(work, LaterWork))
        return self.wait_for_work() if wait else self

    @property
    def _at_once(self) -> int:
        return int(self.record.facts.get("at_once") or self.studio.settings.at_once)

    def begin(self, first: int | None = None, *, handed_over: bool = False) -> None:
        """Begin to work on what was only written down (``starts=False``), with its first items alone or all.

        Of one that another process has `handed_over`, a stop that was asked for meanwhile stays one.
        """
        self._settle()
        record = self.record
        if not (handed_over and record.stopping):
            work = work_on(record)(self.studio, record, self.studio.cell_origin(), self._at_once, first)
            self.start(work, joins=True, resets=not handed_over)

    def start(self, work: Work, *, joins: bool = False, resets: bool = True) -> None:
        """Begin to work on it here; where that is done already it is an error, unless it `joins`. It forgets a stop if it `resets`."""
        studio, number = self.studio, self.number
        with _STARTS:
            if self._here and joins:
                return
            if self._here:
                raise UsageError(f"Batch {self.id} is being worked on already; wait for it, or stop it first.")
            if resets:
                studio.store.update_batch(number, stopping="")
            self._last_work = _WORKING[self._key] = work
            work.begin(lambda event: studio.shared.told_of_batch(number, event))

    def _watch(self, *, quiet: bool = False) -> None:
        """Wait for the work here, or look on while another process does it."""
        with self.studio.shared.screen(self, quiet=quiet) as screen:
            try:
                loop.run(functools.partial(until_ended, self), screen)
            except KeyboardInterrupt as stop:
                raise stopped(self) from stop

    def check(self) -> None:
        """Raise what ended the batch before its end, or what all of its items failed of."""
        check(self)

    # Looking

    def __repr__(self) -> str:
        return f"<Batch {self.id} in {self.name!r}: {self.counts.words}>"

    def _drawing(self) -> Bundle:
        return self.drawn()

    def _form(self) -> str:
        return self.studio.settings.figure

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Batch) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return Batch, (self.studio, self.number)


def work_on(record: BatchRecord, executor: Any = None, here: Collection[int] = ()) -> Callable[..., Work]:
    """Return what does a batch: call by call, here or by an executor's workers, or by the service, later."""
    if record.facts.get("later"):
        if executor is not None:
            raise UsageError(f"{record.name} is done by its service, later; an executor has nothing to do there.")
        return LaterWork
    return Work if executor is None else functools.partial(ExecutorWork, executor=executor, here=here)
