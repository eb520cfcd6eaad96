"""A batch on a Dask cluster of processes, and the cell of a notebook that used an executor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest

import notebook_img as ni
from tests.batches.conftest import MODEL
from tests.batches.test_executor import TABLE, arrived, sent, workers_environ
from tests.batches.test_kernels import Start, cell, start
from tests.emulators.process import Running

__all__ = ["start", "workers_environ"]


@pytest.fixture
def client(workers_environ: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """Two worker processes of one thread each."""
    with (
        dask.config.set({"temporary-directory": str(tmp_path), "distributed.comm.timeouts.connect": "60s"}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as made,
    ):
        yield made


def test_a_cluster_does_a_batch_and_one_of_its_workers_is_killed(paid: ni.Studio, service: Running, photos: Path, client: Any) -> None:
    first = paid.batch.generate("a {animal} and a hat", TABLE, model=MODEL, executor=client)
    assert (first.counts.words, sent(service)) == ("6 of 6 done", 6)
    workers = list(client.run(os.getpid).values())
    service.control(latency=60)
    batch = paid.batch.generate("a {animal}", TABLE, model=MODEL, at_once=2, executor=client, wait=False)
    arrived(service, 8)
    os.kill(workers[0], signal.SIGKILL)
    listed = threading.Event()
    while not batch.counts.failed:
        assert not listed.wait(0.1)
    assert [(item.record.reason, item.record.billed) for item in batch.errors] == [("Left", "maybe")]
    batch.stop(now=True)
    service.control(latency=0)
    batch.resume(executor=client)
    lost = batch.counts.failed
    assert batch.counts.words == f"{6 - lost} of 6 done, {lost} failed"
    assert sent(service) == 6 + 6
    rows = paid.store.spend_rows()
    assert len(rows) == 12
    assert batch.cost + first.cost == pytest.approx(sum(row.cost or 0.0 for row in rows))


CELL = """from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    b = ni.batch.generate("a {animal}", over={"animal": ["fox", "owl", "bear"]}, model="gemini", budget=1, executor=pool)"""


def test_a_cell_that_used_an_executor_gets_its_replies_again_in_a_new_kernel(start: Start, service: Running) -> None:
    environ = {"NOTEBOOK_IMG_AT_ONCE": "2"}
    with start(**environ) as kernel:
        cell(kernel, CELL)
        shown = kernel.value("[item.picture.sha256 for item in b]")
        assert sent(service) == 3
    with start(**environ) as kernel:
        assert "3 done before; nothing to send" in cell(kernel, CELL).text
        assert kernel.value("[item.picture.sha256 for item in b]") == shown
        cell(kernel, CELL.replace('"bear"', '"bear", "cat"'))
    assert sent(service) == 4
