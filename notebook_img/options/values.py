"""How the text of an option's value is read and checked. Each reader raises ValueError with half a sentence: what to write."""

from __future__ import annotations

import keyword
import math
import re
from typing import TYPE_CHECKING

from notebook_img.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def whole(least: int | None = None) -> Callable[[str], int]:
    """Read whole numbers, of at least `least`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII) or (least is not None and int(text) < least):
            msg = "write a whole number" + (f" of at least {least}" if least is not None else "")
            raise ValueError(msg)
        return int(text)

    return read


def share(text: str) -> float:
    """Read a number from 0 to 1, both included."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        msg = "write a number from 0 to 1, such as 0.6"
        raise ValueError(msg)
    return value


def ratio(text: str) -> str:
    """Read ``16:9``."""
    found = re.fullmatch(r"\s*(\d{1,5}(?:\.\d{1,4})?)\s*:\s*(\d{1,5}(?:\.\d{1,4})?)\s*", text, re.ASCII)
    if found and float(found[1]) > 0 and float(found[2]) > 0:
        return f"{found[1]}:{found[2]}"
    meant = re.fullmatch(r"\s*(\d{1,3})\s*[/x×*,;-]\s*(\d{1,3})\s*", text, re.ASCII)
    msg = f"write the ratio as width:height, such as {f'{meant[1]}:{meant[2]}' if meant else '16:9'}"
    raise ValueError(msg)


def size(text: str) -> str:
    """Read ``2K``, ``1024x768``, ``512`` or ``auto``."""
    plain = text.strip().replace("×", "x").replace("*", "x").casefold()
    if found := re.fullmatch(r"(\d{1,5})\s*x\s*(\d{1,5})", plain, re.ASCII):
        if int(found[1]) and int(found[2]):
            return f"{int(found[1])}x{int(found[2])}"
    elif re.fullmatch(r"\d{1,2}(\.\d)?k", plain, re.ASCII):
        return plain.upper()
    elif plain == "auto" or re.fullmatch(r"[1-9]\d{1,4}", plain, re.ASCII):
        return plain
    msg = "write a size such as 2K, or 1024x768 in pixels"
    raise ValueError(msg)


def choice(names: Sequence[str]) -> Callable[[str], str]:
    """Read one of `names`, in any case."""

    def read(text: str) -> str:
        for name in names:
            if name.casefold() == text.strip().casefold():
                return name
        msg = f"choose from {', '.join(names)}" + (f".{meant}" if (meant := did_you_mean(text, names)) else "")
        raise ValueError(msg)

    return read


def variable(text: str) -> str:
    """Read the name of a variable."""
    if not text.isidentifier() or keyword.iskeyword(text):
        msg = "write the name of a variable, such as sales"
        raise ValueError(msg)
    return text


def yes(text: str) -> bool:
    """Read true or false; nothing at all is true."""
    word = text.strip().casefold()
    if word in {"", "1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    msg = "write true or false"
    raise ValueError(msg)


def table(text: str) -> str:
    """Read the columns of a table, and leave them as written."""
    from notebook_img.tree import read_columns

    read_columns(text)
    return text.strip()


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        msg = "write a number"
        raise ValueError(msg)
    return value
