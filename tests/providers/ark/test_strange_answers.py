"""Strange answers of Ark: a picture that was paid for is kept, nothing is paid twice, and what a call cost is told only where it is known."""

from __future__ import annotations

import base64
import json

import pytest

from notebook_img.errors import BadReplyError, JobPendingError, RefusedError, ReplyTimeoutError, RequestRefusedError, UnsupportedError
from notebook_img.pictures import Picture
from notebook_img.providers.ark import ArkProvider
from notebook_img.providers.ark.models import row_of
from notebook_img.providers.ark.sizes import size_for
from tests.providers.ark.conftest import KEY, LITE, Talk, picture, settings

DATA = base64.b64encode(picture().data).decode()
DONE = '{"type": "image_generation.completed", "usage": {"generated_images": 2}}'
DEEP = "[" * 200_000


def answers(ark, *bodies: str, usage: str = '{"generated_images": 1}', status: int = 200) -> None:
    """Let Ark answer with these bodies; where none is given, with one good picture and `usage`."""
    whole = bodies or (f'{{"data": [{{"b64_json": "{DATA}"}}], "usage": {usage}}}',)
    ark.control(*({"kind": "status", "status": status, "body": body} for body in whole))


def streams(ark, *events: str, before: str = "") -> None:
    body = before + "".join(f"data: {event}\n\n" for event in events)
    ark.control({"kind": "status", "status": 200, "body": body, "headers": {"Content-Type": "text/event-stream"}})


def succeeded(index: int, **facts: str) -> str:
    return json.dumps({"type": "image_generation.partial_succeeded", "image_index": index, **(facts or {"b64_json": DATA})})


def error_event(code: str) -> str:
    return json.dumps({"type": "error", "error": {"code": code, "message": "busy"}})


def calls(ark) -> int:
    return len(ark.requests("generations"))


@pytest.mark.parametrize(
    "usage",
    [
        *("null", "5", "[]", '{"generated_images": NaN}', '{"generated_images": 1e999}', '{"generated_images": -3}'),
        *('{"generated_images": "1"}', '{"output_tokens": Infinity}', f'{{"output_tokens": {"9" * 400}}}'),
    ],
)
async def test_a_count_that_is_none_costs_no_picture(ark, talk, usage):
    answers(ark, usage=usage)
    reply = await talk()
    assert reply.pictures == (picture().data,)
    assert (reply.usage.pictures, reply.usage.output_tokens, reply.cost) == (1, None, 0.035)
    json.dumps(reply.got, allow_nan=False)


@pytest.mark.parametrize("body", [DEEP, '{"data": ' + DEEP, "null", "zz", '{"data": 5}'])
async def test_an_answer_that_cannot_be_read_may_have_been_billed(ark, talk, body):
    answers(ark, body)
    with pytest.raises(BadReplyError) as caught:
        await talk()
    assert (caught.value.cost, caught.value.usage) == (None, None)
    assert calls(ark) == 1


async def test_one_answer_nested_without_end_leaves_the_other_pictures(ark, talk):
    answers(ark, DEEP)
    reply = await talk(model="seedream-5.0-pro", count=2, size="1K")
    assert len(reply.pictures) == 1
    assert "1 of 2 pictures is missing" in reply.warnings[0]


@pytest.mark.parametrize("event", [DEEP, "null", '{"type": "image_generation.completed", "usage": {"generated_images": NaN}}'])
async def test_a_strange_event_after_a_picture_keeps_it(ark, talk, event):
    streams(ark, succeeded(0), succeeded(1), event)
    assert len((await talk(count=2)).pictures) == 2
    assert calls(ark) == 1


async def test_a_stream_may_begin_with_a_byte_order_mark(ark, talk):
    streams(ark, succeeded(0), succeeded(1), DONE, "[DONE]", before="\ufeff")
    assert len((await talk(count=2)).pictures) == 2
    assert calls(ark) == 1, "no picture was lost, so none was asked for again"


@pytest.mark.parametrize("code", ["ServerOverloaded", "RateLimitExceeded"])
async def test_a_group_is_not_paid_again_when_its_first_picture_cannot_be_fetched(ark, talk, code):
    streams(ark, succeeded(0, url=f"{ark.url}/results/gone.jpeg"), error_event(code))
    with pytest.raises(JobPendingError, match="expired or is refused"):
        await talk(count=2)
    assert calls(ark) == 1


async def test_a_group_whose_first_picture_was_refused_is_not_paid_again(ark, talk):
    refused = {"type": "image_generation.partial_failed", "error": {"code": "OutputImageRiskDetection", "message": "no"}}
    streams(ark, json.dumps(refused), error_event("ServerOverloaded"))
    with pytest.raises(RefusedError):
        await talk(count=2)
    assert calls(ark) == 1


async def test_a_group_that_was_turned_away_before_its_first_picture_is_asked_again(ark, talk):
    streams(ark, error_event("ServerOverloaded"))
    assert len((await talk(count=2)).pictures) == 2
    assert calls(ark) == 2


async def test_a_picture_that_can_never_be_fetched_is_paid_all_the_same(ark):
    provider = ArkProvider(settings(ark.url, retries=1))
    ark.control({"kind": "status", "status": 503, "path": "/results/", "times": -1})
    with pytest.raises(JobPendingError, match="made a picture, but it could not be fetched") as caught:
        await Talk(provider)()
    assert caught.value.cost == 0.035
    assert (calls(ark), len(ark.requests("/results/"))) == (1, 2)
    await provider.aclose()


@pytest.mark.parametrize("fault", ["hang", "cut", "cut_midway", "malformed"])
async def test_what_a_broken_call_cost_is_unknown_not_nothing(ark, fault):
    provider = ArkProvider(settings(ark.url, timeout=1))
    ark.control({"kind": fault})
    with pytest.raises((ReplyTimeoutError, BadReplyError)) as caught:
        await Talk(provider)()
    assert (caught.value.cost, caught.value.usage) == (None, None)
    await provider.aclose()


async def test_a_call_that_may_have_been_billed_speaks_for_those_that_were_not(ark):
    provider = ArkProvider(settings(ark.url, retries=0))
    ark.control({"kind": "status", "status": 429}, {"kind": "cut"}, {"kind": "status", "status": 503})
    with pytest.raises(ReplyTimeoutError):
        await Talk(provider)(model="seedream-5.0-pro", count=3, size="1K")
    await provider.aclose()


async def test_a_piece_of_the_key_is_not_repeated_either(ark, talk):
    said = {"error": {"code": f"Odd.{KEY[:16]}", "message": f"the header 'Bearer {KEY[:-3]}' ends in {KEY[-8:]}"}}
    answers(ark, json.dumps(said), status=400)
    with pytest.raises(RequestRefusedError, match=r"'Bearer \[key\]' ends in \[key\]") as caught:
        await talk()
    assert not [at for at in range(len(KEY) - 8) if KEY[at : at + 8] in f"{caught.value}{vars(caught.value)}"]


@pytest.mark.parametrize(("model", "sent"), [("seededit-3.0", ("image/png", "image/jpeg")), (LITE, ("image/webp",))])
async def test_a_webp_goes_only_to_models_that_take_one(ark, talk, model, sent):
    from notebook_img.pictures import load

    webp = Picture(picture(form="WEBP").data)
    assert len((await talk(model=model, kind="edit", inputs=(webp,))).pictures) == 1
    body = json.loads(ark.body(ark.requests("generations")[0]["number"]))
    head, _, data = body["image"].partition(",")
    assert head.removeprefix("data:").partition(";")[0] in sent
    assert load(base64.b64decode(data)).size == webp.size


@pytest.mark.parametrize("size", ["256x1024", "1024x511"])
def test_the_3_0_model_takes_sides_of_512_and_more(size):
    with pytest.raises(UnsupportedError, match="512 pixels and more"):
        size_for(row_of("seedream-3.0"), size=size, aspect_ratio=None, first_input=None)


async def test_a_size_below_the_least_is_refused_before_anything_is_sent(ark, talk):
    with pytest.raises(UnsupportedError, match="512 pixels and more"):
        await talk(model="seedream-3.0", size="256x1024")
    assert not ark.requests()
