"""Cutting out, and putting on something else: colours and profile are the picture's own, what was transparent stays so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import UsageError
from notebook_img.pictures import Picture, colours, load
from tests.pictures.making import file
from tests.pictures.test_cutouts import EXTRA, P3, scene, weights

pytest.importorskip("cv2", reason=f"needs OpenCV ({EXTRA})")


def ball(profile: bytes | None = None) -> Picture:
    image, alpha = scene(profile)
    image.putalpha(Image.fromarray(alpha))
    return load(file(image, icc_profile=profile) if profile else file(image))


@pytest.mark.parametrize("profile", [None, P3])
def test_colours_and_profile_stay(run, profile: bytes | None):
    image, alpha = scene(profile)
    picture = load(file(image, icc_profile=profile) if profile else file(image))
    cut = load(run("edit", "cut out", picture).pictures[0])
    assert cut.mode == "RGBA"
    assert cut.facts.space == profile
    assert np.array_equal(np.asarray(cut.pil())[:, :, :3], np.asarray(picture.pil()))
    assert ((np.asarray(cut.pil().getchannel("A")) > 127) == (alpha > 127)).mean() > 0.99


def test_what_was_transparent_stays_so(run):
    image, _ = scene()
    image.putalpha(Image.new("L", image.size, 255))
    image.paste((0, 0, 0, 0), (200, 0, 400, 300))
    cut = load(run("edit", "cut out", load(image)).pictures[0])
    assert np.asarray(cut.pil().getchannel("A"))[:, 200:].max() == 0


@pytest.mark.parametrize("profile", [None, P3])
def test_on_a_colour(run, profile: bytes | None):
    cut = ball(profile)
    result = load(run("edit", "put it on #008080", cut).pictures[0])
    assert result.mode == "RGB"
    assert result.facts.space == profile
    shown = colours.to_srgb(result.pil())
    assert np.abs(np.subtract(shown.getpixel((5, 5)), (0, 128, 128), dtype=int)).max() <= 2
    assert np.array_equal(np.asarray(result.pil())[140:160, 190:210], np.asarray(cut.pil().convert("RGB"))[140:160, 190:210])


def test_on_a_picture_scaled_to_the_frame_and_brought_into_its_colours(run):
    cut = ball(P3)
    ground = load(Image.new("RGB", (1000, 300), (0, 128, 128)))
    result = load(run("edit", "put it on image 2", cut, references=(ground,)).pictures[0])
    assert result.size == cut.size
    assert np.abs(np.subtract(colours.to_srgb(result.pil()).convert("RGB").getpixel((5, 5)), (0, 128, 128), dtype=int)).max() <= 2


def test_on_a_picture_that_is_not_there_is_an_error(run):
    with pytest.raises(UsageError, match="no image 3"):
        run("edit", "put it on image 3", ball())


def test_size_and_licence_of_weights_are_said_before_they_are_loaded(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rembg", reason=f"needs rembg ({EXTRA})")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    said: list[str] = []

    def emit(event) -> None:
        said.append(event.message)
        if "weights" in event.message:  # they are there from now on, as if they were fetched
            weights(tmp_path / "u2net.onnx")

    image, ball = scene()
    cut = load(run("edit", "cut out with u2net", load(file(image)), emit=emit).pictures[0])
    assert said[0] == "loading the weights u2net, 176 MB, Apache-2.0"
    assert ((np.asarray(cut.pil().getchannel("A")) > 127) == (ball > 127)).mean() > 0.98
