"""Studio: the object every surface talks to. Settings, store and providers, with its own head per session."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import keys, loop, providers
from notebook_img.calls import Call, Notice, Plan, make_call, note_bill, perform_call, place_call, resume_jobs, stoppable, waiting_jobs
from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.hints import Hint
from notebook_img.records import Origin, SessionRecord
from notebook_img.replay import COPIED_FROM, Heads
from notebook_img.settings import Settings
from notebook_img.studio.packing import take_in, write_pack
from notebook_img.studio.sessions import CurrentSession, ProvisionalSessions
from notebook_img.workspace import Workspace, unknown_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from notebook_img.calls import CallResult, PlacedCall
    from notebook_img.records import JobRecord
    from notebook_img.studio.batch import Batches
    from notebook_img.tree import Session, Turn

log = logging.getLogger("notebook_img")


_first: weakref.WeakValueDictionary[str, Studio] = weakref.WeakValueDictionary()
"""By home the first studio of this process: a kernel's own, where there is a kernel."""


def studio_of_home(home: str, pictures: str = "") -> Studio:
    """Return this process's studio over a home, or a new one."""
    return _first.get(home) or Studio(home, pictures=pictures or None)


class Studio(Workspace):
    """A workspace with the calls on it: make, edit and question images in sessions.

    Parameters
    ----------
    home : path, optional
        Folder or address of the store; ``NOTEBOOK_IMG_HOME`` or the user's data folder otherwise.
    model : str, optional
        Default model, ``provider:model`` or ``provider``.
    settings : Settings, optional
        All settings; `home` and `model` are set on it.
    """

    def __init__(self, home: str | Path | None = None, model: str | None = None, *, settings: Settings | None = None, **more: Any) -> None:
        super().__init__(settings or Settings())
        for name, value in {"home": home or None, "model": model, **more}.items():
            if value is not None:
                self.settings.set(name, value)
        self._current = CurrentSession(self)
        self.provisional = ProvisionalSessions(self)
        _first.setdefault(str(self.settings.address), self)

    def __repr__(self) -> str:
        return f"<Studio {self.settings.address}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # A turn or session that goes to another process (joblib, multiprocessing) is looked at through the studio there.
        return studio_of_home, (str(self.settings.address), self.settings.address.pictures)

    def beside(self, origin: Origin, *, same_heads: bool = False, keeps_stored_head: bool = False) -> Studio:
        """Return a studio over the same store and settings.

        Parameters
        ----------
        origin : Origin
            Who works with it.
        same_heads : bool
            Share this studio's heads (a panel, the same person); its own ones otherwise.
        keeps_stored_head : bool
            Leave the stored heads of sessions a person started alone (an agent). See `Heads`.
        """
        other = Studio(settings=self.settings)
        other.shared = self.shared
        other.origin = origin
        other.notebook = self.notebook
        other.provisional = self.provisional
        other.heads = (
            self.heads if same_heads else Heads(keeps_stored=keeps_stored_head, agent=origin.name if origin.surface == "agent" else "")
        )
        return other

    @property
    def aio(self) -> AsyncStudio:
        """The async twins of `generate`, `edit` and `ask`."""
        return AsyncStudio(self)

    @property
    def batch(self) -> Batches:
        """The same calls over many items."""
        from notebook_img.studio.batch import Batches

        return Batches(self)

    def close(self) -> None:
        """Close the providers' connections and the store; the studio can be used again and reopens them."""
        try:
            providers.close(self.settings)
        finally:
            self.shared.close()

    # ------------------------------------------------------------------------------------------ sessions

    def session(self, name: str | None = None, *, model: str | None = None, create: bool = True) -> Session:
        """Open or create a session, make it the current one, and report which of the two was done.

        Parameters
        ----------
        name : str, optional
            The current session when left out.
        model : str, optional
            Model for its turns from now on.
        create : bool
            Whether an unknown name is created rather than an error.

        Raises
        ------
        NotFoundError
            With near names, when `create` is false.
        """
        from notebook_img.tree import Session

        if name is None:
            record = self._current.record()
        else:
            if not create and self.store.session_named(name) is None:
                raise unknown_session(self.store, name)
            record, created = self.store.open_session(name)
            self._current.take(record.id)
            self.shared.changed("current", record.id)
            turns = f"{record.turns} turn{'s' if record.turns != 1 else ''}"
            self.say(f"Session {name!r}: {'created' if created else 'opened, ' + turns}.")
        if model:
            provider, bare = providers.resolve(model, self.settings)
            self.keep_model(record.id, f"{provider}:{bare}" if bare else provider)
        return Session(self, record.id)

    def session_for(self, name: str | None, *, creates: bool) -> Session:
        """Return the session a command names with ``-s``, without making it the current one."""
        from notebook_img.tree import Session

        if not name:
            return self.session()
        if not creates and self.store.session_named(name) is None:
            raise unknown_session(self.store, name)
        found, created = self.store.open_session(name)
        if created:
            self.provisional.made(found.id)
            self.say(f"Session {name!r}: created.")
        return Session(self, found.id)

    def sessions(self) -> list[Session]:
        """Return all sessions, the one used last first."""
        from notebook_img.tree import Session

        return [Session(self, record.id) for record in self.store.sessions()]

    def current(self) -> SessionRecord | None:
        """Return the current session's row, or None. Creates and reports nothing."""
        return self._current.found()

    @property
    def origins(self) -> tuple[str, ...]:
        """The notebook this one is a copy of, if it is one."""
        record = self.current()
        found = str(record.settings.get(COPIED_FROM) or "") if record is not None else ""
        return (found,) if found else ()

    # ------------------------------------------------------------------------------------------ turns

    def turn(self, made: CallResult) -> Turn:
        """Return the Turn of a result."""
        from notebook_img.tree import Session

        turn = Session(self, made.record.session_id).turn_from(made.record)
        turn.replayed = bool(made.replayed)
        turn.given = made.replayed
        turn.files = made.files
        turn.notices = made.notices
        turn.today = made.today
        turn.shape = made.shape
        return turn

    # ------------------------------------------------------------------------------------------ calls

    def prepare(self, session: Session, call: Call) -> PlacedCall:
        """Determine where a call starts and load its pictures, in the caller's thread."""
        record = self.store.session(session.id)
        if record is None:
            raise NotFoundError("This session was deleted.", hint=Hint("new-session"))
        words = "\n".join(filter(None, (call.prompt, call.negative_prompt, call.boxes, call.table, call.row)))
        if keys.redact_environment(words, providers.key_services(self.settings), self.settings) != words:
            raise UsageError("The prompt contains a key. Nothing was sent or stored. Remove it from the prompt.")
        try:
            asked = place_call(self, record, call, call.origin or self.cell_origin())
        except NotebookImgError as error:
            keys.cleaned(error, providers.key_services(self.settings), self.settings)
            raise
        run = self.cell_run if call.origin is None else None
        if run is None:
            return asked
        # A question moves no head, and what is made meanwhile goes on as it would without it.
        slot = run.slot() if call.kind == "ask" else run.slot(session.id, asked.head_before)
        return dataclasses.replace(asked, slot=slot)

    @contextlib.contextmanager
    def begin(self, session: Session, *calls: Call) -> Iterator[list[PlacedCall]]:
        """Go around calls made at once, however a surface waits for them: inside they are placed and may be performed.

        In the end each leaves its place among its cell's requests, and a session that was created for them is removed if they made nothing.
        """
        placed: list[PlacedCall] = []
        with self.provisional.trying(session.id):
            try:
                for call in calls:
                    placed.append(self.prepare(session, call))
                    note_bill(placed[-1].bill)
                yield placed
            finally:
                for one in placed:
                    one.leave()

    def run(self, session: Session, call: Call, on_event: loop.Tell | None = None) -> Turn | Plan:
        """Do a call and wait for it; events are handed over in the caller's thread."""
        with stoppable(), self.begin(session, call) as (placed,):
            return self._result(loop.run(lambda tell: perform_call(self, placed, tell), on_event or self._say_notice))

    def start(self, session: Session, call: Call, on_event: loop.Tell) -> Future[Turn | Plan]:
        """Start a call and return at once; events are told on the core's thread, and `loop.stop` stops it."""

        async def work(tell: loop.Tell) -> Turn | Plan:
            with contextlib.ExitStack() as begun:
                # To the end, so that what a thread has begun is left here in any case.
                (placed,) = await loop.to_the_end(loop.in_thread(begun.enter_context, self.begin(session, call)))
                return self._result(await perform_call(self, placed, tell))

        return loop.spawn(work, on_event)

    async def run_async(self, session: Session, call: Call, on_event: loop.Tell | None = None) -> Turn | Plan:
        """Do a call and await it."""
        with stoppable(), self.begin(session, call) as (placed,):
            return self._result(await loop.wait(lambda tell: perform_call(self, placed, tell), on_event or self._say_notice))

    def _say_notice(self, event: Any) -> None:
        """Report what must be said even when a call is not watched: where pictures go, and what it costs."""
        if isinstance(event, Notice):
            self.say(event.text)

    def _result(self, done: CallResult | Plan) -> Turn | Plan:
        if isinstance(done, Plan):
            return done
        self.shared.changed("turn", done.record.session_id, done.record.number)
        return self.turn(done)

    def generate(self, prompt: str, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Make an image. See `Session.generate` for the options."""
        return self.run(self.session_given(session), make_call("generate", prompt, None, options))  # type: ignore[return-value]

    def edit(self, prompt: str = "", image: Any = None, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Edit an image, or go on from the head. See `Session.edit` for the options."""
        return self.run(self.session_given(session), make_call("edit", prompt, image, options))  # type: ignore[return-value]

    def ask(self, prompt: str = "", image: Any = None, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Ask about an image, or about the head's picture. See `Session.ask` for the options."""
        return self.run(self.session_given(session), make_call("ask", prompt, image, options))  # type: ignore[return-value]

    def session_given(self, session: Session | str | None) -> Session:
        """Return the session a call is for: one that is given, one by name, or the current one."""
        if session is None:
            return self.session()
        if isinstance(session, str):
            return self.session_for(session, creates=False)
        return session

    def models(self) -> list[dict[str, Any]]:
        """Return one row per known model: name, provider, whether it is ready, what it can do, what one picture costs."""
        return providers.model_rows(self.settings)

    # ------------------------------------------------------------------------------------------ jobs

    def jobs(self, *, state: str | None = None) -> list[JobRecord]:
        """Return jobs, newest first."""
        return self.store.jobs(state=state)

    def waiting_jobs(self) -> list[JobRecord]:
        """Return the jobs that can be resumed: left with a service, with no process waiting for them."""
        return waiting_jobs(self)

    def resume(self, job: str | None = None, on_event: loop.Tell | None = None) -> list[Turn]:
        """Fetch the pictures of jobs that were left with a service instead of paying again.

        Parameters
        ----------
        job : str, optional
            One job's id, ours or the service's own; all that can be resumed otherwise.

        Raises
        ------
        NotebookImgError
            When no job could be fetched; of several, those that came are returned and the rest is said.
        """
        with stoppable():
            return [self._result(made) for made in resume_jobs(self, job, on_event)]  # type: ignore[misc]

    # ------------------------------------------------------------------------------------------ sharing

    def pack(
        self, output: str | None = None, *, everything: bool = False, force: bool = False, keep_metadata: bool = False
    ) -> tuple[Path, int, int]:
        """Write what this notebook's cells give back, and what leads to it, into one zip beside it.

        A pack that has all of it already is left as it is. Outside a notebook everything of the session goes in.

        Parameters
        ----------
        output : str, optional
            File name; ``NOTEBOOK.pictures.zip`` otherwise, or one named after the session where the notebook is unknown.
        everything : bool
            All turns of its sessions, rejected ones too.
        force : bool
            Overwrite the file whatever it holds.
        keep_metadata : bool
            Leave place, serial numbers and owner in the files of input pictures.

        Returns
        -------
        Path, int, int
            The file, the number of turns in it, its size in bytes.
        """
        packed = write_pack(self, output, everything=everything, force=force, keep_metadata=keep_metadata)
        return packed.path, packed.turns, packed.bytes

    def export(self, session: Session, path: Path, *, force: bool = False, keep_metadata: bool = False) -> Path:
        """Write a script that repeats a session's work through ``ni.*``; see `Session.export`."""
        from notebook_img.studio.script import export_script

        return export_script(self, session, path, force=force, keep_metadata=keep_metadata)

    def import_sessions(self, path: str | Path) -> list[Session]:
        """Import the sessions of an exported zip, and report on each."""
        from notebook_img.tree import Session

        return [Session(self, record.id) for record in take_in(self, Path(path).expanduser())]


class AsyncStudio:
    """Async twins of a studio's calls."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def generate(self, prompt: str, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Await `Studio.generate`."""
        return await self._studio.run_async(self._studio.session_given(session), make_call("generate", prompt, None, options))  # type: ignore[return-value]

    async def edit(self, prompt: str = "", image: Any = None, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Await `Studio.edit`."""
        return await self._studio.run_async(self._studio.session_given(session), make_call("edit", prompt, image, options))  # type: ignore[return-value]

    async def ask(self, prompt: str = "", image: Any = None, *, session: Session | str | None = None, **options: Any) -> Turn:
        """Await `Studio.ask`."""
        return await self._studio.run_async(self._studio.session_given(session), make_call("ask", prompt, image, options))  # type: ignore[return-value]
