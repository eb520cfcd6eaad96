"""The official SDKs, old and new, over every version of the protocol they speak: each tool, a picture, an error, progress, cancel, a resource.

They lie in environments of their own, made by ``python -m tests.mcp.sdks.install`` (which needs PyPI, Node.js and the npm registry).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from notebook_img.store import Store
from tests.emulators.process import Running
from tests.mcp.conftest import CODE, KEY, paint, require, served
from tests.mcp.sdks.install import SDKS, Sdk

pytestmark = [pytest.mark.node, pytest.mark.slow]

TOOLS = {row["name"] for row in json.loads((Path(__file__).parent / "tools.json").read_text(encoding="utf-8"))}
CIRCLE = "a red circle on white"
TURN = "rotate by 90 degrees"

CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("made", "generate_image", {"prompt": CIRCLE, "outputPath": "{tag}-made.png"}),
    ("edited", "edit_image", {"imagePath": "cat.png", "prompt": TURN, "outputPath": "{tag}-edited.png"}),
    ("started", "start_image_session", {"prompt": TURN, "imagePath": "cat.png", "outputPath": "{tag}-started.png"}),
    ("continued", "continue_image_session", {"sessionId": "$SESSION", "prompt": TURN, "outputPath": "{tag}-continued.png"}),
    ("shown", "show_session", {"session": "$SESSION"}),
    ("undone", "undo_turn", {"session": "$SESSION"}),
    ("seedream", "generateImage", {"prompt": CIRCLE}),
    ("analysed", "analyze_image", {"image": "cat.png", "prompt": "What size is it?"}),
    ("chat", "chat_vision", {"image": "cat.png", "question": "What size is it?"}),
    ("sizes", "get_image_config_info", {}),
    ("status", "get_status", {}),
    ("listed", "list_sessions", {}),
    ("viewed", "view_image", {"image": "cat.png"}),
    ("compared", "compare_images", {"before": "cat.png", "after": "sample:chelsea"}),
    ("saved", "save_image", {"image": "cat.png", "outputPath": "{tag}-saved.png"}),
    ("taken", "take_image", {"id": "cat.png"}),
    ("found", "find_images", {"query": "rotate"}),
    ("sheet", "make_sheet", {"images": ["cat.png", "sample:chelsea"]}),
    ("batch", "run_batch", {"prompt": TURN, "images": ["cat.png"], "max_cost": 0}),
    ("batch seen", "get_batch", {"batch_id": "b1"}),
    ("batch stopped", "stop_batch", {"batch_id": "b1"}),
    ("wrong", "edit_image", {"imagePath": "missing.png", "prompt": TURN, "outputPath": "{tag}-wrong.png"}),
    ("no job", "get_job", {"job_id": "j0"}),
    ("nothing to stop", "cancel_job", {"job_id": "j0"}),
)
FAILING = {"wrong", "no job", "nothing to stop"}
PICTURES = {"made", "edited", "started", "continued", "seedream"}
SECONDS = 1.0
"""How long a picture of the emulated service takes, so that there is something to cancel."""


@dataclass
class Place:
    """The server that all of them visit, and what they saw there."""

    home: Path
    folder: Path
    url: str
    gemini: Running
    seen: dict[tuple[str, str], Any] = field(default_factory=dict)
    sent: int = 0

    @property
    def environment(self) -> dict[str, str]:
        keys = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": self.gemini.url, "NOTEBOOK_IMG_MODEL": "local"}
        return {
            "NOTEBOOK_IMG_HOME": str(self.home),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "HOME": str(self.home),
            "PYTHONPATH": CODE,
            **keys,
        }

    def visits(self, sdk: Sdk) -> None:
        """Let an SDK visit the server over HTTP in every version it speaks, and one over stdio in its newest."""
        if (sdk.name, "stdio") in self.seen:
            return
        over_stdio = {"command": [sys.executable, "-m", "notebook_img", "mcp", "--alone"], "env": self.environment, "cwd": str(self.folder)}
        tasks = [(version, {"url": self.url, "version": version}) for version in sdk.versions]
        tasks.append(("stdio", {**over_stdio, "version": sdk.versions[-1]}))
        lines = [json.dumps({**task, **self._script(f"{sdk.name}-{name}")}) for name, task in tasks]
        done = subprocess.run(sdk.command, input="\n".join(lines), capture_output=True, text=True, timeout=240, cwd=self.folder)
        assert done.returncode == 0, done.stderr[-4000:]
        for (name, _), line in zip(tasks, done.stdout.splitlines(), strict=True):
            self.seen[sdk.name, name] = json.loads(line)
        self.sent += len(tasks)

    def _script(self, tag: str) -> dict[str, Any]:
        def told(arguments: dict[str, Any]) -> dict[str, Any]:
            return {name: value.format(tag=tag) if isinstance(value, str) else value for name, value in arguments.items()}

        slow = {"prompt": f"a fox for {tag}", "outputPath": f"{tag}-slow.png", "model": "gemini"}
        calls = [(label, tool, told(arguments)) for label, tool, arguments in CALLS]
        # Over stdio it stays until the picture it gave up is there: an SDK kills its server four seconds after it has closed it.
        return {"calls": calls, "slow": ("generate_image", slow), "left": str(self.folder / slow["outputPath"])}


@pytest.fixture(scope="module")
def place(emulators: Callable[..., Running], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    gemini = emulators("gemini")
    gemini.reset()
    gemini.control({"kind": "slow", "seconds": SECONDS, "times": -1, "path": "enerateContent"}, key=KEY)
    found = Place(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"), "", gemini)
    paint(found.folder / "cat.png")
    with served("--plain", cwd=found.folder, **found.environment) as url:
        found.url = url
        yield found


@pytest.fixture
def visited(place: Place, sdk: Sdk) -> Place:
    require(sdk)
    place.visits(sdk)
    return place


VISITS = [pytest.param(sdk, version, id=f"{sdk.name}-{version}") for sdk in SDKS for version in (*sdk.versions, "stdio")]


def test_every_tool_is_called():
    assert {tool for _, tool, _ in CALLS} == TOOLS


@pytest.mark.parametrize(("sdk", "name"), VISITS)
def test_it_gets_what_its_version_has_and_accepts_all_of_it(visited: Place, sdk: Sdk, name: str):
    seen = visited.seen[sdk.name, name]
    version = sdk.versions[-1] if name == "stdio" else name
    later = version >= "2025-06"
    assert seen["version"] == version
    assert {tool["name"] for tool in seen["tools"]} == TOOLS
    assert {"outputSchema" in tool for tool in seen["tools"]} == {later}
    calls = seen["calls"]
    assert {label for label, result in calls.items() if result.get("isError")} == FAILING
    assert "missing.png" in calls["wrong"]["content"][0]["text"]
    assert {label for label, result in calls.items() if "structuredContent" in result} == (set(calls) - FAILING if later else set())
    for label in PICTURES:
        words, picture, *links = calls[label]["content"]
        assert (words["type"], picture["type"], [link["type"] for link in links]) == ("text", "image", ["resource_link"] * later)
        assert picture["data"].startswith(("/9j/", "iVBOR"))
    for label in PICTURES - {"seedream"}:
        path = visited.folder / f"{sdk.name}-{name}-{label}.png"
        assert path.is_file()
        assert str(path) in calls[label]["content"][0]["text"]
    assert "640" in calls["analysed"]["content"][0]["text"]
    assert json.loads(calls["chat"]["content"][0]["text"])["status"] == "success"
    assert seen["resource"] == ["image/png", "89504e47"]
    assert seen["prompts"]


@pytest.mark.parametrize(("sdk", "name"), VISITS)
def test_it_hears_of_progress_and_cancels_what_goes_on_as_a_job(visited: Place, sdk: Sdk, name: str):
    told = visited.seen[sdk.name, name]["told"]
    version = sdk.versions[-1] if name == "stdio" else name
    assert told
    assert {message is None for _, message in told} == {version < "2025-03"}
    with Store.open(visited.home) as store:
        end = time.monotonic() + 60
        while True:
            job = next(row for row in store.jobs(limit=None) if f"fox for {sdk.name}-{name}" in row.prompt)
            if job.state != "running":
                break
            assert time.monotonic() < end
            time.sleep(0.05)  # between two looks at another process
        assert (job.state, bool(job.turn)) == ("done", True)
    assert (visited.folder / f"{sdk.name}-{name}-slow.png").is_file()
    assert len(visited.gemini.requests("enerateContent")) == visited.sent
