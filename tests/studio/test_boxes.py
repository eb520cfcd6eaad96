"""Boxes through the studio: pixels of the upright picture, drawn, listed, cropped, and masks of the next edit."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from notebook_img.cli import main
from notebook_img.errors import BadReplyError, UnsupportedError
from notebook_img.pictures import Box, load
from tests.studio.conftest import ark_environ, openai_environ, png, rgb, spends

WHITE = (40, 30, 120, 90)


@pytest.fixture
def cups() -> bytes:
    return png((200, 150), "#102030", white=WHITE)


def say(service, items) -> None:
    service.control({"kind": "reply", "reply": "say", "text": json.dumps({"answer": items})})


def test_boxes_are_pixels_of_the_picture(fox, cups):
    answer = fox.ask("", cups, boxes="cup")
    (box,) = answer.boxes
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx(WHITE, abs=1)
    assert answer.frame()[["left", "top", "right", "bottom"]].to_numpy().tolist() == [[box.left, box.top, box.right, box.bottom]]


def test_boxes_of_a_turned_photograph_are_in_its_upright_frame(fox, cups):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = load(cups).pil().transpose(Image.Transpose.ROTATE_90)  # turned back by orientation 6 when it is shown
    out = io.BytesIO()
    stored.save(out, "JPEG", quality=95, exif=exif)
    answer = fox.ask("where is it?", out.getvalue(), boxes="cup")
    (box,) = answer.boxes
    assert answer.inputs[0].size == (200, 150)
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx(WHITE, abs=3)


@pytest.mark.parametrize("model", ["gemini-3.1-flash", "qwen2.5-vl-7b", "qwen3-vl", "glm-4.6v", "gpt-6-astra"])
def test_every_familys_convention_becomes_pixels_also_of_a_picture_sent_smaller(studio_of, service, model):
    service.control(models=[model])
    environ = {"VISION_BASE_URL": f"{service.url}/v1", "VISION_API_KEY": "test-key-0123456789", "VISION_MODEL": model}
    studio = studio_of({**environ, "VISION_MAX_IMAGE_SIZE": "40kB"})
    noisy = rgb(load(png((800, 600), "#102030", white=(160, 120, 480, 360)))).astype(int)
    noisy = np.clip(noisy + np.random.default_rng(1).integers(-12, 12, noisy.shape), 0, 255).astype("uint8")
    answer = studio.session("fox").ask("", noisy, boxes="cup")
    assert answer.warnings  # it was sent smaller
    (box,) = answer.boxes
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((160, 120, 480, 360), abs=6)


def test_boxes_are_drawn_in_the_output_with_their_labels(fox):
    answer = fox.ask("", png((400, 300), "#102030", white=(80, 60, 240, 180)), boxes="cup")
    bundle = answer.figure()
    source = bundle.data["text/markdown"].split("base64,", 1)[1].split('"', 1)[0]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB")).astype(int)
    plain = rgb(answer.inputs[0]).astype(int)
    assert shown.shape == plain.shape
    changed = np.argwhere(np.abs(shown - plain).sum(axis=2) > 60)
    assert len(changed) > 100
    assert "1 box: cup" in bundle.text
    assert "| label | 80 | 60 | 240 | 180 |" in bundle.text


def test_a_box_becomes_a_crop(fox, cups):
    answer = fox.ask("", cups, boxes="cup")
    crop = answer.boxes[0].crop(answer.picture)
    assert crop.size == (answer.boxes[0].width, answer.boxes[0].height)
    assert rgb(crop)[5:-5, 5:-5].min() == 255


@pytest.mark.parametrize("several", [False, True])
def test_boxes_become_the_mask_of_the_next_edit(fox, several):
    picture = png((256, 192), "#102030", white=(64, 48, 160, 144))
    answer = fox.ask("", picture, boxes="cup")
    edited = answer.edit("make it blue", mask=answer.boxes if several else answer.boxes[0])
    before, after = rgb(answer.picture), rgb(edited.picture)
    outside = rgb(edited.mask)[..., 0] == 0
    assert outside.any()
    assert (before[outside] == after[outside]).all()
    assert (before[~outside] != after[~outside]).any()


def test_points_are_boxes_of_one_pixel(fox, service, cups):
    say(service, [{"label": "tip", "point": [500, 500]}])
    (point,) = fox.ask("", cups, boxes="tip").boxes
    assert (point.width, point.height) == (1, 1)
    assert (point.left, point.top) == pytest.approx((100, 75), abs=1)


def test_boxes_beyond_the_picture_are_clipped_and_that_is_said(fox, service, cups):
    say(service, [{"label": "cup", "box": [500, 500, 1400, 1200]}, {"label": "ghost", "box": [1200, 1200, 1400, 1400]}])
    answer = fox.ask("", cups, boxes="cup")
    assert answer.boxes == [Box("cup", 100, 75, 200, 150)]
    assert any("clipped" in warning for warning in answer.warnings)
    assert any("outside the picture" in warning for warning in answer.warnings)


def test_no_boxes_is_an_answer_with_an_empty_frame(fox, service, cups):
    say(service, [])
    answer = fox.ask("", cups, boxes="elephants")
    assert answer.boxes == []
    assert len(answer.frame()) == 0
    assert "No boxes" in answer.figure().text


def test_an_answer_without_boxes_in_it_is_an_error_and_booked(studio, fox, service, cups):
    service.control({"kind": "reply", "reply": "say", "text": "In the middle.", "times": 2})
    with pytest.raises(BadReplyError, match="In the middle"):
        fox.ask("", cups, boxes="cup")
    assert not list(fox.turns)
    assert [state for state, _ in spends(studio)] == ["billed"]


def test_boxes_are_there_after_a_restart(studio_of, service, cups):
    environ = openai_environ(service)
    boxes = studio_of(environ).session("fox").ask("", cups, boxes="cup").boxes
    assert studio_of(environ).session("fox").turn("t1").boxes == boxes


def test_who_cannot_locate_says_who_can(studio_of, ark):
    with pytest.raises(UnsupportedError, match="model='gemini'"):
        studio_of({}).session("fox").ask("", png(), boxes="cup")
    with pytest.raises(UnsupportedError, match="cannot answer questions"):
        studio_of(ark_environ(ark)).session("fox").ask("what?", png(), model="ark")


def test_the_command_line_lists_boxes(service, tmp_path, monkeypatch, capsys, cups):
    for name, value in openai_environ(service).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "cups.png").write_bytes(cups)
    assert main(["ask", str(tmp_path / "cups.png"), "--boxes=cup", "--json"]) == 0
    (box,) = json.loads(capsys.readouterr().out)["boxes"]
    assert [box[side] for side in ("left", "top", "right", "bottom")] == pytest.approx(WHITE, abs=1)
