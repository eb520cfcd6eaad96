"""Typed answers: instances, tables, the ladder, and what happens when an answer does not fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypedDict

import pandas as pd
import pytest
from pydantic import BaseModel

from notebook_img.cli import main
from notebook_img.errors import BadReplyError, UsageError
from tests.studio.conftest import openai_environ, png, spends


class Facts(BaseModel):
    width: int
    colour: str


class Named(TypedDict):
    width: int
    colour: str


@dataclass
class Plain:
    width: int
    colour: str


SCHEMA = {"type": "object", "properties": {"width": {"type": "integer"}, "colour": {"type": "string"}}, "required": ["width", "colour"]}
CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
KINDS = [
    (Facts, Facts(width=64, colour="#c83214")),
    (Plain, Plain(64, "#c83214")),
    (Named, {"width": 64, "colour": "#c83214"}),
    (SCHEMA, {"width": 64, "colour": "#c83214"}),
    (list[Facts], [Facts(width=64, colour="#c83214")] * 2),
    (list[Plain], [Plain(64, "#c83214")] * 2),
]


@pytest.mark.parametrize(("schema", "value"), KINDS, ids=["model", "dataclass", "typeddict", "json", "models", "dataclasses"])
def test_the_value_is_an_instance_of_what_was_asked_for(fox, schema, value):
    answer = fox.ask("How wide is it?", png(), schema=schema)
    assert answer.value == value
    assert type(answer.value) is type(value)
    assert answer.value_by == "schema"
    assert json.loads(json.dumps(answer.record.answer["value"])) == answer.record.answer["value"]


def test_a_table_is_a_data_frame(fox):
    answer = fox.ask("The values", png(), table="width int, colour str")
    frame = answer.frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["width", "colour"]
    assert frame.width.tolist() == [64, 64]
    assert "| 64 | colour |" in answer.figure().text.replace("#c83214", "colour")


def test_dates_of_a_table_are_dates(fox, service):
    service.control({"kind": "reply", "reply": "say", "text": '{"items": [{"day": "2026-11-21", "sales": 2.5}]}'})
    frame = fox.ask("The values", png(), table="day date, sales float").frame()
    assert frame.day.dt.year.tolist() == [2026]
    assert frame.sales.sum() == 2.5


def test_a_list_of_models_is_a_data_frame_too(fox):
    assert fox.ask("The values", png(), schema=list[Facts]).frame().to_dict("records") == [{"width": 64, "colour": "#c83214"}] * 2


@pytest.mark.parametrize("wish", [{"table": "width int, colour str"}, {"schema": list[Facts]}, {"schema": Facts}])
def test_after_a_restart_the_value_is_there_from_what_was_stored(studio_of, service, wish):
    environ = openai_environ(service)
    frame = studio_of(environ).session("fox").ask("The values", png(), **wish).frame()
    again = studio_of(environ).session("fox").turn("t1")
    pd.testing.assert_frame_equal(again.frame(), frame)
    assert again.value_by == "schema"


@pytest.mark.parametrize(("takes", "rung"), [({"json_schema": False}, "json"), ({"json_schema": False, "json_object": False}, "text")])
def test_the_ladder_is_visible_on_the_answer(fox, service, takes, rung):
    service.control(**takes)
    answer = fox.ask("How wide is it?", png(), schema=Facts)
    assert answer.value == Facts(width=64, colour="#c83214")
    assert answer.value_by == rung
    assert any("JSON was asked for in another way" in warning for warning in answer.warnings)


class Part(TypedDict, total=False):
    name: str


class Whole(TypedDict):
    parts: list[Part]
    first: Part | None


def test_typed_dicts_may_hold_each_other(fox):
    answer = fox.ask("The parts", png(), schema=Whole)
    assert answer.value == {"parts": [{"name": "name"}] * 2, "first": {"name": "name"}}


def test_one_repair_is_made(fox, service):
    service.control(
        {"kind": "reply", "reply": "say", "text": '{"width": "wide"}'},
        {"kind": "reply", "reply": "say", "text": '{"width": 3, "colour": "red"}'},
    )
    answer = fox.ask("How wide is it?", png(), schema=Facts)
    assert (answer.value, answer.value_by) == (Facts(width=3, colour="red"), "repair")


def test_an_answer_that_does_not_fit_shows_its_raw_text_and_is_booked(studio, fox, service):
    service.control({"kind": "reply", "reply": "say", "text": "It is rather wide.", "times": 2})
    with pytest.raises(BadReplyError, match="It is rather wide") as caught:
        fox.ask("How wide is it?", png(), schema=Facts)
    assert caught.value.text == "It is rather wide."
    assert not list(fox.turns)
    assert [state for state, _ in spends(studio)] == ["billed"]


class Even(BaseModel):
    width: int

    def model_post_init(self, _context: object) -> None:
        if self.width % 3 != 0:
            raise ValueError("width must be a multiple of three")


def test_a_check_only_the_class_knows_is_an_error_with_the_raw_text(studio, fox):
    """JSON schema cannot say everything a model's own checks say."""
    with pytest.raises(BadReplyError, match="multiple of three") as caught:
        fox.ask("How wide is it?", png(), schema=Even)
    assert json.loads(caught.value.text) == {"width": 64}
    assert not list(fox.turns)
    assert [state for state, _ in spends(studio)] == ["billed"]


@pytest.mark.parametrize("schema", [object(), {"no": "schema"}, {"type": "object", "properties": {"a": {"$ref": "#/$defs/B"}}}, type(sum)])
def test_a_schema_that_cannot_be_expressed_is_refused_before_anything_is_sent(fox, service, schema):
    with pytest.raises(UsageError):
        fox.ask("How wide is it?", png(), schema=schema)
    assert not service.requests("chat")


def test_schema_and_table_together_are_refused(fox):
    with pytest.raises(UsageError, match="Give one of schema, table and row"):
        fox.ask("?", png(), schema=Facts, table="width int")


def test_an_answer_cut_by_its_length_is_no_value(fox, service):
    service.control({"kind": "reply", "reply": "length"})
    with pytest.raises(BadReplyError, match="length limit"):
        fox.ask("How wide is it?", png(), schema=Facts)


def test_a_follow_up_may_be_typed(fox):
    assert fox.ask("What is this?", png()).ask("How wide?", schema=Facts).value.width == 64


def test_the_command_line_takes_a_schema_from_a_file_and_prints_the_value(service, tmp_path, monkeypatch, capsys):
    for name, value in openai_environ(service).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "facts.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "cat.png").write_bytes(png())
    monkeypatch.chdir(tmp_path)
    assert main(["ask", "cat.png", "how wide is it?", "--schema", "facts.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == {"width": 64, "colour": "#c83214"}
    assert main(["ask", "cat.png", "the values", "--table", "width int", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == [{"width": 64}, {"width": 64}]
    assert main(["ask", "cat.png", "how wide is it?", "--schema", "fact.json"]) == 2
    assert "fact.json" in capsys.readouterr().err


GAPS = "year int?, sales float?, day date?, name str?, open bool?"


def test_a_column_with_a_question_mark_may_have_gaps_and_the_frame_shows_them(fox, service):
    rows = [
        {"year": 2024, "sales": 1.5, "day": "2026-11-28", "name": "a", "open": True},
        {"year": None, "sales": None, "day": None, "name": None, "open": None},
        {},
    ]
    service.control({"kind": "reply", "reply": "say", "text": json.dumps({"items": rows})})
    answer = fox.ask("The values", png(), table=GAPS)
    frame = answer.frame()
    assert frame.isna().to_numpy().tolist() == [[False] * 5, [True] * 5, [True] * 5]
    assert (frame.year.dtype.kind, frame.sales.sum(), frame.day.dtype.kind) == ("f", 1.5, "M")
    schema = service.requests("chat")[0]["body"]["response_format"]["json_schema"]
    assert schema["strict"]
    assert schema["schema"]["properties"]["items"]["items"]["properties"]["year"] == {"type": ["integer", "null"]}
    assert len(service.requests("chat")) == 1


def test_a_column_of_nothing_but_gaps_is_a_column_of_its_kind(fox, service):
    service.control({"kind": "reply", "reply": "say", "text": '{"items": [{"year": null, "day": null}]}'})
    frame = fox.ask("The values", png(), table="year int?, day date?").frame()
    assert [frame[name].dtype.kind for name in ("year", "day")] == ["f", "M"]


def test_a_gap_where_none_is_allowed_is_asked_for_again(fox, service):
    service.control(
        {"kind": "reply", "reply": "say", "text": '{"items": [{"year": null}]}'},
        {"kind": "reply", "reply": "say", "text": '{"items": [{"year": 2024}]}'},
    )
    assert fox.ask("The values", png(), table="year int").value == [{"year": 2024}]
    assert len(service.requests("chat")) == 2


@pytest.mark.parametrize(
    ("said", "wish", "value", "note"),
    [
        ([{"year": 1}], {"table": "year int"}, [{"year": 1}], "'items'"),
        ({"rows": [{"year": 1}]}, {"table": "year int"}, [{"year": 1}], "'items'"),
        ({"items": [{"year": 1, "source": "page 3"}]}, {"table": "year int"}, [{"year": 1, "source": "page 3"}], "'source'"),
        ([{"width": 1, "colour": "red"}], {"schema": list[Facts]}, [Facts(width=1, colour="red")], "'items'"),
        ({"a": 1, "b": 2}, {"schema": CLOSED}, {"a": 1}, "'b'"),
    ],
    ids=["list", "rows", "column", "models", "closed"],
)
def test_what_was_asked_for_in_another_form_is_taken_with_a_note_and_no_second_call(fox, service, said, wish, value, note):
    service.control({"kind": "reply", "reply": "say", "text": json.dumps(said)})
    answer = fox.ask("The values", png(), **wish)
    assert answer.value == value
    assert sum(note in warning for warning in answer.warnings) == 1
    assert len(service.requests("chat")) == 1
