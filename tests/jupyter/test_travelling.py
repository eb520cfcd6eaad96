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
