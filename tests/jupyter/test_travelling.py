"""Pictures travel, live: into captured outputs, and to the end of a cell that showed progress. What is saved: tests/jupyter/test_publishing.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, environment, running_kernel
from tests.studio.conftest import openai_environ

WAITS = 0.9
"""Seconds a service takes: long enough that progress is shown."""


@pytest.fixture(scope="module")
def started(emulators: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Running]]:
    place = tmp_path_factory.mktemp("travelling")
    service: Running = emulators("openai")
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


PLACES = {
    "Output": "with widgets.Output():\n    {}",
    "interact": "widgets.interact(lambda _: [{}, None][1], _=widgets.fixed(0));",
    "capture": "with capture_output() as kept:\n    {}\nkept.show()",
}
"""What takes the outputs of a cell: none of them takes an update of a display."""
SHOWN = {
    "a picture": ("magic('imggen', 'a fox')", 1),
    "a grid": ("magic('imggen', '-n 2 a hare')", 1),
    "several models": ("magic('imggen', '-m openai -m local noise')", 1),
    "a tree": ("magic('imgsession', 'tree')", 1),
    "a comparison": ("magic('imgsession', 'show t1 t2')", 1),
    "boxes": ("magic('askimage', 'sample:coffee --boxes=cup')", 1),
    "a streamed answer": ("magic('askimage', 'sample:coffee what is it?')", 0),
    "a turn again": ("display(ni.session('seen').turn('t1'))", 1),
    "a session": ("display(ni.session('seen'))", 1),
    "an error": ("magic('imgedit', '-m local make it snow')", 0),
}
"""What is shown, and how many displays with a picture that is."""


@pytest.fixture(scope="module")
def seen(started: tuple[Kernel, Running]) -> None:
    """A session of two pictures, and progress that is shown at once."""
    kernel, service = started
    service.reset()
    kernel.good("%imgsession seen")
    kernel.good("%imgedit -m local sample:chelsea warmer")
    kernel.good("%imgedit -m local invert")
    kernel.good("magic = get_ipython().run_line_magic")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("thing", SHOWN)
def test_whatever_is_shown_is_a_display_of_its_own_where_outputs_are_captured(slow: Kernel, seen: None, thing: str, place: str) -> None:
    source, count = SHOWN[thing]
    shown: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    message = slow.begin(PLACES[place].format(source))
    while True:
        got = slow.client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message:
            continue
        if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
            break
        assert got["msg_type"] != "update_display_data", "and no progress stays behind in it"
        if got["msg_type"] == "display_data" and "widget-view" not in str(got["content"]["data"].keys()):
            shown.append(got["content"])
        if got["msg_type"] == "error":
            errors.append(got["content"])
    assert len([output for output in shown if pictures([output])]) == count
    if thing == "an error":
        assert ["'make it snow' needs an image model" in error["evalue"] for error in errors] == [True]
    else:
        assert not errors
    if thing == "a streamed answer":
        assert len([output for output in shown if "text/markdown" in output["data"]]) == 1
