"""Sessions in a real kernel: opened, moved through, deleted, exported, and where things stand without arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.jupyter.kernels import Kernel
from tests.jupyter.test_magics import last


def test_a_session_is_opened_or_created_and_said(kernel: Kernel) -> None:
    assert "created" in kernel.good("%imgsession fox").text
    kernel.good("%imggen a red circle")
    kernel.good("%imgsession other")
    assert "opened, 1 turn" in kernel.good("%imgsession fox").text
    assert "created" in kernel.good("ni.session('hen')").text
    assert "created" in kernel.good("%imggen -s goose a blue circle").text
    assert kernel.value("ni.session().name") == "hen", "-s does not change the current session"
    assert kernel.value("ni.session('goose').head.prompt") == "a blue circle"
    assert "created" in kernel.good("%imgedit -s duck sample:chelsea invert").text
    ran = kernel.run("%askimage -s dukc what size is it?")
    assert "Did you mean 'duck'" in ran.error


def test_questions_hang_beside_the_line(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    kernel.good("%askimage what size is it?")
    kernel.good("%askimage how bright is it?")
    assert kernel.value("[(t.id, t.kind, t.parent and t.parent.id) for t in ni.session().turns]") == [
        ["t1", "edit", None],
        ["t2", "ask", "t1"],
        ["t3", "ask", "t2"],
    ]
    assert kernel.value("ni.session().head.id") == "t1"
    kernel.good("%imgedit warmer")
    kernel.good("%askimage what size is it?")
    assert last(kernel, "t.parent.id") == "t4", "the head has moved, so it is asked about"


def test_undo_redo_checkout_and_delete_move_the_head(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    kernel.good("%imgedit warmer")
    ran = kernel.good("%imgsession undo")
    assert ran.drawn == 1
    assert "t1" in ran.text
    assert kernel.value("ni.session().head.id") == "t1"
    kernel.good("%imgsession redo")
    assert kernel.value("ni.session().head.id") == "t2"
    kernel.good("%imgsession checkout t1")
    kernel.good("%imgedit sepia")
    assert last(kernel, "(t.id, t.parent.id)") == ["t3", "t1"]
    assert "t3" in kernel.good("%imgsession tree").text
    assert kernel.run("%imgsession delete t2").status == "error"
    kernel.good("%imgsession delete t2 --yes")
    assert kernel.value("[t.id for t in ni.session().turns]") == ["t1", "t3"]
    kernel.good("%imgsession undo\n%imgsession undo")
    assert kernel.value("ni.session().head") is None
    assert "nothing to undo" in kernel.run("%imgsession undo").error


def test_after_the_session_in_use_was_deleted_it_is_said_where_work_goes_on(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    name = kernel.value("ni.session().name")
    kernel.good(f"%imgsession delete {name} --yes")
    text = kernel.good("%imgedit sample:chelsea warmer").text
    assert "elsewhere" not in text
    assert f"The session in use was deleted; work goes on in session {kernel.value('ni.session().name')!r}." in text


def test_no_arguments_show_where_things_stand(kernel: Kernel) -> None:
    front = kernel.good("%img")
    for part in ("session", "current turn", "edits go to", "ready", "spent today", "%imgedit", "%img key gemini"):
        assert part in front.text
    status = kernel.good("%imgsession")
    assert "current turn" in status.text
    assert kernel.good("%imgmcp").printed
    assert "crop" in kernel.good("%img local").text
    assert "notebook_img" in kernel.good("%img doctor").text


def test_the_list_of_models_tells_price_day_and_source(kernel: Kernel) -> None:
    lines = kernel.good("%img models nano-banana-2.1").text.splitlines()
    (row,) = (line for line in lines if line.startswith("gemini:gemini-nano-banana-2.1 "))
    price, read_on, source = (row[lines[2].index(name) :].split("  ")[0].strip() for name in ("price", "read on", "from"))
    assert price.startswith("$")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", read_on)
    assert source.startswith("Google's model and price pages")
    assert not any(line.startswith("openai:") for line in lines), "only those with the word in their name"


@pytest.mark.parametrize("command", ["list", "tree", "cost", "show", "show t1", "show t1 t2"])
def test_looking_back_works(kernel: Kernel, command: str) -> None:
    kernel.good("%imgedit sample:chelsea invert\n%imgedit warmer")
    assert kernel.good(f"%imgsession {command}").shown


def test_rename_pack_export_and_import_keep_everything(kernel: Kernel, place: Path) -> None:
    name = kernel.value("ni.session().name")
    kernel.good("%imgedit sample:chelsea invert\n%imgedit warmer")
    kernel.good(f"%imgsession rename {name}-renamed")
    assert kernel.value("ni.session().name") == f"{name}-renamed"
    kernel.good(f"%imgsession export {name}.zip")
    kernel.good(f"%imgsession delete {name}-renamed --yes")
    kernel.good(f"%imgsession import {name}.zip")
    assert kernel.value(f"[t.prompt for t in ni.session('{name}-renamed').turns]") == ["invert", "warmer"]
    ran = kernel.good("%imgsession pack")
    assert ".pictures.zip" in ran.text
    assert list(place.glob("*.pictures.zip"))
    for each in place.glob("*.pictures.zip"):
        each.unlink()
