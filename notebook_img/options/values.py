"""What values options take: one reader for typed text and for Python values, and one sentence for a value that is neither."""

from __future__ import annotations

import keyword
import math
import operator
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.settings import read_rate

MOST_NAME = 200
"""Letters of a file name that every file system takes, with room for a number and a suffix."""
MOST_SHOWN = 40
"""Letters of a wrong value that its error quotes."""


class WrongValueError(ValueError):
    """A value a reader does not take.

    Attributes
    ----------
    hint : str
        A sentence to end with in place of an example.
    says : str
        What the value has to be, where that differs from what the reader says.
    """

    def __init__(self, hint: str = "", says: str = "") -> None:
        super().__init__(hint)
        self.hint = hint
        self.says = says


@dataclass(frozen=True)
class Reader:
    """One kind of value.

    Attributes
    ----------
    says : str
        What a value has to be, as the middle of a sentence.
    of_text : callable
        Makes the value from typed text.
    of_value : callable
        Brings a Python value into the form that is stored and compared. Both raise `WrongValueError`, or what `int` and `float` raise.
    """

    says: str
    of_text: Callable[[str], Any]
    of_value: Callable[[Any], Any]

    def read(self, value: Any, *, named: str, example: str = "", typed: bool = False) -> Any:
        """Return the value of a typed text or a Python value.

        Parameters
        ----------
        value : object
            A text where `typed`, else anything.
        named : str
            What the value belongs to, as the person who reads an error wrote it.
        example : str
            A value that would do, written out.

        Raises
        ------
        UsageError
            Naming the option, what it takes and what it got.
        """
        try:
            return self.of_text(value) if typed else self.of_value(value)
        except (ValueError, TypeError, OverflowError) as error:
            wrong = error if isinstance(error, WrongValueError) else WrongValueError()
        ending = wrong.hint or (f"For example: {example}." if example else "")
        raise UsageError(f"{named} {wrong.says or self.says}, not {shown(value)}. {ending}".rstrip())


def shown(value: Any) -> str:
    """Return a wrong value in a few characters: itself where it is short, else its beginning or its type."""
    if isinstance(value, str):
        return repr(value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}…")
    plain = repr(value) if isinstance(value, (int, float, tuple)) else ""
    return plain if plain and len(plain) <= MOST_SHOWN else f"a value of type {type(value).__name__}"


# Numbers ------------------------------------------------------------------------------------------------------------------


def whole(least: int | None = None, most: int = 2**63 - 1) -> Reader:
    """Read whole numbers from `least` to `most`."""
    span = "" if least is None else f" from {least} to {most}" if most < 10**9 else f" of {least} or more"

    def of_value(value: Any) -> int:
        number = operator.index(value)
        if isinstance(value, bool) or number > most or (least is not None and number < least):
            raise WrongValueError
        return number

    def of_text(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,20}", text.strip(), re.ASCII):
            raise WrongValueError
        return of_value(int(text))

    return Reader(f"has to be a whole number{span}", of_text, of_value)


def _real(says: str, fits: Callable[[float], bool]) -> Reader:
    def of_text(text: str) -> float:
        if not fits(number := float(text)):
            raise WrongValueError
        return number

    def of_value(value: Any) -> float:
        if isinstance(value, (bool, str)):
            raise WrongValueError
        return of_text(value)

    return Reader(says, of_text, of_value)


SHARE = _real("has to be a number from 0 to 1", lambda number: 0 <= number <= 1)
NUMBER = _real("has to be a number", math.isfinite)

# Texts --------------------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError(says="has to be text")
    return str(value)


def _written(says: str, of_text: Callable[[str], str], sign: str = "") -> Reader:
    """Read texts of a form; two whole numbers become their text with `sign` between them.

    A Python text is only checked and stays as it is written, however else it could be: replay compares what was written before.
    """

    def of_value(value: Any) -> str:
        if sign and isinstance(value, (tuple, list)) and len(value) == 2 and all(isinstance(part, int) for part in value):
            value = f"{value[0]}{sign}{value[1]}"
        if text := _text(value):  # an empty one says nothing
            of_text(text)
        return text

    return Reader(says, of_text, of_value)


def _ratio(text: str) -> str:
    found = re.fullmatch(r"\s*(\d{1,5}(?:\.\d{1,4})?)\s*:\s*(\d{1,5}(?:\.\d{1,4})?)\s*", text, re.ASCII)
    if found and float(found[1]) > 0 and float(found[2]) > 0:
        return f"{found[1]}:{found[2]}"
    meant = re.fullmatch(r"\s*(\d{1,3})\s*[/x×*,;-]\s*(\d{1,3})\s*", text, re.ASCII)
    raise WrongValueError(f"Did you mean '{meant[1]}:{meant[2]}'?" if meant else "")


def _size(text: str) -> str:
    plain = text.strip().replace("×", "x").replace("*", "x").casefold()
    if found := re.fullmatch(r"(\d{1,5})\s*x\s*(\d{1,5})", plain, re.ASCII):
        if int(found[1]) and int(found[2]):
            return f"{int(found[1])}x{int(found[2])}"
    elif re.fullmatch(r"\d{1,2}(\.\d)?k", plain, re.ASCII):
        return plain.upper()
    elif plain == "auto" or re.fullmatch(r"[1-9]\d{1,4}", plain, re.ASCII):
        return plain
    raise WrongValueError


def _rate(text: str) -> str:
    try:
        read_rate(text)
    except ValueError:
        raise WrongValueError from None
    return text.strip()


def _columns(text: str) -> str:
    from notebook_img.tree import read_columns

    try:
        read_columns(text)
    except ValueError as error:
        why = str(error)
        raise WrongValueError(f"{why[0].upper()}{why[1:]}{'' if why.endswith('?') else '.'}") from None
    return text.strip()


def _variable(text: str) -> str:
    if not text.isidentifier() or keyword.iskeyword(text):
        raise WrongValueError
    return text


def choice(names: Sequence[str]) -> Reader:
    """Read one of `names`, in any case."""

    def of_text(text: str) -> str:
        for name in names:
            if name.casefold() == text.strip().casefold():
                return name
        raise WrongValueError(did_you_mean(text, names).strip())

    return _written(f"has to be one of {', '.join(names)}", of_text)


TEXT = Reader("has to be text", str, _text)
RATIO = _written("has to be a ratio written as width:height", _ratio, ":")
SIZE = _written("has to be a name such as 2K, or WIDTHxHEIGHT in pixels", _size, "x")
RATE = _written("has to be calls per time", _rate)
COLUMNS = _written("has to be a list of columns with their types", _columns)
VARIABLE = _written("has to be the name of a variable", _variable)

# The rest -----------------------------------------------------------------------------------------------------------------


def _yes(text: str) -> bool:
    word = text.strip().casefold()
    if word in {"", "1", "true", "yes", "on"}:  # an option that is named without a value is meant
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise WrongValueError


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValueError
    return value


def _file(value: Any) -> Any:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip() or "\0" in str(value):
        raise WrongValueError
    if len(os.path.basename(os.fspath(value))) > MOST_NAME:  # noqa: PTH119 - of text as well
        raise WrongValueError(says=f"has to be a file name of at most {MOST_NAME} letters")
    return value


def _plain(value: Any) -> Any:
    if callable(item := getattr(value, "item", None)) and getattr(value, "size", 1) == 1:
        value = item()  # numpy's numbers
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise WrongValueError


FLAG = Reader("is either True or False", _yes, _flag)
FILE = Reader("has to be a file name", _file, _file)
PLAIN = Reader("has to be text, a number, True or False", str, _plain)
"""What JSON can hold."""
ANYTHING = Reader("", str, lambda value: value)
"""Values that a later step interprets: names of pictures and turns, amounts."""
OBJECT = Reader("", str, lambda value: value)
"""Values that may be any object: in braces it is handed on, and does not become text."""
