"""Which picture a conversation is about: the one given with the question, however it is written."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, Desk, called, paint

TEAL, NAVY = (0, 128, 128), (0, 0, 128)


@pytest.fixture
def service(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    """An OpenAI-compatible endpoint for questions, set up as the original server's clients do it."""
    emulator = start_emulator("openai")
    emulator.control(models=["qwen-vl"], key="test-key-0123456789")
    monkeypatch.setenv("VISION_BASE_URL", f"{emulator.url}/v1")
    monkeypatch.setenv("VISION_API_KEY", "test-key-0123456789")
    monkeypatch.setenv("VISION_MODEL", "qwen-vl")
    return emulator


def colour(data: str) -> tuple[int, ...]:
    with Image.open(io.BytesIO(base64.b64decode(data + "=="))) as image:
        return tuple(image.convert("RGB").getpixel((0, 0)))


def told(body: bytes) -> list[Any]:
    """Return what a model was shown and asked, in order: colours of pictures, and words."""
    request, seen = json.loads(body), []
    for message in request.get("messages") or request["contents"]:
        content = message.get("parts") or message["content"]
        for part in [{"text": content}] if isinstance(content, str) else content:
            data = part.get("inlineData", {}).get("data") or part.get("image_url", {}).get("url", "").rpartition(",")[2]
            seen.append(colour(data.translate(str.maketrans("-_", "+/"))) if data else part["text"])
    return [said for said in seen if not isinstance(said, str) or said.endswith("?")]


@pytest.mark.parametrize("era", ERAS)
async def test_another_picture_in_the_second_turn_is_sent_and_asked_about(
    make_desk: Callable[..., Desk], service: Running, folder: Path, era: str
):
    paint(folder / "dog.png", (320, 200), "navy")
    desk = make_desk(mcp_chat_turns=4)
    async with desk.client(era) as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        talk = {"session_id": first["session_id"]}
        second = (await called(client, "chat_vision", image="dog.png", question="And this?", **talk)).structured_content
        third = (await called(client, "chat_vision", image="dog.png", question="Why?", **talk)).structured_content
        back = (await called(client, "chat_vision", image="cat.png", question="And here?", **talk)).structured_content
    assert (second["status"], second["session_id"], second["conversation_turn"]) == ("success", first["session_id"], 2)
    assert [(turn["image_info"]["name"], turn["image_info"]["width"]) for turn in (first, second, third, back)] == [
        ("cat.png", 640),
        ("dog.png", 320),
        ("dog.png", 320),
        ("cat.png", 640),
    ]
    # The conversation goes on: what was said about the first picture still stands before the second.
    assert told(service.body(len(service.requests("/chat/")))) == [TEAL, "What is this?", NAVY, "And this?", "Why?", TEAL, "And here?"]


async def test_another_picture_reaches_gemini_too_and_the_same_one_is_not_sent_twice(desk: Desk, gemini: Running, folder: Path):
    paint(folder / "dog.png", (320, 200), "navy")
    async with desk.client() as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        await called(client, "chat_vision", image="dog.png", question="And this?", session_id=first["session_id"])
        again = (await called(client, "chat_vision", image="cat.png", question="What is here?")).structured_content
        await called(client, "chat_vision", image="cat.png", question="And now?", session_id=again["session_id"])
    bodies = [gemini.body(row["number"]) for row in gemini.requests("enerateContent")]
    assert told(bodies[1]) == [NAVY, "And this?"]
    assert told(bodies[3]) == [TEAL, "What is here?", "And now?"]


@pytest.mark.parametrize("form", ["absolute", "base64", "data URL", "copy", "stored", "turn"])
async def test_the_same_picture_written_in_another_way_is_the_same(desk: Desk, service: Running, folder: Path, form: str):
    data = (folder / "cat.png").read_bytes()
    text = base64.b64encode(data).decode()
    (folder / "copy.png").write_bytes(data)
    async with desk.client() as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        stored = desk.studio.store.last_question(desk.studio.store.session_named(first["session_id"]).id).uses("input")[0].sha256
        image = {
            "absolute": str(folder / "cat.png"),
            "base64": text,
            "data URL": f"data:image/png;base64,{text}",
            "copy": "copy.png",
            "stored": f"nbimg://pictures/{stored}",
            "turn": f"{first['session_id']}/t1",
        }[form]
        second = (await called(client, "chat_vision", image=image, question="Why?", session_id=first["session_id"])).structured_content
    assert (second["status"], second["conversation_turn"]) == ("success", 2)
    assert told(service.body(2)) == [TEAL, "What is this?", "Why?"]


async def test_a_second_picture_that_is_not_there_is_said_and_nothing_is_asked(desk: Desk, service: Running):
    async with desk.client() as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        talk = {"session_id": first["session_id"]}
        wrong = (await called(client, "chat_vision", image="missing.png", question="And this?", **talk)).structured_content
        assert (wrong["status"], wrong["error_type"]) == ("error", "file_not_found")
        right = (await called(client, "chat_vision", image="cat.png", question="And this?", **talk)).structured_content
    assert (right["status"], right["conversation_turn"]) == ("success", 2)
    assert len(service.requests("/chat/")) == 2


async def test_the_second_picture_is_part_of_what_was_asked(desk: Desk, service: Running, folder: Path):
    """Or a cell that asks the same about another picture would be given this answer."""
    for name, paint_it in (("dog.png", "navy"), ("owl.png", "olive")):
        paint(folder / name, colour=paint_it)
    async with desk.client() as client:
        keys = []
        for name in ("dog.png", "owl.png"):
            first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
            talk = {"session_id": first["session_id"]}
            await called(client, "chat_vision", image=name, question="And this?", **talk)
            keys.append(desk.studio.store.last_question(desk.studio.store.session_named(first["session_id"]).id).request_key)
    assert keys[0] != keys[1]
