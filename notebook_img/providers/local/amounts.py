"""Amounts in plain words: percent, factors, stops, angles, lengths. Each reader takes its words out of a phrase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from notebook_img.errors import UsageError
from notebook_img.providers.local.phrases import Phrase

N = r"(?P<number>[+-]? ?(?:\d+(?:[.,]\d+)?|\.\d+))"
PERCENT = r"(?: ?(?:%|percent|per cent|pct))"

SCALES: tuple[tuple[str, float], ...] = (
    (r"ever so slightly|barely|a hair", 0.25),
    (
        (
            r"slight(?:ly)?|an? (?:tiny |little |wee )?bit(?: of)?|a little|"
            r"a touch(?: of)?|a tad|subtl[ey]|gent(?:le|ly)|faint(?:ly)?|a hint of|thin"
        ),
        0.5,
    ),
    (r"somewhat|moderate(?:ly)?|medium|fairly|rather|quite(?: a bit)?", 0.75),
    (r"a lot(?: of)?|lots of|much|strong(?:ly)?|very|heav(?:y|ily)|far|way|considerably|really|noticeably|thick|big|bold", 2.0),
    (r"extreme(?:ly)?|dramatic(?:ally)?|massive(?:ly)?|super|intense(?:ly)?|totally|completely|fully|maximum", 3.0),
    (r"still|even|further|again|once more|yet", 1.25),
)
"""Words that scale a default amount. ``darker still`` goes a little further than ``darker`` did."""

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
class Length:
    """A length in pixels, or in percent of the picture's shorter side."""

    value: float
    unit: str = "%"

    def pixels(self, side: float) -> float:
        """Return pixels, where percent are of `side`."""
        return self.value if self.unit == "px" else side * self.value / 100

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation: how it is read, its default, unit and range."""

    name: str
    kind: str
    """Name of a reader in `READERS`."""
    default: Any = None
    """Used when nothing is said; None means it has to be said."""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    base: float = 0.0
    """What "to N %" counts from: 100 where N % of the present state is meant."""
    optional: bool = False
    """None is a value of its own: nothing was said."""
    help: str = ""


Presets: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Phrase, Parameter, Presets], Any]


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


def within(value: float, parameter: Parameter, phrase: str = "") -> float:
    """Return `value`, or raise UsageError with the range of the parameter."""
    low, high = parameter.low, parameter.high
    if (low is not None and value < low) or (high is not None and value > high):
        unit = f" {parameter.unit}" if parameter.unit else ""
        said = f" of {phrase!r}" if phrase else ""
        raise UsageError(f"{value:g}{unit} is out of range: the {parameter.name}{said} goes from {low:g} to {high:g}{unit}.")
    return value


def _clamped(value: float, parameter: Parameter) -> float:
    low = parameter.low if parameter.low is not None else value
    high = parameter.high if parameter.high is not None else value
    return max(low, min(high, value))


def _explicit(phrase: Phrase) -> tuple[str, float, bool] | None:
    """Take an amount with its unit: kind ("percent", "factor", "stops", "bare"), number, whether "to" stood before it."""
    lead = r"(?:(?P<lead>by|to|at|of|is|=) (?:a factor of )?)?"
    for kind, pattern in (
        ("stops", rf"{lead}{N} ?(?:f )?(?:stops?|ev)"),
        ("percent", rf"{lead}{N}{PERCENT}"),
        ("factor", rf"{lead}(?:[x×] ?{N})"),
        ("factor", rf"{lead}{N} ?(?:[x×]|times|fold)"),
    ):
        # The percent sign is no word character, so the pattern's end is looked for by itself.
        match = phrase.take(pattern)
        if match:
            return kind, number(match["number"]), match["lead"] == "to"
    if phrase.take(r"(?:by )?half an? (?:f )?stop"):
        return "stops", 0.5, False
    if phrase.take(r"(?:by )?an? (?:f )?stop"):
        return "stops", 1.0, False
    for pattern, factor in FACTORS:
        if phrase.take(pattern):
            return "factor", factor, False
    for pattern, percent in FRACTIONS:
        match = phrase.take(rf"(?:(?P<lead>by|to) )?(?:{pattern})")
        if match:
            return "percent", percent, match["lead"] == "to"
    match = phrase.take(rf"(?:(?P<lead>by|to|at|of|=) ?)?(?:a factor of )?{N}")
    if match:
        return "bare", number(match["number"]), match["lead"] == "to"
    return None


def read_amount(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a signed amount in percent. `presets["sign"]` is the direction of the word that triggered, None for a mere noun."""
    said = _explicit(phrase)
    polarity = 1 if phrase.take(MORE) else -1 if phrase.take(LESS) else 0
    scaled = scale(phrase)
    sign = presets.get("sign")
    if said is None:
        if sign is None and not polarity:
            return None
        step = presets.get("default", parameter.default)
        return _clamped((sign or 1) * (polarity or 1) * step * (scaled or 1.0), parameter)
    kind, value, absolute = said
    direction = (sign or 1) * (polarity or 1)
    if kind == "stops":
        return within(100 * (2 ** (direction * value) - 1), parameter)
    if kind == "factor" or (kind == "bare" and parameter.base and 0 < value < 4 and value != int(value)):
        return within(100 * ((value if direction > 0 else 1 / max(value, 1e-6)) - 1), parameter)
    if absolute:
        return within(value - parameter.base if parameter.base else direction * value, parameter)
    return within(direction * value, parameter)


def read_strength(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a percentage without a direction."""
    said = _explicit(phrase)
    scaled = scale(phrase)
    if said is None:
        default = presets.get("default", parameter.default)
        return None if default is None else _clamped(default * (scaled or 1.0), parameter)
    kind, value, _ = said
    if kind == "factor" or (kind == "bare" and 0 < value < 1):
        value *= 100
    return within(value, parameter)


def read_factor(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a size in percent of the present one: ``2x``, ``50 %``, ``half the size``, ``20 % smaller``."""
    sign = presets.get("sign")
    said = _explicit(phrase)
    scaled = scale(phrase)
    if said is None:
        if sign is None:
            return None
        return _clamped(100 + sign * presets.get("default", 25.0) * (scaled or 1.0), parameter)
    kind, value, absolute = said
    if kind == "factor":
        return within(100 * value if value < 1 or sign != -1 else 100 / value, parameter)
    if absolute or sign is None:
        return within(value, parameter)
    return within(100 + sign * value, parameter)


def read_stops(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read photographic stops; percent and factors are turned into stops."""
    import math

    said = _explicit(phrase)
    polarity = 1 if phrase.take(MORE) else -1 if phrase.take(LESS) else 0
    scaled = scale(phrase)
    direction = (presets.get("sign") or 1) * (polarity or 1)
    if said is None:
        if presets.get("sign") is None and not polarity:
            return None
        return _clamped(direction * float(parameter.default) * (scaled or 1.0), parameter)
    kind, value, absolute = said
    if kind in {"stops", "bare"}:
        return within(direction * value, parameter)
    gain = value if kind == "factor" else value / 100 if absolute else 1 + direction * value / 100
    if gain <= 0:
        raise UsageError("An exposure cannot be reduced to nothing: say stops, for example 'exposure -1 stop'.")
    return within(math.log2(gain), parameter)


def read_number(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a plain number."""
    match = phrase.take(rf"(?:(?:by|to|at|of|=) ?)?{N}(?: ?(?:levels?|colou?rs?|tones?|steps?))?")
    if match:
        return within(number(match["number"]), parameter)
    scaled = scale(phrase)
    default = presets.get("default", parameter.default)
    return default if default is None or scaled is None else _clamped(default * scaled, parameter)


def read_degrees(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read an angle in degrees, clockwise; left, anticlockwise and counterclockwise turn it round."""
    left = bool(phrase.take(r"(?:to )?(?:the )?left|(?:anti|counter) ?clockwise|ccw"))
    right = bool(phrase.take(r"(?:to )?(?:the )?right|clockwise|cw"))
    match = phrase.take(rf"(?:(?:by|to|of|at) )?{N} ?(?:degrees?|deg|°)?°?")
    if match:
        value = number(match["number"])
    elif phrase.take(r"an? quarter(?: turn)?"):
        value = 90.0
    elif phrase.take(r"an? half(?: turn)?|upside down"):
        value = 180.0
    elif left or right or "default" in presets or parameter.default is not None:
        value = float(presets.get("default", parameter.default if parameter.default is not None else 90.0))
        value = _clamped(value * (scale(phrase) or 1.0), parameter) if not (left or right) else value
    else:
        return None
    return within(-value if left else value, parameter)


def read_length(phrase: Phrase, parameter: Parameter, presets: Presets) -> Length | None:
    """Read pixels, or percent of the shorter side."""
    lead = r"(?:(?:by|to|at|of|in|with) (?:an? )?)?"
    tail = r"(?: (?:thick|wide|radius|blocks?|squares?))?"
    match = phrase.take(rf"{lead}{N}{PERCENT}{tail}")
    if match:
        return Length(within(number(match["number"]), Parameter(parameter.name, "", low=0, high=100, unit="%")), "%")
    match = phrase.take(rf"{lead}{N} ?(?:px|pixels?|pt|points?)?{tail}")
    if match:
        return Length(within(number(match["number"]), parameter), "px")
    scaled = scale(phrase)
    default: Length | None = presets.get("default", parameter.default)
    return Length(default.value * scaled, default.unit) if default is not None and scaled is not None else default
