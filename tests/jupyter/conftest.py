"""One kernel for a module of tests; each test works in a session of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

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
