"""What Ark answers: pictures, groups that partly fail, streams that break, and refusals."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from PIL import Image

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    JobPendingError,
    KeyMissingError,
    ModelNotFoundError,
    NoPictureError,
    OverloadedError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    RequestRefusedError,
    UnreachableError,
    UnsupportedError,
)
from notebook_img.providers.ark import ArkProvider
from notebook_img.providers.interface import PartialEvent, Provider, Request, SubmittedEvent, WaitEvent
from notebook_img.settings import Settings
from tests.providers.ark.conftest import KEY, LITE, Talk, picture, settings

PRO = "doubao-seedream-5-0-pro-260628"


def test_it_is_a_provider():
    assert isinstance(ArkProvider(Settings(environ={})), Provider)


async def test_the_bytes_are_kept_as_delivered_and_fetched_without_the_key(ark, talk):
    reply = await talk(size="2K")
    assert Image.open(io.BytesIO(reply.pictures[0])).size == (2048, 2048)
    (fetched,) = ark.requests("/results/")
    assert "authorization" not in fetched["headers"]
    assert "cookie" not in fetched["headers"]
    assert (reply.usage.pictures, reply.cost) == (1, 0.035)


async def test_a_group_is_one_streamed_request_and_each_picture_shows_when_it_comes(ark, talk):
    reply = await talk("three foxes", count=3, wants_partials=True)
    (row,) = ark.requests("generations")
    assert row["body"]["sequential_image_generation_options"] == {"max_images": 3}
    assert row["body"]["stream"] is True
    assert [event.data for event in talk.told(PartialEvent)] == list(reply.pictures)
    assert len(set(reply.pictures)) == 3
    assert reply.cost == pytest.approx(0.105)


async def test_nobody_watching_gets_no_partial_pictures(ark, talk):
    reply = await talk(count=2)
    assert len(reply.pictures) == 2
    assert not talk.told(PartialEvent)


async def test_a_group_that_partly_fails_keeps_the_good_pictures_and_says_which_are_missing(ark, talk):
    ark.control({"kind": "reply", "reply": "partial_failure", "missing": [1]})
    reply = await talk(count=4)
    assert len(reply.pictures) == 3
    assert reply.warnings[0].startswith("1 of 4 pictures is missing: Ark's moderation refused the picture it made")
    assert reply.cost == pytest.approx(3 * 0.035)
    assert len(ark.requests("generations")) == 1


async def test_a_group_that_came_short_is_filled_up_with_single_requests(ark, talk):
    ark.control({"kind": "reply", "reply": "fewer", "made": 1})
    reply = await talk(count=3)
    assert len(reply.pictures) == 3
    assert [row["body"].get("stream") for row in ark.requests("generations")] == [True, None, None]
    assert reply.usage.pictures == 3


async def test_fourteen_references_leave_no_room_for_a_group(ark, talk):
    reply = await talk(kind="edit", inputs=tuple(picture() for _ in range(14)), count=2)
    assert len(reply.pictures) == 2
    assert all("sequential_image_generation" not in row["body"] for row in ark.requests("generations"))


async def test_a_model_without_groups_is_asked_in_parallel(ark, talk):
    ark.control({"kind": "reply", "reply": "moderated", "code": "OutputImageSensitiveContentDetected"})
    reply = await talk(model=PRO, count=3)
    assert len(reply.pictures) == 2
    assert len(ark.requests("generations")) == 3
    assert "1 of 3 pictures is missing" in reply.warnings[0]


async def test_a_whole_answer_to_a_stream_wish_is_read_too(ark, talk):
    ark.control({"kind": "reply", "reply": "as_json"})
    assert len((await talk(count=2)).pictures) == 2


async def test_a_line_separator_inside_an_event_does_not_break_it(ark, talk):
    ark.control({"kind": "reply", "reply": "unicode"})
    assert len((await talk(count=2)).pictures) == 2


@pytest.mark.parametrize("reply", ["stream_cut", "stream_error", "stream_end"])
async def test_a_stream_that_breaks_keeps_what_came_and_asks_nothing_again(ark, talk, reply):
    ark.control({"kind": "reply", "reply": reply, "after_pictures": 2}, pause=0.1)
    got = await talk(count=4)
    assert len(got.pictures) == (4 if reply == "stream_end" else 2)
    assert len(ark.requests("generations")) == 1
    if reply != "stream_end":
        assert "2 of 4 pictures are missing" in got.warnings[0]


async def test_a_stream_that_breaks_before_the_first_picture_is_not_repeated(ark, talk):
    ark.control({"kind": "reply", "reply": "stream_cut", "after_pictures": 0})
    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        await talk(count=4)
    assert len(ark.requests("generations")) == 1


async def test_pictures_inside_the_answer_are_taken_too(ark, talk):
    ark.control({"kind": "reply", "reply": "b64"})
    assert len((await talk()).pictures) == 1
    assert not ark.requests("/results/")


async def test_a_result_that_is_no_image_is_a_job_that_knows_what_was_billed(ark, talk):
    ark.control({"kind": "reply", "reply": "not_an_image"})
    with pytest.raises(JobPendingError, match="not a usable image") as caught:
        await talk()
    assert caught.value.cost == 0.035
    (event,) = talk.told(SubmittedEvent)
    assert event.state["usage"]["generated_images"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 403, "body": "no"},
        {"kind": "status", "status": 404, "body": "no"},
        {"kind": "html", "status": 200},
        {"kind": "status", "status": 418, "body": "no"},
    ],
)
async def test_a_result_that_cannot_be_fetched_is_a_job_that_any_process_resumes(ark, talk, fault):
    ark.control({**fault, "path": "/results/", "times": -1})
    with pytest.raises(JobPendingError, match="a day"):
        await talk()
    (event,) = talk.told(SubmittedEvent)
    assert KEY not in json.dumps(event.state)
    with pytest.raises(JobPendingError):
        await talk.provider.resume(event.state, lambda _event: None)
    ark.reset()
    (url,) = event.state["urls"]
    assert url.startswith(ark.url)
    with pytest.raises(NoPictureError, match="over"):
        await talk.provider.resume({**event.state, "until": 0}, lambda _event: None)


async def test_a_job_of_ark_is_fetched_once_its_place_answers_again(ark, talk):
    ark.control({"kind": "status", "status": 404, "body": "no", "path": "/results/", "times": 1})
    with pytest.raises(JobPendingError):
        await talk()
    (event,) = talk.told(SubmittedEvent)
    provider = ArkProvider(settings(ark.url))
    reply = await provider.resume(json.loads(json.dumps(event.state)), lambda _event: None)
    await provider.aclose()
    assert Image.open(io.BytesIO(reply.pictures[0])).size
    assert (reply.cost, reply.usage.pictures) == (0.035, 1)
    assert len(ark.requests("generations")) == 1


@pytest.mark.parametrize("lost", ["https://10.0.0.7/a.png", "{ark}/results/none.png"])
async def test_what_can_be_fetched_of_a_job_comes_and_the_place_of_the_rest_is_kept(ark, talk, lost):
    ark.control({"kind": "status", "status": 404, "body": "no", "path": "/results/", "times": 1})
    with pytest.raises(JobPendingError):
        await talk()
    state = talk.told(SubmittedEvent)[0].state
    lost = lost.format(ark=ark.url)
    reply = await talk.provider.resume({**state, "urls": [*state["urls"], lost]}, lambda _event: None)
    assert (len(reply.pictures), reply.got["unfetched"]) == (1, [lost])
    assert reply.warnings[-1] == "1 of 2 pictures could not be fetched."


async def test_a_call_that_is_stopped_while_its_picture_comes_is_a_job(ark, talk):
    ark.control({"kind": "hang", "path": "/results/"})
    task = asyncio.create_task(talk())
    await asyncio.to_thread(ark.wait_for, lambda rows: rows, "/results/")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (event,) = talk.told(SubmittedEvent)
    assert (await talk.provider.resume(event.state, lambda _event: None)).pictures


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/a.png", "not https"),
        ("https://10.0.0.7/a.png", "private network"),
        ("https://[::ffff:169.254.169.254]/latest/meta-data", "private network"),
        ("https://localhost/a.png", "private network"),
        ("file:///etc/passwd", "not https"),
        ("https://", "not https"),
    ],
)
async def test_a_result_elsewhere_must_be_https_and_public(ark, talk, url, words):
    ark.control({"kind": "reply", "reply": "elsewhere", "url": url})
    with pytest.raises(BadReplyError, match=words):
        await talk()


async def test_a_result_that_redirects_to_a_private_address_is_not_followed(ark, talk):
    ark.control({"kind": "redirect", "location": "https://192.168.1.1/a.png", "path": "/results/"})
    with pytest.raises(BadReplyError, match="private network"):
        await talk()


async def test_a_result_is_fetched_again_when_its_host_stumbles_the_paid_call_is_not(ark, talk):
    ark.control(
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}, "path": "/results/"},
        {"kind": "cut", "path": "/results/"},
    )
    assert len((await talk()).pictures) == 1
    assert len(ark.requests("generations")) == 1
    assert len(ark.requests("/results/")) == 3


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("InputTextSensitiveContentDetected", "prompt"),
        ("InputTextRiskDetection", "prompt"),
        ("InputImageSensitiveContentDetected.PrivacyInformation", "input"),
        ("OutputImageRiskDetection", "output"),
    ],
)
async def test_moderation_is_a_refusal_with_its_stage(ark, talk, code, stage):
    ark.control({"kind": "reply", "reply": "moderated", "code": code})
    with pytest.raises(RefusedError) as caught:
        await talk()
    assert (caught.value.stage, caught.value.reason) == (stage, code)
    assert len(ark.requests("generations")) == 1


async def test_an_unknown_model_shows_the_services_words_and_the_current_names(ark, talk):
    with pytest.raises(ModelNotFoundError, match=r"seedream-1-0.*retired.*doubao-seedream-5-0-260128"):
        await talk(model="seedream-1-0")


async def test_a_refused_key_is_not_repeated_in_the_message(ark):
    secret = "wrong-key-9876543210"
    provider = ArkProvider(Settings(ark_base_url=f"{ark.url}/api/v3", environ={"ARK_API_KEY": secret}))
    with pytest.raises(AuthenticationError, match="Ark refused the key") as caught:
        await Talk(provider)()
    assert secret[:6] not in str(caught.value)
    await provider.aclose()


async def test_without_a_key_nothing_is_sent(ark):
    provider = ArkProvider(Settings(ark_base_url=f"{ark.url}/api/v3", environ={}, home=str(ark.url)[-5:]))
    with pytest.raises(KeyMissingError, match="ARK_API_KEY"):
        await Talk(provider)()
    assert not ark.requests()


async def test_overload_is_waited_for_and_shown(ark, talk):
    ark.control(
        {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
    )
    assert len((await talk()).pictures) == 1
    assert len(talk.told(WaitEvent)) == 2


async def test_a_used_up_quota_is_not_retried(ark, talk):
    ark.control({"kind": "status", "status": 429, "body": {"error": {"code": "QuotaExceeded", "message": "free quota used up"}}})
    with pytest.raises(RateLimitError, match="used up") as caught:
        await talk()
    assert caught.value.daily
    assert len(ark.requests()) == 1


@pytest.mark.parametrize("fault", ["hang", "hang_after_headers"])
async def test_no_answer_in_time_is_never_repeated(ark, fault):
    provider = ArkProvider(settings(ark.url, timeout=1))
    ark.control({"kind": fault})
    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        await Talk(provider)()
    assert len(ark.requests("generations")) == 1
    await provider.aclose()


@pytest.mark.parametrize(("fault", "kind"), [("cut", ReplyTimeoutError), ("malformed", BadReplyError), ("empty", BadReplyError)])
async def test_a_broken_answer_is_never_repeated(ark, talk, fault, kind):
    ark.control({"kind": fault})
    with pytest.raises(kind):
        await talk()
    assert len(ark.requests("generations")) == 1


async def test_a_dead_service_is_said_to_be_unreachable():
    provider = ArkProvider(settings("http://127.0.0.1:9", retries=0))
    with pytest.raises(UnreachableError, match="nothing was sent"):
        await Talk(provider)()
    await provider.aclose()


async def test_overload_that_lasts_is_an_error_of_its_own(ark):
    provider = ArkProvider(settings(ark.url, retries=1))
    ark.control({"kind": "status", "status": 503, "headers": {"Retry-After": "0"}, "times": 2})
    with pytest.raises(OverloadedError):
        await Talk(provider)()
    await provider.aclose()


async def test_a_redirected_call_does_not_take_the_key_along(ark, talk):
    ark.control({"kind": "redirect", "location": "https://elsewhere.example/api"})
    with pytest.raises(RequestRefusedError, match="redirects"):
        await talk()


async def test_cancelling_ends_the_request_in_flight(ark, talk):
    ark.control({"kind": "hang"})
    task = asyncio.create_task(talk())
    await asyncio.to_thread(ark.wait_for, lambda rows: rows, "generations")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(ark.wait_for, lambda rows: rows[0]["state"] == "client left", "generations")


async def test_questions_are_not_its_business(talk):
    with pytest.raises(UnsupportedError, match="does not answer questions"):
        await talk(kind="ask")


async def test_a_refused_request_shows_the_services_words(ark, talk):
    ark.control({"kind": "status", "status": 400, "body": {"error": {"code": "InvalidParameter", "message": f"size of {KEY} is bad"}}})
    with pytest.raises(RequestRefusedError, match=r"size of \[key\] is bad"):
        await talk()


async def test_probe_lists_what_the_account_has(ark, talk):
    (sentence,) = await talk.provider.probe()
    assert LITE in sentence


async def test_nothing_that_is_reported_holds_the_key(ark, talk):
    reply = await talk(count=2, kind="edit", inputs=(picture(),))
    assert KEY not in json.dumps([reply.sent, reply.got, reply.warnings])
    assert KEY not in repr(talk.provider.__dict__)


def test_the_estimate_is_the_list_price_or_unknown():
    provider = ArkProvider(Settings(environ={}))
    assert provider.estimate(Request("generate", "x", LITE, count=4)) == 0.14
    assert provider.estimate(Request("edit", "x", "seedream-5.5", inputs=(picture(),), count=2)) == pytest.approx(2 * 0.043)
    assert provider.estimate(Request("generate", "x", "seedream-4.0")) is None
