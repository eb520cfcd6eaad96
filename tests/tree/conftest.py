from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from notebook_img.store import Store
from notebook_img.tree import Session
from tests.tree.acting import Acting


@pytest.fixture
def actor(home: Path) -> Iterator[Acting]:
    with Store.open(home) as store:
        yield Acting(store)


@pytest.fixture
def fox(actor: Acting) -> Session:
    return Session(actor, actor.store.create_session("fox").id)
