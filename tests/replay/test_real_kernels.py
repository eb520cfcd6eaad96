"""Every row of scenarios.py in real kernels, cells told apart by JupyterLab's ids, by VS Code's, and not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.replay.real_kernels import FRONTS, Front, Scenario, emptied, front
from tests.replay.scenarios import IN_PLACE, NEEDS_LASTING_IDS, NEEDS_NOTEBOOK, WITH_FILES, WITH_IDS, WITHOUT_IDS, runs_again

CHANGES_MODEL = "a cell's own run is given back also when a key has come since; from elsewhere the built-in engine's replies go to itself"
"""Changes the session's model between kernels, which no front end does."""


def rows(name: str) -> dict[str, Any]:
    """Return the rows that hold for a front end."""
    every = {**IN_PLACE, **WITH_FILES}
    left_out = {CHANGES_MODEL, *(() if name == "JupyterLab" else NEEDS_LASTING_IDS)}
    if name == "no ids":
        left_out |= NEEDS_NOTEBOOK | {row for row, steps in every.items() if runs_again(steps)}
    every |= WITHOUT_IDS if name == "no ids" else WITH_IDS
    return {row: steps for row, steps in every.items() if row not in left_out}


def test_there_are_as_many_rows_as_were_tried() -> None:
    counts = {name: len(rows(name)) for name in FRONTS}
    print("scenarios in real kernels:", counts, "together", sum(counts.values()))
    assert sum(counts.values()) >= 132


@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with front(request.param, tmp_path_factory.mktemp("front")) as made:
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "row" in metafunc.fixturenames:
        pairs = [(name, row) for name in FRONTS for row in rows(name)]
        metafunc.parametrize(("opened", "row"), pairs, indirect=["opened"], scope="module", ids=[f"{name}: {row}" for name, row in pairs])


def test_scenario(opened: Front, row: str, tmp_path: Path) -> None:
    Scenario(opened, emptied(tmp_path / "work")).play(tuple(rows(opened.name)[row]))
