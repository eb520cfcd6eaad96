"""A notebook with every figure this package shows, as a front end saves it, with either value of the setting `figure`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from tests.emulators.process import Running
from tests.jupyter.kernels import environment, running_kernel, saved_cell
from tests.studio.conftest import openai_environ

SETUP = "%load_ext notebook_img\nimport notebook_img as ni"
FIGURES = {
    "a picture": "%imgedit -m local sample:chelsea make it night",
    "several in a grid": "%imgedit -m local -n 3 sample:coffee add the caption 'cup'",
    "a comparison": "%imgsession show t1 t2.1",
    "a tree": "%imgsession tree",
    "an answer with boxes": "%askimage sample:coffee --boxes=cup",
    "a turn as a value": "ni.session().turn('t1')",
    "a comparison as a value": "ni.session().turn('t2').pick(1).compare()",
    "a whole picture": "ni.session().turn('t1').picture.show(full=True)",
}
"""What shows each figure; the names are those of the table in docs/publishing.md."""
FORMS = ("html", "image")


def saved_notebook(place: Path, form: str, service: Running) -> Any:
    """Run the cells in a real kernel and return the notebook as it is saved; each cell has the name of its figure."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    env = environment(place / "home", **openai_environ(service), NOTEBOOK_IMG_FIGURE=form)
    with running_kernel(env, place / "work") as kernel:
        kernel.good(SETUP)
        for number, (name, source) in enumerate(FIGURES.items(), 1):
            made.cells.append(saved_cell(source, kernel.good(source), number, figure=name))
    nbformat.validate(made)
    return made
