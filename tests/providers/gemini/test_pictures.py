"""Making and editing pictures over the real SDK: what is sent, what comes back, what it costs."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import time

import pytest
from PIL import Image

from notebook_img.errors import KeyMissingError, RefusedError, UsageError
from notebook_img.pictures import Picture
from notebook_img.providers.gemini import GeminiProvider
from notebook_img.providers.interface import Provider, Request
from notebook_img.settings import Settings
from tests.providers.gemini.conftest import KEY, PICTURES, png


def size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


def parts(row, role="user"):
    return [part for content in row["body"]["contents"] if content["role"] == role for part in content["parts"]]


def shown(row) -> list[str]:
    return [part["inlineData"]["data"] for part in parts(row) if "inlineData" in part]


def test_it_is_a_provider(provider):
    assert isinstance(provider, Provider)


async def test_a_picture_is_made_with_the_ratio_and_size_asked_for(run, service):
    reply = await run("generate", "a watercolour fox", aspect_ratio="16:9", size="2K")
    assert size(reply.pictures[0]) == (2731, 1536)
    assert reply.text == "Here is your picture."
    assert reply.warnings == ()
    (row,) = service.requests()
    assert row["path"] == f"/v1/models/{PICTURES}:generateContent"
    assert row["body"]["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
    }
    assert row["headers"]["x-goog-api-key"] == KEY
    assert row["headers"]["x-server-timeout"] == "20"


async def test_an_edit_sends_the_bytes_of_the_picture_and_its_references_untouched(run, service):
    photo, style = png(), png((30, 90), "gold", "JPEG")
    await run("edit", "in the style of image 2", photo, references=(style,))
    (row,) = service.requests()
    assert [part.get("text") for part in parts(row)] == ["image 1:", None, "image 2:", None, "in the style of image 2"]
    assert shown(row) == [
        f"sha256:{photo.sha256}" if len(photo.data) > 224 else parts(row)[1]["inlineData"]["data"],
        parts(row)[3]["inlineData"]["data"],
    ]


async def test_fourteen_pictures_are_taken(run, service):
    await run("edit", "all on one table", png(), references=tuple(png(colour=(n, n, n)) for n in range(13)))
    assert len(shown(service.requests()[0])) == 14


async def test_the_edited_picture_keeps_its_ratio_when_references_follow(run, service):
    reply = await run("edit", "as in image 2", png((160, 90)), references=(png((50, 90)),))
    assert service.requests()[0]["body"]["generationConfig"]["imageConfig"] == {"aspectRatio": "16:9"}
    assert size(reply.pictures[0]) == (1365, 768)


async def test_several_pictures_are_asked_for_at_once(run, service):
    service.control(latency=0.5)
    started = time.monotonic()
    reply = await run("generate", "a fox", count=4)
    assert len({hashlib.sha256(data).hexdigest() for data in reply.pictures}) == 4
    assert reply.usage.pictures == 4
    assert reply.usage.by_modality["output_image"] == 4 * 1120
    assert reply.cost == pytest.approx(4 * 0.0336, rel=0.01)
    rows = service.requests()
    assert max(row["started"] for row in rows) < min(row["ended"] for row in rows), "one after the other"
    assert time.monotonic() - started < 20


async def test_pictures_that_came_are_kept_when_others_are_refused(run, service):
    service.control({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY"})
    reply = await run("generate", "a fox", count=3)
    assert len(reply.pictures) == 2
    assert len(reply.raw["replies"]) == 2
    assert reply.warnings[0].startswith("1 of 3 pictures are missing: Gemini refused its own picture")


async def test_when_all_fail_the_first_error_is_raised(run, service):
    service.control({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY", "times": 3})
    with pytest.raises(RefusedError):
        await run("generate", "a fox", count=3)


async def test_two_pictures_in_one_answer_are_both_kept(run, service):
    service.control({"kind": "reply", "reply": "two_pictures"})
    assert len((await run("generate", "a fox")).pictures) == 2


async def test_thought_pictures_are_skipped(run, service):
    service.control({"kind": "reply", "reply": "thought_picture"})
    reply = await run("generate", "a fox")
    assert [size(data) for data in reply.pictures] == [(1024, 1024)]
    assert "sketch" not in reply.text
    assert reply.got["thought_pictures_skipped"] == 1


async def test_a_jpeg_declared_as_png_comes_as_it_is_and_is_noted(run, service):
    service.control({"kind": "reply", "reply": "jpeg_as_png"})
    reply = await run("generate", "a fox")
    assert reply.pictures[0].startswith(b"\xff\xd8")
    assert reply.got["pictures"][0]["mime_type"] == "image/jpeg"
    assert reply.got["warnings"] == ["declared as image/png, is image/jpeg"]


async def test_what_was_sent_holds_hashes_in_place_of_bytes_and_no_key(run, service):
    photo = png()
    reply = await run("edit", "make it night", photo, size="1K")
    assert reply.sent["contents"][0]["parts"][0]["inline_data"] == {"data": f"sha256:{photo.sha256}", "mime_type": "image/png"}
    assert reply.sent["config"]["image_config"] == {"image_size": "1K"}
    assert KEY not in repr(reply)


async def test_usage_is_told_by_modality(run, service):
    reply = await run("edit", "make it night, with a thin moon", png())
    assert reply.usage.by_modality == {"input_text": 7, "input_image": 1120, "output_image": 1120, "thought": 7}
    assert reply.cost == pytest.approx(0.0336 + 1127 * 1.5e-6 + 7 * 7.5e-6)


async def test_an_unknown_price_stays_unknown(run, service):
    reply = await run("generate", "a fox", model="gemini-secret-preview", size="512", aspect_ratio="8:1")
    assert reply.cost is None
    assert reply.pictures


async def test_aliases_become_the_name_the_service_knows(run, service):
    await run("generate", "a fox", model="nano-banana-pro")
    assert service.requests()[0]["path"] == "/v1/models/gemini-3-pro-image:generateContent"


async def test_the_api_version_can_be_chosen(settings, service):
    settings.set("gemini_api_version", "v1beta")
    await GeminiProvider(settings).run(Request("generate", "a fox", PICTURES), lambda _: None)
    assert service.requests()[0]["path"].startswith("/v1beta/")


async def test_thinking_is_an_option_of_models_that_have_it(run, service):
    await run("generate", "a fox", options={"thinking": "high"})
    assert service.requests()[0]["body"]["generationConfig"]["thinkingConfig"] == {"thinking_level": "HIGH"}


async def test_a_mask_is_told_in_words(run, service):
    mask = Image.new("L", (64, 48), 0)
    mask.paste(255, (16, 12, 48, 36))
    out = io.BytesIO()
    mask.save(out, "PNG")
    await run("edit", "a red scarf", png(), mask=Picture(out.getvalue()))
    text = parts(service.requests()[0])[-1]["text"]
    assert "25% to 75% of the width and from 25% to 75% of the height" in text


async def test_a_large_picture_is_sent_as_a_smaller_copy_and_that_is_said(run, service):
    noise = Image.frombytes("RGB", (3400, 3000), os.urandom(3400 * 3000 * 3))
    out = io.BytesIO()
    noise.save(out, "PNG", compress_level=0)
    large = Picture(out.getvalue())
    assert len(large.data) > 30_000_000
    reply = await run("edit", "make it night", large)
    (row,) = service.requests()
    assert row["size"] < 28_000_000
    assert "A copy of image 1 was sent" in reply.warnings[0]
    assert len(large.data) > 30_000_000


async def test_animations_are_sent_as_their_first_frame_and_that_is_said(run, service):
    out = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 40), "blue")])
    reply = await run("edit", "make it night", Picture(out.getvalue()))
    assert parts(service.requests()[0])[0]["inlineData"]["mime_type"] == "image/png"
    assert "frame 1 of 2" in reply.warnings[0]


async def test_heic_is_sent_as_a_type_the_service_takes(run, service):
    heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif: pip install 'notebook-img[heic]'")
    out = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 64), "green")).save(out)
    await run("edit", "make it night", Picture(out.getvalue()))
    assert parts(service.requests()[0])[0]["inlineData"]["mime_type"] == "image/jpeg"


async def test_without_a_key_nothing_is_sent(service, home):
    provider = GeminiProvider(Settings({"GOOGLE_GEMINI_BASE_URL": service.url}))
    assert provider.missing() == "No key for Google Gemini is set up."
    with pytest.raises(KeyMissingError, match="keys set gemini"):
        await provider.run(Request("generate", "a fox", PICTURES), lambda _: None)
    assert service.requests() == []


async def test_cancelling_closes_the_connection_within_a_second(provider, service):
    service.control({"kind": "hang"})
    task = asyncio.create_task(provider.run(Request("generate", "a fox", PICTURES), lambda _: None))
    await asyncio.to_thread(service.wait_for, lambda rows: rows and rows[0]["state"] == "open")
    started = time.time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    rows = await asyncio.to_thread(service.wait_for, lambda rows: rows[0]["state"] == "client left" and rows)
    assert rows[0]["ended"] - started < 1


async def test_cancelling_ends_all_parallel_requests(provider, service):
    service.control({"kind": "hang", "times": 3})
    task = asyncio.create_task(provider.run(Request("generate", "a fox", PICTURES, count=3), lambda _: None))
    await asyncio.to_thread(service.wait_for, lambda rows: len(rows) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(service.wait_for, lambda rows: all(row["state"] == "client left" for row in rows))


async def test_it_works_from_the_core_loop_and_from_another_loop(settings, service):
    from notebook_img import loop

    provider = GeminiProvider(settings)
    request = Request("generate", "a fox", PICTURES)
    assert (await provider.run(request, lambda _: None)).pictures
    reply = await asyncio.to_thread(loop.run, lambda tell: provider.run(request, tell))
    assert reply.pictures
    await provider.aclose()


async def test_probe_tells_whether_the_default_models_are_there(provider, service):
    assert await provider.probe() == ["Google Gemini takes the key and lists 8 models."]


async def test_there_are_no_jobs_to_resume(provider):
    with pytest.raises(UsageError, match="no job"):
        await provider.resume({}, lambda _: None)


def test_an_estimate_grows_with_size_and_count(provider):
    one = provider.estimate(Request("generate", "a fox", PICTURES))
    thinking = 1500 * 7.5e-6
    assert one == pytest.approx(0.0336 + thinking, rel=0.01)
    assert provider.estimate(Request("generate", "a fox", PICTURES, size="4K", count=3)) == pytest.approx(3 * (0.1134 + thinking), rel=0.01)
    assert provider.estimate(Request("edit", "a fox", PICTURES, inputs=(png(),))) > one
    assert provider.estimate(Request("generate", "a fox", "gemini-secret-preview")) is None
    assert provider.estimate(Request("ask", "what?", "gemini-9-neutrino")) is None
