"""The command line: the magics' words and options in a shell, with clean stdout for pipes and exit codes.

Exit codes: 0 done, 1 it failed (one sentence on stderr), 2 the command was wrong, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import textwrap
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError, NotFoundError, UsageError, did_you_mean
from notebook_img.shell_words import in_shell_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.options import Command
    from notebook_img.results import Plan
    from notebook_img.studio import Studio
    from notebook_img.tree import Turn

COMMANDS = {
    "generate": "make an image:            notebook-img generate 'a red circle on white' -o circle.png",
    "edit": "edit one, or go on:       notebook-img edit cat.png 'make it night' -o night.png -s fox",
    "ask": "ask about one:            notebook-img ask cat.png 'what colours are in it?'",
    "sessions": "list sessions; sessions export NAME FILE, import FILE, rename NAME NEW, delete NAME --yes, cost [NAME]",
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


def _studio() -> Studio:
    from notebook_img.records import Origin
    from notebook_img.studio import Studio

    studio = Studio()
    studio.origin = Origin(surface="cli")
    return studio


# ---------------------------------------------------------------------------------------------- generate, edit, ask


def _call(kind: Command, words: list[str]) -> int:
    from notebook_img import asking
    from notebook_img.calls import Call
    from notebook_img.options import Option, parse_words
    from notebook_img.results import Plan

    studio = _studio()
    own = [*_own_options(studio), Option(name="json", flags=("--json",), takes="flag", help="Print JSON.", part="display")]
    parsed = parse_words(words, kind, own=own, is_id=lambda word: asking.is_id(studio, word))
    if parsed.help:
        from notebook_img.option_help import help_text

        print(help_text(kind, own, notebook=False))
        if kind == "edit":
            from notebook_img.providers.local import operation_names

            can = textwrap.fill(", ".join(operation_names()), 100, initial_indent="  ", subsequent_indent="  ")
            print(f"\nWithout an image model the built-in engine edits (ordinary image operations, not AI):\n{can}")
        return 0
    values = dict(parsed.values)
    options = dict(values.pop("options", {}))
    as_json = bool(options.pop("json", False) or values.pop("json", False))
    models = values.pop("model", None) or [""]
    images = (*values.pop("images", ()), *parsed.images)
    fields = {name: value for name, value in values.items() if name in Call.__dataclass_fields__}
    if fields.get("schema"):
        fields["schema"] = _schema(str(fields["schema"]))
    call = Call(
        kind=kind,
        prompt=parsed.text,
        images=images,
        start=values.get("from_turn"),
        own=options,
        **{**fields, "references": tuple(values.get("references", ()))},
    )
    session = studio.session_for(values.get("session"), creates=kind == "generate" or bool(images))
    line = _ProgressLine()
    results: list[Any] = []
    for note in parsed.notes:
        print(note, file=sys.stderr)
    for model in models:
        try:
            results.append(studio.run(session, call.but(model=model), line.on_event))
        finally:
            line.clear()
    for result in results:
        if isinstance(result, Plan):
            print(json.dumps(_plan_json(result), ensure_ascii=False) if as_json else repr(result))
        elif as_json:
            print(json.dumps(_as_json(result), ensure_ascii=False))
        else:
            _print(result)
    return 0


def _schema(text: str) -> Any:
    """Return the JSON schema of ``--schema``: a file that holds one, or the schema itself."""
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"--schema {text} cannot be read: {why}. Name a file with a JSON schema in it.") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"The JSON schema cannot be read: {error}.") from error


def _own_options(studio: Studio) -> list[Any]:
    from notebook_img.inventory import own_options

    return own_options(studio.settings)


class _ProgressLine:
    """One line on a terminal's stderr that counts the seconds; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()
        self.started = time.monotonic()
        self.shown = 0.0
        self.message = "working"

    def on_event(self, event: Any) -> None:
        """Take an event of the core."""
        from notebook_img.providers.interface import ProgressEvent, WaitEvent
        from notebook_img.results import Notice

        if isinstance(event, Notice):
            self.clear()
            print(event.text, file=sys.stderr)
        elif isinstance(event, ProgressEvent):
            self.message = event.message
        elif isinstance(event, WaitEvent):
            self.message = f"{event.reason}; waiting {event.seconds:.0f} s"
            if not self.on:
                print(self.message, file=sys.stderr)
        now = time.monotonic()
        if self.on and now - self.started > 0.5 and now - self.shown > 0.2:
            self.shown = now
            print(f"\r\x1b[K{self.message[:60]} ... {now - self.started:.0f} s", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.on and self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print(turn: Turn) -> None:
    """Print an answer, or where each picture lies: the file that was asked for, else the one in the store."""
    from notebook_img.tree.showing import caption

    if turn.kind == "ask":
        print(turn.text)
    else:
        for path in turn.files or [picture.path for picture in turn.pictures]:
            print(path)
    print(caption(turn).plain(), file=sys.stderr)


def _plan_json(plan: Plan) -> dict[str, Any]:
    """Return a dry run as JSON: what would be sent, without bytes."""
    pictures = [{"name": item.name, "sha256": item.sha256, "width": item.width, "height": item.height} for item in plan.pictures]
    return {**vars(plan), "pictures": pictures, "dry_run": True}


def _as_json(turn: Turn) -> dict[str, Any]:
    files = [str(path) for path in turn.files]
    return {
        "id": turn.full_id,
        "kind": turn.kind,
        "prompt": turn.prompt,
        "model": turn.model,
        "parent": turn.parent.id if turn.parent else None,
        "text": turn.text,
        "value": turn.record.answer.get("value") if isinstance(turn.record.answer, dict) else None,
        "boxes": [box.to_dict() for box in turn.boxes or ()],
        "pictures": [
            {
                "sha256": picture.sha256,
                "mime_type": picture.mime_type,
                "width": picture.width,
                "height": picture.height,
                "path": str(picture.path),
                "file": files[index] if index < len(files) else None,
            }
            for index, picture in enumerate(turn.pictures)
        ],
        "seconds": turn.seconds,
        "cost": turn.cost,
        "seed": turn.seed,
        "warnings": list(turn.warnings),
    }


# ---------------------------------------------------------------------------------------------- the rest


def _flags(words: list[str], *known: str) -> tuple[list[str], set[str]]:
    """Split off flags; an unknown one is an error with the nearest name."""
    flags = {word for word in words if word.startswith("--")}
    for flag in flags - set(known):
        raise UsageError(f"There is no option {flag} here.{did_you_mean(flag, known)} It takes {', '.join(known) or 'none'}.")
    return [word for word in words if word not in flags], flags


def _sessions(words: list[str]) -> int:
    studio = _studio()
    rest, flags = _flags(words, "--json", "--yes")
    if not rest or rest == ["list"]:
        records = studio.store.sessions()
        if "--json" in flags:
            print(
                json.dumps(
                    [{"name": row.name, "turns": row.turns, "model": row.model, "updated": row.updated} for row in records],
                    ensure_ascii=False,
                )
            )
        else:
            width = max((len(row.name) for row in records), default=0)
            for row in records:
                used = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.updated))
                print(f"{row.name:<{width}}  {row.turns:>5} turns  {used}  {row.model}".rstrip())
        return 0
    action, *names = rest
    if action == "cost" and len(names) < 2:
        from notebook_img.inventory import cost_table

        print(cost_table(studio.store, session=names[0] if names else None).text)
    elif action == "export" and len(names) == 2:
        print(studio.session_for(names[0], creates=False).export(names[1]))
    elif action == "import" and len(names) == 1:
        for session in studio.import_sessions(names[0]):
            print(f"{session.name}  {session.record.turns} turns")
    elif action == "rename" and len(names) == 2:
        studio.session_for(names[0], creates=False).rename(names[1])
    elif action == "delete" and len(names) == 1:
        session = studio.session_for(names[0], creates=False)
        if "--yes" not in flags:
            raise UsageError(f"This would delete session {names[0]!r} for good. If that is meant, add --yes.")
        session.delete()
    else:
        actions = ("list", "cost", "export", "import", "rename", "delete")
        raise UsageError(f"sessions {' '.join(rest)} is not understood.{did_you_mean(action, actions)} {COMMANDS['sessions']}")
    return 0


def _show(words: list[str]) -> int:
    from notebook_img.ids import parse_id

    studio = _studio()
    output = None
    if "-o" in words:
        at = words.index("-o")
        if at + 1 >= len(words):
            raise UsageError("-o wants a file name, for example -o t3.png.")
        output = words[at + 1]
        del words[at : at + 2]
    rest, flags = _flags(words, "--json", "--force")
    if len(rest) != 1:
        raise UsageError("Write notebook-img show SESSION, or notebook-img show SESSION/t3.")
    named = parse_id(rest[0])
    if named is None:
        session = studio.session_for(rest[0], creates=False)
        if output:
            raise UsageError(f"-o wants one turn: notebook-img show {rest[0]}/t3 -o {output}")
        if "--json" in flags:
            print(json.dumps([_as_json(turn) for turn in session.turns], ensure_ascii=False))
        else:
            print(session.tree().text)
        return 0
    session = studio.session_for(named.session, creates=False)
    turn = session.turn(rest[0])
    if output:
        if not turn.pictures:
            raise NotFoundError(f"{turn.full_id} has no picture.")
        _save(studio, turn, output, force="--force" in flags)
    elif "--json" in flags:
        print(json.dumps(_as_json(turn), ensure_ascii=False))
    else:
        print(turn.figure().text)
        print(f"prompt: {turn.prompt}")
        for picture in turn.pictures:
            print(picture.path)
    return 0


def _save(studio: Studio, turn: Turn, output: str, *, force: bool) -> None:
    """Write a turn's pictures, or the one that was picked, where the user asked for them."""
    from notebook_img import outputs
    from notebook_img.keeping import provenance_of

    chosen = [turn.picture] if turn.picked else turn.pictures
    outputs.check_before(output, len(chosen), studio.store, force=force)
    paths, said = outputs.write(output, chosen, studio.store, force=force, facts=provenance_of(studio, turn.record))
    print("\n".join(str(path) for path in paths))
    for text in said:
        print(text, file=sys.stderr)


def _models(words: list[str]) -> int:
    studio = _studio()
    rest, flags = _flags(words, "--json")
    rows = [row for row in studio.models() if not rest or any(word in row["name"] for word in rest)]
    if "--json" in flags:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    from notebook_img import display

    table = display.table(
        ["model", "here", "does", "sizes", "one picture", "status"],
        [[row["name"], "ready" if row["ready"] else "not set up", row["does"], row["sizes"], row["price"], row["status"]] for row in rows],
    )
    print(table.text)
    return 0


def _resume(words: list[str]) -> int:
    studio = _studio()
    rest, _ = _flags(words)
    turns = studio.resume(rest[0] if rest else None, _ProgressLine().on_event)
    for turn in turns:
        _print(turn)
    if not turns:
        print("No job is waiting with a service.", file=sys.stderr)
    return 0


def _keys(words: list[str]) -> int:
    import getpass

    from notebook_img import keys

    settings = _studio().settings
    rest, flags = _flags(words, "--json")
    if not rest or rest == ["list"]:
        if "--json" in flags:
            rows = [
                {"name": name, "where": keys.where(name, settings), "variables": list(service.variables)}
                for name, service in keys.SERVICES.items()
            ]
            print(json.dumps(rows, ensure_ascii=False))
            return 0
        width = max(len(name) for name in keys.SERVICES)
        for name, service in keys.SERVICES.items():
            print(f"{name:<{width}}  {keys.where(name, settings) or 'no key'}  ({' or '.join(service.variables)})")
        return 0
    action, *names = rest
    if action not in ("set", "forget") or len(names) != 1:
        raise UsageError(
            f"Write keys set NAME or keys forget NAME.{did_you_mean(action, ('set', 'forget', 'list'))} A key is never part of a command."
        )
    if action == "forget":
        print("Forgotten." if keys.forget(names[0], settings) else "No key was kept.")
        return 0
    service = keys.service(names[0])
    given = getpass.getpass(f"Key for {service.title} (nothing is shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    print(f"Kept in {keys.keep(service.name, given, settings)}.")
    return 0


def _doctor(words: list[str]) -> int:
    from notebook_img.doctor import examine

    rest, flags = _flags(words, "--online", "--repair", "--json")
    if rest:
        raise UsageError(f"doctor takes no word {rest[0]!r}. It takes --online, --repair, --json.")
    findings = examine(_studio(), online="--online" in flags, repair="--repair" in flags)
    if "--json" in flags:
        print(json.dumps([vars(finding) for finding in findings], ensure_ascii=False))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            print(f"{finding.what:<{width}}  {finding.state:<8} {finding.details}")
    return 1 if any(finding.state == "problem" for finding in findings) else 0


ACTIONS: dict[str, Callable[[list[str]], int]] = {
    "generate": lambda words: _call("generate", words),
    "edit": lambda words: _call("edit", words),
    "ask": lambda words: _call("ask", words),
    "sessions": _sessions,
    "show": _show,
    "models": _models,
    "resume": _resume,
    "keys": _keys,
    "doctor": _doctor,
}
