"""How the fixture was made: a store as commit 344ad51 writes it, kept so that later versions are held to what is in it.

It ran once, on Linux, in a checkout of the commit that brought it, whose package is that of 344ad51: ``python -m tests.store.make_fixture``
writes all of `fixtures` anew except cells.json. It is the record of how those files came about, and is not meant for a later version: what
that writes is no old store. The emulators of 344ad51 answered; that of Jimeng got an option the test needs (``earlier``).

The notebooks of cells.json are run in real kernels: fox.ipynb with the ids of its cells, as JupyterLab does, owl.ipynb without, as
nbclient does; then the command line and a script work in a third session. A cell tagged ``twice`` is run twice (its first result is the
rejected one), one tagged ``waits`` ends with a job that is left at its service.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image

import notebook_img as ni
from tests.emulators.process import ROOT, running
from tests.jupyter.kernels import environment, running_kernel
from tests.store.fixture_store import (
    EXPECTED,
    FIXTURES,
    HOME_ZIP,
    MADE_IN,
    OWL,
    PACK,
    Services,
    beside,
    cells,
    last_turns,
    run,
    session_values,
    spend_values,
    turns_in,
    working_folder,
)

BASE = Path(MADE_IN)
HOME = BASE / "home"
WORK = beside(HOME)
NEUTRAL = "import socket; socket.gethostname = lambda: 'fixture'"
"""Rows name the machine and process that wrote them; this machine's name is nobody's business."""
IMPATIENT = {"JIMENG_DEADLINE": "1", "JIMENG_POLL": "0.3"}
SCRIPT = f"""
{NEUTRAL}
import notebook_img as ni
from notebook_img.cli import main
from notebook_img.errors import JobPendingError

assert main(["edit", "cat.png", "rotate 90 degrees", "-s", "shop", "-m", "local"]) == 0
studio = ni.Studio()
shop = studio.session("shop")
shop.edit("invert", model="local")
try:
    shop.edit("paint it gold", "cat.png", mask="16,12,32,24", model="jimeng", size="344x258", seed=2_555_000_002)
except JobPendingError as error:
    print(error.job)
studio.close()
"""


def main() -> None:
    """Make all files of the fixture anew."""
    shutil.rmtree(BASE, ignore_errors=True)
    _paint()
    working_folder(WORK)
    with ExitStack() as stack:
        services = Services(lambda name, *more: stack.enter_context(running(name, *more)))
        services.reset()
        given = {"fox": _fox(services), "owl": _owl(services)}
        _shop(services)
    _checkpoint()
    expected = {"given": given, **_read()}
    EXPECTED.write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.copy(WORK / PACK.name, PACK)
    _zip_home()
    _check()


def _paint() -> None:
    """Paint the two small pictures of the working folder."""
    chance = random.Random(344)
    for name, size in (("cat.png", (64, 48)), ("banner.png", (96, 24))):
        image = Image.frombytes("RGB", (6, 4), chance.randbytes(72)).resize(size, Image.Resampling.NEAREST)
        image.save(FIXTURES / name, "PNG")


@contextlib.contextmanager
def _kernel(services: Services, notebook: str) -> Iterator[Any]:
    env = environment(HOME, **services.environ, JPY_SESSION_NAME=str(WORK / notebook))
    with running_kernel(env, WORK) as kernel:
        kernel.good(NEUTRAL)
        yield kernel


def _fox(services: Services) -> dict[str, list[str]]:
    """Run fox.ipynb; return what each cell got last, by its id."""
    given: dict[str, list[str]] = {}
    with _kernel(services, "fox.ipynb") as kernel:
        for cell in cells("fox.ipynb"):
            waits = "waits" in cell.tags
            if waits:
                services["jimeng"].control(states=[*[20] * 200, 50])
                kernel.good(f"import os; os.environ.update({IMPATIENT})")
            for _ in range(2 if "twice" in cell.tags else 1):
                ran = run(kernel, cell.source, cell.id)
                assert ran.status == ("error" if waits else "ok"), ran.traceback
                given[cell.id] = [turn["id"] for turn in last_turns(kernel)]
    return given


def _owl(services: Services) -> dict[str, list[str]]:
    """Run owl.ipynb; return what its variables hold."""
    with _kernel(services, "owl.ipynb") as kernel:
        for cell in cells("owl.ipynb"):
            ran = run(kernel, cell.source)
            assert ran.status == "ok", ran.traceback
        return {name: [turn["id"] for turn in turns] for name, turns in turns_in(kernel, OWL).items()}


def _shop(services: Services) -> None:
    env = environment(HOME, **{**services.environ, **IMPATIENT}, PYTHONPATH=str(ROOT))
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=WORK, env=env, check=True)


def _checkpoint() -> None:
    """Bring everything into the one database file."""
    connection = sqlite3.connect(HOME / "store.sqlite")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert sorted(path.name for path in HOME.glob("store.sqlite*")) == ["store.sqlite"]


def _read() -> dict[str, Any]:
    """Return what the store holds, read by the version that wrote it."""
    studio = ni.Studio(home=HOME)
    try:
        return {
            "sessions": {session.name: session_values(session) for session in sorted(studio.sessions(), key=lambda each: each.name)},
            "spend": spend_values(studio),
            "jobs": [
                {
                    "id": job.id,
                    "session": job.session,
                    "state": job.state,
                    "model": job.model,
                    "prompt": job.prompt,
                    "submit_id": job.submit_id,
                    "request_key": job.request["pending"]["request_key"],
                    "seed": job.service_state["seed"],
                    "size": [job.service_state["sent"]["width"], job.service_state["sent"]["height"]],
                }
                for job in reversed(studio.jobs())
            ],
        }
    finally:
        studio.close()
        _checkpoint()


def _zip_home() -> None:
    with zipfile.ZipFile(HOME_ZIP, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in HOME.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(HOME).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())


def _check() -> None:
    """Look for what must not be in a file that is committed, and at the size of it all."""
    private = [str(ROOT), str(Path.home()), socket.gethostname(), os.environ.get("USER", ""), sys.prefix]
    size = 0
    for path in sorted(FIXTURES.iterdir()):
        data = path.read_bytes()
        size += len(data)
        parts = [data]
        if path.suffix == ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        for word in filter(lambda word: len(word) > 4, private):
            assert not any(word.encode() in part for part in parts), f"{word} is in {path.name}"
        print(f"{path.name}: {len(data):,} bytes")
    print(f"{size:,} bytes in all")
    assert size < 300_000


if __name__ == "__main__":
    main()
