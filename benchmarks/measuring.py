"""How things are measured here: two ways in turn, in the same run, several rounds, medians, and their ratio."""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    against: str
    ratio: float
    reach: float
    ours: str
    theirs: str
    unit: str = ""
    """``MB`` where the number is no ratio."""

    @property
    def reached(self) -> bool:
        return self.ratio <= self.reach

    def cells(self) -> list[str]:
        shown = f"{self.ratio:+.0f} MB" if self.unit == "MB" else f"{self.ratio:.3g}"
        most = f"+{self.reach:.0f} MB" if self.unit == "MB" else f"{self.reach:.3g}"
        return [self.what, self.ours, self.against, self.theirs, shown, most, "yes" if self.reached else "NO"]


HEADER = ["what", "ours", "against", "theirs", "ratio", "reach", "reached"]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table that reads well in a terminal too."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    drawn = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]])


def timed(function: Callable[[], object]) -> float:
    """Return the seconds one call takes, without the collector's own time."""
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        function()
        return time.perf_counter() - started
    finally:
        gc.enable()


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int = 9, warm: int = 2) -> tuple[float, float]:
    """Return the median seconds of each, measured in turn so that whatever else the machine does hits both."""
    first: list[float] = []
    second: list[float] = []
    for number in range(-warm, rounds):
        pairs = [(ours, first), (theirs, second)]
        for function, found in pairs if number % 2 else reversed(pairs):
            seconds = timed(function)
            if number >= 0:
                found.append(seconds)
    return statistics.median(first), statistics.median(second)


def processor_seconds(function: Callable[[], object], *, rounds: int = 5) -> float:
    """Return the least processor time, seconds, of some calls, all threads together: what others do on the machine only adds to it."""
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        function()
        taken.append(time.process_time() - started)
    return min(taken)


def seconds_row(what: str, ours: float, against: str, theirs: float, reach: float) -> Row:
    """Return the row of two durations."""
    return Row(what, against, ours / theirs, reach, duration(ours), duration(theirs))


def duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


@contextmanager
def home_of_its_own() -> Iterator[Path]:
    """Give a store's folder that is thrown away; no key of the user's is seen."""
    from tests.conftest import PREFIXES

    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIXES)}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ["NOTEBOOK_IMG_HOME"] = str(home)
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        try:
            yield home
        finally:
            os.environ.pop("NOTEBOOK_IMG_HOME", None)
            os.environ.update(kept)
