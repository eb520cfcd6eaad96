"""Pixel work of the built-in engine on files of 24 megapixels: many at once by threads and by Dask, and each operation beside Pillow."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import statistics
import time
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Row, home_of_its_own, processor_seconds, seconds_row
from benchmarks.regions import photograph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL import Image

FILES, WORK, CORES = 4, "blur 4 px", 2


def rows(rounds: int = 2) -> list[Row]:
    """Measure batches first, then the operations."""
    data = photograph()
    return [*batches(data, rounds), *operations(data, rounds + 1)]


def batches(data: bytes, rounds: int) -> list[Row]:
    """Measure a batch by threads on two cores beside one file after the other, and beside two workers of Dask."""
    from notebook_img.studio import Studio

    with home_of_its_own() as home, ExitStack() as ends:
        folder = home.parent / "photos"
        folder.mkdir()
        for number in range(FILES):
            (folder / f"{number}.jpg").write_bytes(another(data, number))
        studio = Studio(home=home)
        ends.callback(studio.close)
        cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        if len(cores) > CORES:
            os.sched_setaffinity(0, set(sorted(cores)[:CORES]))
            ends.callback(os.sched_setaffinity, 0, cores)
        cluster = _dask(ends)
        ways: dict[str, dict[str, Any]] = {"one": {"at_once": 1}, "threads": {"at_once": CORES}}
        if cluster is not None:
            ways["dask"] = {"at_once": CORES, "executor": cluster}
        found: dict[str, list[float]] = {name: [] for name in ways}
        for how in list(ways.values())[1:]:  # once before: threads, workers and their imports are no part of it
            _batch(studio, folder, how)
        for _ in range(rounds):
            for name, how in ways.items():
                found[name].append(_batch(studio, folder, how))
    one, threads = statistics.median(found["one"]), statistics.median(found["threads"])
    what = f"batch of {FILES} files of 24 megapixels, built-in engine, {CORES} threads on {CORES} cores"
    rows = [seconds_row(what, threads, "one file after the other", one, 0.6)]
    if "dask" in found:
        by_dask = statistics.median(found["dask"])
        rows.append(seconds_row(f"the same through Dask with {CORES} workers of one core", by_dask, "threads", threads, 1.25))
    return rows


def another(data: bytes, number: int) -> bytes:
    """Return the same JPEG as a file of its own, by a comment at its beginning."""
    return data[:2] + b"\xff\xfe\x00\x06" + number.to_bytes(4, "big") + data[2:]


def _dask(ends: ExitStack) -> Executor | None:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return None
    cluster = ends.enter_context(LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=None))
    client: Executor = ends.enter_context(Client(cluster))
    return client


def _batch(studio: Any, folder: Path, how: dict[str, Any]) -> float:
    started = time.perf_counter()
    made = studio.batch.edit(WORK, f"{folder}/*.jpg", model="local", fresh=True, quiet=True, **how)
    seconds = time.perf_counter() - started
    assert made.counts.done == FILES, made.counts.words
    return seconds


def by_pillow() -> dict[str, Callable[[Image.Image], Image.Image]]:
    """Return what people write by hand, by the words of the same here."""
    from PIL import Image, ImageFilter, ImageOps

    return {
        "resize to 2000 px wide": lambda image: image.resize((2000, round(image.height * 2000 / image.width)), Image.Resampling.LANCZOS),
        "make it grey": ImageOps.grayscale,
        "blur 4 px": lambda image: image.filter(ImageFilter.GaussianBlur(4)),
        "rotate 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_270),
        "mirror": ImageOps.mirror,
        "auto contrast": ImageOps.autocontrast,
    }


def operations(data: bytes, rounds: int) -> list[Row]:
    """Measure processor time of each, from the file to the file; ours is a stored turn as well."""
    from PIL import Image

    from notebook_img.studio import Studio

    rows = []
    with home_of_its_own() as home:
        studio = Studio(home=home)
        session = studio.session("pixels")
        numbers = itertools.count()
        for words, by_hand in by_pillow().items():

            def ours(words: str = words) -> None:
                made = session.edit(words, another(data, next(numbers)), model="local")
                assert made.picture.mime_type == "image/jpeg"

            def theirs(by_hand: Callable[[Image.Image], Image.Image] = by_hand) -> None:
                image = by_hand(Image.open(io.BytesIO(data)).convert("RGB"))
                image.save(home.parent / f"{next(numbers)}.jpg", quality=95, subsampling=0)

            mine, hand = (processor_seconds(function, rounds=rounds) for function in (ours, theirs))
            rows.append(seconds_row(f"24 megapixels, processor time: {words}", mine, "Pillow by hand, read and written", hand, 1.1))
        studio.close()
        shutil.rmtree(home, ignore_errors=True)
    return rows
