"""Python before any magic: the calls of ``ni`` belong to cells from ``%load_ext`` on, and from the first call without it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulators.process import Running
from tests.jupyter.kernels import environment, running_kernel
from tests.studio.conftest import openai_environ

CELLS = (
    "import notebook_img as ni\ns = ni.session('fox')",
    "s.generate('a fox')",
    "t = s.edit('make it night')\nprint(t.parent.id, t.replayed)",
)


@pytest.fixture
def service(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("openai")


def run_all(home: Path, work: Path, service: Running, *cells: str, **more: str) -> list[str]:
    """Run cells in a kernel of their own and return what they printed."""
    env = environment(home, **openai_environ(service), NOTEBOOK_IMG_MODEL="openai", **more)
    with running_kernel(env, work) as kernel:
        return [kernel.good(cell).printed for cell in cells]


@pytest.mark.parametrize("first", ["%load_ext notebook_img", "pass"], ids=["with the extension", "without it"])
def test_calls_before_any_magic_are_given_back_in_a_new_kernel(service: Running, tmp_path: Path, first: str) -> None:
    printed = [run_all(tmp_path / "home", tmp_path / "work", service, first, *CELLS)[-1] for _ in range(3)]
    assert [row["path"] for row in service.requests("/images/")] == ["/v1/images/generations", "/v1/images/edits"]
    assert printed == ["t1 False\n", "t1 True\n", "t1 True\n"], "an edit goes on from the turn it went on from, not from its own result"


@pytest.mark.parametrize("first", ["%load_ext notebook_img", "import notebook_img as ni"])
def test_the_session_is_named_after_the_notebook(service: Running, tmp_path: Path, first: str) -> None:
    named = {"JPY_SESSION_NAME": str(tmp_path / "work" / "foxes.ipynb")}
    source = (
        "import notebook_img as ni\nt = ni.generate('a fox')\nprint(t.full_id, t.origin.surface, bool(t.origin.cell), t.origin.notebook)"
    )
    said = run_all(tmp_path / "home", tmp_path / "work", service, first, source, **named)[-1]
    assert said == f"foxes/t1 cell True {named['JPY_SESSION_NAME']}\n"


def test_only_sends_nothing_in_a_kernel_before_any_magic(service: Running, tmp_path: Path) -> None:
    env = environment(tmp_path / "home", **openai_environ(service), NOTEBOOK_IMG_MODEL="openai", NOTEBOOK_IMG_REPLAY="only")
    with running_kernel(env, tmp_path / "work") as kernel:
        ran = kernel.run("import notebook_img as ni\nni.generate('a fox')")
        assert ran.status == "error"
        assert "ReplayMissError" in ran.traceback
        fresh = kernel.run("ni.generate('a fox', fresh=True)")
        assert "ReplayMissError" in fresh.traceback
        kernel.good("assert ni.generate('a red circle', model='local').cost == 0, 'the built-in engine goes on'")
    assert service.requests("/images/") == []


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import notebook_img as ni; ni.generate('a fox')"],
        ["-m", "notebook_img", "generate", "a fox", "-s", "fox"],
    ],
    ids=["a script", "the command line"],
)
def test_only_refuses_where_nothing_can_be_given_back(service: Running, tmp_path: Path, command: list[str]) -> None:
    env = environment(tmp_path / "home", **openai_environ(service), NOTEBOOK_IMG_MODEL="openai", NOTEBOOK_IMG_REPLAY="only")
    done = subprocess.run([sys.executable, *command], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "replay is 'only'" in done.stderr
    assert service.requests("/images/") == []
