"""``%load_ext notebook_img`` in a running kernel beside importing one provider's SDK there."""

from __future__ import annotations

import statistics

from benchmarks.measuring import Row, home_of_its_own, seconds_row

CODE = "import time as _t\n_s = _t.perf_counter()\n{}\nprint(_t.perf_counter() - _s)"


def rows(rounds: int = 5) -> list[Row]:
    """Measure both, each in kernels of their own."""
    from tests.jupyter.kernels import environment, running_kernel

    ours: list[float] = []
    theirs: list[float] = []
    with home_of_its_own() as home:
        for _ in range(rounds):
            for code, found in ("get_ipython().run_line_magic('load_ext', 'notebook_img')", ours), ("import google.genai", theirs):
                with running_kernel(environment(home), home.parent / "work") as kernel:
                    found.append(float(kernel.good(CODE.format(code)).printed))
    return [
        seconds_row("%load_ext notebook_img", statistics.median(ours), "import google.genai", statistics.median(theirs), 0.05),
    ]
