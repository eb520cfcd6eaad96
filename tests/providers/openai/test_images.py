from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from notebook_img.errors import BadReplyError, JobPendingError, NoPictureError, RefusedError, ReplyTimeoutError, UnsupportedError
from notebook_img.pictures import load
from notebook_img.providers import retry
from notebook_img.providers.interface import PartialEvent, SubmittedEvent, WaitEvent
from tests.providers.openai.conftest import KEY, answer, mask, picture


async def test_a_picture_is_generated_with_usage_and_cost(openai, service):
    reply = await openai("generate", "a fox")
    assert load(reply.pictures[0]).mime_type == "image/png"
    assert reply.usage.by_modality["output_image"] == 1056
    assert reply.cost == pytest.approx((1 * 5 + 1056 * 30) / 1e6)
    assert reply.got["revised_prompt"] == "as understood"
    body = service.requests("images")[0]["body"]
    assert "response_format" not in body
    assert "stream" not in body


async def test_several_pictures_come_from_one_request(openai, service):
    reply = await openai("generate", "a fox", count=3)
    assert len(set(reply.pictures)) == 3
    assert service.requests("images")[0]["body"]["n"] == 3


async def test_fewer_pictures_than_asked_for_are_said(openai, service):
    service.control({"kind": "reply", "reply": "two_pictures_short"})
    reply = await openai("generate", "a fox", count=3)
    assert len(reply.pictures) == 1
    assert any("1 of 3" in warning for warning in reply.warnings)


async def test_a_filtered_one_of_several_is_said_and_the_others_are_kept(openai, service):
    service.control({"kind": "reply", "reply": "one_fails"})
    reply = await openai("generate", "a fox", count=3)
    assert len(reply.pictures) == 2
    assert any("1 of 3" in warning and "filtered" in warning for warning in reply.warnings)


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ({"aspect_ratio": "16:9"}, (1360, 768)),
        ({"aspect_ratio": "1:1", "size": "2K"}, (2048, 2048)),
        ({"size": "1536x864"}, (1536, 864)),
        ({"aspect_ratio": "3:1"}, (1776, 592)),
    ],
)
async def test_sizes_and_ratios_become_sizes_the_model_makes(openai, values, size):
    made = load((await openai("generate", "a fox", **values)).pictures[0])
    assert made.width / made.height == pytest.approx(size[0] / size[1], rel=0.01)
    assert made.width * made.height == pytest.approx(size[0] * size[1], rel=0.05)


@pytest.mark.parametrize(
    "values", [{"size": "1000x1000"}, {"size": "4096x4096"}, {"size": "2048x512"}, {"size": "256x256"}, {"aspect_ratio": "1:8"}]
)
async def test_a_size_the_model_does_not_make_is_refused_before_it_is_sent(openai, service, values):
    with pytest.raises(UnsupportedError):
        await openai("generate", "a fox", **values)
    assert not service.requests("images")


async def test_older_models_have_three_sizes(openai):
    made = load((await openai("generate", "a fox", model="gpt-image-1.5", aspect_ratio="3:2")).pictures[0])
    assert made.size == (1536, 1024)
    with pytest.raises(UnsupportedError, match="16:9"):
        await openai("generate", "a fox", model="gpt-image-1.5", aspect_ratio="16:9")


async def test_own_options_go_by_the_services_names(openai, service):
    options = {
        "quality": "high",
        "background": "transparent",
        "format": "webp",
        "compression": 60,
        "moderation": "low",
        "complexity": "low",
    }
    reply = await openai("generate", "a fox", options=options)
    body = service.requests("images")[0]["body"]
    assert (body["output_format"], body["output_compression"], body["quality"]) == ("webp", 60, "high")
    assert load(reply.pictures[0]).mime_type == "image/webp"


async def test_options_that_exclude_each_other_are_refused(openai):
    with pytest.raises(UnsupportedError, match="transparent"):
        await openai("generate", "a fox", options={"background": "transparent", "format": "jpeg"})
    with pytest.raises(UnsupportedError, match="compression"):
        await openai("generate", "a fox", options={"compression": 5})


async def test_an_edit_sends_the_pictures_bytes_with_name_and_type(openai, service):
    shown = picture((900, 600))
    reply = await openai("edit", "warmer", inputs=(shown,))
    parts = {part["name"]: part for part in service.requests("edits")[0]["body"]}
    assert parts["image"]["sha256"] == shown.sha256
    assert (parts["image"]["filename"], parts["image"]["content_type"]) == ("image-1.png", "image/png")
    assert reply.sent["requests"][0]["image"] == [f"sha256:{shown.sha256}"]


async def test_an_edit_keeps_the_ratio_of_its_picture(openai):
    for size in ((900, 600), (1000, 707), (333, 999), (64, 48)):
        made = load((await openai("edit", "warmer", inputs=(picture(size),))).pictures[0])
        assert made.width / made.height == pytest.approx(size[0] / size[1], rel=0.02)


async def test_sixteen_pictures_go_as_a_list_in_order(openai, service):
    pictures = tuple(picture((32, 32), f"#{place:02x}00ff") for place in range(16))
    await openai("edit", "all of them", inputs=pictures[:1], references=pictures[1:])
    sent = [part["sha256"] for part in service.requests("edits")[0]["body"] if part["name"] == "image[]"]
    assert sent == [shown.sha256 for shown in pictures]


async def test_a_mask_is_sent_in_the_services_convention_and_the_region_changes(openai, service):
    shown, region = picture((1024, 1024)), (256, 256, 512, 768)
    reply = await openai("edit", "a hole", inputs=(shown,), mask=mask((1024, 1024), region))
    number = service.requests("edits")[0]["number"]
    assert b'name="mask"' in service.body(number)
    before, after = shown.array()[..., :3].astype(int), load(reply.pictures[0]).array()[..., :3].astype(int)
    assert before.shape == after.shape
    difference = np.abs(before - after).max(axis=2)
    inside = np.zeros((1024, 1024), bool)
    inside[256:768, 256:512] = True
    assert difference[inside].mean() > 30
    assert difference[~inside].max() <= 7  # the service moves pixels outside too; confining is the studio's work
    assert difference[~inside].max() > 0


async def test_with_a_mask_a_jpeg_goes_as_png_as_the_service_wants(openai, service):
    await openai("edit", "a hole", inputs=(picture((640, 480), kind="JPEG"),), mask=mask((640, 480), (0, 0, 20, 20)))
    parts = {part["name"]: part for part in service.requests("edits")[0]["body"]}
    assert parts["image"]["content_type"] == parts["mask"]["content_type"] == "image/png"


async def test_a_server_without_masks_is_told_the_region_in_words(endpoint, service):
    service.control(models=["m"], server=True, single_image=True)
    await endpoint("vllm")("edit", "a hole", model="m", inputs=(picture((100, 100)),), mask=mask((100, 100), (0, 0, 50, 25)))
    fields = {part["name"]: part.get("text") for part in service.requests("edits")[0]["body"]}
    assert "50 % of the width" in fields["prompt"]
    assert "mask" not in fields


async def test_a_server_that_knows_one_picture_only_gets_one_or_nothing(endpoint, service):
    service.control(models=["m"], server=True, single_image=True)
    await endpoint("vllm")("edit", "warmer", model="m", inputs=(picture(),))
    with pytest.raises(UnsupportedError, match="one picture at a time"):
        await endpoint("vllm")("edit", "both", model="m", inputs=(picture(),), references=(picture(),))


async def test_partial_pictures_are_asked_for_only_where_somebody_sees_them(openai, service):
    reply = await openai("generate", "a fox", wants_partials=True)
    partials = openai.told(PartialEvent)
    assert [event.index for event in partials] == [0, 1]
    assert load(partials[0].data).size == (64, 64)
    assert reply.usage.output_tokens == 1056
    assert load(reply.pictures[0]).size == (256, 256)
    edited = await openai("edit", "a fox", inputs=(picture(),), wants_partials=True)
    assert len(openai.told(PartialEvent)) == 2
    assert edited.pictures


@pytest.mark.parametrize(("model", "fidelity"), [("gpt-image-1.5", "high"), ("gpt-image-1.5", "low"), ("gpt-image-1-mini", "low")])
async def test_the_fidelity_a_model_offers_is_one_the_service_takes(openai, service, model, fidelity):
    service.control(models=[model])
    assert (await openai("edit", "warmer", model=model, inputs=(picture(),), options={"fidelity": fidelity})).pictures


async def test_a_picture_stream_cut_half_way_is_not_asked_for_again(openai, service):
    service.control({"kind": "reply", "reply": "cut_stream"})
    with pytest.raises(ReplyTimeoutError, match="broke before"):
        await openai("generate", "a fox", wants_partials=True)
    assert len(service.requests("images")) == 1


async def test_results_that_are_urls_are_fetched_at_once_and_without_the_key(endpoint, service):
    service.control(models=["glm-image"], server=True, urls_only=True)
    reply = await endpoint("zhipu")("generate", "a fox")
    assert load(reply.pictures[0]).size == (256, 256)
    fetched = service.requests("/files/")
    assert len(fetched) == 1
    assert "authorization" not in fetched[0]["headers"]


@pytest.fixture
def short_waits(monkeypatch):
    """Back off for hundredths of seconds: time is what tests may mock."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)


@pytest.mark.usefixtures("short_waits")
async def test_a_result_that_cannot_be_fetched_at_first_is_fetched_again_and_not_made_again(endpoint, service):
    service.control({"kind": "status", "status": 503, "path": "/files/", "times": 2}, models=["glm-image"], server=True, urls_only=True)
    zhipu = endpoint("zhipu")
    assert (await zhipu("generate", "a fox")).pictures
    assert len(service.requests("generations")) == 1
    assert len(service.requests("/files/")) == 3
    assert [event.attempt for event in zhipu.told(WaitEvent)] == [1, 2]


@pytest.mark.usefixtures("short_waits")
@pytest.mark.parametrize(
    "fault", [{"kind": "status", "status": 503}, {"kind": "status", "status": 429}, {"kind": "cut"}, {"kind": "status", "status": 404}]
)
async def test_a_result_that_cannot_be_fetched_is_a_job_with_what_it_cost(openai, service, fault):
    service.control({**fault, "path": "/files/", "times": -1}, urls_only=True)
    with pytest.raises(JobPendingError, match="was made, and can be fetched while its URL lasts") as caught:
        await openai("generate", "a fox")
    assert caught.value.cost == pytest.approx((1 * 5 + 1056 * 30) / 1e6)
    (event,) = openai.told(SubmittedEvent)
    state = json.loads(json.dumps(dict(event.state)))
    assert KEY not in json.dumps(state)
    with pytest.raises(JobPendingError, match="cannot be fetched now"):
        await openai.provider.resume(state, lambda _event: None)
    assert len(service.requests("generations")) == 1


@pytest.mark.usefixtures("short_waits")
async def test_what_could_not_be_fetched_is_fetched_later_and_not_made_again(openai, service):
    service.control({"kind": "status", "status": 404, "path": "/files/", "times": 1}, urls_only=True)
    with pytest.raises(JobPendingError):
        await openai("generate", "a fox")
    reply = await openai.provider.resume(openai.told(SubmittedEvent)[0].state, lambda _event: None)
    assert (len(reply.pictures), reply.usage.output_tokens) == (1, 1056)
    assert reply.cost == pytest.approx((1 * 5 + 1056 * 30) / 1e6)
    assert len(service.requests("generations")) == 1


async def test_of_several_results_the_urls_of_those_that_did_not_come_are_kept(openai, service):
    service.control({"kind": "status", "status": 404, "path": "/files/", "times": 1}, urls_only=True)
    reply = await openai("generate", "a fox", count=3)
    assert len(reply.pictures) == 2
    (left,) = reply.got["unfetched"]
    assert left.startswith(f"{service.url}/files/")


async def test_a_call_that_is_stopped_while_its_picture_is_fetched_is_a_job(openai, service):
    service.control({"kind": "hang", "path": "/files/"}, urls_only=True)
    task = asyncio.ensure_future(openai("generate", "a fox"))
    await asyncio.to_thread(service.wait_for, bool, "/files/")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    reply = await openai.provider.resume(openai.told(SubmittedEvent)[0].state, lambda _event: None)
    assert len(reply.pictures) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2:1/x.png", "http://169.254.169.254/latest", "file:///etc/passwd", "https://127.0.0.3/x.png"]
)
async def test_results_elsewhere_on_private_addresses_are_not_fetched(openai, service, url):
    service.control({"kind": "reply", "reply": "url", "url": url})
    with pytest.raises(BadReplyError):
        await openai("generate", "a fox")


async def test_a_server_that_makes_one_at_a_time_is_asked_in_parallel(endpoint, service):
    service.control({"kind": "status", "status": 400, "path": "generations"}, models=["x/z-image-turbo"], server=True, most=1, key="")
    reply = await endpoint("ollama")("generate", "a fox", count=3)
    assert len(service.requests("generations")) == 3
    assert len(reply.pictures) == 2
    assert any("1 of 3" in warning for warning in reply.warnings)
    assert reply.cost == 0.0
    assert reply.free


@pytest.mark.parametrize("bad", [[], [{"b64_json": "AAAA"}], [{"b64_json": 5}], 5])
async def test_of_pictures_asked_for_in_parallel_the_good_ones_are_kept(endpoint, service, bad):
    service.control(answer({"data": bad}, path="generations"), models=["m"], server=True, most=1, key="")
    reply = await endpoint("vllm")("generate", "a fox", model="m", count=2)
    assert len(service.requests("generations")) == 2
    assert len(reply.pictures) == 1
    assert any("1 of 2 pictures did not come" in warning for warning in reply.warnings)


async def test_seed_and_negative_prompt_go_to_servers_that_know_them(endpoint, service):
    service.control(models=["m"], server=True)
    await endpoint("vllm")("generate", "a fox", model="m", seed=7, negative_prompt="fog", options={"steps": 9, "guidance": 3.5})
    body = service.requests("generations")[0]["body"]
    assert (body["seed"], body["negative_prompt"], body["num_inference_steps"], body["guidance_scale"]) == (7, "fog", 9, 3.5)
    assert body["response_format"] == "b64_json"


@pytest.mark.parametrize(("how", "stage"), [("refuse_prompt", "prompt"), ("refuse_input", "input"), ("refuse_output", "output")])
async def test_moderation_is_typed_with_its_stage(openai, service, how, stage):
    service.control({"kind": "reply", "reply": how})
    with pytest.raises(RefusedError, match="violence") as caught:
        await openai("edit", "a fight", inputs=(picture(),))
    assert (caught.value.stage, caught.value.reason) == (stage, "moderation_blocked")


async def test_success_without_a_picture_is_an_error(openai, service):
    service.control({"kind": "reply", "reply": "no_pictures"})
    with pytest.raises(NoPictureError):
        await openai("generate", "a fox")


async def test_something_that_is_no_picture_is_not_handed_on(openai, service):
    service.control({"kind": "reply", "reply": "bad_picture"})
    with pytest.raises(BadReplyError, match="not a usable image"):
        await openai("generate", "a fox")


async def test_an_overloaded_service_is_asked_again_after_the_wait_it_names(openai, service):
    service.control(
        {"kind": "status", "status": 429, "headers": {"Retry-After": "0.2"}},
        {"kind": "status", "status": 503, "headers": {"Retry-After": "0"}},
    )
    assert (await openai("generate", "a fox")).pictures
    assert [event.attempt for event in openai.told(WaitEvent)] == [1, 2]
    assert len(service.requests("images")) == 3


async def test_a_paid_call_is_never_repeated_after_a_read_timeout(endpoint, service):
    service.control({"kind": "hang_after_headers"})
    with pytest.raises(ReplyTimeoutError):
        await endpoint(timeout=1.0)("generate", "a fox")
    assert len(service.requests("images")) == 1


async def test_a_reset_connection_is_not_taken_for_one_that_never_was(openai, service):
    service.control({"kind": "cut"})
    with pytest.raises(ReplyTimeoutError, match="may have been billed"):
        await openai("generate", "a fox")
    assert len(service.requests("images")) == 1


async def test_cancelling_an_edit_closes_the_connection(openai, service):
    service.control({"kind": "hang"})
    task = asyncio.create_task(openai("edit", "warmer", inputs=(picture(),)))
    await asyncio.to_thread(service.wait_for, lambda rows: rows, "edits")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(service.wait_for, lambda rows: rows[-1]["state"] == "client left", "edits")


async def test_what_it_costs_lies_in_the_estimate(openai):
    from notebook_img.providers.interface import Request

    request = Request(kind="generate", prompt="a fox", model="gpt-image-2.6-sunburst", size="1024x1024", count=2)
    low, high = openai.provider.price_range(request)
    assert low <= (await openai("generate", "a fox", count=2)).cost <= high == openai.provider.estimate(request)


async def test_a_chat_gateway_answers_with_pictures_in_its_message(endpoint, service):
    service.control(models=["google/gemini-3-pro-image"], tells_cost=True)
    reply = await endpoint("openrouter")("edit", "warmer", inputs=(picture((400, 200)),), aspect_ratio="16:9")
    assert load(reply.pictures[0]).size == (320, 180)
    assert reply.text == "Here you are."
    assert reply.cost == 0.0125


async def test_a_gateway_that_answers_with_words_only_says_them(endpoint, service):
    service.control({"kind": "reply", "reply": "text_only"}, models=["google/gemini-3-pro-image"])
    with pytest.raises(NoPictureError) as caught:
        await endpoint("openrouter")("generate", "a fox")
    assert "a fox" in caught.value.text
