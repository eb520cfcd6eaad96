"""What a client may have written: names that lead out through links, pipes, and one name written by many at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from notebook_img import files
from notebook_img.errors import OutputError
from tests.mcp.conftest import OWN, Desk, called, paint, refused

posix = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows, which has no named pipes in folders")
CIRCLE = "a red circle on white"


@posix
@pytest.mark.parametrize("name", ["lnk.png", "lnk"])
async def test_a_link_out_of_the_folders_is_not_written_through_whatever_its_suffix(desk: Desk, folder: Path, tmp_path: Path, name: str):
    outside = tmp_path / "outside"
    outside.mkdir()
    desk.studio.generate("a blue square on white", output=outside / "ours.png")
    before = (outside / "ours.png").read_bytes()
    (folder / "lnk.png").symlink_to(outside / "ours.png")
    async with desk.client() as client:
        assert "outside the folders" in await refused(client, "generate_image", prompt=CIRCLE, outputPath=name)
        await called(client, "generate_image", prompt=CIRCLE, outputPath="inside.png")
        assert "outside the folders" in await refused(client, "save_image", image=f"{OWN}/t1", outputPath=name)
    assert (outside / "ours.png").read_bytes() == before
    assert desk.studio.store.session_named(OWN).turns == 1, "nothing was paid for"


@posix
async def test_a_folder_exchanged_for_a_link_after_the_check_leads_nowhere(
    desk: Desk, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    outside, sub = tmp_path / "outside", folder / "sub"
    outside.mkdir()
    sub.mkdir()
    checked = files.write_beneath

    def exchanged(path: Path, data: bytes) -> None:
        sub.rename(folder / "away")
        sub.symlink_to(outside)
        checked(path, data)

    monkeypatch.setattr(files, "write_beneath", exchanged)
    async with desk.client() as client:
        made = await called(client, "generate_image", prompt=CIRCLE, outputPath="sub/a.png")
    assert "the file was not written" in made.content[0].text
    assert list(outside.iterdir()) == []


@posix
def test_a_file_is_not_written_through_a_link_on_its_way(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OutputError, match=r"no folder|link"):
        files.write_beneath(tmp_path / "link" / "a.png", b"1")
    files.write_beneath(tmp_path / "real" / "a.png", b"1")
    (tmp_path / "real" / "a.png").chmod(0o640)
    files.write_beneath(tmp_path / "real" / "a.png", b"2")
    assert (tmp_path / "real" / "a.png").read_bytes() == b"2"
    assert (tmp_path / "real" / "a.png").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["a.png"]


@posix
async def test_a_named_pipe_as_output_is_refused_and_does_not_hang(desk: Desk, folder: Path):
    os.mkfifo(folder / "pipe.png")
    async with desk.client() as client:
        said = await asyncio.wait_for(refused(client, "generate_image", prompt=CIRCLE, outputPath="pipe.png"), 20)
    assert "not an ordinary file" in said


async def test_one_name_written_by_many_at_once_is_never_taken_for_somebody_elses(desk: Desk, folder: Path):
    async with desk.client() as client:
        await called(client, "generate_image", prompt=CIRCLE, outputPath="first.png")
        results = await asyncio.gather(
            *(client.call_tool("save_image", {"image": f"{OWN}/t1", "outputPath": "same.png"}) for _ in range(40))
        )
    assert [result.content[0].text for result in results if result.is_error] == []


async def test_a_photograph_of_the_users_is_still_never_overwritten(desk: Desk, folder: Path):
    before = paint(folder / "mine.png").read_bytes()
    async with desk.client() as client:
        assert "not written by" in await refused(client, "generate_image", prompt=CIRCLE, outputPath="mine.png")
    assert (folder / "mine.png").read_bytes() == before


async def test_single_requests_go_to_the_default_model_whatever_the_one_before_used(
    desk: Desk, make_desk: Callable[..., Desk], gemini: object, monkeypatch: pytest.MonkeyPatch
):
    async with desk.client() as client:
        first = await called(client, "generate_image", prompt=CIRCLE, outputPath="a.png", model="local")
        assert first.structured_content["model"].startswith("local:")
        for name, more in (
            ("generate_image", {"outputPath": "b.png"}),
            ("edit_image", {"outputPath": "c.png", "imagePath": "cat.png"}),
            ("generateImage", {}),
        ):
            made = await called(client, name, prompt="a watercolour fox", **more)
            assert made.structured_content["model"].startswith("gemini:"), name
        asked = await called(client, "analyze_image", image="cat.png")
        assert asked.structured_content["model"].startswith("gemini:")
    # Without the key, later: what was used before is no choice for today.
    monkeypatch.delenv("GEMINI_API_KEY")
    async with make_desk().client() as client:
        made = await called(client, "generate_image", prompt=CIRCLE, outputPath="d.png")
        assert made.structured_content["model"].startswith("local:")
