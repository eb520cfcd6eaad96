"""Lines of magics with whatever text: options are found at both ends, nothing raises but a sentence, and length costs little."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.jupyter.line import LONE_WORDS
from notebook_img.options.arguments import Parsed
from notebook_img.options.table import OPTIONS
from tests.jupyter.test_parsing import read, said

WORDS = st.lists(st.from_regex(r"[a-z]{1,3}[a-z',.!?$%()]{0,3}[a-z.!?]", fullmatch=True), min_size=2, max_size=8).map(" ".join)
GIVEN = {
    "--aspect 16:9": ("aspect_ratio", "16:9"),
    "--size=2K": ("size", "2K"),
    "-n 3": ("n", 3),
    '-o "my file.png"': ("output", "my file.png"),
    "--negative 'it's blurry'": ("negative_prompt", "it's blurry"),
    "--quiet": ("quiet", True),
    "-m gemini": ("model", ["gemini"]),
    "--guidance -7.5": ("options", {"guidance": -7.5}),
}


def plain(text: str) -> bool:
    return not text.endswith((".png", ".gif")) and not any(word.endswith((".ico", ".bmp")) for word in text.split())


@given(WORDS.filter(plain))
def test_text_without_options_is_unchanged(text):
    assert said(text, exists=lambda _: False) == (text, [], {})


@given(WORDS.filter(plain), st.lists(st.sampled_from(sorted(GIVEN)), unique=True), st.data())
def test_options_before_and_after_say_the_same(text, options, data):
    split = data.draw(st.integers(0, len(options)))
    found = [
        read(" ".join([*options, text]), exists=lambda _: False),
        read(" ".join([text, *options]), exists=lambda _: False),
        read(" ".join([*options[:split], text, *options[split:]]), exists=lambda _: False),
    ]
    assert found[0] == found[1] == found[2]
    assert found[0].text == text
    assert found[0].values == dict(GIVEN[option] for option in options)


@given(st.text(min_size=1).filter(lambda text: text.strip() and text.casefold().strip() not in LONE_WORDS))
def test_a_body_is_never_read(body):
    found = read("--quiet", body)
    assert found.values == {"quiet": True}
    assert found.text.strip() == body.strip()


PIECES = st.sampled_from(
    [
        *(flag for option in OPTIONS for flag in option.flags),
        *"\"'#;=-{}/\\?",
        "--",
        "--zz",
        "-5",
        "cat.png",
        "t7",
        "it's",
        "a b",
        "b/w",
        "16:9",
        " ",
        "  # ",
        "\t",
        "—",
        "{x}",
    ]
)


@given(
    st.lists(st.one_of(PIECES, st.text(max_size=5))).map(" ".join),
    st.sampled_from(["generate", "edit", "ask"]),
    st.none() | st.text(max_size=9),
)
def test_no_line_raises_anything_but_a_sentence(line, command, body):
    try:
        found = read(line, body, command)
    except (UsageError, NotFoundError) as error:
        assert 0 < len(str(error)) < 600  # noqa: PT017 - an error is one of two good ends
    else:
        assert isinstance(found, Parsed)


@given(st.text(st.sampled_from("-\"'= #;abo\\/.")), st.sampled_from(["generate", "edit", "ask"]))
def test_no_odd_line_raises_anything_but_a_sentence(line, command):
    with contextlib.suppress(UsageError, NotFoundError):
        read(line, None, command)


def test_a_long_line_takes_no_longer_than_its_length():
    text = "it's a 'word --zz \"b " * 5_000 + "and more"
    assert read(text).text == text


@pytest.mark.parametrize("blank", [" ", "\t", "\xa0", " #"])
def test_long_runs_of_blanks_take_no_time(blank: str):
    began = time.process_time()
    for line in (f"cat.png {blank * 300_000}", f"cat.png {blank * 300_000}warmer"):
        with contextlib.suppress(UsageError):
            read(line)
    # The square of it took minutes.
    assert time.process_time() - began < 10
