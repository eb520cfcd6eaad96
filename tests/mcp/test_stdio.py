"""``notebook-img mcp`` as hosts start it: almost no environment, another folder, and nothing but JSON-RPC on stdout."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from notebook_img.mcp.http_server import serve
from notebook_img.store import Store
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.mcp.conftest import ERAS, KEY, Raw, called, paint, refused, slow, stdio


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder the host starts the server in."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    paint(place / "dog.png", size=(320, 200))
    return place


@pytest.mark.parametrize("era", ERAS)
async def test_it_works_with_a_bare_environment_in_the_folder_it_was_started_in(home: Path, elsewhere: Path, folder: Path, era: str):
    async with Client(stdio(home, elsewhere), mode=era) as client:  # type: ignore[arg-type]
        made = await called(client, "edit_image", imagePath="dog.png", prompt="rotate by 90 degrees", outputPath="out/turned.png")
        assert made.structured_content["files"] == [str(elsewhere / "out" / "turned.png")]
        assert "outside" in await refused(client, "view_image", image=str(folder / "cat.png"))
        listed = {row.uri.partition("://")[0] for row in (await client.list_resources()).resources}
        assert listed == {"nbimg", "ui"}, "a session, a picture, and the page"


def test_stdout_holds_json_rpc_only_also_when_things_go_wrong(home: Path, elsewhere: Path):
    raw = Raw(home, elsewhere, VISION_LOG_LEVEL="debug", PYTHONWARNINGS="always", PYTHONUNBUFFERED="1")
    assert raw.hello()["result"]["serverInfo"]["name"] == "notebook-img"
    raw.call(1, "generate_image", prompt="a red circle on white", outputPath="a.png")
    raw.call(2, "edit_image", imagePath="missing.png", prompt="x", outputPath="b.png")
    raw.call(3, "no_such_tool")
    assert raw.process.stdin
    raw.process.stdin.write(b"this is no json\n")
    raw.process.stdin.flush()
    raw.send("no/such/method", 4)
    raw.read(1, 2, 3, 4)
    raw.process.stdin.close()
    assert raw.process.stdout
    rest = raw.process.stdout.read()
    assert raw.process.wait(20) == 0
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert all(row["jsonrpc"] == "2.0" for row in raw.lines)


QUIET = 1.2
"""Seconds ``import mcp.server`` takes in a new interpreter on the quiet machine of two cores on which the 3 s are promised."""


def test_it_starts_within_three_seconds(home: Path, elsewhere: Path):
    """Where other things run, 3 s grow as the import of the protocol's library alone does, measured right before and after."""

    def timed(start: Callable[[], object]) -> float:
        began = time.monotonic()
        start()
        return time.monotonic() - began

    def imported() -> object:
        return subprocess.run([sys.executable, "-c", "import mcp.server"], check=True, timeout=60)

    def started() -> None:
        opened.append(Raw(home, elsewhere))
        opened[-1].hello()

    opened: list[Raw] = []
    before, taken, after = timed(imported), timed(started), timed(imported)
    opened[0].process.stdin.close()  # type: ignore[union-attr]
    opened[0].process.wait(20)
    load = max(1.0, max(before, after) / QUIET)
    assert taken < 3 * load


def test_a_host_that_closes_and_terminates_mid_call_still_gets_the_picture_kept(home: Path, elsewhere: Path, gemini: Running):
    gemini.control(slow(2.0))
    raw = Raw(home, elsewhere, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=gemini.url)
    raw.hello()
    raw.call(1, "generate_image", prompt="a fox", outputPath="fox.png")
    gemini.wait_for(lambda rows: rows, "generateContent")
    raw.process.stdin.close()  # type: ignore[union-attr]
    if sys.platform != "win32":
        raw.process.send_signal(signal.SIGTERM)
        raw.process.send_signal(signal.SIGTERM)
    raw.process.wait(30)
    with Store.open(home) as store:
        assert [(job.state, job.turn) for job in store.jobs()] == [("done", "elsewhere, agents/t1")]
        assert store.session_named("elsewhere, agents").turns == 1
        picture = store.turn(store.session_named("elsewhere, agents").id, 1).uses("output")[0]
        assert store.read_picture(picture.sha256)
    assert (elsewhere / "fox.png").is_file()


async def test_words_narrow_it_down_to_a_family_and_a_folder(home: Path, elsewhere: Path, tmp_path: Path):
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    async with Client(stdio(home, elsewhere, "--alone", "--tools", "gemini", "--allow", str(pictures))) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"get_job", "cancel_job"} == names - set(GEMINI)
        made = await called(client, "generate_image", prompt="a red circle on white", outputPath="a.png")
        assert made.structured_content["files"] == [str(pictures / "a.png")]
        assert "outside" in await refused(client, "edit_image", imagePath=str(elsewhere / "dog.png"), prompt="blur", outputPath="b.png")


GEMINI = ("generate_image", "edit_image", "start_image_session", "continue_image_session", "get_image_config_info")


@pytest.mark.parametrize("era", ERAS)
async def test_it_joins_a_live_server_of_the_same_home_and_keeps_its_own_folders(home: Path, folder: Path, elsewhere: Path, era: str):
    notes = []
    with serve(Studio()) as handle:
        handle.work.listeners.append(notes.append)
        async with Client(stdio(home, elsewhere), mode=era) as client:  # type: ignore[arg-type]
            made = await called(client, "edit_image", imagePath="dog.png", prompt="rotate by 90 degrees", outputPath="turned.png")
            assert made.structured_content["files"] == [str(elsewhere / "turned.png")]
            assert "outside" in await refused(client, "view_image", image=str(folder / "cat.png"))
            told: list[float] = []

            async def progress(done: float, _total: float | None, _message: str | None) -> None:
                told.append(done)

            await client.call_tool("generate_image", {"prompt": "a red circle on white", "outputPath": "a.png"}, progress_callback=progress)
            assert told
        assert handle.work.calls == 3
    assert notes[0].client == "mcp"


async def test_another_home_and_alone_do_not_join(home: Path, folder: Path, elsewhere: Path, tmp_path: Path):
    with serve(Studio()) as handle:
        async with Client(stdio(tmp_path / "other-home", elsewhere)) as client:
            await called(client, "list_sessions")
        async with Client(stdio(home, elsewhere, "--alone")) as client:
            await called(client, "list_sessions")
        async with Client(stdio(home, elsewhere, "--notebook", "other.ipynb")) as client:
            await called(client, "list_sessions")
        assert handle.work.calls == 0


async def test_the_notebook_named_is_joined_not_the_newest(home: Path, folder: Path, elsewhere: Path):
    first = Studio()
    first.notebook = folder / "analysis.ipynb"
    with serve(first) as wanted, serve(Studio()) as newest:
        async with Client(stdio(home, elsewhere, "--notebook", "analysis")) as client:
            await called(client, "list_sessions")
        assert (wanted.work.calls, newest.work.calls) == (1, 0)


async def test_a_server_that_stops_and_a_later_one_are_both_coped_with(home: Path, folder: Path, elsewhere: Path):
    async with Client(stdio(home, elsewhere)) as client:
        await called(client, "list_sessions")
        with serve(Studio()) as handle:
            await called(client, "list_sessions")
            assert handle.work.calls == 1
        result = await _after_the_end(client)
        assert not result.is_error
        with serve(Studio()) as again:
            await called(client, "list_sessions")
            assert again.work.calls == 1


async def _after_the_end(client: Client) -> Any:
    """The call that meets the end may fail cleanly; the one after it must not."""
    from mcp.shared.exceptions import MCPError

    try:
        return await client.call_tool("list_sessions", {})
    except MCPError:
        return await client.call_tool("list_sessions", {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nonsense"], "nonsense"),
        (["--tools", "everything"], "everything"),
        (["--http", "port"], "port"),
        (["--config", "emacs"], "emacs"),
    ],
)
def test_wrong_words_are_errors_on_stderr(home: Path, folder: Path, words: list[str], said: str):
    done = subprocess.run([sys.executable, "-m", "notebook_img", "mcp", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_http_is_served_until_it_is_told_to_end(home: Path, folder: Path, read_line: Callable[[Any], str]):
    with socket.socket() as probe:  # a port that is free now
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "notebook_img", "mcp", "--http", str(port)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    line = read_line(process.stderr)
    assert f"http://127.0.0.1:{port}/mcp" in line
    files = list((folder.parent / "runtime").glob("notebook-img-mcp-*.json"))
    assert len(files) == 1
    assert json.loads(files[0].read_text())["token"] not in line
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert out == ""
    if sys.platform != "win32":
        assert process.returncode == 0
        assert not files[0].exists()


@pytest.fixture
def read_line() -> Callable[[Any], str]:
    def read(stream: Any) -> str:
        for line in stream:
            if "Serving" in line:
                return line
        raise AssertionError("it ended")

    return read
