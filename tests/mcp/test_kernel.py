"""The server inside a real kernel: busy cells, interrupts, restarts, and a client in another process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager
from mcp import Client
from mcp.shared.exceptions import MCPError

from notebook_img.mcp import discovery
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, KEY, called, refused, slow, stdio


class Kernel:
    """A kernel and what its cells showed."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=dict(os.environ))
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, timeout: float = 60) -> list[dict[str, Any]]:
        """Run a cell that must not fail; return its messages."""
        messages: list[dict[str, Any]] = []
        reply = self.client.execute_interactive(code, output_hook=messages.append, timeout=timeout)
        assert reply["content"]["status"] == "ok", reply["content"]
        return messages

    def text(self, code: str) -> str:
        return "".join(message["content"]["text"] for message in self.run(code) if message["msg_type"] == "stream")

    def begin(self, code: str) -> None:
        """Start a cell and do not wait for it."""
        self.client.execute(code)

    def settle(self, timeout: float = 30) -> str:
        """Wait for the cell begun to end; return its status."""
        return str(self.client.get_shell_msg(timeout=timeout)["content"]["status"])

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)


@pytest.fixture
def kernel(folder: Path, home: Path) -> Iterator[Kernel]:
    running = Kernel(folder)
    running.run("%load_ext notebook_img")
    yield running
    if running.manager.is_alive():
        running.stop()


@pytest.mark.parametrize("era", ERAS)
async def test_a_client_in_another_process_shares_the_kernels_store_and_shows_in_its_cell(
    kernel: Kernel, home: Path, tmp_path: Path, era: str
):
    shown = await asyncio.to_thread(kernel.run, "%imgmcp start")
    first = next(message for message in shown if message["msg_type"] == "display_data")
    async with Client(stdio(home, tmp_path), mode=era) as client:  # type: ignore[arg-type]
        made = await called(client, "start_image_session", prompt="a red circle on white", outputPath="a.png")
        session = made.structured_content["sessionId"]
        await called(client, "continue_image_session", sessionId=session, prompt="rotate by 90 degrees", outputPath="b.png")
    code = f"import notebook_img as ni\nprint(len(ni.session({session!r}).turns), ni.session({session!r}).turns[0].origin.name)"
    assert "2 mcp" in await asyncio.to_thread(kernel.text, code)
    updates = [message for message in await asyncio.to_thread(kernel.run, "%imgmcp stop") if message["msg_type"] == "update_display_data"]
    last = updates[-1]["content"]
    assert last["transient"]["display_id"] == first["content"]["transient"]["display_id"]
    assert "by mcp" in last["data"]["text/plain"]
    assert f"{session}/t2" in last["data"]["text/plain"]
    assert 'src="data:image/jpeg;base64,' in last["data"]["text/html"]
    assert len(last["data"]["text/html"]) < 150_000


async def test_nothing_lands_in_other_cells_and_no_token_is_shown(kernel: Kernel, home: Path, tmp_path: Path):
    messages = await asyncio.to_thread(kernel.run, "%imgmcp start")
    (found,) = discovery.find(home)
    async with Client(stdio(home, tmp_path)) as client:
        begun = asyncio.create_task(asyncio.to_thread(kernel.run, "import time\nfor _ in range(20): time.sleep(0.05)"))
        for number in range(3):
            await called(client, "generate_image", prompt="a red circle on white", outputPath=f"{number}.png")
            await client.call_tool("edit_image", {"imagePath": "missing.png", "prompt": "x", "outputPath": "x.png"})
        cell = await begun
    assert {message["msg_type"] for message in cell} <= {"status", "execute_input", "update_display_data"}
    messages += cell + await asyncio.to_thread(kernel.run, "%imgmcp status\n%imgmcp log\n%imgmcp config codex")
    assert found.token not in str(messages)
    assert found.bridge not in str(messages)
    assert "[] 30" in await asyncio.to_thread(kernel.text, "import logging\nprint(logging.getLogger().handlers, logging.getLogger().level)")


async def test_calls_are_answered_while_a_cell_computes(kernel: Kernel, home: Path, tmp_path: Path):
    await asyncio.to_thread(kernel.run, "%imgmcp start")
    async with Client(stdio(home, tmp_path)) as client:
        await called(client, "list_sessions")
        kernel.begin("import time\nend = time.time() + 60\nwhile time.time() < end: sum(range(1000))")
        for _ in range(3):
            await asyncio.wait_for(called(client, "generate_image", prompt="a red circle on white", outputPath="a.png"), 20)
        kernel.manager.interrupt_kernel()
        assert await asyncio.to_thread(kernel.settle) == "error"
        # The interrupt ended the cell, not the server.
        await called(client, "list_sessions")
    assert "runs on" in await asyncio.to_thread(kernel.text, "%imgmcp status")


async def test_the_kernels_head_stays_where_it_is(kernel: Kernel, home: Path, tmp_path: Path):
    await asyncio.to_thread(
        kernel.run, "import notebook_img as ni\ns = ni.session('fox')\nt = s.generate('a red circle on white')\n%imgmcp start"
    )
    async with Client(stdio(home, tmp_path)) as client:
        await called(client, "continue_image_session", sessionId="fox", prompt="rotate by 90 degrees", outputPath="a.png")
    assert "t1 2" in await asyncio.to_thread(kernel.text, "print(s.head.id, len(s.turns))")


async def test_a_server_of_one_family_keeps_to_it_when_it_has_joined_a_kernel(kernel: Kernel, home: Path, tmp_path: Path):
    await asyncio.to_thread(kernel.run, "%imgmcp start")
    async with Client(stdio(home, tmp_path, "--tools", "gemini")) as client:
        assert "There is no tool 'get_status' here." in await refused(client, "get_status")
        await called(client, "get_image_config_info")


async def test_a_kernel_killed_mid_call_is_a_clean_error_and_the_client_goes_on(folder: Path, home: Path, tmp_path: Path, gemini: Running):
    gemini.control({"kind": "hang"})
    kernel = Kernel(folder)
    kernel.run("%load_ext notebook_img\n%imgmcp start")
    async with Client(stdio(home, tmp_path)) as client:
        asking = asyncio.create_task(client.call_tool("generate_image", {"prompt": "a fox", "outputPath": "fox.png"}))
        await asyncio.to_thread(gemini.wait_for, lambda rows: rows, "generateContent")
        kernel.manager._kill_kernel() if not hasattr(kernel.manager, "signal_kernel") else kernel.manager.signal_kernel(9)
        with pytest.raises(MCPError, match="kernel ended"):
            await asyncio.wait_for(asking, 30)
        await called(client, "list_sessions")
        made = await called(client, "generateImage", prompt="a red circle on white", model="local")
        assert made.structured_content["status"] == "done"
    assert len(gemini.requests("generateContent")) == 1  # what may be billed is not asked a second time
    kernel.client.stop_channels()
    kernel.manager.cleanup_resources()


async def test_a_server_stopped_mid_call_names_the_job_that_goes_on(gemini: Running, kernel: Kernel, home: Path, tmp_path: Path):
    gemini.control({"kind": "slow", "seconds": 8})
    await asyncio.to_thread(kernel.run, "%imgmcp start")
    async with Client(stdio(home, tmp_path)) as client:
        asking = asyncio.create_task(client.call_tool("generate_image", {"prompt": "a fox", "outputPath": "fox.png"}))
        await asyncio.to_thread(gemini.wait_for, lambda rows: rows, "generateContent")
        await asyncio.to_thread(kernel.run, "%imgmcp stop")
        with pytest.raises(MCPError, match="do not ask again: get_job fetches j") as caught:
            await asyncio.wait_for(asking, 30)
        job = str(caught.value).rpartition(" ")[2].rstrip(".")
        fetched = await called(client, "get_job", job_id=job, wait_seconds=30)
        assert fetched.structured_content["status"] == "done"
    assert len(gemini.requests("generateContent")) == 1


async def test_a_restart_takes_the_announcement_away_and_a_new_start_is_found(kernel: Kernel, home: Path, tmp_path: Path):
    await asyncio.to_thread(kernel.run, "%imgmcp start")
    (before,) = discovery.find(home)
    async with Client(stdio(home, tmp_path)) as client:
        await called(client, "list_sessions")
        await asyncio.to_thread(kernel.restart)
        assert discovery.find(home) == []
        await asyncio.to_thread(kernel.run, "%load_ext notebook_img\n%imgmcp start")
        (after,) = discovery.find(home)
        assert after.token != before.token
        for _ in range(2):
            try:
                await called(client, "list_sessions")
            except MCPError:  # the call that meets the restart may fail cleanly
                continue
    assert "1 call" in await asyncio.to_thread(kernel.text, "%imgmcp status") or "2 calls" in await asyncio.to_thread(
        kernel.text, "%imgmcp status"
    )


async def test_a_call_that_outlasts_the_wait_is_a_job_of_the_kernel(
    folder: Path, home: Path, tmp_path: Path, gemini: Running, monkeypatch: pytest.MonkeyPatch
):
    gemini.control(slow(2.0))
    monkeypatch.setenv("NOTEBOOK_IMG_MCP_WAIT", "0.5")
    kernel = Kernel(folder)
    try:
        kernel.run("%load_ext notebook_img\n%imgmcp start")
        async with Client(stdio(home, tmp_path)) as client:
            job = (await called(client, "generate_image", prompt="a fox", outputPath="fox.png")).structured_content["job_id"]
        # The client is gone; another one, which joins nothing, fetches the job from the store.
        async with Client(stdio(home, tmp_path, "--alone", NOTEBOOK_IMG_MCP_WAIT="30", GEMINI_API_KEY=KEY)) as client:
            facts = (await called(client, "get_job", job_id=job)).structured_content
        assert facts["status"] == "done"
        assert facts["files"] == [str(tmp_path / "fox.png")]
    finally:
        kernel.stop()


async def test_stopping_leaves_no_thread_and_the_kernel_shuts_down_with_a_server_running(kernel: Kernel, home: Path):
    names = "import threading\nprint(sorted(t.name for t in threading.enumerate() if 'mcp' in t.name or 'AnyIO' in t.name))"
    await asyncio.to_thread(kernel.run, "%imgmcp start\n%imgmcp stop")
    assert (await asyncio.to_thread(kernel.text, names)).strip() == "[]"
    await asyncio.to_thread(kernel.run, "import notebook_img as ni\nhandle = ni.serve_mcp()")
    assert discovery.find(home)
    await asyncio.wait_for(asyncio.to_thread(kernel.stop), 30)
    assert discovery.find(home) == []


async def test_serve_mcp_returns_a_handle_that_is_a_context_manager(kernel: Kernel):
    code = "import notebook_img as ni\nwith ni.serve_mcp() as handle:\n    print(handle.url, handle.running, repr(handle))\nprint(handle.running)"
    said = await asyncio.to_thread(kernel.text, code)
    assert "http://127.0.0.1:" in said
    assert said.rstrip().endswith("False")
