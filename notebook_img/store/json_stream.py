"""JSON of any length read piece by piece: only one value of a list at a time is held, and none that is out of all proportion."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
ANY = "*"
"""In a pattern: each item of a list, each value of an object."""

MOST_LETTERS = 4_000_000
"""Of one value: a turn with a long answer has about a megabyte."""
MOST_ITEMS = 300_000
"""Commas and brackets of one value, hence what it takes in memory."""
MOST_DEPTH = 100

_SPACE = " \t\r\n"
_STEP = 1 << 16


class BrokenJSONError(ValueError):
    """Text that is no JSON, or none of a size that is read."""


def _number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


# Infinity and NaN are not JSON, and no number that a turn could hold.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_number)


def values(chunks: Iterable[bytes], *patterns: tuple[str, ...]) -> Iterator[tuple[Path, Any]]:
    """Give the values of a document with their paths, in order.

    Parameters
    ----------
    chunks : iterable of bytes
        The document, UTF-8.
    *patterns : tuple of str
        What is given value by value: ``("sessions", "*", "turns", "*")``. All that lies beside the way there is given whole.

    Raises
    ------
    BrokenJSONError
        When it is no JSON, too deep, or one value is too large.
    """
    text = _Text(chunks)
    yield from _walk(text, (), patterns)
    if text.next_letter():
        raise BrokenJSONError("something follows its end")


def parsed(data: bytes) -> Any:
    """Return one small document."""
    [(_, value)] = values([data])
    return value


def _walk(text: _Text, path: Path, patterns: tuple[tuple[str, ...], ...]) -> Iterator[tuple[Path, Any]]:
    opening = text.next_letter()
    ways = [way for way in patterns if len(way) > len(path) and all(part in (ANY, step) for part, step in zip(way, path, strict=False))]
    if not ways or opening not in ("{", "["):
        yield path, text.value()
        return
    text.take(opening)
    closing = "}" if opening == "{" else "]"
    index = 0
    while text.next_letter() != closing:
        if index:
            text.take(",")
        step: str | int = index
        if opening == "{":
            key = text.value()
            if not isinstance(key, str):
                raise BrokenJSONError("a name in it is no text")
            step = key
            text.next_letter()
            text.take(":")
        yield from _walk(text, (*path, step), patterns)
        index += 1
    text.take(closing)


class _Text:
    """A document as far as it has been read and not yet taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._at = 0
        self._ended = False

    def next_letter(self) -> str:
        """Return the next letter that is no space, without taking it; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more(_STEP)

    def take(self, letter: str) -> None:
        """Take a letter that has to be next."""
        if self.next_letter() != letter:
            raise BrokenJSONError(f"{letter!r} is missing")
        self._at += 1

    def value(self) -> Any:
        """Take a whole value."""
        self.next_letter()
        wanted = _STEP
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended:
                    raise BrokenJSONError(str(error)) from error
            except RecursionError as error:
                raise BrokenJSONError("it is nested too deeply") from error
            else:
                # A number at the end of what was read may go on.
                if end < len(self._text) or self._ended:
                    self._at = end
                    if too_deep(found):
                        raise BrokenJSONError("it is nested too deeply")
                    return found
            if len(self._text) - self._at > MOST_LETTERS:
                raise BrokenJSONError("a value in it is too long")
            self._more(wanted)
            wanted *= 2

    def _more(self, letters: int) -> None:
        parts = [self._text[self._at :]]
        got = 0
        while got < letters and not self._ended:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            parts.append(self._decoder.decode(chunk or b"", final=self._ended))
            got += len(parts[-1])
        self._text, self._at = "".join(parts), 0
        if len(self._text) > _STEP and sum(map(self._text.count, "[{,")) > MOST_ITEMS:
            raise BrokenJSONError("a value in it has too many parts")


def too_deep(value: Any, most: int = MOST_DEPTH) -> bool:
    """Return whether a value is nested deeper than others read."""
    level = [value]
    for _ in range(most):
        level = [inner for item in level if isinstance(item, (dict, list)) for inner in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return False
    return True
