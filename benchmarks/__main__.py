"""Run all measurements, or those named; ``--write`` puts the table into benchmarks/README.md.

``python -m benchmarks``, ``python -m benchmarks one_turn batch``, ``python -m benchmarks --write``.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import Row, table

PARTS = (
    "loading",
    "one_turn",
    "gemini_bytes",
    "regions",
    "showing",
    "long_sessions",
    "scale",
    "batch",
    "pixels",
    "operations",
    "mcp_latency",
)
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table: python -m benchmarks --write -->", "<!-- end of the table -->"


def main(arguments: list[str]) -> int:
    """Measure and print one table; return 1 when a figure was not reached."""
    names = [name for name in arguments if name != "--write"] or list(PARTS)
    rows: list[Row] = []
    failed: list[str] = []
    for name in names:
        started = time.monotonic()
        try:
            rows += import_module(f"benchmarks.{name}").rows()
        except Exception as error:
            failed.append(f"{name} failed: {type(error).__name__}: {error}")
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    text = "\n\n".join(filter(None, (conditions(), table(rows), *failed)))
    print(text)
    if "--write" in arguments:
        write(text)
    return 0 if not failed and all(row.reached for row in rows) else 1


def conditions() -> str:
    """Return where and when it was measured, and how busy the machine was: other work makes short times and the batch worse."""
    day = dt.datetime.now().astimezone().date()
    load = f", load {os.getloadavg()[0]:.1f} in the last minute" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{day}, Python {platform.python_version()}, {system}{load}."


def write(text: str) -> None:
    """Put the table in the place of the one in the README."""
    before, _, rest = README.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
