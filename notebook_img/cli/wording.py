"""What helps, in a shell's words: commands and their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.options import Command

SYNTAX: Mapping[Command, str] = {
    "generate": "notebook-img generate [options] what to make [options]",
    "edit": "notebook-img edit [options] [images] what to change [options]",
    "ask": "notebook-img ask [options] [images] a question [options]",
}

EXAMPLES: Mapping[Command, tuple[str, ...]] = {
    "generate": ("notebook-img generate 'a red circle on white' -o circle.png",),
    "edit": (
        "notebook-img edit cat.png 'make it night' -o night.png -s fox",
        "notebook-img edit -s fox warmer",
        "notebook-img edit *.jpg -o '{stem}-night.jpg' 'make it night'",
    ),
    "ask": ("notebook-img ask cat.png 'what colours are in it?'",),
}

_TURNS = " To go on from another turn, name it: notebook-img edit t1 'make it night', after a look at notebook-img tree."

INSTEAD: Mapping[str, str] = {
    "undo": _TURNS,
    "redo": _TURNS,
    "checkout": _TURNS,
    "reset": _TURNS,
    "list": " Did you mean 'sessions' or 'batch'?",
    "history": " Did you mean 'tree'?",
    "status": " Did you mean 'tree' or 'doctor'?",
    "export": " Did you mean 'sessions export'?",
    "import": " Did you mean 'sessions import'?",
    "rename": " Did you mean 'sessions rename'?",
    "delete": " Did you mean 'sessions delete'?",
    "key": " Did you mean 'keys set'?",
}
"""What to write for words that are commands in a notebook, and not here."""


IN_SHELLS: Mapping[str, str] = {
    "add-reference": "Add another one with -r FILE.",
    "ask-for-table": "Ask with --table 'year int, sales float', --schema or --boxes.",
    "batch-budget": "Add --budget {budget} to the command.",
    "choose-model": "Choose another model with -m.",
    "confine": "With --no-confine it is taken as it is.",
    "create-session": "Naming an image with -s {name} creates it.",
    "earlier-turns": "notebook-img show {session} --until {turn} shows the history up to {turn}.",
    "example-ask": "For example: notebook-img ask {image} '{text}'",
    "example-compare": "For example: notebook-img ask one.jpg -r two.jpg 'what is different?'",
    "example-edit": "For example: notebook-img edit {image} '{text}'",
    "example-generate": "For example: notebook-img generate '{text}'",
    "force": "Choose another name, or add --force.",
    "hand-over": "",
    "help-ask": "notebook-img ask --help lists them all.",
    "help-edit": "notebook-img edit --help lists them all.",
    "help-generate": "notebook-img generate --help lists them all.",
    "install": "Run pip install {package}",
    "keep-key": "Set a key with notebook-img keys set {name}.",
    "leave-out": "Leave it out, or choose another model with -m.",
    "list-batches": "notebook-img batch list lists them.",
    "list-models": "notebook-img models lists the known models.",
    "list-operations": "notebook-img edit --help lists them all.",
    "mask-reading": "Choose with --mask-reading painted or --mask-reading transparent; --dry-run shows where that is.",
    "name-items": "Name them: notebook-img edit *.jpg --each 'make it night'.",
    "new-session": "Naming an image with -s NAME opens or creates one.",
    "open-session": "Work in that one with -s {name}.",
    "pick": "Choose one with --pick 2, or name {turn}.2 as the image.",
    "raise-batch-budget": "Run the command again with a higher --budget.",
    "raise-budget": "Raise it with NOTEBOOK_IMG_BUDGET (US dollars a day), or continue tomorrow.",
    "rebuild": "Run notebook-img doctor --rebuild.",
    "repair": "Run notebook-img doctor --repair.",
    "replace-key": "Set another key with notebook-img keys set {name} or in {variable}.",
    "resume-batch": "notebook-img batch resume {batch} goes on.",
    "resume-job": "notebook-img resume {job} fetches its pictures later.",
    "retry-batch": "notebook-img batch retry {batch} sends what was surely not billed again.",
    "set-key": "Set a key with notebook-img keys set {name} or in {variable}{page}.",
    "show-traceback": "",
    "show-turn": "notebook-img show {turn} shows it.",
    "show-turns": "notebook-img show {session} shows its turns.",
    "use-model": "Name one with -m {model}.",
    "verify": "notebook-img doctor --verify looks for whole copies.",
}
