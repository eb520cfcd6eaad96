"""Pictures travel: into captured outputs, and through the exporters of nbconvert, live and in the saved file."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter, SlidesExporter
from PIL import Image

from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, environment, running_kernel
from tests.studio.conftest import openai_environ

WAITS = 0.9
"""Seconds a service takes: long enough that progress is shown."""


@pytest.fixture(scope="module")
def started(start_emulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Running]]:
    place = tmp_path_factory.mktemp("travelling")
    service: Running = start_emulator("openai")
    env = environment(place / "home", **openai_environ(service), NOTEBOOK_IMG_MODEL="openai")
    with running_kernel(env, place / "work") as kernel:
        kernel.good(
            "%load_ext notebook_img\nimport notebook_img as ni, ipywidgets as widgets\nfrom IPython.utils.capture import capture_output"
        )
        yield kernel, service


@pytest.fixture
def slow(started: tuple[Kernel, Running]) -> Kernel:
    """A kernel whose calls take long enough for progress to be shown."""
    kernel, service = started
    service.reset()
    service.control({"kind": "slow", "seconds": WAITS, "path": "/images/", "times": -1})
    return kernel


def pictures(outputs: list[dict[str, Any]]) -> list[str]:
    """Return the MIME types of the images among outputs, HTML and Markdown that hold one included."""
    kinds = []
    for output in outputs:
        data = output.get("data", {})
        kinds += [kind for kind in data if kind.startswith("image/") or (kind.startswith("text/") and "<img" in data[kind])]
    return kinds


def test_a_cell_ends_with_the_picture_in_the_place_of_the_progress(slow: Kernel) -> None:
    ran = slow.good("%imggen a fox in the snow")
    figures = [output for output in ran.outputs if pictures([output])]
    assert len(figures) == 1
    assert pictures(figures)[0] == "text/html"
    assert len(pictures(figures)) == 2
    assert "Making" not in ran.text


@pytest.mark.parametrize(
    "source",
    [
        "out = widgets.Output()\nwith out:\n    get_ipython().run_line_magic('imggen', 'a fox')",
        "widgets.interact(lambda words: [get_ipython().run_line_magic('imggen', words), None][1], words=widgets.fixed('a hare'));",
        "with capture_output() as kept:\n    get_ipython().run_line_magic('imggen', 'an owl')\nkept.show()",
    ],
    ids=["Output", "interact", "capture"],
)
def test_in_captured_output_the_picture_is_a_display_of_its_own(slow: Kernel, source: str) -> None:
    shown: list[tuple[str, list[str]]] = []
    message = slow.begin(source)
    while True:
        got = slow.client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message:
            continue
        if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
            break
        assert got["msg_type"] != "error", got["content"]
        if got["msg_type"] in ("display_data", "update_display_data"):
            shown.append((got["msg_type"], pictures([got["content"]])))
    assert [kind for kind, found in shown if found] == ["display_data"], "an Output widget takes no update of a display"
    assert "update_display_data" not in [kind for kind, _ in shown], "and no progress stays behind in it"


CELLS = (
    "%imggen a red circle on white",
    "%imggen -n 3 noise",
    "%imgedit --pick 1 invert",
    "%imgsession show t1",
    "%imgsession tree",
    "ni.session().turn('t3').compare()",
)
"""Each shows a figure: one picture, a grid, an edit, a turn again, a tree, a comparison."""


@pytest.fixture(scope="module", params=["html", "image"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """A notebook as a front end saves it, with either value of the setting `figure`."""
    place = tmp_path_factory.mktemp("saved")
    made = nbformat.v4.new_notebook()
    with running_kernel(environment(place / "home", NOTEBOOK_IMG_FIGURE=request.param), place / "work") as kernel:
        kernel.good("%load_ext notebook_img\nimport notebook_img as ni")
        for number, source in enumerate(CELLS, 1):
            outputs = []
            for output in kernel.good(source).outputs:
                count = {"execution_count": number} if output["output_type"] == "execute_result" else {}
                outputs.append(nbformat.from_dict({**output, **count}))
            made.cells.append(nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=number))
    nbformat.validate(made)
    return request.param, made


def test_every_figure_is_in_the_page_and_in_the_slides(saved: tuple[str, Any]) -> None:
    _, made = saved
    for cell in made.cells:
        assert pictures(cell.outputs), cell.source
    for exporter in (HTMLExporter(), SlidesExporter()):
        body, _ = exporter.from_notebook_node(made)
        assert len(re.findall(r"<img", body)) >= len(CELLS)


def test_latex_has_a_file_for_every_figure(saved: tuple[str, Any]) -> None:
    _, made = saved
    body, resources = LatexExporter().from_notebook_node(made)
    assert len(re.findall(r"adjustimage|includegraphics", body.partition(r"\begin{document}")[2])) >= len(CELLS)
    assert len(resources["outputs"]) >= len(CELLS)
    for data in resources["outputs"].values():
        assert max(Image.open(BytesIO(data)).size) <= 512


def test_sanitised_html_and_markdown_keep_the_pictures_that_are_images(saved: tuple[str, Any]) -> None:
    form, made = saved
    markdown, resources = MarkdownExporter().from_notebook_node(made)
    sanitised, _ = HTMLExporter(sanitize_html=True).from_notebook_node(made)
    images = re.findall(r"<img[^>]*src=\"data:image", sanitised)
    if form == "image":
        assert len(resources["outputs"]) >= len(CELLS) - 1, "a comparison as a cell's value stays HTML"
        assert len(images) >= len(CELLS) - 1
    else:
        assert "<img" in markdown, "the picture is in the HTML of the page"


def test_no_figure_is_heavier_than_150_kilobytes(saved: tuple[str, Any]) -> None:
    _, made = saved
    for cell in made.cells:
        if "tree" in cell.source or "show" in cell.source:
            continue  # asked for large
        for output in cell.outputs:
            alone = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
            assert len(nbformat.v4.writes(alone)) <= 150_000, cell.source


def test_the_still_image_is_small_and_named(saved: tuple[str, Any]) -> None:
    _, made = saved
    stills = [
        (output.data[kind], output.metadata[kind])
        for cell in made.cells
        for output in cell.outputs
        for kind in ("image/jpeg", "image/png")
        if kind in output.get("data", {})
    ]
    assert len(stills) >= len(CELLS)
    for content, facts in stills:
        raw = base64.b64decode(content)
        assert len(raw) <= 36_000
        assert max(Image.open(BytesIO(raw)).size) <= 512
        assert facts["alt"]
