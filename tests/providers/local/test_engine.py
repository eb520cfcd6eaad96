"""Edits on real photographs: each changes the picture, keeps what it must keep, and gives the same bytes again."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.providers.interface import ProgressEvent, Provider, Request
from notebook_img.providers.local import LocalProvider
from notebook_img.providers.local.operations import OPERATIONS
from notebook_img.settings import Settings
from tests.providers.local.conftest import picture_of, png

CUTTING = ("cut out", "put on a colour", "put on a picture")


def pixels(data):
    return np.asarray(picture_of(data).convert("RGBA"), dtype=float)


def with_margin(picture):
    canvas = Image.new("RGBA", (220, 180), (255, 255, 255, 0))
    canvas.paste(picture.pil().resize((160, 110)).convert("RGBA"), (30, 35))
    return png(canvas)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_example_changes_the_picture(operation, cat, cup, run):
    picture = with_margin(cat) if operation.name in {"trim", "flatten"} else cat
    reply = run("edit", operation.example, picture, references=(cup,))
    before, after = np.asarray(picture.pil().convert("RGBA"), dtype=float), pixels(reply.pictures[0])
    assert before.shape != after.shape or np.abs(before - after).mean() > 0.05
    assert (before.shape != after.shape) <= operation.changes_frame
    assert reply.text
    assert (reply.note.partition(", cut out")[0], reply.free, reply.cost) == ("built-in, not AI", True, 0.0)
    assert reply.sent["operations"][0]["operation"] == operation.name


def test_the_same_request_gives_the_same_bytes(cat, cup, run):
    prompt = "crop to a square, film grain, night with stars and a moon, caption 'x', vignette"
    assert run("edit", prompt, cat, seed=5).pictures == run("edit", prompt, cat, seed=5).pictures
    assert run("edit", prompt, cat, seed=5).pictures != run("edit", prompt, cat, seed=6).pictures


@pytest.mark.parametrize(
    ("prompt", "size"),
    [("crop to a square", (300, 300)), ("resize to 200 px wide", (200, 133)), ("half the size", (226, 150)), ("rotate by 90 degrees", (300, 451)),
     ("add a 10 px black border", (471, 320)), ("resize to 300x300", (300, 300)), ("resize to fit within 300x300", (300, 200)),
     ("crop to 10,20,100,50", (100, 50)), ("keep the top half", (451, 150)), ("pad to a square", (451, 451)), ("crop 10 px off each side", (431, 280))],
)  # fmt: skip
def test_sizes_are_what_was_asked_for(prompt, size, cat, run):
    assert picture_of(run("edit", prompt, cat).pictures[0]).size == size


def test_rotating_left_four_times_is_the_picture_again(cat, run):
    picture = png(cat.pil())
    assert np.array_equal(
        pixels(run("edit", "rotate left; rotate left; rotate left; rotate left", picture).pictures[0])[..., :3], np.asarray(cat.pil())
    )


def test_brighter_is_brighter_warmer_is_redder_and_white_stays_white(cat, run):
    def mean(prompt):
        return pixels(run("edit", prompt, cat).pictures[0])[..., :3].mean(axis=(0, 1))

    plain = np.asarray(cat.pil(), dtype=float).mean(axis=(0, 1))
    assert (mean("brighter") > plain * 1.1).all()
    assert mean("darker by 50 %") == pytest.approx(plain / 2, rel=0.03)
    warm, cool = mean("warmer by 40 %"), mean("cooler by 40 %")
    assert warm[0] - warm[2] > plain[0] - plain[2] > cool[0] - cool[2]
    white = png(Image.new("RGB", (8, 8), "white"))
    assert pixels(run("edit", "brighter, more contrast", white).pictures[0]).min() == 255


def test_a_jpeg_stays_a_jpeg_and_transparency_makes_a_png(cat, run):
    assert picture_of(run("edit", "warmer", cat).pictures[0]).format == "JPEG"
    assert picture_of(run("edit", "round the corners", cat).pictures[0]).format == "PNG"
    assert picture_of(run("edit", "warmer", png(cat.pil())).pictures[0]).format == "PNG"
    assert run("edit", "warmer", cat).got["format"] == "JPEG"


def test_transparency_is_kept_by_tone_blur_and_text(cat, run):
    picture = with_margin(cat)
    alpha = np.asarray(picture.pil())[..., 3]
    assert np.array_equal(pixels(run("edit", "warmer, sepia, sharpen, vintage, invert", picture).pictures[0])[..., 3], alpha)
    blurred = pixels(run("edit", "blur by 3 px", picture).pictures[0])
    edge = (blurred[..., 3] > 8) & (blurred[..., 3] < 120)
    assert blurred[edge][:, :3].mean() < 230  # no white from hidden pixels at the edge


def test_inside_a_mask_nothing_else_changes(cat, run):
    painted = np.zeros((300, 451), dtype=np.uint8)
    painted[80:200, 100:300] = 255
    mask = png(Image.fromarray(painted))
    before = np.asarray(cat.pil())
    for prompt in ("black and white, brighter", "blur by 8 px", "caption 'in here'", "night with a moon", "fade to 30 %", "pixelate"):
        after = pixels(run("edit", prompt, png(cat.pil()), mask=mask).pictures[0])
        assert np.array_equal(after[..., :3][painted == 0], before[painted == 0]), prompt
        assert (after[..., 3][painted == 0] == 255).all()
        assert not np.array_equal(after[..., :3][painted == 255], before[painted == 255]) or after[..., 3][painted == 255].max() < 255


@pytest.mark.parametrize("prompt", ["crop to a square", "warmer and rotate left", "add a border", "mirror it", "half the size"])
def test_what_changes_the_frame_is_refused_with_a_mask(prompt, cat, run):
    mask = png(Image.new("L", (451, 300), 255))
    with pytest.raises(UsageError, match="mask"):
        run("edit", prompt, cat, mask=mask)


def test_blending_uses_the_second_picture_by_the_amount(cat, run):
    red = png(Image.new("RGB", (50, 50), (255, 0, 0)))
    after = pixels(run("edit", "blend with image 2 by 25 %", png(cat.pil()), references=(red,)).pictures[0])[..., :3]
    wanted = np.asarray(cat.pil(), dtype=float) * 0.75 + np.array([255, 0, 0]) * 0.25
    assert np.abs(after - wanted).max() <= 1.5
    with pytest.raises(UsageError, match="no image 2"):
        run("edit", "blend with image 2", cat)


def test_an_unknown_phrase_says_cause_phrase_and_what_is_possible(cat, run):
    with pytest.raises(UsageError) as caught:
        run("edit", "warmer and add a red scarf", cat)
    message = str(caught.value)
    assert message.startswith("No image model is set up. The built-in engine cannot 'add a red scarf'; it can crop, rotate, warm, caption")
    assert "keys set gemini" in message
    assert Hint("list-operations") in caught.value.hints
    assert len(message) < 600


def test_with_a_key_it_names_the_model_to_take(cat, run):
    provider = LocalProvider(Settings(environ={"GEMINI_API_KEY": "not-a-real-key-0000"}))
    with pytest.raises(UsageError, match=r"^'add a red scarf' needs an image model\. .*'gemini'") as caught:
        run("edit", "add a red scarf", cat, provider=provider)
    assert "not-a-real" not in str(caught.value)


def test_a_misspelt_operation_gets_the_nearest_with_an_example(cat, run):
    with pytest.raises(UsageError, match="Nearest: sharpen, as in 'sharpen by 150 %'"):
        run("edit", "sharpenn", cat)


def test_options_for_ratio_and_size_are_done_last(cat, run):
    assert picture_of(run("edit", "warmer", cat, aspect_ratio="1:1", size="512").pictures[0]).size == (512, 512)


def test_count_makes_variations_only_where_there_is_chance(cat, run):
    assert len(set(run("edit", "film grain", cat, count=3, seed=1).pictures)) == 3
    reply = run("edit", "warmer", cat, count=3)
    assert len(reply.pictures) == 1
    assert reply.warnings


def test_progress_is_told_for_every_operation(cat, run):
    events = []
    run("edit", "warmer, sharpen, mirror it", cat, emit=events.append)
    assert [event.message for event in events if isinstance(event, ProgressEvent)][:3] == [
        "warmed by 20 %",
        "sharpened by 100 %",
        "mirrored left to right",
    ]


def test_it_stops_between_two_operations(cat, engine):
    async def cancelled():
        started = asyncio.Event()
        request = Request("edit", ", ".join(["blur by 5 px"] * 39), "builtin", inputs=(cat,))
        done = []
        loop = asyncio.get_running_loop()

        def emit(event):
            done.append(event)
            loop.call_soon_threadsafe(started.set)

        task = asyncio.create_task(engine.run(request, emit))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(done)

    assert asyncio.run(cancelled()) < 10


def test_letters_the_font_lacks_are_drawn_otherwise_or_said(cat, run):
    reply = run("edit", "caption 'Ægir \U00013000'", cat)
    assert any("No font here" in warning for warning in reply.warnings)


def test_tiny_and_grey_pictures_are_fine(run, cup):
    small = png(Image.new("L", (1, 1), 90))
    for operation in OPERATIONS:
        if operation.name not in {"crop to a size", "crop a side", "crop to a box", "flatten", *CUTTING}:
            assert run("edit", operation.example, small, references=(cup,)).pictures


def test_where_nothing_stands_out_nothing_is_cut_out(run, cup):
    for operation in OPERATIONS:
        if operation.name in CUTTING:
            with pytest.raises(UsageError, match="Nothing in this picture stands out"):
                run("edit", operation.example, png(Image.new("L", (1, 1), 90)), references=(cup,))


def test_it_is_a_provider_with_one_free_model(engine):
    assert isinstance(engine, Provider)
    assert engine.missing() is None
    assert [model.name for model in engine.models()] == ["builtin"]
    assert engine.default_model("ask") == "builtin"
    assert engine.estimate(Request("edit", "x", "builtin")) == 0.0
    capabilities = engine.model_info("builtin").capabilities
    assert (capabilities.mask, capabilities.seed, capabilities.kinds) == ("native", True, {"generate", "edit", "ask"})
    with pytest.raises(NotFoundError, match="local:builtin"):
        engine.model_info("gpt")
    assert asyncio.run(engine.probe())
    asyncio.run(engine.aclose())


def test_nothing_to_edit_is_an_error_with_an_example(run):
    with pytest.raises(UsageError, match=r"ni\.edit"):
        run("edit", "warmer")
