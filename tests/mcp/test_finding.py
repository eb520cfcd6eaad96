"""Pictures people hand over, pictures found again, sheets of them, and whose sessions a server shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from notebook_img import pictures
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import OWN, Desk, called, paint, refused


async def test_what_a_person_has_at_hand_is_offered_and_one_of_it_is_taken_by_its_id(desk: Desk, folder: Path):
    desk.studio.session("fox").generate("a red circle on white")
    (folder / "shots").mkdir()
    paint(folder / "shots" / "new.png", colour="orange")
    desk.studio.shared.brought_in.append((time.time(), pictures.load(paint(folder.parent / "upload.png", colour="navy"))))
    async with desk.client() as client:
        offered = await called(client, "take_image")
        ids = [row["id"] for row in offered.structured_content["candidates"]]
        assert {"cat.png", "shots/new.png", "fox/t1"} < set(ids)
        (upload,) = (name for name in ids if name.startswith("nbimg:"))
        assert [block.type for block in offered.content] == ["text"] + ["image"] * 4
        for name in ids:
            taken = await called(client, "take_image", id=name)
            assert taken.structured_content["taken"] == name
        edited = await called(client, "edit_image", imagePath=upload, prompt="rotate by 90 degrees", outputPath="turned.png")
        assert edited.structured_content["status"] == "done"
        # What it has written itself is nothing a person would hand over.
        assert "turned.png" not in [row["id"] for row in (await called(client, "take_image")).structured_content["candidates"]]


async def test_old_files_and_files_outside_are_not_offered(desk: Desk, folder: Path):
    import os

    os.utime(folder / "cat.png", (time.time() - 90_000,) * 2)
    paint(folder.parent / "outside.png")
    (folder / "note.png").write_text("no image")
    async with desk.client() as client:
        assert "Nothing is at hand" in await refused(client, "take_image")
        assert "outside" in await refused(client, "take_image", id="../outside.png")


@pytest.mark.parametrize("image", ["", "attached.png", "/mnt/data/image.png"])
async def test_an_image_without_a_usable_path_is_answered_with_the_ways_there_are(desk: Desk, folder: Path, image: str):
    async with desk.client() as client:
        said = await refused(client, "edit_image", imagePath=image, prompt="warmer", outputPath="a.png")
    assert "take_image offers what the person has at hand" in said
    assert str(folder) in said


@pytest.fixture
async def gallery(desk: Desk, folder: Path) -> Desk:
    fox = desk.studio.session("fox")
    fox.generate("a red circle on white")
    fox.edit("blur")
    other = desk.studio.session("other")
    other.generate("a teal square on teal")
    other.ask("What size is it?", str(folder / "cat.png"))
    return desk


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["other/t1.1", "fox/t2.1", "fox/t1.1"]),
        ({"query": "circle"}, ["fox/t1.1"]),
        ({"session": "fox"}, ["fox/t2.1", "fox/t1.1"]),
        ({"model": "local"}, ["other/t1.1", "fox/t2.1", "fox/t1.1"]),
        ({"model": "gemini"}, []),
        ({"colour": "teal"}, ["other/t1.1"]),
        ({"colour": "#ff0000"}, ["fox/t2.1", "fox/t1.1"]),
        ({"since": "2020-01-01", "until": "2020-12-31"}, []),
        ({"since": "2020-01-01"}, ["other/t1.1", "fox/t2.1", "fox/t1.1"]),
        ({"limit": 1}, ["other/t1.1"]),
    ],
)
async def test_images_are_found_by_words_sessions_models_days_and_colours(gallery: Desk, wanted: dict[str, Any], ids: list[str]):
    async with gallery.client() as client:
        found = await called(client, "find_images", **wanted)
    assert [row["id"] for row in found.structured_content["pictures"]] == ids
    assert found.structured_content["more"] == ("limit" in wanted)
    assert [block.type for block in found.content] == (["text", "image"] if ids else ["text"])


async def test_an_image_is_found_by_what_was_answered_about_it(gallery: Desk, folder: Path):
    async with gallery.client() as client:
        (row,) = (await called(client, "find_images", query="640")).structured_content["pictures"]
        assert "640" in row["answer"]
        assert (await called(client, "view_image", image=row["id"])).structured_content["width"] == 640


@pytest.mark.parametrize(("wanted", "said"), [({"since": "yesterday"}, "a day such as"), ({"colour": "warmish"}, "no colour")])
async def test_a_day_and_a_colour_that_cannot_be_read_are_named(gallery: Desk, wanted: dict[str, str], said: str):
    async with gallery.client() as client:
        assert said in await refused(client, "find_images", **wanted)


async def test_a_sheet_shows_images_in_order_and_is_written_where_it_is_asked(gallery: Desk, folder: Path):
    async with gallery.client() as client:
        made = await called(
            client,
            "make_sheet",
            images=["fox/t1", "other/t1", "cat.png"],
            captions=["one", "two", "three"],
            columns=3,
            outputPath="s/sheet.png",
        )
        shown = await called(client, "make_sheet", images=["fox/t1"])
        assert "as many captions" in await refused(client, "make_sheet", images=["fox/t1"], captions=["a", "b"])
        assert "outside" in await refused(client, "make_sheet", images=["fox/t1"], outputPath="../sheet.png")
    assert made.structured_content["files"] == [str(folder / "s" / "sheet.png")]
    sheet = Image.open(folder / "s" / "sheet.png").convert("RGB")
    assert sheet.width > 2 * sheet.height
    assert sheet.getpixel((sheet.width // 2, sheet.height // 3)) == sheet.getpixel((sheet.width // 2, sheet.height // 2))
    assert shown.structured_content["files"] == []
    assert gallery.studio.store.session_named("fox").turns == 2


@pytest.mark.parametrize(
    ("scope", "seen", "hidden"),
    [(("own",), {OWN}, {"fox", "other"}), (("fox",), {"fox", OWN}, {"other"}), (("all",), {"fox", "other", OWN}, set())],
)
async def test_a_server_shows_and_touches_the_sessions_it_was_given(
    make_desk: Callable[..., Desk], scope: tuple[str, ...], seen: set[str], hidden: set[str]
):
    person = Studio()
    turns = {name: person.session(name).generate(f"a {colour} circle on white") for name, colour in (("fox", "red"), ("other", "navy"))}
    work = Work(Studio(), scope=scope)
    desk = Desk(work.studio, work, build(work))
    async with desk.client() as client:
        await called(client, "generate_image", prompt="a teal square", outputPath="a.png")
        assert {row["name"] for row in (await called(client, "list_sessions")).structured_content["sessions"]} == seen
        assert {row["id"].split("/")[0] for row in (await called(client, "find_images")).structured_content["pictures"]} == seen
        told = " ".join(row.uri for row in (await client.list_resources()).resources)
        for name in hidden:
            uri = f"nbimg://pictures/{turns[name].picture.sha256}"
            for tool, given in (
                ("show_session", {"session": name}),
                ("view_image", {"image": f"{name}/t1"}),
                ("view_image", {"image": uri}),
                ("undo_turn", {"session": name}),
                ("continue_image_session", {"sessionId": name, "prompt": "warmer", "outputPath": "b.png"}),
            ):
                said = await refused(client, tool, **given)
                assert "sessions: " not in said or name not in said.partition("Recent")[2]
            with pytest.raises(Exception, match="There is no picture"):
                await client.read_resource(uri)
            assert f"nbimg://sessions/{name}" not in told
            assert uri not in told
        status = (await called(client, "get_status")).structured_content
        assert status["sessions"] == len(seen)
        assert set(status["recent_sessions"]) == seen
