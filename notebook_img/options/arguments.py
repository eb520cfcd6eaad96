"""Options found in words: their texts are checked, and the result is a `Parsed`.

Which options there are says table.py. How words are cut out of a line is the business of each surface (`parse_words` for an
argument vector, jupyter/line.py for a magic's line).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.options.image_words import file_note, is_image_word, looks_like_turn
from notebook_img.options.option import Command, Option, OwnOptionLike
from notebook_img.options.table import OPTIONS, table_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Parsed:
    """The content of a line, a cell or an argument vector.

    Attributes
    ----------
    text : str
        The prompt or question, before interpolation.
    values : dict
        Options that were given, by their Python keyword; a provider's own together under ``"options"``.
        ``images``, ``references`` and ``model`` are lists.
    images : list of str
        Leading words that are images, as written, quotes taken off. Whether they exist is for the loader to say.
    notes : tuple of str
        Sentences to show with the result.
    help : bool
        Help was asked for; nothing else has been checked then.
    literal : bool
        The whole text stood in quotes or after ``--``.
    """

    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    help: bool = False
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
        what, known = _unknown(flag, table, command)
        raise UsageError(f"{what} To have it in the text, put -- before the text.", hint=() if known else HELP[command])
    if equals and option.takes == "flag":
        raise UsageError(f"{flag} takes no value; write {flag} alone.")
    return option, value if equals else None


ALSO_CALLED = {
    **dict.fromkeys(("save", "save-as", "out", "file"), "output"),
    **dict.fromkeys(("num", "number", "images", "samples"), "count"),
    **dict.fromkeys(("width", "height", "resolution"), "size"),
    **dict.fromkeys(("input", "picture", "photo"), "images"),
    "ratio": "aspect-ratio",
}
"""Options by other names, as keywords."""

DOING: Mapping[Command, str] = {"generate": "generating", "edit": "editing", "ask": "asking"}

HELP: Mapping[Command, Hint] = {"generate": Hint("help-generate"), "edit": Hint("help-edit"), "ask": Hint("help-ask")}


def _unknown(flag: str, table: Mapping[str, Option], command: Command) -> tuple[str, bool]:
    """Return what is wrong with a flag, and whether that names what was meant."""
    if any(flag in option.flags and option.notebook_only and command in option.commands for option in OPTIONS):
        return f"{flag} is an option of notebooks; a shell has its own variables. Leave it out.", True
    elsewhere = [
        DOING[other] for option in OPTIONS if flag in option.flags for other in DOING if other in option.commands and other != command
    ]
    if elsewhere:
        return f"{flag} is an option for {' and '.join(elsewhere)}, not for {DOING[command]}.", True
    glued = table.get(flag[:2])
    if glued is not None and glued.takes != "flag" and re.fullmatch(r"-\w\d+", flag):
        return f"There is no option {flag!r}. Did you mean '{flag[:2]} {flag[2:]}'?", True
    bare = flag.lstrip("-").replace("_", "-").casefold()
    keywords = {option.name.replace("_", "-"): option.long for option in table.values()}
    if bare in keywords:
        return f"There is no option {flag!r}. Did you mean '{keywords[bare]}'?", True
    if (option := ALSO_CALLED.get(bare, "")) in keywords:
        return f"There is no option {flag!r}. Did you mean '{keywords[option]}'?", True
    meant = did_you_mean(f"--{bare}", [each for each in table if each.startswith("--")])
    return f"There is no option {flag!r} for {DOING[command]}.{meant}", bool(meant)


def values_of(given: Iterable[Given]) -> dict[str, Any]:
    """Check the texts of options; return their values by keyword, as in `Parsed.values`.

    Raises
    ------
    UsageError
        For a text an option does not take, and for an option given twice with different values.
    """
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for option, text in given:
        value = option.constant if option.takes == "flag" else option.value_of(text)
        target = values.setdefault("options", {}) if option.own else values
        if option.takes == "many":
            target.setdefault(option.name, []).append(value)
        elif target.setdefault(option.name, value) != value:
            raise UsageError(f"{option.long} is given twice, as {texts[option.name]!r} and {text!r}. Give it once.")
        texts[option.name] = text
    return values


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
                    raise option.without_value()
                text = queue.pop(0)
            # A shell has taken the quotes off, so nothing tells WHAT from the question: --boxes=WHAT says it.
            given.append((option, text or ""))
    images: list[str] = []
    while positional and is_image_word(positional[0], is_id=is_id, exists=exists, followed=len(positional) > 1):
        images.append(positional.pop(0))
    note = file_note(positional[0], exists=exists) if positional else ""
    text = " ".join([*positional, *rest]).strip()
    return Parsed(text=text, images=images, literal=bool(rest), values=values_of(given), notes=(note,) if note else ())
