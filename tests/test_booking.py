"""What is booked for a call that failed: nothing where nothing left or the service said no, the estimate where that is unknown."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.calls.budget import Booking, booking_of
from notebook_img.calls.call import make_call
from notebook_img.errors import (
    BadReplyError,
    NotebookImgError,
    OverloadedError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    UnreachableError,
    UsageError,
)
from notebook_img.providers.interface import WaitEvent
from notebook_img.providers.retry import retrying
from notebook_img.providers.sending import Traffic, mark_sending, watching
from notebook_img.providers.status_table import TABLE, UNBILLED_500, row_for
from tests.emulators.process import Running

KEYS = {"GEMINI_API_KEY": "gemini-key-0123456789", "OPENAI_API_KEY": "test-key-0123456789", "ARK_API_KEY": "ark-test-key-0123456789"}
KEY_OPTION: dict[str, dict[str, Any]] = {
    "gemini": {"key": KEYS["GEMINI_API_KEY"]},
    "openai": {"key": KEYS["OPENAI_API_KEY"]},
    "ark": {"keys": [KEYS["ARK_API_KEY"]]},
}
MODELS = {"gemini": "gemini", "openai": "openai", "ark": "ark"}
PATHS = {"gemini": ("GOOGLE_GEMINI_BASE_URL", ""), "openai": ("OPENAI_BASE_URL", "/v1"), "ark": ("ARK_BASE_URL", "/api/v3")}


@pytest.fixture
def studio_of(
    start_emulator: Callable[..., Running], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[ni.Studio, Running]]]:
    monkeypatch.chdir(tmp_path)
    made: list[ni.Studio] = []

    def new(provider: str, **environ: str) -> tuple[ni.Studio, Running]:
        service = start_emulator(provider)
        service.control(**KEY_OPTION[provider])
        variable, path = PATHS[provider]
        own = {**KEYS, variable: f"{service.url}{path}", "NOTEBOOK_IMG_HOME": str(home), **environ}
        made.append(ni.Studio(settings=ni.Settings(own, timeout=30)))
        return made[-1], service

    yield new
    for studio in made:
        studio.close()


def booked(studio: ni.Studio) -> list[tuple[str, float | None]]:
    return [(row.state, row.cost) for row in studio.store.spend_rows()]


SETUP = {
    "SSL_CERT_FILE": ("/no/such/file.pem", r"SSL_CERT_FILE.*'/no/such/file.pem'"),
    "ALL_PROXY": ("socks5://user:secret-word@127.0.0.1:1", r"ALL_PROXY = 'socks5://127.0.0.1:1'.*socksio"),
}


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("variable", SETUP)
def test_what_is_set_up_wrong_is_named_and_books_nothing(studio_of, monkeypatch: pytest.MonkeyPatch, provider: str, variable: str):
    value, said = SETUP[variable]
    studio, service = studio_of(provider)
    monkeypatch.setenv(variable, value)
    with pytest.raises(NotebookImgError, match=said) as caught:
        studio.generate("a fox", model=MODELS[provider])
    assert "secret-word" not in str(caught.value)
    assert "billed" not in str(caught.value)
    assert {cost for _, cost in booked(studio)} == {0.0}
    assert not service.requests()


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "http://127.0.0.1:99999/v1", "http://[::1", "ftp://127.0.0.1/", "http://me:secret@x"])
def test_a_base_url_that_is_none_is_named_and_books_nothing(studio_of, provider: str, url: str):
    variable = PATHS[provider][0]
    studio, _ = studio_of(provider, **{variable: url})
    with pytest.raises(UsageError, match=variable) as caught:
        studio.generate("a fox", model=MODELS[provider])
    assert "secret" not in str(caught.value)
    assert {cost for _, cost in booked(studio)} <= {0.0}


def test_an_organisation_with_a_line_end_is_named(studio_of, monkeypatch: pytest.MonkeyPatch):
    studio, service = studio_of("openai")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1\r2")
    with pytest.raises(UsageError, match="OPENAI_ORG_ID"):
        studio.generate("a fox", model="openai")
    assert {cost for _, cost in booked(studio)} == {0.0}
    assert not service.requests()


def test_a_picture_at_a_url_needs_certificates_too(studio_of, monkeypatch: pytest.MonkeyPatch):
    studio, _ = studio_of("gemini")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")
    with pytest.raises(UsageError, match=r"https://example\.org/cat\.png.*SSL_CERT_FILE"):
        studio.edit("warmer", "https://example.org/cat.png", model="gemini")


@pytest.mark.parametrize("provider", MODELS)
@pytest.mark.parametrize("status", [429, 503])
def test_stopping_while_waiting_to_ask_again_books_nothing(studio_of, provider: str, status: int):
    studio, service = studio_of(provider)
    service.control({"kind": "status", "status": status, "headers": {"Retry-After": "20"}, "times": -1})
    call = make_call("generate", "a fox", options={"model": MODELS[provider]})

    async def stopped() -> None:
        waiting = threading.Event()
        tell = lambda event: waiting.set() if isinstance(event, WaitEvent) else None  # noqa: E731
        task = asyncio.create_task(studio.run_async(studio.session("fox"), call, tell))
        await asyncio.to_thread(waiting.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stopped())
    until = time.monotonic() + 20
    while booked(studio)[0][0] == "reserved" and time.monotonic() < until:
        time.sleep(0.05)
    assert booked(studio) == [("failed", 0.0)]


# ------------------------------------------------------------------------------------------ the rules themselves


def traffic(*attempts: tuple[bool, bool], told: bool = True) -> Traffic:
    from notebook_img.providers.sending import Attempt

    return Traffic(told, [Attempt(sent, unbilled) for sent, unbilled in attempts])


@pytest.mark.parametrize(
    ("error", "seen", "submitted", "expected"),
    [
        (asyncio.CancelledError(), traffic(), False, Booking("failed", 0.0)),
        (asyncio.CancelledError(), traffic(told=False), False, Booking("unknown", 0.04)),
        (asyncio.CancelledError(), traffic((False, False)), False, Booking("failed", 0.0)),
        (asyncio.CancelledError(), traffic((True, False)), False, Booking("unknown", 0.04)),
        (asyncio.CancelledError(), traffic((True, True)), False, Booking("failed", 0.0)),
        (asyncio.CancelledError(), traffic((True, True), (True, False)), False, Booking("unknown", 0.04)),
        (asyncio.CancelledError(), traffic(), True, Booking("unknown", 0.04)),
        (RuntimeError("a fault of ours"), traffic((False, False)), False, Booking("failed", 0.0)),
        (UsageError("no"), traffic((True, False)), False, Booking("failed", 0.0)),
        (UnreachableError("no"), traffic((False, False)), False, Booking("failed", 0.0)),
        (OverloadedError("no"), traffic((True, True)), False, Booking("failed", 0.0)),
        (OverloadedError("no"), traffic((True, True)), True, Booking("unknown", 0.04)),
        (ReplyTimeoutError("late"), traffic((True, False)), False, Booking("unknown", 0.04)),
        (BadReplyError("odd", billed="no"), traffic((True, True)), False, Booking("failed", 0.0)),
        (BadReplyError("odd", cost=0.01), traffic((True, False)), False, Booking("billed", 0.01, {})),
        (RefusedError("no", stage="prompt", reason="x"), traffic((True, False)), False, Booking("refused", None)),
    ],
)
def test_one_place_decides_what_is_booked(error: BaseException, seen: Traffic, submitted: bool, expected: Booking):
    assert booking_of(error, seen, 0.04, submitted=submitted) == expected


async def test_an_attempt_is_sent_when_its_first_bytes_leave_and_unbilled_when_the_answer_says_so():
    async def call() -> None:
        await mark_sending("connection.connect_tcp.started", None)
        assert not seen.may_be_billed
        await mark_sending("http11.send_request_headers.started", None)
        assert seen.may_be_billed
        raise OverloadedError("busy")

    with watching(told=True) as seen, pytest.raises(OverloadedError):
        await retrying(call, ni.Settings({}, retries=0), lambda _event: None, watched=True)
    assert not seen.may_be_billed


def test_the_table_repeats_only_what_is_known_not_to_be_billed():
    for row in TABLE:
        assert row.repeat == (row.kind in {OverloadedError, RateLimitError})
        assert not (row.repeat and row.billed != "no"), row
        assert row.source
    for provider in ("openai", "gemini", "ark", "jimeng", "garage"):
        for own in (True, False):
            repeated = {status for status in range(300, 1000) if row_for(status, provider=provider, own=own).repeat}
            assert repeated == {429} | ({503} if own else set()) | ({500} if own and provider in UNBILLED_500 else set())
