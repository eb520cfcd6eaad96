"""``ni.batch``: the three calls over many items, as Python asks for them, and the batches there are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from notebook_img import loop
from notebook_img.calls import Call, Notice, make_call
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.studio.batch.batch import Batch
from notebook_img.studio.batch.making import NAMES, BatchOptions, Making
from notebook_img.studio.batch.rows import Row, Rows, combined, rows_of
from notebook_img.studio.batch.templates import FieldMissingError, file_filled, filled
from notebook_img.studio.batch.typed import optional_names, options_by_name, with_chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.pictures import Bundle
    from notebook_img.providers.interface import Kind
    from notebook_img.studio.studio import Studio


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
            ``fresh``, ``strict``, ``dry_run``, ``wait``, ``starts`` (false: it is only written down, for `Batch.resume` in any process),
            ``session``, ``executor`` (a ``concurrent.futures.Executor`` or Dask client whose workers do the items), ``later`` (the
            service does it later at half the price, and any process fetches it).

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
            counts = batch.counts
            hint = Hint("retry-batch" if counts.failed == counts.total else "resume-batch", batch=batch.id)
            raise UsageError(f"No item of batch {batch.id} is done: {counts.words}.", hint=hint)
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
        making = Making(self.studio, kind, prompt, rows, how)
        with making.begun(call_for):
            batch = making.finish(loop.run(making.planned, self._say))
        if isinstance(batch, Batch) and how.wait:
            batch.wait_for_work(quiet=how.quiet)
            making.check(batch)
        return batch

    async def run_async(self, kind: Kind, prompt: str, rows: Rows, call_for: Callable[[Row], Call], how: BatchOptions) -> Any:
        """Do as `run` does, and await it."""
        making = Making(self.studio, kind, prompt, rows, how)
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
