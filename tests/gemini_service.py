"""The emulated Gemini API, and studios that reach it, as fixtures; who imports them names the key in a fixture `service_key`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.providers import retry
from tests.emulators.process import Running


@pytest.fixture
def service(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, service_key: str) -> Iterator[Running]:
    """The emulated service, fresh, taking `service_key` only; back-off is short, as time is the one thing tests may mock."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    running = start_emulator("gemini")
    running.control(key=service_key)
    yield running
    assert not [row["error"] for row in running.requests() if row["state"] == "emulator failed"]


@pytest.fixture
def environ(service: Running, service_key: str, home: Path) -> dict[str, str]:
    return {"GEMINI_API_KEY": service_key, "GOOGLE_GEMINI_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}


@pytest.fixture
def new_studio(environ: dict[str, str]) -> Iterator[Callable[..., ni.Studio]]:
    """Make studios over the test's home or another one; the list `said` holds what each says."""
    made: list[ni.Studio] = []

    def new(home: Path | None = None, *, key: str | None = None, **settings: Any) -> ni.Studio:
        own = environ | ({"NOTEBOOK_IMG_HOME": str(home)} if home else {}) | ({} if key is None else {"GEMINI_API_KEY": key})
        studio = ni.Studio(settings=ni.Settings(own, **{"timeout": 30, **settings}))
        studio.said = []  # type: ignore[attr-defined]
        studio.say = studio.said.append  # type: ignore[attr-defined]
        made.append(studio)
        return studio

    yield new
    for studio in made:
        studio.close()
