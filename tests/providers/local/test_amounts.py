"""Amounts go the way their word says, or are refused: never does "brighter" give a darker picture, however the amount is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import UsageError
from notebook_img.providers.local import engine
from notebook_img.providers.local.edits import parse
from notebook_img.providers.local.operations import OPERATIONS
from notebook_img.providers.local.pixels.context import Context

UNDERSTOOD = ("by 0.2", "by 20 %", "by half", "a bit", "twice", "2x", "", "0.3", "by a third", "very slightly", "a lot", "by a factor of 2")
ODD = ("by 2", "by 1", "by 0", "by 1.5", "-0.2", "by -20 %", "to 50 %", "to half", "to 150 %", "to 0.5", "0.5x", "by 50", "half", "by 0.5x")


def brightness(image):
    return np.asarray(image.convert("L"), dtype=float).mean()


def contrast(image):
    return np.asarray(image.convert("L"), dtype=float).std()


def colour(image):
    return np.ptp(np.asarray(image.convert("RGB"), dtype=float), axis=2).mean()


def warmth(image):
    red, _, blue = np.asarray(image.convert("RGB"), dtype=float).mean(axis=(0, 1))
    return red - blue


def width(image):
    return image.width


def detail(image):
    return -np.abs(np.diff(np.asarray(image.convert("L"), dtype=float))).mean()


DIRECTIONS = (
    ("brighter", +1, brightness), ("lighten it", +1, brightness), ("darker", -1, brightness), ("dim it", -1, brightness), ("less dark", +1, brightness),
    ("less bright", -1, brightness), ("more brightness", +1, brightness), ("reduce the brightness", -1, brightness), ("overexpose", +1, brightness),
    ("underexpose", -1, brightness), ("more exposure", +1, brightness), ("less exposure", -1, brightness), ("more contrast", +1, contrast),
    ("punchier", +1, contrast), ("flatter", -1, contrast), ("less contrast", -1, contrast), ("more vivid", +1, colour), ("saturate", +1, colour),
    ("desaturate", -1, colour), ("less saturated", -1, colour), ("warmer", +1, warmth), ("cooler", -1, warmth), ("less warm", -1, warmth),
    ("lift the shadows", +1, brightness), ("deepen the shadows", -1, brightness), ("lift the highlights", +1, brightness),
    ("recover the highlights", -1, brightness), ("larger", +1, width), ("enlarge", +1, width), ("upscale", +1, width), ("scale up", +1, width),
    ("increase the size", +1, width), ("smaller", -1, width), ("shrink", -1, width), ("downscale", -1, width), ("scale down", -1, width),
    ("reduce the size", -1, width), ("reduce it", -1, width), ("zoom in", +1, detail),
)  # fmt: skip
"""Words with a direction, the direction, and what in the picture goes that way."""


@pytest.fixture(scope="module")
def photo(cat):
    """A photograph in the middle tones, small, so that nothing is cut off at either end."""
    small = np.asarray(cat.pil().convert("RGB").resize((120, 80)), dtype=float)
    return Image.fromarray((40 + 0.6 * small).astype(np.uint8))


def edited(photo, prompt):
    context = Context([photo, Image.new("RGB", photo.size, "teal")])
    image = photo
    for step in parse(prompt):
        image = engine.apply(image, step, context)
    return image


def test_every_signed_row_of_the_table_stands_among_the_directions():
    signed = {operation.name for operation in OPERATIONS for presets in operation.triggers.values() if "sign" in presets}
    assert signed == {parse(f"{word} by 20 %")[0].operation.name for word, _, _ in DIRECTIONS}


@pytest.mark.parametrize("amount", [*UNDERSTOOD, *ODD])
@pytest.mark.parametrize(("word", "direction", "measured"), DIRECTIONS, ids=[word for word, _, _ in DIRECTIONS])
def test_an_amount_goes_the_way_of_its_word_or_is_an_error(word, direction, measured, amount, photo):
    try:
        after = edited(photo, f"{word} {amount}")
    except UsageError:
        assert amount in ODD or word == "reduce it"
    else:
        assert direction * (measured(after) - measured(photo)) >= 0
        if amount in UNDERSTOOD:
            assert measured(after) != measured(photo)


EFFECTS = (
    "sharpen", "denoise", "film grain", "sepia", "vignette", "soft glow", "tint with red", "fade", "transparent", "greyscale", "invert", "vintage",
    "pencil sketch", "emboss", "find the edges", "blend with image 2",
)  # fmt: skip


@pytest.mark.parametrize("effect", EFFECTS)
def test_more_of_an_effect_changes_the_picture_more(effect, photo):
    before = np.asarray(photo.convert("RGBA"), dtype=float)

    def change(amount):
        return np.abs(np.asarray(edited(photo, f"{effect} {amount}").convert("RGBA"), dtype=float) - before).mean()

    assert change("by 0.2") == change("by 20 %")
    assert 0 < change("by 20 %") < change("by half") < change("by 90 %")
    assert change("very slightly") < change("a bit") < change("fully")


@pytest.mark.parametrize("effect", ["blur", "pixelate", "posterise", "solarise", "fade", "grain"])
def test_words_make_an_effect_stronger_or_weaker(effect, photo):
    large = photo.resize((360, 240))
    before = np.asarray(large.convert("RGBA"), dtype=float)

    def change(words):
        return np.abs(np.asarray(edited(large, f"{effect} {words}").convert("RGBA"), dtype=float) - before).mean()

    assert change("a bit") < change("") < change("strongly")


@pytest.mark.parametrize(
    ("prompt", "name", "value"),
    [
        ("brighter by 0.2", "amount", 20), ("darker by 0.2", "amount", -20), ("desaturate 0.5", "amount", -50), ("less saturated by 0.3", "amount", -30),
        ("half brightness", "amount", -50), ("contrast half", "amount", -50), ("contrast to half", "amount", -50), ("saturation 0.5", "amount", -50),
        ("brightness 1.5", "amount", 50), ("brightness to 1.2", "amount", 20), ("brightness at 80 %", "amount", -20), ("contrast +0.2", "amount", 20),
        ("contrast -0.2", "amount", -20), ("warmer by 0.2", "amount", 20), ("warmer 2", "amount", 2), ("darker by 1.5", "amount", -100 / 3), ("darker to 0.5", "amount", -50),
        ("brighter by a factor of 2", "amount", 100), ("darker by a factor of 0.5", "amount", -50), ("half as bright", "amount", -50),
        ("a third as bright", "amount", -200 / 3), ("twice as dark", "amount", -50), ("half as dark", "amount", 100), ("darker to half", "amount", -50),
        ("very slightly warmer", "amount", 5), ("slightly warmer", "amount", 10), ("very warm", "amount", 40), ("desaturate completely", "amount", -100),
        ("completely desaturated", "amount", -100), ("underexpose twice", "stops", -1), ("underexpose by half", "stops", -1), ("exposure half", "stops", -1),
        ("scale by 2", "factor", 200), ("resize by 2", "factor", 200), ("scale by 0.5", "factor", 50), ("enlarge by 2", "factor", 200),
        ("upscale 2", "factor", 200), ("reduce the size by 2", "factor", 50), ("reduce by 2", "factor", 50), ("reduce the size by 20 %", "factor", 80),
        ("reduce the size to 20 %", "factor", 20), ("enlarge by 0.2", "factor", 120), ("enlarge by 50", "factor", 150), ("scale to 2", "factor", 200),
        ("scale by a factor of 2", "factor", 200), ("size -20 %", "factor", 80), ("zoom in by 2", "factor", 200), ("fade by 20 %", "amount", 80),
        ("fade to 80 %", "amount", 80), ("fade a lot", "amount", 0), ("make it opaque", "amount", 100), ("60 % opaque", "amount", 60), ("fully transparent", "amount", 0), ("posterise a bit", "levels", 10),
        ("posterise strongly", "levels", 2), ("solarise at 70 %", "amount", 70),
    ],
)  # fmt: skip
def test_an_amount_is_what_was_said(prompt, name, value):
    (step,) = parse(prompt)
    assert step.values[name] == pytest.approx(value)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("brighter by -20 %", "contradicts itself"), ("brighter to 50 %", "contradicts itself"), ("reduce the brightness to 120 %", "contradicts itself"),
        ("enlarge to 50 %", "contradicts itself"), ("smaller to 150 %", "contradicts itself"), ("overexpose by -1 stop", "contradicts itself"),
        ("brighter 0.5x", "contradicts itself"), ("brighter by 2", "'2 %' or '2x'"), ("contrast 3", "'3 %' or '3x'"), ("sharpen by 2", "'2 %' or '2x'"),
        ("fade to 1", "'1 %' or '1x'"), ("scale by 50", "'50 %', '50x' or '50 px'"), ("rotate left by -90", "own direction"), ("rotate left right", "not both"),
        ("enlarge by 50 px", "enlarge by 50 px"), ("crop by 20 px", "crop by 20 px"), ("scale by 2 stops", "is not a size"),
    ],
)  # fmt: skip
def test_an_amount_against_its_word_or_of_two_meanings_is_refused(prompt, said):
    with pytest.raises(UsageError) as caught:
        parse(prompt)
    assert said in str(caught.value)


@pytest.mark.parametrize("prompt", ["enlarge to 60 px", "shrink to 300 px", "upscale to 60 px wide", "reduce to 400x300"])
def test_a_size_in_pixels_against_its_word_is_refused_and_resize_does_it(prompt, photo):
    with pytest.raises(UsageError, match="say 'resize'"):
        edited(photo, prompt)
    assert edited(photo, f"resize {prompt.partition(' ')[2]}").size != photo.size
    assert edited(photo, "enlarge to 240 px").size == (240, 160)
    assert edited(photo, "shrink to 60 px").size == (60, 40)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_name_of_a_row_means_that_row(operation):
    try:
        steps = parse(operation.name)
    except UsageError:
        return  # it needs an amount, a text or a place
    assert [step.operation.name for step in steps] == [operation.name]
