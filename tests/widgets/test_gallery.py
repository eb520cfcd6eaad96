"""The gallery: photographs beside what was made, stars, files taken away, deleting with what comes of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from notebook_img.store import Store
from tests.studio.test_privacy import photograph, told
from tests.widgets.conftest import Watched
from tests.widgets.test_turns import run


@pytest.fixture
def shop(panel: Watched, tmp_path: Path) -> Watched:
    """A panel of two photographs: mug.jpg with t1, t2, t3 (t3 beside t2), plate.jpg with t4, and two drawings t5."""
    for name, prompts in (("mug.jpg", ("warmer", "sepia")), ("plate.jpg", ("cooler",))):
        Image.new("RGB", (60, 40), "orange" if name == "mug.jpg" else "navy").save(tmp_path / name)
        panel.do("open", text=str(tmp_path / name))
        for prompt in prompts:
            run(panel, prompt)
        if name == "mug.jpg":
            panel.do("look", turn=1)
            run(panel, "vignette")
    run(panel, "a red circle", "generate", options={"n": "2"})
    return panel


def rows(panel: Watched, **filters: Any) -> list[dict[str, Any]]:
    panel.do("gallery", token=1, **filters)
    return panel.last("gallery")["rows"]


def named(panel: Watched, *ids: str) -> list[int]:
    return [row["cursor"] for row in rows(panel) if row["id"] in ids]


def file_of(panel: Watched) -> tuple[str, bytes]:
    last = panel.last("file")
    pieces = [buffers[0] for content, buffers in panel.all("file") if content["token"] == last["token"]]
    return last["name"], b"".join(pieces)


def test_photographs_stand_beside_what_was_made_of_them_each_once(shop: Watched) -> None:
    shown = [row["id"] for row in rows(shop)]
    assert shown == ["fox/t5.2", "fox/t5.1", "fox/t4.1", "plate.jpg", "fox/t3.1", "fox/t2.1", "fox/t1.1", "mug.jpg"]
    assert [row["id"] for row in rows(shop, show="sources")] == ["plate.jpg", "mug.jpg"]
    assert [row["id"] for row in rows(shop, show="made")] == [each for each in shown if each.startswith("fox")]
    assert [row["id"] for row in rows(shop, search="warmer")] == ["fox/t1.1", "mug.jpg"], "found with the words it was used for"
    shop.do("send", session=shop.panel.session.id, turn=1, index=1, source=True, to="edit")
    assert shop.state["base"]["name"] == "mug.jpg"
    assert shop.state["base"]["broughtIn"]


def test_a_star_belongs_to_the_picture_and_lasts(shop: Watched, home: Path) -> None:
    shop.do("star", rows=named(shop, "fox/t2.1", "mug.jpg"), on=True)
    assert shop.last("stars")["on"]
    assert [row["id"] for row in rows(shop, show="starred")] == ["fox/t2.1", "mug.jpg"]
    with Store.open(home) as other:
        assert {row.id for row in other.gallery(show="starred")} == {"fox/t2.1", "mug.jpg"}
    shop.do("star", rows=named(shop, "mug.jpg"), on=False)
    assert [row["id"] for row in rows(shop, show="starred")] == ["fox/t2.1"]
    shop.do("delete", rows=named(shop, "fox/t2.1"), count=9)
    assert rows(shop, show="starred") == []


def test_one_is_taken_away_as_its_file_and_several_as_a_zip_named_after_their_photographs(shop: Watched) -> None:
    shop.do("take", rows=named(shop, "fox/t2.1"))
    name, data = file_of(shop)
    assert name == "mug-t2.jpg"
    assert data == shop.panel.session.turn("t2").picture.data
    shop.do("take", rows=named(shop, "fox/t1.1", "fox/t4.1", "fox/t5.2", "mug.jpg"))
    name, data = file_of(shop)
    assert name == "pictures.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sorted(archive.namelist()) == ["fox-t5-2.png", "mug-t1.jpg", "mug.jpg", "plate-t4.jpg"]
        assert archive.read("mug.jpg") == shop.panel.session.turn("t1").inputs[0].data


def test_photographs_are_taken_away_without_place_and_owner_and_a_lost_file_holds_back_no_other(
    panel: Watched, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "mug.jpg").write_bytes(photograph())
    panel.do("open", text=str(tmp_path / "mug.jpg"))
    run(panel, "grayscale")
    assert told(panel.panel.session.turn("t1").inputs[0].data)
    panel.do("take", rows=named(panel, "mug.jpg"))
    assert not told(file_of(panel)[1])
    [lost] = home.rglob(f"{panel.panel.session.turn('t1').picture.sha256}.*")
    lost.unlink()
    panel.do("take", rows=named(panel, "mug.jpg", "fox/t1.1"))
    with zipfile.ZipFile(io.BytesIO(file_of(panel)[1])) as archive:
        assert archive.namelist() == ["mug.jpg"]
        assert not told(archive.read("mug.jpg"))
    assert panel.last("notice")["text"].startswith("Missing from the zip: fox/t1.1. ")


def test_deleting_says_what_goes_with_it_and_does_nothing_before_it_is_agreed_to(shop: Watched) -> None:
    wanted = named(shop, "fox/t1.1")
    shop.do("deletion", rows=wanted)
    told = shop.last("deletion")
    assert told["count"] == 3
    assert told["lines"] == ["What comes of fox/t1 goes too: t2, t3."]
    assert shop.panel.studio.store.session(shop.panel.session.id).turns == 5
    shop.do("look", turn=2)
    run(shop, "cooler")
    shop.do("delete", rows=wanted, count=3)
    assert shop.last("deletion")["count"] == 4, "more would go by now, so it is asked again"
    shop.do("delete", rows=wanted, count=4)
    assert [row["id"] for row in rows(shop)] == ["fox/t5.2", "fox/t5.1", "fox/t4.1", "plate.jpg"]
    assert "Deleted 4 turns" in shop.last("notice")["text"]
    assert shop.error == ""


def test_a_photograph_goes_with_its_lines_and_a_turn_with_all_its_pictures(shop: Watched) -> None:
    shop.do("deletion", rows=named(shop, "mug.jpg", "fox/t5.1"))
    told = shop.last("deletion")
    assert told["count"] == 4
    assert told["lines"] == [
        "fox/t5 goes with all its pictures.",
        "mug.jpg starts t1 of session fox.",
        "What comes of fox/t1 goes too: t2, t3.",
    ]
    shop.do("delete", rows=named(shop, "mug.jpg", "fox/t5.1"), count=4)
    assert [row["id"] for row in rows(shop)] == ["fox/t4.1", "plate.jpg"]
    shop.do("take", rows=[999_999])
    assert shop.error == "These pictures were deleted. Open the gallery again to see what is there now."


def test_deleting_in_another_session_leaves_this_one(shop: Watched, watch: Callable[..., Watched]) -> None:
    other = watch("owl")
    run(other, "a blue circle", "generate")
    other.do("delete", rows=named(other, "fox/t4.1"), count=1)
    assert [node["key"] for node in other.state["nodes"]] == ["t1"]
    shop.panel.settle()
    assert "t4" not in [node["key"] for node in shop.state["nodes"]]
