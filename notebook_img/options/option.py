"""What an option is, and how a provider's own becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from notebook_img.errors import UsageError
from notebook_img.options import values
from notebook_img.options.values import Reader

Command: TypeAlias = Literal["generate", "edit", "ask"]

ALL: frozenset[Command] = frozenset({"generate", "edit", "ask"})


class OwnOptionLike(Protocol):
    """What the table needs of a provider's own option (see providers/interface.py, `OwnOption`)."""

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
    """One option.

    Attributes
    ----------
    name : str
        The keyword in Python and field of `Call`, and the key in `Parsed.values`.
    flags : tuple of str
        How it is written, the long form last.
    takes : str
        ``flag``: nothing; ``value``: one value; ``optional``: one or none; ``many``: one value, and it may be repeated.
    reader : Reader
        Reads its value, from text and from Python.
    example : object
        A value that errors cite.
    commands : frozenset of str
        The kinds of call that have it.
    needs : str
        What the model has to take for it: a key of `providers.interface.NEEDS`. Empty where every model will do.
    in_request : bool
        Whether its value is part of what is asked: recorded with the turn, compared by replay, and handed to the provider.
        (Pictures and schemas are compared by what they hold.)
    constant : object
        The value of a flag.
    choices : tuple of str
        The words it takes, where it takes no others; `reader` and `metavar` follow from them.
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
    reader: Reader = values.TEXT
    example: Any = None
    metavar: str = ""
    commands: frozenset[Command] = ALL
    needs: str = ""
    in_request: bool = False
    constant: Any = True
    choices: tuple[str, ...] = ()
    free: bool = False
    notebook_only: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        """Let choices decide how its value is read, and what it is called in the help."""
        if self.choices:
            object.__setattr__(self, "reader", values.choice(self.choices))
            object.__setattr__(self, "metavar", "|".join(self.choices))

    @property
    def long(self) -> str:
        """The long form, for example ``--aspect``."""
        return self.flags[-1]

    def value_of(self, text: str, *, named: str = "") -> Any:
        """Return the value of a typed text.

        Parameters
        ----------
        text : str
            As it was typed.
        named : str
            What errors call the option where it has no flag, as in a form.

        Raises
        ------
        UsageError
            Naming the option, what it takes and what was typed.
        """
        if not text.strip() and self.takes != "optional":
            raise self.without_value()
        example = "" if self.example is None else f'"{self.example}"' if " " in str(self.example) else str(self.example)
        if example and not named:
            example = f"{self.long} {example}"
        return self.reader.read(text, named=named or self.long, example=example, typed=True)

    def checked(self, value: Any) -> Any:
        """Return a Python value in the form in which it is stored; raises UsageError."""
        return self.reader.read(value, named=self.name, example="" if self.example is None else f"{self.name}={self.example!r}")

    def without_value(self) -> UsageError:
        """Return the error for an option whose value is missing."""
        return UsageError(f"{self.long} needs a value: {self.long} {self.metavar or 'VALUE'}.")


_OWN: dict[type, tuple[Reader, str]] = {
    int: (values.whole(), "N"),
    float: (values.NUMBER, "X"),
    bool: (values.FLAG, "true|false"),
}
"""How the values of providers' own options are read and named, by type; others are text."""


def own_option(item: OwnOptionLike) -> Option:
    """Return a provider's own option as one of the table."""
    reader, metavar = _OWN.get(item.type, (values.TEXT, "VALUE"))
    return Option(
        item.name,
        (f"--{item.name.replace('_', '-')}",),
        item.help,
        "optional" if item.type is bool else "value",
        reader,
        metavar=metavar,
        commands=frozenset(item.kinds),
        choices=tuple(item.choices),
        own=True,
    )
