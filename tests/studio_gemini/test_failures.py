"""What does not come out: the tree stays as it was, the model's words are told, and what was billed is on record."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.calls.call import make_call
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    KeyMissingError,
    ModelNotFoundError,
    NoPictureError,
    NotebookImgError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    RefusedError,
    ReplyTimeoutError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from notebook_img.providers.interface import WaitEvent
from notebook_img.store.spend import today
from notebook_img.studio.studio import Studio
from notebook_img.tree import Session
from tests.emulators.process import Running
from tests.studio_gemini.conftest import KEY, painted, png

REPLIES: list[tuple[dict[str, Any], type[NotebookImgError], str, str]] = [
    # scripted reply, error, words in the message, how the spend row ends
    ({"kind": "reply", "reply": "blocked", "reason": "SAFETY"}, RefusedError, "SAFETY", "refused"),
    ({"kind": "reply", "reply": "blocked", "reason": "PROHIBITED_CONTENT"}, RefusedError, "PROHIBITED_CONTENT", "refused"),
    ({"kind": "reply", "reply": "blocked", "reason": "IMAGE_SAFETY"}, RefusedError, "input picture", "refused"),
    ({"kind": "reply", "reply": "blocked", "reason": "SOMETHING_NEW"}, RefusedError, "SOMETHING_NEW", "refused"),
    *(
        (
            {"kind": "reply", "reply": "finish", "reason": reason, "text": "I would rather not."},
            RefusedError,
            "I would rather not",
            "refused",
        )
        for reason in ("SAFETY", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "RECITATION", "BLOCKLIST", "SPII")
    ),
    ({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY", "message": "Unsafe it is."}, RefusedError, "Unsafe it is", "refused"),
    *(
        ({"kind": "reply", "reply": "finish", "reason": reason, "text": "Sorry."}, NoPictureError, "Sorry", "billed")
        for reason in ("NO_IMAGE", "IMAGE_OTHER", "OTHER", "MAX_TOKENS", "LANGUAGE", "QUANTUM_FLUCTUATION")
    ),
    ({"kind": "reply", "reply": "finish", "reason": "MALFORMED_RESPONSE"}, BadReplyError, "MALFORMED_RESPONSE", "billed"),
    ({"kind": "reply", "reply": "text_only", "text": "A fox is an animal."}, NoPictureError, "A fox is an animal", "billed"),
    ({"kind": "reply", "reply": "empty_parts"}, BadReplyError, "Run it again", "billed"),
    ({"kind": "reply", "reply": "no_candidates"}, BadReplyError, "Run it again", "billed"),
    ({"kind": "reply", "reply": "garbage"}, BadReplyError, "cannot be read", "billed"),
    ({"kind": "malformed"}, BadReplyError, "JSON", "unknown"),
    ({"kind": "empty"}, BadReplyError, "Gemini", "unknown"),
    ({"kind": "cut_midway"}, ReplyTimeoutError, "not repeated automatically", "unknown"),
    ({"kind": "cut"}, ReplyTimeoutError, "not repeated automatically", "unknown"),
    ({"kind": "html", "status": 418}, ProviderError, "HTML page", "failed"),
    ({"kind": "status", "status": 400, "message": "no such field"}, ProviderError, "no such field", "failed"),
    ({"kind": "redirect", "location": "http://127.0.0.1:1/"}, ProviderError, "GOOGLE_GEMINI_BASE_URL", "failed"),
]


@pytest.mark.parametrize(
    ("reply", "kind", "words", "state"), REPLIES, ids=lambda value: json.dumps(value) if isinstance(value, dict) else ""
)
def test_what_is_refused_or_broken_leaves_the_tree_as_it_was(
    fox: Session, studio: Studio, service: Running, reply: dict[str, Any], kind: type[NotebookImgError], words: str, state: str
):
    first = fox.edit("make it night", "sample:chelsea")
    service.control(reply)

    with pytest.raises(kind) as caught:
        fox.edit("warmer")

    message = str(caught.value)
    assert words in message
    assert len(message) < 600
    assert "\n" not in message
    assert KEY not in message
    assert len(painted(service)) == 2, "what may have been billed is not asked again"
    assert [turn.id for turn in fox.turns] == ["t1"]
    assert fox.head == first
    row = studio.store.spend_rows(limit=1)[0]
    assert (row.state, row.turn) == (state, "")
    if state == "failed":
        assert row.cost == 0
    if state == "unknown":
        assert row.cost == row.estimate


def test_a_refusal_has_its_stage_and_reason(fox: Session, service: Running):
    service.control(
        {"kind": "reply", "reply": "blocked", "reason": "SAFETY"}, {"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY"}
    )

    with pytest.raises(RefusedError) as prompt:
        fox.generate("a fox")
    with pytest.raises(RefusedError) as output:
        fox.generate("a fox")

    assert (prompt.value.stage, prompt.value.reason) == ("prompt", "SAFETY")
    assert (output.value.stage, output.value.reason) == ("output", "IMAGE_SAFETY")


def test_a_finish_reason_nobody_knows_is_no_reason_to_lose_the_picture(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "unknown_finish"})

    turn = fox.generate("a fox")

    assert turn.warnings == ("Gemini ended with QUANTUM_FLUCTUATION.",)


def test_a_reply_that_does_not_come_in_time_is_never_asked_for_again(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(timeout=1)
    studio.session("fox").generate("warm up")
    service.control({"kind": "hang"})

    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        studio.session("fox").generate("a fox")

    assert len(painted(service)) == 2
    service.wait_for(lambda rows: rows[-1]["state"] == "client left")
    row = studio.store.spend_rows(limit=1)[0]
    assert (row.state, row.cost) == ("unknown", row.estimate)


# ------------------------------------------------------------------------------------------ retries


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_service_is_asked_again_and_the_wait_is_told(fox: Session, studio: Studio, service: Running, status: int):
    service.control({"kind": "status", "status": status, "times": 2})
    waits: list[WaitEvent] = []

    turn = studio.run(fox, make_call("generate", "a fox"), lambda event: waits.append(event) if isinstance(event, WaitEvent) else None)

    assert turn.picture
    assert [wait.attempt for wait in waits] == [1, 2]
    assert str(status) in waits[0].reason
    assert len(studio.store.spend_rows()) == 1


def test_retry_after_and_retry_info_are_honoured(fox: Session, studio: Studio, service: Running):
    service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "1"}}, {"kind": "reply", "reply": "quota", "seconds": 0.5})
    waits: list[float] = []

    studio.run(fox, make_call("generate", "a fox"), lambda event: waits.append(event.seconds) if isinstance(event, WaitEvent) else None)

    assert 1 <= waits[0] < 1.2
    assert 0.5 <= waits[1] < 0.6


def test_tries_are_bounded(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(retries=2)
    service.control({"kind": "status", "status": 503, "times": -1})

    with pytest.raises(OverloadedError, match="Tried 3 times"):
        studio.session("fox").generate("a fox")

    assert len(painted(service)) == 3
    row = studio.store.spend_rows(limit=1)[0]
    assert (row.state, row.cost) == ("failed", 0)


def test_a_wait_longer_than_allowed_is_not_begun(fox: Session, service: Running):
    service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "4000"}})

    with pytest.raises(RateLimitError, match="asks to wait 67 minutes"):
        fox.generate("a fox")

    assert len(painted(service)) == 1


def test_a_days_quota_is_told_from_a_rate_limit_and_not_waited_for(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "quota", "per_day": True, "seconds": 1})

    with pytest.raises(RateLimitError, match="day's Gemini quota") as caught:
        fox.generate("a fox")

    assert caught.value.daily
    assert len(painted(service)) == 1


def test_a_plan_without_pictures_is_said_to_be_one(fox: Session, service: Running):
    service.control({"kind": "reply", "reply": "quota", "per_day": True, "limit": 0})

    with pytest.raises(RateLimitError, match="need a paid plan"):
        fox.generate("a fox")


def test_the_fallback_model_answers_when_the_chosen_one_stays_overloaded_and_that_is_said(
    new_studio: Callable[..., Studio], service: Running
):
    studio = new_studio(retries=1, fallback="gemini:gemini-3-pro-image")
    session = studio.session("fox")
    service.control({"kind": "status", "status": 503, "path": "nano-banana-2.1", "times": -1})

    turn = session.edit("make it night", "sample:chelsea")

    assert turn.model == "gemini:gemini-3-pro-image"
    assert turn.warnings == ("gemini:gemini-nano-banana-2.1 stayed unavailable, so gemini:gemini-3-pro-image answered.",)
    assert "stayed unavailable" in turn.figure().text
    assert sorted(row.state for row in studio.store.spend_rows()) == ["billed", "failed"]


def test_the_fallback_is_not_used_for_a_model_that_was_typed_nor_after_a_refusal(new_studio: Callable[..., Studio], service: Running):
    session = new_studio(retries=0, fallback="gemini:gemini-3-pro-image").session("fox")
    service.control({"kind": "status", "status": 503}, {"kind": "reply", "reply": "blocked", "reason": "SAFETY"})

    with pytest.raises(OverloadedError):
        session.generate("a fox", model="gemini")
    with pytest.raises(RefusedError):
        session.generate("a fox")

    assert len(painted(service)) == 2


def test_the_fallback_gets_no_state_of_the_first_model(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(retries=0, fallback="gemini:gemini-3-pro-image")
    session = studio.session("fox")
    session.edit("make it night", "sample:chelsea")
    service.control({"kind": "status", "status": 503})

    turn = session.edit("warmer")

    assert turn.model == "gemini:gemini-3-pro-image"
    assert [content["role"] for content in painted(service)[-1]["body"]["contents"]] == ["user"]
    assert session.model == "", "a fallback is not kept"
    assert session.record.ran_on == "gemini:gemini-nano-banana-2.1"


def test_a_service_that_cannot_be_reached_is_said_to_be_so(new_studio: Callable[..., Studio]):
    studio = new_studio(retries=1, gemini_base_url="http://127.0.0.1:9")

    with pytest.raises(UnreachableError, match="nothing was sent"):
        studio.session("fox").generate("a fox")

    assert studio.store.spent(today())[0] == 0


# ------------------------------------------------------------------------------------------ bad input


def test_without_a_key_the_error_says_how_to_set_one(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(key="")

    with pytest.raises(KeyMissingError, match="keys set gemini"):
        studio.session("fox").generate("a fox", model="gemini")

    assert painted(service) == []
    assert studio.store.spend_rows() == []


@pytest.mark.parametrize(
    "refusal",
    [None, {"kind": "reply", "reply": "bad_key", "status": 401, "echo": True}, {"kind": "reply", "reply": "bad_key", "echo": True}],
)
def test_a_wrong_key_is_never_echoed_not_even_in_part(
    new_studio: Callable[..., Studio], service: Running, home: Path, caplog: pytest.LogCaptureFixture, refusal: dict[str, Any] | None
):
    wrong = "AIza-wrong-5555666677778888"
    studio = new_studio(key=wrong)
    if refusal:
        service.control(refusal, key="")

    with caplog.at_level(logging.DEBUG), pytest.raises(AuthenticationError, match="keys set gemini") as caught:
        studio.session("fox").generate("a fox")

    NotebookImgError.verbose = True
    try:
        whole = "\n".join(caught.value._render_traceback_())
    finally:
        NotebookImgError.verbose = False
    assert "AIza-wrong" not in whole
    assert "66667777" not in whole
    assert wrong not in caplog.text
    assert not any(wrong[:12].encode() in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert studio.store.spend_rows()[0].state == "failed"


def test_a_retired_model_is_said_to_be_one_and_the_current_ones_are_named(fox: Session, service: Running):
    with pytest.raises(ModelNotFoundError, match=r"may be retired.*gemini-nano-banana-2\.1"):
        fox.generate("a fox", model="gemini:gemini-2.0-flash-preview-image-generation")

    assert len(painted(service)) == 1


def test_an_unknown_model_is_passed_on(fox: Session, studio: Studio):
    turn = fox.generate("a fox", model="gemini:gemini-secret-preview", size="2K")

    assert turn.picture
    assert turn.cost is None
    assert "cost unknown" in turn.figure().text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"aspect_ratio": "7:5"}, "1:1, 2:3, 3:2"),
        ({"size": "8K"}, "1K, 2K, 4K"),
        ({"size": "1024x1024"}, "1K, 2K, 4K"),
        ({"n": 50}, "at most 8"),
        ({"seed": 7}, "does not take a seed"),
        ({"negative_prompt": "dogs"}, "does not take a negative prompt"),
        ({"quality": "high"}, "has no option 'quality'"),
        ({"references": [png(colour=colour) for colour in ("red", "green", "blue") for _ in range(5)]}, "takes at most 14"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_model_does_not_take_is_refused_with_what_it_takes(
    fox: Session, studio: Studio, service: Running, options: dict[str, Any], words: str
):
    with pytest.raises(UnsupportedError, match=words):
        fox.generate("a fox", **options)

    assert painted(service) == []
    assert studio.store.spend_rows() == []


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_an_error_with_an_example(fox: Session, service: Running, prompt: str):
    with pytest.raises(UsageError, match=r"ni\.edit\('make it night', 'sample:chelsea'\)"):
        fox.edit(prompt, "sample:chelsea")

    assert painted(service) == []
