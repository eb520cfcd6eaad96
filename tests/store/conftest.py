from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_img.records import SessionRecord
from notebook_img.settings import Address
from notebook_img.store import Store
from tests.postgres import bucket, needs_postgres, postgres, team_home

__all__ = ["bucket", "postgres", "team_home"]

SQLITE_ONLY = frozenset(
    "test_crashes test_damage test_fixture_store test_healing test_healing_pictures test_damaged_rows test_lost_rows test_opening test_scale test_strangers_packs".split()  # noqa: SIM905
)
"""Modules that are about the file of SQLite and what lies beside it."""

HURT_FILES = frozenset(
    {
        "test_an_input_deleted_during_the_call_is_stored_again_where_its_bytes_are_known_and_said_where_not",
        "test_a_damaged_picture_is_not_taken_for_the_real_one",
        "test_an_export_goes_on_without_what_is_gone_and_names_it",
        "test_importing_the_right_bytes_heals_what_is_damaged_or_missing",
    }
)
"""What damages files by their path: with a bucket those are copies, which are fetched again (test_bucket.py)."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is said of a store on every kind of home, unless it looks into the folder itself."""
    module = metafunc.module.__name__.rpartition(".")[2]
    looks_inside = "home" in inspect.signature(metafunc.function).parameters
    if {"store", "where"} <= set(metafunc.fixturenames) and module not in SQLITE_ONLY and not looks_inside:
        shared = [pytest.param(where, marks=needs_postgres) for where in ("postgresql", "postgresql and s3")]
        if metafunc.function.__name__ in HURT_FILES:
            shared.pop()
        metafunc.parametrize("where", ["folder", *shared], indirect=True)


@pytest.fixture
def where(request: pytest.FixtureRequest) -> str:
    """Which kind of home the store is in."""
    return getattr(request, "param", "folder")


@pytest.fixture
def store(where: str, home: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    address: Path | Address = home
    if where != "folder":
        pictures = request.getfixturevalue("bucket").url if "s3" in where else ""
        address = request.getfixturevalue("team_home")(pictures)
    with Store.open(address) as opened:
        yield opened


@pytest.fixture
def fox(store: Store) -> SessionRecord:
    return store.create_session("fox")
