"""A batch in the tree of the session it was made beside: one node, with its counts, its cost and where its turns are."""

from __future__ import annotations

from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img import display
from notebook_img.cli import main
from tests.batches.conftest import MODEL


def test_a_batch_is_one_node_with_its_counts_and_its_cost(paid: ni.Studio, photos: Path) -> None:
    batch = paid.batch.edit("make it {word}", "photos/*.png", over={"word": ["night"]}, model=MODEL, budget=3)
    drawn = paid.session().tree()
    cost = display.money(batch.cost)
    assert drawn.text.splitlines() == [
        f"Session {paid.session().name}: 0 turns; 1 batch",
        "",
        f"b1  make it {{word}} (12 of 12 done, {cost}, in {batch.name})",
    ]
    assert drawn.html.count("<img") == 1
    assert f"12 of 12 done, {cost}, in {batch.name}" in drawn.html
    own = batch.session.tree().text
    assert own.startswith(f"Session {batch.name}: 12 turns\n")


def test_batches_stand_after_the_turns_and_take_no_turn_s_place(studio: ni.Studio, photos: Path) -> None:
    first = studio.generate("a red circle on white")
    (photos / "cat 5.png").write_bytes(b"no picture")
    studio.batch.edit("rotate 90 degrees", "photos/*.png", first=3)
    studio.generate("a blue circle on white")
    lines = studio.session().tree().text.splitlines()
    assert lines[0].endswith(": 2 turns; 1 batch")
    assert lines[-1].startswith("b1  rotate 90 degrees (3 of 12 done, 1 failed, 8 to do, in ")
    assert [line.split()[0] for line in lines[1:3]] == ["t1", "t2"]
    assert "b1" not in studio.session().tree(first).text  # made after it


def test_of_many_batches_the_latest_are_drawn(studio: ni.Studio, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notebook_img.tree.batches.MOST_BATCHES", 2)
    for number in (1, 2, 3, 4):
        studio.batch.edit(f"rotate {90 * number} degrees", ["photos/cat 1.png"])
    lines = studio.session().tree().text.splitlines()
    assert lines[0].endswith("; 4 batches")
    assert lines[2] == "… 2 older batches not drawn"
    assert [line.split()[0] for line in lines[3:]] == ["b3", "b4"]


def test_a_shell_draws_it_too(studio: ni.Studio, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    studio.batch.edit("rotate 90 degrees", "photos/*.png")
    assert main(["tree", studio.session().name]) == 0
    assert "b1  rotate 90 degrees (12 of 12 done, in " in capsys.readouterr().out
