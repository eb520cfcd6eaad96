"""The page without a browser: servers that name it, and what they answer to whoever opened a link."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import Implementation

from notebook_img.mcp import page
from notebook_img.mcp.page.links import IDLE, MOST, VALID, Pages
from tests.emulators.process import Running
from tests.mcp.conftest import Desk, called, refused, stdio

LINK = re.compile(r"http://127\.0\.0\.1:\d+/page#\S+")
PAGES = (advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]}),)
"""What a host with pages says of itself."""
CIRCLE = "a red circle on white"


def posted(url: str, content: dict[str, Any], **headers: str) -> Any:
    """What a browser gets for JSON."""
    asked = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(content).encode(), asked), timeout=30) as reply:
        return json.load(reply)


async def test_a_server_over_stdio_has_a_page_too_that_acts_for_its_client(home: Path, folder: Path):
    async with Client(stdio(home, folder, "--alone"), client_info=Implementation(name="desk", version="1")) as client:
        made = await called(client, "start_image_session", prompt=CIRCLE, outputPath="a.png")
        session = made.structured_content["sessionId"]
        found = LINK.search(made.content[0].text)
        assert found
        address, _, code = found.group().partition("#")
        with urllib.request.urlopen(address, timeout=30) as reply:  # noqa: ASYNC210 - another process answers
            assert reply.read().decode() == page.html()
        entered = posted(f"{address}/enter", {"code": code})
        assert entered["session"] == session
        await called(client, "continue_image_session", sessionId=session, prompt="greyscale", outputPath="b.png")
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "page", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "choose_on_page", "arguments": {"image": f"{session}/t1"}, "_meta": meta}
        answer = posted(
            address.replace("/page", "/mcp"),
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            authorization=f"Bearer {entered['token']}",
            accept="application/json, text/event-stream",
            mcp_protocol_version="2026-07-28",
            mcp_method="tools/call",
            mcp_name="choose_on_page",
        )
        assert answer["result"]["structuredContent"]["head"] == f"{session}/t1"
        await called(client, "continue_image_session", sessionId=session, prompt="blur", outputPath="c.png")
        turns = (await called(client, "show_session", session=session)).structured_content["turns"]
    assert [turn["parent"] for turn in turns] == ["", "t1", "t1"]


async def test_without_a_page_none_is_named(home: Path, folder: Path):
    async with Client(stdio(home, folder, "--alone", "--page", "off")) as client:
        made = await called(client, "start_image_session", prompt=CIRCLE, outputPath="a.png")
        status = await called(client, "get_status")
    assert "page#" not in made.content[0].text
    assert status.structured_content["page"] == ""


async def test_tools_of_the_page_are_named_to_hosts_with_pages_only(desk: Desk):
    own = {"choose_on_page", "edit_on_page", "price_on_page"}
    async with desk.client() as client:
        assert not own & {tool.name for tool in (await client.list_tools()).tools}
    async with Client(desk.server, extensions=PAGES) as client:
        tools = {tool.name: tool.meta or {} for tool in (await client.list_tools()).tools}
        shown = {name for name, meta in tools.items() if meta.get("ui", {}).get("resourceUri") == page.URI}
        content = (await client.read_resource(page.URI)).contents[0]
        made = await called(client, "generate_image", prompt=CIRCLE, outputPath="a.png")
    assert [block.type for block in made.content][:2] == ["text", "image"], "a host may render no page after all"
    assert content.meta["ui"]["csp"] == {"connectDomains": [], "resourceDomains": []}
    assert own <= tools.keys()
    assert {
        "generate_image",
        "edit_image",
        "start_image_session",
        "continue_image_session",
        "generateImage",
        "show_session",
        "get_job",
    } == shown
    assert (content.mime_type, content.text) == (APP_MIME_TYPE, page.html())


@pytest.mark.parametrize(("family", "known"), [("gemini", True), ("seedream", True), ("vision", False)])
async def test_a_family_has_what_its_page_reads_and_names_no_more_tools(make_desk: Callable[..., Desk], family: str, known: bool):
    desk = make_desk(tools=family)
    async with desk.client() as client:
        assert not {"show_session", "list_sessions", "choose_on_page"} & {tool.name for tool in (await client.list_tools()).tools}
    async with Client(desk.server, extensions=PAGES) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert ({"show_session", "list_sessions", "choose_on_page", "edit_on_page"} <= tools) is known
        assert (page.URI in [row.uri for row in (await client.list_resources()).resources]) is known


async def test_smaller_copies_are_read_by_side_and_hash(desk: Desk):
    async with desk.client() as client:
        made = (await called(client, "start_image_session", prompt=CIRCLE, outputPath="a.png")).structured_content
        sha = made["pictures"][0]["sha256"]
        content = (await client.read_resource(f"nbimg://previews/192/{sha}")).contents[0]
        assert len(content.blob) < 20_000
        assert (await client.read_resource(f"nbimg://previews/99999/{sha}")).contents[0].blob
        for wrong in (f"nbimg://previews/192/{'0' * 64}", f"nbimg://previews/x/{sha}"):
            with pytest.raises(Exception, match=r"picture|[Rr]esource"):
                await client.read_resource(wrong)


async def test_masks_and_starts_are_arguments_for_agents_too(desk: Desk, folder: Path, tmp_path: Path):
    (tmp_path / "secret").write_bytes((folder / "cat.png").read_bytes())
    async with desk.client() as client:
        session = (
            await called(client, "start_image_session", prompt="rotate by 90 degrees", imagePath="cat.png", outputPath="a.png")
        ).structured_content["sessionId"]
        await called(client, "continue_image_session", sessionId=session, prompt="invert", outputPath="b.png", mask="10,10,50,60")
        await called(client, "continue_image_session", sessionId=session, prompt="invert", outputPath="c.png", fromId="t1")
        said = await refused(
            client, "continue_image_session", sessionId=session, prompt="invert", outputPath="d.png", mask=str(tmp_path / "secret")
        )
        assert "outside the folders" in said
        said = await refused(client, "continue_image_session", sessionId=session, prompt="invert", outputPath="e.png", fromId="t9")
        assert "t9" in said
    second, third = (desk.studio.session(session).turn(number) for number in (2, 3))
    assert second.mask is not None
    before, after = (picture.array().astype(int) for picture in (second.inputs[0], second.picture))
    assert abs(before[30, 30] - after[30, 30]).max() > 50
    assert (before[200:] == after[200:]).all()
    assert third.parent.id == "t1"


async def test_who_edits_on_a_page_is_asked_no_further_and_who_only_says_so_is(make_desk: Callable[..., Desk], gemini: Running):
    desk = make_desk(ask_above=0.01)
    session = desk.studio.session("fox")
    session.generate(CIRCLE, model="local")
    given = {"sessionId": "fox", "prompt": "at night", "model": "gemini"}
    async with desk.client() as client:
        assert "the person has not agreed" in await refused(client, "edit_on_page", **given)
        assert gemini.requests("enerateContent") == []
    async with Client(desk.server, extensions=PAGES) as client:
        await called(client, "edit_on_page", **given)
    assert len(gemini.requests("enerateContent")) == 1


def test_links_hold_once_and_only_so_many_at_a_time():
    caller: Any = type("Caller", (), {"name": "desk"})()
    pages = Pages(lambda: "http://127.0.0.1:1")
    codes = [pages.link(caller, "fox").partition("#")[2] for _ in range(MOST + 1)]
    assert pages.enter(codes[0]) is None
    token, session = pages.enter(codes[1]) or ("", "")
    assert session == "fox"
    assert pages.enter(codes[1]) is None
    assert pages.knows(token)
    assert pages.owner({"authorization": f"Bearer {token}"}) is caller
    assert pages.owner({"authorization": "Bearer other"}) is None
    assert pages.owner({}) is None
    assert Pages().link(caller) == ""


def test_a_page_that_nobody_looks_at_ends_and_one_that_is_used_does_not():
    caller: Any = type("Caller", (), {"name": "desk"})()
    now = [0.0]
    pages = Pages(lambda: "http://127.0.0.1:1", clock=lambda: now[0])
    token, _ = pages.enter(pages.link(caller).partition("#")[2]) or ("", "")
    late = pages.link(caller).partition("#")[2]
    for _ in range(3):
        now[0] += IDLE - 1
        assert pages.knows(token)
    now[0] += IDLE + 1
    assert not pages.knows(token)
    assert pages.owner({"authorization": f"Bearer {token}"}) is None
    now[0] += VALID
    assert pages.enter(late) is None, "a link that was not opened in time"


async def test_a_session_is_told_once_of_its_page_and_not_before_the_page_has_an_address(desk: Desk):
    addresses = iter(["", "http://127.0.0.1:1", "http://127.0.0.1:1"])
    desk.work.pages.address = lambda: next(addresses)
    async with desk.client() as client:
        begun = await called(client, "start_image_session", prompt=CIRCLE, outputPath="a.png")
        session = begun.structured_content["sessionId"]
        answers = [begun]
        for number, prompt in enumerate(("greyscale", "blur")):
            answers.append(await called(client, "continue_image_session", sessionId=session, prompt=prompt, outputPath=f"b{number}.png"))
    assert [bool(LINK.search(answer.content[0].text)) for answer in answers] == [False, True, False]


async def test_what_an_edit_would_cost_is_said_before_and_nothing_is_sent(make_desk: Callable[..., Desk], gemini: Running, folder: Path):
    desk = make_desk()
    async with Client(desk.server, extensions=PAGES) as client:
        made = await called(client, "start_image_session", prompt="rotate by 90 degrees", imagePath="cat.png", outputPath="a.png")
        session = made.structured_content["sessionId"]
        asked = len(gemini.requests("enerateContent"))
        plain = (await called(client, "price_on_page", sessionId=session, fromId="t1", prompt="at night")).structured_content
        three = (await called(client, "price_on_page", sessionId=session, fromId="t1", prompt="at night", count=3)).structured_content
        exact = (await called(client, "price_on_page", sessionId=session, fromId="t1", prompt="crop to 1:1")).structured_content
        local = (await called(client, "price_on_page", sessionId=session, prompt="blur", model="local")).structured_content
        wrong = (await called(client, "price_on_page", sessionId=session, prompt="blur", model="nobody")).structured_content
        empty = (await called(client, "price_on_page", sessionId=session)).structured_content
        assert "prompt" in await refused(client, "edit_on_page", sessionId=session, prompt="")
        done = await called(client, "edit_on_page", sessionId=session, fromId="t1", prompt="at night", count=2)
    assert plain["model"].startswith("gemini:")
    assert "$" in plain["price"]
    assert three["price"] != plain["price"]
    assert (exact["model"], exact["price"]) == ("local:builtin", "free")
    assert (local["model"], local["price"]) == ("local:builtin", "free")
    assert "No model is called 'nobody'" in wrong["problem"]
    assert empty["problem"] == ""
    names = [row["name"] for row in plain["models"]]
    assert "local:builtin" in names
    assert plain["model"] in names
    assert not [name for name in names if name.startswith("openai:")], "one without a key is no choice"
    assert len(gemini.requests("enerateContent")) == asked + 2
    assert len(done.structured_content["pictures"]) == 2
    assert len(desk.studio.session(session).turns) == 2, "looking at a price makes no turn"


def test_the_page_needs_nothing_from_anywhere():
    text = page.html().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|\bsrc=|<link|@import|url\(|\bimport\s", text)
