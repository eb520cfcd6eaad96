from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from notebook_img.errors import BadReplyError, RefusedError, ReplyTimeoutError, RequestRefusedError
from notebook_img.pictures import Picture
from notebook_img.providers.interface import TextEvent, WaitEvent
from tests.providers.openai.conftest import past, picture, pixels_hash


async def test_the_pixels_that_arrive_are_those_of_the_input(openai, service):
    shown = picture((90, 60), box=(10, 10, 20, 30))
    reply = await openai("ask", inputs=(shown,))
    assert f"90x60 {''}" in reply.text
    assert f"pixels:{pixels_hash(shown)[:16]}" in reply.text


async def test_a_turned_photograph_arrives_upright(openai):
    image = Image.new("RGB", (80, 40), "navy")
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "PNG", exif=exif)
    reply = await openai("ask", inputs=(Picture(stream.getvalue()),))
    assert "40x80" in reply.text
    assert any("upright" in warning for warning in reply.warnings)


async def test_an_answer_streams_in_pieces_that_make_up_the_text(openai, service):
    service.control(pace=0.01)
    reply = await openai("ask", inputs=(picture(),))
    pieces = [event.text for event in openai.told(TextEvent)]
    assert len(pieces) > 5
    assert "".join(pieces) == reply.text
    assert service.requests("chat")[0]["body"]["stream"] is True


async def test_usage_is_told_and_an_unknown_price_is_not_zero(openai, service):
    reply = await openai("ask", inputs=(picture(),))
    assert reply.usage.input_tokens == 110
    assert reply.usage.output_tokens > 0
    assert reply.cost == pytest.approx((110 * 1 + reply.usage.output_tokens * 5) / 1e6)
    service.control(models=["gpt-9-nova"])
    assert (await openai("ask", model="gpt-9-nova", inputs=(picture(),))).cost is None


async def test_several_pictures_are_named_in_order(openai, service):
    one, two = picture(name="a.png"), picture(colour="#0000ff", name="b.png")
    reply = await openai("ask", "Which is blue?", inputs=(one, two))
    content = service.requests("chat")[0]["body"]["messages"][0]["content"]
    assert [part.get("text") for part in content] == ["Image 1 (a.png):", None, "Image 2 (b.png):", None, "Which is blue?"]
    assert reply.text.index("#c83214") < reply.text.index("#0000ff")


async def test_a_follow_up_sends_pictures_once_and_the_words_before(openai, service):
    shown = picture()
    history = (past("ask", "What?", text="A square.", inputs=(shown,)),)
    reply = await openai("ask", "And its colour?", inputs=(shown,), past=history)
    messages = service.requests("chat")[0]["body"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert "I see 1 pictures" in reply.text
    assert messages[2]["content"] == "And its colour?"


async def test_a_follow_up_that_names_no_picture_keeps_that_of_the_question(openai):
    history = (past("ask", "What?", text="A square.", inputs=(picture(),)), past("ask", "Why?", text="So."))
    reply = await openai("ask", "And?", past=history)
    assert "I see 1 pictures" in reply.text
    assert "there were 4 messages" in reply.text


async def test_no_more_earlier_questions_are_sent_than_the_setting_allows_and_the_picture_stays(endpoint):
    few = endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra"}, vision_max_history=1)
    history = (past("ask", "1?", text="1.", inputs=(picture(),)), past("ask", "2?", text="2."), past("ask", "3?", text="3."))
    reply = await few("ask", "4?", past=history)
    assert "I see 1 pictures" in reply.text
    assert "there were 2 messages" in reply.text


async def test_an_edit_before_a_question_is_no_part_of_its_conversation(openai):
    reply = await openai("ask", inputs=(picture(),), past=(past("edit", "paint", pictures=(picture(),)),))
    assert "there were 0 messages" in reply.text


async def test_detail_is_sent_where_asked_and_understood(openai, service):
    await openai("ask", inputs=(picture(),), detail="high")
    await openai("ask", inputs=(picture(),))
    asked, plain = (row["body"]["messages"][0]["content"][0]["image_url"] for row in service.requests("chat"))
    assert asked["detail"] == "high"
    assert "detail" not in plain


async def test_detail_is_left_out_and_said_where_it_is_not_understood(endpoint, service):
    service.control(detail=False, models=["qwen3-vl"], key="")
    reply = await endpoint("ollama")("ask", inputs=(picture(),), detail="high")
    assert any("detail" in warning for warning in reply.warnings)


async def test_what_was_sent_is_recorded_with_hashes_in_place_of_pictures(openai):
    shown = picture((300, 300), box=(3, 4, 100, 120))
    reply = await openai("ask", inputs=(shown,))
    url = reply.sent["requests"][0]["messages"][0]["content"][0]["image_url"]["url"]
    assert url == f"sha256:{shown.sha256}"
    assert "test-key" not in str(reply)


async def test_vision_variables_rule_the_vision_endpoint(endpoint, service):
    service.control(models=["my-vl"])
    vision = endpoint("vision", environ={"VISION_MODEL": "my-vl", "VISION_MAX_TOKENS": "77", "VISION_TEMPERATURE": "0.25"})
    reply = await vision("ask", inputs=(picture(),))
    body = service.requests("chat")[0]["body"]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("my-vl", 77, 0.25)
    assert reply.cost == 0.0
    assert reply.free


async def test_vision_timeout_ends_the_wait_and_the_call_is_not_repeated(endpoint, service):
    service.control({"kind": "hang"})
    vision = endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra", "VISION_TIMEOUT": "1"})
    with pytest.raises(ReplyTimeoutError, match="in time"):
        await vision("ask", inputs=(picture(),))
    assert len(service.requests("chat")) == 1


async def test_a_picture_above_the_size_limit_is_sent_smaller_and_said(endpoint, service):
    image = Image.effect_noise((900, 900), 90).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "PNG")
    shown = Picture(stream.getvalue(), name="big.png")
    assert len(shown.data) > 500_000
    vision = endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra", "VISION_MAX_IMAGE_SIZE": "200kB"})
    reply = await vision("ask", inputs=(shown,))
    assert service.requests("chat")[0]["size"] < 300_000
    assert reply.warnings


async def test_a_server_without_stream_options_is_asked_again_without_them(endpoint, service):
    service.control(stream_options=False)
    reply = await endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra"})("ask", inputs=(picture(),))
    assert "I see 1 pictures" in reply.text
    assert reply.usage.input_tokens is None


async def test_a_server_that_does_not_stream_is_understood(endpoint, service):
    service.control(streams=False)
    reply = await endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra"})("ask", inputs=(picture(),))
    assert "I see 1 pictures" in reply.text


async def test_a_model_that_wants_its_limit_by_another_name_gets_it(endpoint, service):
    service.control(completion_tokens_only=True)
    vision = endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra", "VISION_MAX_TOKENS": "9"})
    await vision("ask", inputs=(picture(),))
    assert service.requests("chat")[-1]["body"]["max_completion_tokens"] == 9


async def test_bare_base64_for_servers_that_want_it(endpoint, service):
    service.control(bare_base64=True, models=["m"], key="")
    own = endpoint("garage", toml='[garage]\nbase_url = "BASE"\nask_model = "m"\nbare_base64 = true\n')
    assert "I see 1 pictures" in (await own("ask", inputs=(picture(),))).text


async def test_the_model_a_server_has_loaded_is_found(endpoint, service):
    service.control(models=["text-embedding-x", "llama-4-8b", "qwen2.5-vl-7b"], key="")
    reply = await endpoint("lmstudio")("ask", inputs=(picture(),))
    assert reply.model == "qwen2.5-vl-7b"


async def test_a_model_that_cannot_see_says_so_with_those_that_can(openai, service):
    service.control(blind=["gpt-6.1-terra"], model_facts={"gpt-6-astra": {"architecture": {"input_modalities": ["text", "image"]}}})
    with pytest.raises(RequestRefusedError, match=r"cannot see.*does not support image.*gpt-6-astra can"):
        await openai("ask", inputs=(picture(),))


async def test_a_stream_cut_half_way_is_not_asked_for_again(openai, service):
    service.control({"kind": "reply", "reply": "cut_stream"})
    with pytest.raises(ReplyTimeoutError, match="broke before its answer") as caught:
        await openai("ask", inputs=(picture(),))
    assert len(service.requests("chat")) == 1
    assert openai.told(TextEvent)
    assert caught.value.text == "".join(event.text for event in openai.told(TextEvent))


async def test_a_stream_that_ends_without_an_end_is_no_answer(openai, service):
    service.control({"kind": "reply", "reply": "end_early"})
    with pytest.raises(ReplyTimeoutError, match="broke off") as caught:
        await openai("ask", inputs=(picture(),))
    assert caught.value.text.startswith("I see")


async def test_an_error_told_inside_a_stream_is_told(openai, service):
    service.control({"kind": "reply", "reply": "error_midway"})
    with pytest.raises(BadReplyError, match="ran out of memory"):
        await openai("ask", inputs=(picture(),))


async def test_a_stream_that_stalls_runs_into_the_time_limit(endpoint, service):
    service.control({"kind": "reply", "reply": "hang_midway"})
    with pytest.raises(ReplyTimeoutError, match="no whole answer in time"):
        await endpoint(timeout=1.0)("ask", inputs=(picture(),))


async def test_cancelling_closes_the_connection(openai, service):
    service.control(pace=0.2)
    task = asyncio.create_task(openai("ask", inputs=(picture(),)))
    await openai.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(service.wait_for, lambda rows: rows[-1]["state"] == "client left", "chat")


async def test_an_answer_cut_by_its_length_is_given_and_said(openai, service):
    service.control({"kind": "reply", "reply": "length"})
    reply = await openai("ask", inputs=(picture(),))
    assert any("cut off by its length limit" in warning for warning in reply.warnings)


@pytest.mark.parametrize("how", ["refusal", "content_filter"])
async def test_a_refusal_is_typed_with_stage_and_reason(openai, service, how):
    service.control({"kind": "reply", "reply": how})
    with pytest.raises(RefusedError) as caught:
        await openai("ask", inputs=(picture(),))
    assert (caught.value.stage, caught.value.reason) == ("output", how)


async def test_a_refused_prompt_is_typed(openai, service):
    service.control({"kind": "reply", "reply": "refuse_prompt"})
    with pytest.raises(RefusedError, match="safety system") as caught:
        await openai("ask", inputs=(picture(),))
    assert caught.value.stage == "prompt"


async def test_an_error_in_a_200_is_an_error(openai, service):
    service.control({"kind": "reply", "reply": "error_in_200", "times": -1})
    with pytest.raises(BadReplyError, match=r"tired.*may have been billed"):
        await openai("ask", schema={"type": "object"})
    assert not openai.told(WaitEvent)
