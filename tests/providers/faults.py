"""What services may do wrong, and what has to come of it: written down once more, by hand, and not read from the package's own table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    JobPendingError,
    ModelNotFoundError,
    NotebookImgError,
    OverloadedError,
    RateLimitError,
    ReplyTimeoutError,
    RequestRefusedError,
)

KEY = "matrix-key-zyxwvutsrq-0123456789"
TRIES = 3
STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 524)
RARE_STATUSES = (
    *(405, 410, 411, 415, 418, 423, 424, 425, 426, 428, 431, 451),
    *(501, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 525, 526, 527, 529, 530, 598, 599),
)
FORMS = ("own", "page", "empty", "foreign")
WAITS = ("", "0", "0.5", "2", "1e9", "soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 01 Jan 2199 00:00:00 GMT", "99999999999")
BROKEN = (
    "nothing",
    "reset",
    "reset_after_headers",
    "reset_midway",
    "204",
    "empty_200",
    "broken_json",
    "page_200",
    "null",
    "list",
    "truncated",
)
SLOW = ("hang", "hang_after_headers", "drip")
UNBILLED_500 = {"gemini", "google-cloud", "ark", "fal"}


@dataclass(frozen=True)
class Fault:
    status: int = 0
    form: str = "own"
    wait: str = ""
    kind: str = "status"


FAULTS = (
    *(Fault(status, form) for status, form in product(STATUSES, FORMS)),
    *(Fault(kind=kind) for kind in (*BROKEN, *SLOW)),
)
"""They meet every kind of call at every service."""
RARE = (
    *(Fault(status, form) for status, form in product(RARE_STATUSES, FORMS)),
    *(Fault(status, form, wait) for status, form, wait in product((429, 503), ("own", "page"), WAITS[1:])),
)
"""They meet every service once."""


@dataclass(frozen=True)
class Case:
    number: int
    provider: str
    kind: str
    fault: Fault


KINDS = {
    "openai": ("generate", "edit", "ask"),
    "azure": ("generate", "edit", "ask"),
    "garage": ("generate", "edit", "ask"),
    "openrouter": ("generate", "edit", "ask"),
    "gemini": ("generate", "edit", "ask"),
    "google-cloud": ("generate", "edit", "ask"),
    "ark": ("generate", "edit"),
    "jimeng": ("generate",),
    "fal": ("generate", "edit"),
}
MODELS = {
    "openai": {"generate": "openai", "edit": "openai", "ask": "openai:gpt-6-astra"},
    "azure": dict.fromkeys(("generate", "edit", "ask"), "openai"),
    "garage": {"generate": "garage:flux", "edit": "garage:flux", "ask": "garage:seeing"},
    "openrouter": dict.fromkeys(("generate", "edit", "ask"), "openrouter:google/gemini-image"),
    **{name: dict.fromkeys(("generate", "edit", "ask"), "gemini") for name in ("gemini", "google-cloud")},
    "ark": dict.fromkeys(("generate", "edit"), "ark"),
    "jimeng": {"generate": "jimeng"},
    "fal": dict.fromkeys(("generate", "edit"), "fal"),
}


def own_form(provider: str, status: int) -> str:
    words = f"It went wrong, said the service to {KEY}."
    match provider:
        case "gemini" | "google-cloud":
            return json.dumps({"error": {"code": status, "message": words, "status": "SOMETHING"}})
        case "ark":
            return json.dumps({"error": {"code": "SomethingElse", "message": words}})
        case "azure":
            return json.dumps({"error": {"code": str(status), "message": words}})
        case "fal":
            return json.dumps({"detail": words})
        case "jimeng":
            return json.dumps({"ret": "7777", "errmsg": words})
        case _:
            return json.dumps({"error": {"message": words, "type": "some_error", "param": None, "code": None}})


def requests_allowed(case: Case) -> int:
    """Return how often the paid request may be sent."""
    fault = case.fault
    if fault.kind != "status":
        return 1
    # A service may ask for more than is waited for: then it is not asked again at all.
    too_long = fault.wait in {"Thu, 01 Jan 2199 00:00:00 GMT", "99999999999"}
    repeated = fault.status == 429 or (
        fault.form == "own" and (fault.status == 503 or (fault.status == 500 and case.provider in UNBILLED_500))
    )
    return TRIES if repeated and not too_long else 1


def is_free(case: Case) -> bool:
    """Tell whether the call is known not to have been billed."""
    fault = case.fault
    if fault.kind != "status":
        return False
    if fault.form == "own" and (fault.status == 503 or (fault.status == 500 and case.provider in UNBILLED_500)):
        return True
    return fault.status < 500 and fault.status != 408


def kinds_expected(case: Case) -> tuple[type[NotebookImgError], ...]:
    if case.provider == "jimeng" and not is_free(case):
        return (*_kinds_expected(case), JobPendingError)  # whether it was taken is looked for
    return _kinds_expected(case)


def _kinds_expected(case: Case) -> tuple[type[NotebookImgError], ...]:
    fault = case.fault
    if fault.kind in {"nothing", "reset", "reset_after_headers", "reset_midway", *SLOW}:
        return (ReplyTimeoutError,)
    if fault.kind != "status":
        return (BadReplyError, ReplyTimeoutError) if fault.kind == "truncated" else (BadReplyError,)
    if fault.status == 429:
        return (RateLimitError,)
    if fault.status in {401, 403}:
        return (AuthenticationError,)
    if fault.status in {408, 504, 524}:
        return (ReplyTimeoutError,)
    if fault.status == 404:
        return (ModelNotFoundError, RequestRefusedError)
    if fault.status < 500:
        return (RequestRefusedError,)
    return (OverloadedError,) if is_free(case) else (BadReplyError,)
