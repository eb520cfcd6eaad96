from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_img.records import SessionRecord
from notebook_img.store import Store


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


@pytest.fixture
def fox(store: Store) -> SessionRecord:
    return store.create_session("fox")
