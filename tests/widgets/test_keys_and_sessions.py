"""Keys set in the panel, models by service, what a model can do; and which session the panel shows beside the cells."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from notebook_img import Studio
from notebook_img.widgets import Panel
from tests.widgets.conftest import Watched
from tests.widgets.test_turns import cat, run  # noqa: F401 - a fixture

KEY = "AIza-" + "k3y" * 9


def test_a_key_is_kept_and_takes_effect_and_stands_nowhere_else(
    panel: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    panel.do("keys")
    services = {row["name"]: row for row in panel.last("keys")["services"]}
    assert services["gemini"]["where"] == ""
    assert services["gemini"]["page"].startswith("https://")
    panel.do("abilities", **{"for": "edit", "model": "gemini"})
    assert [each["do"] for each in panel.last("abilities")["remedies"]] == ["key"]
    with caplog.at_level(logging.DEBUG):
        panel.do("key", KEY.encode(), name="gemini")
    assert "The key of" in panel.last("notice")["text"]
    panel.do("abilities", **{"for": "edit", "model": "gemini"})
    assert panel.last("abilities")["problem"] == ""
    panel.do("abilities", **{"for": "edit", "model": ""})
    assert panel.last("abilities")["model"].startswith("gemini:"), "the default goes to the service at once"
    told = json.dumps([content for content, _ in panel.told], default=str)
    assert KEY not in told + caplog.text + json.dumps(panel.panel.get_state(), default=str)
    assert not any(KEY.encode() in bytes(buffer) for _, buffers in panel.told for buffer in buffers)


@pytest.mark.parametrize(
    ("typed", "says"), [(b"", "This is not a key"), (b"two words", "This is not a key"), (b"\xff\xfe", "This is not a key")]
)
def test_what_is_no_key_is_refused_without_being_quoted(panel: Watched, typed: bytes, says: str) -> None:
    panel.do("key", typed, name="gemini")
    assert says in panel.error
    assert "two words" not in panel.error
    panel.do("key", KEY.encode(), name="nosuch")
    assert "nosuch" in panel.error
    assert KEY not in panel.error


def test_models_say_whose_they_are_and_whether_they_can_be_used(panel: Watched) -> None:
    rows = panel.last("models")["models"]
    assert {row["service"] for row in rows if row["name"].startswith("local:")} == {"Built-in engine"}
    assert [row["ready"] for row in rows] == sorted((row["ready"] for row in rows), reverse=True)
    assert any(not row["ready"] for row in rows)


def test_what_a_model_can_do_is_told_in_words_with_examples_that_work(cat: Watched) -> None:  # noqa: F811
    cat.do("can", **{"for": "edit", "model": ""})
    told = cat.last("can")
    assert told["title"].startswith("Built-in engine")
    examples = {name: example for name, _, example in told["rows"]}
    assert len(examples) > 20
    run(cat, examples["sepia"])
    assert cat.error == ""
    cat.do("can", **{"for": "edit", "model": "gemini"})
    facts = {name: words for name, words, _ in cat.last("can")["rows"]}
    assert "edit them" in facts["It can"]
    assert "16:9" in facts["Aspect ratios"]


def test_what_helps_is_a_button(panel: Watched, cat: Watched) -> None:  # noqa: F811
    cat.do("run", what="edit", prompt="warmer", model="gemini", options={})
    assert cat.last("error")["remedies"] == [{"words": "Set a key", "do": "key", "name": "gemini"}]
    cat.do("run", what="edit", prompt="warmer", options={"strength": "0.5"}, model="local")
    assert cat.last("error")["remedies"] == [{"words": "Choose a model", "do": "models"}]


def test_a_panel_of_the_cells_session_goes_along(studio: Studio) -> None:
    studio.session("first")
    watched = Watched(Panel(studio))
    watched.do("hello")
    try:
        studio.session("second").generate("a red circle")
        watched.panel.settle()
        assert watched.state["session"]["name"] == "second"
        assert watched.state["base"]["id"] == "t1"
        assert watched.state["cells"] == ""
        watched.do("pin", on=True)
        studio.session("third")
        watched.panel.settle()
        assert watched.state["session"]["name"] == "second", "a mask is being painted"
        assert watched.state["cells"] == "third"
        watched.do("session", name="third")
        assert watched.state["cells"] == ""
        assert watched.panel.follows
        watched.do("session", name="first")
        assert not watched.panel.follows, "the user chose another one"
        studio.session("third").generate("a red circle")
        watched.panel.settle()
        assert (watched.state["session"]["name"], watched.state["cells"]) == ("first", "third")
    finally:
        watched.panel.close()


def test_a_panel_of_a_named_session_says_where_the_cells_are(cat: Watched, studio: Studio) -> None:  # noqa: F811
    studio.session("elsewhere")
    cat.panel.settle()
    assert (cat.state["session"]["name"], cat.state["cells"]) == ("fox", "elsewhere")
    cat.do("session", name="elsewhere")
    assert cat.state["cells"] == ""


def test_the_list_of_sessions_is_as_it_is_now(cat: Watched, watch: Callable[..., Watched], home: Any) -> None:  # noqa: F811
    with Studio(home=home).store as store:
        store.create_session("made elsewhere")
        cat.do("sessions")
        assert "made elsewhere" in [row["name"] for row in cat.last("sessions")["sessions"]]
        store.create_session("made later")
        cat.panel.look_around()
        cat.panel.settle()
        assert "made later" in [row["name"] for row in cat.last("sessions")["sessions"]]
