# ruff: noqa: SIM905 - words of a grammar
"""What is drawn from words alone: counts, colours, places, patterns, texts; the same seed gives the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_img.errors import UsageError
from notebook_img.providers.local import scenes
from tests.providers.local.conftest import picture_of


@pytest.mark.parametrize("prompt", scenes.EXAMPLES)
def test_every_example_is_drawn(prompt, run):
    reply = run("generate", prompt, size="256x192")
    image = picture_of(reply.pictures[0])
    assert image.size == (256, 192)
    assert np.asarray(image.convert("RGB")).std() > 2
    assert (reply.note, reply.free, reply.cost) == ("built-in, not AI", True, 0.0)
    assert reply.text.startswith("drew")


def test_counts_sizes_colours_and_background_are_understood():
    scene = scenes.parse("three small red circles on a blue gradient")
    assert scene.background.kind == "gradient"
    assert scene.background.colours == ["#0000ff"]
    (item,) = scene.items
    assert (item.shape, item.count, item.colours, item.size) == ("circle", 3, ["#ff0000"], 0.65)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a red circle on white", "drew 1 red circle on white"),
        ("three red circles", "drew 3 red circles on a plain background"),
        ("two red circles on a blue gradient", "drew 2 red circles on blue gradient"),
        ("a black and white checkerboard", "drew black and white checkerboard"),
        ("sunset over hills", "drew sunset hills"),
    ],
)
def test_what_was_drawn_is_said_with_what_is_behind_it(prompt, words):
    assert scenes.parse(prompt).words() == words


def test_a_red_circle_on_white_is_red_in_the_middle_and_white_in_the_corner(run):
    image = picture_of(run("generate", "a red circle on white", size="200x200").pictures[0]).convert("RGB")
    assert image.getpixel((100, 100)) == (255, 0, 0)
    assert image.getpixel((2, 2)) == (255, 255, 255)


def test_places_are_kept(run):
    image = picture_of(run("generate", "a small blue square at the bottom right on white", size="300x200").pictures[0]).convert("RGB")
    rows, columns = np.nonzero(np.asarray(image)[..., 0] < 128)
    assert rows.mean() > 120
    assert columns.mean() > 200


def test_three_circles_are_three(run):
    image = picture_of(run("generate", "three black circles on white", size="300x300").pictures[0]).convert("L")
    row = np.asarray(image)[150] < 128
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 3


def test_a_checkerboard_has_two_colours(run):
    image = picture_of(run("generate", "a checkerboard in gold and navy", size="256x256").pictures[0]).convert("RGB")
    assert sorted(image.getcolors()) == [(32768, (0, 0, 128)), (32768, (255, 215, 0))]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, (1024, 1024)),
        ({"size": "512"}, (512, 512)),
        ({"size": "2K", "aspect_ratio": "16:9"}, (2048, 1152)),
        ({"aspect_ratio": "9:16"}, (576, 1024)),
        ({"size": "300x100"}, (300, 100)),
    ],
)
def test_size_and_ratio_are_honoured(options, size, run):
    assert picture_of(run("generate", "a red circle", **options).pictures[0]).size == size


def test_the_seed_decides_and_count_gives_variations(run):
    def pictures(**options):
        return run("generate", "night sky with stars, hills", size="200x150", **options).pictures

    assert pictures(seed=3) == pictures(seed=3)
    assert pictures(seed=3) != pictures(seed=4)
    assert len(set(run("generate", "a red circle", size="200x150", count=4, seed=9).pictures)) == 4


def test_texts_keep_their_words():
    scene = scenes.parse("a white card saying 'Buy milk & eggs, then bread' in teal")
    assert scene.items[0].text == "Buy milk & eggs, then bread"
    assert scene.background.colours == ["#ffffff"]
    assert scene.items[0].colours == ["#008080"]


@pytest.mark.parametrize("prompt", ["a watercolour fox", "a red circle eating a fish", "sunset over Paris", "two cats and a star"])
def test_what_it_cannot_draw_is_said(prompt, run):
    with pytest.raises(UsageError) as caught:
        run("generate", prompt)
    message = str(caught.value)
    assert message.startswith("No image model is set up. The built-in engine cannot draw ")
    assert "shapes, gradients" in message
    assert len(message) < 600


@pytest.mark.parametrize(
    "prompt",
    ["0 circles", "zero red circles", "a star and 0 circles", "0 stars on a night sky", "night sky with 0 stars", "0x0 checkerboard"],
)
def test_none_of_a_shape_is_an_error_and_not_one(prompt, run):
    with pytest.raises(UsageError, match="asks for none"):
        run("generate", prompt)


@pytest.mark.parametrize("options", [{"size": "9K"}, {"size": "99999x2"}, {"aspect_ratio": "0:1"}, {"aspect_ratio": "wide"}])
def test_bad_sizes_are_errors(options, run):
    with pytest.raises(UsageError):
        run("generate", "a red circle", **options)


WORDS = st.sampled_from(
    "a three small red circle stars on over night sky hills from blue to gradient , and with at the top left 'Hi' card saying 99 5x5 noise moon".split()
)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join)))
def test_any_text_is_understood_or_refused_with_a_sentence(prompt):
    try:
        scene = scenes.parse(prompt)
    except UsageError as error:
        message = str(error)
    else:
        message = scene.words()
    assert 0 < len(message) < 5000


def test_colours_are_the_same_whatever_has_used_them_before():
    from PIL import ImageColor

    from notebook_img.providers.local import colours

    fresh = dict(colours._by_key())
    for name in ("red", "white", "blue"):
        ImageColor.getrgb(name)  # Pillow now holds a tuple where a text was
    colours._by_key.cache_clear()
    assert colours._by_key() == fresh
