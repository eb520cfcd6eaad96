"""What is sent holds nothing that the negotiated version of the protocol does not have, looked at on the wire itself."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from notebook_img.mcp.clients import configuration
from notebook_img.mcp.commands import command
from notebook_img.mcp.http_server import ServerHandle, handle_of
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import OWN, Desk, Raw, called, stdio
from tests.mcp.test_http import ACCEPT

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")

# What the JSON schema of each version names, object by object, less what the version before had (schema/VERSION/schema.json).
NEW: Mapping[str, Mapping[str, str]] = {
    "2024-11-05": {
        "InitializeResult": "_meta capabilities instructions protocolVersion serverInfo",
        "Implementation": "name version",
        "ServerCapabilities": "experimental logging prompts resources tools",
        "ListResult": "_meta nextCursor tools resources resourceTemplates prompts",
        "Tool": "description inputSchema name",
        "CallToolResult": "_meta content isError",
        "Content": "type text data mimeType annotations resource",
        "content types": "text image resource",
        "Annotations": "audience priority",
        "Resource": "annotations description mimeType name size uri",
        "ResourceTemplate": "annotations description mimeType name uriTemplate",
        "ReadResourceResult": "_meta contents",
        "ResourceContents": "uri mimeType text blob",
        "Prompt": "name description arguments",
        "PromptArgument": "name description required",
        "GetPromptResult": "_meta description messages",
        "PromptMessage": "role content",
        "ProgressNotification": "progress progressToken total",
    },
    "2025-03-26": {
        "ServerCapabilities": "completions",
        "Tool": "annotations",
        "content types": "audio",
        "ProgressNotification": "message",
    },
    "2025-06-18": {
        "Implementation": "title",
        "Tool": "_meta outputSchema title",
        "CallToolResult": "structuredContent",
        "Content": "_meta name title description uri size",
        "content types": "resource_link",
        "Annotations": "lastModified",
        "Resource": "_meta title",
        "ResourceTemplate": "_meta title",
        "ResourceContents": "_meta",
        "Prompt": "_meta title",
        "PromptArgument": "title",
    },
    "2025-11-25": {
        "Implementation": "description icons websiteUrl",
        "ServerCapabilities": "tasks",
        "Tool": "execution icons",
        "Content": "icons",
        "Resource": "icons",
        "ResourceTemplate": "icons",
        "Prompt": "icons",
    },
    "2026-07-28": {
        "ListResult": "resultType ttlMs cacheScope",
        "CallToolResult": "resultType",
        "ReadResourceResult": "resultType ttlMs cacheScope",
        "GetPromptResult": "resultType",
        "ServerCapabilities": "extensions",
    },
}


def known(version: str, name: str) -> set[str]:
    return {field for when in VERSIONS[: VERSIONS.index(version) + 1] for field in NEW[when].get(name, "").split()}


class Wire:
    """A client that speaks one version and looks at every byte."""

    def __init__(self, url: str, version: str) -> None:
        self.url, self.version = url, version
        self.numbers = itertools.count(1)
        self.headers = {**ACCEPT}
        self.notes: list[Any] = []
        self.hello: Any = None
        if version < "2026":
            mine = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
            self.hello = self.ask("initialize", **mine)
            self.headers["mcp-protocol-version"] = version
            self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def ask(self, method: str, **params: Any) -> Any:
        """Return the result; what is notified before it goes to `notes`."""
        extra, number = {}, next(self.numbers)
        if self.version >= "2026":
            name = params.get("name") or params.get("uri")
            extra = {"mcp-protocol-version": self.version, "mcp-method": method, **({"mcp-name": name} if name else {})}
            prefix = "io.modelcontextprotocol"
            about = {"protocolVersion": self.version, "clientCapabilities": {}, "clientInfo": {"name": "wire", "version": "1"}}
            params["_meta"] = {**params.get("_meta", {}), **{f"{prefix}/{key}": value for key, value in about.items()}}
        rows = self._post({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, **extra)
        self.notes += [row["params"] for row in rows if "id" not in row]
        return next(row for row in rows if row.get("id") == number)["result"]

    def call(self, tool: str, **arguments: Any) -> Any:
        return self.ask("tools/call", name=tool, arguments=arguments, _meta={"progressToken": "p"})

    def _post(self, body: Any, **extra: str) -> list[Any]:
        reply = httpx.post(self.url, json=body, headers={**self.headers, **extra}, trust_env=False, timeout=60)
        if "mcp-session-id" in reply.headers:
            self.headers["mcp-session-id"] = reply.headers["mcp-session-id"]
        if not reply.content:
            return []
        if reply.headers.get("content-type", "").startswith("application/json"):
            return [reply.json()]
        return [json.loads(line[5:]) for line in reply.text.splitlines() if line.startswith("data:") and line[5:].strip()]


@pytest.fixture
def url(folder: Path, home: Path) -> Iterator[str]:
    with ServerHandle(build(Work(Studio())), token=None).start() as handle:
        yield handle.url


EDIT = {"imagePath": "cat.png", "prompt": "rotate by 90 degrees"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_on_the_wire_has_only_the_fields_of_its_version(url: str, folder: Path, version: str):
    seen: set[str] = set()

    def check(name: str, *objects: Any) -> None:
        for item in objects:
            assert set(item) <= known(version, name), f"{name} of {version}"
            seen.add(name)

    def check_content(*blocks: Any) -> None:
        check("Content", *blocks)
        assert {block["type"] for block in blocks} <= known(version, "content types")
        check("Annotations", *(block["annotations"] for block in blocks if "annotations" in block))

    wire = Wire(url, version)
    if wire.hello is not None:
        check("InitializeResult", wire.hello)
        check("Implementation", wire.hello["serverInfo"])
        check("ServerCapabilities", wire.hello["capabilities"])
        assert wire.hello["protocolVersion"] == version
    results = [
        wire.call("edit_image", **EDIT, outputPath="turned.png"),
        wire.call("edit_image", **{**EDIT, "imagePath": "missing.png"}, outputPath="x.png"),
        wire.call("view_image", image=f"{OWN}/t1"),
        wire.call("chat_vision", image="cat.png", question="What size is it?"),
    ]
    for result in results:
        check("CallToolResult", result)
        check_content(*result["content"])
    assert [result.get("isError", False) for result in results] == [False, True, False, False]
    check("ProgressNotification", *wire.notes)
    for method, name, key in (
        ("tools/list", "Tool", "tools"),
        ("resources/list", "Resource", "resources"),
        ("resources/templates/list", "ResourceTemplate", "resourceTemplates"),
        ("prompts/list", "Prompt", "prompts"),
    ):
        listed = wire.ask(method)
        check("ListResult", listed)
        check(name, *listed[key])
        if name == "Prompt":
            check("PromptArgument", *(argument for row in listed[key] for argument in row.get("arguments", [])))
    uri = next(row["uri"] for row in wire.ask("resources/list")["resources"] if "pictures" in row["uri"])
    read = wire.ask("resources/read", uri=uri)
    check("ReadResourceResult", read)
    check("ResourceContents", *read["contents"])
    prompt = wire.ask("prompts/list")["prompts"][0]
    got = wire.ask("prompts/get", name=prompt["name"], arguments={row["name"]: "fox" for row in prompt.get("arguments", [])})
    check("GetPromptResult", got)
    check("PromptMessage", *got["messages"])
    check_content(*(message["content"] for message in got["messages"]))
    modern = {"InitializeResult", "Implementation", "ServerCapabilities"} if wire.hello is None else set()
    assert seen == set(NEW["2024-11-05"]) - {"content types"} - modern


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_has_is_sent_and_words_picture_and_path_always_are(url: str, folder: Path, version: str):
    wire = Wire(url, version)
    made = wire.call("edit_image", **EDIT, outputPath="turned.png")
    later = version >= "2025-06"
    assert [block["type"] for block in made["content"]] == ["text", "image", *(["resource_link"] if later else [])]
    assert str(folder / "turned.png") in made["content"][0]["text"]
    assert made["content"][1]["mimeType"] == "image/jpeg"
    assert ("structuredContent" in made) == later
    tools = wire.ask("tools/list")["tools"]
    assert all("outputSchema" in tool and "title" in tool for tool in tools) == later
    assert all("annotations" in tool for tool in tools) == (version >= "2025-03")
    # A property of a tool may be called title too: schemas are left alone.
    assert any("title" in json.dumps(tool["inputSchema"]) for tool in tools)
    assert all(("message" in note) == (version >= "2025-03") for note in wire.notes)
    assert wire.notes


def test_a_version_nobody_knows_is_answered_with_one_we_speak(url: str):
    assert Wire(url, "2023-01-01").hello["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_links_can_be_switched_off_for_hosts_that_hand_them_to_a_model(folder: Path, home: Path, era: str):
    work = Work(Studio(mcp_links=False))
    desk = Desk(work.studio, work, build(work))
    async with desk.client(era) as client:
        made = await called(client, "edit_image", **EDIT, outputPath="turned.png")
        assert [block.type for block in made.content] == ["text", "image"]
        picture = made.structured_content["pictures"][0]
        assert (await client.read_resource(picture["uri"])).contents


def test_the_switch_is_a_word_and_a_variable_and_goes_into_configurations(home: Path, folder: Path):
    for words, variables, kinds in (
        (("--links", "off"), {}, ["text", "image"]),
        ((), {"NOTEBOOK_IMG_MCP_LINKS": "off"}, ["text", "image"]),
        (("--links", "on"), {"NOTEBOOK_IMG_MCP_LINKS": "off"}, ["text", "image", "resource_link"]),
    ):
        raw = Raw(home, folder, "--alone", *words, **variables)
        raw.hello()
        raw.call(1, "edit_image", **EDIT, outputPath=f"{len(words)}{len(variables)}.png")
        assert [block["type"] for block in raw.read(1)["result"]["content"]] == kinds
        raw.process.stdin.close()  # type: ignore[union-attr]
        raw.process.wait(20)
    assert '"--links",\n        "off"' in configuration("claude-desktop", Settings(mcp_links=False))
    assert "--links" not in configuration("claude-desktop", Settings())


@pytest.mark.parametrize(("words", "links"), [([], True), (["--links", "off"], False)])
def test_the_magic_has_the_switch_too_and_keeps_it_to_its_server(home: Path, folder: Path, words: list[str], links: bool):
    studio = Studio()
    command(studio, ["start", *words])
    with handle_of(studio) as handle:
        assert handle.work.links == links
    assert studio.settings.mcp_links


def test_a_switch_that_is_none_is_said(home: Path, folder: Path):
    given = stdio(home, folder, NOTEBOOK_IMG_MCP_LINKS="maybe")
    done = subprocess.run([sys.executable, *given.args], env=given.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "NOTEBOOK_IMG_MCP_LINKS" in done.stderr
