"""Reading what a service sent, so that nothing in it can surprise the code behind: JSON, counts, times to wait.

A picture that was paid for is never lost over a strange number beside it.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_COUNTED = 2**53
"""Above it a number is no count, and JSON readers disagree on it."""


def read_json(data: bytes | str) -> Any:
    """Return `data` as JSON; None where it is none, is nested too deeply, or stands for no number (NaN, Infinity, 1e999)."""
    try:
        return json.loads(data, parse_constant=lambda _name: None, parse_float=lambda text: finite(float(text)))
    except (ValueError, RecursionError):
        return None


def finite(value: Any) -> float | None:
    """Return a number as it is, or None for anything else: a text, a truth value, NaN, an infinity, a number beyond floats."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None


def count_of(value: Any) -> int | None:
    """Return a number of things (tokens, pictures), or None where `value` is none: negative numbers count nothing."""
    number = finite(value)
    return int(number) if number is not None and 0 <= number <= MOST_COUNTED else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a service asks to wait: ``retry-after-ms`` (OpenAI), or ``Retry-After`` as seconds or as a date.

    RFC 9110, section 10.2.3, knows digits and dates; anything else (``1e9``, ``soon``) asks for nothing.
    """
    in_ms, text = headers.get("retry-after-ms", "").strip(), headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(in_ms):
        return float(in_ms) / 1000
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # a date that is none, or one beyond what dates can be
        return None


_SECONDS = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)
