"""``generate``, ``edit`` and ``ask``."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.cli.printing import ProgressLine, open_studio, plan_json, print_error, print_json, print_turn, turn_json
from notebook_img.cli.wording import EXAMPLES, SYNTAX
from notebook_img.errors import NotebookImgError, UsageError

if TYPE_CHECKING:
    from notebook_img.options import Command
    from notebook_img.studio import Studio


def perform(kind: Command, words: list[str]) -> int:
    """Make, edit or ask, and print the result; return the exit code."""
    from notebook_img.calls import stoppable

    with stoppable():
        return _perform(kind, words)


def _perform(kind: Command, words: list[str]) -> int:
    from notebook_img.calls import Call, Plan, is_id
    from notebook_img.options import Option, parse_words
    from notebook_img.studio import run_siblings

    studio = open_studio()
    own = [*_own_options(studio), Option(name="json", flags=("--json",), takes="flag", help="Print JSON.")]
    parsed = parse_words(words, kind, own=own, is_id=lambda word: is_id(studio, word))
    if parsed.help:
        from notebook_img.options import help_text

        head = [SYNTAX[kind], "", *(f"  {line}" for line in EXAMPLES[kind])]
        print(help_text(kind, own, head=head, notebook=False))
        if kind == "edit":
            from notebook_img.providers.local import operation_names

            can = textwrap.fill(", ".join(operation_names()), 100, initial_indent="  ", subsequent_indent="  ")
            print(f"\nWithout an image model the built-in engine edits (ordinary image operations, not AI):\n{can}")
        return 0
    values = parsed.values
    as_json, quiet = "json" in values, "quiet" in values
    schema = values.get("schema")
    call = Call.from_options(kind, parsed, **({"schema": _schema(schema)} if schema else {}))
    if quiet:
        studio.say = lambda _: None
    session = studio.session_for(values.get("session"), creates=kind == "generate" or bool(call.images))
    line = ProgressLine(quiet=quiet)
    for note in parsed.notes:
        studio.say(note)
    try:
        family = run_siblings(studio, session, call, values.get("model") or [""], line.on_event)
    finally:
        line.clear()
    # What came is printed also where another model failed.
    for result in family.results:
        if isinstance(result, Plan):
            print_json(plan_json(result)) if as_json else print(repr(result))
        elif as_json:
            print_json(turn_json(result))
        else:
            print_turn(result, quiet=quiet)
    codes = [0]
    for model, error in family.failed:
        if not isinstance(error, NotebookImgError):
            raise error
        codes.append(print_error(error, as_json=as_json, model=model))
    return max(codes)


def _schema(text: str) -> Any:
    """Return the JSON schema of ``--schema``: from a file, or the schema itself."""
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise UsageError(f"--schema {text} cannot be read: {why}. Name a file with a JSON schema in it.") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"The JSON schema cannot be read: {error}.") from error


def _own_options(studio: Studio) -> list[Any]:
    from notebook_img.providers import own_options

    return own_options(studio.settings)
