"""Every option in one table: magics, command line and Python share its names, its checks and its help.

How words are cut out of a line is the business of each surface (`parse_words` for an argument vector, jupyter/parsing.py
for a magic's line); what an option means and which values it takes is said here only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from notebook_img import option_values
from notebook_img.errors import UsageError, did_you_mean
from notebook_img.image_words import is_image_word, looks_like_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Command: TypeAlias = Literal["generate", "edit", "ask"]
Part: TypeAlias = Literal["request", "place", "run", "output", "display"]

ALL: frozenset[Command] = frozenset({"generate", "edit", "ask"})
PAINTING: frozenset[Command] = frozenset({"generate", "edit"})
FOLLOWING: frozenset[Command] = frozenset({"edit", "ask"})
EDIT: frozenset[Command] = frozenset({"edit"})
ASK: frozenset[Command] = frozenset({"ask"})

MAGICS: dict[Command, str] = {"generate": "%imggen", "edit": "%imgedit", "ask": "%askimage"}


class OwnOptionLike(Protocol):
    """What is needed of a provider's own option (see providers/interface.py, `OwnOption`)."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def help(self) -> str:
        """One sentence."""
        ...

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it takes; empty for any."""
        ...

    @property
    def type(self) -> type:
        """Type of its value."""
        ...

    @property
    def kinds(self) -> frozenset[Any]:
        """The commands that have it."""
        ...


@dataclass(frozen=True)
class Option:
    """One option of the magics and the command line.

    Attributes
    ----------
    name : str
        The keyword in Python, and the key in `Parsed.values`.
    flags : tuple of str
        How it is written, the long form last.
    takes : str
        ``flag``: nothing; ``value``: one value; ``optional``: one or none; ``many``: one value, and it may be repeated.
    read : callable
        Makes the value from its text; raises ValueError with half a sentence on what to write.
    part : str
        ``request``: part of what is asked, so replay compares it; ``place``: where it starts; ``run``: how it is carried out;
        ``output``: where results go besides the tree; ``display``: what is shown, how the line is read.
    constant : object
        The value of a flag.
    free : bool
        Its value is free text, which easily has several words and then needs quotes.
    notebook_only : bool
        Means nothing on a command line.
    own : bool
        A provider's own; its value stands under ``Parsed.values["options"]``.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    takes: Literal["flag", "value", "optional", "many"] = "value"
    read: Callable[[str], Any] = str
    metavar: str = ""
    commands: frozenset[Command] = ALL
    part: Part = "request"
    constant: Any = True
    choices: tuple[str, ...] = ()
    free: bool = False
    notebook_only: bool = False
    own: bool = False

    @property
    def long(self) -> str:
        """The long form, for example ``--aspect``."""
        return self.flags[-1]

    @property
    def in_request(self) -> bool:
        """Whether replay compares it."""
        return self.part == "request"

    def value_of(self, text: str) -> Any:
        """Return the value `text` stands for.

        Raises
        ------
        UsageError
            Naming the option, the text and what it takes.
        """
        try:
            if not text.strip() and self.takes != "optional":
                msg = f"it needs a value{self._such_as}"
                raise ValueError(msg)
            return self.read(text)
        except ValueError as error:
            stop = "" if str(error).endswith("?") else "."
            raise UsageError(f"{self.long} {text[:80]!r} cannot be used: {error}{stop}") from None

    @property
    def _such_as(self) -> str:
        return f" ({self.metavar})" if self.metavar else ""


# The table ----------------------------------------------------------------------------------------------------------------

OPTIONS: tuple[Option, ...] = (
    Option(
        "images", ("-i", "--image"), "An image: file, URL, sample:NAME, turn, or a Python expression; may be repeated.", "many", metavar="X"
    ),
    Option(
        "references",
        ("-r", "--reference"),
        "An image to go by (style, person, object); may be repeated.",
        "many",
        metavar="X",
        commands=PAINTING,
    ),
    Option("mask", ("--mask",), "Where the image may change: an image, x,y,w,h in pixels, or boxes.", metavar="MASK", commands=EDIT),
    Option("confine", ("--no-confine",), "Keep the service's picture also outside the mask.", "flag", commands=EDIT, constant=False),
    Option(
        "outpaint",
        ("--outpaint",),
        "Widen the picture to a ratio and paint what is new.",
        read=option_values.ratio,
        metavar="RATIO",
        commands=EDIT,
    ),
    Option(
        "model", ("-m", "--model"), "provider:model, or a provider; repeated: siblings in one grid.", "many", metavar="MODEL", part="run"
    ),
    Option("session", ("-s", "--session"), "Work in this session.", metavar="NAME", part="place"),
    Option("from_turn", ("--from",), "Go on from this turn or picture (t7, t7.2, fox/t7).", metavar="ID", commands=FOLLOWING, part="place"),
    Option(
        "pick",
        ("--pick",),
        "Go on from this picture of several, counted from 1.",
        read=option_values.whole(1),
        metavar="K",
        commands=FOLLOWING,
        part="place",
    ),
    Option("output", ("-o", "--output"), "Also write the picture here.", metavar="FILE", commands=PAINTING, part="output"),
    Option("force", ("--force",), "Overwrite the file whatever it holds.", "flag", commands=PAINTING, part="output"),
    Option(
        "assign",
        ("--as",),
        "Assign the result to this variable.",
        read=option_values.variable,
        metavar="NAME",
        part="output",
        notebook_only=True,
    ),
    Option("n", ("-n", "--count"), "How many pictures.", read=option_values.whole(1), metavar="N", commands=PAINTING),
    Option("aspect_ratio", ("--aspect",), "Aspect ratio, such as 16:9.", read=option_values.ratio, metavar="RATIO", commands=PAINTING),
    Option("size", ("--size",), "Size, such as 2K or 1024x768.", read=option_values.size, metavar="SIZE", commands=PAINTING),
    Option("seed", ("--seed",), "Whole number that makes a result repeatable.", read=option_values.whole(), metavar="N", commands=PAINTING),
    Option("negative_prompt", ("--negative",), "What the picture should not have.", metavar="TEXT", commands=PAINTING, free=True),
    Option(
        "strength",
        ("--strength",),
        "How far the picture may go from its input, 0 to 1.",
        read=option_values.share,
        metavar="X",
        commands=PAINTING,
    ),
    Option(
        "history",
        ("--history",),
        "How much of the session the service is told.",
        read=option_values.choice(("window", "full", "server")),
        metavar="window|full|server",
        choices=("window", "full", "server"),
        # Making a picture too: what a service is to go on from later it has to keep from the first turn.
        commands=ALL,
    ),
    Option("schema", ("--schema",), "Answer as data that fits this schema: a class or a JSON schema.", metavar="NAME", commands=ASK),
    Option(
        "table",
        ("--table",),
        'Answer as a table with these columns: "year int, sales float".',
        read=option_values.table,
        metavar="COLUMNS",
        commands=ASK,
        free=True,
    ),
    Option(
        "boxes", ("--boxes",), "Answer with boxes: of everything notable, or of WHAT.", "optional", metavar="WHAT", commands=ASK, free=True
    ),
    Option(
        "detail",
        ("--detail",),
        "How closely the model looks.",
        read=option_values.choice(("auto", "low", "medium", "high", "original")),
        metavar="auto|low|high|original",
        choices=("auto", "low", "medium", "high", "original"),
        commands=ASK,
    ),
    Option("fresh", ("--fresh",), "Ask anew whatever is stored.", "flag", part="run"),
    Option("again", ("--again",), "The same prompt from the same start, with a new seed.", "flag", part="run"),
    Option("dry_run", ("--dry-run",), "Show the final prompt, pictures, model and cost; send nothing.", "flag", part="run"),
    Option("quiet", ("--quiet",), "Show nothing.", "flag", part="display"),
    Option("no_vars", ("--no-vars",), "Leave braces alone: no {variables} in this text.", "flag", part="display", notebook_only=True),
    Option("help", ("-h", "--help"), "Show this help.", "flag", part="display"),
)
"""All options but the providers' own."""


def table_for(command: Command, own: Iterable[OwnOptionLike | Option] = (), *, notebook: bool = True) -> dict[str, Option]:
    """Return the options `command` takes, by flag.

    Parameters
    ----------
    command : str
        ``generate``, ``edit`` or ``ask``.
    own : iterable
        Options of providers (where two share a name, either's choices are taken), or `Option` objects of a surface.
    notebook : bool
        Whether options that need a notebook are in it.
    """
    table = {
        flag: option for option in OPTIONS if command in option.commands and (notebook or not option.notebook_only) for flag in option.flags
    }
    shared = frozenset(table)
    for item in own:
        option = item if isinstance(item, Option) else _own(item)
        if command not in option.commands or not shared.isdisjoint(option.flags):
            continue
        known = table.get(option.long)
        if known is not None and known.own and option.own:
            choices = tuple(dict.fromkeys(known.choices + option.choices)) if known.choices and option.choices else ()
            if choices:
                option = replace(option, choices=choices, read=option_values.choice(choices), metavar="|".join(choices))
            elif known.read is not option.read:  # they differ in kind: the provider that is asked checks it
                option = replace(option, choices=(), read=str, metavar="VALUE", takes="value")
        table.update(dict.fromkeys(option.flags, option))
    return table


_READERS: dict[type, Callable[[str], Any]] = {int: option_values.whole(), float: option_values.number, bool: option_values.yes, str: str}


def _own(item: OwnOptionLike) -> Option:
    return Option(
        item.name,
        (f"--{item.name.replace('_', '-')}",),
        item.help,
        "optional" if item.type is bool else "value",
        read=option_values.choice(item.choices) if item.choices else _READERS.get(item.type, str),
        metavar="|".join(item.choices) or {int: "N", float: "X", bool: "true|false"}.get(item.type, "VALUE"),
        commands=frozenset(item.kinds),
        choices=tuple(item.choices),
        own=True,
    )


# What was said ------------------------------------------------------------------------------------------------------------


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
