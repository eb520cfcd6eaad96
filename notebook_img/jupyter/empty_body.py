"""A cell magic of ours without a body reaches the magic, which knows what to say: help, an example, or the line's own text.

IPython refuses an empty body itself, with a UsageError that leaves no ``error`` output, so that nbmake would pass (9.18).
"""

from __future__ import annotations

import re

_OURS = re.compile(r"%%(imggen|imgedit|askimage|imgask|imgsession)(?:\s|$)")


def fill_empty_body(lines: list[str]) -> list[str]:
    """Give the cell an empty line as its body; an input transformer for ``input_transformers_cleanup``.

    Parameters
    ----------
    lines : list of str
        A cell's lines with their ends.
    """
    if lines and _OURS.match(lines[0]) and not "".join(lines[1:]):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines
