"""The three streams of a console: whatever it can show, what is printed reaches it, and never as a traceback.

A call is paid for before its caption is printed; a console that lacks a letter (``PYTHONIOENCODING=ascii``, a pipe of Windows) must not
cost the path of the picture.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

PLAIN = {
    "×": "x",
    "·": "-",
    "…": "...",
    "←": "<-",
    "→": "->",
    "─": "-",
    "│": "|",
    "├": "|",
    "└": "`",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "°": " degrees",
    "±": "+/-",
    "é": "e",
    "\xa0": " ",
}
"""Signs of our own texts, as every console has them."""

HANDLER = "notebook_img.plain"


def prepare_streams() -> None:
    """Give the process streams that take whatever is printed."""
    codecs.register_error(HANDLER, _as_plain)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Started without it (``2>&-``). Python has None in its place, which `print` takes for stdout; and the next file that is
            # opened, the store for example, would get the number of the missing one.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            # A key or a file name may come in letters that are not of the console's encoding.
            stream.reconfigure(errors=HANDLER if mode == "w" else "surrogateescape")


def lead_nowhere(stream: TextIO) -> None:
    """Drop what a stream still holds and cannot write."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _as_plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what stands for letters that an encoding lacks: file names as the bytes they are, our signs in ASCII, others escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    if all("\udc80" <= letter <= "\udcff" for letter in letters):
        return bytes(ord(letter) - 0xDC00 for letter in letters), error.end
    first = letters[0]
    if "\udc80" <= first <= "\udcff":
        return bytes([ord(first) - 0xDC00]), error.start + 1
    return PLAIN.get(first) or first.encode("ascii", "backslashreplace").decode("ascii"), error.start + 1
