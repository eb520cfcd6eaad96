"""Calls from the panel: run, refused, stopped, masked; the tree; what cells do at the same time."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from notebook_img import Studio
from tests.widgets.conftest import Watched, png


def run(panel: Watched, prompt: str, what: str = "edit", *buffers: bytes, **message: Any) -> None:
    panel.do("run", *buffers, what=what, prompt=prompt, options=message.pop("options", {}), **message)


@pytest.fixture
def cat(panel: Watched) -> Watched:
    """A panel with one edited picture."""
    panel.do("open", text="sample:chelsea")
    run(panel, "make it night")
    assert panel.state["head"] == 1, panel.error
    return panel


def test_an_edit_becomes_a_turn_by_the_panel(cat: Watched) -> None:
    turn = cat.panel.session.turn("t1")
    assert turn.prompt == "make it night"
    assert turn.origin.surface == "panel"
    assert cat.state["turn"]["cost"] == "built-in, not AI"
    assert cat.last("done")["turn"] == "t1"
    assert not cat.panel.busy


def test_no_prompt_and_no_picture_are_errors_in_one_sentence(panel: Watched) -> None:
    run(panel, "make it night")
    assert "no picture to edit yet" in panel.error
    run(panel, "  ", "generate")
    assert "prompt is empty" in panel.error
    panel.do("ask", prompt="what is it?")
    assert "no picture to ask about" in panel.error


def test_options_that_cannot_be_used_are_told_before_anything_is_sent(cat: Watched) -> None:
    run(cat, "warmer", options={"aspect_ratio": "wide"})
    assert cat.error == "Aspect has to be a ratio written as width:height, not 'wide'. For example: 16:9."
    assert cat.panel.studio.store.session(cat.panel.session.id).turns == 1


def test_what_the_engine_cannot_do_is_an_error_and_leaves_no_turn(cat: Watched) -> None:
    run(cat, "add a red scarf")
    assert "cannot 'add a red scarf'" in cat.error
    assert cat.last("error")["about"] == "run"
    assert cat.state["session"]["turns"] == 1
    assert not cat.panel.busy


def test_a_model_without_a_key_says_which_variable(cat: Watched) -> None:
    run(cat, "warmer", model="gemini")
    assert "GEMINI_API_KEY" in cat.error
    cat.do("abilities", **{"for": "edit", "model": "gemini"})
    assert "GEMINI_API_KEY" in cat.last("abilities")["problem"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"prompt": "warmer", "model": "gemini"}, "GEMINI_API_KEY"),
        ({"prompt": "add a red scarf"}, "GEMINI_API_KEY"),
        ({"prompt": "warmer", "options": {"strength": "0.5"}}, "choose another model."),
    ],
)
def test_a_panel_reads_of_its_controls_and_of_no_magic_or_flag(cat: Watched, asked: dict[str, Any], says: str) -> None:
    run(cat, **asked)
    assert says in cat.error
    assert not re.search(r"%\w|(?<![\w-])--?[a-z]|terminal", cat.error), cat.error
    assert [each["do"] for each in cat.last("error")["remedies"]] in (["key"], ["models"]), "what helps can be clicked"


def test_abilities_follow_the_model(panel: Watched) -> None:
    panel.do("abilities", **{"for": "edit", "model": "local"})
    local = panel.last("abilities")
    panel.do("abilities", **{"for": "edit", "model": "gemini"})
    gemini = panel.last("abilities")
    assert local["seed"]
    assert not local["boxes"]
    assert gemini["ratios"]
    assert gemini["references"] > 3


def test_the_cost_is_told_before(cat: Watched) -> None:
    cat.do("estimate", what="edit", prompt="warmer", model="", options={})
    assert cat.last("estimate")["text"] == "local:builtin · free"
    cat.do("estimate", what="edit", prompt="warmer", model="local", options={"strength": "0.5"})
    assert "does not take a strength" in cat.last("estimate")["problem"]
    assert cat.panel.studio.store.session(cat.panel.session.id).turns == 1


def test_history_moves_and_branches(cat: Watched) -> None:
    run(cat, "warmer")
    cat.do("look", turn=1)
    assert (cat.state["base"]["turn"], cat.state["head"]) == (1, 2)
    run(cat, "pencil drawing")
    assert cat.panel.session.turn("t3").record.parent == 1, "what is looked at is what is edited"
    assert cat.state["head"] == 3
    cat.do("undo")
    assert cat.state["head"] == 1
    assert cat.state["redo"]
    cat.do("redo")
    assert cat.state["head"] == 3
    cat.do("checkout", turn=2)
    assert (cat.state["base"]["turn"], cat.state["head"]) == (2, 2)


def test_the_panel_and_the_kernel_share_one_head(cat: Watched, studio: Studio) -> None:
    session = studio.session("fox")
    turn = session.edit("warmer")
    cat.panel.settle()
    assert cat.state["base"]["turn"] == turn.number
    cat.do("undo")
    assert studio.session("fox").head.number == 1


def test_a_cell_replaces_the_picture_while_a_mask_is_drawn(cat: Watched, studio: Studio) -> None:
    before = cat.panel.base.picture.sha256
    cat.do("pin", on=True)
    studio.session("fox").edit("warmer")
    cat.panel.settle()
    assert cat.panel.base.picture.sha256 == before, "the picture stays while the mask is drawn on it"
    assert cat.state["newer"] == "t2"
    cat.do("head")
    run(cat, "cooler", "edit", png(451, 300, "white"), mask={"sha": before})
    assert "replaced while the mask was drawn" in cat.error


def test_a_mask_confines_the_edit(cat: Watched) -> None:
    before = cat.panel.base.picture.array()
    mask = Image.new("L", (451, 300), 0)
    mask.paste(255, (100, 100, 200, 200))
    file = io.BytesIO()
    mask.save(file, "PNG")
    run(cat, "make it brighter", "edit", file.getvalue(), mask={"sha": cat.panel.base.picture.sha256})
    turn = cat.panel.session.turn("t2")
    after = turn.picture.array()
    outside = np.ones((300, 451), bool)
    outside[100:200, 100:200] = False
    assert turn.mask.size == (451, 300)
    assert np.array_equal(before[outside], after[outside])
    assert not np.array_equal(before, after)
    assert cat.state["turn"]["masked"]


def test_a_mask_painted_smaller_is_brought_to_the_true_size(cat: Watched) -> None:
    mask = Image.new("L", (90, 60), 0)
    mask.paste(255, (0, 0, 45, 60))
    file = io.BytesIO()
    mask.save(file, "PNG")
    run(cat, "make it brighter", "edit", file.getvalue(), mask={"sha": cat.panel.base.picture.sha256})
    assert cat.panel.session.turn("t2").mask.size == (451, 300)


def test_an_empty_mask_is_an_error(cat: Watched) -> None:
    run(cat, "warmer", "edit", png(451, 300, "black"), mask={"sha": cat.panel.base.picture.sha256})
    assert "mask is empty" in cat.error


def test_a_turn_with_several_pictures_is_edited_from_the_one_shown(panel: Watched) -> None:
    run(panel, "a red circle", "generate", options={"n": "3"})
    assert len(panel.state["turn"]["pictures"]) == 3
    panel.do("look", turn=1, pick=2)
    run(panel, "warmer")
    assert panel.panel.session.turn("t2").record.picked == 2


def test_questions_follow_each_other_and_stay_beside_the_line(cat: Watched) -> None:
    cat.do("ask", prompt="what size is it?")
    assert "451" in cat.state["chat"][0]["text"]
    cat.do("ask", prompt="and how bright is it?")
    assert [entry["id"] for entry in cat.state["chat"]] == ["t2", "t3"]
    assert cat.panel.session.turn("t3").record.parent == 2
    assert cat.state["head"] == 1
    cat.do("ask", prompt="what size is it?", anew=True)
    assert cat.panel.session.turn("t4").record.parent == 1


def test_a_second_run_while_one_is_at_work_is_refused_in_words(panel: Watched, slow: Any) -> None:
    panel.panel.handle({"do": "open", "text": "sample:chelsea"})
    panel.panel.handle({"do": "run", "what": "edit", "prompt": "first", "model": "gemini", "options": {}})
    slow.wait_for(lambda rows: rows)
    panel.panel.act({"do": "run", "what": "edit", "prompt": "second", "model": "gemini", "options": {}})
    assert "Still working on 'first'" in panel.error
    assert panel.panel.busy
    panel.panel.act({"do": "stop"})
    panel.panel.settle()


def test_stop_cancels_the_request_and_leaves_no_turn(panel: Watched, slow: Any) -> None:
    panel.panel.handle({"do": "open", "text": "sample:chelsea"})
    panel.panel.handle({"do": "run", "what": "edit", "prompt": "first", "model": "gemini", "options": {}})
    slow.wait_for(lambda rows: rows)
    panel.panel.handle({"do": "stop"})
    slow.wait_for(lambda rows: any(row["state"] == "client left" for row in rows))
    panel.panel.settle()
    row = panel.panel.studio.store.spend_rows()[0]
    assert row.state == "unknown", "the books are closed when the panel says so"
    assert re.fullmatch(r"Stopped after \d+ s; it may have been billed, about \$0\.\d+ is counted\.", panel.error)
    assert panel.state["session"]["turns"] == 0
    assert not panel.panel.busy


def test_a_wait_for_a_tired_service_counts_all_attempts(panel: Watched, gemini: Any) -> None:
    gemini.control({"kind": "status", "status": 503})
    panel.panel.studio.settings.retries = 1
    run(panel, "a fox", "generate", model="gemini")
    waits = [content["run"]["waiting"] for content, _ in panel.all("progress") if content["run"]["waiting"]]
    assert waits
    assert all(words.endswith("(attempt 2 of 2)") for words in waits)
    assert panel.state["session"]["turns"] == 1


def test_a_mask_that_was_sent_holds_the_picture_no_longer(cat: Watched) -> None:
    cat.do("pin", on=True)
    run(cat, "make it brighter", "edit", png(451, 300, "white"), mask={"sha": cat.panel.base.picture.sha256})
    assert cat.state["base"]["turn"] == 2


def test_a_mask_painted_while_a_call_runs_keeps_its_picture(cat: Watched, gate: threading.Event) -> None:
    before = cat.panel.base.picture.sha256
    cat.panel.handle({"do": "run", "what": "edit", "prompt": "warmer", "options": {}})
    cat.panel.handle({"do": "pin", "on": True})
    cat.panel.later(gate.set)
    cat.panel.settle()
    assert cat.state["base"]["sha"] == before
    assert (cat.state["head"], cat.state["newer"]) == (2, "t2")
    cat.do("head")
    assert cat.state["base"]["turn"] == 2


def test_a_call_that_ends_in_another_session_leaves_the_stage_alone(cat: Watched, gate: threading.Event) -> None:
    cat.panel.handle({"do": "run", "what": "edit", "prompt": "warmer", "options": {}})
    cat.panel.handle({"do": "session", "name": "owl"})
    cat.panel.handle({"do": "open", "text": "sample:coffee"})
    cat.panel.later(gate.set)
    cat.panel.settle()
    assert cat.state["session"]["name"] == "owl"
    assert cat.state["base"]["name"] == "sample:coffee"
    assert cat.last("done")["text"].startswith("Done: t2 of session 'fox'")


@pytest.fixture
def gate(cat: Watched, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what holds back how a call ended until it is set, so that something can be done before."""
    opened = threading.Event()
    done = cat.panel.runner._done

    def held(*given: Any) -> None:
        opened.wait(10)
        done(*given)

    monkeypatch.setattr(cat.panel.runner, "_done", held)
    return opened


def test_boxes_need_words_before_anything_is_sent(cat: Watched) -> None:
    cat.do("ask", prompt=" ", boxes="")
    assert "Type what to find" in cat.error
    assert cat.state["session"]["turns"] == 1


def test_questions_about_a_picture_that_was_brought_in_are_found_again(panel: Watched, watch: Callable[..., Watched]) -> None:
    panel.do("open", text="sample:chelsea")
    panel.do("ask", prompt="what size is it?")
    assert panel.state["base"]["name"] == "sample:chelsea", "the picture stays on the stage"
    sha = panel.state["base"]["sha"]
    again = watch("fox")
    assert again.state["base"]["sha"] == ""
    assert [(node["key"], node["after"]) for node in again.state["nodes"]] == [(sha, None), ("t1", sha)]
    assert again.panel.thumbnails.thumbnail(sha) is not None
    again.do("look", turn=1)
    assert again.state["base"]["sha"] == sha
    assert again.state["chat"][0]["prompt"] == "what size is it?"
    again.do("ask", prompt="and how bright is it?")
    assert [entry["id"] for entry in again.state["chat"]] == ["t1", "t2"]


def test_undo_takes_a_picture_that_was_brought_in_off_the_stage_first(cat: Watched) -> None:
    cat.do("open", text="sample:coffee")
    cat.do("undo")
    assert (cat.state["base"]["turn"], cat.state["head"]) == (1, 1)
    assert "back to t1" in cat.last("notice")["text"]
    cat.do("undo")
    assert cat.state["head"] is None


@pytest.fixture
def gemini(start_emulator: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a service that answers."""
    emulator = start_emulator("gemini")
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-test-key")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", emulator.url)
    yield emulator
    emulator.reset()


@pytest.fixture
def slow(gemini: Any) -> Any:
    """Return a service that takes a request and never answers."""
    gemini.control({"kind": "hang", "times": 10})
    return gemini


def test_an_interrupt_in_a_handler_leaves_the_panel_usable(cat: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cat.panel.actions.history, "do_undo", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        cat.panel.act({"do": "undo"})
    assert "Interrupted" in cat.error
    cat.do("undo")
    assert cat.state["head"] is None


def test_a_page_of_another_version_is_told(panel: Watched) -> None:
    panel.do("fly")
    assert "different versions" in panel.error


def test_what_another_process_did_is_seen(cat: Watched, home: Any) -> None:
    other = Studio(home=home)
    other.session("fox").edit("warmer")
    other.close()
    cat.panel.look_around()
    cat.panel.settle()
    assert [node["number"] for node in cat.state["nodes"]] == [None, 1, 2]
    assert cat.state["head"] == 1, "this kernel's head is its own"


def test_what_the_panel_did_itself_is_no_news(cat: Watched) -> None:
    run(cat, "warmer")
    cat.do("look", turn=1)
    cat.panel.look_around()
    cat.panel.settle()
    assert cat.state["newer"] == ""


def test_a_panel_that_is_gone_is_no_burden(watch: Callable[..., Watched], studio: Studio) -> None:
    panel = watch("gone").panel
    listeners = len(studio.shared.listeners)
    panel.close()
    assert len(studio.shared.listeners) == listeners - 1
    studio.session("gone").generate("a red circle")
