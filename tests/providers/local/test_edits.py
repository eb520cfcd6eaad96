# ruff: noqa: SIM905 - words of a grammar
"""The table of edits is what the parser understands: every row by its own example, nothing half applied."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_img.errors import UsageError
from notebook_img.providers.local import help_table, is_exact, operation_names
from notebook_img.providers.local.edits import UnknownPhraseError, parse
from notebook_img.providers.local.operations import OPERATIONS


def told(prompt):
    return [step.to_json() for step in parse(prompt)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_row_is_understood_by_its_own_example(operation):
    (step,) = parse(operation.example)
    assert step.operation is operation
    assert step.words()


def test_the_help_has_a_row_for_every_edit():
    assert [row.name for row in help_table()] == operation_names()
    assert len(set(operation_names())) == len(OPERATIONS) >= 25
    assert all(row.help and row.example and row.words for row in help_table())


def test_several_operations_stand_in_one_prompt():
    steps = told("crop to a square, then warmer by 20 % and add the caption 'Chelsea'")
    assert [step["operation"] for step in steps] == ["crop", "warmth", "caption"]
    assert (steps[0]["ratio"], steps[1]["amount"], steps[2]["text"]) == ([1, 1], 20, "Chelsea")


@pytest.mark.parametrize("mark", [" and ", ", ", ", then ", "; ", ". ", "\n", " then ", " and then ", ", and ", " & "])
def test_operations_are_joined_by_words_and_marks(mark):
    assert [step["operation"] for step in told(f"mirror it{mark}sharpen by 80 %{mark}black and white")] == ["flip", "sharpen", "greyscale"]


@pytest.mark.parametrize(
    ("prompt", "amount"),
    [
        ("brighter", 20),
        ("brighter by 35 %", 35),
        ("35% brighter", 35),
        ("make the picture brighter by 35 percent, please", 35),
        ("brightness +35", 35),
        ("brightness -35%", -35),
        ("brightness 1.5x", 50),
        ("set the brightness to 120 %", 20),
        ("reduce the brightness to 80 %", -20),
        ("turn the brightness down by 10 %", -10),
        ("increase brightness by half", 50),
        ("double the brightness", 100),
        ("halve the brightness", -50),
        ("brighter by 1 stop", 100),
        ("darker", -20),
        ("darker by 30 %", -30),
        ("a bit darker", -10),
        ("slightly darker", -10),
        ("much darker", -40),
        ("darker still", -25),
        ("even darker", -25),
        ("less dark", 20),
        ("more brightness", 20),
        ("brighten it by 1,5 %", 1.5),
    ],
)
def test_amounts_come_in_percent_factors_stops_and_words(prompt, amount):
    (step,) = told(prompt)
    assert step == {"operation": "brightness", "amount": pytest.approx(amount)}


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("greyscale", "greyscale"), ("grayscale", "greyscale"), ("black & white", "greyscale"), ("b&w", "greyscale"), ("black-and-white", "greyscale"),
        ("posterize", "posterise"), ("posterise", "posterise"), ("colourise it red", "tint"), ("colorize with red", "tint"),
        ("more colorful", "saturation"), ("desaturate a little", "saturation"), ("crop to the center 50 %", "crop to the centre"),
        ("make it square", "crop"), ("crop to widescreen", "crop"), ("half the size", "scale"), ("50 % smaller", "scale"), ("resize to 50%", "scale"),
        ("make it 300 px wide", "resize"), ("resize to 300x200", "resize"), ("shrink to 200 px", "resize"), ("turn it upside down", "flip upside down"),
        ("rotate left", "rotate"), ("mirror", "flip"), ("flip horizontally", "flip"), ("cooler", "warmth"), ("pencil drawing", "pencil sketch"),
        ("make it night", "night"), ("night with stars and a full moon", "night"), ("make it night and add a moon at the top left", "night"),
        ("remove noise", "denoise"), ("add noise", "grain"), ("auto levels", "auto-levels"), ("enhance", "auto-levels"), ("on a white background", "flatten"),
        ("50 % transparent", "opacity"), ("dreamy", "glow"), ("darken the corners", "vignette"), ("white frame", "border"), ("soft focus", "glow"),
    ],
)  # fmt: skip
def test_synonyms_and_both_spellings(prompt, wanted):
    assert [step["operation"] for step in told(prompt)] == [wanted]


@pytest.mark.parametrize(
    ("prompt", "angle"),
    [
        ("rotate by 90 degrees", 90),
        ("rotate 90° left", -90),
        ("rotate left", -90),
        ("rotate clockwise by 45 deg", 45),
        ("turn by 12.5°", 12.5),
        ("rotate -30", -30),
    ],
)
def test_angles_are_clockwise(prompt, angle):
    assert told(prompt)[0]["angle"] == angle


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("add the caption 'salt and pepper, then more'", "salt and pepper, then more"),
        ('caption "It\'s me"', "It's me"),
        ("caption 'It's a cat' at the top", "It's a cat"),
        ("caption 'the cats' toy'", "the cats' toy"),
        ("caption “Grüße aus Köln”", "Grüße aus Köln"),
        ("caption Hello World", "Hello World"),
        ("caption: Red roses at the top", "Red roses"),
        ("write 'no. 5' in yellow at the bottom left", "no. 5"),
        ("add 'darker by 20 %' as a caption", "darker by 20 %"),
    ],
)
def test_quotes_and_apostrophes_in_captions_are_text(prompt, text):
    (step,) = told(prompt)
    assert (step["operation"], step["text"]) == ("caption", text)


@pytest.mark.parametrize(
    ("prompt", "phrase"),
    [
        ("add a red scarf", "add a red scarf"),
        ("warmer, then add a red scarf and a hat, then darker", "add a red scarf and a hat"),
        ("blur the background", "blur the background"),
        ("brighter cat", "brighter cat"),
        ("make the sky pink", "make the sky pink"),
        ("don't crop to 16:9", "don't crop to 16:9"),
        ("crop to 16:9 without the tail", "crop to 16:9 without the tail"),
    ],
)
def test_an_unknown_phrase_is_named_and_nothing_is_half_understood(prompt, phrase):
    with pytest.raises(UnknownPhraseError) as caught:
        parse(prompt)
    assert caught.value.phrase == phrase


@pytest.mark.parametrize(
    ("prompt", "name"), [("sharpenn", "sharpen"), ("vignete", "vignette"), ("blur the background", "blur"), ("sepai", "sepia")]
)
def test_the_nearest_operation_is_given(prompt, name):
    with pytest.raises(UnknownPhraseError) as caught:
        parse(prompt)
    assert caught.value.nearest is not None
    assert caught.value.nearest.name == name


@pytest.mark.parametrize(
    "prompt",
    [
        "darker by 900 %",
        "posterise to 1 levels",
        "gamma 50",
        "crop to 0:3",
        "crop to 1,1,0,0",
        "resize to 99999 px",
        "caption",
        "brightness",
        "",
        "please",
        "straighten by 80 degrees",
    ],
)
def test_amounts_out_of_range_and_missing_parts_are_errors(prompt):
    with pytest.raises(UsageError):
        parse(prompt)


WORDS = st.sampled_from(
    "crop rotate by 20 % 16:9 darker and , then ; . ' \" caption 'x' blur px left a very the -5 10,20,30,40 red #ff0000 night moon with half to 2x ⟦0⟧ ⟪ ° 猫 image 2".split()
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=120), st.lists(WORDS, max_size=14).map(" ".join)))
def test_any_text_is_understood_or_refused_with_a_sentence(prompt):
    try:
        steps = parse(prompt)
    except UsageError as error:
        message = str(error)
    else:
        message = "understood"
        assert steps
        assert all(step.words() for step in steps)
    assert 0 < len(message) < 600


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("make image 1 warmer", "warmed by 20 %"),
        ("image 1: add a border", "framed in white, 3 %"),
        ("put a 10 px border around image 1", "framed in white, 10 px"),
        ("blend image 1 with image 2 by 30 %", "blended with image 2 by 30 %"),
        ("add the caption 'image 1'", "captioned 'image 1'"),
    ],
)
def test_the_picture_that_is_edited_may_be_called_image_1_and_its_number_is_no_amount(prompt: str, words: str) -> None:
    assert ", ".join(step.words() for step in parse(prompt)) == words


@pytest.mark.parametrize("prompt", ["resize to 50 %", "scale to 50%", "resize to half", "resize to 200 px"])
def test_another_size_is_exact_by_a_factor_too(prompt):
    assert is_exact(prompt)
