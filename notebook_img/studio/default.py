"""The studio of this process: a notebook's kernel has one, and `ni.edit` and its like use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.studio.studio import Studio

_default: Studio | None = None
_default_lock = threading.RLock()
_attach: Callable[[Studio], None] | None = None


def default_studio() -> Studio:
    """Return the process's own studio: the kernel's in a notebook."""
    global _default  # noqa: PLW0603 - one per process
    with _default_lock:
        if _default is None:
            from notebook_img.studio.studio import Studio

            _default = Studio()
            if _attach is not None:
                _attach(_default)
        return _default


def attach_to_default(attach: Callable[[Studio], None]) -> None:
    """Let a kernel tell the process's studio where it works: now where there is one, else when it is made.

    A kernel is known from ``%load_ext`` on, and a studio costs too much to make it only for that.
    """
    global _attach  # noqa: PLW0603 - one kernel per process
    with _default_lock:
        _attach = attach
        if _default is not None:
            attach(_default)


def _forget() -> None:
    global _default_lock  # noqa: PLW0603
    _default_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
