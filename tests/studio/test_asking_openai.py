"""Questions through the studio: pictures, follow-ups, their place beside the line, cost, limits, bad input."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    ModelNotFoundError,
    ProviderError,
    RefusedError,
    RequestRefusedError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from notebook_img.pictures import load
from tests.studio.conftest import KEY, noise, openai_environ, png, rgb, spends


def test_the_pixels_that_arrive_are_those_of_the_input(fox):
    answer = fox.ask("What is this?", noise())
    arrived = hashlib.sha256(load(noise()).pil().convert("RGB").tobytes()).hexdigest()[:16]
    assert f"pixels:{arrived}" in answer.text
    assert (answer.kind, answer.id, answer.model) == ("ask", "t1", "openai:gpt-6.1-terra")


def test_a_turned_photograph_arrives_upright(fox, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "phone.jpg").write_bytes(noise((96, 64), "JPEG", quality=95, exif=exif))
    answer = fox.ask("What is this?", tmp_path / "phone.jpg")
    assert "64x96" in answer.text
    assert answer.inputs[0].data == (tmp_path / "phone.jpg").read_bytes()


def test_follow_ups_keep_pictures_and_history_without_naming_them_again(fox, service):
    first = fox.ask("What is this?", png())
    second = first.ask("And the colours?")
    third = fox.ask("Are you sure?")
    assert "Before that there were 2 messages" in second.text
    assert "Before that there were 4 messages" in third.text
    assert [turn.parent and turn.parent.id for turn in (first, second, third)] == [None, "t1", "t2"]
    assert "I see 1 pictures" in third.text
    assert len(service.requests("chat")[-1]["body"]["messages"]) == 5


def test_a_follow_up_survives_a_restart(studio_of, service):
    environ = openai_environ(service)
    studio_of(environ).session("fox").ask("What is this?", png())
    later = studio_of(environ).session("fox").ask("And the colours?")
    assert later.parent.id == "t1"
    assert "Before that there were 2 messages" in later.text


def test_several_pictures_are_asked_about_in_order(fox, service):
    answer = fox.ask("Which is brighter?", [png((30, 20), "white"), png((40, 20), "black")])
    assert answer.text.index("1. 30x20 #ffffff") < answer.text.index("2. 40x20 #000000")
    words = [part["text"] for part in service.requests("chat")[0]["body"]["messages"][0]["content"] if part["type"] == "text"]
    assert words[0].startswith("Image 1")
    assert words[1].startswith("Image 2")


def test_detail_is_passed_on(fox, service):
    fox.ask("What is this?", png(), detail="high")
    content = service.requests("chat")[0]["body"]["messages"][0]["content"]
    assert next(part for part in content if part["type"] == "image_url")["image_url"]["detail"] == "high"


def test_questions_hang_beside_the_line_and_move_no_head(fox):
    made = fox.edit("make it red", png((256, 192)))
    answer = fox.ask("What colour is it?")
    after = fox.edit("make it blue")
    assert answer.parent.id == made.id
    assert fox.head.id == after.id
    assert after.parent.id == made.id
    assert answer.inputs[0].sha256 == made.picture.sha256


def test_the_head_moving_ends_a_conversation(fox, service):
    fox.edit("make it red", png((256, 192)))
    fox.ask("What colour is it?")
    fox.edit("make it blue")
    fresh = fox.ask("And now?")
    assert fresh.parent.id == "t3"
    assert len(service.requests("chat")[-1]["body"]["messages"]) == 1


def test_all_pictures_of_the_head_are_asked_about_numbered(fox):
    fox.generate("a fox", n=2)
    assert "I see 2 pictures" in fox.ask("Which is better?").text


def test_every_question_is_a_row_in_the_books(studio, fox):
    answer = fox.ask("What is this?", png())
    assert answer.usage["input_tokens"] == 110
    assert [state for state, _ in spends(studio)] == ["billed"]


def test_what_a_server_tells_about_its_cost_is_the_cost(studio, fox, service):
    service.control(tells_cost=True)
    assert fox.ask("What is this?", png()).cost == 0.0125
    assert spends(studio) == [("billed", 0.0125)]


def test_questions_in_a_row_are_limited_by_a_setting_and_unlimited_without(studio, fox, service):
    studio.settings.question_turns = 2
    fox.ask("One?", png())
    fox.ask("Two?")
    with pytest.raises(UsageError, match=r"its 2 questions.*question_turns"):
        fox.ask("Three?")
    assert len(service.requests("chat")) == 2
    assert fox.ask("Three?", png()).parent is None
    studio.settings.question_turns = 0
    for word in ("four", "five", "six"):
        fox.ask(f"{word}?")


async def test_the_awaited_form_answers_the_same(studio, fox):
    answer = await fox.aio.ask("What is this?", png())
    assert (await answer.aio.ask("Sure?")).parent.id == answer.id


def test_a_question_says_no_without_a_picture(fox, service):
    with pytest.raises(UsageError, match="no picture to ask about"):
        fox.ask("What is this?")
    assert not service.requests()


def test_an_answer_cut_by_its_length_is_kept_and_that_is_said(fox, service):
    service.control({"kind": "reply", "reply": "length"})
    answer = fox.ask("What is this?", png())
    assert answer.text
    assert any("cut off by its length limit" in warning for warning in answer.warnings)


def test_a_large_picture_is_sent_smaller_and_that_is_said(studio_of, service):
    studio = studio_of({**openai_environ(service), "VISION_MAX_IMAGE_SIZE": "30kB"})
    answer = studio.session("fox").ask("What is this?", noise((300, 200)))
    content = service.requests("chat")[0]
    assert content["size"] < 60_000
    assert any("smaller" in warning or "scaled" in warning for warning in answer.warnings), answer.warnings
    assert answer.inputs[0].data == noise((300, 200))


FAULTS = [
    ({"kind": "html", "status": 404}, ProviderError, "404"),
    ({"kind": "malformed"}, BadReplyError, "JSON"),
    ({"kind": "reply", "reply": "cut_stream"}, ProviderError, "broke before its answer was complete"),
    ({"kind": "reply", "reply": "error_in_200"}, ProviderError, "tired"),
    ({"kind": "reply", "reply": "refuse_prompt"}, RefusedError, "safety system"),
    ({"kind": "reply", "reply": "refusal"}, RefusedError, "cannot help"),
    ({"kind": "status", "status": 413, "message": "Request too large"}, RequestRefusedError, "too large"),
]


@pytest.mark.parametrize(("fault", "kind", "said"), FAULTS, ids=[f"{fault['kind']}-{fault.get('reply', '')}" for fault, _, _ in FAULTS])
def test_bad_answers_are_one_clear_sentence_and_leave_no_trace(fox, service, fault, kind, said):
    fox.ask("What is this?", png())
    service.control(fault)
    with pytest.raises(kind, match=said) as caught:
        fox.ask("And the colours?")
    assert len(str(caught.value)) < 600
    assert KEY not in str(caught.value)
    assert [turn.id for turn in fox.turns] == ["t1"]
    assert fox.ask("And the colours?").parent.id == "t1"


def test_an_endpoint_that_is_down_says_so_and_books_nothing(studio_of):
    studio = studio_of({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, retries=0)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        studio.session("fox").ask("What is this?", png())
    assert spends(studio) == [("failed", 0.0)]


def test_a_wrong_key_is_refused_and_stands_nowhere(studio_of, service):
    studio = studio_of({**openai_environ(service), "OPENAI_API_KEY": "sk-wrong-key-abcdef123456"})
    with pytest.raises(AuthenticationError) as caught:
        studio.session("fox").ask("What is this?", png())
    assert "sk-wrong" not in str(caught.value)
    assert "3456" not in str(caught.value)


def test_a_model_that_cannot_see_names_those_that_can(fox, service):
    service.control(blind=["gpt-6.1-terra"], model_facts={"gpt-6-astra": {"architecture": {"input_modalities": ["text", "image"]}}})
    with pytest.raises(RequestRefusedError, match=r"does not support image inputs.*gpt-6-astra"):
        fox.ask("What is this?", png())


def test_a_model_that_is_not_there_names_the_near_ones(fox):
    with pytest.raises(ModelNotFoundError, match="gpt-6-astra"):
        fox.ask("What is this?", png(), model="openai:gpt-6-aster")


def test_gemini_and_the_built_in_engine_answer_through_the_same_door(studio_of):
    local = studio_of({}).session("fox").ask("what size is it?", png())
    assert "64" in local.text
    assert local.model == "local:builtin"
    assert local.cost == 0.0


def test_a_global_history_setting_is_no_reason_to_refuse_a_question(studio, fox):
    studio.settings.history = "server"
    assert fox.ask("What is this?", png()).text
    with pytest.raises(UnsupportedError, match="history"):
        fox.ask("And?", png(), history="server")


def test_pictures_of_a_question_can_be_edited_on(fox):
    answer = fox.ask("What is this?", noise())
    edited = answer.edit("make it red")
    assert edited.inputs[0].sha256 == answer.inputs[0].sha256
    assert rgb(edited.inputs[0]).shape == (64, 96, 3)
