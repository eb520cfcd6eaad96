"""One table of options: its values, its flags, and argument vectors."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.options.arguments import parse_words
from notebook_img.options.image_words import is_image_word
from notebook_img.options.table import OPTIONS, Option, table_for
from notebook_img.providers.interface import OwnOption
from notebook_img.tree.schemas import columns


def read(*words, command="edit", own=(), files=("cat.png", "b/w")):
    found = parse_words(words, command, own, exists=files.__contains__)
    return found.text, found.images, found.values


def test_flags_and_names_are_unique():
    flags = [flag for option in OPTIONS for flag in option.flags]
    assert len(flags) == len(set(flags))
    names = [option.name for option in OPTIONS]
    assert len(names) == len(set(names))
    assert all(option.long.startswith("--") for option in OPTIONS)


def test_every_option_of_the_design_is_in_the_table():
    design = """-i --image -r --reference --mask --no-confine --outpaint -m --model -s --session --from --pick -o --output --force --as
    -n --count --aspect --size --seed --negative --strength --history --schema --table --boxes --detail --fresh --again --dry-run --quiet
    --no-vars --mask-reading --grow --align --keep-metadata --row --rate --each --over --first --budget --strict --later -h --help"""
    assert set(design.split()) == {flag for option in OPTIONS for flag in option.flags}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["cat.png", "make it night", "-o", "night.png", "-s", "fox"],
            ("make it night", ["cat.png"], {"output": "night.png", "session": "fox"}),
        ),
        (
            ["-o", "night.png", "cat.png", "make", "it", "--size=2K", "night"],
            ("make it night", ["cat.png"], {"output": "night.png", "size": "2K"}),
        ),
        (["--", "--quiet", "cat.png"], ("--quiet cat.png", [], {})),
        (["cat.png", "--", "-n"], ("-n", ["cat.png"], {})),
        (["make cat.png"], ("make cat.png", [], {})),
        (["What is in cat.png"], ("What is in cat.png", [], {})),
        (["my lost cat.png", "warmer"], ("warmer", ["my lost cat.png"], {})),
        (["b/w", "x"], ("x", ["b/w"], {})),
        (["b/w photo of a cat"], ("b/w photo of a cat", [], {})),
        (["it's --force what I mean"], ("it's --force what I mean", [], {})),
        (["--negative", "-3", "x"], ("x", [], {"negative_prompt": "-3"})),
        (["-m", "a", "-m", "b", "x"], ("x", [], {"model": ["a", "b"]})),
        (["-o", "-", "x"], ("x", [], {"output": "-"})),
        ([], ("", [], {})),
    ],
)
def test_an_argument_vector_says(words, expected):
    assert read(*words) == expected


def test_boxes_of_something_are_written_with_an_equals_sign():
    assert read("--boxes", "where are they", command="ask") == ("where are they", [], {"boxes": ""})
    assert read("--boxes=red cats", "cat.png", command="ask") == ("", ["cat.png"], {"boxes": "red cats"})


def test_a_command_line_has_options_of_its_own_and_none_of_a_notebook():
    json = Option("json", ("--json",), "For programs.", "flag")
    assert read("x", "--json", own=[json]) == ("x", [], {"json": True})
    with pytest.raises(UsageError):
        read("x", "--as", "y")
    with pytest.raises(UsageError):
        read("x", "--no-vars")


def test_help_is_found_anywhere_before_the_dashes():
    assert parse_words(["x", "--size", "2K", "-h"], "edit").help
    assert not parse_words(["--", "-h"], "edit").help


@pytest.mark.parametrize(
    "words", [["--asspect", "1:1"], ["--size"], ["--size", "--quiet"], ["-o", "--", "x"], ["-n", "0"], ["--quiet=1"], ["-x"]]
)
def test_a_wrong_vector_is_refused_with_a_sentence(words):
    with pytest.raises(UsageError) as error:
        read(*words)
    assert len(str(error.value)) < 600


def test_a_slash_in_the_first_word_is_a_file_or_an_error():
    with pytest.raises(NotFoundError):
        read("and/or", "x")


def test_options_of_several_providers_come_together():
    table = table_for(
        "edit",
        [
            OwnOption("quality", "One's.", ("low", "high")),
            OwnOption("quality", "Another's.", ("hd", "low")),
            OwnOption("style", "Free here.", ()),
            OwnOption("style", "Numbers there.", type=int),
            OwnOption("seed", "May not take the place of a shared one."),
            OwnOption("voice", "For questions.", kinds=frozenset({"ask"})),
        ],
    )
    assert table["--quality"].choices == ("low", "high", "hd")
    assert table["--quality"].value_of("HD") == "hd"
    assert table["--style"].value_of("7") == "7"
    assert table["--seed"].help.startswith("Whole number")
    assert "--voice" not in table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year int, sales float", (("year", "int"), ("sales", "float"))),
        ("year:int,sales : float", (("year", "int"), ("sales", "float"))),
        ("name, unit price float", (("name", "str"), ("unit price", "float"))),
        ("day date,", (("day", "date"),)),
        ("year int?, day: Date?, is it red?", (("year", "int?"), ("day", "date?"), ("is it red?", "str"))),
        ("camera?", (("camera", "str?"),)),
    ],
)
def test_columns_have_names_and_types(text, expected):
    assert columns(text) == expected


@pytest.mark.parametrize("text", ["", ",", "year itn", "year itn?", "year int, year float", "year: number", ":int"])
def test_wrong_columns_are_refused(text):
    with pytest.raises(UsageError):
        columns(text)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("aspect_ratio", " 16 : 9 ", "16:9"),
        ("aspect_ratio", "2.39:1", "2.39:1"),
        ("size", "2k", "2K"),
        ("size", "0.5K", "0.5K"),
        ("size", "1024×768", "1024x768"),
        ("size", "512", "512"),
        ("size", "auto", "auto"),
        ("strength", "0", 0.0),
        ("strength", "1", 1.0),
        ("n", "4", 4),
        ("seed", "0", 0),
    ],
)
def test_values(name, text, value):
    option = next(option for option in OPTIONS if option.name == name)
    assert option.value_of(text) == value


@given(st.sampled_from(OPTIONS), st.text())
def test_any_value_is_read_or_refused_with_a_sentence(option, text):
    try:
        option.value_of(text)
    except UsageError as error:
        assert option.long in str(error)  # noqa: PT017 - an error is one of two good ends
        assert len(str(error)) < 600  # noqa: PT017


@given(st.text(max_size=40))
def test_any_word_is_an_image_or_not(word):
    try:
        assert is_image_word(word, exists=lambda _: False) in (True, False)
    except NotFoundError as error:
        assert len(str(error)) < 600  # noqa: PT017 - an error is one of two good ends


def test_the_table_is_light():
    code = "import sys, notebook_img.options, notebook_img.jupyter.line, notebook_img.jupyter.interpolation; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"IPython", "PIL", "numpy", "pydantic", "sqlalchemy", "httpx", "argparse"} & set(loaded)
