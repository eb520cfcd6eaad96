"""History kept by the service: the Responses API with its image tool."""

from __future__ import annotations

import pytest

from notebook_img.errors import BadReplyError, NoPictureError, RefusedError
from notebook_img.pictures import Picture, load
from notebook_img.providers.interface import PartialEvent, Request
from tests.providers.openai.conftest import PlacedCall, answer, mask, past, picture, stream_of


async def first_turn(openai: PlacedCall, **values) -> tuple[Picture, object]:
    reply = await openai("edit", "night", inputs=(picture((1024, 1024)),), history="server", **values)
    return load(reply.pictures[0]), reply.raw


async def test_the_second_turn_sends_only_what_is_new(openai, service):
    shown, raw = await first_turn(openai)
    reply = await openai("edit", "add a moon", inputs=(shown,), history="server", past=(past("edit", "night", pictures=(shown,), raw=raw),))
    first, second = service.requests("responses")
    assert second["body"]["previous_response_id"] == raw["responses"][0]["id"]
    assert [part["type"] for part in second["body"]["input"][0]["content"]] == ["input_text"]
    assert second["size"] < 700 < first["size"]
    assert reply.got["revised_prompt"] == "with 2 before"
    assert not any("afresh" in warning or "expired" in warning for warning in reply.warnings)
    assert reply.cost > reply.got["image_cost"] > 0, "the chat model that reads along is paid for too"


async def test_what_the_next_turn_costs_is_estimated_by_what_was_counted_of_the_conversation(openai, endpoint):
    provider, day = endpoint().provider, "2026-11-28"
    made = await openai("edit", "night", inputs=(picture((1024, 1024)),), history="server")
    shown = load(made.pictures[0])
    ranges = {}
    for case, turns, inputs in (
        ("first", (), (picture((1024, 1024)),)),
        ("counted", (past("edit", "night", pictures=(shown,), raw=made.raw, got=made.got),), (shown,)),
        ("long", (past("edit", "night", pictures=(shown,), got={**made.got, "chat_tokens": 100_000}),), (shown,)),
        ("not counted", (past("edit", "night " * 100, pictures=(shown,) * 4, got={"ids": ["resp_1"]}),), (shown,)),
        ("of another kind", (past("edit", "night", pictures=(shown,), got={"model": "x"}),), (shown,)),
    ):
        request = Request("edit", "add a moon", "gpt-image-2.6-sunburst", inputs=inputs, history="server", past=turns, day=day)
        ranges[case] = provider.price_range(request)
        assert ranges[case].low < ranges[case].high == provider.estimate(request)
    # A hundred thousand tokens at 1 dollar a million, or at 0.05 from the cache.
    assert ranges["long"].high - ranges["of another kind"].high == pytest.approx(0.1, rel=0.01)
    assert 0.004 < ranges["long"].low - ranges["counted"].low < 0.006
    assert ranges["not counted"].high > ranges["of another kind"].high
    reply = await openai(
        "edit", "add a moon", inputs=(shown,), history="server", past=(past("edit", "night", pictures=(shown,), raw=made.raw),)
    )
    assert ranges["counted"].low <= reply.cost <= ranges["counted"].high, (ranges["counted"], reply.cost, reply.got, reply.usage)


def test_what_a_conversation_costs_is_unknown_where_the_price_of_the_model_that_reads_along_is(endpoint):
    asked = endpoint(environ={"NOTEBOOK_IMG_OPENAI_CHAT_MODEL": "gpt-9-nova"}).provider
    assert asked.price_range(Request("generate", "a fox", "gpt-image-2.6-sunburst", history="server")) is None


async def test_raw_state_is_json_without_any_key(openai):
    import json

    _, raw = await first_turn(openai)
    assert "test-key" not in json.dumps(raw)
    assert raw["state"] == "openai.responses"


async def test_an_expired_conversation_is_rebuilt_from_the_last_picture_and_that_is_said(openai, service):
    shown, raw = await first_turn(openai)
    raw["responses"][0]["id"] = "resp_gone"
    reply = await openai("edit", "add a moon", inputs=(shown,), history="server", past=(past("edit", "night", pictures=(shown,), raw=raw),))
    assert any("expired" in warning for warning in reply.warnings)
    last = service.requests("responses")[-1]["body"]
    assert "previous_response_id" not in last
    assert [part["type"] for part in last["input"][0]["content"]] == ["input_image", "input_text"]


@pytest.mark.parametrize("change", ["key", "picture", "provider", "none"])
async def test_state_that_belongs_to_something_else_is_not_used_and_that_is_said(openai, endpoint, service, change):
    shown, raw = await first_turn(openai)
    asked, model = openai, "openai:x"
    if change == "key":
        service.control(key="")
        asked = endpoint(key="another-key-9876543210")
    elif change == "picture":
        shown = picture((1024, 1024), "#00ff00")
    elif change == "provider":
        model = "gemini:x"
    else:
        raw = None
    reply = await asked("edit", "moon", inputs=(shown,), history="server", past=(past("edit", "night", raw=raw, model=model),))
    assert "previous_response_id" not in service.requests("responses")[-1]["body"]
    assert any("afresh" in warning for warning in reply.warnings)


async def test_of_several_variants_the_one_gone_on_from_decides(openai, service):
    reply = await openai("generate", "a fox", count=2, history="server")
    second = load(reply.pictures[1])
    await openai("edit", "closer", inputs=(second,), history="server", past=(past("generate", "a fox", pictures=(second,), raw=reply.raw),))
    wanted = next(state["id"] for state in reply.raw["responses"] if second.sha256 in state["pictures"])
    assert service.requests("responses")[-1]["body"]["previous_response_id"] == wanted


async def test_a_masked_edit_names_its_picture_and_its_mask(openai, service):
    shown, raw = await first_turn(openai)
    region = mask(shown.size, (0, 0, 50, 50))
    await openai("edit", "hole", inputs=(shown,), mask=region, history="server", past=(past("edit", "n", pictures=(shown,), raw=raw),))
    body = service.requests("responses")[-1]["body"]
    assert body["tools"][0]["input_image_mask"]["image_url"].startswith("sha256:")
    assert body["input"][0]["content"][0]["type"] == "input_image"


async def test_partial_pictures_stream_there_too(openai):
    reply = await openai("generate", "a fox", history="server", wants_partials=True)
    assert len(openai.told(PartialEvent)) == 2
    assert reply.pictures


async def test_words_instead_of_a_picture_are_told(openai, service):
    service.control({"kind": "reply", "reply": "text_only"})
    with pytest.raises(NoPictureError) as caught:
        await openai("generate", "a fox", history="server")
    assert caught.value.text == "Done."


def failed(code: str) -> dict[str, object]:
    error = {"code": code, "message": "It went wrong."}
    return {"id": "resp_1", "object": "response", "model": "m", "status": "failed", "output": [], "tools": [], "error": error}


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
async def test_a_response_that_failed_after_partial_pictures_is_not_asked_for_again(openai, service, code):
    early = {"type": "response.image_generation_call.partial_image", "item_id": "ig", "output_index": 0, "partial_image_index": 0}
    service.control(stream_of({**early, "partial_image_b64": "AAAA"}, {"type": "response.failed", "response": failed(code)}))
    with pytest.raises(BadReplyError, match="went wrong"):
        await openai("generate", "a fox", history="server", wants_partials=True)
    assert len(openai.told(PartialEvent)) == 1
    assert len(service.requests("responses")) == 1


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
async def test_a_finished_response_that_failed_is_not_asked_for_again(openai, service, code):
    service.control(answer(failed(code)))
    with pytest.raises(BadReplyError, match="went wrong"):
        await openai("generate", "a fox", history="server")
    assert len(service.requests("responses")) == 1


async def test_a_refusal_in_words_is_told_with_what_was_counted(openai, service):
    message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    service.control(answer({**failed(""), "error": None, "status": "completed", "output": [message], "usage": usage}))
    with pytest.raises(RefusedError, match="I cannot") as caught:
        await openai("generate", "a fox", history="server")
    assert caught.value.usage == {"chat_tokens": 2}


async def test_a_response_refused_for_its_content_is_a_refusal(openai, service):
    service.control(answer(failed("image_content_policy_violation")))
    with pytest.raises(RefusedError):
        await openai("generate", "a fight", history="server")


async def test_refusals_are_typed_there_too(openai, service):
    service.control({"kind": "reply", "reply": "refuse_output"})
    with pytest.raises(RefusedError) as caught:
        await openai("generate", "a fight", history="server")
    assert caught.value.stage == "output"
