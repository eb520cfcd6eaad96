"""Hears an amount in a phrase: its number, its unit, the word before it, and the words that make it larger or smaller."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from notebook_img.providers.local.phrases import Phrase

N = r"(?P<number>[+-]? ?(?:\d+(?:[.,]\d+)?|\.\d+))"
PERCENT = r"(?: ?(?:%|percent|per cent|pct))"

_SLIGHT = (
    r"slight(?:ly)?|an? (?:tiny |little |wee )?bit(?: of)?|a little|"
    r"a touch(?: of)?|a tad|subtl[ey]|gent(?:le|ly)|faint(?:ly)?|a hint of|thin"
)
_VERY_SLIGHT = (
    rf"(?:ever so|very|really|extremely|super|only|just) (?:{_SLIGHT})|"
    r"a very (?:little|tiny|small)(?: bit)?|very little|barely|a hair"
)
SCALES: tuple[tuple[str, float], ...] = (
    # "very" makes little less, so it has to be read together with the word behind it.
    (_VERY_SLIGHT, 0.25),
    (_SLIGHT, 0.5),
    (r"somewhat|moderate(?:ly)?|medium|fairly|rather|quite(?: a bit)?", 0.75),
    (r"a lot(?: of)?|lots of|much|strong(?:ly)?|very|heav(?:y|ily)|far|way|considerably|really|noticeably|thick|big|bold", 2.0),
    (r"extreme(?:ly)?|dramatic(?:ally)?|massive(?:ly)?|super|intense(?:ly)?|maximum", 3.0),
    (r"still|even|further|again|once more|yet", 1.25),
)
"""Words that scale a default amount. ``darker still`` goes a little further than ``darker`` did."""

FULL = r"total(?:ly)?|complete(?:ly)?|full(?:y)?|entirely|wholly|all the way"
"""Words for the whole of it: 100 %, whatever the default."""

MORE = r"more|increas(?:e|ed|ing)|rais(?:e|ed)|boost(?:ed)?|strengthen|add|up|higher|greater|extra|stronger|push|bump|turn up|enhance"
LESS = r"less|reduc(?:e|ed)|decreas(?:e|ed)|lower(?:ed)?|cut|weaken|drop|down|fewer|weaker|turn down|tone down|take out"

FRACTIONS: tuple[tuple[str, float], ...] = (
    (r"two thirds?|2 thirds?|2/3", 200 / 3),
    (r"three quarters?|3/4", 75.0),
    (r"(?:an? |one )?half|1/2", 50.0),
    (r"(?:an? |one )?third|1/3", 100 / 3),
    (r"(?:an? |one )?quarter|1/4", 25.0),
    (r"(?:an? |one )?fifth|1/5", 20.0),
    (r"(?:an? |one )?tenth|1/10", 10.0),
)
FACTORS: tuple[tuple[str, float], ...] = (
    (r"doubled?(?: the)?|twice(?: as)?(?: the)?", 2.0),
    (r"tripled?(?: the)?|three times(?: as)?", 3.0),
    (r"quadrupled?(?: the)?|four times(?: as)?", 4.0),
    (r"halved?|half as|half the", 0.5),
)


@dataclass(frozen=True)
class Said:
    """An amount as it was said."""

    kind: str
    """``percent``, ``fraction`` (a half), ``factor``, ``stops``, or ``bare`` for a number without any unit."""
    value: float
    lead: str = ""
    """The word before it: by, to, at ..."""
    signed: bool = False
    equative: bool = False
    """Whether it compares with "as": half as bright."""
    words: str = ""

    def is_state(self, *, directed: bool) -> bool:
        """Return whether it tells where to end, not how far to go.

        "to" always does. After a mere noun "at", "of" and "=" do too, and so does a fraction: half contrast.
        """
        if self.lead == "to":
            return True
        return not directed and (self.lead in {"at", "of", "is", "="} or (self.kind == "fraction" and not self.lead))


def number(text: str) -> float:
    """Return the number of a matched `N`; a decimal comma is a decimal point."""
    return float(text.replace(" ", "").replace(",", "."))


def scale(phrase: Phrase) -> float | None:
    """Take all scaling words out and return their product; None if there are none."""
    found: float | None = None
    for pattern, factor in SCALES:
        while phrase.take(pattern):
            found = (found or 1.0) * factor
    return found


_LEAD = r"(?:(?P<lead>by|to|at|of|is|=) ?)?"
_AS = r"(?P<equative> as)?"
EXPLICIT: tuple[tuple[str, str], ...] = (
    ("stops", rf"{_LEAD}{N} ?(?:f )?(?:stops?|ev)"),
    ("percent", rf"{_LEAD}{N}{PERCENT}{_AS}"),
    ("factor", rf"{_LEAD}(?:[x×] ?{N})"),
    ("factor", rf"{_LEAD}{N} ?(?:[x×]|times|fold){_AS}"),
    ("factor", rf"{_LEAD}(?:a )?factor (?:of )?{N}"),
)
"""Numbers with a unit, by what they are."""


def _group(match: re.Match[str], name: str) -> str:
    return (match.groupdict().get(name) or "").strip().casefold()


def _said(kind: str, value: float, match: re.Match[str]) -> Said:
    text = match.groupdict().get("number") or ""
    words = " ".join(match.group().split())
    return Said(kind, value, _group(match, "lead"), text[:1] in {"+", "-"}, bool(_group(match, "equative")), words)


def explicit(phrase: Phrase) -> Said | None:
    """Take an amount out of the phrase."""
    for kind, pattern in EXPLICIT:
        if match := phrase.take(pattern):
            return _said(kind, number(match["number"]), match)
    if match := phrase.take(r"(?:(?P<lead>by) )?half an? (?:f )?stop"):
        return _said("stops", 0.5, match)
    if match := phrase.take(r"(?:(?P<lead>by) )?an? (?:f )?stop"):
        return _said("stops", 1.0, match)
    for pattern, factor in FACTORS:
        if match := phrase.take(pattern):
            said = _said("factor", factor, match)
            return replace(said, equative=re.search(r"\bas\b", said.words, re.IGNORECASE) is not None)
    for pattern, percent in FRACTIONS:
        if match := phrase.take(rf"(?:(?P<lead>by|to|at) )?(?:{pattern}){_AS}"):
            return _said("fraction", percent, match)
    match = phrase.take(rf"{_LEAD}{N}")
    return _said("bare", number(match["number"]), match) if match else None


def polarity(phrase: Phrase) -> int:
    """Take a word for more or less out and return 1 or -1; 0 if there is none."""
    return 1 if phrase.take(MORE) else -1 if phrase.take(LESS) else 0
