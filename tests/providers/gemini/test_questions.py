"""Questions about pictures: streamed words, follow-ups, values that fit a schema, boxes in pixels."""

from __future__ import annotations

import asyncio
import hashlib
import io

import pytest
from PIL import Image

from notebook_img.errors import BadReplyError, OverloadedError
from notebook_img.pictures import Box, Picture
from notebook_img.providers.gemini import questions
from notebook_img.providers.interface import PastTurn, Request, TextEvent
from tests.providers.gemini.conftest import KEY, QUESTIONS, png
from tests.providers.gemini.test_pictures import parts, shown

SCHEMA = {"type": "object", "properties": {"year": {"type": "integer"}, "name": {"type": "string"}}, "required": ["year", "name"]}


def asked(settings, prompt: str, text: str, *inputs: Picture, raw=None) -> PastTurn:
    return PastTurn("t1", "ask", prompt, f"gemini:{QUESTIONS}", text, inputs, (), (), settings.key_mark(KEY), lambda: raw)


async def test_an_answer_streams_in_pieces_that_add_up(run, service):
    reply = await run("ask", "what is it?", png())
    pieces = [event.text for event in run.events if isinstance(event, TextEvent)]
    assert len(pieces) > 3
    assert "".join(pieces) == reply.text == "You asked 'what is it?' about 1 picture(s)."
    assert reply.pictures == ()
    assert reply.usage.by_modality["output_text"] == 9
    (row,) = service.requests()
    assert row["path"].endswith(f"{QUESTIONS}:streamGenerateContent")


async def test_several_pictures_are_numbered(run, service):
    await run("ask", "which is larger?", png(), png(colour="red"), png(colour="blue"))
    (row,) = service.requests()
    assert [part["text"] for part in parts(row) if "text" in part] == ["image 1:", "image 2:", "image 3:", "which is larger?"]
    assert len(shown(row)) == 3


async def test_a_follow_up_sends_the_picture_once_and_the_earlier_words(run, service, settings):
    photo = png()
    past = (asked(settings, "what is it?", "A fox.", photo), asked(settings, "what colour?", "Red.", photo))
    await run("ask", "how old?", photo, past=past)
    contents = service.requests()[0]["body"]["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
    assert [content["parts"][-1]["text"] for content in contents] == ["what is it?", "A fox.", "what colour?", "Red.", "how old?"]
    assert len(shown(service.requests()[0])) == 1


async def test_a_question_about_another_picture_begins_anew(run, service, settings):
    await run("ask", "and this?", png(colour="red"), past=(asked(settings, "what is it?", "A fox.", png()),))
    assert len(service.requests()[0]["body"]["contents"]) == 1


async def test_a_picture_model_answers_in_words(run, service):
    reply = await run("ask", "what is it?", png(), model="gemini-nano-banana-2.1")
    assert reply.text
    assert service.requests()[0]["body"]["generationConfig"] == {"responseModalities": ["TEXT"]}


async def test_a_value_is_held_to_the_schema_by_the_service(run, service):
    reply = await run("ask", "which year?", png(), schema=SCHEMA)
    assert reply.value == {"year": 7, "name": "seven"}
    assert reply.value_by == "schema"
    config = service.requests()[0]["body"]["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert run.events == [], "half a JSON text is nothing to show"


async def test_a_model_without_schemas_is_asked_in_words(run, service):
    service.control(answer='Sure:\n```json\n{"year": 1999, "name": "x"}\n```')
    reply = await run("ask", "which year?", png(), model="gemini-nano-banana-2.1", schema=SCHEMA)
    assert (reply.value, reply.value_by) == ({"year": 1999, "name": "x"}, "text")
    assert '"year"' in parts(service.requests()[0])[-1]["text"]


async def test_an_answer_that_is_no_json(run, service):
    service.control(answer="I would say 1999.")
    with pytest.raises(BadReplyError, match="not the JSON") as caught:
        await run("ask", "which year?", png(), schema=SCHEMA)
    assert caught.value.text == "I would say 1999."


@pytest.mark.parametrize("model", [QUESTIONS, "gemini-nano-banana-2.1"])
async def test_boxes_are_in_pixels_of_the_first_picture(model, run, service):
    reply = await run("ask", "", png((200, 100)), model=model, boxes="cats")
    assert reply.boxes == (Box("cat", 40, 10, 120, 50),)
    assert "Find cats in image 1" in parts(service.requests()[0])[-1]["text"]


async def test_boxes_lie_in_the_frame_after_orientation(run, service):
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying, shown upright
    Image.new("RGB", (200, 100)).save(out, "JPEG", exif=exif)
    reply = await run("ask", "", Picture(out.getvalue()), boxes="")
    assert reply.boxes == (Box("cat", 20, 20, 60, 100),)
    assert "everything notable" in parts(service.requests()[0])[-1]["text"]


async def test_boxes_beyond_the_picture_are_cut_and_bad_ones_dropped_and_both_said(run, service):
    service.control(
        boxes=[
            {"box_2d": [-50, 0, 500, 1200], "label": "sky"},
            {"box_2d": [500, 600, 100, 200], "label": "turned"},
            {"box_2d": [1, 2, 3], "label": "short"},
            {"label": "none"},
            {"box_2d": [100, 100, 100, 100], "label": "flat"},
        ]
    )
    reply = await run("ask", "", png((100, 100)), boxes="things")
    assert reply.boxes == (Box("sky", 0, 0, 100, 50), Box("turned", 20, 10, 60, 50))
    assert reply.warnings == ("1 of 5 boxes reached beyond the picture and were cut to it.", "3 of 5 boxes could not be used.")


async def test_no_boxes_is_an_answer(run, service):
    service.control(boxes=[])
    assert (await run("ask", "", png(), boxes="unicorns")).boxes == ()


@pytest.mark.parametrize("text", ['[{"a": 1}]', '```json\n[{"a": 1}]\n```', 'Here: [{"a": 1}] and that is all', '```\n[{"a": 1}]```'])
def test_json_is_found_in_what_models_write(text):
    assert questions.value(text) == [{"a": 1}]


async def test_a_stream_that_breaks_off_is_not_asked_again_and_keeps_its_words(run, service):
    service.control({"kind": "reply", "reply": "cut_stream"})
    with pytest.raises(BadReplyError, match="broke off") as caught:
        await run("ask", "what is it?", png())
    assert caught.value.text == "You "
    assert len(service.requests()) == 1


async def test_overload_before_the_first_word_is_waited_out(run, service):
    service.control({"kind": "status", "status": 503})
    assert (await run("ask", "what is it?", png())).text
    assert len(service.requests()) == 2


async def test_overload_that_stays_is_an_error(run, service, settings):
    settings.set("retries", 0)
    service.control({"kind": "status", "status": 503})
    with pytest.raises(OverloadedError):
        await run("ask", "what is it?", png())


async def test_cancelling_a_stream_closes_the_connection(provider, service):
    service.control({"kind": "reply", "reply": "slow_stream", "seconds": 60})
    first = asyncio.Event()
    request = Request("ask", "what is it?", QUESTIONS, inputs=(png(),))
    task = asyncio.create_task(provider.run(request, lambda _event: first.set()))
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(service.wait_for, lambda rows: rows[0]["state"] == "client left")


async def test_server_history_of_questions(run, service, settings):
    photo = png()
    first = await run("ask", "what is it?", photo, history="server")
    past = (asked(settings, "what is it?", first.text, photo, raw=first.raw),)
    await run("ask", "what colour?", photo, history="server", past=past)
    body = service.requests()[-1]["body"]
    assert body["previous_interaction_id"]
    assert [block["type"] for block in body["input"][0]["content"]] == ["text"]


async def test_hashes_of_pictures_stand_in_what_was_sent(run):
    photo = png()
    reply = await run("ask", "what is it?", photo)
    assert reply.sent["contents"][0]["parts"][0]["inline_data"]["data"] == f"sha256:{hashlib.sha256(photo.data).hexdigest()}"


@pytest.mark.parametrize("number", ["1e308", "1" + "0" * 400, "1e999", "NaN", "null", '"far"', "[1]"])
async def test_a_box_with_an_impossible_number_is_dropped_and_the_others_stay(number, run, service):
    service.control(
        answer=f'[{{"box_2d": [0, 0, 500, {number}], "label": "odd"}}, {{"box_2d": [0, 0, 500, 500], "label": null, "score": {number}}}]'
    )
    reply = await run("ask", "", png((100, 100)), model="gemini-nano-banana-2.1", boxes="cats")
    (box,) = reply.boxes
    assert (box.label, box.right, box.bottom) == ("", 50, 50)
    assert box.score in (None, 1e308)
    assert reply.warnings == ("1 of 2 boxes could not be used.",)


async def test_an_answer_nested_without_end_is_no_json(run, service):
    service.control(answer="[" * 100_000)
    with pytest.raises(BadReplyError, match="not the JSON") as caught:
        await run("ask", "", png(), model="gemini-nano-banana-2.1", boxes="cats")
    assert caught.value.usage["output_tokens"] == 9, "it was counted all the same"
