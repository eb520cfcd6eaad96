"""Notebooks that programs run, which tell neither cell ids nor a path: nbconvert, nbmake, papermill, jupytext; and many at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from notebook_img.store import Store
from tests.replay.real_kernels import front, kernel_environment, notebook_json
from tests.replay.scenarios import FOX, NIGHT, Open

PYTHON = [sys.executable, "-m"]
PROGRAMS = {
    "nbconvert": [*PYTHON, "nbconvert", "--to", "notebook", "--execute", "--output", "done.ipynb", "one.ipynb"],
    "nbmake": [*PYTHON, "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", "--nbmake-kernel=python3", "one.ipynb"],
    "papermill": [*PYTHON, "papermill", "--no-progress-bar", "-k", "python3", "one.ipynb", "done.ipynb"],
    "jupytext": [*PYTHON, "jupytext", "--quiet", "--execute", "--to", "notebook", "--output", "done.ipynb", "one.ipynb"],
}
CELLS = {
    "S": "%load_ext notebook_img",
    "A": FOX,
    "B": NIGHT,
    "C": "%imgedit -i t1 warm",
    "K": "%imgsession checkout t3",
    "D": "%imgedit cold",
}
"""The turns: A is t1, B is t2 and, run again, t3, C is t4, D is t5, from t3."""


@dataclass
class Work:
    """A folder with a notebook that was run in JupyterLab."""

    folder: Path
    environ: dict[str, str]
    log: Path

    @property
    def sent(self) -> int:
        return len(self.log.read_text().splitlines())

    def program(self, name: str, **more: str) -> int:
        """Run the notebook with a program; return how many requests that sent."""
        before = self.sent
        done = subprocess.run(PROGRAMS[name], env={**self.environ, **more}, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.sent - before

    def latest(self, count: int) -> list[tuple[str, str]]:
        """Return the picture of each of the latest replies that cells got, with its parent's."""
        found = []
        with Store.open(Path(self.environ["NOTEBOOK_IMG_HOME"])) as store:
            replies = [reply for run in reversed(store.runs()) for reply in store.replies(run.id)][-count:]
            for reply in replies:
                turn = store.turn(reply.session_id, reply.turn)
                assert turn is not None
                parent = store.turn(reply.session_id, turn.parent) if turn.parent else None
                found.append(tuple(each.uses("output")[0].sha256 if each else "" for each in (turn, parent)))
        return found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("programs") / "work"
    folder.mkdir()
    log = folder.parent / "sent.log"
    log.touch()
    environ = {**kernel_environment(folder.parent), "NOTEBOOK_IMG_HOME": str(folder / "homes" / "home"), "PAINTER_LOG": str(log)}
    (folder / "one.ipynb").write_text(notebook_json(CELLS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAINTER_LOG", str(log))
        with front("JupyterLab", folder.parent / "lab") as lab:
            lab.open(Open("one.ipynb", session="", sets_up=False), folder)
            for cell in ("S", "A", "B", "B", "C", "K", "D"):
                assert lab.run(cell, CELLS[cell]).ran.status == "ok"
    made = Work(folder, environ, log)
    assert made.sent == 5
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_jupyterlab_made_comes_back_and_what_is_new_is_asked_once(work: Work, name: str) -> None:
    with Store.open(Path(work.environ["NOTEBOOK_IMG_HOME"])) as store:
        fox = store.session_named("one")
        assert fox is not None
        a, b, c, d = (store.turn(fox.id, number).uses("output")[0].sha256 for number in (1, 3, 4, 5))  # type: ignore[union-attr]
    same = [(a, ""), (b, a), (c, a), (d, b)]
    changed = {**CELLS, "N": f"%imgedit in the style of {name}"}
    (work.folder / "one.ipynb").write_text(notebook_json(changed))
    assert work.program(name) == 1
    made = work.latest(5)
    assert made[:4] == same, "the rolls made last, and ids that mean what they meant, in a session with other numbers"
    assert made[4][1] == d
    assert work.program(name, NOTEBOOK_IMG_REPLAY="only") == 0
    assert work.latest(5) == made


AT_ONCE = 4


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])])
def test_four_notebooks_at_once_open_one_new_home(tmp_path: Path, times: int) -> None:
    environ = kernel_environment(tmp_path)
    for number in range(AT_ONCE):
        cells = {"S": CELLS["S"], "A": f"%imggen fox {number}", "B": NIGHT}
        (tmp_path / f"n{number}.ipynb").write_text(notebook_json(cells))
    for time in range(times):
        environ["NOTEBOOK_IMG_HOME"] = str(tmp_path / f"home {time}")
        command = [*PYTHON, "pytest", "-q", "-p", "no:cacheprovider", "-n", str(AT_ONCE), "--nbmake", "--nbmake-kernel=python3", "."]
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{time}: {done.stdout}{done.stderr}"
        with Store.open(Path(environ["NOTEBOOK_IMG_HOME"])) as store:
            assert sum(session.turns for session in store.sessions()) == 2 * AT_ONCE
