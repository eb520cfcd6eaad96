"""A reply as a picture: pasted in the original's colours and mode, mended as far as that can be known, and told in words."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageFilter

from notebook_img.errors import UsageError
from notebook_img.pictures import Picture, as_mask, colours, icc, load
from notebook_img.pictures.regions import RegionPlan, align, measure_drift, paste_reply, plan_region
from notebook_img.pictures.regions.geometry import Geometry
from notebook_img.pictures.regions.stitching import stitch
from tests.pictures.making import file
from tests.pictures.regions.stand_in import BY_RATIO, Drifting, answer, photograph, tiled

P3 = icc.rgb_profile("Display P3", icc.DISPLAY_P3, icc.srgb_curve())
GAMMA_18 = icc.grey_profile("Grey 1.8", 1.8)
MASK = "150,90,160,130"


def picture(mode: str = "RGB", profile: bytes | None = None, *, name: str = "coffee") -> Picture:
    image = Image.fromarray(photograph(name)).convert(mode)
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda value: 255 - value // 4))
    return load(file(image, "PNG", icc_profile=profile) if profile else file(image))


def sent(original: Picture) -> tuple[Picture, RegionPlan, np.ndarray]:
    """The mask, the plan, and the frame as a service sees it."""
    mask = as_mask(MASK, original)
    plan = plan_region(original.size, mask.pil(), BY_RATIO)
    seen = colours.to_srgb(original.pil()).convert("RGB").crop(plan.inside)
    return mask, plan, np.asarray(seen)


def back(original: Picture, drift: Drifting) -> tuple[Picture, tuple[str, ...], RegionPlan]:
    mask, plan, frame = sent(original)
    done = paste_reply(original, load(Image.fromarray(answer(frame, plan.reply, drift))), mask, plan)
    outside = mask.array() == 0
    numbers = np.asarray(done.picture.pil())
    before = np.asarray(original.pil().convert(done.picture.pil().mode))
    assert np.array_equal(numbers[outside], before[outside])
    return done.picture, done.notes, plan


def error(result: Picture, original: Picture) -> float:
    """Mean difference inside the mask, levels."""
    wanted, found = (np.asarray(item.pil().convert(result.pil().mode)).astype(float) for item in (original, result))
    return float(np.abs(wanted - found)[90:220, 150:310].mean())


def test_what_was_mended_is_said_in_numbers():
    original = picture()
    result, notes, _ = back(original, Drifting(shift=(5.2, 3.0), scale=1.01, gain=(1.03, 1, 0.97)))
    assert notes == ("moved 6 px, 1 % larger, brighter by 1, warmer by 3: mended",)
    assert error(result, original) < 2


def test_a_reply_without_drift_is_pasted_without_a_word():
    original = picture()
    result, notes, _ = back(original, Drifting())
    assert notes == ()
    assert error(result, original) < 1.5


@pytest.mark.parametrize(
    ("mode", "profile"), [("RGB", None), ("RGB", P3), ("RGBA", None), ("RGBA", P3), ("L", None), ("L", GAMMA_18), ("LA", None)]
)
def test_mode_profile_and_transparency_stay(mode: str, profile: bytes | None):
    original = picture(mode, profile)
    result, _, _ = back(original, Drifting(shift=(4.0, -3.0), gain=(1.03, 1, 0.97)))
    assert result.mode == mode
    assert result.pil().info.get("icc_profile") == profile
    if "A" in mode:
        result = load(result.pil().convert(mode[:-1]))
        original = load(original.pil().convert(mode[:-1]))
    assert error(result, original) < 3


def test_a_grey_picture_becomes_rgb_where_the_reply_has_colour_and_its_numbers_stay():
    original = picture("L", GAMMA_18)
    mask, plan, frame = sent(original)
    red = frame.copy()
    red[100:140, 100:150] = (200, 20, 20)
    result = paste_reply(original, load(Image.fromarray(answer(red, plan.reply))), mask, plan).picture
    assert result.mode == "RGB"
    outside = mask.array() == 0
    assert np.array_equal(np.asarray(result.pil())[outside], np.asarray(original.pil().convert("RGB"))[outside])
    shown = [np.asarray(colours.to_srgb(item.pil()).convert("RGB")).astype(int)[outside] for item in (result, original)]
    assert np.abs(shown[0] - shown[1]).max() <= 2, "and mean the same"


def test_16_bits_stay_16_bits():
    before = tiled("coffee", 0, 0, 600, 400).astype(np.uint16) * 257 + np.arange(600, dtype=np.uint16)[None, :, None] % 200
    mask = np.zeros((400, 600), np.uint8)
    mask[100:220, 200:360] = 255
    reply = answer(tiled("coffee", 0, 0, 600, 400), (1254, 836), Drifting(shift=(6, -4), scale=0.99)).astype(np.uint16) * 257
    done = stitch(before, reply, mask, mask, Geometry((600, 400), (0, 0), (600, 400)))
    assert done.pixels.dtype == np.uint16
    assert done.drift.shift == pytest.approx((6, -4), abs=0.05)
    assert np.abs(done.pixels.astype(float) / 257 - before[100:220, 200:360].astype(float) / 257).mean() < 3
    # Finer than 8 bits: more values than 256 of them are used.
    assert len(np.unique(done.pixels)) > 2000


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("another photograph", "the model changed what surrounds the mask, so the reply cannot be aligned: pasted where it came"),
        ("moved by a tenth", "the reply is moved or scaled by more than can be mended: pasted where it came"),
    ],
)
def test_what_cannot_be_aligned_is_pasted_as_it_came_and_said(kind: str, why: str):
    original = picture()
    mask, plan, frame = sent(original)
    other = tiled("chelsea", 0, 0, *plan.frame_size)
    reply = (
        answer(other, plan.reply)
        if kind == "another photograph"
        else answer(frame, plan.reply, Drifting(shift=(0.1 * plan.frame_size[0], 0)))
    )
    done = paste_reply(original, load(Image.fromarray(reply)), mask, plan)
    assert done.notes == (why,)
    as_it_came = Image.fromarray(reply).resize(plan.frame_size, Image.Resampling.LANCZOS)
    middle = (plan.frame[0] + 180 - plan.frame[0], 150)
    assert (
        np.abs(
            np.subtract(
                done.picture.pil().getpixel(middle), as_it_came.getpixel((middle[0] - plan.frame[0], middle[1] - plan.frame[1])), dtype=int
            )
        ).max()
        <= 2
    )


def test_a_ring_without_texture_still_tells_colours():
    flat = np.clip(np.random.default_rng(3).normal(140, 1.5, (400, 600, 3)), 0, 255).astype(np.uint8)
    original = load(Image.fromarray(flat))
    mask, plan, frame = sent(original)
    painted = frame.copy()
    painted[150:180, 150:180] = 30
    done = paste_reply(original, load(Image.fromarray(answer(painted, plan.reply, Drifting(gain=(1.05, 1, 0.95))))), mask, plan)
    assert done.drift.state == "featureless"
    assert done.notes == (
        "what surrounds the mask has too little texture to align the reply by: pasted where it came; colours mended (brighter by 1, warmer by 7)",
    )
    assert np.abs(np.asarray(done.picture.pil())[95:120, 155:300].mean(axis=(0, 1)) - 140).max() < 1


def test_a_mask_over_everything_is_taken_as_it_came_and_said():
    original = picture()
    mask = as_mask("0,0,600,400", original)
    plan = plan_region(original.size, mask.pil(), BY_RATIO)
    done = paste_reply(original, load(Image.fromarray(answer(photograph("coffee"), plan.reply, Drifting(shift=(9, 0))))), mask, plan)
    assert done.notes == ("the mask leaves nothing around it to align the reply by: pasted where it came",)


@pytest.mark.parametrize("way", ["cut", "with more around it"])
def test_a_reply_in_another_ratio_is_found_out_and_fitted(way: str):
    original = picture()
    mask, plan, frame = sent(original)
    width = frame.shape[1]
    more = width // 8 * 2
    shown = (
        frame[:, more // 2 : width - more // 2] if way == "cut" else np.pad(frame, ((0, 0), (more // 2, more // 2), (0, 0)), mode="edge")
    )
    size = (round(plan.reply[0] * shown.shape[1] / width), plan.reply[1])
    done = paste_reply(original, load(Image.fromarray(answer(shown, size))), mask, plan)
    assert done.drift.aligned
    assert done.drift.reshaped
    assert error(done.picture, original) < 2


def test_an_enlarged_patch_gets_the_grain_of_its_surroundings():
    grainy = tiled("coffee", 0, 0, 1800, 1200).astype(float) * 0.5 + 60
    soft = Image.fromarray(grainy.astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
    noisy = np.clip(np.asarray(soft) + np.random.default_rng(1).normal(0, 3, (1200, 1800, 1)), 0, 255).astype(np.uint8)
    original = load(Image.fromarray(noisy))
    mask = as_mask("300,240,1080,720", original)
    plan = plan_region(original.size, mask.pil(), BY_RATIO)
    frame = np.asarray(original.pil().crop(plan.inside))
    done = paste_reply(original, load(Image.fromarray(answer(frame, plan.reply))), mask, plan)
    assert done.notes[-1] == f"patch enlarged {plan.enlarged:.1f} x, grain added to match"

    pasted = np.asarray(done.picture.pil())
    assert plan.enlarged > 1.3

    def fine(where: tuple[slice, slice]) -> float:
        pixels = pasted[where].astype(float).mean(axis=2)
        return float((pixels[1:-1, 1:-1] - (pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]) / 4).std())

    assert fine((slice(360, 840), slice(420, 1200))) == pytest.approx(fine((slice(30, 210), slice(60, 1740))), rel=0.35)


def test_paper_that_is_nearly_white_stays_as_the_ring_shows_it_where_a_warmer_reply_cut_one_channel_off():
    paper = np.full((700, 1000, 3), (245, 245, 248), np.uint8)
    for top in range(20, 680, 60):  # lines as of text, and a photograph: what a gain is told by
        paper[top : top + 14, 40:960:9] = (40, 40, 70)
    paper[400:640, 620:900] = tiled("coffee", 0, 0, 280, 240)
    original = load(paper)
    mask = as_mask("560,300,260,180", original)
    plan = plan_region(original.size, mask.pil(), BY_RATIO)
    frame = np.asarray(original.pil().crop(plan.inside))
    reply = answer(frame, plan.reply, Drifting(gain=(1.04, 1.0, 0.95), offset=(3, 0, -4)))
    assert reply[:, :, 0].max() == 255
    done = np.asarray(paste_reply(original, load(reply), mask, plan).picture.pil()).astype(int)
    inside = np.zeros((700, 1000), bool)
    inside[312:468, 572:808] = True
    plain = inside & (paper == (245, 245, 248)).all(axis=2)
    assert np.abs(np.median(done[plain], axis=0) - (245, 245, 248)).max() <= 2


def test_a_plan_for_another_picture_is_an_error():
    original = picture()
    mask, plan, _ = sent(original)
    with pytest.raises(UsageError, match="600 x 400"):
        paste_reply(load(Image.new("RGB", (60, 40))), original, mask, plan)


def test_a_patch_of_a_large_photograph_costs_little_memory():
    large = Image.fromarray(tiled("coffee", 0, 0, 6000, 4000))
    mask = np.zeros((4000, 6000), np.uint8)
    mask[1800:2300, 2600:3200] = 255
    plan = plan_region(large.size, Image.fromarray(mask), BY_RATIO)
    before = np.asarray(large.crop(plan.inside))
    reply = answer(before, plan.reply, Drifting(shift=(9, -5), scale=1.01))
    white = mask[plan.inside[1] : plan.inside[3], plan.inside[0] : plan.inside[2]]
    geometry = Geometry(plan.frame_size, (0, 0), plan.frame_size)
    tracemalloc.start()
    done = stitch(before, reply, white, white, geometry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.drift.aligned
    assert peak < 100_000_000


# Without a mask


@pytest.mark.parametrize("size", [(600, 400), (1254, 836), (300, 200)])
def test_drift_is_measured_in_pixels_of_what_was_edited(size: tuple[int, int]):
    before = picture()
    edited = photograph("coffee").copy()
    edited[100:200, 200:300] = (200, 30, 30)
    after = load(Image.fromarray(answer(edited, size, Drifting(shift=(7.0, -4.0), scale=1.02, gain=(1.04, 1, 0.96)))))
    drift = measure_drift(after, before)
    assert drift.aligned
    assert drift.shift == pytest.approx((7.0, -4.0), abs=0.1)
    assert drift.scale == pytest.approx((1.02, 1.02), abs=0.0005)
    assert drift.warmth == pytest.approx(4, abs=1.5)
    assert drift.sharpness == pytest.approx(1, abs=0.12)
    assert "moved 8.1 px" in drift.parts()
    assert "2 % larger" in drift.parts()


def test_softness_is_measured():
    before = picture()
    after = load(Image.fromarray(answer(photograph("coffee"), (600, 400), Drifting(blur=1.0))))
    sharpness = measure_drift(after, before).sharpness
    assert sharpness is not None
    assert 0.3 < sharpness < 0.8


def test_of_a_picture_that_was_painted_anew_nothing_is_claimed():
    drift = measure_drift(picture(name="astronaut"), picture())
    assert drift.state == "changed"
    assert drift.parts() == []
    assert drift.sharpness is None


def test_align_takes_out_shift_and_scale_and_leaves_the_colours_that_were_asked_for():
    before = picture()
    warm = Drifting(shift=(7.0, -4.0), scale=1.02, gain=(1.08, 1, 0.9))
    after = load(Image.fromarray(answer(photograph("coffee"), (1254, 836), warm)))
    aligned, drift = align(after, before)
    assert aligned.size == after.size
    assert "moved 8.1 px" in drift.parts()
    left = measure_drift(aligned, before)
    assert np.hypot(*left.shift) < 0.1
    assert left.scale == pytest.approx((1, 1), abs=0.0005)
    assert left.warmth == pytest.approx(drift.warmth, abs=0.5)


def test_align_leaves_what_lies_right_or_cannot_be_told():
    before = picture()
    for after in (load(Image.fromarray(answer(photograph("coffee"), (1254, 836)))), picture(name="astronaut")):
        assert align(after, before)[0] is after
