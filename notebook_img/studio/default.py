"""The studio of this process: a notebook's kernel has one, and `ni.edit` and its like use it."""

from __future__ import annotations

import os
import threading

from notebook_img.studio.studio import Studio

_default: Studio | None = None
_default_lock = threading.Lock()


def default_studio() -> Studio:
    """Return the process's own studio: the kernel's in a notebook."""
    global _default  # noqa: PLW0603 - one per process
    with _default_lock:
        if _default is None:
            _default = Studio()
        return _default


def _forget() -> None:
    global _default_lock  # noqa: PLW0603
    _default_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
