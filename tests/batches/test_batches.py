"""One call over many items: what is an item, what is written where, and what comes of each."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import notebook_img as ni
from notebook_img.errors import NotFoundError, OutputError, UsageError
from notebook_img.pictures import load
from notebook_img.records import Origin
from notebook_img.replay import Kernel
from tests.emulators.process import Running


def test_a_pattern_is_every_file_suffixes_in_any_case_and_numbers_in_order(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("rotate 90 degrees", "photos/*.png", output="out/{stem}-{i}.png")
    assert [item.label for item in batch][:4] == ["cat 1.png", "cat 2.png", "cat 3.PNG", "cat 4.png"]
    assert batch.counts.done == len(batch) == 12
    assert load("out/cat 10-10.png").height == 50
    assert "12 items (12 .png); 12 to do with local:builtin, free; 12 files." in studio.said[-1]  # type: ignore[attr-defined]


def test_a_folder_with_its_slash_is_its_pictures(studio: ni.Studio, photos: Path) -> None:
    assert len(studio.batch.ask("how large is it?", "photos/")) == 12


def test_an_item_is_a_turn_of_the_batchs_own_session_and_moves_no_head(studio: ni.Studio, photos: Path) -> None:
    fox = studio.session("fox")
    first = fox.generate("a red circle on white")
    batch = studio.batch.edit("blur", "photos/*.png")
    assert batch.name == "fox-b1"
    assert {item.turn.session.name for item in batch} == {"fox-b1"}
    assert fox.head == first
    assert batch.session.head is None
    assert [turn.id for turn in fox.turns] == ["t1"]


def test_the_frame_has_the_tables_own_index_and_typed_columns(studio: ni.Studio, photos: Path) -> None:
    table = pd.DataFrame({"photo": [f"photos/cat {n}.png" for n in (1, 2, 4)], "name": ["a", "b", "c"]}, index=["x", "y", "z"])
    table.index.name = "sku"
    batch = studio.batch.ask("facts", table, row="width int, height int, format str")
    frame = batch.frame(complete=True)
    assert list(frame.index) == ["x", "y", "z"]
    assert frame.index.name == "sku"
    assert list(frame.width) == [41, 42, 44]
    assert table.join(frame[["width", "format"]]).loc["y", "width"] == 42


def test_a_column_is_a_list_of_pictures(studio: ni.Studio, photos: Path) -> None:
    column = pd.Series(["photos/cat 1.png", "photos/cat 2.png"], index=[7, 9], name="photo")
    assert list(studio.batch.ask("facts", column, row="width int").frame().width.items()) == [(7, 41), (9, 42)]


class Polars:
    def to_dicts(self) -> list[dict[str, object]]:
        return [{"photo": "photos/cat 1.png", "by": 2}]


class Arrow:
    def to_pylist(self) -> list[dict[str, object]]:
        return [{"photo": "photos/cat 1.png", "by": 2}]


@pytest.mark.parametrize("table", [Polars(), Arrow(), [{"photo": "photos/cat 1.png", "by": 2}]])
def test_any_table_will_do(studio: ni.Studio, photos: Path, table: object) -> None:
    batch = studio.batch.edit("brighter by {by} %", table)
    assert batch[0].turn.prompt == "brighter by 2 %"  # type: ignore[union-attr]


def test_pictures_of_memory_are_items_too(studio: ni.Studio, photos: Path) -> None:
    made = studio.generate("a red circle on white")
    batch = studio.batch.edit("blur", [np.zeros((20, 30, 3), np.uint8), Image.new("RGB", (31, 20)), made, "sample:chelsea"])
    assert [item.picture.width for item in batch][:2] == [30, 31]
    assert batch.counts.done == 4


def test_combined_values_multiply_and_set_braces_or_options(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.generate("a {colour} circle on white", over={"colour": ["red", "blue"], "size": ["64x64", "32x32"]})
    assert [item.label for item in batch] == ["red · 64x64", "red · 32x32", "blue · 64x64", "blue · 32x32"]
    assert [item.picture.width for item in batch] == [64, 32, 64, 32]
    assert batch[3].turn.prompt == "a blue circle on white"  # type: ignore[union-attr]
    assert list(batch.frame()["size"]) == ["64x64", "32x32", "64x64", "32x32"]


def test_columns_of_a_table_never_set_options(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.generate("a {colour} circle on white", [{"colour": "red", "size": "64x64"}])
    assert batch[0].picture.width == 1024  # type: ignore[union-attr]


def test_what_failed_is_a_row_and_the_others_go_on(studio: ni.Studio, photos: Path) -> None:
    (photos / "cat 5.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    table = [{"photo": f"photos/cat {n}.png", "turn": turn} for n, turn in ((1, 90), (5, 90), (77, 90), (2, None))]
    batch = studio.batch.edit("rotate {turn} degrees", table)
    assert [item.state for item in batch] == ["done", "failed", "failed", "failed"]
    assert [item.label for item in batch.errors] == ["cat 5.png", "cat 77.png", "cat 2.png"]
    assert batch.errors[2].error == "{turn} has no value in this row."
    assert repr(batch) == "<Batch b1 in '" + batch.name + "': 1 of 4 done, 3 failed>"
    with pytest.raises(UsageError, match=r"3 of 4 items of batch b1 are not done"):
        batch.frame(complete=True)
    with pytest.raises(NotFoundError, match="has no turn; it failed: There is no file"):
        _ = batch[2].turn  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="3 of 4 items"):
        studio.batch.edit("rotate {turn} degrees", table, strict=True)


WRONG = {
    "an empty pattern": (lambda s: s.batch.edit("blur", "photos/*.webp"), NotFoundError, "No file is called like photos"),
    "an empty list": (lambda s: s.batch.edit("blur", []), UsageError, "over nothing"),
    "nothing": (lambda s: s.batch.edit("blur"), UsageError, "over something"),
    "one name for two": (lambda s: s.batch.edit("blur", "photos/*.png", output="out/x.png"), UsageError, "both be written to"),
    "one call over many": (lambda s: s.edit("blur", over=["photos/cat 1.png"]), UsageError, "one call.*ni.batch.edit"),
    "no such column": (lambda s: s.batch.edit("blur", [{"photo": "photos/cat 1.png"}], image="phto"), UsageError, "Did you mean 'photo'"),
    "no such brace": (lambda s: s.batch.edit("blur {stam}", "photos/*.png"), UsageError, "no field 'stam' .*Did you mean 'stem'"),
    "no such brace in -o": (lambda s: s.batch.edit("blur", "photos/*.png", output="{stam}.png"), UsageError, "Did you mean 'stem'"),
    "values for nothing": (lambda s: s.batch.edit("blur", "photos/*.png", over={"colour": ["red"]}), UsageError, "neither an option nor"),
    "all fail": (lambda s: s.batch.edit("blur", ["no.png", "none.png"]), NotFoundError, "There is no file no.png"),
    "a folder in a file": (
        lambda s: s.batch.edit("blur", "photos/*.png", output="photos/notes.txt/{stem}.png"),
        OutputError,
        "cannot be made",
    ),
    "what it cannot do": (lambda s: s.batch.edit("add a red scarf", "photos/*.png"), ni.NotebookImgError, "No image model is set up"),
    "no number": (lambda s: s.batch.edit("blur", "photos/*.png", budget="much"), UsageError, "budget has to be a number"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_all_is_one_sentence_before_the_first(studio: ni.Studio, photos: Path, case: str) -> None:
    act, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        act(studio)
    assert not Path("out").exists()


def test_a_strangers_file_is_refused_before_the_first(studio: ni.Studio, photos: Path) -> None:
    Path("out").mkdir()
    Path("out/cat 7.png").write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"cat 7\.png"):
        studio.batch.edit("blur", "photos/*.png", output="out/{stem}.png")
    assert [path.name for path in Path("out").iterdir()] == ["cat 7.png"]
    assert studio.batch.list() == []


def test_a_batch_goes_on_over_its_own_results(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("rotate 90 degrees", "photos/*.png", first=3)
    assert batch.counts.words == "3 of 12 done, 9 to do"
    again = batch.edit("flip horizontally", output="out/{stem}.png")
    assert len(again) == 3
    assert again[0].turn.inputs[0].sha256 == batch[0].picture.sha256  # type: ignore[union-attr]
    assert {path.name for path in Path("out").iterdir()} == {"cat 1.png", "cat 2.png", "cat 3.png"}
    batch.resume()
    assert batch.counts.done == 12


def test_a_dry_run_shows_the_first_three_and_leaves_nothing(studio: ni.Studio, photos: Path) -> None:
    said = repr(
        studio.batch.edit(
            "rotate 90 degrees, add the caption '{stem}'", "photos/*.png", output="out/{stem}.png", dry_run=True, model="local"
        )
    )
    assert said.startswith("Dry run, nothing was sent: 12 items (12 .png); 12 to do with local:builtin, free; 12 files.")
    assert said.count("prompt ") == 3
    assert "rotate 90 degrees, add the caption 'cat 2'" in said
    assert studio.batch.list() == []
    assert not Path("out").exists()


def test_batches_are_found_by_id_and_by_name_and_in_another_process(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("blur", "photos/*.png")
    assert studio.batch.named("b1") == studio.batch.named(batch.name) == batch == studio.batch.list()[0]
    assert pickle.loads(pickle.dumps(batch))[2].label == "cat 3.PNG"
    with pytest.raises(NotFoundError, match=r"There is no batch 'b9'. The latest are b1"):
        studio.batch.named("b9")


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".html"])
def test_the_sheet_is_a_file_with_all_pictures(studio: ni.Studio, photos: Path, suffix: str) -> None:
    batch = studio.batch.edit("blur", "photos/*.png")
    path = batch.sheet(f"sheet{suffix}")
    data = Path(str(path)).read_bytes()
    assert {".png": data[:4] == b"\x89PNG", ".pdf": data[:4] == b"%PDF", ".html": data.count(b"<figure>") == 12}[suffix]
    assert batch.sheet(f"sheet{suffix}") == path  # its own file may be replaced
    Path(f"other{suffix}").write_text("a stranger's")
    with pytest.raises(OutputError):
        batch.sheet(f"other{suffix}")


def test_deleting_its_session_deletes_the_batch(studio: ni.Studio, photos: Path) -> None:
    batch = studio.batch.edit("blur", "photos/*.png")
    batch.session.delete()
    assert studio.batch.list() == []
    with pytest.raises(NotFoundError, match="Batch b1 was deleted"):
        _ = batch.record


async def test_a_batch_can_be_awaited(studio: ni.Studio, photos: Path) -> None:
    batch = await studio.batch.aio.edit("blur", "photos/*.png")
    assert batch.counts.done == 12


def test_one_odd_answer_takes_no_table_with_it(paid: ni.Studio, service: Running, photos: Path) -> None:
    odd = '{"age": "about seven", "seen": "last autumn"}'
    service.control({"kind": "reply", "reply": "text_only", "text": odd, "path": "enerateContent"})
    batch = paid.batch.ask("how old is it?", "photos/*.png", row="age float?, seen date", model="gemini", first=2, at_once=1)
    frame = batch.frame()
    assert (frame["age"].iloc[0], frame["seen"].iloc[0]) == ("about seven", "last autumn")
    assert frame["age"].iloc[1] == 7


@pytest.mark.parametrize("done", [False, True])
def test_a_batch_that_does_not_begin_keeps_no_place_in_its_cell(studio: ni.Studio, photos: Path, *, done: bool) -> None:
    if done:
        studio.batch.edit("blur", "photos/*.png")
    studio.shared.kernel = kernel = Kernel()
    studio.origin = Origin(surface="cell", kernel=kernel.id)
    run = kernel.begin("ni.batch.edit(...)", cell_id="c1")
    studio.batch.edit("blur", "photos/*.png", starts=False)
    assert len(run.slots) == 12
    assert not run.open, "a later call of the cell would count as made at once with them"
