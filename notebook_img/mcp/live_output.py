"""What agents do, live in the notebook: one display that is updated by its id, so that it stays in the cell that started the server."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import OrderedDict
from html import escape
from typing import TYPE_CHECKING, Any

from notebook_img.pictures import preview

if TYPE_CHECKING:
    from notebook_img.mcp.work import Note

ROWS = 6
THUMBNAIL = (160, 10_000)
"""Longest side in pixels, most bytes: six of them add 80 kB to the notebook."""
QUIET = frozenset({"list_sessions", "show_session", "view_image", "get_status", "get_image_config_info"})
"""Calls that are counted and not listed: they make nothing."""
PAUSE = 0.25
"""Least seconds between two updates."""


class Live:
    """The live output of one server.

    Parameters
    ----------
    title : str
        First line.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.calls = 0
        self.notes: OrderedDict[str, Note] = OrderedDict()
        self._handle: Any = None
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Show it, when this runs in a kernel; return whether it is shown."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if getattr(shell, "kernel", None) is None:
            return False
        from IPython.display import display

        self._handle = display(self.bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._follow, name="notebook_img-mcp-live", daemon=True)
        self._thread.start()
        return True

    def note(self, note: Note) -> None:
        """Record what a client did; the update comes from the display's own thread."""
        with self._lock:
            self.calls += note.state == "working"
            if note.tool in QUIET:
                return
            self.notes[note.key] = note
            while len(self.notes) > ROWS:
                self.notes.popitem(last=False)
        self._news.set()

    def stop(self, title: str) -> None:
        """Show the last state and end the thread."""
        self.title = title
        self._ended = True
        self._news.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)

    def _follow(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            ended = self._ended
            with contextlib.suppress(Exception):  # the front end may be gone
                self._handle.update(self.bundle(), raw=True)
            if ended:
                return
            time.sleep(PAUSE)

    def bundle(self) -> dict[str, str]:
        """Return what is shown, as HTML and as text."""
        with self._lock:
            notes = list(self.notes.values())[::-1]
            calls = self.calls
        head = f"{self.title} · {calls} call{'s' if calls != 1 else ''}"
        plain = [head, *(_words(note) for note in notes)]
        rows = "".join(_row(note) for note in notes)
        html = f'<div style="font-size:.9em"><div>{escape(head)}</div>{rows}</div>'
        return {"text/html": html, "text/plain": "\n".join(plain)}


def _words(note: Note) -> str:
    turn = f" · {note.turn.full_id}" if note.turn is not None else ""
    said = " ".join(note.text.split())
    said = f" · {said[:119]}…" if len(said) > 120 else f" · {said}" if said else ""
    state = {"working": "working", "done": "", "failed": "failed", "job": "goes on as a job"}[note.state]
    return f"by {note.client} · {note.tool}{turn}{said}{f' · {state}' if state else ''}"


def _row(note: Note) -> str:
    image = ""
    turn = note.turn
    if turn is not None and note.state == "done" and turn.kind != "ask" and (pictures := turn.pictures):
        side, most = THUMBNAIL
        small = preview(pictures[0], side, most)
        alt = escape(f"{turn.full_id}: {turn.prompt[:120]}")
        image = f'<img alt="{alt}" src="{small.url}" width="{small.width}" style="display:block;max-width:100%;border-radius:3px">'
    return f'<div style="margin:.4em 0">{image}<div>{escape(_words(note))}</div></div>'
