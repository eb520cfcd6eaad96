"""From what is asked to a batch that runs: rows become items, an unfinished batch is joined, and the price is said first."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import Call, Notice, item_jobs, make_call
from notebook_img.errors import BudgetError, UsageError
from notebook_img.hints import Hint
from notebook_img.records import BatchRecord, Origin, SessionRecord
from notebook_img.studio.batch.batch import Batch, work_on
from notebook_img.studio.batch.earlier import earlier_batch, keep_done
from notebook_img.studio.batch.executor import check_executor
from notebook_img.studio.batch.planning import Draft, Plan, draft, existing_files, plan
from notebook_img.studio.batch.prices import Prices, check_budget
from notebook_img.studio.batch.rows import Row, Rows, combined, rows_of, suffix_counts
from notebook_img.studio.batch.templates import FieldMissingError, file_filled, filled
from notebook_img.studio.batch.typed import optional_names, options_by_name, with_chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.pictures import Bundle
    from notebook_img.providers.interface import Kind
    from notebook_img.replay import Run, Slot
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
    later: bool = False
    """Whether the service does it later, at a lower price: the batch returns when all is handed in."""
    executor: Any = None
    """Whose workers do it: a ``concurrent.futures.Executor``, a Dask client; threads of this process otherwise."""
    session: Any = None
    """A session its turns go to; one of its own otherwise."""
    quiet: bool = False
    """Whether nothing is shown while it is waited for."""

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


class Batches:
    """``ni.batch``: the three calls over many items.

    Parameters
    ----------
    studio : Studio
        Who asks.
    """

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def generate(
        self, prompt: str | Sequence[str], items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any
    ) -> Any:
        """Make an image for every row and every combination. See `edit` for the options; a list of prompts is a batch too."""
        return self._called("generate", prompt, items, over, options)

    def edit(self, prompt: str, items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any) -> Any:
        """Edit many pictures.

        Parameters
        ----------
        prompt : str
            With braces for fields of the item: columns, ``{stem} {name} {parent} {i}``, names of `over`.
        items : object
            A pattern, a folder with its slash, a list of images, a table or a column.
        over : mapping, optional
            Values that are combined, by the name of a brace or an option.
        **options
            Those of one edit (``output`` with fields), and ``image`` (the column with the picture), ``budget``, ``first``, ``at_once``,
            ``fresh``, ``strict``, ``dry_run``, ``wait``, ``session``, ``executor`` (a ``concurrent.futures.Executor`` or Dask client whose
            workers do the items), ``later`` (the service does it later at half the price, and any process fetches it).

        Returns
        -------
        Batch
            When all items were tried; at once with ``wait=False``. A `DryRun` with ``dry_run=True``.
        """
        return self._called("edit", prompt, items, over, options)

    def ask(self, prompt: str, items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any) -> Any:
        """Ask about many pictures; with ``row="breed str, age float?"`` `Batch.frame` has these columns. See `edit`."""
        return self._called("ask", prompt, items, over, options)

    @property
    def aio(self) -> AsyncBatches:
        """The same, to be awaited."""
        return AsyncBatches(self)

    def list(self, limit: int | None = None) -> list[Batch]:
        """Return all batches, newest first."""
        return [Batch(self.studio, record.id) for record in self.studio.store.batches(limit=limit)]

    def table(self, limit: int = 30) -> Bundle:
        """Return the latest batches as a table."""
        from notebook_img import display

        rows = []
        for batch in self.list(limit=limit):
            record, counts = batch.record, batch.counts
            cost = display.money(record.spent) if record.spent else ""
            rows.append([record.name, batch.name, record.kind, " ".join(record.prompt.split())[:60], counts.words, cost])
        return display.table(["id", "session", "", "prompt", "items", "cost"], rows, caption="Batches" if rows else "No batches yet")

    def named(self, name: str) -> Batch:
        """Return a batch by its id (``b3``) or the name of its session (``fox-b3``).

        Raises
        ------
        NotFoundError
            When there is none; the latest are named.
        """
        from notebook_img.errors import NotFoundError

        number = name.rpartition("-")[2].removeprefix("b")
        found = self.studio.store.batch(int(number)) if number.isdecimal() and len(number) < 10 else None
        if found is None or (name != found.name and self.studio.session_name(found.session_id) != name):
            known = [record.name for record in self.studio.store.batches(limit=5)]
            latest = f" The latest are {', '.join(known)}." if known else " There is none yet."
            raise NotFoundError(f"There is no batch {name!r}.{latest}", hint=Hint("list-batches"))
        return Batch(self.studio, found.id)

    def over_results(self, batch: Batch, kind: Kind, prompt: str, options: dict[str, Any]) -> Any:
        """Do a call with the picture of each item of a batch that is done."""
        done = [item for item in batch.items if item.record.turn is not None]
        rows = [Row(item.label, {**item.fields, "i": number}, item.turn, item.index, item.chosen) for number, item in enumerate(done, 1)]
        if not rows:
            raise UsageError(f"No item of batch {batch.id} is done: {batch.counts.words}.")
        return self._called(kind, prompt, Rows(tuple(rows), tuple(batch.record.facts.get("index") or ())), None, options)

    # From Python's arguments to calls

    def _called(self, kind: Kind, prompt: Any, items: Any, over: Mapping[str, Sequence[Any]] | None, options: dict[str, Any]) -> Any:
        how, rows, prompt, call_for = self._arranged(kind, prompt, items, over, options)
        return self.run(kind, prompt, rows, call_for, how)

    def _arranged(
        self, kind: Kind, prompt: Any, items: Any, over: Mapping[str, Sequence[Any]] | None, options: dict[str, Any]
    ) -> tuple[BatchOptions, Rows, str, Callable[[Row], Call]]:
        image, models = options.pop("image", None), options.get("model")
        how = BatchOptions(**{name: options.pop(name) for name in list(options) if name in NAMES})
        if not isinstance(prompt, str) and isinstance(prompt, Sequence) and items is None:
            items, prompt = list(prompt), "{item}"
        if not isinstance(prompt, str):
            raise UsageError(f"The prompt has to be text, not {type(prompt).__name__}.")
        values = dict(over or {})
        if isinstance(models, (list, tuple)):
            values["model"] = list(options.pop("model"))
        rows = arranged(items, values, pictured=kind != "generate", image=image)
        return how, rows, prompt, caller(kind, prompt, options, values)

    # Doing it

    def run(self, kind: Kind, prompt: str, rows: Rows, call_for: Callable[[Row], Call], how: BatchOptions) -> Any:
        """Do a call for each row: price first, then at most so many at once. See `edit` for what is returned."""
        making = _Making(self.studio, kind, prompt, rows, how)
        with making.begun(call_for):
            batch = making.finish(loop.run(making.planned, self._say))
        if isinstance(batch, Batch) and how.wait:
            batch.wait_for_work(quiet=how.quiet)
            making.check(batch)
        return batch

    async def run_async(self, kind: Kind, prompt: str, rows: Rows, call_for: Callable[[Row], Call], how: BatchOptions) -> Any:
        """Do as `run` does, and await it."""
        making = _Making(self.studio, kind, prompt, rows, how)
        with making.begun(call_for):
            batch = making.finish(await loop.wait(making.planned, self._say))
        if isinstance(batch, Batch) and how.wait:
            await batch.aio.wait_for_work(quiet=how.quiet)
            making.check(batch)
        return batch

    def _say(self, event: Any) -> None:
        if isinstance(event, Notice):
            self.studio.say(event.text)


class AsyncBatches:
    """The calls of `Batches`, to be awaited."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def generate(
        self, prompt: str | Sequence[str], items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any
    ) -> Any:
        """Await `Batches.generate`."""
        return await self._called("generate", prompt, items, over, options)

    async def edit(self, prompt: str, items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any) -> Any:
        """Await `Batches.edit`."""
        return await self._called("edit", prompt, items, over, options)

    async def ask(self, prompt: str, items: Any = None, *, over: Mapping[str, Sequence[Any]] | None = None, **options: Any) -> Any:
        """Await `Batches.ask`."""
        return await self._called("ask", prompt, items, over, options)

    async def _called(self, kind: Kind, prompt: Any, items: Any, over: Mapping[str, Sequence[Any]] | None, options: dict[str, Any]) -> Any:
        how, rows, prompt, call_for = self._batches._arranged(kind, prompt, items, over, options)  # noqa: SLF001 - its other half
        return await self._batches.run_async(kind, prompt, rows, call_for, how)


def arranged(items: Any, values: Mapping[str, Sequence[Any]], *, pictured: bool, image: str | None = None) -> Rows:
    """Return the rows of items, each with every combination of values."""
    if items is None and not values:
        raise UsageError("A batch is over something: files, a list or table, or values to combine (over={...}).")
    rows = items if isinstance(items, Rows) else rows_of(items, pictured=pictured, image=image) if items is not None else Rows((Row(""),))
    rows = combined(rows, values)
    if items is None:
        rows = Rows(tuple(dataclasses.replace(row, index=number) for number, row in enumerate(rows.rows)))
    return rows


def caller(kind: Kind, prompt: str, options: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> Callable[[Row], Call]:
    """Return what makes the call of a row, its braces filled.

    Raises
    ------
    UsageError
        For a combined value that is neither a brace nor an option.
    """
    from notebook_img.providers import own_options
    from notebook_img.settings import Settings

    output = options.get("output")
    table = options_by_name(own_options(Settings())) if values else {}
    optional = optional_names(values, prompt, str(output or ""), table)

    def call_for(row: Row) -> Call:
        if kind != "generate" and row.image is None and not options.get("images"):
            raise FieldMissingError("This row has no picture.")
        given = dict(options)
        if output is not None:
            given["output"] = file_filled(str(output), row.fields)
        call = make_call(kind, filled(prompt, row.fields), row.image if kind != "generate" else None, given)
        return with_chosen(call, {name: row.chosen[name] for name in optional}, table)

    return call_for


class _Making:
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
        """Go around the planning: in the caller's thread calls are made and get their places among the cell's requests."""
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
        *files, folders = existing_files(studio, plan, {key for key, several in states.items() if "done" in several})
        at_once = int(how.at_once or (earlier.facts.get("at_once") if earlier is not None else 0) or studio.settings.at_once)
        suffixes = suffix_counts(self.rows.rows)
        prices = Prices.of(studio, plan, states, how.first, at_once=at_once, files=(files[0], files[1]), suffixes=suffixes)
        prices = dataclasses.replace(prices, by_service=how.later, seconds=None if how.later else prices.seconds)
        if how.dry_run:
            from notebook_img.studio.batch.dry_run import DryRun

            return DryRun.of(studio, self.planning_session, plan, prices)
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
        counts = batch.counts
        if (counts.waiting or counts.later or item_jobs(studio, record.id)) and not (batch.work is not None and batch.running):
            here = [one.item.position for one in plan.priced if one.replayed]
            batch.start(work_on(record, how.executor, here)(studio, record, self.origin, at_once, how.first, how.fresh, slots))
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
