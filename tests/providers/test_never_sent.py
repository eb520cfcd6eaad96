"""What keeps a request from leaving, for every kind of call at every connection: nothing is booked, nothing stays, no key is shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

import notebook_img as ni
from notebook_img.calls.call import make_call
from notebook_img.errors import NotebookImgError, UnreachableError, UsageError
from tests.providers.fault_server import environ_at, no_waiting
from tests.providers.faults import KEY, KINDS, MODELS
from tests.providers.openai.conftest import picture
from tests.providers.test_fault_surfaces import UNSENT

__all__ = ["no_waiting"]
NAMED = {"no such certificates": "SSL_CERT_FILE", "a dead proxy": "proxy"}
"""What the error names as what has to be set right."""


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", UNSENT)
@pytest.mark.parametrize("provider", KINDS)
async def test_what_never_left_costs_nothing(provider: str, fault: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = dict(UNSENT[fault])
    base = world.pop("base", "http://example.invalid")
    home.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    for name, value in world.items():
        monkeypatch.setenv(name, value)
    studio = ni.Studio(settings=ni.Settings(environ_at(base, home, provider)))
    given = picture((64, 64))
    try:
        for kind in KINDS[provider]:
            session = studio.session(kind)
            asked = make_call(kind, "a fox", None if kind == "generate" else given, {"model": MODELS[provider][kind]})
            with pytest.raises(NotebookImgError) as caught:
                await studio.run_async(session, asked)
            assert isinstance(caught.value, UnreachableError | UsageError), repr(caught.value)
            told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
            assert not any(piece in told for piece in (KEY, KEY[:12], KEY[-12:]))
            assert "billed" not in str(caught.value)
            assert NAMED.get(fault, "") in str(caught.value)
            assert {(row.state, row.cost) for row in studio.store.spend_rows(session=kind)} <= {("failed", 0.0)}
            assert len(session.turns) == 0
        assert studio.jobs() == []
    finally:
        studio.close()
