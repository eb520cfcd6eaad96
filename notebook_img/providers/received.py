"""Reading what a service sent, so that nothing in it can surprise the code behind: JSON, counts, times to wait.

A picture that was paid for is never lost over a strange number beside it.
"""

from __future__ import annotations

import base64
import email.utils
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_COUNTED = 100_000_000
"""Above it a number is not a count: no model reads or writes so much at once. A slip of a service must not use up the budget."""
MOST_DOLLARS = 10_000.0
"""The same of the cost of one call."""


def read_json(data: bytes | str) -> Any:
    """Return `data` as JSON; None where it is not JSON, is nested too deeply, or holds NaN, Infinity or 1e999."""
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
    """Return a number of things (tokens, pictures), or None where `value` is not one: negative numbers count nothing."""
    number = finite(value)
    return int(number) if number is not None and 0 <= number <= MOST_COUNTED else None


def decoded(text: Any) -> bytes | None:
    """Return the bytes of base64 as leniently as it can be read; None where `text` is nothing of the kind.

    A data URL, line breaks, either alphabet, percent signs, missing padding and an end that was cut are all taken: it is paid for.
    """
    if not isinstance(text, str):
        return None
    bare = text.strip()
    if bare[:5].casefold() == "data:":
        bare = bare.partition(",")[2]
    bare = "".join((unquote(bare) if "%" in bare else bare).split()).replace("-", "+").replace("_", "/").rstrip("=")
    if len(bare) % 4 == 1:
        bare = bare[:-1]
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True) or None
    except ValueError:
        return None


def is_url(text: str) -> bool:
    """Tell whether a text names a picture's place and does not hold the picture: base64 has neither colon nor full stop."""
    short = text.strip()[:MOST_URL]
    if short[:5].casefold() == "data:" or len(text) > MOST_URL:
        return False
    return ":" in short or "." in short or (short.startswith("/") and not short.startswith("/9j/"))


MOST_URL = 4000
"""Characters; longer texts without a scheme are base64."""


def whole_url(url: str, base: str) -> str:
    """Return a URL a service gave, made whole: relative ones begin at its base URL, and its own host goes by the configured name."""
    try:
        parts, own = urlsplit(urljoin(f"{base.partition('?')[0].rstrip('/')}/", url.strip())), urlsplit(base)
        same_port = (parts.port or PORTS.get(parts.scheme)) == (own.port or PORTS.get(own.scheme))
    except ValueError:
        return url
    # A server that listens on this machine calls itself by any of these names.
    if same_port and {(parts.hostname or ""), (own.hostname or "")} <= SELF:
        parts = parts._replace(netloc=own.netloc)
    return urlunsplit(parts)


PORTS = {"http": 80, "https": 443}
SELF = {"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"}  # noqa: S104 - names to compare, nothing is bound


@dataclass(frozen=True)
class Words:
    """What a chat answer says, and the pictures that stood in its words."""

    text: str
    places: tuple[str, ...]
    """Data URLs and URLs, in their order."""


def pictures_in(text: str) -> Words:
    """Take the pictures out of an answer's words: Markdown images, HTML images, bare data URLs, and a URL that stands alone."""
    places: list[str] = []

    def taken(found: re.Match[str]) -> str:
        places.append(next(group for group in found.groups() if group))
        return ""

    rest = _PICTURE.sub(taken, text)
    if not places and (alone := _ALONE.fullmatch(rest.strip())):
        return Words("", (alone[1],))
    return Words(rest.strip() if places else text, tuple(dict.fromkeys(places)))


_DATA = r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/_=%-]+"
_PICTURE = re.compile(
    rf"!\[[^\]]{{0,2000}}\]\(\s*<?({_DATA}|[^\s)>]{{1,4000}})>?(?:\s+\"[^\"]{{0,500}}\")?\s*\)"
    rf"|<img\b[^>]{{0,500}}?\bsrc\s*=\s*[\"']({_DATA}|[^\"']{{1,4000}})[\"'][^>]{{0,2000}}>"
    rf"|({_DATA})",
    re.IGNORECASE,
)
_ALONE = re.compile(r"<?(https?://[^\s<>]{1,4000})>?", re.IGNORECASE)


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
