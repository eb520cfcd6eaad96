"""A reply is read as leniently as our own inputs: what was paid for is not lost for a line break."""

from __future__ import annotations

import base64
import json

import pytest

from notebook_img.errors import ReplyTimeoutError
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.providers.interface import Request
from notebook_img.providers.received import decoded, is_url, pictures_in, whole_url
from notebook_img.settings import Settings
from tests.providers.openai.conftest import PlacedCall, answer, endpoint, openai, picture, service, stream_of

__all__ = ["PlacedCall", "endpoint", "openai", "service"]

PIXELS = picture((61, 47)).data
PLAIN = base64.b64encode(PIXELS).decode()
FORMS = {
    "as it should be": PLAIN,
    "on lines of 76": "\r\n".join(PLAIN[at : at + 76] for at in range(0, len(PLAIN), 76)),
    "with a last newline": f"{PLAIN}\n",
    "without padding": PLAIN.rstrip("="),
    "in the alphabet of URLs": base64.urlsafe_b64encode(PIXELS).decode().rstrip("="),
    "as a data URL": f"data:image/png;base64,{PLAIN}",
    "as a data URL in capitals": f"DATA:image/png;base64,{PLAIN}",
    "with percent signs": PLAIN.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
}


@pytest.mark.parametrize("form", FORMS)
def test_base64_is_read_in_every_form(form):
    assert decoded(FORMS[form]) == PIXELS
    assert not is_url(FORMS[form])


@pytest.mark.parametrize("odd", [None, 5, "", "not base64!", "data:,", ["x"]])
def test_what_is_no_base64_is_none(odd):
    assert decoded(odd) is None


@pytest.mark.parametrize("form", FORMS)
async def test_openai_pictures_are_kept_in_every_form(openai, service, form):
    service.control(answer({"created": 1, "data": [{"b64_json": FORMS[form]}]}))
    assert (await openai("generate", "a fox")).pictures == (PIXELS,)


@pytest.mark.parametrize("form", FORMS)
async def test_gemini_pictures_are_kept_in_every_form(start_emulator, home, form):
    service = start_emulator("gemini")
    part = {"inlineData": {"mimeType": "image/png", "data": FORMS[form]}}
    service.control(answer({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [part]}}]}))
    assert (await _gemini(service, home)).pictures == (PIXELS,)


async def test_the_only_picture_among_gemini_s_thoughts_is_taken_and_said(start_emulator, home):
    service = start_emulator("gemini")
    part = {"thought": True, "inlineData": {"mimeType": "image/png", "data": PLAIN}}
    service.control(answer({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [part]}}]}))
    reply = await _gemini(service, home)
    assert reply.pictures == (PIXELS,)
    assert "marked as a thought" in " ".join(reply.warnings)


async def _gemini(service, home):
    provider = GeminiProvider(Settings({"GEMINI_API_KEY": "k" * 20, "GOOGLE_GEMINI_BASE_URL": service.url}, home=home))
    try:
        return await provider.run(Request("generate", "a fox", "gemini-nano-banana-2.1"), lambda _event: None)
    finally:
        await provider.aclose()


DATA = f"data:image/png;base64,{PLAIN}"
MESSAGES = {
    "markdown": {"content": f"Here it is:\n\n![a fox]({DATA})\n\nEnjoy."},
    "bare data URL": {"content": DATA},
    "html": {"content": f'<p>Yes</p><img alt="x" src="{DATA}" width=3>'},
    "list of texts": {"content": "ok", "images": [DATA]},
    "list of base64": {"content": "ok", "images": [{"b64_json": PLAIN}]},
    "list of urls": {"content": "ok", "images": [{"url": DATA}]},
    "as documented": {"content": "ok", "images": [{"type": "image_url", "image_url": {"url": DATA}}]},
}


@pytest.mark.parametrize("form", MESSAGES)
async def test_a_picture_in_a_chat_answer_is_found_wherever_it_stands(endpoint, service, form):
    service.control(
        answer({"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **MESSAGES[form]}}]})
    )
    gateway = endpoint("openrouter", key="test-key-0123456789")
    reply = await gateway("generate", "a fox", model="google/gemini-image")
    assert reply.pictures == (PIXELS,)
    assert PLAIN[:40] not in reply.text


def test_a_url_that_stands_alone_is_a_picture_and_one_in_a_sentence_is_not():
    assert pictures_in(" https://host.example/a.png \n").places == ("https://host.example/a.png",)
    assert pictures_in("See https://host.example/a.png for more.").places == ()
    assert pictures_in("2 < 3 and [a](b) stay").text == "2 < 3 and [a](b) stay"


@pytest.mark.parametrize(
    ("told", "base", "whole"),
    [
        ("/files/a.png", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/files/a.png"),
        ("files/a.png", "http://127.0.0.1:9/v1?key=x", "http://127.0.0.1:9/v1/files/a.png"),
        ("http://localhost:9/a.png", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/a.png"),
        ("HTTP://0.0.0.0:9/a.png", "http://localhost:9/v1", "http://localhost:9/a.png"),
        ("http://localhost:10/a.png", "http://127.0.0.1:9/v1", "http://localhost:10/a.png"),
        ("http://10.0.0.7:9/a.png", "http://127.0.0.1:9/v1", "http://10.0.0.7:9/a.png"),
        ("https://cdn.example/a.png?sig=1", "https://api.example/v1", "https://cdn.example/a.png?sig=1"),
        ("http://[::1", "https://api.example/v1", "http://[::1"),
    ],
)
def test_a_url_is_made_whole_and_reaches_no_other_host(told, base, whole):
    assert is_url(told)
    assert whole_url(told, base) == whole


CHUNKS = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("A ", "fox.")]


async def test_an_answer_that_ends_without_a_reason_is_whole_when_the_server_says_so(openai, service):
    service.control(stream_of(*CHUNKS, "[DONE]"))
    assert (await openai("ask", inputs=(picture(),))).text == "A fox."


async def test_an_answer_that_ends_without_a_reason_or_a_word_of_its_end_is_not(openai, service):
    service.control(stream_of(*CHUNKS))
    with pytest.raises(ReplyTimeoutError, match="broke off") as caught:
        await openai("ask", inputs=(picture(),))
    assert caught.value.text == "A fox."


async def test_an_event_stream_under_another_name_is_read(openai, service):
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n"
    service.control({"kind": "status", "status": 200, "body": body, "headers": {"Content-Type": "text/plain; charset=utf-8"}})
    assert (await openai("ask", inputs=(picture(),))).text == "A fox."


async def test_a_stream_that_drips_ends_at_the_time_limit(endpoint, service):
    service.control(pace=0.3)
    with pytest.raises(ReplyTimeoutError, match="in time"):
        await endpoint(timeout=1.0)("ask", inputs=(picture(),))


THINKING = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in ("<th", "ink>Hm, ", "ears.", "</think>\n\n", "A ", "fox.")]


async def test_thoughts_are_kept_beside_the_answer_and_never_shown_as_it(openai, service):
    service.control(stream_of(*THINKING, "[DONE]"))
    reply = await openai("ask", inputs=(picture(),))
    assert (reply.text, reply.got["thoughts"]) == ("A fox.", "Hm, ears.")
    assert "".join(event.text for event in openai.events) == "A fox."


async def test_thoughts_that_a_server_lists_apart_are_kept_too(openai, service):
    message = {"role": "assistant", "content": '{"a": 1}', "reasoning_content": "Hm."}
    service.control(answer({"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}))
    assert (await openai("ask", schema={"type": "object"})).got["thoughts"] == "Hm."


def test_a_megabyte_of_words_is_cut_in_a_notebook_and_that_is_said():
    from notebook_img.display.answers import answer as shown
    from notebook_img.display.captions import Caption

    words = "ä" * 1_000_000
    bundle = shown(words)
    assert all(len(form.encode()) < 21_000 for form in bundle.data.values())
    assert "1,000,000 characters" in bundle.text
    assert len(Caption(text=words).html().encode()) < 21_000
