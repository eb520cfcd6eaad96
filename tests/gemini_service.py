"""The emulated Gemini API as a fixture, for tests of the provider and of whole studios."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from notebook_img.providers import retry
from tests.emulators.process import Running


@pytest.fixture
def service(start_emulator: Callable[..., Running], monkeypatch: pytest.MonkeyPatch, service_key: str) -> Iterator[Running]:
    """The emulated service, fresh, taking `service_key` only; back-off is short, as time is the one thing tests may mock."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    running = start_emulator("gemini")
    running.reset()
    running.control(key=service_key)
    yield running
    assert not [row["error"] for row in running.requests() if row["state"] == "emulator failed"]
