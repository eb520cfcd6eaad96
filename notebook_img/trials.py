"""Sessions that commands make for themselves (``-s NAME``): taken away again when nothing came of the command."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from notebook_img.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.studio import Studio


class Trials:
    """The sessions of one studio that have not been used yet."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._new: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._lock = threading.RLock()

    def made(self, session_id: str) -> None:
        """Note a session that was made for the command that comes next."""
        self._new.add(session_id)

    @contextlib.contextmanager
    def trying(self, session_id: str) -> Iterator[None]:
        """Go around a call in a session; with the last of several at once it is seen whether anything came of it."""
        with self._lock:
            self._under_way[session_id] += 1
        try:
            yield
        finally:
            with contextlib.suppress(StoreError):  # the call's own error is the one to be told
                self._leave(session_id)

    def _leave(self, session_id: str) -> None:
        store = self._studio.store
        with self._lock:
            self._under_way[session_id] -= 1
            if self._under_way[session_id]:
                return
            del self._under_way[session_id]
            if session_id not in self._new:
                return
            self._new.discard(session_id)
            record = store.session(session_id)
            waits = record is not None and any(job.session == record.name for job in self._studio.waiting_jobs())
            if record is not None and not record.turns and not waits:
                store.delete_session(session_id)
