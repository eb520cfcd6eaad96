"""Pictures from outside: uploads in pieces, fields, variables; and what is no picture."""

from __future__ import annotations

import io
import sys
import types

import numpy as np
import pytest
from PIL import Image

from notebook_img.widgets import uploads
from tests.widgets.conftest import Watched, png


def upload(panel: Watched, data: bytes, name: str = "photo.png", role: str = "base", piece: int = 512 * 1024) -> None:
    count = max(1, -(-len(data) // piece))
    for index in range(count):
        part = data[index * piece : (index + 1) * piece]
        panel.do("upload", part, token="u1", index=index, count=count, name=name, size=len(data), role=role)


def test_an_upload_lands_on_the_stage_with_its_own_bytes(panel: Watched) -> None:
    data = png(64, 48)
    upload(panel, data)
    assert panel.panel.base.picture.data == data
    assert panel.state["base"]["name"] == "photo.png"
    assert panel.state["base"]["broughtIn"]
    assert panel.all("picture")[-1][1], "the stage gets pixels as a buffer"


def test_an_upload_of_40_mb_comes_in_pieces(panel: Watched) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (3700, 3700, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    data = file.getvalue()
    assert len(data) > 40_000_000
    upload(panel, data, piece=4_000_000)
    assert panel.panel.base.picture.sha256
    assert panel.panel.base.picture.size == (3700, 3700)
    assert not panel.error


def test_an_upload_above_the_limit_is_refused_at_its_first_piece(panel: Watched) -> None:
    panel.panel.studio.settings.set("max_bytes", "1MB")
    panel.do("upload", b"x" * 100, token="big", index=0, count=100, name="big.png", size=40_000_000, role="base")
    assert "big.png has 40 MB, and the limit is 1 MB" in panel.error
    assert panel.panel.base.picture is None


def test_an_upload_that_is_no_image_says_what_it_is(panel: Watched) -> None:
    upload(panel, b"%PDF-1.7 hello", "report.pdf")
    assert "report.pdf" in panel.error
    assert panel.last("error")["token"] == "u1"
    assert panel.panel.base.picture is None


def test_an_empty_upload_is_told(panel: Watched) -> None:
    upload(panel, b"", "nothing.png")
    assert "nothing.png is empty" in panel.error


def test_heic_is_shown_or_told_what_it_needs(panel: Watched) -> None:
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs pillow-heif: pip install 'notebook-img[heic]'")
    heif.register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "HEIF")
    upload(panel, file.getvalue(), "phone.heic")
    assert panel.panel.base.picture is not None
    assert panel.panel.base.picture.size == (64, 48)
    picture, buffers = panel.all("picture")[-1]
    assert picture["type"] in ("image/jpeg", "image/png"), "browsers show no HEIC"
    assert buffers


def test_references_are_kept_apart_from_the_stage(panel: Watched) -> None:
    upload(panel, png(30, 30, "red"), "style.png", role="reference")
    assert panel.panel.base.picture is None
    assert [item["name"] for item in panel.state["references"]] == ["style.png"]
    assert panel.last("notice")["text"] == "style.png is a reference now."
    panel.do("drop_reference", sha=panel.state["references"][0]["sha"])
    assert panel.state["references"] == []


@pytest.mark.parametrize("text", ["sample:chelsea", "{photo}", "photo", "where"])
def test_the_field_takes_samples_and_variables(panel: Watched, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    names = {"photo": Image.new("RGB", (12, 10), "blue"), "where": "sample:coffee"}
    monkeypatch.setattr(uploads, "names_in_notebook", lambda: names)
    panel.do("open", text=text)
    assert panel.panel.base.picture is not None, panel.error


def test_the_field_takes_a_path(panel: Watched, tmp_path) -> None:
    path = tmp_path / "on disk.png"
    path.write_bytes(png())
    panel.do("open", text=str(path))
    assert panel.panel.base.name == "on disk.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "Write a path"), ("nothere.png", "There is no file"), ("number", "holds no image but int"), ("{gone}", "no variable 'gone'")],
)
def test_the_field_says_what_is_wrong(panel: Watched, monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.setattr(uploads, "names_in_notebook", lambda: {"number": 7})
    panel.do("open", text=text)
    assert words in panel.error


def test_variables_that_hold_images_are_offered(panel: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"photo": Image.new("RGB", (4, 4)), "_hidden": Image.new("RGB", (4, 4)), "x": 3, "array": np.zeros((4, 4), np.uint8)}
    shell = types.SimpleNamespace(user_ns=names)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    panel.do("variables")
    assert panel.last("variables")["names"] == ["array", "photo"]


def test_a_session_that_is_deleted_elsewhere_is_told_and_another_can_be_chosen(panel: Watched) -> None:
    store = panel.panel.studio.store
    store.delete_session(panel.panel.session.id)
    panel.do("run", what="generate", prompt="a red circle", options={})
    assert "was deleted elsewhere" in panel.error
    panel.panel.look_around()
    panel.panel.settle()
    assert panel.all("gone")
    panel.do("session", name="other")
    panel.do("run", what="generate", prompt="a red circle", options={})
    assert panel.state["session"]["turns"] == 1
