"""What a client may read and write: a list of attacks, each refused, and what must keep working."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.calls import refuse_foreign
from notebook_img.errors import NotebookImgError, OutputError, UsageError
from notebook_img.mcp import folders as module
from notebook_img.mcp.folders import MOST_BASE64, Folders, folders_of
from notebook_img.mcp.share import Share
from notebook_img.pictures import fetching
from notebook_img.settings import Settings
from tests.emulators.dripping import dripping
from tests.mcp.conftest import OWN, Desk, called, paint, refused

links = pytest.mark.skipif(sys.platform == "win32", reason="making links needs a privilege on Windows")
posix = pytest.mark.skipif(sys.platform == "win32", reason="devices and pipes of this kind are POSIX's")


@pytest.fixture
def place(tmp_path: Path) -> Folders:
    """Allowed folder `work` beside a secret picture outside of it."""
    inside = tmp_path / "work"
    inside.mkdir()
    paint(inside / "cat.png")
    (tmp_path / "secret").mkdir()
    paint(tmp_path / "secret" / "private.png")
    (tmp_path / "work-not").mkdir()
    paint(tmp_path / "work-not" / "near.png")
    return Folders(base=inside, allowed=(inside,), settings=Settings())


READS = {
    "a parent": lambda base: "../secret/private.png",
    "an absolute path": lambda base: str(base.parent / "secret" / "private.png"),
    "dots in the middle": lambda base: "sub/../../secret/private.png",
    "a folder whose name begins alike": lambda base: str(base.parent / "work-not" / "near.png"),
    "the home by its sign": lambda base: "~/private.png",
    "a file address": lambda base: (base.parent / "secret" / "private.png").as_uri(),
    "a system file": lambda base: "/etc/passwd",
    "a null character": lambda base: "cat.png\0.txt",
    "a null character and dots": lambda base: "../secret/private.png\0",
    "the folder itself": lambda base: ".",
    "nothing": lambda base: "   ",
    "an address": lambda base: "https://example.com/cat.png",
    "an unsafe address": lambda base: "http://127.0.0.1/cat.png",
    "another kind of address": lambda base: "ftp://example.com/cat.png",
    "a device": lambda base: "/dev/zero",
    "the process's own memory": lambda base: "/proc/self/environ",
    "percent signs": lambda base: "%2e%2e/secret/private.png",
    "backslashes": lambda base: "..\\secret\\private.png",
    "another computer": lambda base: "//server/share/private.png",
    "half of a letter": lambda base: "\ud83e.png",
    "a very long path": lambda base: "a/" * 3000 + "x.png",
    "broken base64": lambda base: "data:image/png;base64,!!!!",
    "base64 of something else": lambda base: "data:image/png;base64," + base64.b64encode(b"root:x:0:0:root" * 9).decode(),
}


@pytest.mark.parametrize("attack", READS)
def test_reading_is_refused(place: Folders, attack: str):
    with pytest.raises(NotebookImgError) as caught:
        place.picture(READS[attack](place.base))
    assert len(str(caught.value)) < 900


WRITES = {
    "a parent": lambda base: "../secret/new.png",
    "an absolute path": lambda base: str(base.parent / "secret" / "new.png"),
    "a new folder outside": lambda base: "../fresh/deeper/new.png",
    "dots in the middle": lambda base: "a/b/../../../secret/new.png",
    "a start file of the shell": lambda base: "~/.bashrc",
    "a null character": lambda base: "new.png\0",
    "no image format": lambda base: "run.sh",
    "nothing": lambda base: "",
    "a temporary folder": lambda base: "/tmp/elsewhere/new.png",
    "a file address": lambda base: f"file://{base}/new.png",
    "a web address": lambda base: "https://pictures.example/new.png",
    "a line break": lambda base: "new\n.png",
    "an escape sequence": lambda base: "\x1b[2Jnew.png",
    "a name of 258 bytes": lambda base: f"{'가' * 86}.png",
    "a folder of 258 bytes": lambda base: f"{'가' * 86}/new.png",
    "half of a letter": lambda base: "\ud83e.png",
}


@pytest.mark.parametrize("attack", WRITES)
def test_writing_is_refused_and_makes_no_folder(place: Folders, attack: str):
    before = sorted(place.base.parent.rglob("*"))
    with pytest.raises(NotebookImgError):
        place.output(WRITES[attack](place.base))
    assert sorted(place.base.parent.rglob("*")) == before


@links
@pytest.mark.parametrize("name", ["link.png", "folder/private.png", "chain.png"])
def test_links_that_lead_outside_are_refused(place: Folders, name: str):
    outside = place.base.parent / "secret"
    (place.base / "link.png").symlink_to(outside / "private.png")
    (place.base / "folder").symlink_to(outside)
    (place.base / "chain.png").symlink_to(place.base / "link.png")
    with pytest.raises(UsageError, match="outside the folders"):
        place.picture(name)
    with pytest.raises(UsageError, match="outside the folders"):
        place.output(name)


@links
def test_links_that_stay_inside_work(place: Folders):
    (place.base / "alias.png").symlink_to(place.base / "cat.png")
    assert place.picture("alias.png").size == (640, 480)


@links
def test_a_loop_of_links_is_refused(place: Folders):
    (place.base / "loop.png").symlink_to(place.base / "loop.png")
    with pytest.raises(NotebookImgError):
        place.picture("loop.png")


@links
def test_a_file_that_becomes_a_link_after_the_check_is_not_followed(place: Folders, monkeypatch: pytest.MonkeyPatch):
    checked = Folders.inside

    def exchange(self: Folders, path: Path) -> Path:
        real = checked(self, path)
        real.unlink()
        real.symlink_to(self.base.parent / "secret" / "private.png")
        return real

    monkeypatch.setattr(Folders, "inside", exchange)
    with pytest.raises(NotebookImgError):
        place.picture("cat.png")


@links
@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="folders cannot be opened one from another here")
def test_a_folder_that_becomes_a_link_after_the_check_is_not_followed(place: Folders, monkeypatch: pytest.MonkeyPatch):
    (place.base / "sub").mkdir()
    paint(place.base / "sub" / "private.png")
    checked = Folders.inside

    def exchange(self: Folders, path: Path) -> Path:
        real = checked(self, path)
        real.unlink()
        real.parent.rmdir()
        real.parent.symlink_to(self.base.parent / "secret")
        return real

    monkeypatch.setattr(Folders, "inside", exchange)
    with pytest.raises(NotebookImgError):
        place.picture("sub/private.png")


@posix
def test_pipes_sockets_and_devices_are_no_images_and_do_not_block(place: Folders):
    os.mkfifo(place.base / "pipe.png")
    with pytest.raises(NotebookImgError, match="not an ordinary file"):
        place.picture("pipe.png")
    listening = socket.socket(socket.AF_UNIX)
    short = Path(os.path.relpath(place.base / "socket.png"))
    try:
        listening.bind(str(short))
    except OSError:
        pytest.skip("paths of sockets are too short here; run with a shorter --basetemp")
    with pytest.raises(NotebookImgError):
        place.picture("socket.png")
    listening.close()
    everything = Folders(base=Path("/"), allowed=(Path("/dev"),), settings=Settings())
    with pytest.raises(NotebookImgError, match="not an ordinary file"):
        everything.picture("/dev/zero")


def test_a_text_file_named_png_is_no_image(place: Folders):
    (place.base / "note.png").write_text("AWS_SECRET_ACCESS_KEY=hunter2")
    with pytest.raises(NotebookImgError) as caught:
        place.picture("note.png")
    assert "hunter2" not in str(caught.value)


def test_the_message_is_the_same_whether_a_file_outside_is_there_or_not(place: Folders):
    said = []
    for name in ("private.png", "missing.png"):
        with pytest.raises(UsageError) as caught:
            place.picture(f"../secret/{name}")
        said.append(str(caught.value).replace(name, "x"))
    assert said[0] == said[1]


def test_base64_beyond_the_limit_is_refused_before_it_is_decoded(place: Folders):
    with pytest.raises(NotebookImgError, match="Save it to a file"):
        place.picture("iVBORw0KGgo" + "A" * (MOST_BASE64 + 1))


def test_base64_of_100_megabytes_is_refused_by_the_tool():
    place = Folders(base=Path.cwd(), allowed=(), settings=Settings())
    with pytest.raises(NotebookImgError):
        place.picture("data:image/png;base64," + "A" * 133_000_000)


def test_a_missing_folder_inside_is_made_and_goes_again_when_nothing_is_written(place: Folders):
    path = place.output("new/deeper/night.png")
    assert path == place.base / "new" / "deeper" / "night.png"
    with place.making(path):
        assert path.parent.is_dir()
    assert not (place.base / "new").exists()
    with place.making(path):
        paint(path)
    assert path.is_file()


async def test_a_call_that_fails_leaves_no_folder(desk: Desk, folder: Path):
    async with desk.client() as client:
        await refused(client, "edit_image", imagePath="cat.png", prompt="add a red scarf", outputPath="new/deeper/a.png")
        await refused(client, "save_image", image="note.txt", outputPath="new/deeper/a.png")
        assert not (folder / "new").exists()
        await called(client, "edit_image", imagePath="cat.png", prompt="rotate by 90 degrees", outputPath="new/deeper/a.png")
    assert (folder / "new" / "deeper" / "a.png").is_file()


def test_a_foreign_file_is_refused_without_being_read(desk: Desk, folder: Path):
    """As large as nothing here ever is, with holes: reading it would take memory, and minutes."""
    foreign = folder / "large.png"
    with foreign.open("wb") as file:
        file.truncate(3_000_000_000_000)
    for known in (False, True):
        if known:
            desk.studio.store.note_written(foreign, "0" * 64)
        with pytest.raises(OutputError, match="not written by notebook_img"):
            refuse_foreign(foreign, desk.studio.store, force=False)


async def test_a_wrong_setting_is_named_by_every_tool(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTEBOOK_IMG_MCP_URLS", "maybe")
    async with make_desk().client() as client:
        for tool in ("list_sessions", "get_status"):
            assert "NOTEBOOK_IMG_MCP_URLS='maybe' cannot be used: write true or false." in await refused(client, tool)
        assert "NOTEBOOK_IMG_MCP_URLS" in (await client.call_tool("analyze_image", {"image": "cat.png"})).content[0].text


async def test_pixels_bound_what_runs_at_once():
    share, most, order = Share(100), 0, []

    async def work(name: str, pixels: int) -> None:
        nonlocal most
        async with share.of(pixels):
            order.append(name)
            most = max(most, share.used)
            await asyncio.sleep(0)

    await asyncio.gather(work("a", 60), work("b", 60), work("c", 500), work("d", 10), work("e", 90))
    assert (most, share.used, order) == (100, 0, ["a", "b", "c", "d", "e"])


@posix
def test_a_read_only_folder_is_said_before_anything_is_paid(place: Folders):
    place.base.chmod(0o500)
    # Root may write anywhere but into the kernel's own file systems.
    barred = Folders(base=Path("/proc"), allowed=(Path("/proc"),), settings=Settings()) if os.geteuid() == 0 else place
    try:
        with pytest.raises(NotebookImgError, match="cannot be created"), barred.making(barred.output("new/night.png")):
            pass
    finally:
        place.base.chmod(0o700)


def test_default_folders_are_the_working_directory_and_the_stores(home: Path, tmp_path: Path):
    found = folders_of(Settings(), base=tmp_path)
    assert found.allowed == (tmp_path.resolve(), (home / "outputs").resolve())
    assert found.base == tmp_path.resolve()


@pytest.mark.parametrize("everything", [Path("/"), Path.home(), Path.home().parent])
def test_the_root_and_the_home_are_never_default_folders(home: Path, everything: Path):
    found = folders_of(Settings(), base=everything)
    assert found.allowed == ((home / "outputs").resolve(),)
    assert found.base == (home / "outputs").resolve()


def test_named_folders_replace_the_default_ones(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    found = folders_of(Settings(allowed_dirs=(one, two)), base=tmp_path)
    assert found.allowed == (one.resolve(), two.resolve())
    assert found.base == one.resolve()


def test_addresses_are_fetched_only_from_public_hosts_when_they_are_on(place: Folders):
    on = Folders(place.base, place.allowed, urls=True, settings=Settings())
    for address in (
        "http://example.com/x.png",
        "https://127.0.0.1/x.png",
        "https://localhost/x.png",
        "https://169.254.169.254/x",
        "https://[::1]/x",
    ):
        with pytest.raises(NotebookImgError):
            on.picture(address)


@pytest.mark.timeout(20)
async def test_an_address_that_drips_is_left_when_the_time_is_up(make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch):
    """Also while the connection is being made: here the server's part of the TLS handshake drips."""
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    monkeypatch.setattr(fetching, "vetted_address", lambda *_args, **_options: "127.0.0.1")
    with dripping("tls", every=0.02) as server:
        async with make_desk(mcp_urls=True).client() as client:
            said = await refused(client, "analyze_image", image=f"https://pictures.example:{server.port}/cat.png")
        assert "did not send the whole image in time" in said
        assert server.visits == 1


def test_there_is_a_fallback_where_folders_cannot_be_opened_one_from_another(place: Folders, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_NOFOLLOW", 0)
    assert place.picture("cat.png").size == (640, 480)


ARGUMENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "edit_image": lambda path: {"imagePath": path, "prompt": "rotate by 90 degrees", "outputPath": "x.png"},
    "start_image_session": lambda path: {"imagePath": path, "prompt": "rotate by 90 degrees", "outputPath": "x.png"},
    "continue_image_session": lambda path: {"sessionId": "fox", "imagePath": path, "prompt": "rotate by 90 degrees", "outputPath": "x.png"},
    "generateImage": lambda path: {"filePath": path, "prompt": "rotate by 90 degrees"},
    "analyze_image": lambda path: {"image": path},
    "chat_vision": lambda path: {"image": path, "question": "What is it?"},
    "view_image": lambda path: {"image": path},
    "compare_images": lambda path: {"before": "cat.png", "after": path},
    "save_image": lambda path: {"image": path, "outputPath": "x.png"},
    "take_image": lambda path: {"id": path},
    "make_sheet": lambda path: {"images": ["cat.png", path]},
    "run_batch": lambda path: {"prompt": "rotate by 90 degrees", "images": [path], "max_cost": 0},
    "edit_image, mask": lambda path: {"imagePath": "cat.png", "mask": path, "prompt": "blur", "outputPath": "x.png"},
    "continue_image_session, mask": lambda path: {"sessionId": "fox", "mask": path, "prompt": "blur", "outputPath": "x.png"},
}
IMAGES = {"image", "imagePath", "filePath", "images", "before", "after", "mask"}


def test_the_tools_that_take_images_are_these():
    tools = json.loads((Path(__file__).parent / "tools.json").read_text(encoding="utf-8"))
    taking = {tool["name"] for tool in tools if IMAGES & set(tool["input"])}
    assert taking | {"take_image"} == {name.partition(",")[0] for name in ARGUMENTS}


@pytest.mark.parametrize("tool", ARGUMENTS)
async def test_every_tool_that_takes_an_image_refuses_them(desk: Desk, folder: Path, tool: str):
    paint(folder.parent / "private.png")
    desk.studio.session("fox").generate("a red circle on white")
    async with desk.client() as client:
        for path in ("../private.png", "/etc/passwd", "https://example.com/x.png", "a\0b"):
            result = await client.call_tool(tool.partition(",")[0], ARGUMENTS[tool](path))
            assert result.is_error or json.loads(result.content[0].text)["status"] == "error", path
            assert not any(block.type == "image" for block in result.content), path


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("generate_image", {"prompt": "a red circle on white"}),
        ("edit_image", {"imagePath": "cat.png", "prompt": "rotate by 90 degrees"}),
        ("start_image_session", {"prompt": "a red circle on white"}),
        ("continue_image_session", {"sessionId": "fox", "prompt": "rotate by 90 degrees"}),
        ("save_image", {"image": "cat.png"}),
        ("make_sheet", {"images": ["cat.png"]}),
    ],
)
async def test_every_tool_that_writes_refuses_them_before_asking(desk: Desk, folder: Path, tool: str, arguments: dict[str, str]):
    desk.studio.session("fox").generate("a red circle on white")
    async with desk.client() as client:
        for path in ("../new.png", "/tmp/new-by-an-agent.png", "new.sh", "a\0b.png"):
            await refused(client, tool, **arguments, outputPath=path)
    assert desk.studio.store.session_named(OWN) is None or desk.studio.store.session_named(OWN).turns == 0


async def test_a_file_that_is_no_image_is_never_sent_anywhere(desk: Desk, folder: Path, gemini: object):
    (folder / "keys.png").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----" * 20)
    async with desk.client() as client:
        await refused(client, "analyze_image", image="keys.png")
        await refused(client, "edit_image", imagePath="keys.png", prompt="make it night", outputPath="x.png")
    assert gemini.requests() == []


async def test_paths_inside_work_relative_and_absolute(desk: Desk, folder: Path):
    async with desk.client() as client:
        await called(
            client, "edit_image", imagePath=str(folder / "cat.png"), prompt="rotate by 90 degrees", outputPath=str(folder / "a.png")
        )
        await called(client, "edit_image", imagePath="./cat.png", prompt="rotate by 90 degrees", outputPath="sub/b.png")
    assert (folder / "sub" / "b.png").is_file()
