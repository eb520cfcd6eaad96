"""Faults as people and agents meet them: pairwise over surfaces, services and faults, in this process; twenty more in processes of their own.

The matrix itself is test_fault_matrix.py; both use the server of fault_server.py and the rules of faults.py. Here each fault meets each surface once, and each
kind of call at each connection each surface, with what a surface adds: an exit code, an error in a cell, a result of a tool, and
whatever was printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from mcp import Client
from PIL import Image

import notebook_img as ni
from notebook_img.cli import main
from notebook_img.cli.printing import exit_code
from notebook_img.errors import JobPendingError, NotebookImgError
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.studio import default
from tests.pictures.making import file
from tests.providers.fault_server import Clock, Server, clock, environ_at, no_waiting
from tests.providers.faults import KEY, KINDS, MODELS, SLOW, Case, Fault, is_free, kinds_expected, requests_allowed

__all__ = ["clock", "no_waiting"]

FAULTS = (
    *(Fault(status) for status in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 524)),
    *(Fault(status, "page") for status in (403, 413, 429, 500, 502, 503, 504)),
    *(Fault(429, "own", wait) for wait in ("1e9", "Thu, 01 Jan 2199 00:00:00 GMT")),
    *(Fault(kind=kind) for kind in ("nothing", "reset", "reset_midway", "204", "empty_200", "broken_json", "page_200", "truncated", *SLOW)),
)
UNSENT: dict[str, dict[str, str]] = {
    "refused": {"base": "http://127.0.0.1:9"},
    "no such host": {"base": "http://nowhere.invalid"},
    "no such certificates": {"SSL_CERT_FILE": "/nowhere/certificates.pem"},
    "a dead proxy": {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""},
}
"""What keeps a request from leaving: variables, and what every base URL is."""
CALLS = tuple((provider, kind) for provider, kinds in KINDS.items() for kind in kinds)
"""Every kind of call at every connection."""
SHIFT = 5
"""By how many calls one surface is before the next: no fault meets the same call twice."""


@dataclass
class Told:
    """What a surface made of a failed call."""

    text: str
    """Everything it printed or returned."""
    fits: bool
    """Whether it failed as it should."""


class Place:
    """The services at one port, played by a thread, and an environment that leads to them."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self.home, self.server, self.loop = home, Server(clock), asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.listening = self.wait(asyncio.start_server(self.server.answer, "127.0.0.1", 0, limit=2**22))
        self.url = f"http://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}"
        self.number = self.rows_before = 0

    def wait(self, work: Any) -> Any:
        async def within() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(within(), self.loop).result(30)

    def case(self, call: tuple[str, str], fault: Fault) -> Case:
        self.number += 1
        self.server.cases[self.number] = case = Case(self.number, *call, fault)
        return case

    def environ(self, case: Case) -> dict[str, str]:
        more = dict(UNSENT.get(case.fault.kind, {}))
        asked = {"NOTEBOOK_IMG_MODEL": MODELS[case.provider][case.kind]} if case.kind == "ask" else {}
        return {**environ_at(more.pop("base", "") or self.url, self.home, case.provider), **asked, **more}

    def close(self) -> None:
        self.listening.close()
        self.wait(self.server.close())
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, no_waiting: None) -> Iterator[Place]:
    home.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cat.png").write_bytes(file(Image.effect_noise((64, 48), 60).convert("RGB")))
    monkeypatch.chdir(tmp_path)

    made = Place(home, clock)
    yield made
    made.close()


# The surfaces. Each makes, edits or asks about one picture in a session of its own and tells what came of it.


def words_of(case: Case) -> tuple[str, list[str]]:
    """Return the command of a case, and the words behind it."""
    prompt = f"case-{case.number}- a fox"
    command = {"generate": "imggen", "edit": "imgedit", "ask": "askimage"}[case.kind]
    return command, [*([] if case.kind == "generate" else ["cat.png"]), prompt]


def by_shell(case: Case) -> Told:
    out, (_, words) = io.StringIO(), words_of(case)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main([case.kind, *words, "-m", MODELS[case.provider][case.kind], "-s", f"case-{case.number}"])
    wanted = {exit_code(kind("x")) for kind in kinds_expected(case)}
    return Told(out.getvalue(), code in wanted or (case.fault.kind in UNSENT and code in {2, 5}))


def by_cell(case: Case) -> Told:
    shell = InteractiveShell.instance()
    out, (magic, words) = io.StringIO(), words_of(case)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            shell.run_line_magic("load_ext", "notebook_img")
            line = f"%{magic} -m {MODELS[case.provider][case.kind]} -s case-{case.number} {' '.join(words)}"
            error = shell.run_cell(line).error_in_exec
        kinds = (NotebookImgError,) if case.fault.kind in UNSENT else kinds_expected(case)
        return Told(f"{out.getvalue()}{error!r}{error}", isinstance(error, kinds))
    finally:
        if default._default is not None:
            default._default.close()
            default._default = None
        InteractiveShell.clear_instance()


TOOLS: dict[str, tuple[str, dict[str, str]]] = {
    "generate": ("generate_image", {"outputPath": "fox.png"}),
    "edit": ("edit_image", {"imagePath": "cat.png", "outputPath": "fox.png"}),
    "ask": ("analyze_image", {"image": "cat.png"}),
}


def by_agent(case: Case) -> Told:
    studio = ni.Studio()
    tool, given = TOOLS[case.kind]
    model = {} if case.kind == "ask" else {"model": MODELS[case.provider][case.kind]}

    async def ask() -> Told:
        async with Client(build(Work(studio), "all")) as client:
            result = await client.call_tool(tool, {"prompt": f"case-{case.number}- a fox", **given, **model})
            kept = JobPendingError in kinds_expected(case) and bool((result.structured_content or {}).get("job_id"))
            return Told(str(result), bool(result.is_error) or kept)

    try:
        return asyncio.run(ask())
    finally:
        studio.close()


SURFACES: dict[str, Callable[[Case], Told]] = {"shell": by_shell, "cell": by_cell, "agent": by_agent}


def wrong_with(place: Place, case: Case, told: Told) -> str:
    """Return what is not as it should be; an empty string where all is."""
    unsent = case.fault.kind in UNSENT
    seen, free = place.server.seen[case.number], unsent or is_free(case)
    with contextlib.closing(ni.Studio()) as studio:
        rows = [(row.state, row.cost) for row in studio.store.spend_rows()][: -place.rows_before or None]
        turns = sum(session.turns for session in studio.store.sessions())
        place.rows_before = len(studio.store.spend_rows())
    if not told.fits:
        return f"told as {told.text[-300:]}"
    if seen > (0 if unsent else requests_allowed(case)):
        return f"asked {seen} times"
    if any(piece in told.text for piece in (KEY, KEY[:12], KEY[-12:])):
        return "shows the key"
    if turns:
        return "left a turn"
    if rows and ({state for state, _ in rows} != {"failed" if free else "unknown"} or (free and any(cost for _, cost in rows))):
        return f"booked {rows}"
    return ""


@pytest.mark.parametrize("surface", SURFACES)
def test_every_fault_meets_every_surface(surface: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = SHIFT * list(SURFACES).index(surface)
    faults = [*FAULTS, *(Fault(kind=kind) for kind in UNSENT)]
    cases = [place.case(CALLS[(first + at) % len(CALLS)], fault) for at, fault in enumerate(faults)]
    wrong: list[str] = []
    for case in cases:
        with monkeypatch.context() as world:
            for name, value in place.environ(case).items():
                world.setenv(name, value)
            if problem := wrong_with(place, case, SURFACES[surface](case)):
                wrong.append(f"{case}: {problem}"[:500])
    print(f"{len(cases)} cases with {surface}")
    assert {(case.provider, case.kind) for case in cases} == set(CALLS)
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:12])


def test_twenty_faults_in_processes_of_their_own(place: Place) -> None:
    faults = [fault for fault in FAULTS if fault.status not in {429, 503} or fault.wait][:16]
    painting = [call for call in CALLS if call[1] == "generate" and call[0] != "jimeng"]
    cases = [place.case(painting[at % len(painting)], fault) for at, fault in enumerate(faults)]
    cases += [place.case(painting[at], Fault(kind=kind)) for at, kind in enumerate(UNSENT)]

    def run(case: Case) -> str:
        home = place.home / f"own-{case.number}"
        home.mkdir()
        there = {**place.environ(case), "NOTEBOOK_IMG_HOME": str(home)}
        words = ["generate", f"case-{case.number}- a fox", "-m", MODELS[case.provider]["generate"], "-s", "fox"]
        done = subprocess.run(
            [sys.executable, "-m", "notebook_img", *words],
            env={**os.environ, **there},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        wanted = {2, 5} if case.fault.kind in UNSENT else {exit_code(kind("x")) for kind in kinds_expected(case)}
        said = done.stdout + done.stderr
        if done.returncode not in wanted or KEY[:12] in said or "Traceback" in said:
            return f"{case}: exit code {done.returncode}, not {wanted}: {said[-300:]}"
        with contextlib.closing(ni.Studio(home=home)) as studio:
            free = case.fault.kind in UNSENT or is_free(case)
            states = {row.state for row in studio.store.spend_rows()}
            return (
                ""
                if states <= {"failed" if free else "unknown"} and not any(one.turns for one in studio.store.sessions())
                else f"{case}: {states}"
            )

    with ThreadPoolExecutor(2) as pool:
        wrong = [problem for problem in pool.map(run, cases) if problem]
    assert len(cases) == 20
    assert not wrong, "\n".join(wrong)
