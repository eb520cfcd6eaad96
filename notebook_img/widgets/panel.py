"""Panel: one anywidget whose pictures travel as messages, never as traits, so that no saved notebook holds them twice."""

from __future__ import annotations

import logging
import secrets
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from notebook_img.errors import NotebookImgError, NotFoundError
from notebook_img.hints import worded
from notebook_img.records import Origin
from notebook_img.widgets import front
from notebook_img.widgets.actions import Actions
from notebook_img.widgets.runner import Run, Runner
from notebook_img.widgets.stage import Base, of_turn
from notebook_img.widgets.static import LEFT, Left
from notebook_img.widgets.thumbnails import Thumbnails
from notebook_img.widgets.uploads import Uploads
from notebook_img.widgets.views import Views
from notebook_img.widgets.wording import IN_PANELS, remedies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture, Preview
    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn

log = logging.getLogger("notebook_img")

WATCH = 2.0
"""Seconds between two looks at what other processes did to the session: one small query each."""


class Panel(anywidget.AnyWidget):
    """The panel of a session.

    Parameters
    ----------
    studio : Studio
        The kernel's studio. The panel works on one beside it with the same heads: what a cell does is seen here at once, and the
        other way round. Its calls always ask (design section 6).
    name : str, optional
        A session, opened or created; the current one when left out.
    """

    _esm = front.script()
    _css = front.style()

    session_name = traitlets.Unicode("").tag(sync=True)
    """The session shown."""
    busy = traitlets.Bool(False).tag(sync=True)
    """Whether a call runs."""
    status = traitlets.Unicode("")
    """The latest message to the user. Not part of the state a notebook saves: it may quote what was typed."""
    left_class = traitlets.Unicode().tag(sync=True)
    """Class of the picture this panel leaves for readers without it; its views hide that one while they live."""

    @traitlets.default("left_class")
    def _own_left_class(self) -> str:
        return f"{LEFT}-{secrets.token_hex(8)}"

    _panels: ClassVar[weakref.WeakSet[Panel]] = weakref.WeakSet()

    def __init__(self, studio: Studio, name: str | None = None) -> None:
        super().__init__()
        self.cells = studio
        self.studio = studio.beside(Origin(surface="panel"), same_heads=True)
        self.studio.say = self.notify
        self.session: Session = self._bound(studio.session(name))
        self.base = Base()
        self.pinned = False
        self.follows = name is None
        """Whether it goes along when the cells go on in another session."""
        self.picks: dict[tuple[str, int], int] = {}
        """Which picture was chosen of turns with several, by session and number."""
        self.references: list[Picture] = []
        self.uploads = Uploads(self.studio.settings)
        self.thumbnails = Thumbnails(lambda: self.studio.store, self._send_thumbnails)
        self.runner = Runner(self.studio, self.tell, self._finished)
        self.left = Left(self)
        self.views = Views(self)
        self.actions = Actions(self)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="notebook_img panel")
        self._seen: tuple[Any, ...] = ("nothing yet",)
        self._latest: tuple[Any, ...] = ()
        self._closed = threading.Event()
        self._refreshing = False
        self._listener = _listening(self)
        self.studio.shared.listeners.append(self._listener)
        self._panels.add(self)
        self.session_name = self.session.name
        self.show_head()
        self.on_msg(lambda _widget, content, buffers: self.handle(content, buffers))
        threading.Thread(target=_watch, args=(weakref.ref(self), self._closed), name="notebook_img watch", daemon=True).start()

    def _bound(self, session: Session) -> Session:
        from notebook_img.tree import Session

        return Session(self.studio, session.id)

    # ------------------------------------------------------------------------------------------ messages

    def handle(self, message: dict[str, Any], buffers: Sequence[Any] | None = None) -> None:
        """Take a message of the browser; the work is done in the panel's own thread, so that the kernel stays free."""
        pieces = [bytes(piece) for piece in buffers or ()]
        if message.get("do") == "stop":  # never waits behind other work
            self.act(message, pieces)
        elif not self._closed.is_set():
            self._threads.submit(self.act, message, pieces)

    def act(self, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Do what a message asks for, synchronously. Any error is shown in the panel, in one sentence."""
        try:
            self.actions.perform(message, buffers)
        except NotebookImgError as error:
            self.fail(worded(error, IN_PANELS), message, remedies(error))
        except KeyboardInterrupt:
            self.fail("Interrupted. Nothing was changed; the panel goes on.", message)
        except Exception as error:  # the boundary to the browser: nobody else would tell the user
            log.exception("the panel could not do %s", message.get("do"))
            self.fail(f"{type(error).__name__}: {error}. This should not happen; the kernel's log has the details.", message)

    def tell(self, message: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Send a message to every view of the panel."""
        if not self._closed.is_set():
            self.send(message, list(buffers))

    def fail(self, text: str, about: dict[str, Any] | None = None, buttons: Sequence[dict[str, Any]] = ()) -> None:
        """Show an error in the place it belongs to, with what helps as buttons."""
        self.status = text
        asked = about or {}
        told = {"kind": "error", "text": text, "about": asked.get("do", ""), "token": asked.get("token", ""), "view": asked.get("view", "")}
        self.tell({**told, "remedies": list(buttons)})

    def notify(self, text: str, tone: str = "info") -> None:
        """Show one sentence."""
        self.status = text
        self.tell({"kind": "notice", "text": text, "tone": tone})

    def settle(self) -> None:
        """Wait until all messages received so far are done, and the running call too."""
        self._threads.submit(lambda: None).result()
        run = self.runner.current
        if run is not None and run.future is not None:
            wait([run.future])
        self._threads.submit(lambda: None).result()

    # ------------------------------------------------------------------------------------------ state

    def record(self) -> SessionRecord:
        """Return the session's row.

        Raises
        ------
        NotFoundError
            When it was deleted elsewhere.
        """
        found = self.studio.store.session(self.session.id)
        if found is None:
            self.actions.send_state()
            raise NotFoundError(f"The session {self.session_name!r} was deleted elsewhere. Choose another one above, or type a new name.")
        return found

    def show_head(self, pick: int | None = None) -> None:
        """Put the head's picture on the stage."""
        head = self.studio.head(self.session.id)
        record = self.studio.store.turn(self.session.id, head) if head is not None else None
        self.base = self.of_turn(record, pick) if record is not None else Base()
        self.pinned = False

    def of_turn(self, record: TurnRecord, pick: int | None = None) -> Base:
        """Return a turn's picture; of several the one that is named, else the one chosen last."""
        place = (record.session_id, record.number)
        if pick is not None:
            self.picks[place] = int(pick)
        return of_turn(record, self.studio.pictures_of(record, "output"), self.picks.get(place))

    def later(self, work: Any, *arguments: Any) -> None:
        """Do something in the panel's thread, with errors shown."""
        if self._closed.is_set():
            return

        def guarded() -> None:
            try:
                work(*arguments)
            except NotebookImgError as error:
                self.fail(worded(error, IN_PANELS), None, remedies(error))
            except Exception:  # a refresh that fails must not end the thread
                log.exception("the panel could not be refreshed")

        self._threads.submit(guarded)

    def changed(self, what: str, session_id: str, number: int | None) -> None:
        """Take note of what happened in the studio, here or in a cell."""
        if what == "current" or (what == "turn" and session_id != self.session.id):
            self.later(self.actions.history.cells_moved, session_id)
        elif session_id == self.session.id and not self._refreshing:
            self._refreshing = True
            self.later(self._refresh, what, number)

    def _refresh(self, what: str, number: int | None) -> None:
        self._refreshing = False  # what happens from now on needs another look
        self._seen = self._row()  # what this kernel did itself is no news from elsewhere
        self.actions.refresh(what, number)

    def _row(self) -> tuple[Any, ...]:
        found = self.studio.store.session(self.session.id)
        return (found.updated, found.turns, found.name) if found else ()

    def look_around(self) -> None:
        """Notice what other processes did to the session, to the list of sessions, and to batches."""
        latest = tuple((found.id, found.name, found.turns) for found in self.studio.store.sessions(limit=1))
        if latest != self._latest:
            self._latest = latest
            self.later(self.actions.history.do_sessions, {}, ())
        seen = self._row()
        if seen != self._seen:
            self._seen = seen
            self.later(self.actions.refresh, "elsewhere", None)
        self.actions.batches.look()

    def _finished(self, run: Run, turn: Turn | None, error: BaseException | None) -> None:
        self.later(self.actions.requests.finished, run, turn, error)

    def _send_thumbnails(self, made: list[tuple[str, Preview]]) -> None:
        self.tell(
            {"kind": "thumbs", "shas": [sha for sha, _ in made], "types": [seen.mime_type for _, seen in made]},
            [seen.data for _, seen in made],
        )

    # ------------------------------------------------------------------------------------------ showing and leaving

    def _ipython_display_(self) -> None:
        self.left.display()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]  # noqa: ARG002 - IPython filters itself
        return self.left.bundle(static=True)

    def __repr__(self) -> str:
        return self.left.text()

    def close(self) -> None:
        """Close the panel; the picture it leaves stays."""
        self._closed.set()
        listeners = self.studio.shared.listeners
        if self._listener in listeners:
            listeners.remove(self._listener)
        self.thumbnails.close()
        self.runner.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()


def _listening(panel: Panel) -> Any:
    """Return a listener that does not keep its panel alive."""
    reference = weakref.ref(panel)

    def listen(what: str, session_id: str, number: int | None) -> None:
        found = reference()
        if found is not None:
            found.changed(what, session_id, number)

    return listen


def _watch(reference: weakref.ref[Panel], closed: threading.Event) -> None:
    while not closed.wait(WATCH):
        panel = reference()
        if panel is None:
            return
        try:
            panel.look_around()
        except Exception:  # a store that is locked or gone for a moment; the next look tells
            log.debug("the panel could not look at the store", exc_info=True)
        del panel
