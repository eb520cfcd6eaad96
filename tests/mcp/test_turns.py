"""Turns and sessions under odd orders of events: questions at once, requests cancelled before they are sent, steps to the beginning."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest

from notebook_img.mcp import discovery
from notebook_img.mcp.clients import configuration
from notebook_img.mcp.http_server import serve
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, OWN, Desk, called, refused, slow
from tests.mcp.test_http import ACCEPT, HELLO
from tests.mcp.test_jobs import until

CIRCLE = "a red circle on white"


async def test_questions_sent_at_once_do_not_exceed_the_turns(desk: Desk, gemini: Running):
    async with desk.client() as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        more = {"image": "cat.png", "session_id": first["session_id"]}
        gemini.control(*[slow(0.3)] * 4)
        answers = await asyncio.gather(*(client.call_tool("chat_vision", {**more, "question": f"And {n}?"}) for n in range(4)))
    assert sorted(answer.structured_content["status"] for answer in answers) == ["completed"] * 3 + ["success"]
    assert len(gemini.requests("enerateContent")) == 2


async def test_a_question_while_the_one_before_is_a_job_is_answered_with_that_job(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control(slow(2))
    desk = make_desk(mcp_wait=0.3)
    async with desk.client() as client:
        first = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        more = {"image": "cat.png", "session_id": first["session_id"], "question": "And this?"}
        for _ in range(2):
            again = (await called(client, "chat_vision", **more)).structured_content
            assert (again["status"], again["job_id"]) == ("running", first["job_id"])
        desk.studio.settings.set("mcp_wait", 50)
        await called(client, "get_job", job_id=first["job_id"])
        last = (await called(client, "chat_vision", **more)).structured_content
    assert (last["status"], last["conversation_turn"], last["can_continue"]) == ("success", 2, False)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("start_image_session", {"prompt": "a fox", "outputPath": "b.png"}),
        ("chat_vision", {"image": "cat.png", "question": "What is this?"}),
    ],
)
async def test_what_is_cancelled_before_it_is_sent_leaves_no_session(
    make_desk: Callable[..., Desk], gemini: Running, era: str, name: str, arguments: dict[str, str]
):
    gemini.control(slow(3))
    desk = make_desk(at_once=1)
    async with desk.client(era) as client:
        ahead = asyncio.create_task(client.call_tool("generate_image", {"prompt": "a watercolour fox", "outputPath": "a.png"}))
        await until(lambda: gemini.requests("enerateContent"))
        with anyio.move_on_after(1):
            await client.call_tool(name, arguments)
        await until(lambda: desk.studio.store.session_names() == [OWN])
        assert not (await ahead).is_error
    assert len(gemini.requests("enerateContent")) == 1


async def test_a_session_whose_first_request_was_stopped_is_taken_away(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control({"kind": "hang"})
    desk = make_desk(mcp_wait=0.3)
    async with desk.client() as client:
        job = (await called(client, "start_image_session", prompt="a fox", outputPath="a.png")).structured_content["job_id"]
        stopped = (await called(client, "cancel_job", job_id=job)).structured_content
        assert stopped["status"] == "cancelled"
        assert (await called(client, "list_sessions")).structured_content["total"] == 0


async def test_a_session_at_its_beginning_begins_anew_from_an_image(desk: Desk):
    async with desk.client() as client:
        begun = (await called(client, "start_image_session", prompt=CIRCLE, outputPath="a.png")).structured_content
        await called(client, "undo_turn", session=begun["sessionId"])
        more = {"sessionId": begun["sessionId"], "prompt": "rotate by 90 degrees", "outputPath": "b.png"}
        said = await refused(client, "continue_image_session", **more)
        assert "imagePath" in said
        assert "%" not in said
        made = (await called(client, "continue_image_session", **more, imagePath="cat.png")).structured_content
    assert made["id"].endswith("/t2")
    assert desk.studio.session(begun["sessionId"]).turns[1].record.uses("input")[0].width == 640


@pytest.mark.parametrize("name", ["view_image", "save_image", "compare_images"])
async def test_a_turn_without_its_session_is_asked_back(desk: Desk, name: str):
    arguments = {
        "view_image": {"image": "t1"},
        "save_image": {"image": "t1", "outputPath": "a.png"},
        "compare_images": {"before": "t1", "after": "cat.png"},
    }[name]
    async with desk.client() as client:
        assert "fox/t1" in await refused(client, name, **arguments)


def test_a_configuration_for_codex_is_toml_whatever_folders_are_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = tmp_path / "pictures \U0001f98a \x7f ü"
    place.mkdir()
    monkeypatch.chdir(place)
    text = configuration("codex", Studio().settings).split("\n\n", 1)[1].rsplit("\n\n", 1)[0]
    assert str(place) in tomllib.loads(text)["mcp_servers"]["notebook-img"]["args"]


@pytest.mark.parametrize("wrong", [{"owner": 5}, {"started": "abc"}, {"home": None}, {"url": []}])
def test_an_announcement_with_a_field_of_another_type_is_passed_over(folder: Path, home: Path, wrong: dict[str, object]):
    with serve(Studio()) as handle:
        assert handle.announcement is not None
        facts = json.loads(handle.announcement.read_text())
        odd = handle.announcement.with_name(f"{discovery.PREFIX}1-1.json")
        odd.write_text(json.dumps({**facts, **wrong}))
        odd.chmod(0o600)
        assert [found.url for found in discovery.find(home)] == [handle.url]


@pytest.mark.parametrize("host", ["127.0.0.2", "::"])
@pytest.mark.filterwarnings("ignore:The MCP server listens on")
def test_the_url_that_is_announced_is_answered(folder: Path, host: str):
    try:
        handle = serve(Studio(), host=host)
    except Exception as error:  # a computer without IPv6, or without more loopback addresses
        pytest.skip(str(error))
    with handle:
        headers = {**ACCEPT, "Authorization": f"Bearer {handle.token}"}
        assert httpx.post(handle.url, json=HELLO, headers=headers, trust_env=False, timeout=20).status_code == 200


def test_folders_named_at_the_start_are_the_servers_alone_and_may_begin_with_a_tilde(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "Pics").mkdir()
    studio = Studio()
    with serve(studio, allowed=(Path("~/Pics"),)) as handle:
        assert handle.work.caller("someone").folders.allowed == ((tmp_path / "Pics").resolve(),)
    assert not studio.settings.allowed_dirs
    with serve(studio) as handle:
        assert folder.resolve() in handle.work.caller("someone").folders.allowed
