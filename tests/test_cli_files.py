"""Several files in one command: how they are told from one call, what each gets, what one that fails costs the others."""

from __future__ import annotations

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
    assert done.stderr.splitlines()[-1] == "3 files: 3 done."
    turns = json.loads(here("show", "fox", "--json").stdout)
    assert [(turn["parent"], turn["pictures"][0]["width"]) for turn in turns] == [(None, 33), (None, 34), (None, 42)]


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
    assert done.stderr.splitlines()[-1] == "3 files: 2 done, 1 failed (photos/p2.jpg)."
    rows = [json.loads(line) for line in here("edit", *PHOTOS, "--each", "invert", "--json").stdout.splitlines()]
    assert [row.get("image") or row["error"]["image"] for row in rows] == list(PHOTOS)


def test_a_file_of_which_one_model_fails_ends_with_the_code_of_that_failure(here: Here) -> None:
    done = here("edit", "photos/p1.jpg", "--each", "-m", "local", "-m", "gemini", "invert")
    assert done.stderr.splitlines()[-1] == "1 file: 0 done, 1 failed (photos/p1.jpg)."
    assert (done.returncode, len(done.stdout.split())) == (3, 1)


def test_what_is_wrong_with_the_command_is_said_once(here: Here) -> None:
    done = here("edit", *PHOTOS, "--each", "add a red scarf")
    assert done.returncode == 2
    assert done.stderr.count("UsageError") == 1
    assert done.stderr.splitlines()[-1] == "3 files: 0 done, 1 failed (photos/p1.jpg), 2 not tried."
    done = here("edit", *PHOTOS, "--each", "-m", "gemini", "a scarf")
    assert done.returncode == 3
    assert done.stderr.count("KeyMissingError") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*PHOTOS, "--each", "-o", "all.png"), "would both be written to all.png"),
        ((*PHOTOS, "-o", "{stem}-{nmae}.png"), "Did you mean 'name'"),
        (("*.jpg", "--each"), "No file is called like *.jpg"),
        (("--each",), "none is named"),
        (("photos/p1.jpg", "notes.txt", "--each"), "notes.txt is a file"),
        ((*PHOTOS, "-o", "nowhere/{stem}.png"), "nowhere"),
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
