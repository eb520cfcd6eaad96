"""Refusals and odd answers: typed errors with stage, reason and the model's words."""

from __future__ import annotations

import pytest

from notebook_img.errors import BadReplyError, NoPictureError, RefusedError, ReplyTimeoutError
from notebook_img.pictures import sniff
from notebook_img.providers.gemini import models
from notebook_img.providers.interface import Usage
from notebook_img.providers.pricing import cost_of
from tests.providers.gemini.conftest import KEY, png


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "JAILBREAK"])
async def test_a_blocked_prompt(reason, run, service):
    service.control({"kind": "reply", "reply": "blocked", "reason": reason})
    with pytest.raises(RefusedError, match="refused the prompt") as caught:
        await run("generate", "a fox")
    assert (caught.value.stage, caught.value.reason) == ("prompt", reason)
    assert caught.value.usage["input_tokens"] == 12


async def test_a_blocked_input_picture(run, service):
    service.control({"kind": "reply", "reply": "blocked", "reason": "IMAGE_SAFETY"})
    with pytest.raises(RefusedError, match="refused the input picture") as caught:
        await run("edit", "make it night", png())
    assert caught.value.stage == "input"


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"],
)
async def test_a_refused_result(reason, run, service):
    service.control({"kind": "reply", "reply": "finish", "reason": reason, "message": "It looked like somebody famous."})
    with pytest.raises(RefusedError, match="It looked like somebody famous") as caught:
        await run("generate", "a fox")
    error = caught.value
    assert (error.stage, error.reason, error.model) == ("output", reason, "gemini-nano-banana-2.1")
    assert error.usage["total_tokens"] > 0
    assert error.cost == pytest.approx(cost_of(Usage(by_modality=error.usage["by_modality"]), models.info(error.model)))
    assert len(str(error)) < 600


@pytest.mark.parametrize("reason", ["NO_IMAGE", "IMAGE_OTHER", "OTHER", "MAX_TOKENS", "LANGUAGE", "A_REASON_OF_TOMORROW"])
async def test_an_answer_without_a_picture(reason, run, service):
    service.control({"kind": "reply", "reply": "finish", "reason": reason, "text": "I did my best."})
    with pytest.raises(NoPictureError, match="I did my best") as caught:
        await run("generate", "a fox")
    assert (caught.value.reason, caught.value.text) == (reason, "I did my best.")


async def test_words_only(run, service):
    service.control({"kind": "reply", "reply": "text_only", "text": "Which fox do you mean?"})
    with pytest.raises(NoPictureError, match=r'answered in words .* "Which fox do you mean[?]"') as caught:
        await run("generate", "a fox")
    assert caught.value.text == "Which fox do you mean?"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reply", "reply": "empty_parts"},
        {"kind": "reply", "reply": "no_candidates"},
        {"kind": "reply", "reply": "garbage"},
        {"kind": "reply", "reply": "finish", "reason": "MALFORMED_RESPONSE"},
        {"kind": "reply", "reply": "finish", "reason": "MISSING_THOUGHT_SIGNATURE"},
        {"kind": "malformed"},
        {"kind": "empty"},
        {"kind": "html", "status": 200},
    ],
    ids=lambda fault: fault.get("reason") or fault.get("reply") or fault["kind"],
)
async def test_an_answer_that_cannot_be_understood_is_never_asked_for_again(fault, run, service):
    service.control(fault)
    with pytest.raises(BadReplyError):
        await run("generate", "a fox")
    assert len(service.requests()) == 1


@pytest.mark.parametrize("kind", ["cut", "cut_midway"])
async def test_an_answer_that_is_cut_is_never_asked_for_again(kind, run, service):
    service.control({"kind": kind})
    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        await run("generate", "a fox")
    assert len(service.requests()) == 1


async def test_an_unknown_finish_reason_keeps_the_picture_and_says_so(run, service, recwarn):
    service.control({"kind": "reply", "reply": "unknown_finish"})
    reply = await run("generate", "a fox")
    assert sniff(reply.pictures[0]) == "image/png"
    assert reply.warnings == ("Gemini ended with QUANTUM_FLUCTUATION.",)
    assert not [warning for warning in recwarn if "QUANTUM" in str(warning.message)]


async def test_words_are_clipped_and_hold_no_key(run, service):
    service.control({"kind": "reply", "reply": "text_only", "text": f"Your key {KEY} is nice. " + "So long a story. " * 100})
    with pytest.raises(NoPictureError) as caught:
        await run("generate", "a fox")
    assert len(str(caught.value)) < 600
    assert KEY[:8] not in str(caught.value)
    assert KEY[-8:] not in str(caught.value)


async def test_a_failed_interaction_is_a_refusal_with_its_words(run, service):
    service.control({"kind": "reply", "reply": "failed", "code": "safety", "message": "The prompt was blocked."})
    with pytest.raises(RefusedError, match="The prompt was blocked") as caught:
        await run("generate", "a fox", history="server")
    assert caught.value.reason == "safety"


async def test_an_interaction_without_a_picture(run, service):
    service.control({"kind": "reply", "reply": "garbage"})
    with pytest.raises(BadReplyError):
        await run("generate", "a fox", history="server")


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT"])
async def test_a_refused_question(reason, run, service):
    service.control({"kind": "reply", "reply": "finish", "reason": reason})
    with pytest.raises(RefusedError) as caught:
        await run("ask", "what is it?", png())
    assert caught.value.stage == "output"


async def test_a_blocked_question(run, service):
    service.control({"kind": "reply", "reply": "blocked"})
    with pytest.raises(RefusedError) as caught:
        await run("ask", "what is it?", png())
    assert caught.value.stage == "prompt"
