"""Edits of a part through an agent's tools: a mask as numbers, picture or words, and what was done in the result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client
from PIL import Image

from tests.emulators.process import Running
from tests.mcp.conftest import Desk, called, held, paint, refused
from tests.pictures.regions.stand_in import tiled

SIZE = (900, 600)
BOX = (300, 200, 480, 320)
MASK = "300,200,180,120"


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    """Of one era: what is asked and answered does not differ."""
    async with held(desk.client()) as connected:
        yield connected


@pytest.fixture(autouse=True)
def photograph(folder: Path, gemini: Running) -> np.ndarray:
    gemini.control(drift={"shift": [0.015, -0.01], "mark": 0.02})
    (folder / "secret").symlink_to(folder.parent / "secret.png")
    pixels = tiled("coffee", 0, 0, *SIZE)
    Image.fromarray(pixels).save(folder / "photo.png")
    return pixels


def saved(result: Any) -> np.ndarray:
    return np.asarray(Image.open(result.structured_content["files"][0]).convert("RGB"))


def outside(pixels: np.ndarray) -> np.ndarray:
    left, top, right, bottom = BOX
    hidden = np.zeros(pixels.shape[:2], bool)
    hidden[top:bottom, left:right] = True
    return pixels[~hidden]


async def test_a_rectangle_confines_the_edit_and_the_result_says_what_was_done(client: Client, photograph: np.ndarray, desk: Desk):
    result = await called(client, "edit_image", imagePath="photo.png", prompt="add a bee", outputPath="bee.png", mask=MASK)
    assert np.array_equal(outside(saved(result)), outside(photograph))
    region = result.structured_content["region"]
    left, top, right, bottom = region["box"]
    assert left < BOX[0] < BOX[2] < right
    assert top < BOX[1] < BOX[3] < bottom
    assert right - left < SIZE[0]
    assert (region["size"], region["enlarged"]) == ("1K", 1.0)
    assert "mended" in region["done"]
    assert region["done"] in result.content[0].text
    assert len(region["delivered"]) == 1
    assert desk.studio.store.has_picture(region["delivered"][0].rpartition("/")[2])


async def test_the_mask_of_one_edit_is_one_of_the_next_and_may_be_looked_at(client: Client):
    first = await called(client, "start_image_session", imagePath="photo.png", prompt="warmer", outputPath="one.png")
    session = first.structured_content["sessionId"]
    assert first.structured_content["region"] is None
    second = await called(client, "continue_image_session", sessionId=session, prompt="add a bee", outputPath="two.png", mask=MASK)
    mask = second.structured_content["region"]["mask"]
    seen = await called(client, "view_image", image=mask)
    assert (seen.structured_content["width"], seen.structured_content["height"]) == Image.open("one.png").size
    third = await called(
        client, "continue_image_session", sessionId=session, prompt="a red one", outputPath="three.png", mask=mask, grow="12"
    )
    grown = third.structured_content["region"]
    assert grown["mask"] != mask
    assert np.array_equal(saved(second)[:150], saved(third)[:150])


async def test_a_mask_that_could_mean_either_is_a_sentence_with_the_parameter_that_chooses(
    client: Client, gemini: Running, folder: Path, photograph: np.ndarray
):
    mask = Image.new("RGBA", SIZE)
    mask.paste("white", BOX)
    mask.save(folder / "mask.png")
    asked = {"imagePath": "photo.png", "prompt": "add a bee", "outputPath": "bee.png", "mask": "mask.png"}
    said = await refused(client, "edit_image", **asked)
    assert "maskReading: painted or transparent" in said
    assert not gemini.requests("generateContent")
    result = await called(client, "edit_image", **asked, maskReading="painted")
    assert np.array_equal(outside(saved(result)), outside(photograph))


async def test_words_are_looked_for_and_the_result_says_what_was_found(client: Client, gemini: Running):
    gemini.control(boxes=[{"box_2d": [300, 300, 600, 600], "label": "cup"}])
    result = await called(client, "edit_image", imagePath="photo.png", prompt="paint it blue", outputPath="blue.png", mask="the cup")
    assert '"the cup": 1 found by gemini:' in result.structured_content["region"]["done"]
    assert len(gemini.requests("generateContent")) == 2


async def test_a_wider_canvas_keeps_the_old_picture_and_the_whole_reply_is_taken_when_asked(client: Client, photograph: np.ndarray):
    wide = await called(client, "edit_image", imagePath="photo.png", prompt="more of it", outputPath="wide.png", outpaint="16:9")
    assert np.array_equal(saved(wide)[:, 83 : 83 + SIZE[0]], photograph)
    whole = await called(
        client, "edit_image", imagePath="photo.png", prompt="add a bee", outputPath="whole.png", mask=MASK, confine=False, aspectRatio="3:2"
    )
    assert whole.structured_content["region"]["box"] == []
    assert whole.structured_content["region"]["delivered"] == []


async def test_shift_and_scale_are_taken_out_when_asked(client: Client, gemini: Running):
    gemini.control(drift={"shift": [0.02, 0.0]})
    result = await called(client, "edit_image", imagePath="photo.png", prompt="warmer", outputPath="warm.png", align=True)
    assert any("moved 18 px" in text for text in result.structured_content["warnings"])


@pytest.mark.parametrize("place", ["../secret.png", "{outside}", "secret"])
async def test_a_mask_is_read_only_inside_the_folders_and_nothing_is_sent(client: Client, gemini: Running, tmp_path: Path, place: str):
    paint(tmp_path / "secret.png", SIZE)
    mask = place.format(outside=tmp_path / "secret.png")
    said = await refused(client, "edit_image", imagePath="photo.png", prompt="add a bee", outputPath="bee.png", mask=mask)
    assert "outside the folders" in said
    assert not gemini.requests("generateContent")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"mask": "9000,0,10,10"}, "no box has a pixel"),
        ({"mask": "the"}, "names nothing"),
        ({"mask": MASK, "outpaint": "16:9"}, "mask or outpaint"),
        ({"mask": MASK, "aspectRatio": "1:1"}, "confine=false"),
        ({"mask": MASK, "grow": "wide"}, "wide"),
        ({"mask": "cat.png"}, "640 x 480"),
    ],
)
async def test_what_cannot_be_meant_is_a_sentence_before_anything_is_sent(
    client: Client, gemini: Running, wrong: dict[str, str], says: str
):
    said = await refused(client, "edit_image", imagePath="photo.png", prompt="add a bee", outputPath="bee.png", **wrong)
    assert says in said
    assert not gemini.requests("generateContent")
