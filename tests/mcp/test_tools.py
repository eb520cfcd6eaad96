"""The tools as a client sees them, in both protocol eras, over the real core and the built-in engine."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mcp import Client
from PIL import Image

from notebook_img.pictures import Picture
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import ERAS, Desk, called, paint, refused

GOLDEN = Path(__file__).with_name("tools.json")


async def test_the_tool_list_is_the_golden_one(client: Client):
    """Names, titles, schemas and annotations change only on purpose: delete tools.json to write it anew."""
    listed = [
        {
            "name": tool.name,
            "title": tool.title,
            "input": {name: sorted(set(facts) - {"title"}) for name, facts in tool.input_schema["properties"].items()},
            "required": tool.input_schema.get("required", []),
            "output": sorted((tool.output_schema or {}).get("properties", {})),
            "annotations": tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {},
        }
        for tool in (await client.list_tools()).tools
    ]
    if not GOLDEN.exists():
        GOLDEN.write_text(json.dumps(listed, indent=1) + "\n")
    assert listed == json.loads(GOLDEN.read_text())


async def test_every_tool_has_a_title_a_description_annotations_and_an_output_schema(client: Client):
    for tool in (await client.list_tools()).tools:
        assert tool.title
        assert len(tool.description or "") > 40
        assert tool.annotations is not None
        assert tool.annotations.open_world_hint is not None
        assert tool.output_schema is not None


@pytest.mark.parametrize(
    ("family", "its_own", "not_its"),
    [("gemini", "edit_image", "chat_vision"), ("vision", "chat_vision", "generate_image"), ("seedream", "generateImage", "analyze_image")],
)
async def test_a_server_can_be_limited_to_one_family(make_desk: Callable[..., Desk], family: str, its_own: str, not_its: str):
    async with make_desk(family).client() as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert its_own in names
    assert not_its not in names
    assert {"get_job", "cancel_job"} <= names
    assert "list_sessions" not in names


async def test_a_null_argument_counts_as_left_out(client: Client):
    made = await called(
        client, "generate_image", prompt="a red circle on white", outputPath="n.png", aspectRatio=None, imageSize=None, model=None
    )
    assert made.structured_content["status"] == "done"
    answer = await called(client, "chat_vision", image="n.png", question="What size is it?", session_id=None, is_new_conversation=None)
    assert answer.structured_content["conversation_turn"] == 1
    assert "outputPath" in await refused(client, "generate_image", prompt="a red circle on white", outputPath=None)


async def test_an_image_result_is_a_line_a_thumbnail_a_link_and_facts_without_bytes(client: Client, folder: Path):
    result = await called(client, "generate_image", prompt="a red circle on white", outputPath="out/circle.png")
    line, picture, link = result.content
    facts = result.structured_content
    assert "\n" not in line.text
    assert facts["id"] in line.text
    assert "1024 x 1024" in line.text
    assert str(folder / "out" / "circle.png") in line.text
    assert picture.mime_type == "image/jpeg"
    assert len(base64.b64decode(picture.data)) <= 200_000
    assert link.uri == facts["pictures"][0]["uri"]
    assert Image.open(folder / "out" / "circle.png").size == (1024, 1024)
    assert len(json.dumps(facts)) < 4000
    assert len(result.model_dump_json()) < 400_000


async def test_a_thumbnail_of_something_transparent_is_png(client: Client, folder: Path):
    paint(folder / "glass.png", colour=(10, 200, 30, 90))
    result = await called(client, "edit_image", imagePath="glass.png", prompt="rotate by 90 degrees", outputPath="turned.png")
    assert result.content[1].mime_type == "image/png"


async def test_the_link_leads_to_the_original_bytes(client: Client, desk: Desk):
    result = await called(client, "generate_image", prompt="a blue square on white", outputPath="a.png")
    facts = result.structured_content["pictures"][0]
    content = (await client.read_resource(facts["uri"])).contents[0]
    assert content.mime_type == facts["mime_type"]
    assert base64.b64decode(content.blob) == desk.studio.store.read_picture(facts["sha256"])


async def test_a_session_goes_on_from_its_latest_image_and_back(client: Client, folder: Path):
    first = await called(client, "start_image_session", prompt="rotate by 90 degrees", imagePath="cat.png", outputPath="one.png")
    session = first.structured_content["sessionId"]
    second = await called(client, "continue_image_session", sessionId=session, prompt="rotate by 90 degrees", outputPath="two.png")
    assert (Image.open(folder / "one.png").size, Image.open(folder / "two.png").size) == ((480, 640), (640, 480))
    assert second.structured_content["sessionId"] == session
    undone = await called(client, "undo_turn", session=session)
    assert undone.structured_content["head"] == first.structured_content["id"]
    shown = await called(client, "show_session", session=session)
    assert [turn["id"] for turn in shown.structured_content["turns"]] == [f"{session}/t1", f"{session}/t2"]
    assert shown.structured_content["turns"][0]["by"] == "tester"


async def test_a_start_that_fails_leaves_no_session_behind(client: Client, desk: Desk):
    await refused(client, "start_image_session", prompt="make it night", imagePath="missing.png", outputPath="x.png")
    await refused(client, "start_image_session", prompt="add a red scarf to the parrot", imagePath="cat.png", outputPath="x.png")
    assert desk.studio.store.count_sessions() == 0


async def test_an_unknown_session_is_an_error_that_names_recent_ones(client: Client):
    await called(client, "start_image_session", prompt="a red circle on white", outputPath="x.png")
    said = await refused(client, "continue_image_session", sessionId="nothing", prompt="rotate by 90 degrees", outputPath="y.png")
    assert "nothing" in said
    assert "a-red-circle-on" in said


async def test_ids_work_as_images_everywhere(client: Client):
    made = (await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")).structured_content
    for name in (made["id"], made["pictures"][0]["uri"]):
        result = await called(client, "edit_image", imagePath=name, prompt="rotate by 90 degrees", outputPath="b.png")
        assert result.structured_content["pictures"][0]["width"] == 1024
    viewed = await called(client, "view_image", image=made["id"], crop=[0, 0, 100, 50], max_side=64)
    assert (viewed.structured_content["width"], viewed.structured_content["height"]) == (100, 50)
    compared = await called(client, "compare_images", before=made["id"], after="b.png")
    assert compared.structured_content["ssim"] <= 1
    assert compared.content[1].mime_type == "image/jpeg"
    saved = await called(client, "save_image", image=made["id"], outputPath="copy.webp")
    assert Image.open(saved.structured_content["files"][0]).format == "WEBP"


async def test_a_saved_picture_of_several_says_which_one_it_is(client: Client, folder: Path, desk: Desk):
    desk.studio.session("fox").generate("noise", n=2)
    await called(client, "save_image", image="fox/t1.2", outputPath="second.png")
    facts = Picture((folder / "second.png").read_bytes()).provenance()
    assert (facts["turn"], facts["prompt"]) == ("fox/t1.2", "noise")


async def test_the_name_follows_the_bytes(client: Client, folder: Path):
    result = await called(client, "generate_image", prompt="a red circle on white", outputPath="circle.jpg")
    assert Image.open(folder / "circle.jpg").format == "JPEG"
    assert any("JPEG" in warning for warning in result.structured_content["warnings"])
    result = await called(client, "generate_image", prompt="a red circle on white", outputPath="plain")
    assert result.structured_content["files"] == [str(folder / "plain.png")]


async def test_files_of_others_are_never_overwritten_and_nothing_is_asked(client: Client, folder: Path, desk: Desk):
    before = (folder / "cat.png").read_bytes()
    said = await refused(client, "edit_image", imagePath="cat.png", prompt="rotate by 90 degrees", outputPath="cat.png")
    assert "not written by" in said
    assert (folder / "cat.png").read_bytes() == before
    assert desk.studio.store.count_sessions() <= 1
    await called(client, "generate_image", prompt="a red circle on white", outputPath="mine.png")
    await called(client, "generate_image", prompt="a blue circle on white", outputPath="mine.png")


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("edit_image", {"imagePath": "cat.png", "prompt": "warmer", "outputPath": "x.png", "model": "gemini"}, "Ask the user to set GEMINI_API_KEY"),
        ("edit_image", {"imagePath": "cat.png", "prompt": "add a red scarf", "outputPath": "x.png"}, "Ask the user to set GEMINI_API_KEY"),
        ("edit_image", {"imagePath": "cat.png", "prompt": "warmer", "outputPath": "cat.png"}, "Choose another outputPath"),
        ("edit_image", {"imagePath": "nothing/t1", "prompt": "warmer", "outputPath": "x.png"}, "start_image_session"),
        ("continue_image_session", {"sessionId": "nothing", "prompt": "warmer", "outputPath": "x.png"}, "start_image_session"),
        ("generate_image", {"prompt": " ", "outputPath": "x.png"}, "a red circle on white"),
        ("chat_vision", {"image": "cat.png", "question": "What breed is this?"}, "Ask the user to set GEMINI_API_KEY"),
    ],
)  # fmt: skip
async def test_an_agent_reads_of_tools_and_of_what_the_user_can_do_and_of_no_magic_or_flag(client: Client, tool: str, arguments, says: str):
    said = (await client.call_tool(tool, arguments)).content[0].text
    assert says in said
    assert not re.search(r"%\w|(?<![\w-])--?[a-z]", said), said


async def test_wrong_arguments_name_the_field(client: Client):
    assert "outputPath" in await refused(client, "generate_image", prompt="x")
    assert "prompt" in await refused(client, "generate_image", prompt=["x"], outputPath="a.png")
    assert "width" in await refused(client, "generateImage", prompt="x", width="wide")
    assert "prompt" in await refused(client, "generate_image", prompt="", outputPath="a.png")


async def test_generate_image_of_the_seedream_server_answers_with_paths_and_says_what_was_not_taken(client: Client):
    result = await called(
        client, "generateImage", prompt="a red circle on white", width=512, height=512, sample_strength=0.5, negative_prompt="dogs"
    )
    facts = result.structured_content
    assert Path(facts["images"][0]).is_file()  # noqa: ASYNC240
    assert any("sample_strength" in warning for warning in facts["warnings"])
    assert any("negative prompt" in warning for warning in facts["warnings"])


async def test_images_come_as_path_base64_or_data_url(client: Client, folder: Path):
    text = base64.b64encode((folder / "cat.png").read_bytes()).decode()
    for image in ("cat.png", str(folder / "cat.png"), text, f"data:image/png;base64,{text}"):
        result = await called(client, "analyze_image", image=image, prompt="What size is it?")
        assert "640" in result.structured_content["answer"]
        assert json.loads(result.content[0].text)["result"] == result.structured_content["answer"]


async def test_status_and_configuration_say_what_there_is(client: Client, folder: Path):
    status = (await called(client, "get_status")).structured_content
    assert (status["model"], status["client"], status["max_turns"]) == ("local:builtin", "tester", 2)
    info = (await called(client, "get_image_config_info")).structured_content
    assert str(folder) in info["allowed_folders"]
    assert "16:9" in info["aspectRatios"]
    assert any(row["name"] == "local:builtin" and row["ready"] for row in info["models"])


async def test_resources_list_sessions_and_pictures_and_complete_their_ids(client: Client):
    made = (await called(client, "start_image_session", prompt="a red circle on white", outputPath="a.png")).structured_content
    uris = [row.uri for row in (await client.list_resources(cache_mode="bypass")).resources]
    assert f"nbimg://sessions/{made['sessionId']}" in uris
    assert made["pictures"][0]["uri"] in uris
    templates = {row.uri_template for row in (await client.list_resource_templates()).resource_templates}
    assert templates == {"nbimg://pictures/{sha256}", "nbimg://previews/{side}/{sha256}", "nbimg://sessions/{id}"}
    session = json.loads((await client.read_resource(f"nbimg://sessions/{made['sessionId']}")).contents[0].text)
    assert session["turns"][0]["prompt"] == "a red circle on white"
    from mcp.types import ResourceTemplateReference

    reference = ResourceTemplateReference(type="ref/resource", uri="nbimg://sessions/{id}")
    completed = await client.complete(reference, {"name": "id", "value": "a-red"})
    assert completed.completion.values == [made["sessionId"]]


@pytest.mark.parametrize(
    "uri", ["nbimg://pictures/" + "0" * 64, "nbimg://pictures/..%2F..%2Fetc", "nbimg://sessions/nothing", "nbimg://other"]
)
async def test_a_resource_that_is_not_there_is_an_error(desk: Desk, uri: str):
    from mcp.shared.exceptions import MCPError

    async with desk.client() as client:
        with pytest.raises(MCPError):
            await client.read_resource(uri)


async def test_prompts_name_the_tools_they_use(client: Client):
    names = [row.name for row in (await client.list_prompts()).prompts]
    assert names == ["edit_in_rounds", "make_variations", "describe_image", "what_changed", "continue_session"]
    got = await client.get_prompt("edit_in_rounds", {"image": "cat.png", "change": "make it night"})
    assert "start_image_session" in got.messages[0].content.text


async def test_progress_is_told_and_grows(client: Client):
    told: list[float] = []

    async def progress(done: float, _total: float | None, _message: str | None) -> None:
        told.append(done)

    await client.call_tool("generate_image", {"prompt": "a red circle on white", "outputPath": "a.png"}, progress_callback=progress)
    assert told
    assert told == sorted(told)


@pytest.mark.parametrize("era", ERAS)
async def test_two_clients_continue_one_session_at_once_and_both_are_kept(desk: Desk, era: str):
    import asyncio

    async with desk.client(era, "first") as one, desk.client(era, "second") as two:
        start = await called(one, "start_image_session", prompt="rotate by 90 degrees", imagePath="cat.png", outputPath="a.png")
        session = start.structured_content["sessionId"]
        results = await asyncio.gather(
            *(
                called(who, "continue_image_session", sessionId=session, prompt="rotate by 90 degrees", outputPath=f"{number}.png")
                for number, who in enumerate((one, two))
            )
        )
    ids = {result.structured_content["id"] for result in results}
    assert ids == {f"{session}/t2", f"{session}/t3"}
    assert {turn.record.parent for turn in desk.studio.session(session).turns} == {None, 1}


async def test_agents_never_move_the_heads_of_the_studio_they_share(desk: Desk):
    mine = desk.studio.session("fox")
    first = mine.generate("a red circle on white")
    async with desk.client() as client:
        result = await called(client, "continue_image_session", sessionId="fox", prompt="rotate by 90 degrees", outputPath="a.png")
        assert result.structured_content["id"] == "fox/t2"
    assert mine.head == first
    assert mine.turns[1].record.parent == first.number


async def test_budgets_apply_to_agents(make_desk: Callable[..., Desk], gemini: object):
    async with make_desk(budget=0.0001).client() as client:
        said = await refused(client, "generate_image", prompt="a fox", outputPath="a.png")
    assert "is up to $0.04, and today $0.00 of at most $0.00 has been spent" in said


async def test_a_models_words_are_marked_as_such_and_clipped(client: Client):
    result = await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")
    assert "The model also wrote: “" in result.content[0].text


def test_building_a_server_leaves_the_root_logger_alone(desk: Desk):
    import logging

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    from notebook_img.mcp.server import build

    build(desk.work)
    assert (list(root.handlers), root.level) == (handlers, level)


def test_the_thumbnail_of_a_large_noisy_picture_stays_small():
    import os

    from notebook_img.mcp import tool_results
    from notebook_img.pictures import Picture

    image = Image.frombytes("RGB", (1500, 1000), os.urandom(1500 * 1000 * 3))
    file = io.BytesIO()
    image.save(file, "PNG")
    assert len(base64.b64decode(tool_results.thumbnail(Picture(file.getvalue())).data)) <= 200_000


@pytest.mark.parametrize("kind", ["made", "undone", "fetched as a job"])
async def test_a_kernel_restarted_later_starts_where_its_user_was_not_where_an_agent_is(make_desk: Callable[..., Desk], kind: str):
    desk = make_desk()
    desk.studio.session("fox").generate("a red circle on white")
    desk.studio.session("fox").edit("rotate by 90 degrees")
    async with desk.client() as client:
        if kind == "undone":
            await called(client, "undo_turn", session="fox")
        else:
            desk.studio.settings.set("mcp_wait", 0.0 if kind == "fetched as a job" else 30.0)
            made = (await called(client, "continue_image_session", sessionId="fox", prompt="blur", outputPath="a.png")).structured_content
            if "job_id" in made and made["status"] == "running":
                desk.studio.settings.set("mcp_wait", 30.0)
                made = (await called(client, "get_job", job_id=made["job_id"])).structured_content
            assert made["id"] == "fox/t3"
    restarted = Studio().session("fox")
    assert restarted.head.id == "t2"
    assert restarted.record.redo == ()


async def test_a_session_an_agent_started_goes_on_where_it_left_it_after_a_restart(make_desk: Callable[..., Desk]):
    async with make_desk().client() as client:
        one = await called(client, "start_image_session", prompt="a red circle on white", outputPath="a.png")
        name = one.structured_content["sessionId"]
        await called(client, "continue_image_session", sessionId=name, prompt="rotate by 90 degrees", outputPath="b.png")
    async with make_desk().client() as client:
        three = await called(client, "continue_image_session", sessionId=name, prompt="blur", outputPath="c.png")
    assert Studio().session(name).turn("t3").parent.id == "t2"
    assert three.structured_content["id"] == f"{name}/t3"
    assert Studio().session(name).head.id == "t3"
