"""Studio: the object every surface talks to. Settings, store and providers, with its own head per session."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import asking, jobs, keys, loop, performing, replay, sharing
from notebook_img.calls import Call, make_call
from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.heads import Heads
from notebook_img.opening import CurrentSession, unknown_session, working_directory
from notebook_img.records import Origin, SessionRecord, TurnRecord
from notebook_img.results import Notice, Plan
from notebook_img.settings import Settings
from notebook_img.shared import Shared
from notebook_img.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from notebook_img.asking import Asked
    from notebook_img.cells import Kernel, Run, Slot
    from notebook_img.packs import Packs
    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import Provider
    from notebook_img.records import JobRecord, Role
    from notebook_img.results import Made
    from notebook_img.store import Store
    from notebook_img.tree import Session, Turn

log = logging.getLogger("notebook_img")


class Studio:
    """Make, edit and question images in sessions.

    Parameters
    ----------
    home : path, optional
        Folder of the store; ``NOTEBOOK_IMG_HOME`` or the user's data folder otherwise.
    model : str, optional
        Default model, ``provider:model`` or ``provider``.
    settings : Settings, optional
        All settings; `home` and `model` are set on it.
    """

    def __init__(self, home: str | Path | None = None, model: str | None = None, *, settings: Settings | None = None, **more: Any) -> None:
        self.settings = settings or Settings()
        for name, value in {"home": Path(home).expanduser() if home else None, "model": model, **more}.items():
            if value is not None:
                self.settings.set(name, value)
        self.shared = Shared(self.settings)
        self.origin = Origin()
        self.notebook: Path | None = None
        self.say: Callable[[str], None] = log.info
        self.heads = Heads()
        self._current = CurrentSession(self)
        self.trials = Trials(self)

    def __repr__(self) -> str:
        return f"<Studio {self.settings.home}>"

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
        other.heads = (
            self.heads if same_heads else Heads(keeps_stored=keeps_stored_head, agent=origin.name if origin.surface == "agent" else "")
        )
        return other

    @property
    def store(self) -> Store:
        """The store."""
        return self.shared.store

    @property
    def kernel(self) -> Kernel | None:
        """The running kernel's cells, or None outside a kernel."""
        return self.shared.kernel if self.origin.surface in ("cell", "python") else None

    @property
    def working_folder(self) -> Path:
        """The notebook's folder where it is known, else the working directory."""
        return self.notebook.parent if self.notebook else working_directory()

    @property
    def aio(self) -> AsyncStudio:
        """The async twins of `generate`, `edit` and `ask`."""
        return AsyncStudio(self)

    def close(self) -> None:
        """Close the store; the studio can be used again and opens it anew."""
        self.shared.close()

    # ------------------------------------------------------------------------------------------ sessions

    def session(self, name: str | None = None, *, model: str | None = None, create: bool = True) -> Session:
        """Open or create a session and make it the current one; say which of the two.

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
            found = self.store.session_named(name)
            if found is None and not create:
                raise unknown_session(self.store, name)
            record = found or self.store.create_session(name, model=model or "")
            self._current.take(record.id)
            turns = f"{record.turns} turn{'s' if record.turns != 1 else ''}"
            self.say(f"Session {name!r}: {'opened, ' + turns if found else 'created'}.")
        if model:
            from notebook_img import providers

            provider, bare = providers.resolve(model, self.settings)
            record = self.store.update_session(record.id, model=f"{provider}:{bare}" if bare else provider)
        return Session(self, record.id)

    def session_for(self, name: str | None, *, creates: bool) -> Session:
        """Return the session a command names with ``-s``, without making it the current one."""
        from notebook_img.tree import Session

        if not name:
            return self.session()
        found = self.store.session_named(name)
        if found is None:
            if not creates:
                raise unknown_session(self.store, name)
            found = self.store.create_session(name)
            self.trials.made(found.id)
            self.say(f"Session {name!r}: created.")
        return Session(self, found.id)

    def sessions(self) -> list[Session]:
        """Return all sessions, the one used last first."""
        from notebook_img.tree import Session

        return [Session(self, record.id) for record in self.store.sessions()]

    def session_record(self, name: str) -> SessionRecord:
        """Return the row of a session by name."""
        found = self.store.session_named(name)
        if found is None:
            raise unknown_session(self.store, name)
        return found

    def session_name(self, session_id: str) -> str:
        """Return a session's present name."""
        record = self.store.session(session_id)
        return record.name if record else "deleted"

    def current(self) -> SessionRecord | None:
        """Return the current session's row where there is one; none is made, and nothing is said."""
        return self._current.found()

    def keep_model(self, session_id: str, model: str) -> None:
        """Give a session the model of its first turn."""
        record = self.store.session(session_id)
        if record is not None and not record.model:
            self.store.update_session(session_id, model=model)

    # ------------------------------------------------------------------------------------------ heads

    @property
    def cell_run(self) -> Run | None:
        """The run of a cell that is going on in this kernel, or None."""
        return self.kernel.current if self.kernel else None

    def head(self, session_id: str) -> int | None:
        """Return this studio's head: the stored one at its first look, its own from then on."""
        return self.heads.head(self.store, session_id)

    def reread_head(self, session_id: str) -> int | None:
        """Take the stored head again (``%imgsession use``)."""
        self.heads.reread(session_id)
        return self.head(session_id)

    def move_head(
        self,
        session_id: str,
        to: int | None,
        kind: str,
        *,
        start: int | None = None,
        redo: Sequence[int | None] | None = None,
        slot: Slot | None = None,
        stored: bool = False,
    ) -> None:
        """Move this studio's head and the stored one, and note it with the cell that did it. See `Heads.move`.

        `stored` tells that the turn which is the new head has moved the stored one already. Of a cell's requests under way at
        once (`slot`) the one made last decides, not the one that is answered last: the next cell goes on from the same turn each time.
        """
        kernel, run = self.kernel, slot.run if slot is not None else self.cell_run
        head = to
        if slot is not None and slot.overlaps:
            with slot.run.placing:
                last = slot.run.placed.get(session_id, -1) < slot.number
                if last:
                    slot.run.placed[session_id] = slot.number
                # The turns have moved the stored head in the order they came.
                head = to if last else self.head(session_id)
                before = self.heads.move(self.store, session_id, head, kind, run=run, start=start, redo=redo)
        else:
            before = self.heads.move(self.store, session_id, to, kind, run=run, start=start, redo=redo, stored=stored)
        if kernel is not None and run is not None:
            row = kernel.row(self.store, run)
            self.store.note_move(session_id, run=row, kind=kind, from_head=before, to_head=to)  # type: ignore[arg-type]
            run.moved.add(session_id)
        self.shared.changed("head", session_id, head)

    def cell_start(self, session_id: str, head: int | None) -> int | None:
        """Return where the running cell starts. See `Heads.start_of`."""
        return self.heads.start_of(self.store, session_id, head, self.cell_run)

    def last_question(self, session_id: str, head: int | None) -> TurnRecord | None:
        """Return the question a follow-up goes on from. See `Heads.last_question`."""
        return self.heads.last_question(self.store, session_id, head, self.cell_run)

    # ------------------------------------------------------------------------------------------ turns

    def turn_record(self, session_id: str, number: int) -> TurnRecord:
        """Return a turn's row; NotFoundError with the last ids otherwise."""
        record = self.store.turn(session_id, number)
        if record is None:
            last = self.store.turns(session_id, limit=3, newest_first=True)
            known = f" The latest are {', '.join(turn.id for turn in last)}." if last else " It has none yet."
            raise NotFoundError(f"There is no turn t{number} in session {self.session_name(session_id)!r}.{known}")
        return record

    def pictures_of(self, record: TurnRecord, *roles: Role) -> list[Picture]:
        """Return a turn's pictures in these roles, read from their files only when touched."""
        from notebook_img.tree import stored_picture

        uses = record.uses(*roles)
        name = self.session_name(record.session_id)
        many = len(uses) > 1
        return [
            stored_picture(
                self.store, use, name=(f"{name}/{record.id}" + (f".{index}" if many else "")) if use.role == "output" else use.name
            )
            for index, use in enumerate(uses, 1)
        ]

    def turn(self, made: Made) -> Turn:
        """Return the Turn of something made or given back."""
        from notebook_img.tree import Session

        turn = Session(self, made.record.session_id).turn_from(made.record)
        turn.replayed = made.replayed
        turn.files = made.files
        turn.notices = made.notices
        turn.today = made.today
        turn.shape = made.shape
        return turn

    # ------------------------------------------------------------------------------------------ calls

    def prepare(self, session: Session, call: Call) -> Asked:
        """Fix a call's place and load its pictures, in the caller's thread."""
        record = self.store.session(session.id)
        if record is None:
            raise NotFoundError("This session was deleted. Name another one with -s, or start one with %imgsession NAME.")
        words = "\n".join(filter(None, (call.prompt, call.negative_prompt, call.boxes, call.table)))
        if keys.redact_environment(words, self.settings) != words:
            raise UsageError("The prompt contains a key. Nothing was sent or stored; take it out of the prompt.")
        try:
            asked = asking.place(self, record, call, call.origin or self.cell_origin())
        except NotebookImgError as error:
            keys.cleaned(error, self.settings)
            raise
        run = self.cell_run if call.origin is None else None
        return dataclasses.replace(asked, slot=run.slot()) if run is not None else asked

    def cell_origin(self) -> Origin:
        """Return the origin with the cell that runs now."""
        run = self.kernel.current if self.kernel else None
        if run is None or self.kernel is None:
            return self.origin
        return dataclasses.replace(self.origin, kernel=self.kernel.id, cell=run.cell, notebook=run.notebook)

    def run(self, session: Session, call: Call, on_event: loop.Tell | None = None) -> Turn | Plan:
        """Do a call and wait for it; events are handed over in the caller's thread."""
        with self.trials.trying(session.id):
            asked = self.prepare(session, call)
            try:
                return self._result(loop.run(lambda tell: performing.perform(self, asked, tell), on_event or self._say_notice))
            finally:
                asked.leave()

    def start(self, session: Session, call: Call, on_event: loop.Tell) -> Future[Turn | Plan]:
        """Start a call and return at once; events are told on the core's thread, and cancelling the future cancels the call."""

        async def work(tell: loop.Tell) -> Turn | Plan:
            asked = await loop.in_thread(self.prepare, session, call)
            return self._result(await performing.perform(self, asked, tell))

        return loop.spawn(work, on_event)

    async def run_async(self, session: Session, call: Call, on_event: loop.Tell | None = None) -> Turn | Plan:
        """Do a call and await it."""
        with self.trials.trying(session.id):
            asked = self.prepare(session, call)
            try:
                return self._result(await loop.wait(lambda tell: performing.perform(self, asked, tell), on_event or self._say_notice))
            finally:
                asked.leave()

    def _say_notice(self, event: Any) -> None:
        """Say what must be told also where nobody watches a call: where pictures go, and what it costs."""
        if isinstance(event, Notice):
            self.say(event.text)

    def _result(self, done: Made | Plan) -> Turn | Plan:
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
        from notebook_img.inventory import model_rows

        return model_rows(self.settings)

    # ------------------------------------------------------------------------------------------ jobs

    def jobs(self, *, state: str | None = None) -> list[JobRecord]:
        """Return jobs, newest first."""
        return self.store.jobs(state=state)

    def waiting_jobs(self) -> list[JobRecord]:
        """Return the jobs that can be resumed: left with a service, and nobody waits for them."""
        return jobs.waiting(self)

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
        return [self._result(made) for made in jobs.resume_waiting(self, job, on_event)]  # type: ignore[misc]

    # ------------------------------------------------------------------------------------------ replay

    def stored_id(self, stored: replay.Stored) -> str:
        """Return ``fox/t7`` for a stored reply."""
        return f"{self.session_name(stored.session_id)}/t{stored.number}" if stored.source < 2 else f"a pack's t{stored.number}"

    # ------------------------------------------------------------------------------------------ sharing

    def packs(self) -> Packs:
        """Return the packs replies may come from; looked for again when a file comes or goes."""
        return sharing.packs_of(self)

    def pack(self, output: str | None = None) -> tuple[Path, int, int]:
        """Write the pictures this notebook's cells have got into one zip beside it.

        Parameters
        ----------
        output : str, optional
            File name; ``NOTEBOOK.pictures.zip`` otherwise, or one named after the session where the notebook is unknown.

        Returns
        -------
        Path, int, int
            The file, the number of turns in it, its size in bytes.
        """
        return sharing.write_pack(self, output)

    def export(self, session: Session, path: Path) -> Path:
        """Write a script that repeats a session's work through ``ni.*``; see `Session.export`."""
        from notebook_img.exporting import export_script

        return export_script(self, session, path)

    def import_sessions(self, path: str | Path) -> list[Session]:
        """Import the sessions of an exported zip, and say what became of each."""
        from notebook_img.tree import Session

        return [Session(self, record.id) for record in sharing.take_in(self, Path(path).expanduser())]

    # ------------------------------------------------------------------------------------------ money

    def paid_notice(self, provider: Provider, estimate: float | None) -> tuple[str, ...]:
        """Return, once per provider and process, where pictures go and what one call costs."""
        if provider.name in self.shared.noticed:
            return ()
        self.shared.noticed.add(provider.name)
        from notebook_img.display import money

        price = "the price of one call is not known" if estimate is None else f"this call costs about {money(estimate)}"
        return (f"Prompts and pictures of this call go to {provider.title}; {price}. Daily budget: {money(self.settings.budget)}.",)


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
__all__ = ["AsyncStudio", "NotebookImgError", "Studio", "default_studio"]
