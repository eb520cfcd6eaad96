"""What stands in a prompt besides words and amounts: quoted texts, numbered lists, pictures named by number."""

from __future__ import annotations

import time

import pytest

from notebook_img.errors import UsageError
from notebook_img.providers.local import scenes
from notebook_img.providers.local.edits import UnknownPhraseError, parse

QUOTES = ("'{}'", "‘{}’", '"{}"', "“{}”", "«{}»")


@pytest.mark.parametrize("quotes", QUOTES)
@pytest.mark.parametrize(
    ("after", "size", "colour"),
    [
        ("", 100, "#ffffff"), (" large", 150, "#ffffff"), (" bold red", 150, "#ff0000"), (" size 150 %", 150, "#ffffff"), (" 150 %", 150, "#ffffff"),
        (" very small", 45, "#ffffff"), (" huge, in teal", 220, "#008080"), (" aquamarine", 100, "#7fffd4"), (" #00ff00", 100, "#00ff00"),
        (" please", 100, "#ffffff"), (" at the top, tiny", 45, "#ffffff"),
    ],
)  # fmt: skip
def test_a_quoted_text_ends_at_its_quote_whatever_follows(quotes, after, size, colour):
    (step,) = parse("add the caption " + quotes.format("Chelsea") + after)
    assert (step.values["text"], step.values["size"], step.values["colour"]) == ("Chelsea", size, colour)


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("caption 'the cats' toy' large", ["the cats' toy"]),
        ("caption 'the kids' blue car'", ["the kids' blue car"]),
        ("caption 'the kids' blue car' large", ["the kids' blue car"]),
        ("caption 'rock 'n' roll'", ["rock 'n' roll"]),
        ("caption rock 'n' roll", ["rock 'n' roll"]),
        ("caption 'tis the season", ["'tis the season"]),
        ("caption 'back in the '90s' gold", ["back in the '90s"]),
        ("caption 'A' linen and watermark 'B C' orchid", ["A", "B C"]),
        ("caption 'A' red and watermark 'B' at the top left", ["A", "B"]),
    ],
)
def test_apostrophes_inside_a_text_belong_to_it(prompt, texts):
    assert [step.values["text"] for step in parse(prompt)] == texts


@pytest.mark.parametrize(
    "prompt", ["caption ''", "caption ‘’", 'caption ""', "caption '' at the top", "watermark ' '", "caption '', warmer"]
)
def test_an_empty_text_is_an_error(prompt):
    with pytest.raises(UsageError, match="needs its text"):
        parse(prompt)


@pytest.mark.parametrize("lines", ["1. {}\n2. {}", "1) {}\n2) {}", "(1) {}\n(2) {}", "- {}\n- {}", "* {}\n• {}", "  1: {}\n\n 10: {}\n"])
def test_the_numbers_of_a_list_are_no_amounts(lines):
    assert [step.words() for step in parse(lines.format("brighter", "sharper"))] == ["brightened by 20 %", "sharpened by 100 %"]
    assert [item.count for item in scenes.parse(lines.format("a red circle", "three blue squares")).items] == [1, 3]


@pytest.mark.parametrize(
    "prompt", ["1. brighter 2. sharper", "darken image 2", "brighten picture 3 by 20 %", "warmer, photo 2", "caption 'x' on image 2"]
)
def test_a_number_that_is_no_amount_is_never_taken_for_one(prompt):
    with pytest.raises(UsageError):
        parse(prompt)


def test_a_picture_that_is_not_edited_is_named_in_the_error_with_what_would_use_it():
    with pytest.raises(UnknownPhraseError) as caught:
        parse("darken image 2")
    assert (caught.value.phrase, "blend with image 2" in caught.value.hint) == ("darken image 2", True)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("blend image 1 with image 3 by 30 %", "blended with image 3 by 30 %"),
        ("blend with image no. 2", "blended with image 2 by 50 %"),
        ("make the picture 20 % brighter", "brightened by 20 %"),
        ("rotate the image 9 degrees", "rotated by 9° clockwise"),
        ("blur the picture 4 px", "blurred by 4 px"),
        ("scale the photo 2x", "scaled to 200 %"),
        ("crop the image 4:3", "cropped to 4:3"),
        ("caption image 2", "captioned 'image 2'"),
        ("caption 'image 1'", "captioned 'image 1'"),
    ],
)
def test_a_number_behind_the_word_image_names_a_picture_unless_it_has_a_unit(prompt, words):
    assert ", ".join(step.words() for step in parse(prompt)) == words


@pytest.mark.parametrize("prompt", ["'a " * 1300, "'" * 3900, "' " * 1900, "caption 'x' red " * 200, "image 1 " * 450])
def test_long_prompts_of_quotes_are_read_in_no_time(prompt):
    began = time.perf_counter()
    with pytest.raises(UsageError):
        parse(prompt)
    assert time.perf_counter() - began < 5
