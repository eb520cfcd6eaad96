"""What is joined is said, and only what shares the client's own environment; connections have heads of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mcp import Client, stdio_client

from notebook_img.mcp import client_settings, server_log
from notebook_img.mcp.bridge import JoiningServer
from notebook_img.mcp.http_server import serve
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.records import JobRecord
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import KEY, OWN, Desk, called, stdio
from tests.mcp.test_http import over_http

OWN_SETTINGS = (
    ("GEMINI_API_KEY", KEY),
    ("NOTEBOOK_IMG_MODEL", "local"),
    ("NOTEBOOK_IMG_BUDGET", "1.5"),
    ("VISION_MODEL", "a-model"),
    ("NOTEBOOK_IMG_MCP_WAIT", "20"),
)


@pytest.mark.parametrize(("variable", "value"), OWN_SETTINGS)
async def test_a_kernel_that_does_not_share_the_clients_environment_is_not_joined_and_that_is_said(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    with serve(Studio(settings=Settings(environ={"NOTEBOOK_IMG_HOME": str(home)}))) as kernel:
        monkeypatch.setenv(variable, value)
        desk = joining()
        async with desk.client() as client:
            status = (await called(client, "get_status")).structured_content
            await called(client, "list_sessions")
        assert kernel.work.calls == 0
        assert variable in status["alone"]
        assert status["alone"] in status["message"]
        (line,) = [line for line in server_log.lines() if "is not joined" in line and kernel.url in line]
        assert status["alone"] in line
        assert KEY not in line


async def test_a_process_says_on_stderr_why_it_works_alone(folder: Path, home: Path, tmp_path: Path):
    with (
        serve(Studio(settings=Settings(environ={"NOTEBOOK_IMG_HOME": str(home)}))) as kernel,
        (tmp_path / "stderr").open("w") as stderr,
    ):
        async with Client(stdio_client(stdio(home, folder, "--page", "off", NOTEBOOK_IMG_BUDGET="1.5"), errlog=stderr)) as client:
            status = (await called(client, "get_status")).structured_content
    assert "NOTEBOOK_IMG_BUDGET" in status["alone"]
    assert status["alone"] in (tmp_path / "stderr").read_text()
    assert kernel.work.calls == 0


@pytest.mark.parametrize(("variable", "value"), OWN_SETTINGS)
async def test_one_that_has_the_same_in_force_is_joined(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    monkeypatch.setenv(variable, value)
    with serve(Studio()) as kernel:
        async with joining().client() as client:
            await called(client, "list_sessions")
        assert kernel.work.calls == 1


def test_the_announcement_holds_no_value(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with serve(Studio()) as kernel:
        assert kernel.announcement
        text = kernel.announcement.read_text()
    assert "GEMINI_API_KEY" in text
    assert KEY not in text


def test_where_nothing_is_known_of_a_kernel_it_is_joined():
    assert client_settings.not_shared({"GEMINI_API_KEY": "x"}, None) == []


async def test_what_a_kernel_of_one_family_lacks_is_done_here(folder: Path, home: Path):
    with serve(Studio(), tools="gemini") as kernel:
        async with joining().client() as client:
            for tool, calls in (("get_image_config_info", 1), ("list_sessions", 1), ("get_status", 1)):
                await called(client, tool)
                assert kernel.work.calls == calls


def joining() -> Desk:
    studio = Studio()
    work = Work(studio)
    return Desk(studio, work, build(work, "all", JoiningServer))


async def test_two_connections_of_one_name_have_heads_of_their_own_and_results_say_where_they_began(folder: Path, home: Path):
    with serve(Studio()) as kernel:
        async with over_http(kernel, "legacy") as one, over_http(kernel, "legacy") as two:
            made = (await called(one, "start_image_session", prompt="a red circle on white", outputPath="a.png")).structured_content
            session = made["sessionId"]
            assert made["started_from"] == ""
            first = await called(one, "continue_image_session", sessionId=session, prompt="rotate by 90 degrees", outputPath="b.png")
            assert first.structured_content["started_from"] == f"{session}/t1"
            assert f"made from {session}/t1" in first.content[0].text
            # The second one begins at the stored head, and goes its own way from then on.
            began = await called(two, "continue_image_session", sessionId=session, prompt="blur", outputPath="c.png")
            assert began.structured_content["started_from"] == f"{session}/t2"
            await called(one, "undo_turn", session=session)
            again = await called(two, "continue_image_session", sessionId=session, prompt="sharpen", outputPath="d.png")
            assert again.structured_content["started_from"] == f"{session}/t3"


async def test_agents_of_a_folder_share_its_session_and_those_of_another_of_that_name_do_not(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_desk: Callable[..., Desk]
):
    async with desk.client() as client:
        for tool in ("generate_image", "generateImage"):
            given = {"outputPath": "a.png"} if tool == "generate_image" else {}
            made = await called(client, tool, prompt="a red circle on white", **given)
            assert made.structured_content["sessionId"] == OWN
    other = tmp_path / "other" / "work"
    other.mkdir(parents=True)
    monkeypatch.chdir(other)
    async with make_desk().client() as client:
        made = await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")
    assert made.structured_content["sessionId"] == "work 2, agents"


async def test_a_picture_stored_just_before_its_process_ended_is_found_by_its_job(desk: Desk):
    async with desk.client() as client:
        made = (await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")).structured_content
        now, ended = time.time(), desk.studio.store.owner.rsplit(":", 2)[0] + ":999999:1"
        left = JobRecord("jdead0002", OWN, "running", ended, now - 60, now, prompt="a red circle on white", request={"client": "tester"})
        desk.studio.store.add_job(left)
        found = (await called(client, "get_job", job_id="jdead0002")).structured_content
    assert (found["status"], found["id"]) == ("done", made["id"])
