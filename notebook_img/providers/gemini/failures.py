"""What the SDK and the network raise -> the errors of this package.

google-genai raises three families: its own `APIError` (``code``), another for interactions (``status_code``, in a private
module) and the bare exceptions of whichever HTTP library is installed (httpx2, httpx, aiohttp). So they are told
apart by their attributes and class names (seen with google-genai 3.4.0).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    NotebookImgError,
    ProviderError,
    RateLimitError,
    RequestRefusedError,
)
from notebook_img.hints import Hint
from notebook_img.providers.connection_faults import connection_fault
from notebook_img.providers.gemini.cloud import Cloud, refusal
from notebook_img.providers.gemini.models import current, info
from notebook_img.providers.pricing import end_of
from notebook_img.providers.received import retry_after
from notebook_img.providers.sending import nothing_left
from notebook_img.providers.status_table import PERHAPS_BILLED, error_for

PROVIDER = "gemini"
# google-genai reads GOOGLE_API_KEY before GEMINI_API_KEY (read in google-genai 3.4.0).
SERVICE = keys.Service(PROVIDER, "Google Gemini", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "https://aistudio.google.com/apikey")
LONGEST = 300
"""Characters of a service's own words in a message."""
KEY_FAULTS: Mapping[str, str] = {
    "reported as leaked": "it was reported as leaked, so Google has blocked it",
    "SERVICE_DISABLED|has not been used in project|API is disabled": (
        "the Generative Language API is not enabled in the key's Google Cloud project. Enable it there, and wait a few minutes"
    ),
    "API_KEY_SERVICE_BLOCKED": "the key is restricted to other APIs. Allow the Generative Language API for it in the Google Cloud console",
    "API_KEY_IP_ADDRESS_BLOCKED": "the key is restricted to other IP addresses. Change that in the Google Cloud console",
    "API_KEY_HTTP_REFERRER_BLOCKED": "the key is restricted to web pages. Change that in the Google Cloud console",
    "API_KEY_(ANDROID|IOS)_APP_BLOCKED": "the key is restricted to an app. Change that in the Google Cloud console",
    "CONSUMER_SUSPENDED|has been suspended": "its Google Cloud project is suspended",
    "BILLING_DISABLED": "billing is disabled in its Google Cloud project",
    "API key expired": "it has expired",
}
"""Why a key is refused, by google.rpc.ErrorInfo's reason (googleapis/google/api/error_reason.proto) or by the service's words."""
_UNREADABLE = {
    "JSONDecodeError",
    "ValidationError",
    "ResponseValidationError",
    "DecodingError",
    "UnicodeDecodeError",
    "UnknownApiResponseError",
}


class SignatureError(RequestRefusedError):
    """The service misses a thought signature, or does not accept the one it got."""


class InteractionGoneError(RequestRefusedError):
    """The service does not (or no longer) keep the interaction that a request continues."""


def translate(
    error: Exception, *, model: str, key: str, url: str = "", continues: bool = False, cloud: Cloud | None = None
) -> NotebookImgError:
    """Return the error of ours for one of the SDK's.

    Parameters
    ----------
    error : Exception
        What was raised.
    model : str
        The bare model name.
    key : str
        The key or token in use; no part of it gets into a message.
    url : str
        The base URL, for the message.
    continues : bool
        Whether the request named an earlier interaction.
    cloud : Cloud, optional
        Where on Google Cloud it went.
    """
    facts: dict[str, Any] = {"provider": PROVIDER, "model": model}
    status = _status(error)
    if status is not None and status >= 300:  # a 200 that could not be read has one too
        return _by_status(error, status, key=key, continues=continues, facts=facts, cloud=cloud)
    variable = "GOOGLE_GEMINI_BASE_URL" if cloud is None else "GOOGLE_CLOUD_LOCATION"
    fault = connection_fault(error, title="Gemini", url=url, facts=facts, hint=f"Check the network and {variable}.")
    if fault is not None:
        return fault
    names = {kind.__name__ for link in _links(error) for kind in type(link).__mro__}
    if names & _UNREADABLE:
        return BadReplyError(f"Gemini's answer cannot be read as JSON. {PERHAPS_BILLED}", **facts)
    # A fault of the SDK or of ours. After the request has left it is taken for the worse case, so that nothing is paid for twice.
    return BadReplyError(
        f"The exchange with Gemini failed: {type(error).__name__}: {words(str(error), key) or 'no words'}. "
        f"{'Nothing was sent.' if nothing_left() else PERHAPS_BILLED}",
        hint=Hint("show-traceback"),
        billed="no" if nothing_left() else "maybe",
        **facts,
    )


def words(text: str, key: str, longest: int = LONGEST) -> str:
    """Return a service's words fit for a message: one line, no mark-up, no part of the key, clipped, without a final full stop."""
    text = text[: 20 * longest]  # a reply may hold 50 MB of them
    if "<html" in text.casefold() or "<!doctype" in text.casefold():
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = f"an HTML page ({title[1].strip()})" if title else "an HTML page"
    text = keys.scrubbed(" ".join(whole(text).split()), key)
    return (text if len(text) <= longest else f"{text[:longest].rstrip()}...").rstrip(".") if text else ""


def whole(text: str) -> str:
    """Return text without lone surrogates: JSON can hold them, but no file, database or screen takes them."""
    return text.encode("utf-8", "replace").decode()


def _by_status(error: Exception, status: int, *, key: str, continues: bool, facts: dict[str, Any], cloud: Cloud | None) -> ProviderError:
    facts = {**facts, "status": status}
    said = words(_message(error), key)
    details = _details(error)
    wait = _wait(error, details)
    reasons = {str(detail.get("reason")) for detail in details}
    if cloud is not None:
        found = refusal(status, said, reasons, cloud, model=facts["model"], wait=wait, facts=facts)
        if found is not None:
            return found
    if status in {401, 403} or "API_KEY_INVALID" in reasons or "API key not valid" in said:
        why = next(
            (why for reason, why in KEY_FAULTS.items() if any(re.search(reason, told, re.IGNORECASE) for told in (*reasons, said))), ""
        )
        # Other words of a refused key are left out: they like to quote it.
        why = f": {why or said}" if why or (status == 403 and said) else ", or it may not use this model"
        return AuthenticationError(f"Gemini refused the key (HTTP {status}){why}.", hint=keys.key_hint(SERVICE, another=True), **facts)
    if continues and (status in {404, 410} or (status in {400, 403} and "interaction" in said.casefold())):
        return InteractionGoneError(f"Gemini no longer has the earlier interaction ({said or status}).", **facts)
    if status == 404 and not _is_own(error):
        return RequestRefusedError("There is no Gemini API at the base URL in use (HTTP 404). Correct GOOGLE_GEMINI_BASE_URL.", **facts)
    if status == 404:
        row = info(facts["model"])
        why = end_of(row) or (row.note if row.successor else "") or f"It may be retired. Current models: {current()}."
        return ModelNotFoundError(f"Gemini does not know the model {facts['model']!r} (HTTP 404). {why}", **facts)
    if status == 429:
        return _limited(said, details, wait, facts)
    if status == 400 and re.search(r"thought[_ ]signature", said, re.IGNORECASE):
        return SignatureError(f"Gemini does not accept its own earlier turn ({said}).", **facts)
    if "payload size exceeds" in said:
        status = 413
    if status < 400:
        said = "correct GOOGLE_GEMINI_BASE_URL" if cloud is None else "correct GOOGLE_VERTEX_BASE_URL"
    return error_for(status, title="Gemini", own=_is_own(error), facts=facts, said=said, retry_after=wait)


def _is_own(error: Exception) -> bool:
    """Tell whether the service itself answered: generateContent names code and status, Interactions a code in words."""
    inner = _body(error).get("error")
    return isinstance(inner, Mapping) and isinstance(inner.get("message"), str) and bool(inner.get("status") or inner.get("code"))


def _limited(said: str, details: list[Mapping[str, Any]], wait: float | None, facts: dict[str, Any]) -> RateLimitError:
    violations = [violation for detail in details for violation in mappings(detail.get("violations"))]
    if any(str(violation.get("quotaValue")) == "0" for violation in violations) or re.search(r"limit: 0\b", said):
        # No waiting helps: there is no free tier for picture output.
        message = (
            f"The plan of this Gemini key has no quota for {facts['model']!r}. Pictures need a paid plan; choose another model or key."
        )
        return RateLimitError(message, daily=True, **facts)
    if any("PerDay" in str(violation.get("quotaId", "")) for violation in violations):
        message = f"The day's Gemini quota for {facts['model']!r} is used up until midnight Pacific time."
        return RateLimitError(message, hint=Hint("choose-model"), daily=True, retry_after=wait, **facts)
    return RateLimitError(
        f"Gemini received too many requests from this key (HTTP 429{f': {said}' if said else ''}).", retry_after=wait, **facts
    )


def _status(error: Exception) -> int | None:
    for name in ("code", "status_code"):
        value = getattr(error, name, None)
        if isinstance(value, int) and 100 <= value < 600:
            return value
    return None


def _links(error: BaseException) -> Iterator[BaseException]:
    """Return the error and what it was raised from: the SDK wraps the transport's errors in some places."""
    link: BaseException | None = error
    for _ in range(5):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _message(error: Exception) -> str:
    body = _body(error)
    inner = body.get("error")
    for value in ((inner.get("message") if isinstance(inner, Mapping) else inner), body.get("message"), getattr(error, "message", None)):
        if isinstance(value, str) and value.strip():
            return value
    return str(error)


def _body(error: Exception) -> Mapping[str, Any]:
    """Return the JSON of the answer: `details` in one family, `body` in the other."""
    for name in ("details", "body"):
        value = getattr(error, name, None)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                continue
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, Mapping):
            return value
    return {}


def _details(error: Exception) -> list[Mapping[str, Any]]:
    body = _body(error)
    inner = body.get("error", body)
    details = inner.get("details") if isinstance(inner, Mapping) else None
    return mappings(details)


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; none where the service sent something else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _wait(error: Exception, details: list[Mapping[str, Any]]) -> float | None:
    """Seconds to wait: the longer one of Retry-After and google.rpc.RetryInfo (``"34.5s"``)."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    found = [retry_after({str(name).lower(): str(value) for name, value in headers.items()})] if headers else []
    matches = (re.fullmatch(r"(\d+(?:\.\d+)?)s", str(detail.get("retryDelay", ""))) for detail in details)
    found.extend(float(match[1]) for match in matches if match)
    return max((seconds for seconds in found if seconds is not None and math.isfinite(seconds)), default=None)
