"""A command over many items, and ``batch``: list, show, resume, retry and stop."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from notebook_img.cli.each import table_named
from notebook_img.cli.printing import (
    exit_code,
    open_studio,
    plan_json,
    print_done,
    print_error,
    print_json,
    print_turn,
    say,
    split_flags,
    turn_json,
)
from notebook_img.errors import NotebookImgError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.calls import Call
    from notebook_img.options import Command, Parsed
    from notebook_img.studio import Batch, Item, Row, Studio

USAGE = "list batches; batch show ID [-o SHEET.pdf], resume ID [--budget USD], retry ID [--billed], stop ID [--now]"
ACTIONS = ("list", "show", "resume", "retry", "stop")
FLAGS = ("--json", "--billed", "--now", "--force")
ENDED = ("done", "failed", "refused")


def perform_many(studio: Studio, kind: Command, parsed: Parsed, own: list[Any], make: Callable[..., Call]) -> int:
    """Do a command with every item and print what comes of each, in order; return the exit code.

    Parameters
    ----------
    make : callable
        Builds the call of the whole line, with what is meant for one item.
    """
    from notebook_img.studio import (
        Batch,
        BatchOptions,
        arranged,
        file_filled,
        filled,
        items_named,
        optional_names,
        options_by_name,
        read_over,
        with_chosen,
    )

    values = parsed.values
    over, combined = read_over(values.get("over", ()), table_named)
    models = list(values.get("model") or [""])
    if len(models) > 1:
        combined["model"] = models
    rows = arranged(items_named(parsed, over), combined, pictured=kind != "generate")
    table = options_by_name(own)
    output = values.get("output")
    optional = optional_names(combined, parsed.text, str(output or ""), table)
    given = tuple(values.get("images", ()))

    def call_for(row: Row) -> Call:
        if kind != "generate" and row.image is None:
            raise UsageError("This row has no picture.")
        images = (row.image, *given) if kind != "generate" else given
        named = {"output": file_filled(str(output), row.fields)} if output is not None else {}
        call = make(prompt=filled(parsed.text, row.fields, strict=False), images=images, model=models[0], **named)
        return with_chosen(call, {name: row.chosen[name] for name in optional}, table)

    how = dataclasses.replace(BatchOptions.typed(values), wait=False)
    printer = _Printer(as_json="json" in values, quiet="quiet" in values)
    studio.shared.batch_screen = printer.watching
    made: Any = None
    try:
        made = studio.batch.run(kind, parsed.text, rows, call_for, how)
        if isinstance(made, Batch):
            return _waited(made, printer)
    finally:
        studio.shared.batch_screen = None
    if printer.as_json:
        for plan in made.first:
            print_json(plan_json(plan))
    else:
        print(repr(made))
    return 0


def _waited(batch: Batch, printer: _Printer) -> int:
    """Wait for a batch, print its summary; return 1 where an item failed, or the code of what ended it."""
    try:
        batch.wait_for_work()
    except NotebookImgError as error:
        # Where all failed, it has been said of each.
        return exit_code(error) if batch.counts.failed == len(batch) else print_error(error, as_json=printer.as_json)
    finally:
        # Also when it is interrupted: what is done is done.
        if batch.counts.failed or not printer.quiet:
            say(summary(batch))
    return 1 if batch.counts.failed else 0


def summary(batch: Batch) -> str:
    """Return the line that ends a batch: what was done, what failed, what it cost."""
    from notebook_img.display import counted, money

    counts = batch.counts
    names = [item.label for item in batch.errors[:5]]
    more = " ..." if counts.failed > len(names) else ""
    untried = counts.waiting + counts.under_way
    parts = [
        f"{counts.done:,} done",
        f"{counts.failed:,} failed ({', '.join(names)}{more})" if counts.failed else "",
        f"{counts.later:,} at the service (notebook-img batch resume {batch.id} fetches them)" if counts.later else "",
        f"{untried:,} not tried" if untried else "",
    ]
    cost = f"; {money(batch.cost)}" if batch.cost else ""
    return f"{batch.id}: {counted(counts.total, 'item')}: {', '.join(filter(None, parts))}{cost}."


class _Printer:
    """Prints what came of items, in their order: each as soon as all before it have ended."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.next = 0
        self.ended: set[int] = set()
        self.said = ""

    @contextlib.contextmanager
    def watching(self, batch: Batch) -> Iterator[Callable[[Any], None]]:
        """Go around a wait."""
        from notebook_img.calls import Notice

        def on_event(event: Any) -> None:
            if isinstance(event, Notice):
                say(event.text)
            elif getattr(event, "state", "") in ENDED:  # another may wait again, for its service or another process
                self.ended.add(event.item)
                self.print_ended(batch)

        try:
            yield on_event
        finally:
            self.print_ended(batch, to_the_end=True)

    def print_ended(self, batch: Batch, *, to_the_end: bool = False) -> None:
        """Print the items that have ended and not been printed; in the end also those behind one that has not."""
        while True:
            records = batch.studio.store.items(batch.number, start=self.next, limit=50)
            for item in batch.views(records):
                # Its row is done before its file is written, so that only the event tells.
                if item.record.id not in self.ended and not to_the_end and item.record.key and item.record.twin is None:
                    return
                if item.state in ENDED:
                    self.print_item(item)
                self.next = item.position + 1
            if len(records) < 50:
                return

    def print_item(self, item: Item) -> None:
        """Print one item."""
        named = item.file or item.label
        if item.record.turn is None:
            if self.as_json:
                print_json({"error": {"type": item.record.reason, "message": item.error, "image": named}})
            if item.error != self.said:  # what is wrong with all is said once
                say(": ".join(filter(None, (item.record.reason, "" if item.error.startswith(named) else named, item.error))))
            self.said = item.error
            return
        turn = item.turn
        turn.files = item.files
        if self.as_json:
            print_json({**turn_json(turn), "image": named})
        else:
            print_turn(turn, quiet=self.quiet, image=named)


def batch(words: list[str]) -> int:
    """List batches, look at one or go on with it; return the exit code."""
    from notebook_img.cli.printing import take_value
    from notebook_img.studio import read_budget

    output = take_value(words, "-o", "a file name, such as sheet.pdf")
    budget = take_value(words, "--budget", "US dollars, such as 3")
    rest, flags = split_flags(words, *FLAGS)
    as_json = "--json" in flags
    action, *names = rest or ["list"]
    if action not in ACTIONS:
        raise UsageError(f"There is no batch command {action!r}.{did_you_mean(action, ACTIONS)} It is one of {', '.join(ACTIONS)}.")
    studio = open_studio()
    if action == "list":
        _list(studio, as_json=as_json)
        return 0
    if len(names) != 1:
        raise UsageError(f"Write notebook-img batch {action} ID; notebook-img batch list lists them.")
    found = studio.batch.named(names[0])
    if action == "show":
        _show(found, output, as_json=as_json, force="--force" in flags)
        return 0
    if action == "stop":
        found.stop(now="--now" in flags)
        print_done("", batch_json(found), as_json=as_json)
        return 0
    printer = _Printer(as_json=as_json, quiet=False)
    printer.next = len(found) if action == "retry" else _first_open(found)
    studio.shared.batch_screen = printer.watching
    if action == "resume":
        found.resume(wait=False, budget=read_budget(budget) if budget else None)
    else:
        found.retry(billed="--billed" in flags, wait=False)
    return _waited(found, printer)


def _first_open(found: Batch) -> int:
    records = found.studio.store.items(found.number, states=("waiting", "leased", "sent"), limit=1)
    return records[0].position if records else len(found)


def batch_json(found: Batch) -> dict[str, Any]:
    """Return a batch as JSON."""
    record, counts = found.record, found.counts
    return {
        "id": record.name,
        "session": found.name,
        "kind": record.kind,
        "prompt": record.prompt,
        **dataclasses.asdict(counts),
        "cost": record.spent,
        "budget": record.budget,
        "running": found.running,
    }


def _list(studio: Studio, *, as_json: bool) -> None:
    found = studio.batch.list()
    if as_json:
        print_json([batch_json(each) for each in found])
        return
    if not found:
        print("No batches yet. One is made by: notebook-img edit *.jpg --each 'make it night'.", file=sys.stderr)
    for each in found:
        print(f"{each.id}  {each.name}  {each.kind}  {' '.join(each.prompt.split())[:60]}  {each.counts.words}")


def _show(found: Batch, output: str | None, *, as_json: bool, force: bool) -> None:
    if output is not None:
        print_done(str(path := found.sheet(output, force=force)), {"id": found.id, "file": str(path)}, as_json=as_json)
        return
    if as_json:
        names = ("position", "label", "state", "error", "cost")
        items = [{name: getattr(item, name) for name in names} for item in found]
        print_json({**batch_json(found), "items": items})
        return
    print(summary(found))
    for item in found.items:
        print(
            f"{item.position:>6}  {item.state:<8} {item.label}  {item.error or (item.turn.full_id if item.record.turn is not None else '')}"
        )
