"""Amounts in plain words: percent, factors, stops, angles, lengths. Each reader takes its words out of a phrase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from notebook_img.errors import UsageError
from notebook_img.providers.local.phrases import Phrase
from notebook_img.providers.local.said import FULL, PERCENT, N, Said, explicit, number, polarity, scale

SMALL = 4
"""A bare number below it may be meant as "so many times"; from it on it is percent."""
SMALL_SIZE = 10
"""The same for sizes, which people say in times more often than in percent."""


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
    inverse: bool = False
    """More of the effect is a smaller number: few levels posterise strongly."""
    optional: bool = False
    """None is a value of its own: nothing was said."""
    help: str = ""


Presets: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Phrase, Parameter, Presets], Any]


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


def _unclear(said: Said, unit: str = "%") -> UsageError:
    times = f"{abs(said.value):g}"
    return UsageError(f"{said.words!r} may mean {times} {unit} or {times} times as much: write '{times} {unit}' or '{times}x'.")


def _agreeing(value: float, direction: int, said: Said) -> float:
    """Return a change, or raise UsageError where it contradicts the word: brighter cannot mean darker."""
    if value * direction < 0:
        wanted, given = ("more", "less") if direction > 0 else ("less", "more")
        raise UsageError(
            f"{said.words!r} contradicts itself: the word asks for {wanted}, but the amount would give {given}. "
            "Say how far to go without a sign, for example 'brighter by 20 %'; 'to 80 %' means 80 % of what it is now."
        )
    return value


def _gain(said: Said, direction: int) -> float:
    """Return what a factor multiplies by. Twice as dark and darker by 2x are both a half."""
    if said.lead == "to":
        return said.value
    turned = direction < 0 and (said.value > 1 or said.equative)
    return 1 / max(said.value, 1e-6) if turned else said.value


def _settled(said: Said, parameter: Parameter, *, directed: bool) -> Said:
    """Return a bare number as percent or as a factor.

    Below 1 it is a share of the way (0.2 is 20 %), or of the present state after a noun (contrast 0.5). A sign makes it
    percent as on a slider. Between that and `SMALL` whole numbers could be either.

    Raises
    ------
    UsageError
        For a number that could be either.
    """
    size = abs(said.value)
    if said.signed:
        return replace(said, kind="percent", value=said.value * (100 if 0 < size < 1 else 1))
    if size >= SMALL or (not parameter.base and size == int(size)):
        return replace(said, kind="percent")  # warmer by 2: there is no present warmth that could be doubled
    state = said.is_state(directed=directed)
    if parameter.base and (state or (size and not directed and said.lead != "by" and size != int(size))):
        return replace(said, kind="factor", lead="to")
    if 0 < size < 1:
        return replace(said, kind="percent", value=100 * said.value)
    if parameter.base and size != int(size):
        return replace(said, kind="factor")
    raise _unclear(said)


def _change(said: Said, direction: int, parameter: Parameter, *, directed: bool) -> float:
    if said.kind == "bare":
        said = _settled(said, parameter, directed=directed)
    if said.kind == "stops":
        return 100 * (2 ** (direction * said.value) - 1)
    if said.equative and said.kind != "factor":
        said = replace(said, kind="factor", value=said.value / 100)
    if said.kind == "factor":
        return 100 * (_gain(said, direction) - 1)
    if parameter.base and said.is_state(directed=directed):
        return said.value - parameter.base
    return direction * said.value


def read_amount(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a signed amount in percent. `presets["sign"]` is the direction of the word that triggered, None for a mere noun."""
    said = explicit(phrase)
    towards = polarity(phrase)
    whole = phrase.take(FULL)
    scaled = scale(phrase)
    sign = presets.get("sign")
    directed = sign is not None or towards != 0
    direction = (sign or 1) * (towards or 1)
    if said is None:
        if not directed:
            return None
        step = 100.0 if whole else presets.get("default", parameter.default) * (scaled or 1.0)
        return _clamped(direction * step, parameter)
    change = _change(said, direction, parameter, directed=directed)
    if directed and not said.equative:
        change = _agreeing(change, direction, said)
    return within(change, parameter)


def read_strength(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a percentage without a direction.

    `presets["opposite"]` tells that more of it leaves less: True for every amount (30 % transparent), "way" for those
    that say how far to go and not where to end (fade by 20 %, but fade to 80 %).
    """
    said = explicit(phrase)
    whole = phrase.take(FULL)
    scaled = scale(phrase)
    opposite = presets.get("opposite")
    if said is None:
        default = presets.get("default", parameter.default)
        if default is None:
            return None
        strength = 100.0 if whole else float(default) * (scaled or 1.0)
        return _clamped(100 - strength if opposite else strength, parameter)
    value = said.value
    if said.kind == "factor" or (said.kind == "bare" and 0 < value < 1):
        value *= 100
    elif said.kind == "bare" and 1 <= value < (SMALL if (parameter.high or 0) > 100 else 2):
        raise _unclear(said)
    value = within(value, parameter)
    if opposite is True or (opposite == "way" and said.lead not in {"to", "at", "of", "is", "="}):
        value = 100 - value
    return value


def read_factor(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a size in percent of the present one: ``2x``, ``50 %``, ``half the size``, ``20 % smaller``."""
    sign = presets.get("sign")
    said = explicit(phrase)
    scaled = scale(phrase)
    if said is None:
        step = presets.get("default", 25.0)
        return None if sign is None or step is None else _clamped(100 + sign * step * (scaled or 1.0), parameter)
    value = _new_size(said, sign)
    if sign is not None:
        _agreeing(value - 100, sign, said)
    return within(value, parameter)


def _new_size(said: Said, sign: int | None) -> float:
    if said.kind == "stops":
        raise UsageError(f"{said.words!r} is not a size: write percent, times or pixels, for example '50 %', '2x', '800 px wide'.")
    size = abs(said.value)
    if said.kind == "bare" and not said.signed:
        if size >= SMALL_SIZE and sign is None:
            raise UsageError(f"{said.words!r} has no unit: write '{size:g} %', '{size:g}x' or '{size:g} px'.")
        share = sign is not None and said.lead != "to" and size < 1
        kind = "percent" if share or size >= SMALL_SIZE else "factor"
        said = replace(said, kind=kind, value=said.value * (100 if share else 1))
    elif said.kind == "bare" and 0 < size < 1:
        said = replace(said, value=100 * said.value)
    if said.kind == "factor":
        return 100 * _gain(said, sign or 1)
    if said.lead == "to" or (sign is None and not said.signed):
        return said.value
    return 100 + (sign or 1) * said.value


def read_stops(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read photographic stops; percent and factors are turned into stops."""
    import math

    said = explicit(phrase)
    towards = polarity(phrase)
    phrase.take(FULL)
    scaled = scale(phrase)
    directed = presets.get("sign") is not None or towards != 0
    direction = (presets.get("sign") or 1) * (towards or 1)
    if said is None:
        return _clamped(direction * float(parameter.default) * (scaled or 1.0), parameter) if directed else None
    if said.kind in {"stops", "bare"}:
        stops = direction * said.value
    else:
        gain = 1 + _change(said, direction, replace(parameter, base=100.0), directed=directed) / 100
        if gain <= 0:
            raise UsageError("An exposure cannot be reduced to nothing: say stops, for example 'exposure -1 stop'.")
        stops = math.log2(gain)
    return within(_agreeing(stops, direction, said) if directed and not said.equative else stops, parameter)


def read_number(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read a plain number."""
    match = phrase.take(rf"(?:(?:by|to|at|of|=) ?)?{N}(?: ?(?:levels?|colou?rs?|tones?|steps?))?")
    if match:
        return within(number(match["number"]), parameter)
    scaled = scale(phrase)
    default = presets.get("default", parameter.default)
    if default is None or scaled is None:
        return None if default is None else float(default)
    return _clamped(float(round(default / scaled)) if parameter.inverse else default * scaled, parameter)


def read_degrees(phrase: Phrase, parameter: Parameter, presets: Presets) -> float | None:
    """Read an angle in degrees, clockwise; left, anticlockwise and counterclockwise turn it round."""
    left = bool(phrase.take(r"(?:to )?(?:the )?left|(?:anti|counter) ?clockwise|ccw"))
    right = bool(phrase.take(r"(?:to )?(?:the )?right|clockwise|cw"))
    match = phrase.take(rf"(?:(?:by|to|of|at) )?{N} ?(?:degrees?|deg|°)?°?")
    if left and right:
        raise UsageError("A picture is turned left or right, not both: say one of them, for example 'rotate left by 90 degrees'.")
    if match:
        value = number(match["number"])
        if value < 0 and (left or right):
            raise UsageError(f"{' '.join(match.group().split())!r} contradicts its own direction: say left or right, or write a sign.")
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
