"""Which session work goes to: the current one, named after the notebook or the working directory, or one made for a command."""

from __future__ import annotations

import contextlib
import re
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.calls import unfinished_jobs
from notebook_img.errors import StoreError
from notebook_img.files import notebook_is_gone
from notebook_img.replay import COPIED_FROM, find_lineage, find_namesake
from notebook_img.workspace import working_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notebook_img.records import SessionRecord
    from notebook_img.replay import Lineage, Namesake
    from notebook_img.workspace import Workspace


class CurrentSession:
    """The current session of one studio."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._id: str | None = None
        self._lock = threading.RLock()

    def take(self, session_id: str) -> None:
        """Make a session the current one."""
        self._id = session_id

    def record(self) -> SessionRecord:
        """Return its row, opening or creating the session first where needed. Reports anything surprising."""
        store = self._workspace.store
        with self._lock:
            if self._id and (record := store.session(self._id)):
                return record
            deleted = self._id is not None
            record = self._named_after_place()
            self._id = record.id
            if deleted:
                # Here or in another process; and the session of this place may have turns already.
                self._workspace.say(f"The session in use was deleted; work goes on in session {record.name!r}.")
            return record

    def found(self) -> SessionRecord | None:
        """Return its row, or None. Creates and reports nothing."""
        store = self._workspace.store
        with self._lock:
            if self._id:
                return store.session(self._id)
        return self._of_notebook() or store.session_named(self._stem)

    @property
    def _notebook(self) -> str:
        return str(self._workspace.notebook.resolve()) if self._workspace.notebook else ""

    @property
    def _stem(self) -> str:
        return session_name_from(self._workspace.notebook.stem if self._workspace.notebook else working_directory().name)

    def _of_notebook(self) -> SessionRecord | None:
        notebook = self._notebook
        return self._workspace.store.session_of_notebook(notebook) if notebook else None

    def _named_after_place(self) -> SessionRecord:
        """Open or create the session named after the notebook, else after the working directory."""
        workspace, notebook = self._workspace, self._notebook
        if own := self._of_notebook():
            namesake = self._namesake(own)
            if namesake is None:
                return own
            if namesake.runs:
                return workspace.store.session_of_notebook(str(namesake.notebook.resolve())) or own
            self._leave_to(namesake.notebook, own)
            return self._named_after_place()
        made_from = self._made_from()
        if made_from is not None and made_from.gone and (moved := self._moved(made_from)):
            return moved
        settings = {COPIED_FROM: made_from.notebook} if made_from is not None and not made_from.gone else {}
        stem = name = self._stem
        number = 1
        while True:
            found, created = workspace.store.open_session(name, notebook=notebook, settings=settings)
            if created and settings:
                self._say_copied(name, settings[COPIED_FROM])
            if created and number > 1:
                workspace.say(f"The session {stem!r} belongs to another notebook of that name; this one's is {name!r}.")
            if created or found.notebook == notebook:
                return found
            if not notebook or not found.notebook or workspace.store.read_only:
                return self._own(found, notebook)
            if notebook_is_gone(found.notebook):
                workspace.say(f"The notebook was moved here; its session {name!r} goes on.")
                return self._own(found, notebook)
            number += 1
            name = f"{stem}-{number}"

    def _running(self) -> list[str]:
        return self._workspace.kernel.cells if self._workspace.kernel is not None else []

    def _made_from(self) -> Lineage | None:
        """Return the notebook this one was renamed, moved or copied from."""
        workspace = self._workspace
        if workspace.notebook is None or workspace.store.read_only:
            return None
        return find_lineage(workspace.store, workspace.notebook, self._running())

    def _namesake(self, own: SessionRecord) -> Namesake | None:
        """Return the notebook that had this one's name before, and this session."""
        workspace = self._workspace
        if workspace.notebook is None or workspace.store.read_only:
            return None
        return find_namesake(workspace.store, own.id, workspace.notebook, self._running())

    def _leave_to(self, notebook: Path, record: SessionRecord) -> None:
        """Leave a session to the notebook whose work it is."""
        store, name, now = self._workspace.store, self._notebook, str(notebook.resolve())
        theirs = store.session_of_notebook(now)
        # Its cells' runs go on being looked for under the old name: a kernel that was told that name writes more of them.
        store.update_session(record.id, notebook=now, settings={COPIED_FROM: name, **record.settings})
        if theirs is not None:
            store.update_session(theirs.id, notebook=now)  # of several the one changed last is the one it goes on with
        self._workspace.say(f"{notebook.name} was called {Path(name).name} before; session {record.name!r} stays with it.")

    def _moved(self, made_from: Lineage) -> SessionRecord | None:
        """Go on with the session of the notebook that has this name now."""
        workspace = self._workspace
        found = workspace.store.session_of_notebook(str(Path(made_from.notebook).resolve()))
        workspace.store.follow_notebook(made_from.notebook, str(workspace.notebook))
        if found is not None:
            before = Path(made_from.notebook).name
            workspace.say(f"The notebook was renamed or moved (it was {before}); its session {found.name!r} goes on.")
            return self._own(found, self._notebook)
        return None

    def _say_copied(self, name: str, original: str) -> None:
        found = self._workspace.store.session_of_notebook(str(Path(original).resolve()))
        work = f" The work of the original is in session {found.name!r}." if found is not None else ""
        self._workspace.say(
            f"This notebook is a copy of {Path(original).name}: its own session is {name!r}, and its cells get what those of the original "
            f"got.{work}"
        )

    def _own(self, record: SessionRecord, notebook: str) -> SessionRecord:
        store = self._workspace.store
        return store.update_session(record.id, notebook=notebook) if notebook and not store.read_only else record


class ProvisionalSessions:
    """Sessions made for a command or request (``-s NAME``): removed if it made nothing. All studios of a store share them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._new: set[str] = set()
        self._under_way: Counter[str] = Counter()
        self._lock = threading.RLock()

    def made(self, session_id: str) -> None:
        """Remember a session that was created for the call that follows."""
        self._new.add(session_id)

    def keep(self, session_id: str) -> None:
        """Let a session stay although it has no turn yet: a batch is to put some there."""
        self._new.discard(session_id)

    @contextlib.contextmanager
    def trying(self, session_id: str) -> Iterator[None]:
        """Wrap a call in a session; when the last of several calls ends, the session is removed if it is still empty."""
        with self._lock:
            self._under_way[session_id] += 1
        try:
            yield
        finally:
            with contextlib.suppress(StoreError):  # the call's own error is the one to be told
                self._leave(session_id)

    def _leave(self, session_id: str) -> None:
        store = self._workspace.store
        with self._lock:
            self._under_way[session_id] -= 1
            if self._under_way[session_id]:
                return
            del self._under_way[session_id]
            if session_id not in self._new:
                return
            self._new.discard(session_id)
            record = store.session(session_id)
            if record is not None and not record.turns and not unfinished_jobs(store, record.name):
                # Another process may store its first turn in it at this moment.
                store.delete_session(session_id, only_empty=True)


def session_name_from(text: str) -> str:
    """Return a valid session name made from a file or folder name."""
    name = re.sub(r"[^\w .+-]+", "-", text).strip(" .-")[:60]
    return f"{name}-session" if not name or re.fullmatch(r"t\d+", name) else name
