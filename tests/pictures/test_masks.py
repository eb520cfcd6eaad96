"""A mask says where a picture may change; everywhere else the pixels are the same, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from notebook_img.errors import AmbiguousMaskError, FrameError, PictureError, UsageError
from notebook_img.pictures import Box, Picture, as_mask, confine, grow_mask, load, outpaint
from notebook_img.pictures.masks import parse_ratio
from tests.pictures.making import file, photo, with_orientation

LIKE = load(file(photo()))  # 60 x 40


def inside(mask: Picture) -> np.ndarray:
    array = mask.array()
    assert mask.pil().mode == "L"
    assert set(np.unique(array)) <= {0, 255}
    return array == 255


def painted(colour: object, ground: object, mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (60, 40), ground)
    ImageDraw.Draw(image).rectangle((10, 5, 29, 24), fill=colour)
    return image


EXPECTED = inside(as_mask("10,5,20,20", LIKE))


def test_a_rectangle_is_x_y_width_height():
    assert EXPECTED.sum() == 400
    assert EXPECTED[5, 10]
    assert EXPECTED[24, 29]
    assert not EXPECTED[25, 29]


@pytest.mark.parametrize(
    "spec",
    [
        " 10, 5 ,20.0,20",
        "10,5,10,20;20,5,10,20",
        (10, 5, 20, 20),
        Box("", 10, 5, 30, 25),
        [Box("a", 10, 5, 20, 25), Box("b", 20, 5, 30, 25)],
        EXPECTED,
        EXPECTED.astype(np.uint8),
        EXPECTED.astype(np.uint8) * 255,
        EXPECTED.astype(float),
        painted("white", "black"),
        painted("red", "black"),
        painted(255, 0, "L"),
        painted(1, 0, "1"),
        painted(1, 0, "L"),
        file(painted("white", "black"), "JPEG"),
        file(painted("white", "black").quantize(2)),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_white_true_and_painted_may_change(spec: object):
    assert np.array_equal(inside(as_mask(spec, LIKE)), EXPECTED)


def holed(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.paste((0, 0, 0, 0), (10, 5, 30, 25))
    return image


@pytest.mark.parametrize("image", [holed(photo()), painted((0, 0, 0, 0), (0, 0, 0, 255), "RGBA"), painted((0, 0), (0, 255), "LA")])
def test_where_brightness_says_nothing_transparent_may_change_and_that_is_said(image: Image.Image):
    mask = as_mask(image, LIKE)
    assert np.array_equal(inside(mask), EXPECTED)
    assert mask.notes == ("mask read by its transparency: transparent may change",)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("colour", ["white", "black", "grey", "red"])
@pytest.mark.parametrize("hidden", ["the same", "black", "white"])
def test_what_surrounds_a_hole_stays_whatever_its_colour(mode: str, colour: str, hidden: str):
    mask = Image.new("RGB", (60, 40), colour)
    if hidden != "the same":
        mask.paste(hidden, (10, 5, 30, 25))
    mask = mask.convert(mode)
    mask.putalpha(painted(0, 255, "L"))
    read = as_mask(mask, LIKE)
    assert np.array_equal(inside(read), EXPECTED)
    assert read.notes == ("mask read by its transparency: transparent may change",)


@pytest.mark.parametrize("colour", ["white", "red", "yellow"])
def test_one_bright_part_on_a_transparent_ground_is_asked_about_with_both_readings(colour: str):
    mask = painted(colour, (0, 0, 0, 0), "RGBA")
    with pytest.raises(AmbiguousMaskError, match="two ways") as caught:
        as_mask(mask, LIKE)
    readings = caught.value.readings
    assert np.array_equal(inside(readings["painted"]), EXPECTED)
    assert np.array_equal(inside(readings["transparent"]), ~EXPECTED)
    for reading, picture in readings.items():
        assert np.array_equal(inside(as_mask(mask, LIKE, reading=reading)), inside(picture))


def test_black_and_white_on_a_transparent_ground_is_read_by_brightness():
    mask = Image.new("RGBA", (60, 40))
    mask.paste((0, 0, 0, 255), (5, 2, 55, 38))
    mask.paste((255, 255, 255, 255), (10, 5, 30, 25))
    assert np.array_equal(inside(as_mask(mask, LIKE)), EXPECTED)


# Masks of other libraries


class Detections:
    """As supervision has them."""

    def __init__(self, xyxy: object, mask: object = None) -> None:
        self.xyxy, self.mask = xyxy, mask


class Tensor:
    """As torch has them: an array only after it was brought to the processor."""

    def __init__(self, values: object) -> None:
        self.values = values

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> np.ndarray:
        return np.asarray(self.values)


class Results:
    """As ultralytics has them."""

    def __init__(self, boxes: object = None, masks: object = None) -> None:
        self.boxes, self.masks = boxes, masks


class Masks:
    def __init__(self, data: object) -> None:
        self.data = data


ROWS = [[10, 5, 20, 25], [20, 5, 30, 25]]
# A mask of 20 x 20 in 60 x 40 as COCO runs, down the columns.
RUNS = [10 * 40 + 5, *([20, 20] * 19), 20, 15 + 30 * 40]


def packed(runs: list[int]) -> bytes:
    """pycocotools' way of writing runs (maskApi.c, rleToString)."""
    text = bytearray()
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            part = value & 31
            value >>= 5
            more = value != (-1 if part & 16 else 0)
            text.append((part | 32 if more else part) + 48)
    return bytes(text)


@pytest.mark.parametrize(
    "spec",
    [
        {"size": [40, 60], "counts": RUNS},
        {"size": [40, 60], "counts": packed(RUNS)},
        {"segmentation": {"size": [40, 60], "counts": packed(RUNS).decode()}, "category_id": 3},
        [{"size": [40, 60], "counts": packed(RUNS)}] * 2,
        Detections(np.array(ROWS, float)),
        Detections(np.array(ROWS), np.stack([EXPECTED, EXPECTED])),
        Detections(Tensor(ROWS)),
        Results(boxes=Detections(Tensor(ROWS))),
        Results(boxes=Detections(Tensor(ROWS)), masks=Masks(Tensor(EXPECTED[None].astype(np.float32)))),
        pd.DataFrame(ROWS, columns=["xmin", "ymin", "xmax", "ymax"]),
        pd.DataFrame([[10, 5, 20, 20]], columns=["x", "y", "width", "height"]),
        pd.DataFrame(ROWS, columns=["left", "top", "right", "bottom"]).assign(label="cup"),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_masks_of_other_libraries_are_taken_as_they_are(spec: object):
    assert np.array_equal(inside(as_mask(spec, LIKE)), EXPECTED)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"size": [40, 60], "counts": [1, 2]}, "do not fill a picture of 60 x 40"),
        ({"size": [40, 60]}, "COCO run lengths"),
        ({"size": [40, 60], "counts": "~~~"}, "run lengths"),
        ([{"size": [40, 60], "counts": RUNS}, {"size": [1, 1], "counts": [0, 1]}], "different sizes"),
        (pd.DataFrame({"a": [1]}), "has the columns a"),
        (Detections(np.zeros((0, 4))), "no box"),
    ],
)
def test_what_is_nearly_a_mask_of_another_library_is_told_what_is_wrong(spec: object, words: str):
    with pytest.raises(UsageError, match=words):
        as_mask(spec, LIKE)


# Growing


@pytest.mark.parametrize(("amount", "by"), [(3, 3), ("3", 3), ("3 px", 3), ("+3px", 3), ("10%", 4), ("-2", -2), ("-5 %", -2), (0, 0)])
def test_a_mask_grows_and_shrinks(amount: str | float, by: int):
    grown = inside(grow_mask(as_mask("10,5,20,20", LIKE), amount))
    assert np.array_equal(grown, inside(as_mask(Box("", 10 - by, 5 - by, 30 + by, 25 + by), LIKE)))


def test_the_edge_of_the_picture_moves_no_mask():
    edge = as_mask("0,0,20,40", LIKE)
    assert np.array_equal(inside(grow_mask(edge, -3)), inside(as_mask("0,0,17,40", LIKE)))


@pytest.mark.parametrize("amount", ["", "much", "1e3", "--2", "3 cm"])
def test_what_is_no_amount_is_an_error_with_an_example(amount: str):
    with pytest.raises(UsageError, match="12, 1% or -4"):
        grow_mask(as_mask("10,5,20,20", LIKE), amount)


def test_a_mask_that_shrinks_to_nothing_is_an_error():
    with pytest.raises(UsageError, match="Nothing is left"):
        grow_mask(as_mask("10,5,20,20", LIKE), -10)


def test_a_mask_of_another_size_is_an_error_that_says_both():
    with pytest.raises(UsageError, match=r"40 x 60 .* 60 x 40"):
        as_mask(np.ones((60, 40), bool), LIKE)


def test_the_size_that_counts_is_the_upright_one():
    turned = load(with_orientation(photo(), 6, "JPEG"))
    assert as_mask(np.ones((60, 40), bool), turned).size == (40, 60)
    with pytest.raises(UsageError):
        as_mask(np.ones((40, 60), bool), turned)


@pytest.mark.parametrize(
    "spec", [np.zeros((40, 60), bool), "70,0,5,5", "5,5,0,10", Box("", 100, 100, 120, 120), Image.new("RGB", (60, 40), "#111")]
)
def test_an_empty_mask_is_an_error(spec: object):
    with pytest.raises(UsageError, match="empty"):
        as_mask(spec, LIKE)


@pytest.mark.parametrize("spec", ["10,20,30", "1,2,3,4,5", [], [1, 2], ["a"], (1, 2, 3)])
def test_what_is_no_mask_is_an_error_with_an_example(spec: object):
    with pytest.raises(UsageError, match="mask"):
        as_mask(spec, LIKE)


def test_a_box_over_the_edge_is_cut_and_that_is_said():
    mask = as_mask("50,30,100,100", LIKE)
    assert inside(mask).sum() == 100
    assert mask.notes


# Confining


@settings(max_examples=60, deadline=None)
@given(
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    other=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    boxes=st.lists(st.tuples(st.integers(-5, 59), st.integers(-5, 39), st.integers(1, 60), st.integers(1, 40)), min_size=1, max_size=4),
    feather=st.one_of(st.none(), st.integers(0, 30)),
    size=st.sampled_from([(60, 40), (120, 80), (45, 30), (61, 41)]),
)
def test_outside_the_mask_every_pixel_is_the_originals(mode, other, boxes, feather, size):
    original = load(file(photo(mode=mode)))
    delivered = load(file(photo(*size, mode=other, seed=3)))
    masks = [Box("", x, y, x + w, y + h) for x, y, w, h in boxes]
    if not any(box.clip((60, 40))[0].width and box.clip((60, 40))[0].height for box in masks):
        return
    mask = as_mask(masks, original)
    result = confine(original, delivered, mask, feather=feather)
    assert result.size == original.size
    keep = ~inside(mask)
    before = np.asarray(original.pil().convert(result.pil().mode))
    assert np.array_equal(result.array()[keep], before[keep])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_deep_inside_the_mask_every_pixel_is_the_replys(mode: str):
    original, delivered = load(file(photo(300, 200, mode=mode))), load(file(photo(300, 200, mode=mode, seed=3)))
    mask = as_mask("50,40,200,120", original)
    result = confine(original, delivered, mask, feather=10)
    assert np.array_equal(result.array()[51:149, 61:239], delivered.array()[51:149, 61:239])
    assert result.mime_type == "image/png"
    assert result.encoded_here


def test_the_soft_edge_lies_inside_and_grows_steadily():
    black, white = load(Image.new("RGB", (100, 100))), load(Image.new("RGB", (100, 100), "white"))
    row = confine(black, white, as_mask("20,20,60,60", black), feather=8).array()[50, :, 0].astype(int)
    assert (row[:20] == 0).all()
    assert (row[80:] == 0).all()
    assert 0 < row[20] < 128
    assert (np.diff(row[20:50]) >= 0).all()
    assert (row[29:70] == 255).all()


def test_a_thin_stroke_is_not_lost_beside_a_wide_one():
    black, white = load(Image.new("RGB", (100, 100))), load(Image.new("RGB", (100, 100), "white"))
    result = confine(black, white, as_mask("20,20,60,60;5,0,1,100", black), feather=8).array()
    assert (result[:, 5, 0] == 255).all()


def test_a_mask_up_to_the_border_has_no_soft_edge_there():
    black, white = load(Image.new("RGB", (100, 100))), load(Image.new("RGB", (100, 100), "white"))
    result = confine(black, white, as_mask("0,0,50,100", black), feather=8).array()
    assert (result[0, :40] == 255).all()
    assert (result[:, 0] == 255).all()


@pytest.mark.parametrize("size", [(120, 80), (1024, 683), (59, 40)])
def test_a_reply_of_another_size_is_brought_to_the_frame(size: tuple[int, int]):
    assert confine(LIKE, load(photo(*size)), as_mask("0,0,30,40", LIKE)).size == (60, 40)


@pytest.mark.parametrize("size", [(40, 60), (60, 60), (63, 40)])
def test_a_reply_in_another_frame_is_an_error_that_carries_it(size: tuple[int, int]):
    delivered = load(photo(*size))
    with pytest.raises(FrameError, match=f"{size[0]} x {size[1]} for 60 x 40") as caught:
        confine(LIKE, delivered, as_mask("0,0,30,40", LIKE))
    assert caught.value.picture is delivered


def test_a_mask_of_another_size_does_not_confine():
    with pytest.raises(UsageError, match="size of the first input"):
        confine(LIKE, LIKE, as_mask("0,0,5,5", load(photo(50, 50))))


def test_an_original_with_a_profile_keeps_it_and_the_reply_is_brought_into_it():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = load(file(photo(), icc_profile=profile))
    result = confine(original, load(photo(seed=3)), as_mask("10,5,20,20", original))
    assert result.pil().info["icc_profile"] == profile
    assert np.array_equal(result.array()[~EXPECTED], original.array()[~EXPECTED])


def test_hidden_colours_do_not_shine_through_the_soft_edge():
    clear = load(Image.new("RGBA", (60, 40), (255, 0, 0, 0)))
    blue = load(Image.new("RGBA", (60, 40), (0, 0, 255, 255)))
    result = confine(clear, blue, as_mask("10,5,40,30", clear), feather=6).array()
    seen = result[result[..., 3] > 0]
    assert (seen[:, 0] <= 1).all()


# Room around the picture


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize(("ratio", "size"), [("16:9", (71, 40)), ("1:1", (60, 60)), ("9:16", (60, 107)), ("3", (120, 40))])
def test_the_old_picture_stands_in_the_middle_pixel_for_pixel(mode: str, ratio: str, size: tuple[int, int]):
    picture = load(file(photo(mode=mode)))
    canvas, mask = outpaint(picture, ratio)
    assert canvas.size == mask.size == size
    new = inside(mask)
    assert (~new).sum() == 60 * 40
    left, top = (size[0] - 60) // 2, (size[1] - 40) // 2
    old = np.asarray(picture.pil().convert(canvas.pil().mode))
    assert np.array_equal(canvas.array()[top : top + 40, left : left + 60], old)
    assert not new[top : top + 40, left : left + 60].any()


def test_a_ratio_it_has_already_is_an_error():
    with pytest.raises(UsageError, match="already"):
        outpaint(LIKE, "3:2")


@pytest.mark.parametrize("text", ["", "wide", "0:1", "16:", "100:1", "-1:2", "1:2:3"])
def test_what_is_no_ratio_is_an_error(text: str):
    with pytest.raises(UsageError, match="16:9"):
        outpaint(LIKE, text)
    assert parse_ratio("4x5") == parse_ratio("4/5") == parse_ratio("0.8") == 0.8


@pytest.mark.parametrize("text", ["100:1", "1:21", "20.5"])
def test_a_ratio_beyond_the_limits_is_told_the_limits(text: str):
    with pytest.raises(UsageError, match="1:20 and 20:1"):
        outpaint(LIKE, text)


def test_a_canvas_beyond_the_limits_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTEBOOK_IMG_MAX_PIXELS", "3000")
    with pytest.raises(PictureError, match="canvas"):
        outpaint(Picture(file(photo())), "20:1")
