"""A paid batch that is killed at random moments and gone on with by the next process. Run by test_killed.py.

Arguments: home, how many kills, a seed. The service is in the environment. Prints one JSON object: kills that hit a life, batches begun.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import time
import traceback

import notebook_img as ni

ITEMS, AT_ONCE = 40, 4


def live(number: int) -> None:
    """Do a batch to its end, unless killed: what an earlier process has left of it is gone on with."""
    studio = ni.Studio(settings=ni.Settings(budget=1e6, timeout=30))
    prompts = [f"batch {number}, picture {item} of a fox" for item in range(ITEMS)]
    earlier = studio.batch.list()
    if len(earlier) == number and not (earlier[0].counts.waiting or earlier[0].counts.under_way):
        earlier[0].resume()  # it was killed after its last item
        return
    studio.batch.generate(prompts, budget=1e5, at_once=AT_ONCE, model="gemini:gemini-nano-banana-2.1", output=f"out/{number}-{{i}}.png")


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
        ended = False
        while not ended:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    live(batches)
                    code = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            moment = time.monotonic() + luck.uniform(0.02, 1.2) if killed < kills else None
            while True:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    assert status == 0, f"seed {seed}: a life ended with {status}"
                    ended = True
                    break
                if moment is not None and time.monotonic() > moment:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    killed += 1
                    break
                time.sleep(0.005)  # between two looks at the child
    print(json.dumps({"killed": killed, "batches": batches}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
