"""The index (SQLite) and the files of all sessions: shared by every kernel, command line and server with the same home.

Names load on first use: `Store` imports SQLAlchemy (about 0.2 s), and what needs only a name or an owner's mark does not wait for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.store.cells import MoveRecord, ReplyRecord, RunRecord
    from notebook_img.store.gallery import GalleryRow
    from notebook_img.store.owner import is_alive, this_process
    from notebook_img.store.store import Store

_WHERE = {
    "GalleryRow": "gallery",
    "MoveRecord": "cells",
    "ReplyRecord": "cells",
    "RunRecord": "cells",
    "Store": "store",
    "is_alive": "owner",
    "this_process": "owner",
}

__all__ = ["GalleryRow", "MoveRecord", "ReplyRecord", "RunRecord", "Store", "is_alive", "this_process"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
