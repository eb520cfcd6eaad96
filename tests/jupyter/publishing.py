"""A notebook with every figure this package shows, as a front end saves it, and the pictures nbconvert's exporters find in one."""

from __future__ import annotations

import base64
import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pypandoc
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter, PythonExporter, SlidesExporter

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
    "answers with boxes of two models": "%askimage -m openai -m openai sample:chelsea --boxes=cat",
    "a turn as a value": "ni.session().turn('t1')",
    "several turns as a value": "ni.session().turns[-2:]",
    "a session as a value": "ni.session()",
    "a comparison as a value": "ni.session().turn('t2').pick(1).compare()",
    "a whole picture": "ni.session().turn('t1').picture.show(full=True)",
    "a panel": "%imgsession panel",
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


def pandoc_path() -> str:
    """Return a search path on which nbconvert finds pandoc, which sets the Markdown of answers in LaTeX."""
    return os.pathsep.join([str(Path(pypandoc.get_pandoc_path()).parent), os.environ["PATH"]])


@functools.cache
def converter(kind: type[Any], **options: Any) -> Any:
    """Return an exporter that has read its templates once: reading them takes longer than a page."""
    return kind(**options)


def images(html: str) -> list[bytes]:
    """Return the pictures that stand in a page."""
    return [base64.b64decode(found) for found in re.findall(r"<img[^>]*?src=\"data:image/\w+;base64,([^\"]+)\"", html, re.DOTALL)]


def in_html(made: Any) -> list[bytes]:
    return images(converter(HTMLExporter).from_notebook_node(made)[0])


def in_slides(made: Any) -> list[bytes]:
    return images(converter(SlidesExporter).from_notebook_node(made)[0])


def in_sanitised(made: Any) -> list[bytes]:
    return images(converter(HTMLExporter, sanitize_html=True).from_notebook_node(made)[0])


def in_markdown(made: Any) -> list[bytes]:
    """Return the files a Markdown page shows; what stands in its HTML is left out, as GitHub leaves it out."""
    body, resources = converter(MarkdownExporter).from_notebook_node(made)
    return [resources["outputs"][name] for name in re.findall(r"!\[\w*\]\((output_\S+)\)", body)]


def in_latex(made: Any) -> list[bytes]:
    body, resources = converter(LatexExporter).from_notebook_node(made)
    names = re.findall(r"\\(?:adjustimage|includegraphics)[^\n]*\{(output_[^}]+)\}", body.partition(r"\begin{document}")[2])
    return [resources["outputs"][name] for name in names]


def in_script(made: Any) -> list[bytes]:
    body, resources = converter(PythonExporter).from_notebook_node(made)
    compile(body, "fox.py", "exec")
    return [*images(body), *resources.get("outputs", {}).values()]


EXPORTERS: dict[str, Callable[[Any], list[bytes]]] = {
    "html": in_html,
    "slides": in_slides,
    "sanitised html": in_sanitised,
    "markdown": in_markdown,
    "latex, pdf": in_latex,
    "script": in_script,
}
