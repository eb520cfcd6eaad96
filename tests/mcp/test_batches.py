"""Many at once for agents: a limit that has to be given, progress, rows, and going on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitResult, Implementation

from notebook_img.mcp.scope import Scope
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, Desk, called, paint, refused


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


async def test_what_a_client_names_only_lowers_what_may_be_spent(make_desk: Callable[..., Desk], gemini: Running, names: list[str]) -> None:
    async with make_desk(budget=0.1).client() as client:
        ended = await called(client, "run_batch", prompt="make it night", images=names, max_cost=1, model="gemini")
        assert "of at most $0.10" in ended.content[0].text
        status = (await called(client, "get_status")).structured_content
    assert status["spent_today_usd"] <= 0.1
    assert len(gemini.requests("enerateContent")) < 4


async def test_a_file_outside_the_folders_is_no_item(make_desk: Callable[..., Desk], names: list[str]) -> None:
    async with make_desk().client() as client:
        assert "outside" in await refused(client, "run_batch", prompt="rotate 90 degrees", images=["/etc/hostname"], max_cost=0)
        assert "There is no batch 'b9'" in await refused(client, "get_batch", batch_id="b9")
        assert "images is empty" in await refused(client, "run_batch", prompt="rotate 90 degrees", max_cost=0)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("answer", "sent"), [("accept", 4), ("refuse", 0), ("decline", 0), ("", 0)])
async def test_above_a_limit_the_person_is_asked_where_the_client_can(
    make_desk: Callable[..., Desk], gemini: Running, names: list[str], era: str, answer: str, sent: int
) -> None:
    desk, questions = make_desk(ask_above=0.1), []

    async def asked(_context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        action = "decline" if answer == "decline" else "accept"
        return ElicitResult(action=action, content={"agreed": answer == "accept"} if action == "accept" else None)

    about = Implementation(name="tester", version="1")
    can = {"elicitation_callback": asked} if answer else {}
    async with Client(desk.server, mode=era, client_info=about, **can) as client:
        given = {"prompt": "make it night", "images": names, "model": "gemini"}
        result = await client.call_tool("run_batch", {**given, "max_cost": 5})
        assert len(gemini.requests("enerateContent")) == sent
        assert result.is_error == (not sent)
        assert len(questions) == bool(answer)
        if answer:
            assert "tester asks for a batch" in questions[0]
            assert "$5.00" in questions[0]
        if not sent:
            assert "the person has not agreed" in result.content[0].text
        await called(client, "run_batch", **given, max_cost=0.1)
        assert len(questions) == bool(answer)


@pytest.mark.parametrize("most", [0.5, 5])
async def test_a_batch_at_a_price_nobody_knows_waits_for_the_persons_word_whatever_its_limit(
    make_desk: Callable[..., Desk],
    start_emulator: Callable[..., Running],
    home: Path,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
    most: float,
) -> None:
    service, questions = start_emulator("openai"), []
    service.control(models=["flux"], server=True, single_image=True, key="garage-key-123456")
    (home / "endpoints.toml").write_text(
        f'[garage]\nbase_url = "{service.url}/v1"\nkey_variable = "GARAGE_KEY"\nimage_model = "flux"\nimages = "images"\nedits = true\n'
        'single_image = true\nresponse_format = "b64_json"\nbilled = true\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("GARAGE_KEY", "garage-key-123456")

    async def asked(_context: Any, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"agreed": len(questions) > 1})

    async with Client(make_desk().server, elicitation_callback=asked) as client:
        given = {"prompt": "make it night", "images": names, "model": "garage:flux", "max_cost": most}
        said = await refused(client, "run_batch", **given)
        assert "the person has not agreed" in said
        assert "Choose a model whose price is known" in said
        assert not service.requests("images/edits")
        assert "What it may cost is not known" in questions[0]
        await called(client, "run_batch", **given)
        assert len(service.requests("images/edits")) == len(names)


async def test_a_narrowed_server_has_only_batches_of_sessions_it_shows(make_desk: Callable[..., Desk], names: list[str]) -> None:
    desk = make_desk()
    async with desk.client() as client:
        desk.studio.batch.edit("rotate 90 degrees", names[:2])
        await called(client, "get_batch", batch_id="b1")
    desk.work.scope = Scope(desk.studio, ["own"])
    async with desk.client() as client:
        assert "There is no batch 'b1'" in await refused(client, "get_batch", batch_id="b1")
        assert "There is no batch 'b1'" in await refused(client, "stop_batch", batch_id="b1")
        made = await called(client, "run_batch", prompt="rotate 90 degrees", images=names[2:], max_cost=0)
        await called(client, "get_batch", batch_id=made.structured_content["batch_id"])
