"""What was said with options: they are found in words, their texts are checked, and what comes of it is a `Parsed`.

Which options there are says table.py. How words are cut out of a line is the business of each surface (`parse_words` for an
argument vector, jupyter/line.py for a magic's line).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.options.image_words import is_image_word, looks_like_turn
from notebook_img.options.table import MAGICS, OPTIONS, Command, Option, OwnOptionLike, table_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Parsed:
    """What a line, a cell or an argument vector says.

    Attributes
    ----------
    text : str
        The prompt or question, before interpolation.
    values : dict
        Options that were given, by their Python keyword; a provider's own together under ``"options"``.
        ``images``, ``references`` and ``model`` are lists.
    images : list of str
        Leading words that are images, as written, quotes taken off. Whether they exist is for the loader to say.
    typed : dict
        The texts of all options, by Python keyword: one string, or a list for a repeated one.
    asked : dict
        Those of `typed` that are part of the request (see `Option.part`).
    notes : tuple of str
        Sentences to show with the result.
    help : bool
        Help was asked for; nothing else has been checked then.
    semicolon : bool
        The line ended in ``;``, IPython's sign for silence.
    literal : bool
        The whole text stood in quotes or after ``--``.
    """

    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    typed: dict[str, str | list[str]] = field(default_factory=dict)
    asked: dict[str, str | list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    help: bool = False
    semicolon: bool = False
    literal: bool = False


Given: TypeAlias = tuple[Option, str]
"""An option and its text, ``""`` for a flag."""


def looks_like_option(word: str) -> bool:
    """Return whether `word` is written like an option; ``-5`` and a lone dash are not."""
    return re.match(r"--?[^\W\d_]", word) is not None


def find_option(word: str, table: Mapping[str, Option], command: Command) -> tuple[Option, str | None]:
    """Return the option `word` names, and the value glued to it with ``=``.

    Raises
    ------
    UsageError
        For an option `command` does not know, with the nearest name. Abbreviations are not taken: an option added later
        would change what they mean.
    """
    flag, equals, value = word.partition("=")
    option = table.get(flag)
    if option is None:
        raise UsageError(f"{_unknown(flag, table, command)} To have it in the text, put -- before the text.")
    if equals and option.takes == "flag":
        raise UsageError(f"{flag} takes no value; write {flag} alone.")
    return option, value if equals else None


def _unknown(flag: str, table: Mapping[str, Option], command: Command) -> str:
    name = MAGICS[command]
    if any(flag in option.flags and option.notebook_only and command in option.commands for option in OPTIONS):
        return f"{flag} is an option of notebooks; a shell has its own variables. Leave it out."
    elsewhere = [
        MAGICS[other] for option in OPTIONS if flag in option.flags for other in MAGICS if other in option.commands and other != command
    ]
    if elsewhere:
        return f"{flag} is not an option of {name}, only of {' and '.join(elsewhere)}."
    glued = table.get(flag[:2])
    if glued is not None and glued.takes != "flag" and re.fullmatch(r"-\w\d+", flag):
        return f"There is no option {flag!r}. Did you mean '{flag[:2]} {flag[2:]}'?"
    bare = flag.lstrip("-").replace("_", "-").casefold()
    keywords = {option.name.replace("_", "-"): option.long for option in table.values()}
    if bare in keywords:
        return f"There is no option {flag!r}. Did you mean '{keywords[bare]}'?"
    meant = did_you_mean(f"--{bare}", [each for each in table if each.startswith("--")])
    return f"There is no option {flag!r} of {name}.{meant or f' {name} -h lists them all.'}"


def needs_value(option: Option) -> UsageError:
    """Return the error for an option whose value is missing."""
    return UsageError(f"{option.long} needs a value: {option.long} {option.metavar or 'VALUE'}.")


def values_of(given: Iterable[Given]) -> dict[str, Any]:
    """Check the texts of options; return `Parsed`'s ``values``, ``typed`` and ``asked`` as keywords.

    Raises
    ------
    UsageError
        For a text an option does not take, and for an option given twice with different values.
    """
    values: dict[str, Any] = {}
    typed: dict[str, str | list[str]] = {}
    asked: dict[str, str | list[str]] = {}
    for option, text in given:
        value = option.constant if option.takes == "flag" else option.value_of(text)
        target = values.setdefault("options", {}) if option.own else values
        if option.takes == "many":
            target.setdefault(option.name, []).append(value)
            texts = [*typed.get(option.name, []), text]
        elif option.name in target and target[option.name] != value:
            raise UsageError(f"{option.long} is given twice, as {typed[option.name]!r} and {text!r}; give it once.")
        else:
            target[option.name] = value
        typed[option.name] = texts if option.takes == "many" else text
        if option.in_request:
            asked[option.name] = typed[option.name]
    return {"values": values, "typed": typed, "asked": asked}


def parse_words(
    words: Sequence[str],
    command: Command,
    own: Iterable[OwnOptionLike | Option] = (),
    *,
    is_id: Callable[[str], bool] = looks_like_turn,
    exists: Callable[[str], bool] = os.path.exists,
    notebook: bool = False,
) -> Parsed:
    """Read an argument vector: options anywhere before ``--``, leading words that are images, the rest is text.

    An empty text is not an error here: a command line may read it from elsewhere.

    Raises
    ------
    UsageError, NotFoundError
        For unknown or misused options, and first words that are neither text nor a file.
    """
    table = table_for(command, own, notebook=notebook)
    given: list[Given] = []
    positional: list[str] = []
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest, queue = queue, []
        elif not looks_like_option(word) or any(letter.isspace() for letter in word.partition("=")[0]):
            positional.append(word)
        else:
            option, text = find_option(word, table, command)
            if option.name == "help":
                return Parsed(help=True)
            if text is None and option.takes in {"value", "many"}:
                if not queue or queue[0] == "--" or (looks_like_option(queue[0]) and queue[0].partition("=")[0] in table):
                    raise needs_value(option)
                text = queue.pop(0)
            # A shell has taken the quotes off, so nothing tells WHAT from the question: --boxes=WHAT says it.
            given.append((option, text or ""))
    images: list[str] = []
    while positional and is_image_word(positional[0], is_id=is_id, exists=exists, followed=len(positional) > 1):
        images.append(positional.pop(0))
    return Parsed(text=" ".join([*positional, *rest]).strip(), images=images, literal=bool(rest), **values_of(given))
