from __future__ import annotations

import subprocess
import sys

from notebook_img import display


def test_every_public_name_is_there() -> None:
    for name in display.__all__:
        assert getattr(display, name)
    assert set(display.__all__) <= set(dir(display))


def test_captions_and_tables_need_no_pillow_and_nothing_needs_ipython() -> None:
    code = (
        "import sys, notebook_img.display as d; d.Caption(); d.table(['a'], []); d.progress(d.Progress('x')); d.tree([]); d.figure; d.answer('x');"
        "print([m for m in ('PIL', 'numpy', 'IPython', 'skimage') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
