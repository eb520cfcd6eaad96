"""Many at once for agents: a limit that has to be given, progress, rows, and going on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulators.process import Running
from tests.mcp.conftest import Desk, called, paint, refused


@pytest.fixture
def names(folder: Path) -> list[str]:
    for number in range(1, 5):
        paint(folder / f"p{number}.png", (60 + number, 40))
    return [f"p{number}.png" for number in range(1, 5)]


async def test_a_batch_is_run_looked_at_and_has_rows(make_desk: Callable[..., Desk], names: list[str]) -> None:
    async with make_desk().client() as client:
        told: list[tuple[float, float | None]] = []

        async def progress(done: float, total: float | None, _message: str | None) -> None:
            told.append((done, total))

        made = await client.call_tool(
            "run_batch", {"prompt": "rotate 90 degrees", "images": names, "max_cost": 0}, progress_callback=progress
        )
        facts = made.structured_content
        assert (facts["batch_id"], facts["total"], facts["done"], facts["to_do"], facts["status"]) == ("b1", 4, 4, 0, "done")
        assert [item["label"] for item in facts["items"]] == names
        assert all(item["id"].startswith(f"{facts['session']}/t") for item in facts["items"])
        assert made.content[1].type == "image"
        assert told[0][1] == 4
        assert told == sorted(told)
        seen = (await called(client, "get_batch", batch_id="b1")).structured_content
        assert seen["done"] == 4
        viewed = await called(client, "view_image", image=facts["items"][0]["id"])
        assert viewed.structured_content["width"] == 40


async def test_typed_answers_and_failures_are_rows(make_desk: Callable[..., Desk], names: list[str]) -> None:
    async with make_desk().client() as client:
        asked = await called(client, "run_batch", kind="ask", prompt="facts", images=names[:2], row="width int", max_cost=0)
        assert [item["state"] for item in asked.structured_content["items"]] == ["done", "done"]
        made = await called(
            client, "run_batch", kind="generate", prompt="a {colour} circle on white", over={"colour": ["red", "blue"]}, max_cost=0
        )
        assert [item["label"] for item in made.structured_content["items"]] == ["red", "blue"]


async def test_the_limit_is_required_and_holds(make_desk: Callable[..., Desk], gemini: Running, names: list[str]) -> None:
    async with make_desk().client() as client:
        assert "max_cost" in await refused(client, "run_batch", prompt="make it night", images=names)
        ended = await called(client, "run_batch", prompt="make it night", images=names, max_cost=0.1, model="gemini")
        facts = ended.structured_content
        assert facts["cost_usd"] <= 0.1
        assert facts["status"] == "stopped"
        assert facts["done"] + facts["to_do"] == 4
        assert "of the $0.10 for batch b1" in ended.content[0].text
        sent = len(gemini.requests("enerateContent"))
        again = (await called(client, "run_batch", prompt="make it night", images=names, max_cost=5, model="gemini")).structured_content
        assert (again["batch_id"], again["done"]) == ("b1", 4)
        assert len(gemini.requests("enerateContent")) == 4 > sent


async def test_a_file_outside_the_folders_is_no_item(make_desk: Callable[..., Desk], names: list[str]) -> None:
    async with make_desk().client() as client:
        assert "outside" in await refused(client, "run_batch", prompt="rotate 90 degrees", images=["/etc/hostname"], max_cost=0)
        assert "There is no batch 'b9'" in await refused(client, "get_batch", batch_id="b9")
        assert "images is empty" in await refused(client, "run_batch", prompt="rotate 90 degrees", max_cost=0)
