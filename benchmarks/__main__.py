"""Run all measurements, or those named: ``python -m benchmarks``, ``python -m benchmarks one_turn batch``."""

from __future__ import annotations

import datetime as dt
import os
import platform
import sys
from importlib import import_module

from benchmarks.measuring import Row, table

PARTS = ("loading", "one_turn", "gemini_bytes", "showing", "regions", "operations", "long_sessions", "scale", "batch", "mcp_latency")


def main(names: list[str]) -> int:
    """Measure and print one table; return 1 when a figure was not reached."""
    rows: list[Row] = []
    for name in names or PARTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += import_module(f"benchmarks.{name}").rows()
    day = dt.datetime.now().astimezone().date()
    print(f"{day}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    print(table(rows))
    return 0 if all(row.reached for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
