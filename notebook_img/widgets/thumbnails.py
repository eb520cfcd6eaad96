"""Small pictures on demand: those on the screen come first, those scrolled away are dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from notebook_img.pictures import Preview
    from notebook_img.records import PictureUse
    from notebook_img.store import Store

SIDE = 224
"""Longest side, pixels: sharp at 112 CSS pixels on a screen of double density."""
MOST_BYTES = 14_000
MOST_KEPT = 1500
BATCH = 8
"""Thumbnails in one message."""
MOST_KNOWN = 40_000


class Thumbnails:
    """Makes thumbnails in a thread of its own and sends them in small batches."""

    def __init__(self, store: Callable[[], Store], send: Callable[[list[tuple[str, Preview]]], None]) -> None:
        self._store = store
        self._send = send
        self._known: OrderedDict[str, PictureUse] = OrderedDict()
        self._kept: OrderedDict[str, Preview] = OrderedDict()
        self._wanted: list[str] = []
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def know(self, uses: Iterable[PictureUse]) -> None:
        """Remember which pictures may be asked for."""
        with self._lock:
            for use in uses:
                self._known[use.sha256] = use
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)

    def want(self, shas: Sequence[str]) -> None:
        """Ask for thumbnails; those asked for before and not made yet are forgotten unless they are among these."""
        with self._lock:
            self._wanted = [sha for sha in dict.fromkeys(shas) if sha in self._known]
            if self._wanted and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="notebook_img thumbnails", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def close(self) -> None:
        """Stop the thread."""
        with self._lock:
            self._closed = True
            self._wanted = []
            self._lock.notify_all()

    def thumbnail(self, sha: str) -> Preview | None:
        """Return one thumbnail; None when the picture can no longer be read."""
        from notebook_img.errors import NotebookImgError
        from notebook_img.pictures import preview
        from notebook_img.tree import stored_picture

        with self._lock:
            if sha in self._kept:
                self._kept.move_to_end(sha)
                return self._kept[sha]
            use = self._known.get(sha)
        if use is None:
            return None
        try:
            made = preview(stored_picture(self._store(), use), SIDE, MOST_BYTES)
        except (NotebookImgError, OSError):
            return None
        with self._lock:
            self._kept[sha] = made
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._wanted and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                batch, self._wanted = self._wanted[:BATCH], self._wanted[BATCH:]
            made = [(sha, seen) for sha in batch if (seen := self.thumbnail(sha)) is not None]
            if made:
                self._send(made)
