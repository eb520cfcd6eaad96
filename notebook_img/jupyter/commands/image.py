"""%imggen, %imgedit and %askimage: from the parsed line to calls, and from turns to the screen."""

from __future__ import annotations

import os
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Plan, is_id
from notebook_img.errors import NotebookImgError
from notebook_img.hints import worded
from notebook_img.jupyter import interpolation
from notebook_img.jupyter.commands.batch import perform_batch
from notebook_img.jupyter.commands.line_calls import call_of, is_object, stays
from notebook_img.jupyter.line import parse
from notebook_img.jupyter.output import Screen, together
from notebook_img.jupyter.wording import EXAMPLES, IN_CELLS, MAGICS, SYNTAX, in_cells_words
from notebook_img.providers import own_options
from notebook_img.studio import check_alone, fields_of_file, makes_batch, run_siblings
from notebook_img.tree import TurnList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.jupyter.kernel import Namespace, NotebookKernel
    from notebook_img.options import Command
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn

VERBS = {"generate": "Making", "edit": "Editing", "ask": "Asking"}


@in_cells_words
def perform(kernel: NotebookKernel, command: Command, line: str, cell: str | None, names: Namespace) -> Any:
    """Do what a line says; return the Turn, a list of them for several models, or a dry run's plan."""
    studio = kernel.studio
    own = own_options(studio.settings)
    parsed = parse(
        line,
        cell,
        command,
        own=own,
        is_id=lambda word: is_id(studio, word),
        exists=os.path.exists,
        holds_image=lambda word: _holds_image(word, names),
        fill=lambda text, objects=False: interpolation.fill(text, names, is_image=is_object if objects else stays),
        unfilled=("over", "output"),
    )
    if parsed.help:
        _help(studio, command, own, asked=(parsed.values.get("model") or [""])[0])
        return None
    values = parsed.values
    if makes_batch(parsed):
        return perform_batch(kernel, command, parsed, names, own)
    check_alone(parsed)
    if "output" in values and "no_vars" not in values:
        # Variables of the notebook, and what the file that is edited is called.
        known = ChainMap(names, fields_of_file(parsed.images[0]) if parsed.images else {})
        values["output"] = interpolation.fill(str(values["output"]), known, is_image=stays)
    quiet, name = "quiet" in values, values.get("assign")
    models = values.get("model") or [""]
    # Partial pictures cost tokens: they are asked for only where they are seen as they come, in a kernel's output.
    seen = not quiet and getattr(kernel.shell, "kernel", None) is not None
    call = call_of(studio, command, parsed, names, see=seen)
    session = studio.session_for(values.get("session"), creates=command == "generate" or bool(call.images))
    for note in parsed.notes:  # before anything is sent
        studio.say(note)
    title = f"{VERBS[command]} with {', '.join(filter(None, models)) or _model_words(studio, command, session)}"
    # Of several answers at once none streams: they come together when all are there.
    with Screen(kernel.shell, title, quiet=quiet, answers=command == "ask" and len(models) == 1) as screen:
        family = run_siblings(studio, session, call, models, screen.on_event)
        for model, error in family.failed if family.results else family.failed[1:]:
            studio.say(f"Warning: {model} returned no result. {worded(error, IN_CELLS) if isinstance(error, NotebookImgError) else error}")
        if not family.results:
            raise family.failed[0][1]
        if isinstance(family.results[0], Plan):
            show_plans([plan for plan in family.results if isinstance(plan, Plan)])
            return None
        turns = TurnList(family.results)  # type: ignore[arg-type]
        side = studio.settings.preview
        screen.finish(turns[0].figure(max_side=side) if len(turns) == 1 else together(turns, max_side=side), studio.settings.figure)
    value: Any = turns[0] if len(models) == 1 else turns
    if name:
        kernel.assign(name, turns[0].frame() if _is_table(turns[0]) else value)
    if not quiet or _is_last_value(kernel):
        for turn in turns:
            kernel.shown(turn)
    return value


def show_plans(plans: Sequence[Plan]) -> None:
    """Show dry runs: as text, and of a mask the picture with the frame drawn in."""
    from IPython.display import display

    for plan in plans:
        if plan.refusal is not None:
            plan.refusal.shown = worded(plan.refusal, IN_CELLS)
        if plan.region is None:
            print(plan)  # noqa: T201 - text is what a dry run is for
        else:
            display(plan)  # type: ignore[no-untyped-call]


def _is_table(turn: Turn) -> bool:
    """Return whether an answer is rows: of ``--table``, or of a schema that is a list of objects."""
    shaped = turn.asked.get("table") or turn.asked.get("row") or turn.shape is not None
    return bool(shaped) and isinstance(turn.value, list) and all(isinstance(row, dict) or hasattr(row, "__dict__") for row in turn.value)


def _is_last_value(kernel: NotebookKernel) -> bool:
    """Return whether the running cell ends in a magic, whose value IPython would draw although it was asked to be quiet."""
    source = kernel.cell.rstrip()
    return source.startswith("%%") or source.rsplit("\n", 1)[-1].lstrip().startswith("%")


def _holds_image(word: str, names: Namespace) -> bool:
    from notebook_img import pictures

    return word.isidentifier() and word in names and pictures.is_picture_like(names[word])


def _model_words(studio: Studio, command: Command, session: Session) -> str:
    from notebook_img.providers import choose_model

    provider, model = choose_model(command, studio.settings, session=session.model, ran_on=session.record.ran_on)
    return f"{provider.name}:{model}" if model else provider.name


def _help(studio: Studio, command: Command, own: list[Any], *, asked: str) -> None:
    from notebook_img.options import help_text
    from notebook_img.providers import choose_model, model_info

    session = studio.current()
    provider, model = choose_model(command, studio.settings, asked=asked, session=session.kept_model if session else "")
    capabilities = model_info(provider, model, studio.settings).capabilities
    magic = MAGICS[command]
    head = [f"{magic} {SYNTAX[command]}", f"%{magic} ... with the text in the cell below", "", *(f"  {line}" for line in EXAMPLES[command])]
    print(help_text(command, own, capabilities, head=head, model=f"{provider.name}:{model}"))  # noqa: T201 - help is text
