"""Answers that are not what they should be: a paid one keeps its pictures and words, the others are errors of ours."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from notebook_img.errors import BadReplyError, NoPictureError, ProviderError, RefusedError
from notebook_img.providers.interface import PartialEvent
from tests.providers.openai.conftest import answer, picture, stream_of

PICTURE = base64.b64encode(picture().data).decode()
USAGE = {"input_tokens": 10, "output_tokens": 1056, "total_tokens": 1066, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}
DEEP = "[" * 100_000


def images(data: Any, usage: Any = USAGE) -> dict[str, Any]:
    return answer({"created": 1, "data": data, "usage": usage})


def responded(output: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": output,
        "tools": [],
        **more,
    }


def painting(result: Any) -> dict[str, Any]:
    return {"type": "image_generation_call", "id": "ig", "status": "completed", "result": result}


def chat(message: Any = None, **more: Any) -> dict[str, Any]:
    message = message or {"role": "assistant", "content": "A square."}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage, **more}


def chunk(choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}


BEGIN, END = chunk([{"index": 0, "delta": {"content": "A square."}}]), chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])


# ---------------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": "5", "output_tokens": "many", "total_tokens": []},
        {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_tokens_details": {"text_tokens": "x", "image_tokens": {}}},
        {"input_tokens": float("nan"), "output_tokens": float("inf"), "input_tokens_details": {"text_tokens": float("nan")}},
        {"input_tokens": -7, "output_tokens": 10**400, "total_tokens": 1e308, "output_tokens_details": 5},
        "x",
        5,
    ],
)
async def test_a_picture_is_kept_whatever_stands_where_its_usage_should(openai, service, usage):
    service.control(images([{"b64_json": PICTURE}], usage))
    reply = await openai("generate", "a fox")
    assert len(reply.pictures) == 1
    assert reply.cost is None or 0 <= reply.cost < 1
    assert all(isinstance(count, int) and count >= 0 for count in reply.usage.by_modality.values())


@pytest.mark.parametrize("data", [5, "x", {}, None, [None], [5], [{"b64_json": 5}], [{"url": 7}], [{"b64_json": "abc"}]])
async def test_an_answer_without_a_usable_picture_says_what_it_cost(openai, service, data):
    service.control(images(data))
    with pytest.raises((NoPictureError, BadReplyError)) as caught:
        await openai("generate", "a fox")
    assert caught.value.cost == pytest.approx((10 * 5 + 1056 * 30) / 1e6)
    assert caught.value.usage["total_tokens"] == 1066
    assert len(service.requests("images")) == 1


@pytest.mark.parametrize("partial", [{"b64_json": "abc"}, {"b64_json": None}, {"b64_json": 5}, {}])
async def test_a_partial_picture_that_cannot_be_read_does_not_cost_the_final_one(openai, service, partial):
    early = {"type": "image_generation.partial_image", "partial_image_index": 0}
    good, bad = {**early, "b64_json": PICTURE}, {**early, **partial}
    service.control(stream_of(good, bad, {"type": "image_generation.completed", "b64_json": PICTURE, "usage": USAGE}))
    reply = await openai("generate", "a fox", wants_partials=True)
    assert len(reply.pictures) == 1
    assert len(openai.told(PartialEvent)) == 1


async def test_a_server_that_does_not_stream_pictures_is_understood_also_with_odd_usage(openai, service):
    service.control(images([{"b64_json": PICTURE}], {"input_tokens": "a"}))
    assert len((await openai("generate", "a fox", wants_partials=True)).pictures) == 1


@pytest.mark.parametrize("categories", [5, "violence", {"violence": True}])
async def test_a_refusal_with_odd_details_is_a_refusal(openai, service, categories):
    error = {"code": "moderation_blocked", "message": "No.", "moderation_details": {"categories": categories}}
    service.control({"kind": "status", "status": 400, "body": {"error": error}})
    with pytest.raises(RefusedError):
        await openai("generate", "a fight")


# --------------------------------------------------------------------------------------------------------- responses


async def test_of_two_responses_the_one_that_can_be_read_is_kept(openai, service):
    service.control(answer(responded([painting(PICTURE)])), answer(responded([painting("abc")])))
    reply = await openai("generate", "a fox", history="server", count=2)
    assert reply.pictures == (picture().data,)
    assert any("1 of 2 pictures did not come" in warning for warning in reply.warnings)
    assert [len(state["pictures"]) for state in reply.raw["responses"]] == [1]


@pytest.mark.parametrize("output", [5, None, [None], [5], [{"type": "message", "content": None}], [{"type": "message", "content": [None]}]])
async def test_a_response_without_a_picture_is_said_whatever_it_holds(openai, service, output):
    service.control(answer(responded(output, usage={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})))
    with pytest.raises(NoPictureError) as caught:
        await openai("generate", "a fox", history="server")
    assert caught.value.usage == {"chat_tokens": 2}
    assert caught.value.cost is None


async def test_a_partial_picture_of_a_response_that_cannot_be_read_does_not_cost_the_final_one(openai, service):
    early = {"type": "response.image_generation_call.partial_image", "item_id": "ig", "output_index": 0, "partial_image_index": 0}
    done = {"type": "response.completed", "sequence_number": 2, "response": responded([painting(PICTURE)])}
    service.control(stream_of({**early, "partial_image_b64": "abc"}, done))
    assert len((await openai("generate", "a fox", history="server", wants_partials=True)).pictures) == 1


# -------------------------------------------------------------------------------------------------------------- chat


@pytest.mark.parametrize(
    "body",
    [
        chat(choices=[None]),
        chat(choices="x"),
        chat(choices=5),
        chat(choices=[5]),
        None,
        [],
        5,
        DEEP,
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_that_is_none_is_a_bad_reply_and_not_repeated(openai, service, body, streamed):
    service.control(answer(body))
    with pytest.raises(BadReplyError):
        await openai("ask", inputs=(picture(),), **({} if streamed else {"schema": {"type": "object"}}))
    assert len(service.requests("chat")) == 1


@pytest.mark.parametrize(
    "body",
    [
        chat({"role": "assistant", "content": "A square.", "images": 5}),
        chat(usage={"prompt_tokens": "a", "completion_tokens": [], "total_tokens": {}}),
        chat(usage={"prompt_tokens": float("nan"), "completion_tokens": 1, "completion_tokens_details": 5}),
        chat(model=5, id=None),
        "\ufeff" + '{"choices": [{"finish_reason": "stop", "message": {"content": "A square."}}]}',
    ],
)
async def test_an_answer_is_kept_whatever_stands_around_it(openai, service, body):
    service.control(answer(body))
    assert (await openai("ask", inputs=(picture(),))).text == "A square."


@pytest.mark.parametrize(
    "event", ["null", 5, [], chunk(5), chunk([None]), chunk([{"index": 0, "delta": 5}]), chunk([], usage={"prompt_tokens": "x"})]
)
async def test_an_event_that_is_no_part_of_an_answer_is_passed_over(openai, service, event):
    service.control(stream_of(BEGIN, event, END, "[DONE]"))
    assert (await openai("ask", inputs=(picture(),))).text == "A square."


async def test_an_event_nested_beyond_reading_is_a_bad_reply_with_what_had_come(openai, service):
    service.control(stream_of(BEGIN, DEEP, END))
    with pytest.raises(BadReplyError) as caught:
        await openai("ask", inputs=(picture(),))
    assert caught.value.text == "A square."


async def test_what_went_wrong_in_reading_is_the_cause_and_no_key_hangs_on_it(openai, service):
    service.control(answer(DEEP))
    with pytest.raises(BadReplyError) as caught:
        await openai("generate", "a fox")
    assert isinstance(caught.value.__cause__, RecursionError)
    assert caught.value.__context__ is caught.value.__cause__ or caught.value.__context__ is None


@pytest.mark.parametrize("models", [{"data": 5}, {"data": [None, 5, {"id": "m", "capabilities": 5, "input_modalities": 5}]}, DEEP])
async def test_a_list_of_models_may_hold_anything(endpoint, service, models):
    service.control({**answer(models), "path": "models"}, key="")
    try:
        told = " ".join(await endpoint("lmstudio").provider.probe())
    except BadReplyError as error:
        told = error.sentence
    assert "LM Studio" in told


# ---------------------------------------------------------------------------------------- what a gateway says it cost


def told(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.07}
    return answer(chat(choices=[{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}], usage=usage))


BROKEN = {"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}


@pytest.mark.parametrize(
    ("messages", "values", "cost"),
    [
        ([told({"content": "No."})], {"kind": "generate"}, 0.07),
        ([told(BROKEN)], {"kind": "generate"}, 0.07),
        ([told({"content": None, "refusal": "No."})], {"kind": "generate"}, 0.07),
        ([told({"content": "a"}), told({"content": "b"})], {"kind": "ask", "schema": {"type": "object"}}, 0.14),
        ([told({"content": "a"}), told({"refusal": "No."})], {"kind": "ask", "schema": {"type": "object"}}, 0.14),
        ([told({"content": "{"}, "length")], {"kind": "ask", "schema": {"type": "object"}}, 0.07),
        ([told({"content": ""})], {"kind": "ask"}, 0.07),
    ],
    ids=["words only", "no image", "refusal", "failed repair", "refused repair", "cut", "empty"],
)
async def test_what_a_gateway_says_it_cost_is_told_by_the_error(endpoint, service, messages, values, cost):
    service.control(*messages)
    with pytest.raises(ProviderError) as caught:
        await endpoint("openrouter")(**values)
    assert caught.value.cost == pytest.approx(cost)
    assert caught.value.usage["total_tokens"] == 2 * len(messages)


async def test_of_two_pictures_one_that_cannot_be_read_is_said_and_both_are_paid(endpoint, service):
    good = {"content": "", "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}]}
    service.control(told(good), told(BROKEN))
    reply = await endpoint("openrouter")("generate", count=2)
    assert len(reply.pictures) == 1
    assert reply.cost == pytest.approx(0.14)
    assert any("1 of 2" in warning for warning in reply.warnings)
