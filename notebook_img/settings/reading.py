"""The text of a setting becomes its value, or a ValueError that says what to write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from notebook_img.errors import did_you_mean
from notebook_img.settings.rates import read_rates


def read_text(text: str) -> str:
    """Read any text."""
    return text


def read_place(text: str) -> str:
    """Read where the pictures of a home in a database lie: ``s3://bucket/prefix``, ``file:///folder``."""
    scheme, _, rest = text.partition("://")
    if text and not (rest.strip("/") and (scheme in ("s3", "gs", "az") or (scheme == "file" and rest.startswith("/")))):
        msg = "write s3://BUCKET/PREFIX (or gs://, az://), or file:// and the whole path of a folder: file:///shared/pictures"
        raise ValueError(msg)
    return text


def read_paths(text: str) -> tuple[Path, ...]:
    """Read paths as the system separates them, as in ``PATH``."""
    return tuple(Path(part).expanduser() for part in text.split(os.pathsep) if part.strip())


def read_flag(text: str) -> bool:
    """Read ``true`` or ``false``, and what is commonly written for them."""
    if text.casefold() in {"1", "true", "yes", "on"}:
        return True
    if text.casefold() in {"0", "false", "no", "off"}:
        return False
    msg = "write true or false"
    raise ValueError(msg)


def read_as_google(text: str) -> bool:
    """Read a flag as Google's SDK reads it."""
    # google-genai takes anything else for false (read in google-genai 3.4.0).
    return text.casefold() in {"true", "1"}


def read_labels(text: str) -> dict[str, str]:
    """Read ``name=value, name=value``."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(name.strip() and value.strip() for name, _, value in pairs):
        msg = "write name=value, with commas between"
        raise ValueError(msg)
    return {name.strip(): value.strip() for name, _, value in pairs}


def number_from(least: float = 0.0, most: float = float("inf"), unit: str = "") -> Callable[[str], float]:
    """Return what reads a number within limits."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            msg = f"write a number{f' of {unit}' if unit else ''}"
            raise ValueError(msg) from None
        if not least <= value <= most:
            msg = f"write a number from {least:g} to {most:g}" if most < float("inf") else f"write a number of at least {least:g}"
            raise ValueError(msg)
        return value

    return read


def whole_from(least: int = 0, most: int = 10**12) -> Callable[[str], int]:
    """Return what reads a whole number within limits."""

    def read(text: str) -> int:
        value = number_from(least, most)(text)
        if value != int(value):
            msg = "write a whole number"
            raise ValueError(msg)
        return int(value)

    return read


def checked_rates(text: str) -> str:
    """Return the text of rates as it is, once it is known that it can be read."""
    read_rates(text)
    return text


def one_of(*names: str) -> Callable[[str], str]:
    """Return what reads one of some names, in capitals or not."""

    def read(text: str) -> str:
        if text.casefold() not in names:
            meant = did_you_mean(text, names)
            msg = f"choose from {', '.join(names)}{f'.{meant}' if meant else ''}"
            raise ValueError(msg)
        return text.casefold()

    return read


def read_bytes(text: str) -> int:
    """Read ``20MB``, ``500 kB``, ``1048576``; decimal units."""
    number = text.strip().casefold().removesuffix("b").strip()
    factor = {"k": 10**3, "m": 10**6, "g": 10**9}.get(number[-1:], 1)
    return int(number_from(1)(number[:-1].strip() if factor > 1 else number) * factor)
