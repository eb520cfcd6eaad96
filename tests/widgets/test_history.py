"""The history of a panel: what a line starts from, undo with the mask, masks that are used again, turns with several pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from notebook_img import Studio
from notebook_img.records import PictureUse
from tests.widgets.conftest import Watched, png
from tests.widgets.test_turns import cat, run  # noqa: F401 - a fixture


def mask_png(size: tuple[int, int] = (451, 300), box: tuple[int, int, int, int] = (100, 100, 200, 200)) -> bytes:
    mask = Image.new("L", size, 0)
    mask.paste(255, box)
    file = io.BytesIO()
    mask.save(file, "PNG")
    return file.getvalue()


def masked(panel: Watched, prompt: str) -> None:
    run(panel, prompt, "edit", mask_png(), mask={"sha": panel.panel.base.picture.sha256})


def test_the_photograph_is_the_first_node_and_every_line_from_it_hangs_there(cat: Watched) -> None:  # noqa: F811
    source = cat.panel.session.turn("t1").inputs[0].sha256
    cat.do("look", source=source)
    run(cat, "sepia")
    shown = [(node["key"], node["after"], node["kind"]) for node in cat.state["nodes"]]
    assert shown == [(source, None, "source"), ("t1", source, "edit"), ("t2", source, "edit")]
    assert cat.state["nodes"][0]["prompt"] == "sample:chelsea"
    assert cat.panel.session.turn("t2").record.parent is None
    assert cat.panel.session.turn("t2").inputs[0].sha256 == source


def test_a_picture_that_was_only_opened_is_a_node_too(panel: Watched) -> None:
    panel.do("open", text="sample:coffee")
    (node,) = panel.state["nodes"]
    assert (node["kind"], node["key"]) == ("source", panel.state["base"]["key"])


def test_undo_of_a_first_edit_shows_the_photograph_with_the_mask_and_redo_brings_the_edit_back(panel: Watched) -> None:
    panel.do("open", text="sample:chelsea")
    photograph = panel.panel.base.picture.sha256
    masked(panel, "make it brighter")
    assert panel.state["base"]["id"] == "t1"
    panel.do("undo")
    assert panel.panel.base.picture.sha256 == photograph
    assert panel.state["head"] is None
    assert not panel.state["newer"]
    content, (data,) = panel.all("mask")[-1]
    assert (content["sha"], content["turn"], content["anew"]) == (photograph, "t1", False)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))) > 127, np.asarray(Image.open(io.BytesIO(mask_png()))) > 127)
    panel.do("redo")
    assert panel.state["base"]["id"] == "t1"
    panel.do("undo")
    masked(panel, "sepia")
    assert panel.state["base"]["id"] == "t2"
    assert panel.panel.session.turn("t2").inputs[0].sha256 == photograph


def test_undo_of_an_outpainted_turn_leaves_its_wider_mask(cat: Watched) -> None:  # noqa: F811
    first = cat.panel.session.turn("t1").record
    wide = mask_png((900, 300))
    mask = PictureUse(hashlib.sha256(wide).hexdigest(), "mask", "image/png", 900, 300, len(wide))
    record = dataclasses.replace(first, number=0, pictures=(*first.pictures, mask))
    cat.panel.studio.store.add_turn(record, {mask.sha256: wide}, move_head=True)
    cat.panel.studio.heads.reread(cat.panel.session.id)
    cat.do("undo")
    assert cat.error == ""
    assert cat.state["base"]["name"] == "sample:chelsea"
    assert cat.all("mask") == []


def test_undo_shows_the_picture_that_was_chosen_of_several(panel: Watched) -> None:
    run(panel, "a red circle", "generate", options={"n": "3"})
    panel.do("look", turn=1, pick=3)
    run(panel, "sepia")
    panel.do("undo")
    assert panel.state["base"]["id"] == "t1.3"


def test_of_several_pictures_the_user_chooses_before_anything_goes_on(panel: Watched) -> None:
    run(panel, "a red circle", "generate", options={"n": "3"})
    base = panel.state["base"]
    assert (base["id"], base["sha"], len(base["choices"])) == ("t1", "", 3)
    assert {content["sha"] for content, _ in panel.all("choice")} == set(base["choices"])
    run(panel, "sepia")
    assert panel.error == "t1 has 3 pictures. Choose the one to edit first: click it."
    panel.do("download")
    assert "Choose the one to download first" in panel.error
    panel.do("look", turn=1, pick=2)
    run(panel, "sepia")
    assert panel.panel.session.turn("t2").record.picked == 2
    panel.do("look", turn=1)
    assert panel.state["base"]["id"] == "t1.2", "the choice is remembered"
    assert panel.panel.left.text().startswith("notebook_img panel of session 'fox', at t1.2")


def test_the_mask_of_the_last_run_is_laid_on_a_picture_of_the_same_shape(panel: Watched) -> None:
    panel.do("open", text="sample:chelsea")
    panel.do("last_mask")
    assert panel.error == "No run of this session had a mask yet."
    masked(panel, "make it brighter")
    panel.do("last_mask", view="v")
    content, _ = panel.all("mask")[-1]
    assert (content["sha"], content["anew"], content["view"]) == (panel.panel.base.picture.sha256, True, "v")
    assert panel.state["masked"] == "t1"
    panel.do("upload", png(40, 40), token="x", index=0, count=1, name="square.png", size=len(png(40, 40)))
    panel.do("last_mask")
    assert panel.error == "That mask was painted on a picture of another shape (451 × 300; this one is 40 × 40). Paint a new one."


def test_again_with_this_mask_goes_back_to_what_it_was_made_from(cat: Watched) -> None:  # noqa: F811
    masked(cat, "make it brighter")
    cat.do("again_masked", turn=2)
    assert cat.state["base"]["id"] == "t1"
    content, _ = cat.all("mask")[-1]
    assert (content["turn"], content["prompt"], content["anew"]) == ("t2", "make it brighter", True)
    masked(cat, "sepia")
    assert cat.panel.session.turn("t3").record.parent == 1
    cat.do("again_masked", turn=1)
    assert cat.error == "t1 was not made inside a mask."


@pytest.mark.parametrize(("typed", "name"), [("t1", "t1"), ("fox/t1", "t1"), (" t1 ", "t1")])
def test_open_takes_a_turn_of_this_session(cat: Watched, typed: str, name: str) -> None:  # noqa: F811
    run(cat, "warmer")
    cat.do("open", text=typed)
    assert (cat.state["base"]["id"], cat.state["base"]["broughtIn"]) == (name, False)


def test_open_takes_a_turn_of_another_session(cat: Watched, watch: Callable[..., Watched]) -> None:  # noqa: F811
    other = watch("owl")
    other.do("open", text="fox/t1")
    assert (other.state["base"]["name"], other.state["base"]["broughtIn"]) == ("fox/t1", True)
    other.do("open", text="fox/t9")
    assert "There is no turn t9 in session 'fox'" in other.error
    other.do("open", text="nosuch/t1")
    assert "nosuch" in other.error
    run(cat, "a red circle", "generate", options={"n": "2"})
    other.do("open", text="fox/t2")
    assert "has 2 pictures" in other.error
    other.do("open", text="fox/t2.2")
    assert other.state["base"]["name"] == "fox/t2.2"


def test_downloads_are_named_after_the_photograph(panel: Watched, studio: Studio, tmp_path: Any) -> None:
    photograph = tmp_path / "Beach day.jpg"
    Image.new("RGB", (60, 40), "orange").save(photograph)
    panel.do("open", text=str(photograph))
    run(panel, "warmer")
    run(panel, "sepia")
    panel.do("download")
    assert panel.last("file")["name"] == "Beach-day-t2.jpg"
    panel.do("look", source=panel.state["nodes"][0]["key"])
    panel.do("download")
    assert panel.last("file")["name"] == "Beach-day.jpg"
    run(panel, "a red circle", "generate")
    panel.do("download")
    assert panel.last("file")["name"] == "fox-t3.png", "what was made from words is named after its session"


def test_the_original_of_a_long_line_is_its_photograph(cat: Watched) -> None:  # noqa: F811
    run(cat, "warmer")
    run(cat, "sepia")
    cat.do("original", sha=cat.state["base"]["sha"])
    content, (data,) = cat.all("original")[-1]
    assert (content["name"], content["key"]) == ("sample:chelsea", "t3")
    assert Image.open(io.BytesIO(data)).size == (451, 300)


def test_a_part_that_is_looked_at_closely_has_the_pixels_of_the_picture(panel: Watched) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (1500, 3000, 1), np.uint8).repeat(3, axis=2)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    data = file.getvalue()
    panel.do("upload", data, token="x", index=0, count=1, name="large.png", size=len(data))
    sha = panel.state["base"]["sha"]
    panel.do("detail", sha=sha, box=[1000, 500, 1400, 700], wide=4000)
    content, (part,) = panel.all("detail")[-1]
    assert content["box"] == [1000, 500, 1400, 700]
    seen = np.asarray(Image.open(io.BytesIO(part)).convert("RGB")).astype(int)
    assert seen.shape == (200, 400, 3)
    assert np.abs(seen - noise[500:700, 1000:1400]).mean() < 30
    panel.do("detail", sha=sha, box=[-50, -50, 99999, 99999], wide=100)
    assert panel.last("detail")["box"] == [0, 0, 3000, 1500]
    told = len(panel.all("detail"))
    panel.do("detail", sha="another", box=[0, 0, 1, 1], wide=1)
    assert len(panel.all("detail")) == told
