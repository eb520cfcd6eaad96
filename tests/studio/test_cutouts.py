"""Cutting out through a studio: by the built-in engine, unless a model has real transparency or was typed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.pictures.making import file
from tests.pictures.test_cutouts import scene
from tests.studio.conftest import GEMINI_KEY, ark_environ, noise


def ball() -> bytes:
    return file(scene()[0])


@pytest.fixture
def gemini(start):
    running = start("gemini")
    running.control(key=GEMINI_KEY)
    return running


@pytest.mark.parametrize("words", ["cut out", "remove the background", "make the background transparent", "cut it out"])
def test_the_built_in_engine_cuts_out_and_says_how_sure_it_is(studio_of, gemini, words):
    studio = studio_of({"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": gemini.url})
    turn = studio.session("fox").edit(words, ball())
    assert turn.model == "local:builtin"
    assert turn.record.note.startswith("built-in, exact, free, cut out by GrabCut, ")
    assert turn.record.note.endswith("% sure")
    assert turn.picture.mode == "RGBA"
    alpha = np.asarray(turn.picture.pil().getchannel("A"))
    assert (alpha > 128).mean() == pytest.approx((scene()[1] > 128).mean(), rel=0.05)
    assert not gemini.requests("generateContent")


def test_a_model_that_was_typed_does_it(studio_of, gemini):
    studio = studio_of({"GEMINI_API_KEY": GEMINI_KEY, "GOOGLE_GEMINI_BASE_URL": gemini.url})
    assert studio.session("fox").edit("cut out", ball(), model="gemini").model.startswith("gemini:")


def test_a_service_with_real_transparency_is_asked_for_it(fox, service):
    turn = fox.edit("cut out", ball())
    assert turn.model.startswith("openai:")
    parts = {part["name"]: part for part in service.requests("images/edits")[0]["body"]}
    assert parts["background"]["text"] == "transparent"
    assert "background" not in turn.asked
    fox.edit("remove the background", ball(), background="opaque")
    parts = {part["name"]: part for part in service.requests("images/edits")[1]["body"]}
    assert parts["background"]["text"] == "opaque"


def test_cut_out_and_put_on_a_colour_or_a_photograph(studio_of):
    session = studio_of({}).session("fox", model="local")
    cut = session.edit("cut out", ball())
    white = cut.edit("put it on white").picture
    assert white.mode == "RGB"
    assert white.pil().getpixel((5, 5)) == (255, 255, 255)
    middle = np.asarray(white.pil())[150, 200].astype(int)
    assert np.abs(middle - np.asarray(scene()[0])[150, 200]).max() <= 2
    other = Image.open(io.BytesIO(noise((400, 300))))
    on = cut.edit("put it on image 2", references=[other]).picture
    assert np.array_equal(np.asarray(on.pil().convert("RGB"))[5, 5], np.asarray(other)[5, 5])
    at_once = session.edit("cut out and put it on #336699", ball())
    assert at_once.picture.pil().getpixel((5, 5)) == (0x33, 0x66, 0x99)
    assert session.edit("put it on navy", ball()).record.note.count("cut out by") == 1, "cut out first where there is no transparency"


def test_weights_the_environment_names_are_used(studio_of, tmp_path, monkeypatch):
    monkeypatch.setenv("NOTEBOOK_IMG_CUTOUT_MODEL", str(tmp_path / "none.onnx"))
    session = studio_of({}).session("fox", model="local")
    with pytest.raises(Exception, match=r"no file .*none\.onnx with weights"):
        session.edit("cut out", ball())


def test_a_painted_chequerboard_is_no_transparency_and_said(studio_of, ark):
    ark.control(drift={})
    y, x = np.mgrid[:1024, :1024]
    board = Image.fromarray(np.where(((x // 32) + (y // 32)) % 2, 204, 255).astype(np.uint8)).convert("RGB")
    board.paste((200, 40, 40), (300, 300, 700, 700))
    session = studio_of(ark_environ(ark)).session("fox", model="ark")
    said = [text for text in session.edit("a mug, transparent background please", board).warnings if "chequerboard" in text]
    assert said == [
        "The model painted a chequerboard where transparency was asked for: the picture has none. The built-in engine can cut out."
    ]
    assert not [text for text in session.edit("a chess board", board).warnings if "chequerboard" in text]
