"""chat_vision as a client sees it: turns counted, errors by type, what is kept, and the old history imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mcp import Client

from notebook_img.mcp import vision_history
from tests.mcp.conftest import Desk, called


async def test_two_turns_of_vision_chat_and_then_it_is_completed(client: Client):
    first = (await called(client, "chat_vision", image="cat.png", question="What size is it?")).structured_content
    assert first["status"] == "success"
    assert "640" in first["answer"]
    assert (first["conversation_turn"], first["remaining_turns"], first["can_continue"]) == (1, 1, True)
    assert (first["image_info"]["width"], first["image_info"]["height"]) == (640, 480)
    again = {"image": "cat.png", "session_id": first["session_id"]}
    second = (await called(client, "chat_vision", question="What format is it?", **again)).structured_content
    assert (second["status"], second["conversation_turn"], second["remaining_turns"], second["can_continue"]) == ("success", 2, 0, False)
    third = (await called(client, "chat_vision", question="And the colours?", **again)).structured_content
    assert (third["status"], third["can_continue"], third["answer"]) == ("completed", False, "")
    fresh = (await called(client, "chat_vision", question="What size is it?", is_new_conversation=True, **again)).structured_content
    assert fresh["status"] == "success"
    assert fresh["session_id"] != first["session_id"]


async def test_vision_chat_answers_as_json_text_too(client: Client):
    result = await called(client, "chat_vision", image="cat.png", question="What size is it?")
    assert json.loads(result.content[0].text) == result.structured_content


async def test_the_number_of_turns_is_a_setting(make_desk: Callable[..., Desk]):
    async with make_desk(mcp_chat_turns=3).client() as client:
        result = await called(client, "chat_vision", image="cat.png", question="What size is it?")
    assert result.structured_content["remaining_turns"] == 2


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"image": "missing.png", "question": "What?"}, "file_not_found"),
        ({"image": "cat.png", "question": "  "}, "invalid_input"),
        ({"image": "../cat.png", "question": "What?"}, "invalid_input"),
        ({"image": "note.txt", "question": "What?"}, "invalid_input"),
        ({"image": "data:image/png;base64,AAAA", "question": "What?"}, "invalid_input"),
    ],
)
async def test_errors_of_vision_chat_have_their_types(desk: Desk, folder: Path, arguments: dict[str, str], kind: str):
    (folder / "note.txt").write_text("no image")
    async with desk.client() as client:
        result = (await called(client, "chat_vision", **arguments)).structured_content
    assert (result["status"], result["error_type"], result["answer"]) == ("error", kind, "")
    assert result["error"]


async def test_a_failing_model_is_chat_failed(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VISION_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("VISION_MODEL", "any")
    monkeypatch.setenv("VISION_API_KEY", "test-key-0123456789")
    desk = make_desk(retries=0)
    async with desk.client() as client:
        result = (await called(client, "chat_vision", image="cat.png", question="What?")).structured_content
    assert (result["status"], result["error_type"]) == ("error", "chat_failed")
    assert desk.studio.store.count_sessions() == 0


async def test_conversations_are_dropped_where_persistence_is_off(make_desk: Callable[..., Desk]):
    desk = make_desk(vision_enable_persistence=False)
    async with desk.client() as client:
        await called(client, "chat_vision", image="cat.png", question="What size is it?")
    assert desk.studio.store.count_sessions() == 1
    desk.work.close()
    assert desk.studio.store.count_sessions() == 0


@pytest.mark.parametrize("named", [True, False])
async def test_an_old_history_is_imported_once_and_keeps_its_ids(
    make_desk: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
):
    old = {
        "abc-1": {"image_path": "cat.png", "messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}]},
        "odd": 7,
    }
    path = tmp_path / "history.json"
    path.write_text(json.dumps(old))
    if not named:
        monkeypatch.setattr(vision_history, "USUAL", str(path))
    desk = make_desk(vision_history_path=str(path) if named else "")
    async with desk.client() as client:
        for _ in range(2):
            await called(client, "chat_vision", image="cat.png", question="What size is it?")
        shown = await called(client, "show_session", session="abc-1")
        taken = await called(client, "chat_vision", image="cat.png", question="What size is it?", session_id="abc-1")
    assert taken.structured_content["conversation_turn"] == 2, taken.structured_content
    assert shown.structured_content["turns"][0]["answer"] == "A cat."
    assert desk.studio.store.count_sessions() == 3
