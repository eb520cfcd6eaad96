"""An option is one row of the table: the call, the request, the refusals and the help are derived from it."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from notebook_img.calls import Call
from notebook_img.calls.request import CARRIED_OUT, typed_fields
from notebook_img.errors import UnsupportedError, UsageError
from notebook_img.options import OPTIONS, help_text, parse_words
from notebook_img.providers import check_request
from notebook_img.providers.interface import NEEDS, Capabilities, Request

ROWS = {option.name: option for option in OPTIONS}
ASKED = [option for option in OPTIONS if option.in_request]
NEEDY = [option for option in OPTIONS if option.needs]
REQUEST = {field.name for field in dataclasses.fields(Request)}

LIMITED = {"references": (object(),), "mask": object(), "count": 2, "history": "full"}
"""What a request has that a model of few abilities does not take; other fields have their option's example."""
SWITCHES = {field.name for field in dataclasses.fields(Capabilities) if field.default is False} & {
    need.capability for need in NEEDS.values()
}
MANY = {"history": ("window", "full"), **dict.fromkeys(SWITCHES, True)}
FEW = {"aspect_ratios": (), "sizes": (), "max_inputs": 0, "max_count": 1, "mask": "no"}


def call_with(option) -> Call:
    kind = min(option.commands)
    return Call(kind, "x", **{option.name: option.example if option.takes != "flag" else option.constant})


def model(**takes):
    info = SimpleNamespace(capabilities=Capabilities(**takes))
    return SimpleNamespace(name="painter", model_info=lambda _: info)


def named_as_lacking(option, **takes) -> bool:
    text = help_text(min(option.commands), (), Capabilities(**takes))
    rest = " ".join(text.partition("does not take")[2].split())
    has_line = any(line[2:].startswith(", ".join(option.flags)) for line in text.splitlines())
    lacking = option.long in rest.rstrip(".").split(", ") or option.long in rest.rstrip(".").split()
    assert has_line != lacking
    return lacking


@pytest.mark.parametrize("option", ASKED, ids=lambda option: option.name)
def test_a_row_of_the_request_is_recorded_and_reaches_the_provider(option):
    call = call_with(option)
    value = getattr(call, option.name)
    assert call.asked() == {option.name: value}
    sent = {} if option.name in CARRIED_OUT else {"count" if option.name == "n" else option.name: value}
    assert typed_fields(call) == sent
    assert set(sent) <= REQUEST


def test_what_is_recorded_keeps_its_order():
    # Turns of every version are listed alike, and their keys were made of these names. A new option may stand anywhere.
    names = "n aspect_ratio size seed negative_prompt strength history table boxes detail outpaint again confine".split()  # noqa: SIM905
    assert [option.name for option in ASKED if option.name in names] == names


def test_what_is_carried_out_here_is_part_of_a_request():
    assert {option.name for option in ASKED} > CARRIED_OUT


def test_every_need_has_its_option_and_its_fields():
    assert {option.needs for option in NEEDY} == set(NEEDS)
    assert set(NEEDS) <= REQUEST
    assert {need.capability for need in NEEDS.values()} <= {field.name for field in dataclasses.fields(Capabilities)}


@pytest.mark.parametrize("option", NEEDY, ids=lambda option: option.name)
def test_what_a_model_does_not_take_is_refused_and_named_in_the_help(option):
    value = LIMITED.get(option.needs, ROWS[option.needs].example if option.needs in ROWS else None)
    request = Request(min(option.commands), "x", "oil", **{option.needs: value})
    with pytest.raises(UnsupportedError, match=r"^painter:oil does not take .+\. .+\.$"):
        check_request(request, model(**FEW))
    assert named_as_lacking(option, **FEW)
    check_request(request, model(**MANY))
    assert not named_as_lacking(option, **MANY)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.example is not None], ids=lambda option: option.name)
def test_the_example_of_an_error_is_a_value_the_option_takes(option):
    assert option.value_of(str(option.example)) == option.checked(option.example) == option.example


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("n", "two"),
        ("seed", "-4"),
        ("strength", "much"),
        ("aspect_ratio", "16/9"),
        ("size", "huge"),
        ("history", "fulll"),
        ("detail", "closely"),
        ("table", "year itn"),
        ("outpaint", "wide"),
        ("output", " \0"),
    ],
)
def test_a_mistake_is_one_sentence_typed_or_in_python(name, wrong):
    option = ROWS[name]
    with pytest.raises(UsageError) as typed:
        option.value_of(wrong)
    with pytest.raises(UsageError) as python:
        option.checked(wrong)
    words = [str(error.value).partition(" For example: ")[0] for error in (typed, python)]
    assert words[0].removeprefix(option.long) == words[1].removeprefix(name)
    assert "has to be" in words[0]


def test_errors_cite_an_example_in_the_words_of_who_asks():
    for read, said in (
        (lambda option: option.value_of("huge"), "--size has to be a name such as 2K, or WIDTHxHEIGHT in pixels, not 'huge'. For example: --size 2K."),
        (lambda option: option.checked("huge"), "size has to be a name such as 2K, or WIDTHxHEIGHT in pixels, not 'huge'. For example: size='2K'."),
        (lambda option: option.value_of("huge", named="Size"), "Size has to be a name such as 2K, or WIDTHxHEIGHT in pixels, not 'huge'. For example: 2K."),
    ):  # fmt: skip
        with pytest.raises(UsageError) as error:
            read(ROWS["size"])
        assert str(error.value) == said


def test_a_python_text_stays_as_it_is_written_for_replay_compares_it():
    call = Call("generate", "x", size="2k", aspect_ratio=(16, 9), history="Full")
    assert call.asked() == {"aspect_ratio": "16:9", "size": "2k", "history": "Full"}


def test_none_says_nothing():
    assert Call("edit", "x", n=None, confine=None, again=None) == Call("edit", "x")


def test_a_line_becomes_a_call():
    line = "-r style.png cat.png make it night --from t3 -n 2 --no-confine -m oil -o out.png --mask 1,2,3,4 -s fox"
    parsed = parse_words(line.split(), "edit", exists=lambda _: True)
    assert Call.from_options("edit", parsed, mask="meant") == Call(
        "edit", "make it night", ("cat.png",), ("style.png",), mask="meant", start="t3", n=2, confine=False, output="out.png"
    )
