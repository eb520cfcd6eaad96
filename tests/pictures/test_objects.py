"""Arrays, Pillow images and figures become pictures; what cannot be one is told how to become one."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from notebook_img.errors import UsageError
from notebook_img.pictures import is_picture_like, load
from tests.pictures.making import file, photo

mpl.use("agg")
from matplotlib.figure import Figure

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.sampled_from([size, (*size, 1), (*size, 2), (*size, 3), (*size, 4)])
)


@given(shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape)))
def test_bytes_come_back_as_they_were(array: np.ndarray):
    picture = load(array)
    assert np.array_equal(picture.array(), array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    assert picture.encoded_here
    assert picture.notes == ()


@given(shapes.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=st.floats(0, 1, width=32))))
def test_floats_from_0_to_1_become_0_to_255(array: np.ndarray):
    shown = load(array).array().reshape(array.shape)
    assert np.abs(shown - array * 255.0).max() <= 0.51


def test_bool_is_black_and_white_and_16_bits_are_scaled_and_said():
    assert load(np.eye(3, dtype=bool)).array().tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    deep = load(np.array([[0, 65535]], np.uint16))
    assert deep.array().tolist() == [[0, 255]]
    assert deep.notes == ("16-bit values shown as 8-bit",)
    assert load(np.array([[0, 200]], np.int64)).array().tolist() == [[0, 200]]


def test_views_of_every_layout_are_taken():
    array = np.arange(240, dtype=np.uint8).reshape(8, 10, 3)
    for view in (array[::-1], array[:, ::2], np.asfortranarray(array), array[..., ::-1]):
        assert np.array_equal(load(view).array(), view)


def test_a_hair_beyond_0_to_1_is_no_mistake():
    assert load(np.array([[-1e-5, 1.0005]])).array().tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[0.0, 2.0]]), "divide by 255"),
        (np.array([[-1.0, 1.0]]), "numpy.clip"),
        (np.array([[0.0, np.nan]]), "NaN"),
        (np.array([[0.0, np.inf]]), "NaN or infinite"),
        (np.array([[-1, 5]]), "from -1 to 5"),
        (np.array([[0, 256]]), "0 to 255"),
        (np.zeros((0, 4)), "empty"),
        (np.zeros(5), "shape 5"),
        (np.array(3.0), "no"),
        (np.zeros((3, 9, 8)), "moveaxis"),
        (np.zeros((2, 9, 8, 3)), "array[0]"),
        (np.zeros((9, 8, 7)), "RGB"),
        (np.array([[object()]]), "objects"),
        (np.zeros((2, 2), complex), "complex128"),
    ],
)
def test_an_array_that_is_no_picture_is_told_what_to_do(array: np.ndarray, words: str):
    with pytest.raises(UsageError) as caught:
        load(array)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_same_pixels_have_the_same_key_whatever_holds_them():
    array = np.asarray(photo())
    keys = {load(array).pixels_key, load(Image.fromarray(array)).pixels_key}
    assert len(keys) == 1
    assert keys.pop().startswith("px:")
    assert load(array + 1).pixels_key != load(array).pixels_key
    assert load(file(photo())).pixels_key == ""


def test_a_pil_image_is_turned_as_its_exif_says():
    image = Image.open(io.BytesIO(file(photo(), "JPEG")))
    image.getexif()[0x0112] = 6
    assert load(image).size == (40, 60)
    assert image.size == (60, 40)


def test_an_animated_pil_image_gives_the_frame_it_stands_at():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    image = Image.open(io.BytesIO(file(frames[0], "PNG", save_all=True, append_images=frames[1:])))
    image.seek(1)
    picture = load(image)
    assert picture.notes == ("frame 2 of 3",)
    assert picture.array()[0, 0].tolist()[:3] == [0, 255, 0]


def figure() -> Figure:
    made = Figure(figsize=(4, 3), dpi=72)
    made.subplots().plot([1, 3, 2])
    return made


def test_a_figure_is_drawn_at_200_dots_an_inch_and_says_what_a_model_may_do():
    picture = load(figure())
    assert picture.width > 3.4 * 200
    assert any("redraw the data" in note for note in picture.notes)
    assert (picture.name, picture.encoded_here) == ("figure", True)
    assert picture.pixels_key.startswith("px:")
    sharper = figure()
    sharper.set_dpi(300)
    assert load(sharper).width > 1.4 * picture.width


def test_a_figure_gives_the_same_bytes_each_time_and_is_left_as_it_was():
    drawn = figure()
    assert load(drawn).sha256 == load(drawn).sha256 == load(figure()).sha256
    assert drawn.dpi == 72


def test_axes_and_subfigures_stand_for_their_figure():
    drawn = figure()
    assert load(drawn.axes[0]) == load(drawn)
    whole = Figure()
    left, _ = whole.subfigures(1, 2)
    left.subplots().bar([1, 2], [3, 4])
    assert load(left) == load(whole)
    assert is_picture_like(drawn)
    assert is_picture_like(drawn.axes[0])


def test_a_figure_with_nothing_but_text_or_a_picture_is_not_empty():
    worded, pictured = Figure(), Figure()
    worded.text(0.5, 0.5, "hello")
    pictured.subplots().imshow([[0, 1]])
    assert load(worded).width
    assert load(pictured).width


def test_an_empty_figure_is_refused_with_the_reason():
    bare, framed = Figure(), Figure()
    framed.subplots(2, 2)
    for empty in (bare, framed, framed.axes[0]):
        with pytest.raises(UsageError, match="empty"):
            load(empty)
    with pytest.raises(UsageError, match=r"axes\[0\]"):
        load(np.array(framed.axes))


def test_a_number_in_an_array_is_said_to_be_one():
    with pytest.raises(UsageError, match="holds a single number"):
        load(np.array(7, np.uint8))
