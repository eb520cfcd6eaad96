"""Comparing, taking away, the gallery; and what is left in a saved notebook."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import pytest
from PIL import Image

from notebook_img import Studio
from notebook_img.records import Origin, PictureUse, TurnRecord
from notebook_img.widgets import front
from tests.widgets.conftest import Watched, png
from tests.widgets.test_turns import cat, run  # noqa: F401 - a fixture


def test_a_comparison_has_both_pictures_and_their_difference(cat: Watched) -> None:  # noqa: F811
    cat.do("compare")
    content, buffers = cat.all("compare")[-1]
    assert content["labels"] == ["sample:chelsea", "t1"]
    assert len(buffers) == 2
    difference, heat = cat.all("difference")[-1]
    assert difference["summary"].endswith("% changed")
    assert "PSNR" in " ".join(difference["numbers"])
    assert heat
    assert content["sizes"] == [(451, 300), (451, 300)]
    # One looks closely at both.
    for sha, part in zip(content["shas"], ([100, 100, 200, 150], [100, 100, 200, 150]), strict=True):
        cat.do("detail", sha=sha, box=part, wide=400)
        detail, (data,) = cat.all("detail")[-1]
        assert detail["sha"] == sha
        assert Image.open(io.BytesIO(data)).size == (100, 50)


def test_a_picture_that_was_made_from_words_needs_another_to_compare_with(panel: Watched) -> None:
    run(panel, "a red circle", "generate")
    panel.do("compare")
    assert "made from words alone" in panel.error


def test_a_download_is_the_original_byte_for_byte(cat: Watched) -> None:  # noqa: F811
    cat.do("download")
    pieces = cat.all("file")
    assert b"".join(buffers[0] for _, buffers in pieces) == cat.panel.base.picture.data
    assert pieces[0][0]["name"] == "chelsea-t1.jpg"


def test_the_gallery_pages_searches_and_filters(panel: Watched) -> None:
    store = panel.panel.studio.store
    sha = store.put_picture(data := png())
    other = store.create_session("other")
    for number in range(150):
        session = panel.panel.session.id if number % 2 else other.id
        use = PictureUse(sha, "output", "image/png", 40, 30, len(data))
        store.add_turn(
            TurnRecord(session, 0, "generate", f"picture {number}", "local:builtin", pictures=(use,)), {sha: data}, move_head=False
        )
    panel.do("gallery", token=1)
    first = panel.last("gallery")
    assert first["more"]
    assert first["rows"][0]["prompt"] == "picture 149"
    panel.do("gallery", token=1, before=first["cursor"])
    second = panel.last("gallery")
    assert len(first["rows"]) + len(second["rows"]) == 150
    panel.do("gallery", token=2, search="picture 14")
    assert len(panel.last("gallery")["rows"]) == 11
    panel.do("gallery", token=3, session=other.id)
    assert len(panel.last("gallery")["rows"]) == 75
    panel.do("gallery", token=4, model="openai")
    assert panel.last("gallery")["rows"] == []


def test_what_one_view_asks_for_is_not_answered_to_another(cat: Watched) -> None:  # noqa: F811
    for action, kind, message in (
        ("download", "file", {}),
        ("magic", "magic", {}),
        ("compare", "compare", {}),
        ("compare", "difference", {}),
        ("gallery", "gallery", {"token": 1}),
        ("variables", "variables", {}),
        ("abilities", "abilities", {"for": "edit", "model": ""}),
        ("estimate", "estimate", {"what": "edit", "prompt": "warmer"}),
    ):
        cat.do(action, view="second", **message)
        assert cat.last(kind)["view"] == "second", kind
    cat.do("open", text="nothere.png", view="second")
    assert cat.last("error")["view"] == "second"
    run(cat, "warmer", view="second")
    assert "view" not in cat.last("done"), "how a call ended is for all"


def test_a_comparison_from_the_gallery_says_that_it_is_none_of_the_choices(cat: Watched, studio: Studio) -> None:  # noqa: F811
    turn = studio.session("dog").generate("a red circle")
    cat.do("compare")
    assert not cat.last("compare")["brought"]
    cat.do("send", session=turn.session.id, turn=1, index=1, to="compare")
    assert cat.last("compare")["brought"]
    assert cat.last("compare")["labels"] == ["dog/t1", "t1"]


def test_thumbnails_come_when_they_are_wanted(cat: Watched) -> None:  # noqa: F811
    sha = cat.state["base"]["sha"]
    thumbnails = cat.panel.thumbnails
    seen = thumbnails.thumbnail(sha)
    assert seen is not None
    assert max(seen.width, seen.height) <= 224
    assert thumbnails.thumbnail("0" * 64) is None


def test_a_picture_of_another_session_is_brought_in_with_its_name(cat: Watched, studio: Studio) -> None:  # noqa: F811
    turn = studio.session("dog").generate("a red circle")
    cat.do("send", session=turn.session.id, turn=1, index=1, to="edit")
    assert cat.state["base"]["name"] == "dog/t1"
    cat.do("send", session=turn.session.id, turn=1, index=1, to="reference")
    assert cat.state["references"][0]["name"] == "dog/t1"
    run(cat, "warmer")
    assert cat.panel.session.turn("t2").parent is None


# What is saved ------------------------------------------------------------------------------------


def test_no_trait_holds_pixels(cat: Watched) -> None:  # noqa: F811
    state = {name: value for name, value in cat.panel.get_state().items() if name not in ("_esm", "_css", "layout")}
    assert not any(isinstance(value, (bytes, memoryview)) for value in state.values())
    assert len(json.dumps(state, default=str)) < 2_000


def test_what_was_typed_into_open_is_not_saved_with_the_notebook(cat: Watched) -> None:  # noqa: F811
    cat.do("open", text="private-client/draft.png")
    assert "private-client" in cat.error
    assert "private-client" not in json.dumps(cat.panel.get_state(), default=str)


def test_the_bundle_has_a_picture_and_words_for_those_without_widgets(cat: Watched) -> None:  # noqa: F811
    bundle = cat.panel._repr_mimebundle_()
    assert "session 'fox', at t1 (451 × 300)" in bundle["text/plain"]
    assert base64.b64decode(bundle["image/jpeg"])
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == cat.panel.model_id
    assert len(json.dumps(bundle)) < 100_000


def test_what_is_left_after_20_turns_stays_far_below_a_megabyte(cat: Watched, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    shown: dict[str, Any] = {}

    def display(data: Any, *, raw: bool, display_id: bool = False, **_: Any) -> Any:
        key = f"output {len(shown)}"
        shown[key] = data
        return type("Handle", (), {"update": lambda _self, data, **_: shown.update({key: data})})() if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    cat.panel._ipython_display_()
    for number in range(20):
        run(cat, f"caption 'number {number}'")
    assert len(shown) == 2
    assert len(json.dumps([shown, cat.panel.get_state()], default=str)) < 500_000
    assert "t21" in shown["output 1"]["text/plain"]


def test_a_panel_that_is_shown_twice_leaves_its_latest_picture_in_both_places(cat: Watched, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    left: dict[int, str] = {}

    def display(data: Any, *, raw: bool, display_id: bool = False, **_: Any) -> Any:
        number = len(left)
        if not display_id:
            return None
        left[number] = data["text/plain"]
        return type("Handle", (), {"update": lambda _self, data, **_: left.update({number: data["text/plain"]})})()

    monkeypatch.setattr("IPython.display.display", display)
    cat.panel._ipython_display_()
    cat.panel._ipython_display_()
    run(cat, "warmer")
    assert ["at t2" in words for words in left.values()] == [True, True]


def test_the_script_is_one_module_without_imports() -> None:
    script = front.script()
    assert "\nimport " not in script
    assert script.count("export ") == 1
    assert "http://" not in script.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in script


def test_a_panel_of_no_session_name_is_that_of_the_current_one(studio: Studio) -> None:
    from notebook_img.widgets import Panel

    studio.session("current")
    panel = Panel(studio)
    assert panel.session_name == "current"
    assert panel.studio.origin == Origin(surface="panel")
    panel.close()


def test_no_two_modules_of_the_browsers_side_use_one_name() -> None:
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", front.script(), re.MULTILINE)
    assert sorted(names) == sorted(set(names)), "they are joined into one module"
