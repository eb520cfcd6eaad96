"""What the shell says about files, sessions and turns, held to what is true of them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Here


def test_a_picture_without_a_file_name_is_said_to_lie_in_the_store(here: Here) -> None:
    done = here("edit", "cat.png", "invert", "-s", "my fox")
    assert "Kept in the store; notebook-img show 'my fox/t1' -o FILE writes a copy where you want it." in done.stderr
    assert "Kept in the store" not in here("edit", "cat.png", "invert", "-o", "out.png").stderr
    assert f"stored as: {done.stdout.strip()}" in here("show", "my fox/t1").stdout


def test_an_older_file_of_ours_is_said_to_be_replaced(here: Here) -> None:
    assert "replaced" not in here("edit", "cat.png", "invert", "-o", "out.png").stderr
    assert "out.png was replaced." in here("edit", "cat.png", "sepia", "-o", "out.png").stderr
    assert (
        "out.png was replaced."
        in here("show", json.loads(here("edit", "cat.png", "invert", "--json").stdout)["id"], "-o", "out.png").stderr
    )


def test_sessions_without_a_turn_are_counted_and_one_turn_is_one(here: Here) -> None:
    from notebook_img.studio import Studio

    here("edit", "cat.png", "invert", "-s", "fox")
    Studio().session("hen")
    done = here("sessions")
    assert done.stdout.split()[:3] == ["fox", "1", "turn"]
    assert done.stderr.strip() == "1 session without a turn left out; --json lists all."
    assert {row["name"] for row in json.loads(here("sessions", "--json").stdout)} == {"fox", "hen"}


def test_from_takes_a_turn_of_another_session_and_begins_a_line_here(here: Here) -> None:
    here("edit", "cat.png", "resize to 16x12", "-s", "fox")
    here("generate", "noise", "-n", "2", "-s", "fox")
    done = here("edit", "--from", "fox/t1", "invert", "-s", "hen", "--json")
    assert done.returncode == 1, "naming a picture creates a session, --from does not"
    here("edit", "cat.png", "invert", "-s", "hen")
    turn = json.loads(here("edit", "--from", "fox/t1", "invert", "-s", "hen", "--json").stdout)
    assert (turn["id"], turn["parent"], turn["pictures"][0]["width"]) == ("hen/t2", None, 16)
    assert turn["warnings"] == ["fox/t1 is of another session: a new line begins here with its picture."]
    assert here("edit", "--from", "fox/t2", "--pick", "2", "invert", "-s", "hen").returncode == 0
    assert "fox/t2 has 2 pictures" in here("edit", "--from", "fox/t2", "invert", "-s", "hen").stderr
    assert "16 × 12" in here("ask", "--from", "fox/t1", "what size is it?", "-s", "hen").stdout
    assert "Did you mean 'fox'" in here("edit", "--from", "fxo/t1", "invert", "-s", "hen").stderr


def test_an_exported_script_keeps_the_photographs_names(here: Here, tmp_path: Path) -> None:
    from PIL import Image

    for folder, colour in (("a", "red"), ("b", "green")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 24), colour).save(tmp_path / folder / "holiday.png")
        here("edit", f"{folder}/holiday.png", "invert", "-s", "fox")
    assert here("sessions", "export", "fox", "work.py").returncode == 0
    first, second = sorted((tmp_path / "work-files").iterdir(), key=lambda path: len(path.name))
    assert first.name == "holiday.png"
    assert second.name.startswith("holiday-")
    assert {Image.open(path).getpixel((0, 0)) for path in (first, second)} == {(255, 0, 0), (0, 128, 0)}
    assert "FILES / 'holiday.png'" in (tmp_path / "work.py").read_text()
    # A file of that name from an earlier export is not taken for this one.
    first.write_bytes(b"another picture")
    assert here("sessions", "export", "fox", "work.py").returncode == 0
    assert "FILES / 'holiday.png'" not in (tmp_path / "work.py").read_text()
