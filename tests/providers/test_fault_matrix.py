"""Every fault against every service: the right error, no more requests than the rules allow, the right booking, the tree as it was, no key.

What is expected is written down here once more, by hand, and not read from the table that the package follows. One server in this
process plays all services; which fault it plays stands in the prompt. Waits cost no time, and what hangs is ended by the server's word.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.calls.call import make_call
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
from notebook_img.providers import retry
from notebook_img.providers.pace import Pace
from tests.google_account import account_file
from tests.providers.openai.conftest import picture

KEY = "matrix-key-zyxwvutsrq-0123456789"
TRIES = 3
CASE = re.compile(rb"case-(\d+)-")
SECONDS = 59.0
"""The time-out of every exchange, below those that adapters have of their own; nothing else is as long, so `Clock` knows it by it."""
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


class Clock:
    """Ends the time-out of a case when the server says so: nothing waits for one, and no machine is too slow for one."""

    def __init__(self) -> None:
        self.timeout_of = asyncio.timeout
        self.case: ContextVar[int] = ContextVar("case", default=0)
        self.running: defaultdict[int, list[tuple[asyncio.AbstractEventLoop, asyncio.Timeout]]] = defaultdict(list)

    def timeout(self, delay: float | None) -> asyncio.Timeout:
        """Stand in for `asyncio.timeout`."""
        made = self.timeout_of(delay)
        if delay == SECONDS:
            self.running[self.case.get()].append((asyncio.get_running_loop(), made))
        return made

    def end(self, number: int) -> None:
        """End what runs for a case, and what belongs to none."""
        for which in (number, 0):
            for loop, made in self.running.pop(which, ()):
                loop.call_soon_threadsafe(self._end, made)

    def _end(self, made: asyncio.Timeout) -> None:
        with contextlib.suppress(RuntimeError):  # it was over
            made.reschedule(0)


class Server:
    """All services at one port; it counts the paid requests by their case."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.cases: dict[int, Case] = {}
        self.seen: Counter[int] = Counter()
        self.open: set[asyncio.Task[Any]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        task.add_done_callback(self.open.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def close(self) -> None:
        """End what still hangs."""
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        found = CASE.search(body)
        if found is None:  # a token, looking at models, at a job: free
            token = {"access_token": KEY, "expires_in": 3600, "token_type": "Bearer"}
            free = {"data": [], "ret": "0", "object": "list"} if b"get_history" not in head else {"ret": "0", "data": {}}
            self._whole(writer, 200, json.dumps(token if head.startswith(b"POST /token") else free), "application/json")
            await writer.drain()
            return True
        number = int(found[1])
        self.seen[number] += 1
        return await self._play(self.cases[number], reader, writer)

    def _whole(self, writer: asyncio.StreamWriter, status: int, body: str, kind: str, wait: str = "") -> None:
        data = body.encode()
        more = f"Retry-After: {wait}\r\n" if wait else ""
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode() + data)

    async def _play(self, case: Case, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        fault, json_type = case.fault, "application/json"
        half = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"data": ['
        match fault.kind:
            case "status":
                bodies = {
                    "own": (own_form(case.provider, fault.status), json_type),
                    "page": (f"<html><head><title>{fault.status}</title></head><body>proxy {KEY}</body></html>", "text/html"),
                    "empty": ("", "text/plain"),
                    "foreign": (json.dumps({"message": f"upstream failed for {KEY}", "request_id": "1"}), json_type),
                }
                self._whole(writer, fault.status, *bodies[fault.form], fault.wait)
            case "204":
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            case "empty_200":
                self._whole(writer, 200, "", json_type)
            case "broken_json":
                self._whole(writer, 200, '{"data": [{"b64_json": ', json_type)
            case "page_200":
                self._whole(writer, 200, "<html><body>Log in</body></html>", "text/html")
            case "null":
                self._whole(writer, 200, "null", json_type)
            case "list":
                self._whole(writer, 200, "[]", json_type)
            case "truncated":
                writer.write(half)
                await writer.drain()
                return False
            case "nothing":
                return False
            case "reset":
                writer.transport.abort()
                return False
            case "reset_after_headers" | "reset_midway":
                writer.write(half if fault.kind == "reset_midway" else half.partition(b"{")[0])
                await writer.drain()
                writer.transport.abort()
                return False
            case "hang" | "hang_after_headers" | "drip":
                if fault.kind != "hang":
                    writer.write(half)
                if fault.kind == "drip":
                    writer.write(b" ")
                await writer.drain()
                self.clock.end(case.number)
                # Until the other side is gone; it sends nothing more.
                await reader.read()
                return False
        await writer.drain()
        return True


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no case wait, nor learn from the refusals of another: what a home keeps of them is test_rates.py's."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setitem(retry.retrying.__kwdefaults__, "sleep", at_once)  # type: ignore[arg-type]
    monkeypatch.setattr(retry, "pace_in_force", Pace)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(asyncio, "timeout", made.timeout)
    return made


def environ_at(url: str, home: Path, provider: str) -> Mapping[str, str]:
    """Return an environment whose services are all at one URL, with the connection that a provider's name stands for."""
    endpoints = home / f"{provider}.toml"
    endpoints.write_text(
        f'[garage]\nbase_url = "{url}/v1"\nkey_variable = "GARAGE_KEY"\nask_model = "seeing"\nimage_model = "flux"\n'
        'images = "images"\nedits = true\nbilled = true\n',
        encoding="utf-8",
    )
    environ = {
        **{f"{name}_API_KEY": KEY for name in ("OPENAI", "OPENROUTER", "GEMINI", "ARK")},
        "GARAGE_KEY": KEY,
        "JIMENG_API_TOKEN": KEY,
        "FAL_KEY": KEY,
        "FAL_BASE_URL": url,
        "NOTEBOOK_IMG_HOME": str(home),
        "NOTEBOOK_IMG_ENDPOINTS": str(endpoints),
        "NOTEBOOK_IMG_RETRIES": str(TRIES - 1),
        "NOTEBOOK_IMG_RETRY_SECONDS": "60",
        "NOTEBOOK_IMG_BUDGET": "1000000",
        "NOTEBOOK_IMG_TIMEOUT": str(SECONDS),
        "VISION_TIMEOUT": str(SECONDS),
        "JIMENG_POLL": "0.01",
        "FAL_POLL": "0.01",
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENROUTER_BASE_URL": f"{url}/v1",
        "GOOGLE_GEMINI_BASE_URL": url,
        "ARK_BASE_URL": f"{url}/api/v3",
        "JIMENG_BASE_URL": url,
        "JIMENG_UPLOAD_URL": url,
    }
    if provider == "azure":
        endpoints.write_text('[azure.deployments]\npainter = "gpt-image-2.6-sunburst"\nreader = "gpt-6.1-terra"\n')
        environ |= {"AZURE_OPENAI_ENDPOINT": url, "AZURE_OPENAI_API_KEY": KEY, "NOTEBOOK_IMG_OPENAI_CONNECTION": "azure"}
    if provider == "google-cloud":
        environ |= {
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_CLOUD_PROJECT": "picture-lab",
            "GOOGLE_VERTEX_BASE_URL": url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(account_file(home, url)),
        }
    return environ


def wrong_with(case: Case, error: BaseException | None, seen: int, rows: list[Any], turns: int) -> str:
    """Return what is not as it should be; an empty string where all is."""
    said = "".join(traceback.format_exception(error)) + repr(getattr(error, "__dict__", "")) if error else ""
    expected = kinds_expected(case)
    if not isinstance(error, expected):
        return f"{type(error).__name__} in place of {' or '.join(kind.__name__ for kind in expected)}: {error}"
    if not 1 <= seen <= requests_allowed(case):
        return f"asked {seen} times, not {requests_allowed(case)}"
    if KEY in said or KEY[:12] in said or KEY[-12:] in said:
        return "shows the key"
    if turns:
        return "left a turn"
    if [(row.state, row.cost) for row in rows] != ([("failed", 0.0)] if is_free(case) else [("unknown", rows[0].estimate)] if rows else []):
        return f"booked {[(row.state, row.cost) for row in rows]}"
    return ""


def cases_of(provider: str) -> list[Case]:
    kinds = KINDS[provider]
    whole = [*product(kinds, FAULTS), *((kinds[at % len(kinds)], fault) for at, fault in enumerate(RARE))]
    return [Case(at, provider, kind, fault) for at, (kind, fault) in enumerate(whole, 1)]


def test_the_matrix_is_large() -> None:
    count = sum(len(cases_of(provider)) for provider in KINDS)
    print(f"{count} cases of the fault matrix")
    assert count > 2000


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("provider", KINDS)
async def test_every_fault_is_the_right_error_and_the_right_booking(provider: str, home: Path, clock: Clock) -> None:
    server, cases = Server(clock), cases_of(provider)
    server.cases = {case.number: case for case in cases}
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0, limit=2**22)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    studio = ni.Studio(settings=ni.Settings(environ_at(url, home, provider)))
    given, gate, wrong = picture((64, 64)), asyncio.Semaphore(12), []

    async def one(case: Case) -> None:
        call = make_call(
            case.kind,  # type: ignore[arg-type]
            f"case-{case.number}- a fox",
            None if case.kind == "generate" else given,
            {"model": MODELS[provider][case.kind]},
        )
        async with gate:
            error: BaseException | None = None
            clock.case.set(case.number)
            name = f"case-{case.number}"
            session = studio.session(name)
            try:
                await studio.run_async(session, call)
            except Exception as caught:
                error = caught
            if problem := wrong_with(case, error, server.seen[case.number], studio.store.spend_rows(session=name), len(session.turns)):
                wrong.append(f"{case}: {problem}"[:400])

    try:
        await asyncio.gather(*map(one, cases))
    finally:
        studio.close()
        listening.close()
        await server.close()
    print(f"{len(cases)} cases with {provider}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:12])
