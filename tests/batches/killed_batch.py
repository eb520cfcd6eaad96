"""A paid batch that is killed at random moments and gone on with by the next process. Run by test_killed.py.

Arguments: home, how many kills, a seed. The service is in the environment. Prints one JSON object: kills that hit a life, batches begun.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import notebook_img as ni
from notebook_img.errors import NotebookImgError
from notebook_img.store.sqlite import SQLiteDatabase

ITEMS, AT_ONCE = 40, 4
MOST_STEPS = 60
"""Transactions after which a life is killed at the latest; an item takes about four."""


def live(number: int) -> None:
    """Do a batch to its end, unless killed: what an earlier process has left of it is gone on with."""
    studio = ni.Studio(settings=ni.Settings(budget=1e6, timeout=30))
    prompts = [f"batch {number}, picture {item} of a fox" for item in range(ITEMS)]
    earlier = studio.batch.list()
    if len(earlier) == number and not (earlier[0].counts.waiting or earlier[0].counts.under_way):
        with contextlib.suppress(NotebookImgError) if earlier[0].counts.failed == ITEMS else contextlib.nullcontext():
            earlier[0].resume()  # it was killed after its last item; that all were lost on the way is an error, and right
        return
    studio.batch.generate(prompts, budget=1e5, at_once=AT_ONCE, model="gemini:gemini-nano-banana-2.1", output=f"out/{number}-{{i}}.png")


def lived(batch: int, told: int) -> int:
    """Live, and tell of each transaction by a byte; return the exit code."""
    write = SQLiteDatabase.write

    @contextlib.contextmanager
    def counted(self: SQLiteDatabase) -> Iterator[Any]:
        with write(self) as connection:
            yield connection
        os.write(told, b".")

    SQLiteDatabase.write = counted  # type: ignore[method-assign]
    try:
        live(batch)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def load_all() -> None:
    """Import what a life uses, once: kills hit its work and not its imports, and a tree that is edited meanwhile ends no life."""
    import google.genai  # noqa: F401
    import sqlalchemy  # noqa: F401

    for room in ("calls", "display", "pictures", "providers.gemini", "replay", "store", "studio", "tree"):
        folder = importlib.import_module(f"notebook_img.{room}")
        for module in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            importlib.import_module(module.name)


def main(kills: int, seed: int) -> None:
    """Kill life after life; each batch ends in one that nobody kills."""
    load_all()
    luck = random.Random(seed)
    killed = batches = 0
    while killed < kills:
        batches += 1
        assert batches <= kills, "lives do not tell what they have done"
        ended = False
        while not ended:
            tells, told = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(tells)
                os._exit(lived(batches, told))
            os.close(told)
            # By what it has done, so that as much is done on a slow machine as on a quick one; then anywhere up to the next steps.
            steps = luck.randint(0, MOST_STEPS) if killed < kills else 1 << 60
            while steps and (heard := len(os.read(tells, min(steps, 4096)))):
                steps -= heard
            if not steps:
                time.sleep(luck.uniform(0, 0.04))
                os.kill(child, signal.SIGKILL)
                killed += 1
            os.close(tells)
            _, status = os.waitpid(child, 0)
            assert status in (0, signal.SIGKILL), f"seed {seed}: a life ended with {status}"
            ended = status == 0
    print(json.dumps({"killed": killed, "batches": batches}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
