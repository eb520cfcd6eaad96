"""The command line: the magics' words and options in a shell, with clean stdout for pipes and exit codes.

Exit codes: 0 done, 1 it failed (one sentence on stderr), 2 the command was wrong, 3 no key or one that is refused, 4 the service said no,
5 it cannot be asked now (nothing was billed), 6 an answer that was late or unusable (it may have been billed), 7 over the budget,
8 a job to resume later, 130 interrupted.
"""

from __future__ import annotations

import errno
import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from notebook_img.cli.batch import FLAGS as BATCH_FLAGS
from notebook_img.cli.batch import USAGE as BATCHES
from notebook_img.cli.printing import print_error, say
from notebook_img.cli.sessions import FLAGS as SESSION_FLAGS
from notebook_img.cli.sessions import SESSIONS
from notebook_img.cli.streams import lead_nowhere, prepare_streams
from notebook_img.cli.wording import IN_SHELLS, INSTEAD
from notebook_img.errors import NotebookImgError, OutputError, Stopped, UsageError, did_you_mean
from notebook_img.files import reason
from notebook_img.hints import worded
from notebook_img.providers import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = {
    "generate": "make an image:            notebook-img generate 'a red circle on white' -o circle.png",
    "edit": "edit one, or continue:    notebook-img edit cat.png 'make it night' -o night.png -s fox",
    "ask": "ask about one:            notebook-img ask cat.png 'what colours are in it?'",
    "batch": BATCHES,
    "sessions": SESSIONS,
    "show": "a session's history, or one turn:  notebook-img show fox,  notebook-img show fox/t3 -o t3.png",
    "tree": "the history as a tree:    notebook-img tree,  notebook-img tree fox/t40",
    "cost": "what was spent:           notebook-img cost --by model,month",
    "models": "what each model can do and costs",
    "resume": "fetch pictures a service went on with after the wait had ended",
    "keys": "where keys come from; keys set NAME, keys forget NAME",
    "doctor": "what is ready and what is missing; --online asks the services; --repair, --verify, --rebuild heal the store",
    "panel": "the panel in the browser, without a notebook:  notebook-img panel fox",
    "completion": 'Tab completion for your shell: eval "$(notebook-img completion bash)"; zsh and fish likewise',
    "mcp": "serve MCP clients over stdio; --http [PORT] over HTTP on 127.0.0.1",
}


CALLS = ("generate", "edit", "ask")
FLAGS = {
    "batch": f"  {'  '.join(BATCH_FLAGS)}  -o SHEET.pdf: write the contact sheet (show)",
    "sessions": f"  {'  '.join(SESSION_FLAGS)}",
    "show": "  -o FILE  --force  --json  --until ID: the history up to a turn",
    "tree": "  SESSION, or SESSION/t40 or --until ID: the history up to a turn; without a name the folder's session  --json",
    "cost": (
        "  SESSION: only what it has cost\n"
        "  --by NAMES   one or several of day, month, model, person, notebook, session, with commas between them\n"
        "  --csv  --json"
    ),
    "panel": (
        "  SESSION: the one it shows; without a name that of the folder, as in a notebook\n"
        "  --port N      a port of 127.0.0.1 instead of any free one\n"
        "  --no-browser  only print the address\n"
        "  --json"
    ),
    "completion": "  bash, zsh or fish: print its script  --json",
    "models": "  WORD: only models with it in their name  --json",
    "resume": "  JOB: only this one  --json",
    "keys": "  --json  A key is asked for without echo, or read from stdin; it is never part of a command.",
    "doctor": (
        "  --online   ask every service that is set up what it offers\n"
        "  --repair   mend what a crash can leave; what no turn names is moved aside, never deleted\n"
        "  --verify [FILE-OR-FOLDER ...]   check every picture, and heal what a pack, an export or a copy has the bytes of\n"
        "  --rebuild [FILE-OR-FOLDER ...]  make turns again that the index has lost\n"
        "  --json"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the program's name; those of the process otherwise.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    prepare_streams()
    try:
        code = _said(words)
        # What cannot be written is an error here, not one of Python's when it ends.
        if not sys.stdout.closed:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe has gone; that is its right, and no reason for a traceback, also when Python flushes at its end.
        lead_nowhere(sys.stdout)
        code = 0
    except OSError as error:
        if error.filename is None and error.errno not in UNWRITABLE:
            raise
        what = f"{error.filename} cannot be used" if error.filename is not None else "The output cannot be written"
        stored = "" if error.filename is not None else " What was made before is stored: notebook-img sessions."
        lead_nowhere(sys.stdout)
        code = print_error(OutputError(f"{what}: {reason(error)}.{stored}"), as_json=False)
    try:
        sys.stderr.flush()
    except OSError:
        lead_nowhere(sys.stderr)
    return code


UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors of writing to a stream that is open."""


def _said(words: list[str]) -> int:
    """Run a command, and print what goes wrong; return the exit code."""
    try:
        return _main(words)
    except NotebookImgError as error:
        return print_error(error, as_json="--json" in words)
    except KeyboardInterrupt as stop:
        say(worded(stop, IN_SHELLS) if isinstance(stop, Stopped) else "Stopped; no call was under way.")
        return 130


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from notebook_img._version import __version__

        print(__version__)
        return 0
    command, *rest = words
    if command not in COMMANDS:
        meant = INSTEAD.get(command, "") or did_you_mean(command, (*COMMANDS, "--help", "--version"))
        raise UsageError(f"There is no command {command!r}.{meant} notebook-img --help lists them.")
    if command == "mcp":
        return int(import_module("notebook_img.mcp").main(rest))
    if command not in CALLS and {"-h", "--help"} & {*rest}:
        print(f"notebook-img {command}: {COMMANDS[command].strip()}\n{FLAGS[command]}".strip())
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    quiet_libraries()
    return ACTIONS[command](rest)


def _help() -> str:
    lines = ["notebook-img makes, edits and questions images; the same sessions are open in notebooks and to MCP clients.", ""]
    lines += [f"  {name:<10} {text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", "notebook-img COMMAND --help lists a command's options; --json prints JSON."])


def _action(module: str, function: str, *first: str) -> Callable[[list[str]], int]:
    """Return a command's function, whose module is imported when it is called."""

    def act(words: list[str]) -> int:
        return int(getattr(import_module(f"notebook_img.cli.{module}"), function)(*first, words))

    return act


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "generate": _action("images", "perform", "generate"),
    "edit": _action("images", "perform", "edit"),
    "ask": _action("images", "perform", "ask"),
    "batch": _action("batch", "batch"),
    "sessions": _action("sessions", "sessions"),
    "show": _action("history", "show"),
    "tree": _action("history", "tree"),
    "cost": _action("sessions", "cost"),
    "panel": _action("panel", "panel"),
    "completion": _action("completion", "completion"),
    "models": _action("sessions", "models"),
    "resume": _action("sessions", "resume"),
    "keys": _action("setup", "manage_keys"),
    "doctor": _action("setup", "doctor"),
}
