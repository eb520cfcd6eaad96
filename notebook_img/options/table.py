"""Every option in one table: magics, command line and Python share its names, its checks and its help.

What an option means and which values it takes is said here only; how it is found among words, in arguments.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from notebook_img.errors import UsageError
from notebook_img.options import values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        read=values.ratio,
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
        read=values.whole(1),
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
        read=values.variable,
        metavar="NAME",
        part="output",
        notebook_only=True,
    ),
    Option("n", ("-n", "--count"), "How many pictures.", read=values.whole(1), metavar="N", commands=PAINTING),
    Option("aspect_ratio", ("--aspect",), "Aspect ratio, such as 16:9.", read=values.ratio, metavar="RATIO", commands=PAINTING),
    Option("size", ("--size",), "Size, such as 2K or 1024x768.", read=values.size, metavar="SIZE", commands=PAINTING),
    Option("seed", ("--seed",), "Whole number that makes a result repeatable.", read=values.whole(), metavar="N", commands=PAINTING),
    Option("negative_prompt", ("--negative",), "What the picture should not have.", metavar="TEXT", commands=PAINTING, free=True),
    Option(
        "strength",
        ("--strength",),
        "How far the picture may go from its input, 0 to 1.",
        read=values.share,
        metavar="X",
        commands=PAINTING,
    ),
    Option(
        "history",
        ("--history",),
        "How much of the session the service is told.",
        read=values.choice(("window", "full", "server")),
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
        read=values.table,
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
        read=values.choice(("auto", "low", "medium", "high", "original")),
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
                option = replace(option, choices=choices, read=values.choice(choices), metavar="|".join(choices))
            elif known.read is not option.read:  # they differ in kind: the provider that is asked checks it
                option = replace(option, choices=(), read=str, metavar="VALUE", takes="value")
        table.update(dict.fromkeys(option.flags, option))
    return table


_READERS: dict[type, Callable[[str], Any]] = {int: values.whole(), float: values.number, bool: values.yes, str: str}


def _own(item: OwnOptionLike) -> Option:
    return Option(
        item.name,
        (f"--{item.name.replace('_', '-')}",),
        item.help,
        "optional" if item.type is bool else "value",
        read=values.choice(item.choices) if item.choices else _READERS.get(item.type, str),
        metavar="|".join(item.choices) or {int: "N", float: "X", bool: "true|false"}.get(item.type, "VALUE"),
        commands=frozenset(item.kinds),
        choices=tuple(item.choices),
        own=True,
    )
