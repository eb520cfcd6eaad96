"""The command line: the magics' words and options in a shell, with clean stdout for pipes and exit codes.

Exit codes: 0 done, 1 it failed (one sentence on stderr), 2 the command was wrong, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from notebook_img.cli.looking import SESSIONS
from notebook_img.errors import NotebookImgError, UsageError, did_you_mean
from notebook_img.shell_words import in_shell_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = {
    "generate": "make an image:            notebook-img generate 'a red circle on white' -o circle.png",
    "edit": "edit one, or go on:       notebook-img edit cat.png 'make it night' -o night.png -s fox",
    "ask": "ask about one:            notebook-img ask cat.png 'what colours are in it?'",
    "sessions": SESSIONS,
    "show": "a session's history, or one turn:  notebook-img show fox,  notebook-img show fox/t3 -o t3.png",
    "models": "what each model can do and costs",
    "resume": "fetch the pictures of jobs that were left with a service",
    "keys": "where keys come from; keys set NAME, keys forget NAME",
    "doctor": "what is ready and what is missing; --online asks the services, --repair mends what a crash can leave",
    "mcp": "serve MCP clients over stdio; --http [PORT] over HTTP on 127.0.0.1",
}


CALLS = ("generate", "edit", "ask")
FLAGS = {
    "sessions": "  --json  --yes",
    "show": "  -o FILE  --force  --json",
    "models": "  WORD: only models with it in their name  --json",
    "resume": "  JOB: only this one",
    "keys": "  --json  A key is asked for without echo, or read from stdin; it is never part of a command.",
    "doctor": "  --online  --repair  --json",
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
    as_json = "--json" in words
    try:
        return _main(words)
    except UsageError as error:
        return _failed(error, 2, as_json=as_json)
    except NotebookImgError as error:
        return _failed(error, 1, as_json=as_json)
    except KeyboardInterrupt:
        # Where a paid reply had come already it is stored to the end, so nothing can be promised either way.
        print("Interrupted. What was not finished left no trace; notebook-img sessions shows what is stored.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe has gone; that is its right, and no reason for a traceback, also when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] == "--version":
        from notebook_img import __version__

        print(__version__)
        return 0
    command, *rest = words
    if command not in COMMANDS:
        raise UsageError(f"There is no command {command!r}.{did_you_mean(command, COMMANDS)} notebook-img --help lists them.")
    if command == "mcp":
        return int(import_module("notebook_img.mcp").main(rest))
    if command not in CALLS and {"-h", "--help"} & {*rest}:
        print(f"notebook-img {command}: {COMMANDS[command].strip()}\n{FLAGS[command]}".strip())
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    for noisy in ("httpx", "httpx2", "google_genai", "openai"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return ACTIONS[command](rest)


def _help() -> str:
    lines = ["notebook-img makes, edits and questions images; the same sessions are open in notebooks and to MCP clients.", ""]
    lines += [f"  {name:<9} {text}" for name, text in COMMANDS.items()]
    return "\n".join([*lines, "", "notebook-img COMMAND --help lists a command's options; --json prints JSON."])


def _failed(error: NotebookImgError, code: int, *, as_json: bool) -> int:
    message = in_shell_words(str(error))
    # A masked edit in another frame was paid for: its picture is kept, and a shell has no error.picture.
    kept = getattr(getattr(error, "picture", None), "path", None)
    job = getattr(error, "job", "")
    if as_json:
        facts = {**({"picture": str(kept)} if kept else {}), **({"job": job} if job else {})}
        print(json.dumps({"error": {"type": type(error).__name__, "message": message, **facts}}, ensure_ascii=False))
    print(f"{type(error).__name__}: {message}", file=sys.stderr)
    if kept:
        print(f"The picture as it was delivered: {kept}", file=sys.stderr)
    if job:
        print(f"Later: notebook-img resume {job}", file=sys.stderr)
    return code


def _action(module: str, function: str, *first: str) -> Callable[[list[str]], int]:
    """Return a command's function, its module imported when it is called."""

    def act(words: list[str]) -> int:
        return int(getattr(import_module(f"notebook_img.cli.{module}"), function)(*first, words))

    return act


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "generate": _action("calling", "perform", "generate"),
    "edit": _action("calling", "perform", "edit"),
    "ask": _action("calling", "perform", "ask"),
    "sessions": _action("looking", "sessions"),
    "show": _action("looking", "show"),
    "models": _action("looking", "models"),
    "resume": _action("looking", "resume"),
    "keys": _action("setting_up", "manage_keys"),
    "doctor": _action("setting_up", "doctor"),
}
