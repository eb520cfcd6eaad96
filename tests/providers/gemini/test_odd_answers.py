"""A picture that came was paid for: whatever is odd beside it, it is kept, and what it cost is booked as well as can be known."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from notebook_img.errors import BadReplyError, RateLimitError, RefusedError, ReplyTimeoutError
from notebook_img.providers.gemini import raw
from tests.providers.gemini.conftest import png

DATA = png().data
TEXT = base64.b64encode(DATA).decode()
ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"inlineData": {"mimeType": "image/png", "data": TEXT}, "thoughtSignature": "QUJD"}]},
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 10,
        "candidatesTokenCount": 1120,
        "totalTokenCount": 1130,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    },
}
PAINTED: dict[str, Any] = {"type": "model_output", "content": [{"type": "image", "mime_type": "image/png", "data": TEXT}]}
INTERACTION: dict[str, Any] = {
    "id": "int-1",
    "status": "completed",
    "steps": [{"type": "thought", "signature": "QUJD"}, PAINTED],
    "usage": {
        "total_input_tokens": 10,
        "total_output_tokens": 1120,
        "total_tokens": 1130,
        "input_tokens_by_modality": [{"modality": "text", "tokens": 10}],
        "output_tokens_by_modality": [{"modality": "image", "tokens": 1120}],
    },
}


def put(answer: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the answer with one value set; a list gets one more where the path ends in ``+``."""
    changed = at = copy.deepcopy(answer)
    *way, last = path.split(".")
    for name in way:
        at = at[int(name)] if isinstance(at, list) else at[name]
    if last == "+":
        at.append(value)
    else:
        at[int(last) if isinstance(at, list) else last] = value
    return changed


def answered(answer: Any, **more: Any) -> dict[str, Any]:
    """Return the fault that makes the service answer with this."""
    body = answer if isinstance(answer, str) else json.dumps(answer)
    return {"kind": "status", "status": 200, "headers": {"Content-Type": "application/json"}, "body": body, **more}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("usageMetadata", 5),
        ("usageMetadata.promptTokenCount", "many"),
        ("usageMetadata.promptTokenCount", float("nan")),
        ("usageMetadata.totalTokenCount", float("inf")),
        ("usageMetadata.promptTokensDetails", 5),
        ("usageMetadata.promptTokensDetails.+", None),
        ("usageMetadata.promptTokensDetails.+", {"modality": 7, "tokenCount": 0}),
        ("candidates.+", 5),
        ("candidates.0.finishReason", {}),
        ("candidates.0.safetyRatings", 5),
        ("candidates.0.groundingMetadata", 5),
        ("candidates.0.content.role", 5),
        ("candidates.0.content.parts.+", None),
        ("candidates.0.content.parts.+", {"text": ["no", "text"]}),
        ("candidates.0.content.parts.+", {"inlineData": {"mimeType": "image/png", "data": "!!!!"}}),
        ("candidates.0.content.parts.0.inlineData.mimeType", 5),
        ("candidates.0.content.parts.0.inlineData.displayName", 5),
        ("candidates.0.content.parts.0.thoughtSignature", "a!b"),
        ("promptFeedback", 5),
        ("modelVersion", 5),
    ],
)
async def test_a_picture_survives_what_is_odd_beside_it(path, value, story, service):
    service.control(answered(put(ANSWER, path, value)))
    session = story(None, model="gemini-2.5-flash-image")
    reply = await session.edit("a fox")
    assert reply.pictures == (DATA,)
    assert "A part of the answer could not be read and was left out." in reply.warnings
    assert reply.cost == pytest.approx(0.039 if path == "usageMetadata" else (10 * 0.30 + 1120 * 30) / 1e6, rel=0.001)
    assert json.dumps(reply.got, allow_nan=False)
    assert (await session.edit("closer")).pictures, "the session goes on"


@pytest.mark.parametrize("history", ["window", "server"])
async def test_halves_of_characters_are_replaced_as_nothing_can_store_or_send_them(history, story, service):
    odd = put(ANSWER, "candidates.0.content.parts.+", {"text": "half \ud83d"})
    if history == "server":
        odd = put(INTERACTION, "steps.1.content.+", {"type": "text", "text": "half \ud83d"})
    service.control(answered(odd))
    session = story(None, model="gemini-2.5-flash-image")
    reply = await session.edit("a fox", history=history)
    assert (reply.pictures, reply.text) == ((DATA,), "half ?")
    assert repr(reply.raw).encode()
    assert "half ?" in repr(reply.raw)


async def test_a_picture_without_a_type_goes_back_with_its_own(story, service):
    service.control(answered(put(ANSWER, "candidates.0.content.parts.0.inlineData.mimeType", None)))
    session = story(None, model="gemini-2.5-flash-image")
    await session.edit("a fox")
    assert (await session.edit("closer")).warnings == ()
    assert service.requests()[-1]["body"]["contents"][1]["parts"][0]["inlineData"]["mime_type"] == "image/png"


async def test_a_picture_that_is_the_odd_thing_itself_tells_what_it_used(run, service):
    service.control(answered(put(ANSWER, "candidates.0.content.parts.0.inlineData.data", "!!!!")))
    with pytest.raises(BadReplyError) as caught:
        await run("generate", "a fox")
    assert caught.value.usage["by_modality"]["output_image"] == 1120
    assert len(service.requests()) == 1


@pytest.mark.parametrize("count", [-5, 10**400, 10**12])
@pytest.mark.parametrize("name", ["promptTokenCount", "candidatesTokensDetails"])
async def test_impossible_counts_are_not_booked(name, count, run, service):
    value = [{"modality": "IMAGE", "tokenCount": count}] if name.endswith("Details") else count
    service.control(answered(put(ANSWER, f"usageMetadata.{name}", value)))
    reply = await run("generate", "a fox", model="gemini-3.1-flash-image")
    assert reply.cost == pytest.approx(0.067, rel=0.01)
    assert reply.usage.input_tokens == (None if name == "promptTokenCount" else 10)
    assert "output_image" in reply.usage.by_modality or name != "promptTokenCount"


@pytest.mark.parametrize("part", [{}, {"text": None}, {"inlineData": {}}, {"inlineData": {"mimeType": "image/png", "data": ""}}])
async def test_empty_parts_are_not_sent_back(part, story, service):
    """The service refuses a request that holds one."""
    service.control(answered(put(ANSWER, "candidates.0.content.parts.+", part)))
    session = story(None, model="gemini-2.5-flash-image")
    assert (await session.edit("a fox")).pictures == (DATA,)
    assert (await session.edit("closer")).warnings == ()
    assert service.requests()[-1]["body"]["contents"][1]["role"] == "model"


async def test_of_two_candidates_the_one_with_the_picture_is_continued_from(run, service):
    words = {"content": {"role": "assistant", "parts": [{"text": "And so on."}]}, "finishReason": "STOP"}
    service.control(answered(put(ANSWER, "candidates.+", words)))
    reply = await run("generate", "a fox")
    assert [*raw.pictures(reply.raw["replies"][0]["content"])] == [DATA]
    assert reply.text == "And so on."


# interactions


@pytest.mark.parametrize("signature", ["ab-_cd+/Zz", "abc", "ab-_", "CtcBAVSoXO-_x1234", "QUJD", "no base64 at all!"])
async def test_signatures_go_back_as_they_came(signature, story, service):
    service.control(answered(put(INTERACTION, "steps.0.signature", signature)), interactions_expired=True)
    session = story(None)
    reply = await session.edit("a fox", history="server")
    assert reply.pictures == (DATA,)
    assert raw.sent_steps(reply.raw["replies"][0]["steps"])[0]["signature"] == signature


@pytest.mark.parametrize("text", [TEXT.rstrip("="), base64.urlsafe_b64encode(DATA).decode()])
async def test_pictures_are_read_in_any_form_of_base64(text, run, service):
    service.control(answered(put(INTERACTION, "steps.1.content.0.data", text)))
    assert (await run("generate", "a fox", history="server")).pictures == (DATA,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", None),
        ("id", 5),
        ("model", 5),
        ("usage", 5),
        ("usage.total_tokens", "many"),
        ("usage.output_tokens_by_modality", [None, {"modality": 5, "tokens": float("nan")}]),
        ("errors", 5),
        ("errors", [None]),
        ("steps.+", None),
        ("steps.+", {"type": "model_output", "content": 5}),
        ("steps.0.signature", 5),
        ("steps.1.content.+", None),
        ("steps.1.content.+", {"type": "text", "text": None}),
        ("steps.1.content.+", {"type": "text", "text": ["no", "text"]}),
        ("steps.1.content.+", {"type": "smell", "smell": float("nan")}),
        ("steps.1.content.+", {"type": "image", "data": 5}),
        ("steps.1.content.+", {"type": "image", "data": "abc!"}),
    ],
)
async def test_a_picture_of_an_interaction_survives_what_is_odd_beside_it(path, value, story, service):
    service.control(answered(put(INTERACTION, path, value)))
    session = story(None, model="gemini-2.5-flash-image")
    reply = await session.edit("a fox", history="server")
    assert reply.pictures == (DATA,)
    assert reply.cost == pytest.approx(
        0.039 if path in ("usage", "usage.output_tokens_by_modality") else (10 * 0.30 + 1120 * 30) / 1e6, rel=0.001
    )
    assert json.dumps(reply.got, allow_nan=False)
    assert json.dumps(raw.sent_steps(reply.raw["replies"][0]["steps"]), allow_nan=False)


@pytest.mark.parametrize("body", ["null", "[]", "5", "{}", "[" * 100_000])
async def test_an_interaction_that_is_none(body, run, service):
    service.control(answered(body))
    with pytest.raises(BadReplyError):
        await run("generate", "a fox", history="server")
    assert len(service.requests()) == 1


@pytest.mark.parametrize("code", ["internal_error", "503", "", "https://example.com/errors/overloaded"])
async def test_a_failed_interaction_is_no_refusal_and_is_not_asked_again(code, run, service):
    service.control({"kind": "reply", "reply": "failed", "code": code, "message": "Something broke."})
    with pytest.raises(BadReplyError, match=rf"Gemini failed and sent no picture \({code or 'no code given'}\).*Something broke"):
        await run("generate", "a fox", history="server")
    assert len(service.requests()) == 1


@pytest.mark.parametrize("code", ["safety", "PROHIBITED_CONTENT", "https://example.com/errors/image_safety", "content_blocked"])
async def test_a_moderated_interaction_is_a_refusal(code, run, service):
    service.control({"kind": "reply", "reply": "failed", "code": code})
    with pytest.raises(RefusedError) as caught:
        await run("generate", "a fox", history="server")
    assert caught.value.reason == code


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
async def test_an_interaction_that_did_not_end_well(status, run, service):
    service.control(answered({"id": "int-1", "status": status, "steps": []}))
    with pytest.raises(BadReplyError, match=rf"\({status}\)"):
        await run("generate", "a fox", history="server")


# what is booked


@pytest.mark.parametrize(("model", "cost"), [("gemini-3.1-flash-image", 0.067205), ("gemini-nano-banana-2.1", 0.033615)])
async def test_a_picture_refused_after_it_was_painted_is_booked_or_said_to_be_unknown(model, cost, run, service):
    refused = put(put(ANSWER, "candidates.0.content", {"role": "model"}), "candidates.0.finishReason", "IMAGE_SAFETY")
    service.control(answered(refused))
    with pytest.raises(RefusedError) as caught:
        await run("generate", "a fox", model=model)
    assert caught.value.cost == (cost and pytest.approx(cost))
    assert caught.value.usage["by_modality"]["output_image"] == 1120


async def test_a_delivered_picture_that_cannot_be_read_was_paid_for_too(run, service):
    unreadable = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    two = put(ANSWER, "usageMetadata.candidatesTokensDetails.0.tokenCount", 2240)
    service.control(answered(put(two, "candidates.0.content.parts.+", unreadable)), {"kind": "reply", "reply": "garbage"})
    reply = await run("generate", "a fox")
    assert (len(reply.pictures), reply.usage.pictures) == (1, 1)
    assert reply.cost == pytest.approx(2 * 0.0336, rel=0.01)
    with pytest.raises(BadReplyError) as caught:
        await run("generate", "a fox")
    assert caught.value.cost == pytest.approx(0.0336, rel=0.01)


async def test_of_several_failures_the_one_that_may_have_been_billed_is_told(run, service, settings):
    """After a rate limit a call counts as free and another model may be asked; after a time-out neither is right."""
    settings.set("timeout", 1)
    settings.set("retries", 0)
    service.control({"kind": "status", "status": 429}, {"kind": "hang"})
    with pytest.raises(ReplyTimeoutError):
        await run("generate", "a fox", count=2)
    service.control({"kind": "status", "status": 429, "times": 2})
    with pytest.raises(RateLimitError):
        await run("generate", "a fox", count=2)


async def test_a_missing_picture_of_unknown_cost_is_said(run, service, settings):
    settings.set("timeout", 2)
    service.control({"kind": "hang"})
    reply = await run("generate", "a fox", count=2)
    assert len(reply.pictures) == 1
    assert reply.warnings[0].endswith("What that cost is not known and not counted.")


async def test_an_answer_that_ends_without_a_reason_may_be_cut_off(run, service):
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": "It is a"}]}}]}
    stream = f"data: {json.dumps(answer)}\r\n\r\n"
    service.control({"kind": "status", "status": 200, "headers": {"Content-Type": "text/event-stream"}, "body": stream})
    reply = await run("ask", "what is it?", png())
    assert reply.text == "It is a"
    assert reply.warnings == ("Gemini ended with no reason; the answer may be cut off.",)


async def test_a_stream_that_fails_after_its_thoughts_is_not_asked_again(run, service):
    thought = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Let me see.", "thought": True}]}}]}
    stream = "".join(f"data: {json.dumps(piece)}\r\n\r\n" for piece in (thought, {"error": {"code": 503, "message": "overloaded"}}))
    service.control({"kind": "status", "status": 200, "headers": {"Content-Type": "text/event-stream"}, "body": stream})
    with pytest.raises(BadReplyError, match="broke off"):
        await run("ask", "what is it?", png())
    assert len(service.requests()) == 1
