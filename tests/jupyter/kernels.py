"""A real kernel as tests use it: run a cell, look at its outputs, interrupt it. Also whole notebooks through nbclient."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.conftest import PREFIXES

PATIENCE = 60
"""Seconds a cell may take on a busy machine."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without keys, with a home and an IPython folder of its own."""
    home.mkdir(parents=True, exist_ok=True)
    bare = {name: value for name, value in os.environ.items() if not name.startswith((*PREFIXES, "JPY_"))}
    return {
        **bare,
        "NOTEBOOK_IMG_HOME": str(home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "IPYTHONDIR": str(home.parent / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **more,
    }


@dataclass
class Ran:
    """What a cell did."""

    status: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def error(self) -> str:
        """``Name: message``, or empty."""
        return next((f"{each['ename']}: {each['evalue']}" for each in self.outputs if each["output_type"] == "error"), "")

    @property
    def traceback(self) -> str:
        """The error as it is shown, without colours."""
        lines = next((each["traceback"] for each in self.outputs if each["output_type"] == "error"), [])
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines))

    @property
    def printed(self) -> str:
        """What went to stdout."""
        return "".join(each["text"] for each in self.outputs if each["output_type"] == "stream" and each["name"] == "stdout")

    @property
    def complaints(self) -> str:
        """What went to stderr."""
        return "".join(each["text"] for each in self.outputs if each["output_type"] == "stream" and each["name"] == "stderr")

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The mime bundles shown, in order, as they ended up."""
        return [each["data"] for each in self.outputs if "data" in each]

    @property
    def drawn(self) -> int:
        """How many outputs have pictures."""
        return sum("<img" in data.get("text/html", "") or any(name.startswith("image/") for name in data) for data in self.shown)

    @property
    def text(self) -> str:
        """Everything there is to read."""
        return "\n".join([self.printed, *(data.get("text/plain", "") for data in self.shown), self.traceback])


def saved_cell(source: str, ran: Ran, number: int, **metadata: Any) -> Any:
    """Return a cell that ran as a front end saves it."""
    counted = {"execution_count": number}
    outputs = [nbformat.from_dict({**each, **(counted if each["output_type"] == "execute_result" else {})}) for each in ran.outputs]
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata, **counted)


class Kernel:
    """A running kernel."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def begin(self, code: str) -> str:
        """Send a cell and do not wait."""
        return str(self.client.execute(code, store_history=True, allow_stdin=False))

    def run(self, code: str) -> Ran:
        """Run a cell to its end."""
        return self.finish(self.begin(code))

    def run_as(self, code: str, told: Mapping[str, Any], *, stops: bool = True) -> Ran:
        """Run a cell to its end, sent with the metadata a front end tells; with `stops` an error keeps the next cells from running."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": stops,
        }
        message = self.client.session.msg("execute_request", content, metadata=dict(told))
        self.client.shell_channel.send(message)
        return self.finish(message["header"]["msg_id"])

    def finish(self, message: str, timeout: float = PATIENCE) -> Ran:
        """Wait for a cell's end and return what it did."""
        started = time.monotonic()
        ran = Ran("")
        places: dict[str, list[int]] = {}
        while True:
            got = self.client.get_iopub_msg(timeout=timeout)
            if got["parent_header"].get("msg_id") != message:
                continue
            kind, content = got["msg_type"], got["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            self._take(ran, places, kind, content)
        while True:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == message:
                break
        ran.status = reply["content"]["status"]
        ran.seconds = time.monotonic() - started
        return ran

    @staticmethod
    def _take(ran: Ran, places: dict[str, list[int]], kind: str, content: dict[str, Any]) -> None:
        name = (content.get("transient") or {}).get("display_id")
        if kind == "update_display_data":
            for index in places.get(name, []):
                ran.outputs[index].update(data=content["data"], metadata=content["metadata"])
        elif kind in ("display_data", "execute_result"):
            if name:
                places.setdefault(name, []).append(len(ran.outputs))
            ran.outputs.append({"output_type": kind, "data": content["data"], "metadata": content["metadata"]})
        elif kind == "stream":
            ran.outputs.append({"output_type": "stream", "name": content["name"], "text": content["text"]})
        elif kind == "error":
            ran.outputs.append(
                {"output_type": "error", "ename": content["ename"], "evalue": content["evalue"], "traceback": content["traceback"]}
            )

    def good(self, code: str) -> Ran:
        """Run a cell that has to succeed."""
        ran = self.run(code)
        assert ran.status == "ok", ran.traceback or ran.complaints
        return ran

    def value(self, expression: str) -> Any:
        """Return a JSON value from the kernel."""
        return json.loads(self.good(f"import json as _json; print(_json.dumps({expression}, default=str))").printed)


def lab_cell(cell: str) -> dict[str, Any]:
    """Return what JupyterLab tells of a cell with this id; of one without id nothing is told."""
    return {"cellId": cell, "deletedCells": []} if cell else {}


@contextmanager
def running_kernel(env: Mapping[str, str], cwd: Path) -> Iterator[Kernel]:
    """Start a kernel in a folder, and end it with the context."""
    cwd.mkdir(parents=True, exist_ok=True)
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=dict(env), cwd=str(cwd))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def notebook(*cells: str, failing: bool = False) -> Any:
    """Build a notebook of code cells; with `failing`, errors are noted and the next cell runs all the same."""
    made = nbformat.v4.new_notebook()
    metadata = {"tags": ["raises-exception"]} if failing else {}
    made.cells = [nbformat.v4.new_code_cell(cell, metadata=dict(metadata)) for cell in cells]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made
