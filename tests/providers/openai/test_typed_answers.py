from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from notebook_img.errors import BadReplyError, UsageError
from notebook_img.pictures import Box
from notebook_img.providers.openai import answers, boxes
from tests.providers.openai.conftest import picture

FACTS = {"type": "object", "properties": {"width": {"type": "integer"}, "colour": {"type": "string"}}, "required": ["width", "colour"]}
ROWS = {"type": "array", "items": {"$ref": "#/$defs/Row"}, "$defs": {"Row": FACTS}}


async def test_the_services_own_schema_mode_is_tried_first(openai, service):
    reply = await openai("ask", inputs=(picture(),), schema=FACTS)
    assert reply.value == {"width": 64, "colour": "#c83214"}
    assert reply.value_by == "schema"
    sent = service.requests("chat")[0]["body"]["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"]["additionalProperties"] is False


async def test_a_schema_with_optional_properties_keeps_its_meaning(openai, service):
    reply = await openai("ask", inputs=(picture(),), schema={**FACTS, "required": ["width"]})
    assert reply.value_by == "schema"
    assert service.requests("chat")[0]["body"]["response_format"]["json_schema"]["strict"] is False


async def test_a_list_is_wrapped_for_services_that_know_objects_only(openai):
    reply = await openai("ask", inputs=(picture(),), schema=ROWS)
    assert reply.value == [{"width": 64, "colour": "#c83214"}] * 2


@pytest.mark.parametrize("schema", [FACTS, ROWS])
@pytest.mark.parametrize(("takes", "rung"), [({"json_schema": False}, "json"), ({"json_schema": False, "json_object": False}, "text")])
async def test_the_ladder_goes_down_to_json_mode_and_to_plain_words_and_says_so(endpoint, service, takes, rung, schema):
    service.control(**takes)
    vision = endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra"})
    reply = await vision("ask", inputs=(picture(),), schema=schema)
    assert reply.value_by == rung
    assert (reply.value if schema is FACTS else reply.value[0])["width"] == 64
    assert any("JSON was asked for in another way" in warning for warning in reply.warnings)


async def test_rungs_that_an_endpoint_is_known_not_to_have_are_not_tried(endpoint, service):
    service.control(json_schema=False, models=["glm-4.6v"])
    reply = await endpoint("zhipu")("ask", inputs=(picture(),), schema=FACTS)
    assert reply.value_by == "json"
    assert len(service.requests("chat")) == 1


async def test_a_server_that_ignores_the_schema_is_read_tolerantly_or_repaired(endpoint, service):
    service.control({"kind": "reply", "reply": "say", "text": "Sure:\n```json\n{'width': 64,}\n```"}, ignores_schema=True)
    service.control({"kind": "reply", "reply": "say", "text": '{"width": 64, "colour": "red",}'})
    reply = await endpoint("vision", environ={"VISION_MODEL": "gpt-6-astra"})("ask", inputs=(picture(),), schema=FACTS)
    assert reply.value == {"width": 64, "colour": "red"}
    assert reply.value_by == "repair"
    repair = service.requests("chat")[1]["body"]["messages"]
    assert [message["role"] for message in repair] == ["user", "assistant", "user"]
    assert reply.usage.input_tokens == 220


async def test_what_never_fits_is_an_error_that_shows_the_raw_text(openai, service):
    service.control({"kind": "reply", "reply": "say", "text": '{"width": "wide", "colour": "red"}', "times": 2})
    with pytest.raises(BadReplyError, match=r"width.*'wide' is not of type 'integer'") as caught:
        await openai("ask", inputs=(picture(),), schema=FACTS)
    assert caught.value.text == '{"width": "wide", "colour": "red"}'
    assert caught.value.usage["input_tokens"] == 220


async def test_a_value_cut_by_its_length_is_not_repaired_but_told(openai, service):
    service.control({"kind": "reply", "reply": "length"})
    with pytest.raises(BadReplyError, match="cut off by its length limit") as caught:
        await openai("ask", inputs=(picture(),), schema=FACTS)
    assert caught.value.text
    assert len(service.requests("chat")) == 1


async def test_a_schema_that_is_none_is_refused_before_anything_is_sent(openai, service):
    with pytest.raises(UsageError, match="not a valid JSON schema"):
        await openai("ask", inputs=(picture(),), schema={"type": "strin"})
    assert not service.requests("chat")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'Here:\n```json\n{"a": 1}\n```\nok?',
        '```\n{"a": 1,}\n```',
        'I think {braces} matter: {"a": 1}',
        '<think>{"a": 2}</think>{"a": 1}',
        '<|begin_of_box|>{"a": 1}<|end_of_box|>',
        '{"a": 1, // one\n}',
    ],
)
def test_json_is_found_where_models_hide_it(text):
    assert answers.read_json(text)[0] == {"a": 1}


def test_there_is_no_json_in_plain_words():
    with pytest.raises(ValueError, match="no JSON"):
        answers.read_json("I cannot see any.")


def test_the_simple_check_stands_in_where_jsonschema_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jsonschema", None)
    assert answers.problem_of({"width": True, "colour": "x"}, FACTS) == "the answer.width is not of type integer"
    assert answers.problem_of({"width": 1}, FACTS) == "the answer has no 'colour'"
    assert answers.problem_of({"width": 1, "colour": "x"}, FACTS) == ""


@pytest.mark.parametrize(
    ("name", "model", "key"),
    [
        ("openai", "gpt-6-astra", "box"),
        ("openrouter", "google/gemini-3-flash", "box_2d"),
        ("openrouter", "qwen/qwen2.5-vl-72b", "bbox_2d"),
        ("openrouter", "qwen/qwen3-vl-8b", "bbox_2d"),
        ("openrouter", "z-ai/glm-4.6v", "bbox_2d"),
    ],
)
async def test_boxes_of_every_convention_become_pixels_of_the_picture(endpoint, service, name, model, key):
    service.control(models=[model])
    reply = await endpoint(name)("ask", "", model=model, inputs=(picture((400, 200), box=(100, 20, 300, 180)),), boxes="the white square")
    assert reply.boxes == (Box("label", 100, 20, 300, 180),)
    assert key in service.requests("chat")[0]["body"]["messages"][0]["content"][-1]["text"]


async def test_boxes_of_a_picture_that_was_sent_smaller_are_in_pixels_of_the_large_one(endpoint, service):
    service.control(models=["qwen2.5-vl"], key="")
    own = endpoint("garage", toml='[garage]\nbase_url = "BASE"\nask_model = "qwen2.5-vl"\n', vision_max_image_size="2kB")
    shown = picture((1600, 1200), box=(400, 300, 1200, 900))
    reply = await own("ask", inputs=(shown,), boxes="")
    assert any("scaled" in warning for warning in reply.warnings)
    (box,) = reply.boxes
    for side, wanted in (("left", 400), ("top", 300), ("right", 1200), ("bottom", 900)):
        assert abs(getattr(box, side) - wanted) <= 16


async def test_boxes_outside_are_clipped_or_left_out_and_that_is_said(openai, service):
    items = [
        {"label": "in", "box": [100, 100, 500, 500]},
        {"label": "over", "box": [900, 900, 1400, 1400]},
        {"label": "off", "box": [2000, 10, 2100, 20]},
    ]
    service.control({"kind": "reply", "reply": "say", "text": json.dumps({"answer": items})})
    reply = await openai("ask", inputs=(picture((100, 100)),), boxes="things")
    assert [box.label for box in reply.boxes] == ["in", "over"]
    assert reply.boxes[1] == Box("over", 90, 90, 100, 100)
    assert any("clipped" in warning for warning in reply.warnings)
    assert any("left out" in warning for warning in reply.warnings)


async def test_boxes_that_cannot_be_read_are_an_error_with_the_text(openai, service):
    service.control({"kind": "reply", "reply": "say", "text": "I see a cat on the left.", "times": 2})
    with pytest.raises(BadReplyError) as caught:
        await openai("ask", inputs=(picture(),), boxes="cats")
    assert caught.value.text == "I see a cat on the left."


async def test_nothing_found_is_no_error(openai, service):
    service.control({"kind": "reply", "reply": "say", "text": "[]"})
    assert (await openai("ask", inputs=(picture(),), boxes="cats")).boxes == ()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([{"label": "cat", "bbox_2d": [[0, 0, 500, 500]]}], ("cat", 0, 0, 100, 50)),
        ([[0, 0, 500, 500]], ("thing", 0, 0, 100, 50)),
        ({"cat": [0, 0, 500, 500]}, ("cat", 0, 0, 100, 50)),
        ({"objects": [{"name": "cat", "box": {"x1": 0, "y1": 0, "x2": 500, "y2": 500}}]}, ("cat", 0, 0, 100, 50)),
        ([{"label": "cat", "box": [0.0, 0.0, 0.5, 0.5]}], ("cat", 0, 0, 100, 50)),
        ([{"label": "cat", "box": [500, 500, 0, 0]}], ("cat", 0, 0, 100, 50)),
        ([{"label": "dot", "point_2d": [500, 500]}], ("dot", 100, 50, 101, 51)),
    ],
)
def test_the_forms_models_use_for_boxes_and_points_are_read(value, wanted):
    found, _ = boxes.read_boxes(value, boxes.convention_of("glm-4.6v"), size=(200, 100), sent=(200, 100), what="thing")
    assert [(box.label, box.left, box.top, box.right, box.bottom) for box in found] == [wanted]


def test_what_is_no_box_is_refused():
    for value in (
        "nothing",
        [{"label": "cat"}],
        [{"label": "cat", "box": [1, 2, 3]}],
        [{"label": "cat", "box": [1, 2, 3, "x"]}],
        [1, 2, 3, 10**12],
        {"box": {"x": "a", "y": 1, "width": 2, "height": 3}},
    ):
        with pytest.raises(ValueError, match=r"box|four"):
            boxes.read_boxes(value, boxes.convention_of("x"), size=(9, 9), sent=(9, 9))


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=4)
        | some.dictionaries(some.sampled_from(["box", "label", "x", "answer", "point", "score"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_a_model_writes_as_boxes_is_read_or_refused(value):
    try:
        found, _ = boxes.read_boxes(value, boxes.convention_of("x"), size=(50, 40), sent=(50, 40))
    except ValueError:
        return
    assert all(0 <= box.left < box.right <= 50 and 0 <= box.top < box.bottom <= 40 for box in found)


@given(some.text() | some.text(alphabet='{}[],:"`a1 \n/'))
def test_whatever_a_model_writes_as_json_is_read_or_refused(text):
    try:
        answers.read_json(text)
    except ValueError:
        return


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "{[" * 30_000 + "`" * 1000])
def test_an_answer_of_brackets_is_refused_in_time(text):
    with pytest.raises(ValueError, match="no JSON"):
        answers.read_json(text)


def test_a_schema_that_refers_to_nothing_is_refused():
    with pytest.raises(UsageError, match="Row"):
        answers.check_schema({"type": "array", "items": {"$ref": "#/$defs/Row"}})
