"""What agents read: tools of this server only, arguments explained in a sentence, no magics and no flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client

from notebook_img.mcp.server import served
from tests.mcp.conftest import Desk, called, refused

FAMILIES = ("all", "gemini", "vision", "seedream")
FOR_PEOPLE = re.compile(r"%img|(?<![\w-])--[a-z]|%%|ni\.")

FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("generate_image", {"prompt": "a fox", "outputPath": "a.png", "model": "nosuch"}),
    ("generate_image", {"prompt": "a fox", "outputPath": "a.png", "model": "jimeng-4.0"}),
    ("generate_image", {"prompt": "a red circle", "outputPath": "a.png", "aspectRatio": "7:1", "model": "gemini"}),
    ("edit_image", {"imagePath": "nosuch/t3", "prompt": "warmer", "outputPath": "a.png"}),
    ("edit_image", {"imagePath": "cat.png", "prompt": "add a red scarf", "outputPath": "a.png"}),
    ("edit_image", {"imagePath": "cat.png", "prompt": "warmer", "outputPath": "cat.png"}),
    ("continue_image_session", {"sessionId": "nosuch", "prompt": "warmer", "outputPath": "a.png"}),
    ("analyze_image", {"image": "nosuch/t3"}),
    ("analyze_image", {"image": "cat.png", "prompt": "Who painted this?"}),
    ("chat_vision", {"image": "nosuch/t3", "question": "What?"}),
    ("generateImage", {"prompt": "a fox", "model": "nosuch"}),
    ("generateImage", {"prompt": "a fox", "filePath": "nosuch/t3"}),
    ("get_job", {"job_id": "j0"}),
)


async def seen_by_models(client: Client) -> list[Any]:
    """The tools a model sees: some are for the page alone."""
    return [tool for tool in (await client.list_tools()).tools if (tool.meta or {}).get("ui", {}).get("visibility") != ["app"]]


async def everything_said(client: Client, family: str) -> list[str]:
    """All a server of a family tells its client: before anything is asked, and when things go wrong."""
    tools = await seen_by_models(client)
    said = [client.instructions or "", *(tool.description or "" for tool in tools), *(str(tool.input_schema) for tool in tools)]
    for prompt in (await client.list_prompts()).prompts:
        given = {argument.name: "x" for argument in prompt.arguments or ()}
        said.append((await client.get_prompt(prompt.name, given)).messages[0].content.text)  # type: ignore[union-attr]
    for tool, arguments in FAULTS:
        if tool in served(family):
            said += [block.text for block in (await client.call_tool(tool, arguments)).content if block.type == "text"]
    return said


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_family_speaks_of_what_it_has(make_desk: Callable[..., Desk], family: str):
    others = served("all") - served(family)
    async with make_desk(family).client() as client:
        assert {tool.name for tool in await seen_by_models(client)} == served(family)
        for text in await everything_said(client, family):
            assert not others & set(re.findall(r"[A-Za-z_]+", text)), text
            assert not FOR_PEOPLE.search(text), text


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("edit_image", {"image": "cat.png", "prompt": "x", "outputPath": "a.png"}, "edit_image has no argument 'image'. Did you mean"),
        ("analyze_image", {"image": "cat.png", "question": "What?"}, "analyze_image has no argument 'question'. It takes image, prompt."),
        ("view_image", {"image": "cat.png", "max_side": "large"}, "max_side is a whole number from 64 to 2048, such as 1280"),
        ("view_image", {"image": "cat.png", "max_side": 9000}, "from 64 to 2048, such as 1280, not 9000."),
        ("view_image", {"image": "cat.png", "crop": 5}, "crop is a list, such as [0, 0, 100, 100], not 5."),
        ("chat_vision", {"image": "cat.png", "question": "What?", "is_new_conversation": "perhaps"}, "true or false"),
        (
            "generate_image",
            {"prompt": ["a", "fox"], "outputPath": "a.png"},
            "prompt is text (What to make or change, in plain words), not the",
        ),
        ("generate_image", {"prompt": "", "outputPath": "a.png"}, "prompt is text of 1 to 20,000 characters, such as"),
        ("run_batch", {"prompt": "x", "images": "cat.png", "max_cost": 0}, 'images is a list, such as ["cat.png", "fox/t3"], not the text'),
        ("edit_image", {"prompt": "x", "outputPath": "a.png"}, "A picture attached to the chat has no path here: take_image offers what"),
        ("list_session", {}, "There is no tool 'list_session' here. Did you mean 'list_sessions'?"),
        ("take_image", {"id": "nosuch"}, "'nosuch' is none of the pictures at hand. Without an id this tool shows them."),
        ("get_job", {"job_id": "j0"}, "There is no job 'j0'. None is known; a call"),
        ("generate_image", {"prompt": "a fox"}, "generate_image needs outputPath: File to write"),
    ],
)
async def test_wrong_arguments_are_explained_in_a_sentence(client: Client, tool: str, arguments: dict[str, Any], words: str):
    said = await refused(client, tool, **arguments)
    assert words in said
    assert "Error executing" not in said
    assert "\n" not in said
    assert "validation" not in said


async def test_an_argument_of_a_wrong_name_is_not_passed_over_and_paid_for(desk: Desk):
    async with desk.client() as client:
        await refused(client, "analyze_image", image="cat.png", question="Which year is it?")
        await called(client, "get_status", random_string="filler of a client that must send one")
    assert desk.studio.store.count_sessions() == 0


async def test_a_results_id_given_as_the_session_means_that_turn(client: Client):
    made = (await called(client, "start_image_session", prompt="a red circle on white", outputPath="a.png")).structured_content
    await called(client, "continue_image_session", sessionId=made["sessionId"], prompt="blur", outputPath="b.png")
    result = await called(client, "continue_image_session", sessionId=made["id"], prompt="rotate by 90 degrees", outputPath="c.png")
    assert result.structured_content["started_from"] == made["id"]


async def test_names_of_sessions_are_told_apart_and_notes_end(client: Client):
    made = await called(client, "edit_image", imagePath="cat.png", prompt="rotate by 90 degrees", outputPath="a.png")
    assert "Note: built-in, not AI. The model also wrote:" in made.content[0].text
    assert "Recent sessions: 'work, agents'." in await refused(client, "show_session", session="nosuch")
    saved = await called(client, "save_image", image="cat.png", outputPath="b.jpg")
    assert saved.content[0].text.endswith("b.jpg. converted from PNG to JPEG.")
    assert "attached" not in await refused(client, "view_image", image="*.png")
