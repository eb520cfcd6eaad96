"""Several files in one command: how they are told from one call, what each gets, what one that fails costs the others."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.conftest import Here


@pytest.fixture(autouse=True)
def photos(cwd: Path) -> None:
    from PIL import Image

    (cwd / "photos").mkdir()
    for number in (1, 2, 10):
        Image.effect_noise((32 + number, 24), 60).convert("RGB").save(cwd / "photos" / f"p{number}.jpg")


PHOTOS = ("photos/p1.jpg", "photos/p2.jpg", "photos/p10.jpg")


@pytest.mark.parametrize("command", ["edit", "ask"])
def test_several_files_alone_are_an_error_that_says_how_they_may_be_meant(here: Here, command: str) -> None:
    done = here(command, *PHOTOS, "invert")
    assert (done.returncode, done.stdout) == (2, "")
    assert "3 files are named" in done.stderr
    assert "--each" in done.stderr
    assert f"notebook-img {command} photos/p1.jpg -r photos/p2.jpg" in done.stderr
    assert json.loads(here("sessions", "--json").stdout) == []


@pytest.mark.parametrize(
    "words",
    [
        (*PHOTOS, "--each", "-o", "{stem}-{i}.png"),
        (*PHOTOS, "-o", "{stem}-{i}.png"),
        ("photos/*.jpg", "-o", "{stem}-{i}.png"),  # a shell that expands nothing
        ("photos/", "-o", "{stem}-{i}.png"),
    ],
)
def test_each_file_is_edited_alone_in_the_order_people_count(here: Here, words: tuple[str, ...]) -> None:
    done = here("edit", *words, "invert", "-s", "fox")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["p1-1.png", "p2-2.png", "p10-3.png"]
    assert done.stderr.splitlines()[-1] == "b1: 3 items: 3 done."
    turns = json.loads(here("show", "fox", "--json").stdout)  # several are done at once
    assert sorted((turn["parent"] or "", turn["pictures"][0]["width"]) for turn in turns) == [("", 33), ("", 34), ("", 42)]


def test_every_field_of_an_output_is_filled(here: Here) -> None:
    done = here("edit", "photos/p2.jpg", "invert", "-o", "{parent}/{stem}.{i}.new.jpg")
    assert done.stdout.split() == ["photos/p2.1.new.jpg"], done.stderr
    done = here("edit", "photos/p2.jpg", "invert", "-o", "{name}.png")
    assert done.stdout.split() == ["p2.jpg.png"]


def test_one_broken_file_costs_the_others_nothing(here: Here, tmp_path: Path) -> None:
    (tmp_path / "photos/p2.jpg").write_text("not a picture")
    done = here("edit", *PHOTOS, "--each", "invert", "-o", "{stem}.png")
    assert done.returncode == 1
    assert done.stdout.split() == ["p1.png", "p10.png"]
    assert "photos/p2.jpg holds text" in done.stderr
    assert done.stderr.splitlines()[-1] == "b1: 3 items: 2 done, 1 failed (p2.jpg)."
    rows = [json.loads(line) for line in here("edit", *PHOTOS, "--each", "invert", "--json").stdout.splitlines()]
    assert [row.get("image") or row["error"]["image"] for row in rows] == list(PHOTOS)


def test_a_file_of_which_one_model_fails_ends_with_1(here: Here) -> None:
    done = here("edit", "photos/p1.jpg", "--each", "-m", "local", "-m", "gemini", "invert")
    assert done.stderr.splitlines()[-1] == "b1: 2 items: 1 done, 1 failed (p1.jpg · gemini)."
    assert (done.returncode, len(done.stdout.split())) == (1, 1)


def test_what_is_wrong_with_the_command_is_said_once(here: Here) -> None:
    done = here("edit", *PHOTOS, "--each", "add a red scarf")
    assert done.returncode == 2
    assert done.stderr.count("UsageError") == 1
    assert "b1" not in done.stderr, "no batch was begun"
    done = here("edit", *PHOTOS, "--each", "-m", "gemini", "a scarf")
    assert done.returncode == 3
    assert done.stderr.count("KeyMissingError") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            (*PHOTOS, "--each", "-o", "all.png"),
            "would both be written to all.png. Nothing was sent. Name what sets them apart, as in {stem}-all.png.",
        ),
        ((*PHOTOS, "-o", "{stem}-{nmae}.png"), "Did you mean 'name'"),
        (("*.jpg", "--each"), "No file is called like *.jpg"),
        (("--each",), "none is named"),
        (("--each", "photos"), "the folder is written photos/"),
        ((*PHOTOS, "--each", "-o", "out/"), "as in out/{stem}.png."),
        (("photos/p1.jpg", "notes.txt", "--each"), "notes.txt is a file"),
        ((*PHOTOS, "-o", "photos/p1.jpg/{stem}.png"), "is no folder"),
        ((*PHOTOS, "-o", "{parent}/{name}"), "--force"),
    ],
)
def test_what_cannot_be_done_for_all_is_not_begun(here: Here, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "notes.txt").write_text("remember")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    done = here("edit", *words, "invert")
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before
    assert json.loads(here("sessions", "--json").stdout) == []


def test_questions_about_each_name_the_file_and_one_about_all_takes_the_others_with_r(here: Here) -> None:
    done = here("ask", *PHOTOS, "--each", "what size is it?")
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == list(PHOTOS)
    done = here("ask", PHOTOS[0], "-r", PHOTOS[1], "what size is it?", "-s", "both")
    assert done.returncode == 0, done.stderr
    assert "Image 2" in done.stdout
    assert len(json.loads(here("show", "both", "--json").stdout)) == 1


def test_a_data_url_is_a_picture_and_no_long_name(here: Here, tmp_path: Path) -> None:
    import base64

    from PIL import Image

    Image.effect_noise((64, 64), 60).save(tmp_path / "noise.png")
    url = f"data:image/png;base64,{base64.b64encode((tmp_path / 'noise.png').read_bytes()).decode()}"
    done = here("edit", url, "invert", "-o", "out.png")
    assert (done.returncode, done.stdout) == (0, "out.png\n"), done.stderr[-300:]


def test_a_turn_and_a_file_are_still_one_call(here: Here) -> None:
    here("edit", PHOTOS[0], "invert", "-s", "fox")
    done = here("edit", "t1", PHOTOS[1], "side by side", "-s", "fox", "--dry-run", "--json")
    assert len(json.loads(done.stdout)["pictures"]) == 2, done.stderr


def test_a_pattern_where_one_picture_is_needed_says_what_it_matches(here: Here) -> None:
    from notebook_img.errors import NotFoundError
    from notebook_img.pictures import load

    with pytest.raises(NotFoundError, match=r"is a pattern.*matches 3 files: p1.jpg, p10.jpg, p2.jpg"):
        load("photos/*.jpg")
    with pytest.raises(NotFoundError, match="no file"):
        load("photos/*.png")


def test_a_table_of_a_file_or_of_stdin_makes_a_batch(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "photo,angle,sku\nphotos/p1.jpg,90,a/1\nphotos/p2.jpg,180,b\nphotos/none.jpg,90,c\n"
    (tmp_path / "table.csv").write_text(table)
    done = here("edit", "--over", "table.csv", "-o", "out/{sku}.png", "rotate {angle} degrees")
    assert (done.returncode, done.stdout.split()) == (1, ["out/a-1.png", "out/b.png"])
    assert "photos/none.jpg" in done.stderr
    monkeypatch.setattr("sys.stdin", io.StringIO(table))
    done = here("ask", "--over", "-", "--row", "width int", "facts", "--json")
    assert [json.loads(line).get("value") for line in done.stdout.splitlines()][:2] == [{"width": 33}, {"width": 34}]


def test_without_a_batch_it_is_said_how_one_is_made(here: Here) -> None:
    done = here("batch")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No batches yet." in done.stderr
    assert "--each" in done.stderr
    assert here("batch", "--json").stdout == "[]\n"


def test_values_are_combined_in_a_shell_too(here: Here) -> None:
    done = here("generate", "--over", "colour=red,blue", "-o", "{colour}.png", "a {colour} circle on white")
    assert done.stdout.split() == ["red.png", "blue.png"]


def test_batches_are_listed_shown_and_gone_on_with(here: Here, tmp_path: Path) -> None:
    here("edit", "photos/", "--first", "2", "invert")
    (row,) = json.loads(here("batch", "list", "--json").stdout)
    assert (row["id"], row["done"], row["waiting"]) == ("b1", 2, 1)
    assert "2 done, 1 not tried" in here("batch", "show", "b1").stdout
    assert here("batch", "resume", "b1").stderr.splitlines()[-1] == "b1: 3 items: 3 done."
    assert here("batch", "show", "b1", "-o", "sheet.pdf").stdout.endswith("sheet.pdf\n")
    assert (tmp_path / "sheet.pdf").read_bytes()[:4] == b"%PDF"
    assert here("batch", "retry", "b1").returncode == here("batch", "stop", "b1").returncode == 0
    wrong = here("batch", "resume", "b7")
    assert (wrong.returncode, "There is no batch 'b7'" in wrong.stderr, "notebook-img batch list" in wrong.stderr) == (1, True, True)
    assert here("batch", "resme", "b1").returncode == 2
