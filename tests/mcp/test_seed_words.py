"""The words of the three servers that are replaced, beside ours: arguments, defaults, result fields, errors, environment.

A client written for one of them runs unchanged: its own accesses to what it gets stand below as code.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from notebook_img.providers import key_services
from notebook_img.settings import Settings
from tests.emulators.jimeng import FIRST
from tests.emulators.process import Running
from tests.mcp.conftest import Desk, called, refused

REQUIRED = object()
MODEL_OWN = ""
"""Our default where the original has one of its own: the model's, or that of the server's configuration."""


@dataclass(frozen=True)
class Original:
    """A tool as its clients know it."""

    arguments: dict[str, Any]
    """With the original's defaults; `REQUIRED` where there is none."""
    defaults: dict[str, Any]
    """Ours."""
    text: str
    """What the text of a result is: ``json``, ``url`` (where the service gives one), ``words``."""
    fields: tuple[str, ...] = ()
    """That its clients read, dots between levels."""
    errors: tuple[str, ...] = ()
    """Fields of an error that is a result; otherwise it is words and isError."""
    environment: tuple[str, ...] = ()
    added: tuple[str, ...] = field(default=())
    """Arguments only ours has."""


_IMAGE = {"aspectRatio": None, "imageSize": None, "model": None}
_OURS = dict.fromkeys(_IMAGE, MODEL_OWN)
_GEMINI = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_VISION = (
    "VISION_API_KEY",
    "VISION_BASE_URL",
    "VISION_MODEL",
    "VISION_TIMEOUT",
    "VISION_MAX_TOKENS",
    "VISION_TEMPERATURE",
    "VISION_MAX_IMAGE_SIZE",
    "VISION_MAX_HISTORY",
    "VISION_ENABLE_PERSISTENCE",
    "VISION_HISTORY_PATH",
    "VISION_LOG_LEVEL",
)
_PART = {"mask": "", "grow": "", "outpaint": "", "confine": True, "align": False, "maskReading": ""}
"""How an edit is confined to a part."""

ORIGINALS: dict[str, Original] = {
    "generate_image": Original({"prompt": REQUIRED, "outputPath": REQUIRED, **_IMAGE}, _OURS, "words", environment=_GEMINI),
    "edit_image": Original(
        {"imagePath": REQUIRED, "prompt": REQUIRED, "outputPath": REQUIRED, **_IMAGE},
        {**_OURS, **_PART},
        "words",
        environment=_GEMINI,
        added=tuple(_PART),
    ),
    "start_image_session": Original(
        {"prompt": REQUIRED, "outputPath": REQUIRED, "imagePath": None, **_IMAGE},
        {"imagePath": "", **_OURS},
        "words",
        ("sessionId",),
        environment=_GEMINI,
    ),
    "continue_image_session": Original(
        {"sessionId": REQUIRED, "prompt": REQUIRED, "outputPath": REQUIRED, "imagePath": None},
        {"imagePath": "", "aspectRatio": MODEL_OWN, "imageSize": MODEL_OWN, "fromId": "", **_PART},
        "words",
        ("sessionId",),
        environment=_GEMINI,
        added=("aspectRatio", "imageSize", "fromId", *_PART),
    ),
    "get_image_config_info": Original(
        {}, {}, "json", ("aspectRatios", "imageSizes", "models.default", "models.fallback", "models.notes", "docs"), environment=_GEMINI
    ),
    "analyze_image": Original(
        {"image": REQUIRED, "prompt": None},
        {"prompt": ""},
        "json",
        ("status", "result", "image_info.source_type", "image_info.mime_type", "image_info.size"),
        ("status", "error", "error_type"),
        _VISION,
    ),
    "chat_vision": Original(
        {"image": REQUIRED, "question": REQUIRED, "session_id": None, "is_new_conversation": False},
        {"session_id": "", "is_new_conversation": False},
        "json",
        (
            "status",
            "answer",
            "session_id",
            "conversation_turn",
            "remaining_turns",
            "can_continue",
            "hint",
            "image_info.source_type",
            "image_info.mime_type",
            "image_info.size",
        ),
        ("status", "error", "error_type"),
        _VISION,
    ),
    "get_status": Original({}, {}, "json", ("status", "server_name", "provider", "model", "chat_manager", "config"), environment=_VISION),
    "generateImage": Original(
        {
            "prompt": REQUIRED,
            "filePath": None,
            "model": None,
            "width": 1024,
            "height": 1024,
            "sample_strength": 0.5,
            "negative_prompt": "",
        },
        {"filePath": "", "model": "", "width": 0, "height": 0, "sample_strength": -1, "negative_prompt": ""},
        "url",
        environment=("JIMENG_API_TOKEN",),
    ),
}
"""Read in the originals' sources and in what they answered; a default of ours that is another one leaves it to the model."""

SAMPLES: dict[str, dict[str, Any]] = {
    "get_image_config_info": {},
    "analyze_image": {"image": "cat.png", "prompt": "What size is it?"},
    "chat_vision": {"image": "cat.png", "question": "What size is it?"},
    "get_status": {},
}


def at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[name]
    return value


async def test_every_tool_takes_the_arguments_of_the_original_and_no_other_is_required(client: Client):
    tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    for name, original in ORIGINALS.items():
        schema = tools[name]
        assert set(schema["properties"]) == set(original.arguments) | set(original.added), name
        required = {argument for argument, default in original.arguments.items() if default is REQUIRED}
        assert set(schema.get("required", ())) == required, name
        given = {argument: facts["default"] for argument, facts in schema["properties"].items() if "default" in facts}
        assert given == original.defaults, name


@pytest.mark.parametrize("tool", SAMPLES)
async def test_the_text_of_a_result_is_json_with_the_fields_of_the_original(client: Client, tool: str):
    result = await called(client, tool, **SAMPLES[tool])
    text = json.loads(result.content[0].text)
    for path in ORIGINALS[tool].fields:
        at(text, path)


@pytest.mark.parametrize("tool", [name for name, original in ORIGINALS.items() if original.errors])
@pytest.mark.parametrize(("image", "kind"), [("missing.png", "file_not_found"), ("note.txt", "invalid_input"), ("", "invalid_input")])
async def test_an_error_of_the_vision_tools_has_the_fields_of_the_original(client: Client, folder: Path, tool: str, image: str, kind: str):
    (folder / "note.txt").write_text("no image")
    result = await client.call_tool(tool, {**SAMPLES[tool], "image": image or "data:image/png;base64,AAAA"})
    told = json.loads(result.content[0].text)
    assert [told[name] for name in ORIGINALS[tool].errors] == ["error", told["error"], kind]
    assert told["error"]


FAULTS: dict[str, dict[str, Any]] = {
    "generate_image": {"prompt": "a circle", "outputPath": "/nowhere/a.png"},
    "edit_image": {"imagePath": "missing.png", "prompt": "warmer", "outputPath": "a.png"},
    "start_image_session": {"imagePath": "missing.png", "prompt": "warmer", "outputPath": "a.png"},
    "continue_image_session": {"sessionId": "missing", "prompt": "warmer", "outputPath": "a.png"},
    "generateImage": {"prompt": "a circle", "filePath": "missing.png"},
}


@pytest.mark.parametrize("tool", FAULTS)
async def test_an_error_of_the_image_tools_is_words_and_says_that_it_is_one(client: Client, tool: str):
    assert not ORIGINALS[tool].errors
    said = await refused(client, tool, **FAULTS[tool])
    assert not said.startswith("{")
    assert "nowhere" in said or "missing" in said


def test_every_variable_of_the_originals_is_one_of_ours():
    ours = {name for setting in Settings.table().values() for name in setting.env}
    keys = {name for service in key_services(Settings()) for name in service.variables}
    wanted = {name for original in ORIGINALS.values() for name in original.environment}
    assert wanted <= ours | keys


# What clients of the originals do with what they get, as code. None of it knows our fields.


async def a_client_of_the_image_server(client: Client, folder: Path) -> None:
    info = json.loads((await client.call_tool("get_image_config_info", {})).content[0].text)
    ratio, size = info["aspectRatios"][0], (info["imageSizes"] or [""])[0]
    assert isinstance(info["models"]["default"], str)
    assert isinstance(info["docs"], str)
    options = {"aspectRatio": ratio, **({"imageSize": size} if size else {})}
    made = await client.call_tool("generate_image", {"prompt": "a red circle", "outputPath": str(folder / "one.png"), **options})
    assert not made.is_error
    assert (folder / "one.png").stat().st_size > 0
    started = await client.call_tool("start_image_session", {"prompt": "a red circle", "outputPath": str(folder / "two.png")})
    session = started.structured_content["sessionId"]
    more = {"sessionId": session, "prompt": "rotate by 90 degrees", "outputPath": str(folder / "three.png")}
    went_on = await client.call_tool("continue_image_session", more)
    assert went_on.structured_content["sessionId"] == session
    assert (folder / "three.png").is_file()


async def a_client_of_the_vision_server(client: Client, folder: Path) -> None:
    status = json.loads((await client.call_tool("get_status", {})).content[0].text)
    assert "{server_name}: {provider}, {model}".format(**status)
    assert status["chat_manager"]
    assert status["config"]
    result = json.loads(
        (await client.call_tool("analyze_image", {"image": str(folder / "cat.png"), "prompt": "What size?"})).content[0].text
    )
    if result["status"] != "success":
        raise AssertionError(f"{result['error_type']}: {result['error']}")
    assert result["result"]
    assert result["image_info"]["source_type"] == "file"
    assert result["image_info"]["mime_type"] == "image/png"
    assert result["image_info"]["size"] == (folder / "cat.png").stat().st_size
    # The id is the client's own, as the original allows.
    ask = {"image": str(folder / "cat.png"), "question": "What size is it?", "session_id": "user/7: my chat"}
    answers = []
    while True:
        turn = json.loads((await client.call_tool("chat_vision", ask)).content[0].text)
        assert turn["status"] == "success", turn["error"]
        answers.append(turn["answer"])
        assert turn["hint"]
        if not turn["can_continue"]:
            break
    assert len(answers) == 2


async def a_client_of_the_jimeng_server(client: Client, folder: Path) -> None:
    result = await client.call_tool(
        "generateImage",
        {
            "prompt": "一只猫",
            "filePath": "",
            "model": "jimeng-4.0",
            "width": 1024,
            "height": 1024,
            "sample_strength": 0.5,
            "negative_prompt": "",
        },
    )
    assert not result.is_error, result.content[0].text
    assert result.content[0].text.startswith("http")


@pytest.mark.parametrize("use", [a_client_of_the_image_server, a_client_of_the_vision_server])
async def test_a_client_of_the_original_runs_unchanged(client: Client, folder: Path, use: Callable[..., Any]):
    await use(client, folder)


async def test_a_client_of_the_jimeng_server_runs_unchanged(
    make_desk: Callable[..., Desk], folder: Path, start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
):
    emulator = start_emulator("jimeng")
    monkeypatch.setenv("JIMENG_API_TOKEN", FIRST)
    monkeypatch.setenv("JIMENG_BASE_URL", emulator.url)
    monkeypatch.setenv("JIMENG_UPLOAD_URL", emulator.url)
    monkeypatch.setenv("JIMENG_POLL", "0.02")
    async with make_desk("seedream").client() as client:
        await a_client_of_the_jimeng_server(client, folder)


async def test_two_first_questions_of_one_new_id_are_one_conversation(desk: Desk):
    ask = {"image": "cat.png", "question": "What size is it?", "session_id": "mine"}
    async with desk.client() as client:
        both = await asyncio.gather(*(called(client, "chat_vision", **ask) for _ in range(2)))
    assert sorted(result.structured_content["conversation_turn"] for result in both) == [1, 2]
    assert {result.structured_content["session_id"] for result in both} == {"mine"}


async def test_a_session_keeps_the_ratio_and_size_it_was_begun_with_until_others_are_asked_for(
    make_desk: Callable[..., Desk], gemini: Running, folder: Path
):
    async with make_desk("gemini").client() as client:
        begun = await called(
            client, "start_image_session", prompt="a fox", outputPath="a.png", aspectRatio="16:9", imageSize="2K", model="gemini"
        )
        session = begun.structured_content["sessionId"]
        await called(client, "continue_image_session", sessionId=session, prompt="at night", outputPath="b.png")
        await called(
            client, "continue_image_session", sessionId=session, prompt="in snow", outputPath="c.png", aspectRatio="1:1", imageSize="1K"
        )
    first, second, third = (Image.open(folder / name).size for name in ("a.png", "b.png", "c.png"))
    assert first == second
    assert max(first) > 2000
    assert third[0] == third[1] < 1100
