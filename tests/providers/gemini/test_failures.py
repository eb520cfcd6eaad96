"""What goes wrong on the way: keys, limits, overload, time, models and networks."""

from __future__ import annotations

import socket
import traceback

import pytest

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    NoPictureError,
    OverloadedError,
    RateLimitError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
)
from notebook_img.keys import scrubbed
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.providers.gemini.failures import words
from notebook_img.providers.interface import Request, WaitEvent
from notebook_img.settings import Settings
from tests.providers.gemini.conftest import KEY, PICTURES, png

HISTORIES = pytest.mark.parametrize("history", ["window", "server"])


def holds_no_key(error: BaseException) -> bool:
    text = "".join(traceback.format_exception(error)) + repr(vars(error))
    return not any(KEY[at : at + 8] in text for at in range(len(KEY) - 7))


@HISTORIES
async def test_a_wrong_key(history, run, service):
    service.control(key="another one")
    with pytest.raises(AuthenticationError, match="keys set gemini") as caught:
        await run("generate", "a fox", history=history)
    assert holds_no_key(caught.value)
    assert len(service.requests()) == 1


@HISTORIES
@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_the_service_quotes_is_not_quoted_by_us(status, history, run, service):
    service.control({"kind": "reply", "reply": "bad_key", "status": status, "echo": True})
    with pytest.raises(AuthenticationError) as caught:
        await run("generate", "a fox", history=history)
    assert caught.value.status == status
    assert holds_no_key(caught.value)


async def test_a_quoted_key_is_taken_out_of_other_errors_too(run, service):
    service.control({"kind": "status", "status": 400, "message": f"consumer {KEY} / {KEY[:10]}... did something odd"})
    with pytest.raises(RequestRefusedError, match="did something odd") as caught:
        await run("generate", "a fox")
    assert holds_no_key(caught.value)


async def test_of_two_keys_in_the_environment_the_one_the_sdk_prefers_is_used(service, settings, monkeypatch, caplog):
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", "not this one")
    provider = GeminiProvider(Settings({**settings.environ, "GEMINI_API_KEY": "not this one", "GOOGLE_API_KEY": KEY}))
    await provider.run(Request("generate", "a fox", PICTURES), lambda _: None)
    await provider.aclose()
    assert service.requests()[0]["headers"]["x-goog-api-key"] == KEY
    assert "Both" not in caplog.text


def test_pieces_of_a_key_are_recognised():
    assert scrubbed("key AIzaSy... and ...lmnop", "AIzaSy-0123-lmnop") == "key [key]... and ...lmnop"
    assert scrubbed("AIzaSy-0123-lmnop", "AIzaSy-0123-lmnop") == "[key]"
    assert scrubbed("nothing of the kind", "AIzaSy-0123-lmnop") == "nothing of the kind"
    assert words("<html><title>502 Bad\nGateway</title>", "") == "an HTML page (502 Bad Gateway)"


@HISTORIES
async def test_a_retired_model_names_the_current_ones(history, run):
    with pytest.raises(ModelNotFoundError, match=r"may be retired.*gemini-nano-banana-2\.1, gemini-3-pro-image") as caught:
        await run("generate", "a fox", model="gemini-3-pro-image-preview", history=history)
    assert caught.value.status == 404


@HISTORIES
@pytest.mark.parametrize("status", [500, 503])
async def test_overload_is_waited_out_and_told(status, history, run, service):
    service.control({"kind": "status", "status": status, "times": 2})
    reply = await run("generate", "a fox", history=history)
    assert len(reply.pictures) == 1
    assert [event.attempt for event in run.events if isinstance(event, WaitEvent)] == [1, 2]
    assert len(service.requests()) == 3, "the SDK's own retries are off"


async def test_overload_that_stays(run, service, settings):
    settings.set("retries", 2)
    service.control({"kind": "status", "status": 503, "times": -1})
    with pytest.raises(OverloadedError, match=r"\(HTTP 503\): scripted fault\. Tried 3 times\."):
        await run("generate", "a fox")
    assert len(service.requests()) == 3


@HISTORIES
async def test_a_rate_limit_is_waited_for_as_long_as_retry_after_says(history, run, service):
    service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "0.4"}})
    await run("generate", "a fox", history=history)
    (event,) = run.events
    assert 0.4 <= event.seconds <= 0.45
    first, second = service.requests()
    assert second["started"] - first["ended"] >= 0.39


@HISTORIES
async def test_retry_info_is_honoured_like_retry_after(history, run, service):
    service.control({"kind": "reply", "reply": "quota", "seconds": 0.4})
    await run("generate", "a fox", history=history)
    assert 0.4 <= run.events[0].seconds <= 0.45


async def test_a_rate_limit_without_a_time_is_backed_off(run, service):
    service.control({"kind": "reply", "reply": "quota", "times": 2})
    await run("generate", "a fox")
    assert len(run.events) == 2


async def test_a_wait_that_is_too_long_gives_up_at_once(run, service):
    service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "600"}})
    with pytest.raises(RateLimitError, match="asks to wait 10 minutes"):
        await run("generate", "a fox")
    assert run.events == []


async def test_a_used_up_day_is_told_from_a_rate_limit(run, service):
    service.control({"kind": "reply", "reply": "quota", "per_day": True, "seconds": 1})
    with pytest.raises(RateLimitError, match="day's Gemini quota") as caught:
        await run("generate", "a fox")
    assert caught.value.daily
    assert len(service.requests()) == 1


async def test_a_plan_without_pictures_is_said_to_be_one(run, service):
    service.control({"kind": "reply", "reply": "quota", "limit": 0, "seconds": 1})
    with pytest.raises(RateLimitError, match="has no quota for"):
        await run("generate", "a fox")
    assert len(service.requests()) == 1


@HISTORIES
async def test_a_reply_that_does_not_come_is_not_asked_for_again(history, run, service, settings):
    settings.set("timeout", 1)
    service.control({"kind": "hang"})
    with pytest.raises(ReplyTimeoutError, match="no whole answer in time"):
        await run("generate", "a fox", history=history)
    service.wait_for(lambda rows: [row["state"] for row in rows] == ["client left"])


async def test_a_reply_that_never_ends_is_a_time_out_too(run, service, settings):
    settings.set("timeout", 1)
    service.control({"kind": "hang_after_headers"})
    with pytest.raises(ReplyTimeoutError):
        await run("generate", "a fox")


@HISTORIES
async def test_no_connection_is_tried_again_and_then_said(history, home, service):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    events: list[WaitEvent] = []
    provider = GeminiProvider(Settings({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}, home=home, retries=2))
    with pytest.raises(UnreachableError, match=r"nothing was sent.*Tried 3 times"):
        await provider.run(Request("generate", "a fox", PICTURES, history=history), events.append)
    assert len(events) == 2


@HISTORIES
async def test_a_cut_connection_is_not_asked_again(history, run, service):
    service.control({"kind": "cut"})
    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        await run("generate", "a fox", history=history)
    assert len(service.requests()) == 1


@HISTORIES
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 504},
        {"kind": "html", "status": 500},
        {"kind": "html", "status": 503},
    ],
)
async def test_what_may_have_been_billed_is_not_asked_again(history, fault, run, service):
    service.control({**fault, "times": -1})
    with pytest.raises((BadReplyError, ReplyTimeoutError), match="may have been billed") as caught:
        await run("generate", "a fox", history=history)
    assert caught.value.billed == "maybe"
    assert len(service.requests()) == 1


@HISTORIES
async def test_json_that_breaks_off(history, run, service):
    service.control({"kind": "malformed"})
    with pytest.raises(BadReplyError, match="cannot be read"):
        await run("generate", "a fox", history=history)


async def test_an_invalid_request_is_told_in_the_services_words(run):
    with pytest.raises(RequestRefusedError, match="image_size must be one of") as caught:
        await run("generate", "a fox", size="8K")
    assert caught.value.status == 400


async def test_too_many_pictures_for_the_service(run):
    with pytest.raises(RequestRefusedError, match="At most 14"):
        await run("edit", "all of them", png(), references=tuple(png(colour=(n, n, n)) for n in range(15)))


async def test_a_redirect_is_not_followed_with_the_key(run, service):
    service.control({"kind": "redirect", "location": f"{service.url}/elsewhere"})
    with pytest.raises(RequestRefusedError, match="HTTP 302"):
        await run("generate", "a fox")
    assert [row["path"] for row in service.requests()] == [f"/v1/models/{PICTURES}:generateContent"]


@pytest.mark.parametrize("violations", [None, 5, [None, 5], {}])
async def test_a_rate_limit_with_odd_details_is_still_a_rate_limit(violations, run, service, settings):
    settings.set("retries", 0)
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}
    service.control({"kind": "status", "status": 429, "body": {"error": {"code": 429, "message": "slow down", "details": [detail]}}})
    with pytest.raises(RateLimitError, match="slow down") as caught:
        await run("generate", "a fox")
    assert not caught.value.daily


async def test_a_wait_without_end_counts_as_none(run, service):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{'9' * 400}s"}]
    service.control({"kind": "status", "status": 429, "body": {"error": {"code": 429, "message": "slow down", "details": details}}})
    assert (await run("generate", "a fox")).pictures
    assert run.events[0].seconds < 1


async def test_halves_of_characters_in_an_error_do_not_get_into_its_message(run, service):
    service.control({"kind": "status", "status": 400, "body": '{"error": {"code": 400, "message": "bad \\ud83d prompt"}}'})
    with pytest.raises(RequestRefusedError, match=r"bad \? prompt") as caught:
        await run("generate", "a fox")
    assert str(caught.value).encode()


def info(reason: str) -> dict:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


REFUSED = [
    ("Your API key was reported as leaked. Please use another API key.", "", "it was reported as leaked, so Google has blocked it"),
    (
        "Generative Language API has not been used in project 123 before or it is disabled.",
        "",
        "not enabled in the key's Google Cloud project",
    ),
    ("Not allowed.", "SERVICE_DISABLED", "not enabled in the key's Google Cloud project"),
    ("Requests to this API are blocked.", "API_KEY_SERVICE_BLOCKED", "restricted to other APIs"),
    ("The provided API key has an IP address restriction.", "API_KEY_IP_ADDRESS_BLOCKED", "restricted to other IP addresses"),
    ("Requests from referer <empty> are blocked.", "API_KEY_HTTP_REFERRER_BLOCKED", "restricted to web pages"),
    ("Permission denied: Consumer has been suspended.", "CONSUMER_SUSPENDED", "its Google Cloud project is suspended"),
    (f"The caller with {KEY} may not use this.", "", "The caller with [key] may not use this"),
]


@pytest.mark.parametrize(("message", "reason", "said"), REFUSED)
async def test_a_refusal_with_403_says_why(message, reason, said, run, service):
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": message, "details": [info(reason)] if reason else []}}
    service.control({"kind": "status", "status": 403, "body": body})
    with pytest.raises(AuthenticationError) as caught:
        await run("generate", "a fox")
    assert said in str(caught.value)
    assert caught.value.billed == "no"
    assert holds_no_key(caught.value)


@pytest.mark.parametrize(("code", "kind"), [(403, AuthenticationError), (400, RequestRefusedError), (404, ModelNotFoundError)])
async def test_an_error_in_an_answer_of_status_200_is_that_error(code, kind, run, service):
    body = {"error": {"code": code, "status": "ODD", "message": "the project has no such luck"}}
    service.control({"kind": "status", "status": 200, "body": body})
    with pytest.raises(kind) as caught:
        await run("generate", "a fox")
    assert code == 404 or "no such luck" in str(caught.value)


@pytest.mark.parametrize("version", ["v1beta", "v1"])
async def test_a_base_url_may_end_with_the_version(version, service, home):
    provider = GeminiProvider(
        Settings({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": f"{service.url}/{version}/", "NOTEBOOK_IMG_HOME": str(home)})
    )
    try:
        assert (await provider.run(Request("generate", "a fox", "gemini-nano-banana-2.1"), lambda _event: None)).pictures
    finally:
        await provider.aclose()
    assert service.requests()[0]["path"] == f"/{version}/models/gemini-nano-banana-2.1:generateContent"


async def test_megabytes_of_words_are_read_once_and_quoted_briefly(run, service):
    body = {"candidates": [{"content": {"role": "model", "parts": [{"text": "x" * 5_000_000}]}, "finishReason": "STOP"}]}
    service.control({"kind": "status", "status": 200, "body": body})
    with pytest.raises(NoPictureError) as caught:
        await run("generate", "a fox")
    assert len(str(caught.value)) < 600
    assert len(caught.value.text) == 5_000_000, "what was paid for is kept"


def test_a_megabyte_is_scrubbed_by_a_search_for_each_piece_of_the_key():
    text = f"{'x' * 1_000_000} {KEY} {KEY[:9]} sk-***** {'y' * 1_000_000}"
    searched: list[str] = []

    class Text(str):
        __slots__ = ()

        def find(self, piece, *place):
            searched.append(piece)
            return super().find(piece, *place)

    assert scrubbed(Text(text), KEY) == f"{'x' * 1_000_000} [key] [key] [key] {'y' * 1_000_000}"
    assert len(searched) < 200
