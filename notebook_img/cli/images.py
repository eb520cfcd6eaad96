"""``generate``, ``edit`` and ``ask``."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.cli.batch import perform_many
from notebook_img.cli.each import check_first_word, is_batch
from notebook_img.cli.printing import ProgressLine, open_studio, plan_json, print_error, print_json, print_turn, turn_json
from notebook_img.cli.wording import EXAMPLES, IN_SHELLS, INSTEAD, SYNTAX
from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.hints import worded

if TYPE_CHECKING:
    from notebook_img.calls import Call
    from notebook_img.options import Command, Option, Parsed
    from notebook_img.studio import Studio
    from notebook_img.tree import Session


def perform(kind: Command, words: list[str]) -> int:
    """Make, edit or ask, and print the result; return the exit code."""
    from notebook_img.calls import stoppable

    with stoppable():
        return _perform(kind, words)


def _perform(kind: Command, words: list[str]) -> int:
    from notebook_img.calls import Call, is_id
    from notebook_img.options import parse_words

    studio = open_studio()
    own = [*_own_options(studio), *surface_options()]
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
    check_first_word(kind, parsed)
    _check_lone_word(kind, parsed)
    values = parsed.values
    schema = values.get("schema")
    meant = {"schema": _schema(schema)} if schema else {}
    if is_batch(kind, parsed):
        if "quiet" in values:
            studio.say = lambda _: None
        return perform_many(studio, kind, parsed, own, lambda **item: Call.from_options(kind, parsed, **meant, **item))
    call = Call.from_options(kind, parsed, **meant)
    models = values.get("model") or [""]
    quiet = "quiet" in values
    if quiet:
        studio.say = lambda _: None
    session = studio.session_for(values.get("session"), creates=kind == "generate" or bool(call.images))
    for note in parsed.notes:
        studio.say(note)
    console = _Console(studio, session, models, as_json="json" in values, quiet=quiet)
    return console.one(call)


def _check_lone_word(kind: Command, parsed: Parsed) -> None:
    """Refuse a text that is only the name of a command: it is a mistake, and would be paid for."""
    from notebook_img.cli import COMMANDS

    word = parsed.text.casefold()
    if parsed.literal or (kind == "generate" and word != "help"):  # a tree can be drawn
        return
    if word == "help":
        meant = f" The command is notebook-img {kind} --help."
    elif word in COMMANDS:
        meant = f" The command is notebook-img {word}."
    elif word in INSTEAD:
        meant = INSTEAD[word]
    else:
        return
    raise UsageError(f"{parsed.text!r} alone is not a prompt.{meant} To send the word, put -- before it.")


@dataclass(frozen=True)
class _Console:
    """Does calls and prints what comes of them."""

    studio: Studio
    session: Session
    models: list[str]
    as_json: bool
    quiet: bool

    def one(self, call: Call) -> int:
        """Do a call, and print what came also where another model failed; return the exit code."""
        from notebook_img.calls import Plan
        from notebook_img.studio import run_siblings

        line = ProgressLine(quiet=self.quiet)
        try:
            family = run_siblings(self.studio, self.session, call, self.models, line.on_event)
        finally:
            line.clear()
        for result in family.results:
            if isinstance(result, Plan):
                if result.refusal is not None:
                    result.refusal.shown = worded(result.refusal, IN_SHELLS)
                print_json(plan_json(result)) if self.as_json else print(repr(result))
            elif self.as_json:
                print_json(turn_json(result))
            else:
                print_turn(result, quiet=self.quiet)
        codes = [0]
        for model, error in family.failed:
            if not isinstance(error, NotebookImgError):
                raise error
            codes.append(print_error(error, as_json=self.as_json, model=model))
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


def surface_options() -> list[Option]:
    """Return the options that only a shell has."""
    from notebook_img.options import Option

    return [
        Option(name="json", flags=("--json",), takes="flag", help="Print JSON."),
    ]


def _own_options(studio: Studio) -> list[Any]:
    from notebook_img.providers import own_options

    return own_options(studio.settings)
