"""Requests that outlive the one who asked: bounded waits, jobs any process can read, cancelling, a thousand calls at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image

from notebook_img.records import JobRecord
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, OWN, Desk, Raw, called, refused, slow
from tests.studio.conftest import jimeng_environ

ASK = {"prompt": "a watercolour fox", "outputPath": "fox.png"}


async def until(met: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for a condition; the result of `met`."""
    end = time.monotonic() + seconds
    while not (result := met()):
        assert time.monotonic() < end, "not met in time"
        await asyncio.sleep(0.02)  # pause between two looks
    return result


@pytest.mark.parametrize("era", ERAS)
async def test_what_takes_longer_than_the_wait_becomes_a_job_that_get_job_fetches(
    make_desk: Callable[..., Desk], gemini: Running, folder: Path, era: str
):
    gemini.control(slow(1.5))
    desk = make_desk(mcp_wait=0.3)
    async with desk.client(era) as client:
        running = (await called(client, "generate_image", **ASK)).structured_content
        assert (running["status"], running["sessionId"]) == ("running", OWN)
        desk.studio.settings.set("mcp_wait", 50)
        result = await called(client, "get_job", job_id=running["job_id"])
    facts = result.structured_content
    assert (facts["status"], facts["id"], facts["job_id"]) == ("done", f"{OWN}/t1", running["job_id"])
    assert [item.type for item in result.content] == ["text", "image", "resource_link"]
    assert facts["files"] == [str(folder / "fox.png")]
    assert Image.open(folder / "fox.png").format == "PNG"
    assert len(gemini.requests("generateContent")) == 1


async def test_a_question_becomes_a_job_too(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control(slow(1.0))
    desk = make_desk(mcp_wait=0.2)
    async with desk.client() as client:
        running = (await called(client, "chat_vision", image="cat.png", question="What is this?")).structured_content
        assert (running["status"], running["can_continue"]) == ("running", False)
        desk.studio.settings.set("mcp_wait", 50)
        facts = (await called(client, "get_job", job_id=running["job_id"])).structured_content
    assert facts["status"] == "done"
    assert facts["answer"]


async def test_another_process_sees_a_job_fetches_it_and_can_stop_it(make_desk: Callable[..., Desk], gemini: Running, home: Path):
    gemini.control({"kind": "hang"})
    desk = make_desk(mcp_wait=0.3)
    script = (
        "import asyncio, sys\n"
        "from notebook_img.mcp.work import Work\nfrom notebook_img.studio import Studio\n"
        "jobs = Work(Studio()).jobs\nprint(jobs.job(sys.argv[1]).state)\nprint(asyncio.run(jobs.cancel(sys.argv[1])).state)\n"
    )
    async with desk.client() as client:
        job = (await called(client, "generate_image", **ASK)).structured_content["job_id"]
        done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, job], capture_output=True, text=True, timeout=60)
        assert done.stdout.split() == ["running", "cancelled"], done.stderr
        facts = (await called(client, "get_job", job_id=job)).structured_content
    assert facts["status"] == "cancelled"
    assert desk.studio.store.session_named(OWN).turns == 0
    gemini.wait_for(lambda rows: any(row["state"] == "client left" for row in rows), "generateContent")


async def test_cancel_job_ends_the_request_and_says_so(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control({"kind": "hang"})
    desk = make_desk(mcp_wait=0.3)
    async with desk.client() as client:
        job = (await called(client, "generate_image", **ASK)).structured_content["job_id"]
        gemini.wait_for(bool, "generateContent")  # before that there is no request to end
        facts = (await called(client, "cancel_job", job_id=job)).structured_content
        assert facts["status"] == "cancelled"
        assert (await called(client, "cancel_job", job_id=job)).structured_content["status"] == "cancelled"
    gemini.wait_for(lambda rows: any(row["state"] == "client left" for row in rows), "generateContent")
    await until(lambda: desk.work.under_way == 0)


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_cancels_leaves_a_job_that_is_kept(make_desk: Callable[..., Desk], gemini: Running, era: str):
    gemini.control(slow(1.0))
    desk = make_desk()
    async with desk.client(era) as client:
        with anyio.move_on_after(0.01) as scope:
            scope.deadline = anyio.current_time() + 30

            async def stop() -> None:
                await until(lambda: gemini.requests("generateContent"))
                scope.cancel()

            stopping = asyncio.create_task(stop())
            await client.call_tool("generate_image", ASK)
        await stopping
        job = await until(desk.studio.store.jobs)
        facts = (await called(client, "get_job", job_id=job[0].id)).structured_content
    assert facts["status"] == "done"
    assert len(gemini.requests("generateContent")) == 1


async def test_a_client_that_vanishes_leaves_a_job_that_is_kept(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control(slow(1.0))
    desk = make_desk()

    async def vanish() -> None:
        async with desk.client("legacy") as client:
            await client.call_tool("generate_image", ASK)

    gone = asyncio.create_task(vanish())
    await until(lambda: gemini.requests("generateContent"))
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await until(lambda: [row for row in desk.studio.store.jobs() if row.state == "done"])
    assert desk.studio.store.session_named(OWN).turns == 1


async def test_a_failed_job_tells_why(make_desk: Callable[..., Desk], gemini: Running):
    gemini.control({"kind": "hang"})
    desk = make_desk(mcp_wait=0.2, timeout=1)
    async with desk.client() as client:
        job = (await called(client, "generate_image", **ASK)).structured_content["job_id"]
        await until(lambda: desk.studio.store.job(job).state != "running")
        result = await client.call_tool("get_job", {"job_id": job})
    assert result.is_error
    assert (result.structured_content["status"], result.structured_content["job_id"]) == ("failed", job)
    assert result.structured_content["error"] in result.content[0].text


async def test_a_job_whose_process_has_ended_is_said_to_be_lost(desk: Desk):
    owner = desk.studio.store.owner.rsplit(":", 2)[0] + ":999999:1"
    desk.studio.store.add_job(JobRecord("jdead0001", OWN, "running", owner, time.time(), time.time(), prompt="a fox"))
    async with desk.client() as client:
        result = await client.call_tool("get_job", {"job_id": "jdead0001"})
    assert result.is_error
    assert result.structured_content["status"] == "failed"
    assert "ended" in result.content[0].text


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot tell that a process has ended by its id")
@pytest.mark.parametrize("sent_first", [True, False], ids=["left after it was sent", "left before it was sent"])
async def test_a_services_job_of_a_process_that_died_is_fetched_and_its_file_written(
    make_desk: Callable[..., Desk],
    start_emulator: Callable[..., Running],
    home: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    sent_first: bool,
):
    service = start_emulator("jimeng")
    service.control(states=[*[20] * 40, 50])
    environ = jimeng_environ(service)
    waiting = await asyncio.to_thread(
        Raw, home, folder, "--alone", **{**environ, "JIMENG_POLL": "0.2", "NOTEBOOK_IMG_MCP_WAIT": "30" if sent_first else "0"}
    )
    try:
        waiting.hello()
        waiting.call(1, "generate_image", prompt="a fox in the snow", outputPath="fox.png", model="jimeng", imageSize="1K")
        if sent_first:
            await asyncio.to_thread(service.wait_for, lambda rows: len(rows) > 1, "get_history_by_ids", 30)
            waiting.send("notifications/cancelled", requestId=1)
        await asyncio.to_thread(service.wait_for, lambda rows: len(rows) > 1, "get_history_by_ids", 30)
        desk = make_desk()
        (job,) = [row for row in await until(lambda: told(desk)) if row.request.get("tool")]
    finally:
        waiting.process.kill()
        waiting.process.wait(10)
    assert job.state == "running"
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with make_desk().client() as client:
        # The process that does it outlives its server, at its own pace.
        while (facts := (await called(client, "get_job", job_id=job.id)).structured_content)["status"] == "running":
            pass
        again = (await called(client, "get_job", job_id=job.id)).structured_content
    assert (facts["status"], facts["id"], again["id"]) == ("done", f"{OWN}/t1", f"{OWN}/t1")
    assert len(facts["files"]) == 4
    assert all(Path(file).parent == folder for file in facts["files"])
    assert len(service.requests("aigc_draft/generate")) == 1
    assert desk.studio.store.session_named(OWN).turns == 1
    assert {row.state for row in desk.studio.store.jobs()} == {"done"}


def told(desk: Desk) -> list[JobRecord]:
    """The service's row and the client's, which knows the service's id by now; none as long as that is not so."""
    rows = desk.studio.store.jobs()
    return rows if len(rows) == 2 and all(row.submit_id or row.request.get("submit") for row in rows) else []


async def test_a_job_whose_turn_was_stored_before_its_process_died_is_done(desk: Desk):
    desk.studio.session(OWN).generate("a red circle on white")
    owner = desk.studio.store.owner.rsplit(":", 2)[0] + ":999999:1"
    ours = JobRecord("jours", OWN, "running", owner, time.time(), time.time(), submit_id="s1", request={"tool": "generate_image"})
    desk.studio.store.add_job(ours)
    desk.studio.store.add_job(
        JobRecord(
            "jcore",
            OWN,
            "done",
            owner,
            time.time(),
            time.time(),
            submit_id="s1",
            service_state={"x": 1},
            request={"pending": {"kind": "generate"}},
            turn=f"{OWN}/t1",
        )
    )
    async with desk.client() as client:
        facts = (await called(client, "get_job", job_id="jours")).structured_content
    assert (facts["status"], facts["id"]) == ("done", f"{OWN}/t1")


async def test_an_unknown_job_is_an_error_that_names_the_latest(desk: Desk):
    desk.studio.store.add_job(JobRecord("jabc", OWN, "failed", "", time.time(), time.time()))
    async with desk.client() as client:
        assert "jabc" in await refused(client, "get_job", job_id="nothing")
        assert "jabc" in await refused(client, "cancel_job", job_id="nothing")


async def test_a_thousand_calls_at_once_are_bounded_fair_and_none_is_lost(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch):
    """The provider notes how many requests are on their way, and in which order they came."""
    from notebook_img.providers.local import LocalProvider

    answered = LocalProvider.run
    now, most, order = 0, 0, []

    async def counted(self: Any, request: Any, emit: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        order.append(int(request.prompt.split()[-1]))
        try:
            await asyncio.sleep(0)
            return first if (first := cache.get("reply")) else cache.setdefault("reply", await answered(self, dressed(request), emit))
        finally:
            now -= 1

    def dressed(request: Any) -> Any:
        import dataclasses

        return dataclasses.replace(request, prompt="What size is it?")

    cache: dict[str, Any] = {}
    monkeypatch.setattr(LocalProvider, "run", counted)
    desk = make_desk(at_once=8, mcp_wait=120)
    async with desk.client() as client:
        results = await asyncio.gather(
            *(client.call_tool("analyze_image", {"image": "cat.png", "prompt": f"question {number}"}) for number in range(1000))
        )
    assert not [result for result in results if result.is_error]
    assert len({result.structured_content["id"] for result in results}) == 1000
    assert most <= 8
    assert sorted(order) == list(range(1000))
    assert desk.work.under_way == 0
    assert Studio().store.session_named(OWN).turns == 1000
