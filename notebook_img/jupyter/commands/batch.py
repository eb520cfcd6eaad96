"""A magic over many items, and %imgbatch, which looks at batches and goes on with them."""

from __future__ import annotations

import dataclasses
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.jupyter.commands.line_calls import call_of
from notebook_img.jupyter.line import split_words
from notebook_img.jupyter.output import put
from notebook_img.jupyter.wording import in_cells_words
from notebook_img.studio import (
    Batch,
    BatchOptions,
    arranged,
    fields_in,
    file_filled,
    items_named,
    optional_names,
    options_by_name,
    read_budget,
    read_over,
    with_chosen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.calls import Call
    from notebook_img.jupyter.kernel import Namespace, NotebookKernel
    from notebook_img.options import Command, Parsed
    from notebook_img.studio import Row

ONE_AT_A_TIME = ("start", "pick", "again", "n")
"""Options of a single call; the first three say where it starts, which items do."""


def perform_batch(kernel: NotebookKernel, command: Command, parsed: Parsed, names: Namespace, own: Sequence[Any]) -> Any:
    """Do what a line says with every item; return the Batch, or what a dry run says."""
    studio, values = kernel.studio, parsed.values
    if given := [name for name in ONE_AT_A_TIME[:3] if name in values]:
        raise UsageError(f"--{'from' if given[0] == 'start' else given[0]} belongs to one call, and this is a batch. Leave it out.")
    over, combined = read_over(values.get("over", ()), lambda text: _evaluated(text, names))
    if len(values.get("model", ())) > 1:
        combined["model"] = list(values["model"])
    rows = arranged(items_named(parsed, over), combined, pictured=command != "generate")
    table = options_by_name(own)
    optional = optional_names(combined, parsed.text, str(values.get("output") or ""), table)
    one = dataclasses.replace(parsed, images=[])

    def call_for(row: Row) -> Call:
        if command != "generate" and row.image is None:
            raise UsageError("This row has no picture.")
        known: Namespace = ChainMap(dict(row.fields), *names.maps)
        call = call_of(studio, command, one, known, see=False, before=[row.image] if row.image is not None else [])
        if values.get("output"):
            variables = {name: names[name] for name in fields_in(str(values["output"])) if name in names}
            call = call.but(output=file_filled(str(values["output"]), {**variables, **row.fields}))
        models = values.get("model") or [""]
        return with_chosen(call.but(model=models[0]), {name: row.chosen[name] for name in optional}, table)

    for note in parsed.notes:
        studio.say(note)
    made = studio.batch.run(command, parsed.text, rows, call_for, BatchOptions.typed(values))
    if not isinstance(made, Batch):
        print(made)  # noqa: T201 - text is what a dry run is for
        return None
    if values.get("assign"):
        kernel.assign(values["assign"], made.frame() if command == "ask" else made)
    return made


def _evaluated(text: str, names: Namespace) -> Any:
    expression = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    try:
        return eval(expression, {}, names)  # noqa: S307 - the user's own expression in the user's own notebook
    except NameError as error:
        missing = str(getattr(error, "name", None) or expression)
        meant = did_you_mean(missing, [name for name in names if not name.startswith("_")])
        raise NotFoundError(f"--over {text}: there is no {missing!r} in the notebook.{meant}") from error
    except (SyntaxError, AttributeError, LookupError, TypeError) as error:
        raise UsageError(f"--over {text} cannot be read: {type(error).__name__}: {error}.") from error


COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("list", "all batches, newest first"),
    "show": ("show ID", "its sheet, with what failed"),
    "resume": ("resume ID [--budget USD]", "do what waits; USD bounds all its runs"),
    "retry": ("retry ID [--billed]", "send what failed and was surely not billed; with --billed the rest too"),
    "stop": ("stop ID [--now]", "begin nothing more; with --now cancel what is under way"),
}


@in_cells_words
def run(kernel: NotebookKernel, line: str) -> Any:
    """Do one %imgbatch command."""
    words = split_words(line) or ["list"]
    command, *rest = words
    if command in ("-h", "--help", "help"):
        width = max(len(usage) for usage, _ in COMMANDS.values())
        lines = [f"  %imgbatch {usage:<{width}}  {said}" for usage, said in COMMANDS.values()]
        print("\n".join(["%imgbatch lists batches. Commands:", *lines]))  # noqa: T201 - help is text
        return None
    batches = kernel.studio.batch
    if command not in COMMANDS and not rest:
        command, rest = "show", [command]
    if command not in COMMANDS:
        raise UsageError(f"%imgbatch has no command {command!r}.{did_you_mean(command, COMMANDS)} %imgbatch -h lists them.")
    budget = None
    if command == "resume" and "--budget" in rest[:-1]:
        place = rest.index("--budget")
        budget = read_budget(rest[place + 1])
        rest = rest[:place] + rest[place + 2 :]
    flags = {word for word in rest if word.startswith("--")}
    named = [word for word in rest if word not in flags]
    if command == "list":
        return put(batches.table())
    if len(named) > 1 or flags - {"--billed" if command == "retry" else "--now" if command == "stop" else ""}:
        raise UsageError(f"Write %imgbatch {COMMANDS[command][0]}.")
    batch = batches.named(named[0]) if named else _latest(kernel)
    actions: dict[str, Callable[[], Any]] = {
        "show": lambda: batch,
        "resume": lambda: batch.resume(budget=budget),
        "retry": lambda: batch.retry(billed="--billed" in flags),
        "stop": lambda: batch.stop(now="--now" in flags),
    }
    return actions[command]()


def _latest(kernel: NotebookKernel) -> Batch:
    found = kernel.studio.batch.list(limit=1)
    if not found:
        raise NotFoundError("There is no batch yet. A pattern, a folder with its slash or --over makes one: %imgedit photos/*.jpg ...")
    return found[0]
