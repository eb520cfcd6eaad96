"""Many at once in real cells: magics, the live table, %imgbatch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.jupyter.kernels import Kernel


@pytest.fixture(scope="module", autouse=True)
def photos(place: Path) -> Path:
    folder = place / "photos"
    folder.mkdir(parents=True)
    for number in range(1, 7):
        Image.effect_noise((40 + number, 30), 50).convert("RGB").save(folder / f"cat {number}.{'JPG' if number % 2 else 'jpg'}")
    return folder


def test_a_pattern_makes_a_batch_and_ends_as_a_sheet_with_a_line_of_counts(kernel: Kernel, place: Path) -> None:
    ran = kernel.good("%imgedit photos/*.jpg -o out/{stem}.png rotate 90 degrees")
    assert "6 items (6 .jpg); 6 to do with local:builtin, free; 6 files." in ran.text
    assert [data["text/plain"].splitlines()[0] for data in ran.shown][-1].endswith("6 of 6 done")
    assert ran.drawn == 1
    assert len(list((place / "out").iterdir())) == 6
    assert len(json.dumps(ran.outputs)) < 200_000


def test_questions_over_a_column_become_a_frame_in_its_index(kernel: Kernel) -> None:
    kernel.good("import pandas as pd\ndf = pd.DataFrame({'photo': ['photos/cat 1.JPG', 'photos/cat 2.jpg']}, index=['x', 'y'])")
    kernel.good('%askimage --over df.photo --row "width int, height int" --as sizes  facts')
    assert kernel.value("sizes.width.to_dict()") == {"x": 41, "y": 42}


def test_combined_values_and_several_models_are_a_batch_of_combinations(kernel: Kernel) -> None:
    kernel.good("%imggen a {colour} circle on white --over colour=red,blue --over size=64x64,32x32")
    assert kernel.value("[(i.label, i.picture.width) for i in ni.batches()[0]]") == [
        ["red · 64x64", 64],
        ["red · 32x32", 32],
        ["blue · 64x64", 64],
        ["blue · 32x32", 32],
    ]
    kernel.good("colours = ['red', 'green']\n")
    kernel.good("%imggen a {colour} circle on white --over colour={colours} -m local -m local:builtin")
    assert kernel.value("[i.turn.prompt for i in ni.batches()[0]][::2]") == ["a red circle on white", "a green circle on white"]


def test_fields_of_the_item_win_over_variables_and_variables_fill_the_rest(kernel: Kernel) -> None:
    kernel.good("stem = 'wrong'\nhow = 'invert'")
    kernel.good("%imgedit photos/*.jpg --first 1 --quiet {how}, add the caption {stem}")
    assert kernel.value("ni.batches()[0][0].turn.prompt") == "invert, add the caption cat 1"


def test_the_same_cell_again_sends_only_what_is_new(kernel: Kernel) -> None:
    kernel.good("table = [{'photo': f'photos/cat {n}.{\"JPG\" if n % 2 else \"jpg\"}'} for n in (1, 2, 3)]")
    cell = "%imgedit --over table flip horizontally"
    kernel.good(cell)
    turns = kernel.value("[i.turn.full_id for i in ni.batches()[0]]")
    kernel.good("table = table + [{'photo': 'photos/cat 4.jpg'}]")
    again = kernel.run_as(cell, {}, stops=True)
    assert again.status == "ok"
    assert kernel.value("[i.turn.full_id for i in ni.batches()[0]]")[:3] != turns[:2]  # another cell: this front end tells no ids
    kernel.good("b = ni.batches()[0]")


def test_imgbatch_lists_shows_retries_and_names_what_is_wrong(kernel: Kernel, photos: Path) -> None:
    (photos / "broken.jpeg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    ran = kernel.good("%imgedit photos/*.jpeg photos/*.jpg invert")
    assert "6 of 7 done, 1 failed" in ran.text
    name = kernel.value("ni.batches()[0].id")
    assert "6 of 7 done, 1 failed" in kernel.good("%imgbatch").text
    assert kernel.good(f"%imgbatch {name}").drawn == 1
    assert "no such batch" not in kernel.good(f"%imgbatch retry {name}").text
    wrong = kernel.run("%imgbatch b999").error
    assert "There is no batch 'b999'" in wrong
    assert "%imgbatch lists them." in wrong
    assert "%imgbatch has no command" in kernel.run("%imgbatch lst now").error


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%imgedit photos/*.webp invert", "No file is called like photos/*.webp"),
        ("%imgedit photos/*.jpg -o all.png invert", "would both be written"),
        ("%imgedit --each invert", "give a list with --over {files}."),
        ("%imgedit photos/*.jpg --from t1 invert", "--from belongs to one call"),
        ("%imgedit sample:chelsea --first 3 invert", "--first belongs to a batch"),
        ("%imggen --over nosuch a fox", "there is no 'nosuch' in the notebook"),
        ("%imggen --over colour=red a fox", "'colour' is neither an option nor in the prompt"),
        ("%imggen --over colour=red, a {colour} fox", "has an empty value"),
        ("%imgedit photos/*.jpg --strict add a red scarf", "No image model is set up"),
    ],
)
def test_what_is_wrong_is_one_sentence(kernel: Kernel, line: str, said: str) -> None:
    assert said in kernel.run(line).error


def test_a_dry_run_of_a_batch_shows_the_first_three(kernel: Kernel) -> None:
    ran = kernel.good("%imgedit photos/*.jpg --dry-run invert")
    assert ran.printed.startswith("Dry run, nothing was sent: 6 items")
    assert ran.printed.count("prompt ") == 3


def test_the_name_of_the_file_fills_the_output_of_one_edit_too(kernel: Kernel, place: Path) -> None:
    kernel.good("globals().pop('stem', None)\n")
    kernel.good("%imgedit 'photos/cat 1.JPG' -o {stem}-night.png invert")
    assert (place / "cat 1-night.png").exists()
