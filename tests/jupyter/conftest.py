"""One kernel for a module of tests; each test works in a session of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import notebook_img.jupyter.extension
import notebook_img.jupyter.kernel
import notebook_img.studio.default
from notebook_img.errors import NotebookImgError
from tests.jupyter.kernels import Kernel, environment, running_kernel

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernel's working folder; its home lies beside it."""
    return tmp_path_factory.mktemp("kernel") / "work"


@pytest.fixture(scope="module")
def started(place: Path) -> Iterator[Kernel]:
    """A kernel with the extension loaded."""
    with running_kernel(environment(place.parent / "home"), place) as kernel:
        kernel.good("%load_ext notebook_img\nimport notebook_img as ni")
        yield kernel


@pytest.fixture
def kernel(started: Kernel) -> Kernel:
    """The module's kernel in a fresh session, called ``s1``, ``s2`` ... ."""
    started.good(f"%imgsession s{next(_numbers)}")
    return started


StartShell = Callable[..., InteractiveShell]


@pytest.fixture
def start_shell(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartShell]:
    """Start a shell in this process with the extension loaded, as in a kernel of its own: its studio and its cells are fresh."""
    monkeypatch.setattr(notebook_img.studio.default, "_default", None)
    monkeypatch.setattr(notebook_img.jupyter.kernel, "_kernel", None)
    monkeypatch.setattr(NotebookImgError, "verbose", False)

    def start(config: Config | None = None) -> InteractiveShell:
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance(config=config or Config())
        shell.history_manager.enabled = False
        shell.run_line_magic("load_ext", "notebook_img")
        return shell

    yield start
    if InteractiveShell.initialized():
        notebook_img.jupyter.extension.unload(InteractiveShell.instance())
    notebook_img.studio.default_studio().close()
    InteractiveShell.clear_instance()
