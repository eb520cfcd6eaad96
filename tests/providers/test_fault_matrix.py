"""Every fault against every service: the right error, no more requests than the rules allow, the right booking, the tree as it was, no key.

The faults and what is expected of each are in faults.py. Waits cost no time, and what hangs is ended by the server's word.
"""

from __future__ import annotations

import asyncio
import traceback
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.calls.call import make_call
from tests.providers.fault_server import Clock, Server, clock, environ_at, no_waiting
from tests.providers.faults import FAULTS, KEY, KINDS, MODELS, RARE, Case, is_free, kinds_expected, requests_allowed
from tests.providers.openai.conftest import picture

__all__ = ["clock", "no_waiting"]


def wrong_with(case: Case, error: BaseException | None, seen: int, rows: list[Any], turns: int) -> str:
    """Return what is not as it should be; an empty string where all is."""
    said = "".join(traceback.format_exception(error)) + repr(getattr(error, "__dict__", "")) if error else ""
    expected = kinds_expected(case)
    if not isinstance(error, expected):
        return f"{type(error).__name__} in place of {' or '.join(kind.__name__ for kind in expected)}: {error}"
    if not 1 <= seen <= requests_allowed(case):
        return f"asked {seen} times, not {requests_allowed(case)}"
    if KEY in said or KEY[:12] in said or KEY[-12:] in said:
        return "shows the key"
    if turns:
        return "left a turn"
    if [(row.state, row.cost) for row in rows] != ([("failed", 0.0)] if is_free(case) else [("unknown", rows[0].estimate)] if rows else []):
        return f"booked {[(row.state, row.cost) for row in rows]}"
    return ""


def cases_of(provider: str) -> list[Case]:
    kinds = KINDS[provider]
    whole = [*product(kinds, FAULTS), *((kinds[at % len(kinds)], fault) for at, fault in enumerate(RARE))]
    return [Case(at, provider, kind, fault) for at, (kind, fault) in enumerate(whole, 1)]


def test_the_matrix_is_large() -> None:
    count = sum(len(cases_of(provider)) for provider in KINDS)
    print(f"{count} cases of the fault matrix")
    assert count > 2000


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("provider", KINDS)
async def test_every_fault_is_the_right_error_and_the_right_booking(provider: str, home: Path, clock: Clock) -> None:
    server, cases = Server(clock), cases_of(provider)
    server.cases = {case.number: case for case in cases}
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0, limit=2**22)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    studio = ni.Studio(settings=ni.Settings(environ_at(url, home, provider)))
    given, gate, wrong = picture((64, 64)), asyncio.Semaphore(12), []

    async def one(case: Case) -> None:
        call = make_call(
            case.kind,  # type: ignore[arg-type]
            f"case-{case.number}- a fox",
            None if case.kind == "generate" else given,
            {"model": MODELS[provider][case.kind]},
        )
        async with gate:
            error: BaseException | None = None
            clock.case.set(case.number)
            name = f"case-{case.number}"
            session = studio.session(name)
            try:
                await studio.run_async(session, call)
            except Exception as caught:
                error = caught
            if problem := wrong_with(case, error, server.seen[case.number], studio.store.spend_rows(session=name), len(session.turns)):
                wrong.append(f"{case}: {problem}"[:400])

    try:
        await asyncio.gather(*map(one, cases))
    finally:
        studio.close()
        listening.close()
        await server.close()
    print(f"{len(cases)} cases with {provider}")
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:12])
