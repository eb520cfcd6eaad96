from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_img.records import SessionRecord
from notebook_img.store import Store
from tests.postgres import needs_postgres, postgres, team_home

__all__ = ["postgres", "team_home"]

SQLITE_ONLY = frozenset(
    "test_crashes test_damage test_fixture_store test_healing test_lost_rows test_opening test_scale test_strangers_packs".split()  # noqa: SIM905
)
"""Modules that are about the file of SQLite and what lies beside it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is said of a store on every kind of home, unless it looks into the folder itself."""
    module = metafunc.module.__name__.rpartition(".")[2]
    looks_inside = "home" in inspect.signature(metafunc.function).parameters
    if "store" in metafunc.fixturenames and module not in SQLITE_ONLY and not looks_inside:
        metafunc.parametrize("where", ["folder", pytest.param("postgresql", marks=needs_postgres)], indirect=True)


@pytest.fixture
def where(request: pytest.FixtureRequest) -> str:
    """Which kind of home the store is in."""
    return getattr(request, "param", "folder")


@pytest.fixture
def store(where: str, home: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    with Store.open(home if where == "folder" else request.getfixturevalue("team_home")()) as opened:
        yield opened


@pytest.fixture
def fox(store: Store) -> SessionRecord:
    return store.create_session("fox")
