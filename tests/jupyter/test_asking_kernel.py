"""Questions and jobs in a real kernel against the emulated services: what streams, what survives a restart, what is assigned."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, environment, running_kernel
from tests.studio.conftest import FIRST, KEY, jimeng_environ, openai_environ

LOAD = "%load_ext notebook_img\nimport notebook_img as ni"
Starter = Callable[..., AbstractContextManager[Kernel]]


@pytest.fixture
def service(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("openai")


@pytest.fixture
def starter(service: Running, tmp_path: Path) -> Starter:
    """Start kernels over one home and one folder."""

    def start(**more: str) -> AbstractContextManager[Kernel]:
        return running_kernel(environment(tmp_path / "home", **openai_environ(service), **more), tmp_path / "work")

    return start


@pytest.fixture(scope="module")
def started(emulators: Callable[..., Running], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the tests that need no restart."""
    place = tmp_path_factory.mktemp("asking")
    with running_kernel(environment(place / "home", **openai_environ(emulators("openai"))), place / "work") as running:
        running.good(LOAD)
        yield running


@pytest.fixture
def kernel(started: Kernel, service: Running, request: pytest.FixtureRequest) -> Kernel:
    """The module's kernel, in a session of the test's own."""
    started.good(f"%imgsession {request.node.name[5:40]}")
    return started


def updates(kernel: Kernel, code: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Run a cell and return every display message: its kind, its display id, its data."""
    message = kernel.begin(code)
    seen = []
    while True:
        got = kernel.client.get_iopub_msg(timeout=60)
        if got["parent_header"].get("msg_id") != message:
            continue
        content = got["content"]
        if got["msg_type"] == "error":
            raise AssertionError(content["evalue"])
        if got["msg_type"] in ("display_data", "update_display_data", "execute_result"):
            seen.append((got["msg_type"], content.get("transient", {}).get("display_id", ""), content["data"]))
        if got["msg_type"] == "status" and content["execution_state"] == "idle":
            kernel.client.get_shell_msg(timeout=60)
            return seen


def test_an_answer_streams_into_one_display_before_it_is_whole(kernel, service):
    service.control(pace=0.08)
    kernel.good("%askimage --quiet sample:coffee What?")  # the first call says where pictures go, in a display of its own
    seen = updates(kernel, "%askimage sample:coffee What is this?")
    assert seen[0][0] == "display_data"
    assert {kind for kind, _, _ in seen[1:]} == {"update_display_data"}
    assert len({name for _, name, _ in seen}) == 1
    texts = [data["text/markdown"] for _, _, data in seen if "text/markdown" in data]
    parts = [text for text in texts if "I see" in text and "Before that" not in text]
    assert len(parts) >= 3
    assert sorted(map(len, texts)) == list(map(len, texts))
    assert "openai:gpt-6.1-terra" in texts[-1]
    assert "openai:gpt-6.1-terra" not in parts[0]


def test_partial_pictures_show_in_place_and_only_in_a_cell_that_shows(kernel, service):
    service.control(pace=0.7)
    seen = [item for item in updates(kernel, "%imggen a fox") if "text/html" in item[2]]
    assert "partial_images" in str(service.requests("generations")[0]["body"])
    handle = seen[-1][1]
    pictures = [data["text/html"] for _, name, data in seen if name == handle and "<img" in data["text/html"]]
    assert len(set(pictures)) >= 2
    service.control(pace=0.0)
    kernel.good("%imggen --quiet an owl")
    kernel.good("ni.generate('a hare')")
    assert all("partial_images" not in str(row["body"]) for row in service.requests("generations")[1:])


TYPED = """
from dataclasses import dataclass
from pydantic import BaseModel

@dataclass
class Facts:
    width: int
    colour: str

class Row(BaseModel):
    width: int
    colour: str
"""
QUESTIONS = [
    "%imgsession fox",
    "%askimage sample:coffee What is this?",
    "%askimage And the colours?",
    "a = %askimage sample:coffee --schema Facts how wide is it?",
    '%askimage sample:coffee --table "width int, colour str" --as sales  the values',
]


def test_answers_follow_ups_and_typed_values_survive_a_restart_at_no_cost(starter, service):
    typed = "[type(a.value).__name__, a.value.width, a.value_by, type(sales).__name__, list(sales.columns), len(sales)]"
    with starter() as first:
        first.good(LOAD + TYPED)
        for cell in QUESTIONS:
            first.good(cell)
        assert first.value(typed) == ["Facts", 600, "schema", "DataFrame", ["width", "colour"], 2]
    with starter() as second:
        second.good(LOAD + TYPED)
        shown = [second.good(cell).text for cell in QUESTIONS]
        assert len(service.requests("chat")) == 4
        assert second.value(typed) == ["Facts", 600, "schema", "DataFrame", ["width", "colour"], 2]
        told = second.value("[[t.id, t.parent and t.parent.id, t.kind] for t in ni.session().turns]")
        assert second.value("ni.session().head") is None
        follow = second.good("%askimage And how high?").text
    assert all("replayed" in text for text in shown[1:])
    assert told == [["t1", None, "ask"], ["t2", "t1", "ask"], ["t3", None, "ask"], ["t4", None, "ask"]]
    assert "Before that there were 2 messages" in follow


def test_a_schema_of_a_list_gives_a_data_frame_and_a_misspelt_one_an_error(kernel):
    kernel.good(TYPED)
    kernel.good("%askimage sample:coffee --schema list[Row] --as rows the values")
    assert kernel.value("[type(rows).__name__, rows.width.tolist()]") == ["DataFrame", [600, 600]]
    ran = kernel.run("%askimage sample:coffee --schema Fcts how wide?")
    assert ran.status == "error"
    assert "Fcts" in ran.error


def test_boxes_are_drawn_listed_and_become_a_mask(kernel, service):
    kernel.good("import numpy as np\nphoto = np.zeros((300, 400, 3), 'uint8')\nphoto[60:180, 80:240] = 255")
    ran = kernel.good("found = %askimage -i photo --boxes=cup")
    (shown,) = [data for data in ran.shown if "text/markdown" in data]
    assert 'src="data:image/' in shown["text/markdown"]
    assert re.search(r"\| label +\|", shown["text/markdown"])
    assert len(str(shown)) < 150_000
    assert kernel.value("list(found.frame().columns)") == ["label", "left", "top", "right", "bottom"]
    kernel.good("part = found.boxes[0].crop(found.picture)")
    kernel.good("blue = %imgedit -i photo --mask {found.boxes[0]} make it blue")
    same = """
def same():
    before, after = (np.asarray(p.pil().convert("RGB")) for p in (blue.inputs[0], blue.picture))
    outside = np.asarray(blue.mask.pil()) == 0
    return bool(outside.any() and (before[outside] == after[outside]).all())
"""
    kernel.good(same)
    assert kernel.value("same()")


def test_the_number_of_questions_is_a_setting(kernel):
    kernel.good("%config NotebookImg.question_turns = 1")
    kernel.good("%askimage sample:coffee What is this?")
    refused = kernel.run("%askimage And now?")
    kernel.good("%config NotebookImg.question_turns = 0")
    assert "question_turns" in refused.error
    kernel.good("%askimage And now?")


def test_a_failed_question_is_one_sentence_and_stops_the_run(kernel, service):
    service.control({"kind": "html", "status": 404})
    ran = kernel.run("%askimage sample:coffee What is this?")
    assert ran.status == "error"
    assert "404" in ran.error
    assert KEY not in ran.text
    assert kernel.value("len(ni.session().turns)") == 0


def test_answers_of_two_models_stand_under_each_other_with_their_names(kernel, service):
    service.control(pace=0.05)
    seen = updates(kernel, "both = %askimage -m openai -m local sample:coffee how large is it?")
    shown = [data for _, _, data in seen if "text/markdown" in data]
    assert len(shown) == 1, "answers that come at once do not stream into each other"
    for part in ("I see", "600 × 400"):
        assert part in shown[0]["text/markdown"]
        assert part in shown[0]["text/plain"]
    place = [shown[0]["text/plain"].index(part) for part in ("openai:gpt-6.1-terra:", "I see", "local:builtin:", "600 × 400")]
    assert place == sorted(place)
    assert kernel.value("[t.model for t in both]") == ["openai:gpt-6.1-terra", "local:builtin"]


def test_boxes_of_two_models_are_both_drawn(kernel):
    (shown,) = [data for data in kernel.good("%askimage -m openai -m openai sample:coffee --boxes=cup").shown if "text/markdown" in data]
    assert shown["text/markdown"].count('src="data:image/') == 2
    assert shown["text/markdown"].count("| label | left |") == 2
    still = Image.open(BytesIO(base64.b64decode(shown["image/jpeg"])))
    assert still.width > 1.5 * still.height, "two side by side, for what shows no HTML"
    assert len(json.dumps(shown)) <= 150_000


@pytest.mark.parametrize("reply", ["cut_stream", "error_midway", "end_early"])
def test_what_had_come_of_an_answer_stays_above_the_error(kernel, service, reply):
    service.control({"kind": "reply", "reply": reply})
    ran = kernel.run("%askimage sample:coffee What is this?")
    assert ran.status == "error"
    (shown,) = [data for data in ran.shown if "text/markdown" in data]
    assert "I see" in shown["text/markdown"]
    assert "I see" in shown["text/plain"]


def test_what_had_come_of_an_interrupted_answer_stays(kernel, service):
    service.control({"kind": "reply", "reply": "hang_midway"})
    message = kernel.begin("%askimage sample:coffee What is this?")
    while kernel.client.get_iopub_msg(timeout=60)["content"].get("data", {}).get("text/markdown", "") == "":
        pass
    kernel.manager.interrupt_kernel()
    while True:
        got = kernel.client.get_iopub_msg(timeout=60)
        if got["msg_type"] == "update_display_data":
            assert "I see" in got["content"]["data"].get("text/markdown", ""), "what was shown is not taken away"
        if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
            break
    kernel.client.get_shell_msg(timeout=60)
    assert message


def test_a_job_left_with_a_service_is_resumed_in_a_cell(kernel, start_emulator):
    jimeng = start_emulator("jimeng")
    jimeng.control(states=[*[20] * 10, 50])
    kernel.good(f"import os; os.environ.update({ {**jimeng_environ(jimeng), 'JIMENG_DEADLINE': '1', 'JIMENG_POLL': '0.3'}!r})")
    ran = kernel.run("%imggen -m jimeng --size 1K a fox in the snow")
    assert ran.status == "error"
    assert "%imgsession resume" in ran.error
    assert "left with a service" in kernel.good("%imgsession").text
    kernel.good("os.environ.update(JIMENG_DEADLINE='20', JIMENG_POLL='0.01')")
    shown = kernel.good("%imgsession resume")
    assert shown.drawn == 1
    assert "jimeng:jimeng-4.5" in shown.text
    assert FIRST not in shown.text
    assert kernel.value("[len(ni.session().head.pictures), ni.session().head.prompt]") == [4, "a fox in the snow"]
    assert "No job is waiting" in kernel.good("%imgsession resume").text
    assert len(jimeng.requests("aigc_draft/generate")) == 1
