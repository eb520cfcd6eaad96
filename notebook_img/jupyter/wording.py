"""What helps, in a cell's words: magics. Errors of the core take them on as they leave a magic."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from notebook_img.errors import AmbiguousMaskError, SaidShort
from notebook_img.hints import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.options import Command

MAGICS: Mapping[Command, str] = {"generate": "%imggen", "edit": "%imgedit", "ask": "%askimage"}

SYNTAX: Mapping[Command, str] = {
    "generate": "[options] what to make [options]",
    "edit": "[options] [images] what to change [options]",
    "ask": "[options] [images] a question [options]",
}

EXAMPLES: Mapping[Command, tuple[str, ...]] = {
    "generate": ("%imggen a watercolour fox", "%imggen -n 4 --aspect 16:9 a watercolour fox"),
    "edit": ("%imgedit sample:chelsea make it night", "%imgedit put {logo} on the mug in {photo}", "%imgedit --pick 3 add a scarf"),
    "ask": ("%askimage sample:chelsea what breed is this?", '%askimage chart.png --table "year int, sales float" --as sales the values'),
}
"""Lines that work as they stand, the simplest first; where the prompt is not enough, errors cite the first."""

P = ParamSpec("P")
R = TypeVar("R")

IN_CELLS: Mapping[str, str] = {
    "add-reference": "Add another one with -r FILE.",
    "ask-for-table": "Ask with --table 'year int, sales float', --schema or --boxes.",
    "batch-budget": "Add --budget {budget} to the line.",
    "choose-model": "Choose another model with -m.",
    "confine": "With --no-confine it is taken as it is.",
    "create-session": "%imgsession {name} creates it.",
    "earlier-turns": "%imgsession tree {session}/{turn} draws the history up to {turn}.",
    "example-ask": "For example: %askimage {image} {text}",
    "example-compare": "For example: %askimage -i one.jpg -i two.jpg what is different?",
    "example-edit": "For example: %imgedit {image} {text}",
    "example-generate": "For example: %imggen {text}",
    "force": "Choose another name, or add --force.",
    "hand-over": "",
    "help-ask": "%askimage -h lists them all.",
    "help-edit": "%imgedit -h lists them all.",
    "help-generate": "%imggen -h lists them all.",
    "install": "Run %pip install {package}",
    "keep-key": "Set a key with %img key {name}.",
    "leave-out": "Leave it out, or choose another model with -m.",
    "list-batches": "%imgbatch lists them.",
    "list-models": "%img models lists the known models.",
    "list-operations": "%img local lists them all.",
    "mask-reading": "Choose with --mask-reading painted or --mask-reading transparent.",
    "name-items": "Name them, as in photos/*.jpg, or give a list with --over {{files}}.",
    "new-session": "Open or create one with %imgsession NAME.",
    "open-session": "%imgsession {name} opens it.",
    "pick": "Choose one with --pick 2, or name {turn}.2 as the image.",
    "raise-batch-budget": "Run the line again with a higher --budget.",
    "raise-budget": "Raise it with %config NotebookImg.budget or NOTEBOOK_IMG_BUDGET (US dollars a day), or continue tomorrow.",
    "rebuild": "Run %img doctor --rebuild.",
    "repair": "Run %img doctor --repair.",
    "replace-key": "Set another key with %img key {name} or in {variable}.",
    "resume-batch": "%imgbatch resume {batch} goes on.",
    "resume-job": "%imgsession resume {job} fetches its pictures later.",
    "retry-batch": "%imgbatch retry {batch} sends what was surely not billed again.",
    "set-key": "Set a key with %img key {name} or in {variable}{page}.",
    "show-traceback": "%tb shows the details for a bug report.",
    "show-turn": "%imgsession show {turn} shows it.",
    "show-turns": "%imgsession tree shows its turns.",
    "use-model": "Name one with -m {model}.",
    "verify": "%img doctor --verify looks for whole copies.",
}


def in_cells_words(magic: Callable[P, R]) -> Callable[P, R]:
    """Return a magic whose errors name magics, on the screen and in the saved notebook, and whose stop is one line.

    To its end, so that a stop while a picture is drawn says where the picture is.
    """

    @functools.wraps(magic)
    def worded_magic(*args: P.args, **kwargs: P.kwargs) -> R:
        from notebook_img.calls import stoppable

        try:
            with stoppable():
                return magic(*args, **kwargs)
        except SaidShort as error:
            error.shown = worded(error, IN_CELLS)
            if isinstance(error, AmbiguousMaskError):
                from notebook_img.jupyter.output import show_readings

                show_readings(error)
            raise

    return worded_magic
