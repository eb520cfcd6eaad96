"""Calls nobody would make: whatever the arguments, a tool answers in words, writes inside its folders and keeps the server alive."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.conftest import Desk, called, paint

TEXTS = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\x1b[2J",
        "\n\n",
        "\u202e",
        "가" * 90,
        "x" * 5000,
        "🦊" * 300,
        "\ud83e",
        "../" * 40,
        "/etc/passwd",
        "~root/.ssh/id_rsa",
    ),
    *(
        "C:\\Windows\\x.png",
        "file:///etc/passwd",
        "https://169.254.169.254/",
        "http://[::1]:1/a.png",
        "data:image/png;base64,!!!",
        "nbimg://pictures/" + "0" * 64,
    ),
    *(
        "fox/t1",
        "fox/t999999999999999999",
        "t1",
        "t1.0",
        "cat.png",
        "sample:chelsea",
        "sample:nosuch",
        "%s%n",
        "{x}",
        "${HOME}",
        "<script>",
        "'; DROP TABLE turns; --",
    ),
    *(
        "a red circle on white",
        "rotate by 90 degrees",
        "What size is it?",
        "own",
        "all",
        "local",
        "gemini",
        "nosuch:model",
        "16:9",
        "0:0",
        "4K",
        "9999999K",
    ),
    *("out.png", "new/out.jpg", "out", "out.exe", ".", "..", "con.png", "-o", "2026-02-30", "#12345", "null", "[]", "{}"),
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    0.5,
    -0.0,
    1e308,
    [],
    [0],
    [0, 0, 1, 1],
    [[]],
    {},
    {"a": {}},
    *TEXTS,
)
FAMILIAR = 0.75
"""Share of the arguments that have the name and the type a tool wants, so that calls get beyond the first check."""


def arguments(schema: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, facts in schema.get("properties", {}).items():
        if name in schema.get("required", ()) or draw.random() < 0.5:
            given[name] = value(facts, draw) if draw.random() < FAMILIAR else draw.choice(VALUES)
    if draw.random() < 0.1:
        given[draw.choice(TEXTS)[:20] or "x"] = draw.choice(VALUES)
    return given


def value(facts: dict[str, Any], draw: random.Random) -> Any:
    kinds = [kind for kind in facts.get("anyOf", [facts]) if kind.get("type") != "null"]
    kind = kinds[0].get("type") if kinds else "string"
    low, high = kinds[0].get("minimum", -3) if kinds else 0, kinds[0].get("maximum", 3000) if kinds else 1
    made = {
        "string": lambda: draw.choice(TEXTS),
        "integer": lambda: draw.randint(int(low), int(high)),
        "number": lambda: draw.uniform(low, high),
        "boolean": lambda: draw.random() < 0.5,
        "array": lambda: [draw.choice((*TEXTS, 0, 5, 100)) for _ in range(draw.randint(0, 5))],
    }
    return made.get(str(kind), lambda: draw.choice(VALUES))()


@pytest.mark.parametrize("calls", [1_000, pytest.param(20_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])])
async def test_whatever_is_asked_is_answered_in_words_and_within_the_folders(desk: Desk, folder: Path, tmp_path: Path, calls: int):
    draw = random.Random(20261128)
    desk.studio.session("fox").generate("a red circle on white")
    desk.studio.settings.set("mcp_wait", 20)
    paint(tmp_path / "private.png")
    before = outside(tmp_path, folder)
    async with desk.client(name="fuzz") as client:
        tools = (await client.list_tools()).tools
        for number in range(calls):
            tool = draw.choice(tools)
            given = json.loads(json.dumps(arguments(tool.input_schema, draw)))
            if given.get("wait_seconds"):
                given["wait_seconds"] = 0
            result = await client.call_tool(tool.name, _sendable(given))
            text = " ".join(block.text for block in result.content if block.type == "text")
            said = f"call {number}: {tool.name} {str(given)[:300]} -> {text[:300]}"
            assert result.content, said
            assert text.strip() not in ("", f"Error executing tool {tool.name}"), said
            assert "Traceback" not in text, said
            assert "root:x:0" not in text, said
            assert sum(len(str(block.model_dump())) for block in result.content) < 1_000_000, said
        assert (await called(client, "view_image", image="fox/t1")).structured_content["width"]
    assert outside(tmp_path, folder) == before


def outside(place: Path, folder: Path) -> dict[Path, bytes]:
    """Return the files beside a folder."""
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and folder not in path.parents}


def _sendable(value: Any) -> Any:
    """Half of a pair cannot travel as JSON in UTF-8."""
    if isinstance(value, list):
        return [_sendable(item) for item in value]
    if isinstance(value, dict):
        return {_sendable(name): _sendable(item) for name, item in value.items()}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
