"""SIGKILL at random moments of a paid batch: no item lost, none asked twice, books right."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from notebook_img.store import Store
from tests.batches.killed_batch import ITEMS
from tests.emulators.process import Running
from tests.needs import needs_fork

ROOT = Path(__file__).parents[2]


@needs_fork
@pytest.mark.parametrize("kills", [30, pytest.param(100, marks=pytest.mark.nightly)])
def test_a_killed_batch_loses_nothing_and_asks_nothing_twice(
    kills: int, service: Running, environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    service.control(latency=0.03)
    done = subprocess.run(
        [sys.executable, "-m", "tests.batches.killed_batch", str(kills), str(seed)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **environ, "PYTHONPATH": str(ROOT)},
        timeout=280 if kills == 30 else 1200,
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-3000:]}"
    told = json.loads(done.stdout)
    assert told["killed"] == kills
    with Store.open(home) as store:
        batches = store.batches()
        assert len(batches) == told["batches"], f"seed {seed}: a batch was begun twice"
        asked = Counter(
            store.turn(item.session_id, item.turn or 0).prompt for batch in batches for item in store.items(batch.id, states=("done",))
        )  # type: ignore[union-attr]
        for batch in batches:
            items = store.items(batch.id)
            assert len(items) == ITEMS
            assert {item.state for item in items} <= {"done", "failed"}, f"seed {seed}"
            # What failed was sent by a life that was killed: listed as such, and not asked again.
            left = [item for item in items if item.state == "failed"]
            assert {(item.reason, item.billed) for item in left} <= {("Left", "maybe")}
            assert sum(item.cost or 0.0 for item in items) == pytest.approx(batch.spent), f"seed {seed}"
            assert len(store.turns(batch.session_id)) == sum(item.state == "done" for item in items), (
                f"seed {seed}: a turn without its item"
            )
            for item in items:
                if item.state == "done":
                    assert (tmp_path / "out" / f"{batch.id}-{item.position + 1}.png").exists(), f"seed {seed}"
        assert max(asked.values()) == 1
        rows = store.spend_rows()
        assert {row.state for row in rows} <= {"billed", "unknown"}, f"seed {seed}: {Counter(row.state for row in rows)}"
        # One row for everything that was sent, and the sums of the batches are those of the day.
        assert len(rows) == len(batches) * ITEMS, f"seed {seed}"
        assert sum(batch.spent for batch in batches) == pytest.approx(store.known_today())
    reached = len(service.requests("generateContent"))
    assert sum(asked.values()) <= reached <= len(batches) * ITEMS, f"seed {seed}: an item was asked twice"
