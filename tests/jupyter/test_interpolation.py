"""``{x}`` in prompts: once, only what is meant, and other people's braces stay."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_img.errors import UsageError
from notebook_img.jupyter.interpolation import fill, interpolate


class Image:
    """Stands for anything that is an image."""


class Tensor:
    shape = (3, 8, 8)
    dtype = "float32"


class Loud:
    colour = "red"
    _hidden = "secret"

    def __init__(self) -> None:
        self.asked = 0

    @property
    def counted(self) -> str:
        self.asked += 1
        return f"asked {self.asked}"

    @property
    def broken(self) -> str:
        msg = "no luck"
        raise RuntimeError(msg)

    def method(self) -> str:
        raise AssertionError


LOGO, PHOTO = Image(), Image()
NAMES = {
    "x": 1,
    "w": 6,
    "pi": 3.14159,
    "color": "red",
    "letter": "a",
    "curly": "{x} {logo}",
    "d": {"a": 2, "a]b": 3, "n": {"m": [5, 6]}, 0: "zero"},
    "xs": [1, 2],
    "logo": LOGO,
    "photo": PHOTO,
    "album": [LOGO, PHOTO],
    "loud": Loud(),
    "open": open,
    "path": Path,
    "re": __import__("re"),
    "grün": "green",
    "nothing": None,
    "n": 7,
}


def is_image(value: object) -> bool:
    return isinstance(value, Image)


def read(text, **more):
    return interpolate(text, NAMES, is_image=is_image, **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a {color} fox", "a red fox"),
        ("{x}{x}", "11"),
        ("{pi:.2f} and {x:03d} and {color:>5}", "3.14 and 001 and   red"),
        ("{pi:{w}.1f}", "   3.1"),
        ("{color!r} {color!s} {grün!a} {x!r:>3}", "'red' red 'green'   1"),
        ('{d["a"]} {d[\'a\']} {d["a]b"]} {d[0]}', "2 2 3 zero"),
        ('{d["n"]["m"][-1]} {xs[0]}', "6 1"),
        ("{loud.colour} {x.real}", "red 1"),
        ("{grün}", "green"),
        # once: what was put in is not looked at again
        ("{curly}", "{x} {logo}"),
        # doubled braces are the way to write braces
        ("{{x}}", "{x}"),
        ("{{unknown}} {{xs[0]}}", "{unknown} {xs[0]}"),
        ("{xs[0:1]} {xs[:]} {d[letter]}", "[1] [1, 2] 2"),
        ("{{{x}}}", "{1}"),
        ("{{color!r:>3}}", "{color!r:>3}"),
        ('{"a":{x}}', '{"a":1}'),
        # an image with a conversion or a specification is text that is asked for
        ("{xs}", "[1, 2]"),
    ],
)
def test_text_becomes_text(text, expected):
    assert read(text).text == expected
    assert read(text).images == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no braces, $x and $5 and %s",
        "{}",
        "{ x }",
        '{"name": "fox", "size": [1, 2]}',
        "{'a': {'b': 1}}",
        "p { color: red; } p{color: red} p{color : red}",
        r"\frac{1}{2} + \sum_{i=0}^{m} \mathbf{v}",
        r"\frac{x}{n} x_{n} x^{x+1} \mathrm{loud}",
        "{x,} {x=} {x:} {x!} {x!z} {x, n} {unknown()} {colour:blue}",
        "{loud._hidden} {x.__class__} {loud.__init__.__globals__} {__builtins__}",
        "{x",
        "x}",
        "{x:",
        "}{",
        "{0} {1.5} {-x}",
        "${HOME} is $HOME",
    ],
)
def test_a_brace_that_names_nothing_stays(text):
    expected = text
    assert read(text).text == expected
    assert read(text).images == ()


def test_an_image_is_attached_and_becomes_its_number():
    found = read("put {logo} on the mug in {photo}, {logo} small")
    assert found.text == "put image 1 on the mug in image 2, image 1 small"
    assert [each[:3] for each in found.images] == [("logo", LOGO, 1), ("photo", PHOTO, 2)]


def test_numbers_begin_after_the_pictures_attached_before():
    assert read("{logo}", already=2).text == "image 3"


def test_a_picture_attached_before_keeps_its_number():
    found = read("{photo} beside {logo}", already=[object(), PHOTO])
    assert found.text == "image 2 beside image 3"
    assert [each.value for each in found.images] == [LOGO]


def test_a_list_of_images_attaches_all_of_them():
    assert read("blend {album}").text == "blend image 1 and image 2"


def test_an_image_in_doubled_braces_is_not_attached():
    assert read("{{logo}}").text == "{logo}"
    assert read("{{logo}}").images == ()


def test_a_property_is_asked_once_for_one_text():
    names = {"loud": Loud()}
    assert interpolate("{loud.counted} {loud.counted}", names, is_image=is_image).text == "asked 1 asked 1"


@pytest.mark.parametrize("text", ["{x:zz}", "{pi:d}", "{nothing:>5}", "{logo:>5}", "{loud.broken}"])
def test_what_cannot_be_written_is_a_usage_error(text):
    with pytest.raises(UsageError) as error:
        read(text)
    assert len(str(error.value)) < 600
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{loud.color}", "loud has no .color"),
        ("{xs[9]}", "xs has no [9]"),
        ("{d['z']}", "d has no ['z']"),
        ("{x[0]}", "x has no [0]"),
        ("{nothing.a}", "nothing has no .a"),
        ("{colour}", "Did you mean {color}?"),
        ("{unknown}", "no variable 'unknown'"),
        ("{{{unknown}}}", "no variable 'unknown'"),
        ("{unknown.a[0]}", "no variable 'unknown'"),
        ("{nothing}", "holds None"),
        ("{open}", "holds builtin_function_or_method"),
        ("{re}", "holds module"),
        ("{path}", "holds type"),
        ("{loud.method}", "holds method"),
        ("{loud}", "holds Loud"),
        ("{loose}", "holds list"),
        ("{raw}", "holds bytes"),
        ("{tensor}", "holds Tensor of 3 x 8 x 8 (a picture has its channels last"),
        ("{x+1}", "assign it to one first"),
        ("{x()}", "assign it to one first"),
        ("{x > 1}", "assign it to one first"),
        ("{loud.method()}", "assign it to one first"),
        ("{len(xs)}", "assign it to one first"),
        ("{x}{w+1}", "assign it to one first"),
        ("{photo}{len(xs)}", "assign it to one first"),
    ],
)
def test_what_was_not_meant_as_text_is_an_error_that_says_how_to_send_it(text, says):
    with pytest.raises(UsageError) as error:
        interpolate(text, {**NAMES, "loose": [object()], "raw": b"abc", "tensor": Tensor()}, is_image=is_image)
    assert says in str(error.value)
    assert "--no-vars" in str(error.value)
    assert "}} sends {" in str(error.value)


def test_filling_option_values_leaves_images_and_takes_paths():
    names = {**NAMES, "folder": Path("out")}
    assert fill("{folder}/fox_{x:02d}.png", names, is_image=lambda value: isinstance(value, (Image, Path))) == "out/fox_01.png"
    assert fill("{logo}", names, is_image=is_image) == "{logo}"


def test_a_list_of_too_many_pictures_is_not_sent_as_its_name():
    with pytest.raises(UsageError, match="101 pictures, more than a call takes"):
        interpolate("blend {album}", {"album": [Image() for _ in range(101)]}, is_image=is_image)


def test_many_braces_take_no_longer_than_long_text():
    text = "{" * 20_000 + "x" + "{x:" * 5_000
    assert read(text).text == text


@given(st.text())
def test_with_nothing_to_name_any_text_stays_or_is_refused(text):
    try:
        assert interpolate(text, {}, is_image=is_image).text == re.sub(r"\{(\{[^\W\d]\w*\})\}", r"\1", text)
    except UsageError:
        assert "{" in text


@given(st.text(st.characters(blacklist_characters="{")))
def test_text_without_braces_stays(text):
    assert read(text).text == text


@given(st.text(st.sampled_from("{}x!r:.[]0'\"d_ n>")))
def test_no_text_raises_anything_but_a_usage_error(text):
    try:
        found = read(text)
    except UsageError:
        return
    assert isinstance(found.text, str)


@given(st.text())
def test_a_value_is_put_in_as_it_is(value):
    assert interpolate("a {value} b", {"value": value, "x": 1}, is_image=is_image).text == f"a {value} b"
