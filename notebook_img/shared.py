"""What all studios of one process and home share; nothing here belongs to one of them alone."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.cells import Kernel
    from notebook_img.packs import Packs
    from notebook_img.settings import Settings
    from notebook_img.store import Store

log = logging.getLogger("notebook_img")


class Shared:
    """What all studios of one process and home share: the store, the kernel's cells, listeners."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kernel: Kernel | None = None
        self.listeners: list[Callable[[str, str, int | None], None]] = []
        self.noticed: set[str] = set()
        self.packs: tuple[tuple[Any, ...], Packs] | None = None
        self._store: Store | None = None
        self._lock = threading.RLock()

    @property
    def store(self) -> Store:
        """The store, opened on first use."""
        with self._lock:
            if self._store is None or self._store.home != self.settings.home:
                from notebook_img.store import Store

                self._store = Store.open(self.settings.home)
            return self._store

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def changed(self, what: str, session_id: str, number: int | None = None) -> None:
        """Tell listeners (panel, live outputs) what happened; called outside any lock, in the thread that did it."""
        for listener in tuple(self.listeners):
            try:
                listener(what, session_id, number)
            except Exception:  # a listener's trouble is not the caller's
                log.exception("a listener failed")
