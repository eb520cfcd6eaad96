"""A thing told from its background, by GrabCut or by weights; a painted chequerboard is no transparency."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from notebook_img.errors import NotFoundError, PictureError, UsageError
from notebook_img.pictures import Box, icc, load, shapes_in
from notebook_img.pictures.cutouts import cut_alpha, painted_chequerboard
from tests.pictures.making import file
from tests.pictures.regions.stand_in import photograph, tiled

P3 = icc.rgb_profile("Display P3", icc.DISPLAY_P3, icc.srgb_curve())
EXTRA = "pip install 'notebook-img[vision]'"


def scene(profile: bytes | None = None) -> tuple[Image.Image, np.ndarray]:
    """A red ball with a soft edge before a blue sky with noise, and which pixels are its own."""
    rng = np.random.default_rng(5)
    sky = np.zeros((300, 400, 3)) + (70, 110, 190) + np.linspace(0, 40, 300)[:, None, None] + rng.normal(0, 4, (300, 400, 3))
    ball = Image.new("L", (1600, 1200))
    ImageDraw.Draw(ball).ellipse((480, 280, 1120, 920), fill=255)
    ball = ball.resize((400, 300), Image.Resampling.BOX)
    alpha = np.asarray(ball)[:, :, None] / 255
    red = np.array([200, 60, 40]) + rng.normal(0, 6, (300, 400, 3))
    image = Image.fromarray(np.clip(sky * (1 - alpha) + red * alpha, 0, 255).astype(np.uint8))
    image.info = {"icc_profile": profile} if profile else {}
    return image, np.asarray(ball)


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UsageError, match="needs opencv-python-headless") as caught:
        cut_alpha(scene()[0])
    assert "notebook-img[vision]" in str(caught.value.hints)


@pytest.mark.parametrize("profile", [None, P3])
def test_grabcut_finds_a_thing_and_says_how_sure_it_is(profile: bytes | None):
    pytest.importorskip("cv2", reason=f"needs OpenCV ({EXTRA})")
    image, ball = scene(profile)
    cut = cut_alpha(image)
    alpha = np.asarray(cut.alpha).astype(int)
    assert np.abs(alpha - ball).mean() < 4
    assert ((alpha > 127) == (ball > 127)).mean() > 0.99
    assert cut.sureness is not None
    assert cut.sureness > 0.9
    assert f"{cut.sureness:.0%} sure" in cut.method
    assert cut.notes == ()


def test_a_photograph_is_cut_out_and_the_same_way_each_time():
    pytest.importorskip("cv2", reason=f"needs OpenCV ({EXTRA})")
    image = Image.fromarray(photograph("coffee")).reduce(2)
    first, second = cut_alpha(image).alpha, cut_alpha(image).alpha
    assert first.tobytes() == second.tobytes()
    assert 0.05 < np.asarray(first).mean() / 255 < 0.95


def test_where_nothing_stands_out_that_is_said():
    pytest.importorskip("cv2", reason=f"needs OpenCV ({EXTRA})")
    with pytest.raises(UsageError, match="stands out"):
        cut_alpha(Image.new("RGB", (200, 150), "white"))


def weights(path: Path) -> Path:
    """A segmenter of one convolution: red is inside."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to make a tiny model")
    kernel = onnx.numpy_helper.from_array(np.array([4, -2, -2], np.float32).reshape(1, 3, 1, 1), "kernel")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["input", "kernel"], ["sum"]), onnx.helper.make_node("Sigmoid", ["sum"], ["output"])],
        "red",
        [onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [1, 3, 320, 320])],
        [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 1, 320, 320])],
        [kernel],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_that_the_environment_names_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rembg", reason=f"needs rembg ({EXTRA})")
    monkeypatch.setenv("NOTEBOOK_IMG_CUTOUT_MODEL", str(weights(tmp_path / "red.onnx")))
    image, ball = scene()
    cut = cut_alpha(image)
    assert cut.sureness is None
    assert ((np.asarray(cut.alpha) > 127) == (ball > 127)).mean() > 0.98


RED = Box("red ball", 105, 55, 295, 245)
BLUE = Box("sky", 300, 20, 380, 120)


@pytest.mark.parametrize("place", ["named", "fetched before"])
def test_the_shape_in_a_box_is_found_by_weights_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str):
    pytest.importorskip("rembg", reason=f"needs rembg ({EXTRA})")
    image, ball = scene()
    if place == "named":
        monkeypatch.setenv("NOTEBOOK_IMG_CUTOUT_MODEL", str(weights(tmp_path / "red.onnx")))
    else:
        monkeypatch.setenv("U2NET_HOME", str(tmp_path))
        monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
        weights(tmp_path / "u2net.onnx")
    mask, how = shapes_in(load(image), [RED])
    assert how == "shape by a segmenter"
    inside = mask.array() > 127
    assert inside[ball > 127].mean() > 0.99, "a little wider than the thing: its edge may change too"
    assert inside[(ball == 0)].mean() < 0.03


def test_where_weights_find_no_shape_or_fail_the_box_is_looked_into_by_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("rembg", reason=f"needs rembg ({EXTRA})")
    image, ball = scene()
    monkeypatch.setenv("NOTEBOOK_IMG_CUTOUT_MODEL", str(weights(tmp_path / "red.onnx")))
    assert shapes_in(load(image), [BLUE])[1] != "shape by a segmenter", "nothing red is in it"
    (tmp_path / "text.onnx").write_text("no model")
    for name in ("text.onnx", "none.onnx"):
        monkeypatch.setenv("NOTEBOOK_IMG_CUTOUT_MODEL", str(tmp_path / name))
        mask, how = shapes_in(load(image), [RED])
        assert how == "shape by GrabCut"
        assert ((mask.array() > 127) == (ball > 127)).mean() > 0.97
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert shapes_in(load(image), [RED])[1] == "as a box"


def test_weights_that_are_missing_or_no_model_are_an_error(tmp_path: Path):
    pytest.importorskip("rembg", reason=f"needs rembg ({EXTRA})")
    image, _ = scene()
    with pytest.raises(NotFoundError, match="no file"):
        cut_alpha(image, model=tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(PictureError, match="cannot be used"):
        cut_alpha(image, model=tmp_path / "text.onnx")


# A painted chequerboard


def chequered(side: int, levels: tuple[int, int], size: tuple[int, int] = (512, 512)) -> Image.Image:
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    return Image.fromarray(np.where((x // side + y // side) % 2, *levels).astype(np.uint8)).convert("RGB")


@pytest.mark.parametrize("side", [8, 13, 32])
@pytest.mark.parametrize("levels", [(255, 204), (255, 238), (153, 192)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_painted_chequerboard_is_recognised(side: int, levels: tuple[int, int], kind: str):
    image = chequered(side, levels)
    thing = Image.fromarray(tiled("coffee", 0, 0, 260, 300))
    image.paste(thing, (120, 100))
    share = painted_chequerboard(load(file(image, kind)))
    assert 0.2 < share < 0.9


def test_a_painted_chequerboard_that_a_model_made_a_little_soft_is_recognised():
    soft = chequered(20, (255, 210)).filter(ImageFilter.GaussianBlur(1))
    noisy = np.clip(np.asarray(soft) + np.random.default_rng(1).normal(0, 2, (512, 512, 3)), 0, 255).astype(np.uint8)
    assert painted_chequerboard(load(noisy)) > 0.5


@pytest.mark.parametrize(
    "image",
    [
        *[Image.fromarray(photograph(name)) for name in ("coffee", "astronaut", "chelsea", "immunohistochemistry")],
        Image.new("RGB", (300, 300), "white"),
        chequered(20, (255, 204)).crop((0, 0, 512, 20)).resize((512, 512)),
        Image.fromarray(np.where(np.arange(512)[None, :] // 16 % 2, 255, 204).astype(np.uint8).repeat(512, axis=0)),
        chequered(16, (200, 20)),
    ],
)
def test_photographs_walls_stripes_and_chessboards_are_none(image: Image.Image):
    assert painted_chequerboard(load(file(image))) == 0.0


def test_real_transparency_is_no_painted_one():
    image = chequered(16, (255, 204)).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    assert painted_chequerboard(load(image)) == 0.0
