"""The plan of a region: the frame around a mask, in a ratio and size that the model has."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import UsageError
from notebook_img.pictures import Box, as_mask, load, outpaint
from notebook_img.pictures.regions import RegionPlan, Takes, cut_frame, plan_region
from tests.pictures.making import file, photo
from tests.pictures.regions.stand_in import BY_PIXELS, BY_RATIO, MASKS, RATIOS, SIZES, mask_of

THREE_SIZES = Takes(ratios=RATIOS, sizes=(("4K", 4096**2), ("1K", 1024**2), ("2K", 2048**2)))


def painted(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    for box in boxes:
        mask.paste(255, box)
    return mask


@pytest.mark.parametrize("takes", [BY_RATIO, BY_PIXELS, THREE_SIZES, Takes()], ids=["ratios", "pixels", "three sizes", "anything"])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_frame_holds_the_mask_and_has_the_ratio_that_is_asked_for(size: tuple[int, int], kind: str, takes: Takes):
    mask = mask_of(kind, size)
    plan = plan_region(size, mask, takes)
    bounds = mask.getbbox()
    assert bounds is not None
    margin = 0 if kind == "whole" else 64
    for axis in (0, 1):
        assert plan.inside[axis] <= max(0, bounds[axis] - margin)
        assert plan.inside[axis + 2] >= min(size[axis], bounds[axis + 2] + margin)
    width, height = plan.frame_size
    wanted = plan.reply[0] / plan.reply[1]
    assert abs(width - height * wanted) <= max(1, wanted) + 1, "at most a pixel is stretched"
    if takes.ratios:
        assert plan.ratio in takes.ratios
    assert plan.enlarged >= 1
    assert (plan.enlarged > 1) == (width > 1.02 * plan.reply[0] or height > 1.02 * plan.reply[1])
    assert plan.sent == (plan.reply if plan.enlarged > 1 else plan.frame_size)
    assert RegionPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(("side", "size", "enlarged"), [(300, "1K", 1.0), (900, "2K", 1.0), (2000, "4K", 1.0), (4000, "4K", 1.46)])
def test_the_smallest_size_that_holds_the_frame_is_taken(side: int, size: str, enlarged: float):
    picture = (8000, 8000)
    plan = plan_region(picture, painted(picture, (1000, 1000, 1000 + side, 1000 + side)), THREE_SIZES)
    assert plan.size == size
    assert plan.enlarged == pytest.approx(enlarged, abs=0.01)
    assert plan.notes == ((f"patch enlarged {enlarged:.1f} x",) if enlarged > 1 else ())


def test_a_size_that_was_typed_is_the_size_of_the_patch():
    mask = painted((3000, 2000), (100, 100, 200, 200))
    assert plan_region((3000, 2000), mask, THREE_SIZES, size="2k").size == "2K"
    assert plan_region((3000, 2000), mask, BY_PIXELS, size="1536x1024").reply[0] > 1024


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_size_in_pixels_is_one_the_model_takes(size: tuple[int, int], kind: str):
    plan = plan_region(size, mask_of(kind, size), BY_PIXELS)
    width, height = plan.reply
    assert plan.size == f"{width}x{height}"
    assert width % 16 == height % 16 == 0
    assert BY_PIXELS.least_pixels * 0.97 <= width * height <= BY_PIXELS.most_pixels
    assert max(width, height) <= 1536
    assert max(width, height) <= 3 * min(width, height)


def test_a_frame_of_nearly_a_model_size_gets_it_so_that_no_pixel_is_resampled():
    picture = (4000, 3000)
    plan = plan_region(picture, painted(picture, (1500, 1000, 2200, 1600)), BY_PIXELS)
    assert plan.frame_size == plan.reply == plan.sent


def test_a_small_mask_is_sent_with_more_of_the_picture_as_long_as_detail_is_to_spare():
    picture = (6000, 4000)
    plan = plan_region(picture, painted(picture, (3000, 2000, 3020, 2020)), BY_RATIO)
    assert plan.frame_size == (512, 512)
    assert plan.enlarged == 1


def test_a_frame_stays_in_the_picture_where_it_fits_and_is_mirrored_where_it_does_not():
    assert plan_region((2000, 2000), painted((2000, 2000), (0, 0, 300, 300)), BY_RATIO).frame[:2] == (0, 0)
    tall = plan_region((300, 4000), painted((300, 4000), (0, 0, 300, 4000)), BY_RATIO)
    assert tall.frame[0] < 0
    assert tall.frame[2] > 300
    assert tall.inside == (0, 0, 300, 4000)


def test_far_apart_parts_share_a_frame_and_the_loss_is_said():
    picture = (6000, 4000)
    apart = plan_region(picture, painted(picture, (100, 100, 300, 300), (5500, 3500, 5700, 3700)), BY_RATIO)
    assert apart.parts == 2
    assert apart.notes == (
        "patch enlarged 4.8 x",
        "the 2 parts of the mask are far apart and share one frame; in edits of their own: without that loss",
    )
    near = plan_region(picture, painted(picture, (100, 100, 300, 300), (350, 100, 500, 300)), BY_RATIO)
    assert near.parts == 1


def test_a_mask_over_everything_is_recognised():
    assert plan_region((500, 400), painted((500, 400), (0, 0, 500, 400)), BY_RATIO).covers
    assert not plan_region((500, 400), painted((500, 400), (0, 0, 500, 399)), BY_RATIO).covers


def test_what_goes_along_follows_from_what_the_model_takes():
    mask = painted((3000, 2000), (1000, 1000, 1100, 1100))
    some = plan_region((3000, 2000), mask, Takes(native_mask=True, references=1))
    assert (some.sends_mask, some.sends_whole) == (True, True)
    none = plan_region((3000, 2000), mask, Takes())
    assert (none.sends_mask, none.sends_whole) == (False, False)
    assert not plan_region((60, 40), painted((60, 40), (10, 10, 20, 20)), Takes(references=1)).sends_whole, "the frame is the whole"


def test_outpainting_is_a_region_whose_frame_is_the_canvas_and_whose_ring_is_the_old_picture():
    canvas, mask = outpaint(load(file(photo(600, 400))), "16:9")
    plan = plan_region(canvas.size, mask.pil(), BY_RATIO)
    assert plan.ratio == "16:9"
    assert plan.inside == (0, 0, *canvas.size)
    assert not plan.covers


def test_a_mask_of_another_size_or_without_anything_white_is_an_error():
    with pytest.raises(UsageError, match="60 x 40"):
        plan_region((40, 60), painted((60, 40), (1, 1, 2, 2)), BY_RATIO)
    with pytest.raises(UsageError, match="empty"):
        plan_region((60, 40), painted((60, 40)), BY_RATIO)


@pytest.mark.parametrize(
    "plain",
    [{}, {"picture": [10, 10]}, {"picture": [10, 10], "frame": [1, 2, 3]}, {"picture": [10, 10], "frame": [20, 20, 30, 30]}, {"picture": 5, "frame": 5}],
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_an_error(plain: dict):
    with pytest.raises(UsageError, match="plan"):
        RegionPlan.from_dict(plain)


def test_a_plan_of_a_later_version_is_read():
    plan = RegionPlan((10, 10), (0, 0, 10, 10))
    assert RegionPlan.from_dict({**plan.to_dict(), "something": "new"}) == plan


# What is cut out


def test_the_frame_is_cut_from_picture_and_mask_alike():
    picture = load(file(photo(900, 700)))
    mask = as_mask(Box("", 300, 300, 400, 420), picture)
    plan = plan_region(picture.size, mask.pil(), BY_RATIO)
    part, white = cut_frame(picture, mask, plan)
    assert part.size == white.size == plan.sent == plan.frame_size
    left, top, right, bottom = plan.frame
    assert np.array_equal(part.array(), picture.array()[top:bottom, left:right])
    assert np.array_equal(white.array(), mask.array()[top:bottom, left:right])


def test_what_lies_beyond_the_picture_is_its_mirror_image():
    picture = load(file(photo(100, 40)))
    plan = RegionPlan((100, 40), (-10, -30, 110, 130), reply=(120, 160), sent=(120, 160))
    part, _ = cut_frame(picture, as_mask("0,0,10,10", picture), plan)
    pixels, source = part.array(), picture.array()
    assert np.array_equal(pixels[30:70, 10:110], source)
    assert np.array_equal(pixels[29, 10:110], source[0])
    assert np.array_equal(pixels[70, 10:110], source[-1])
    assert np.array_equal(pixels[30:70, 9], source[:, 0])
    assert np.array_equal(pixels[30 + 80 : 30 + 100, 10:110], source[:20]), "mirrored twice, it begins anew"


def test_a_frame_larger_than_what_comes_back_is_sent_smaller():
    picture = load(file(photo(3000, 2000)))
    mask = as_mask("200,200,2500,1500", picture)
    plan = plan_region(picture.size, mask.pil(), BY_RATIO)
    part, white = cut_frame(picture, mask, plan)
    assert part.size == white.size == plan.reply
    assert set(np.unique(white.array())) == {0, 255}
    assert math.isclose(white.array().mean() / 255, 2500 * 1500 / math.prod(plan.frame_size), rel_tol=0.02)
