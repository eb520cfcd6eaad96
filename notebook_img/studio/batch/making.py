"""From rows to a batch that runs: they become items, an unfinished batch is joined, and the price is said first."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import item_jobs
from notebook_img.errors import BudgetError, UsageError
from notebook_img.hints import Hint
from notebook_img.records import BatchRecord, Origin, SessionRecord
from notebook_img.studio.batch.batch import Batch, work_on
from notebook_img.studio.batch.earlier import earlier_batch, keep_done
from notebook_img.studio.batch.executor import check_executor
from notebook_img.studio.batch.planning import Draft, Plan, draft, existing_files, plan
from notebook_img.studio.batch.prices import Prices, check_budget
from notebook_img.studio.batch.rows import Rows, suffix_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.calls import Call
    from notebook_img.providers.interface import Kind
    from notebook_img.replay import Run, Slot
    from notebook_img.studio.batch.rows import Row
    from notebook_img.studio.studio import Studio


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is done; field names are the keyword names of the Python form."""

    budget: float | None = None
    """US dollars for all its runs and retries."""
    first: int | None = None
    """How many items are done now; the rest is priced."""
    at_once: int | None = None
    fresh: bool = False
    dry_run: bool = False
    strict: bool = False
    """Whether one failed item is an error."""
    wait: bool = True
    starts: bool = True
    """Whether it begins here at once; otherwise it is only written down, and begins where `Batch.begin` is called."""
    later: bool = False
    """Whether the service does it later, at a lower price: the batch returns when all is handed in."""
    executor: Any = None
    """Whose workers do it: a ``concurrent.futures.Executor``, a Dask client; threads of this process otherwise."""
    session: Any = None
    """A session its turns go to; one of its own otherwise."""
    quiet: bool = False
    """Whether nothing is shown while it is waited for."""

    @classmethod
    def typed(cls, values: Mapping[str, Any]) -> BatchOptions:
        """Return those options of a typed line, in a cell or a shell, that say how the batch is done."""
        return cls(**{name: value for name, value in values.items() if name in NAMES})

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.budget is not None:
            check_budget(self.budget)
        for name in ("first", "at_once"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise UsageError(f"{name} has to be a whole number of at least 1, not {value!r}.")
        check_executor(self.executor)
        if self.executor is not None and self.later:
            raise UsageError("A batch is done by its service, later, or by an executor now. Leave out one of the two.")


NAMES = frozenset(field.name for field in dataclasses.fields(BatchOptions))
"""The keywords that say how a batch is done; all others are options of its calls."""


class Making:
    """The steps of one batch, between the caller's thread and the core's loop."""

    def __init__(self, studio: Studio, kind: Kind, prompt: str, rows: Rows, how: BatchOptions) -> None:
        self.studio, self.kind, self.prompt, self.rows, self.how = studio, kind, prompt, rows, how
        # Made only when the batch is: what is refused leaves no empty session.
        self.beside: SessionRecord = studio.current() or SessionRecord("", "", time.time(), time.time())
        self.own: SessionRecord | None = studio.session_for(how.session, creates=True).record if isinstance(how.session, str) else None
        if how.session is not None and self.own is None:
            self.own = how.session.record
        self.run: Run | None = studio.cell_run
        self.origin: Origin = studio.cell_origin()
        self.drafts: list[Draft] = []
        self.slots: list[Slot | None] = []

    @contextlib.contextmanager
    def begun(self, call_for: Callable[[Row], Call]) -> Any:
        """Go around the planning: first calls are made, in the caller's thread, and get their places among the cell's requests."""
        keeps = False
        try:
            with self.studio.provisional.trying(self.own.id if self.own is not None else ""):
                self.drafts = draft(self.studio, self.planning_session, self.rows.rows, call_for)
                self.slots = [self.run.slot() if self.run is not None else None for _ in self.drafts]
                yield
                keeps = not self.how.dry_run
        finally:
            for slot in self.slots if not keeps else ():
                if slot is not None:
                    slot.fail()
                    slot.leave()

    @property
    def planning_session(self) -> SessionRecord:
        """The session the items are placed in: their own, which need not be stored yet, with the model and history of the notebook's."""
        return self.own or dataclasses.replace(self.beside, id="", head=None, redo=(), turns=0)

    async def planned(self, tell: loop.Tell) -> Plan:
        """Read and price all items, in a thread."""
        tell(None)
        how = self.how
        return await loop.in_thread(
            lambda: plan(self.studio, self.planning_session, self.drafts, self.origin, self.slots, fresh=how.fresh, later=how.later)
        )

    def finish(self, plan: Plan) -> Any:
        """Join an unfinished batch or begin one, after its price has been looked at."""
        studio, how = self.studio, self.how
        earlier = None if how.fresh else earlier_batch(studio, plan, self.run, self.beside)
        if earlier is not None:
            Batch(studio, earlier.id)._settle()  # noqa: SLF001 - the same folder
        states = studio.store.batch_keys(earlier.id) if earlier is not None else {}
        files, there, folders = existing_files(studio, plan, {key for key, several in states.items() if "done" in several})
        at_once = int(how.at_once or (earlier.facts.get("at_once") if earlier is not None else 0) or studio.settings.at_once)
        suffixes = suffix_counts(self.rows.rows)
        prices = Prices.of(studio, plan, states, how.first, at_once=at_once, files=(files, there), suffixes=suffixes, by_service=how.later)
        if how.dry_run:
            from notebook_img.studio.batch.dry_run import DryRun

            return DryRun.of(studio, self.planning_session, plan, prices, states)
        self._gate(prices, earlier)
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        record = self._stored(plan, earlier, prices)
        studio.say(f"Batch {record.name}: {prices.words}{prices.going_on(record.name)}")
        if self.run is not None:
            self.run.batches.add(record.id)
        slots = {one.item.position: one.slot for one in plan.priced if one.slot is not None}
        keep_done(studio, record, self.run, slots)
        batch = Batch(studio, record.id)
        batch.prices = prices
        counts = batch.counts
        waits = counts.waiting or counts.later or item_jobs(studio, record.id)
        if how.starts and waits and not (batch.work is not None and batch.running):
            here = [one.item.position for one in plan.priced if one.replayed]
            batch.start(work_on(record, how.executor, here)(studio, record, self.origin, at_once, how.first, how.fresh, slots))
        else:
            for slot in slots.values():  # no work here leaves them
                slot.leave()
        return batch

    def _gate(self, prices: Prices, earlier: BatchRecord | None) -> None:
        """Refuse a batch that may cost more than may be spent unasked."""
        budget = self.how.budget if self.how.budget is not None else earlier.budget if earlier is not None else None
        if budget is None and prices.sends and prices.above(self.studio.settings.ask_above):
            raise BudgetError(f"Nothing was sent: {prices.words}", hint=Hint("batch-budget", budget=prices.suggestion))

    def _stored(self, plan: Plan, earlier: BatchRecord | None, prices: Prices) -> BatchRecord:
        studio, how, run = self.studio, self.how, self.run
        facts = {
            "index": list(self.rows.index_names),
            "digest": plan.digest,
            **({"at_once": how.at_once} if how.at_once else {}),
            **({"later": True} if how.later else {}),
            **({"rest": prices.later_high} if prices.later else {}),
        }
        if earlier is not None:
            changed = {"budget": how.budget} if how.budget is not None else {}
            studio.store.merge_items(
                earlier.id,
                plan.items,
                call=plan.shared,
                facts={name: value for name, value in earlier.facts.items() if name != "rest"} | facts,
                **changed,
            )
            found = studio.store.batch(earlier.id)
            assert found is not None
            return found
        now, beside = time.time(), studio.session().record
        record = BatchRecord(
            0,
            self.own.id if self.own is not None else "",
            beside.id,
            self.kind,
            self.prompt,
            created=now,
            updated=now,
            budget=how.budget,
            call=plan.shared,
            facts=facts,
            cell=run.cell if run is not None else "",
            kernel=self.origin.kernel,
            source_hash=run.source_hash if run is not None else "",
            notebook=run.notebook if run is not None else "",
        )
        settings = {"model": beside.model, "settings": {**beside.settings, "batch": True}}
        if self.own is not None:
            studio.provisional.keep(self.own.id)
        stored = studio.store.add_batch(record, plan.items, session=beside.name, settings=settings)
        studio.shared.changed("batch", stored.beside)
        return stored

    def check(self, batch: Batch) -> None:
        """Raise where one failed item is an error."""
        if self.how.strict and batch.counts.failed:
            raise UsageError(
                f"{batch.counts.failed} of {batch.counts.total} items of batch {batch.id} failed. The first: {batch.errors[0].error}"
            )
