"""Plain HTTP of the providers without an SDK: no cookie jar, nothing followed blindly, faults as errors of ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from notebook_img.errors import BadReplyError, ReplyTimeoutError, RequestRefusedError, UnreachableError, UsageError
from notebook_img.providers.received import retry_after
from notebook_img.providers.transport import Transport
from notebook_img.settings import Settings
from tests.emulators.dripping import dripping


@pytest.fixture
def ark(start_emulator):
    return start_emulator("ark")


@pytest.fixture
async def transport():
    made = Transport(Settings(timeout=5, max_bytes=1_000_000, environ={}), provider="ark", title="Ark")
    yield made
    await made.aclose()


async def test_a_cookie_that_is_set_is_never_sent_back(start_emulator, transport):
    jimeng = start_emulator("jimeng")
    jimeng.control({"kind": "status", "status": 200, "headers": {"Set-Cookie": "a=b; Path=/"}, "times": 2})
    for _ in range(2):
        await transport.send("GET", f"{jimeng.url}/x", headers={})
    assert all("cookie" not in row["headers"] for row in jimeng.requests())


async def test_a_redirect_is_an_answer_not_a_way(ark, transport):
    ark.control({"kind": "redirect", "location": "https://example.org/"})
    answer = await transport.send("GET", f"{ark.url}/x", headers={"Authorization": "Bearer secret"})
    assert answer.status == 302


async def test_a_result_larger_than_the_limit_is_not_read_on(ark, transport, monkeypatch):
    monkeypatch.setattr("notebook_img.providers.transport.MOST_REPLY_BYTES", 1_000_000)
    ark.control({"kind": "status", "status": 200, "body": "x" * 1_500_000})
    with pytest.raises(BadReplyError, match="more than 1 MB"):
        await transport.download(f"{ark.url}/results/big", own=(ark.url,))


async def test_a_result_that_redirects_for_ever_is_given_up(ark, transport):
    ark.control({"kind": "redirect", "location": f"{ark.url}/results/again", "times": -1})
    with pytest.raises(BadReplyError, match="redirects more than 5 times"):
        await transport.download(f"{ark.url}/results/x", own=(ark.url,))
    assert len(ark.requests("/results/")) == 6


async def test_a_private_address_is_opened_only_on_the_configured_host(ark, transport):
    with pytest.raises(BadReplyError, match="not https"):
        await transport.download(f"{ark.url}/results/x", own=("https://ark.example/api/v3",))
    assert not ark.requests()


async def test_an_answer_that_trickles_meets_the_time_limit_too(ark, transport):
    ark.control({"kind": "hang_after_headers"})
    with pytest.raises(ReplyTimeoutError):
        await transport.send("GET", f"{ark.url}/x", headers={}, timeout=0.5)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("where", ["body", "headers", "redirects"])
async def test_a_result_that_drips_meets_the_time_limit_too(where):
    with dripping(where, every=0.3 if where == "redirects" else 0.02) as server:
        transport = Transport(Settings(timeout=1, environ={}), provider="ark", title="Ark")
        with pytest.raises(ReplyTimeoutError):
            await transport.download(f"{server.url}/results/x", own=(server.url,))
        await transport.aclose()
        assert server.left.wait(5)


@pytest.mark.parametrize("url", ["ftp://x/", "no url at all", "http://[::1"])
async def test_a_base_url_that_is_none_is_said(transport, url):
    with pytest.raises(UsageError, match="base URL"):
        await transport.send("GET", url, headers={})


async def test_a_closed_port_is_unreachable_and_nothing_was_sent(transport):
    sent = []
    with pytest.raises(UnreachableError, match="nothing was sent"):
        await transport.send("POST", "http://127.0.0.1:9/", headers={}, content=b"x", on_sent=lambda: sent.append(1))
    assert not sent


@pytest.mark.parametrize("value", ["Bearer first-half\nsecond-half", "Bearer käse-half"])
async def test_a_header_that_cannot_be_sent_is_never_quoted(ark, transport, value):
    with pytest.raises(RequestRefusedError, match="nothing was sent") as caught:
        await transport.send("POST", f"{ark.url}/x", headers={"Authorization": value}, content=b"x")
    assert "half" not in str(caught.value)
    assert "billed" not in str(caught.value)
    assert not ark.requests()


@pytest.mark.parametrize("permit", ["half\nhalf", "käse-half"])
async def test_a_permit_of_a_service_that_cannot_be_sent_is_a_bad_reply(ark, transport, permit):
    with pytest.raises(BadReplyError, match="Nothing was sent") as caught:
        await transport.send_to_named("POST", f"{ark.url}/x", headers={"Authorization": permit}, own=(ark.url,))
    assert "half" not in str(caught.value)
    assert not ark.requests()


async def test_a_connection_that_breaks_is_told_without_the_words_of_the_other_side(ark, transport):
    ark.control({"kind": "cut_midway"})
    with pytest.raises(ReplyTimeoutError, match="broke before its answer was complete"):
        await transport.send("POST", f"{ark.url}/x", headers={}, content=b"x")


async def test_a_result_that_can_never_be_fetched_is_a_bad_reply_after_which_nobody_is_asked(ark):
    transport = Transport(Settings(retries=1, retry_seconds=5, environ={}), provider="ark", title="Ark")
    ark.control({"kind": "status", "status": 503, "path": "/results/", "times": -1})
    with pytest.raises(BadReplyError, match=r"made a picture, but it could not be fetched.*Tried 2 times"):
        await transport.fetch_result(f"{ark.url}/results/x", lambda _event: None, own=(ark.url,))
    await transport.aclose()


def test_another_loop_gets_a_client_of_its_own(ark):
    transport = Transport(Settings(environ={}), provider="ark", title="Ark")

    async def call():
        try:
            return (await transport.send("GET", f"{ark.url}/x", headers={})).status
        finally:
            await transport.aclose()

    assert [asyncio.run(call()) for _ in range(2)] == [404, 404]


def test_retry_after_is_read_as_seconds_and_as_a_date():
    assert retry_after({"retry-after": "7"}) == 7
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < retry_after({"retry-after": soon}) <= 60
    assert retry_after({"retry-after": "whenever"}) is None
    for text in ("nan", "inf", "1e999", "9" * 500, "Mon, 01 Jan 0001 00:00:00 +2359"):
        assert retry_after({"retry-after": text}) in {None, 0.0}
    assert retry_after({}) is None


@pytest.mark.parametrize("module", ["ark", "jimeng"])
def test_importing_a_provider_loads_no_http_client_and_no_signer(module):
    code = f"import sys, notebook_img.providers.{module}; print(*sorted({{'httpx', 'botocore', 'PIL', 'numpy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
