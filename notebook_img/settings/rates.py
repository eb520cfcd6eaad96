"""How many calls in how much time: what a person writes as ``5/min``, for all models or for some of them."""

from __future__ import annotations

import re
from typing import NamedTuple

UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "m": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86400.0}
"""Seconds of a unit of time."""
EXAMPLE = "5/min"


class Rate(NamedTuple):
    """At most so many calls in any stretch of so many seconds."""

    calls: int
    seconds: float

    def __str__(self) -> str:
        unit = next((name for name in ("second", "minute", "hour", "day") if UNITS[name] == self.seconds), f"{self.seconds:g} seconds")
        return f"{self.calls} call{'' if self.calls == 1 else 's'} a {unit}"


def read_rate(text: str) -> Rate:
    """Read ``5/min``, ``2 per second``, ``100/hour``; anything else is a ValueError that says what would do."""
    found = re.fullmatch(r"(\d{1,6})\s*(?:/|per\s|a\s)\s*([a-z]+)", text.strip().casefold(), re.ASCII)
    seconds = UNITS.get(found[2], UNITS.get(found[2].removesuffix("s"))) if found else None
    if found is None or seconds is None or not int(found[1]):
        msg = f"write calls per time, such as {EXAMPLE}, 2/s or 100/hour"
        raise ValueError(msg)
    return Rate(int(found[1]), seconds)


def read_rates(text: str) -> dict[str, Rate]:
    """Read a rate for every model, or rates by provider or model: ``gemini=5/min, openai:gpt-image-1.5=20/min``."""
    rates = {}
    for part in filter(str.strip, text.split(",")):
        name, _, rate = part.rpartition("=")
        rates[name.strip()] = read_rate(rate)
    return rates


def rate_for(model: str, rates: dict[str, Rate]) -> Rate | None:
    """Return the rate of ``provider:model``: its own, else its provider's, else the one for every model."""
    return next((rates[name] for name in (model, model.partition(":")[0], "") if name in rates), None)
