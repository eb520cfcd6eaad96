"""Whole notebooks: they stay small, keep their session, and go on where they stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.jupyter.kernels import environment, notebook, running_kernel

MOST = 150_000
"""Bytes one picture of any size may add to a notebook."""


def execute(made: Any, place: Path, env: Mapping[str, str]) -> Any:
    place.mkdir(exist_ok=True)
    client = NotebookClient(made, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(place)}})
    client.execute(env=dict(env))
    return made


def test_a_picture_of_any_size_adds_little_to_the_notebook(tmp_path: Path) -> None:
    from PIL import Image

    place = tmp_path / "work"
    place.mkdir()
    Image.effect_noise((4096, 4096), 100).convert("RGB").save(place / "noise.png", compress_level=1)
    alpha = Image.effect_noise((1200, 1200), 100).convert("RGB")
    alpha.putalpha(Image.effect_noise((1200, 1200), 100))
    alpha.save(place / "alpha.png", compress_level=1)
    cells = (
        "%imgedit noise.png flip it horizontally",
        "%imgedit alpha.png flip it horizontally",
        "ni.session().head",
        "ni.session().head.picture",
        "%imggen -n 6 --size 512x512 noise",
        "t = %imgedit --quiet --pick 1 flip it horizontally\nt.compare()",
        "%imgsession tree",
    )
    made = execute(notebook("%load_ext notebook_img\nimport notebook_img as ni", *cells), place, environment(tmp_path / "home"))
    for cell in made.cells[1:]:
        size = sum(len(json.dumps(each)) for each in cell.outputs)
        assert cell.outputs, cell.source
        assert size <= MOST, f"{cell.source}: {size}"
    assert "widgets" not in made.metadata
    assert "image/webp" not in nbformat.writes(made)


def test_a_session_survives_the_kernel_and_bears_the_notebooks_name(tmp_path: Path) -> None:
    place, home = tmp_path / "work", tmp_path / "home"
    place.mkdir()
    path = place / "foxes.ipynb"
    path.touch()
    env = environment(home, JPY_SESSION_NAME=str(path), NOTEBOOK_IMG_REPLAY="off")
    load = "%load_ext notebook_img\nimport notebook_img as ni"
    with running_kernel(env, place) as kernel:
        kernel.good(load)
        kernel.good("%imgedit --quiet sample:chelsea invert")
        assert kernel.value("(ni.session().name, ni.session().head.id)") == ["foxes", "t1"]
    with running_kernel(env, place) as kernel:
        kernel.good(load)
        ran = kernel.good("%imgedit warmer")
        assert ran.drawn == 1
        assert kernel.value("(ni.session().name, ni.session().head.id, ni.session().head.parent.id)") == ["foxes", "t2", "t1"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "foxes.ipynb").touch()
    with running_kernel({**env, "JPY_SESSION_NAME": str(tmp_path / "other" / "foxes.ipynb")}, tmp_path / "other") as kernel:
        kernel.good(load)
        ran = kernel.good("%imgedit sample:chelsea invert")
        assert "foxes-2" in ran.text, "the number is said"
        assert kernel.value("ni.session().name") == "foxes-2"


def test_vscode_tells_the_notebooks_name_in_a_variable(tmp_path: Path) -> None:
    place = tmp_path / "work"
    with running_kernel(environment(tmp_path / "home"), place) as kernel:
        kernel.good(f"__vsc_ipynb_file__ = {str(place / 'hens.ipynb')!r}\n%load_ext notebook_img")
        kernel.good("%imggen --quiet a red circle")
        assert "hens" in kernel.good("%imgsession").text


@pytest.mark.parametrize("number", ["04", "05", "06"])
def test_a_notebook_for_a_service_says_what_it_needs_outside_the_repository(tmp_path: Path, number: str) -> None:
    (path,) = (Path(__file__).parents[2] / "notebooks").glob(f"{number}-*.ipynb")
    first = next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code").source
    with running_kernel(environment(tmp_path / "home"), tmp_path / "elsewhere") as kernel:
        ran = kernel.run(first)
    assert ran.status == "error"
    assert ran.error.startswith("RuntimeError: Set ")
    assert "in a clone of the repository" in ran.error
    assert not list((tmp_path / "home").rglob("*.sqlite*")), "nothing was written into the user's home"
