"""Scenarios in real kernels: cells sent as JupyterLab, VS Code and programs without ids send them, over notebooks that lie in a folder."""

from __future__ import annotations

import ast
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.jupyter.kernels import Kernel, Ran, environment, lab_cell, running_kernel
from tests.pages import ROOT
from tests.replay.scenarios import File, Open, Run

FRONTS = ("JupyterLab", "VS Code", "no ids")
TELL = "__import__('tests.replay.in_the_kernel').replay.in_the_kernel.told()"
SET_UP = """
%load_ext notebook_img
import notebook_img as ni
s = ni.session({session})
gen, edit, ask, undo, redo, checkout = s.generate, s.edit, s.ask, s.undo, s.redo, s.checkout
head, keep = (lambda: s.head), (lambda turns: None)
"""


def plugin(folder: Path) -> Path:
    """Install the painter as any package would install its provider."""
    info = folder / "painter-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: painter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[notebook_img.providers]\npainter = tests.replay.painter:Painter\n")
    return folder


def kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment of kernels that have the painter."""
    paths = [str(ROOT), str(plugin(folder / "plugin")), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return environment(folder / "home", NOTEBOOK_IMG_MODEL="painter", PYTHONPATH=os.pathsep.join(paths))


@dataclass
class Done:
    """What a cell did."""

    ran: Ran
    sent: int
    got: list[tuple[str, str]]
    session: str


class Front:
    """A front end with one kernel, which is begun anew for each opening of a notebook."""

    def __init__(self, name: str, kernel: Kernel) -> None:
        self.name = name
        self.kernel = kernel
        self.openings = 0
        self.ids = ""

    def open(self, opened: Open, folder: Path) -> None:
        """Open a notebook of the folder, or begin work where no notebook is known."""
        self.openings += 1
        path = str(folder / opened.notebook) if opened.notebook and self.name != "no ids" else ""
        environ: dict[str, str | None] = {
            "NOTEBOOK_IMG_HOME": str(folder / "homes" / opened.home),
            "NOTEBOOK_IMG_MODEL": opened.model,
            "NOTEBOOK_IMG_REPLAY": opened.replay,
            "PAINTER_MODEL": opened.painter,
            "JPY_SESSION_NAME": path if self.name == "JupyterLab" and path else None,
        }
        vscode = path if self.name == "VS Code" else ""
        self.ids = f"{self.openings}-" if opened.new_ids else ""
        given = json.dumps([environ, str(folder), vscode])
        begin = f"__import__('json').loads({given!r})"
        self._silently(f"__import__('tests.replay.in_the_kernel').replay.in_the_kernel.begin_anew(*{begin})")
        if opened.sets_up:
            ran = self._send("set up", SET_UP.format(session=repr(opened.session) if opened.session else ""))
            assert ran.status == "ok", ran.traceback

    def run(self, cell: str, source: str) -> Done:
        """Run a cell, and return what it did."""
        ran = self._send(cell, source)
        told = json.loads(self._silently(TELL))
        return Done(ran, told["sent"], [tuple(each) for each in told["got"]], told["session"])

    def _send(self, cell: str, source: str) -> Ran:
        told = {
            "JupyterLab": lab_cell(f"{self.ids}{cell}"),
            "VS Code": {"cellId": f"vscode-notebook-cell:/work.ipynb#{self.openings}{cell}"},
            "no ids": {},
        }[self.name]
        return self.kernel.run_as(source, told)

    def _silently(self, expression: str) -> Any:
        """Return the value of an expression; no cell runs."""
        client = self.kernel.client
        sent = client.execute("", silent=True, store_history=False, user_expressions={"told": expression}, allow_stdin=False)
        while (reply := client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != sent:
            pass
        told = reply["content"]["user_expressions"]["told"]
        assert told["status"] == "ok", "\n".join(told.get("traceback", [str(told)]))
        return ast.literal_eval(told["data"]["text/plain"])


@contextmanager
def front(name: str, folder: Path) -> Iterator[Front]:
    """Start a front end's kernel."""
    with running_kernel(kernel_environment(folder), folder / "start") as kernel:
        yield Front(name, kernel)


@dataclass
class Scenario:
    """One row as it is played: what the labels stand for."""

    front: Front
    folder: Path
    labels: dict[str, str] = field(default_factory=dict)

    def play(self, steps: tuple[Any, ...]) -> None:
        """Do all steps; each must do what its row says."""
        for number, step in enumerate(steps):
            where = f"step {number}: {step}"
            if isinstance(step, Open):
                if step.notebook:
                    write_notebook(self.folder / step.notebook, steps[number + 1 :])
                self.front.open(step, self.folder)
            elif isinstance(step, File):
                step.does(self.folder)
            else:
                self._run(step, where)

    def _run(self, step: Run, where: str) -> None:
        done = self.front.run(step.cell, step.source)
        shown = f"{where}\n{done.ran.traceback or done.ran.text}"
        assert (done.ran.status != "ok") == bool(step.fails), shown
        assert step.fails is True or str(step.fails or "") in done.ran.traceback, shown
        assert step.says in done.ran.text + done.ran.complaints, shown
        assert done.sent == step.sent, f"{done.sent} sent. {shown}"
        assert len(done.got) == len(step.gives.split()), f"{done.got} {shown}"
        for label, (picture, _) in zip(step.gives.split(), done.got, strict=True):
            assert self.labels.setdefault(label, picture) == picture, f"{label} is another picture than before. {shown}"
            assert [other for other, known in self.labels.items() if known == picture] == [label], f"{label} is not new. {shown}"
        if step.parents is not None:
            parents = ["" if label == "-" else self.labels[label] for label in step.parents.split()]
            assert [parent for _, parent in done.got] == parents, shown
        if step.session:
            assert done.session == step.session, shown


def write_notebook(path: Path, steps: tuple[Any, ...]) -> None:
    """Write the notebook that holds the cells of the steps up to the next opening, as a front end saves it."""
    cells: dict[str, str] = {}
    for step in steps:
        if isinstance(step, Open):
            break
        if isinstance(step, Run):
            cells[step.cell] = step.source
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(notebook_json(cells))


def notebook_json(cells: Mapping[str, str]) -> str:
    """Return a notebook file."""
    made = [
        {"cell_type": "code", "id": name, "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for name, source in cells.items()
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5})


def emptied(folder: Path) -> Path:
    """Return the folder of the next scenario, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
