"""Which session work goes to when none is named: the current one, named after the notebook or the working directory."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from notebook_img.records import SessionRecord
    from notebook_img.store import Store
    from notebook_img.studio import Studio


class CurrentSession:
    """The current session of one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._id: str | None = None
        self._lock = threading.RLock()

    def take(self, session_id: str) -> None:
        """Make a session the current one."""
        self._id = session_id

    def record(self) -> SessionRecord:
        """Return its row; the session is opened or created first where there is none yet, and what is not plain is said."""
        store = self._studio.store
        with self._lock:
            if self._id and (record := store.session(self._id)):
                return record
            deleted = self._id is not None
            record = self._named_after_place()
            self._id = record.id
            if deleted:
                # Here or in another process; and the session of this place may have turns already.
                self._studio.say(f"The session in use was deleted; work goes on in session {record.name!r}.")
            return record

    def found(self) -> SessionRecord | None:
        """Return its row where there is one; none is made, and nothing is said."""
        store = self._studio.store
        with self._lock:
            if self._id:
                return store.session(self._id)
        return self._of_notebook() or store.session_named(self._stem)

    @property
    def _notebook(self) -> str:
        return str(self._studio.notebook.resolve()) if self._studio.notebook else ""

    @property
    def _stem(self) -> str:
        return session_name_from(self._studio.notebook.stem if self._studio.notebook else working_directory().name)

    def _of_notebook(self) -> SessionRecord | None:
        notebook = self._notebook
        return next((record for record in self._studio.store.sessions() if record.notebook == notebook), None) if notebook else None

    def _named_after_place(self) -> SessionRecord:
        """Open or create the session named after the notebook, else after the working directory."""
        studio, notebook = self._studio, self._notebook
        if own := self._of_notebook():
            return own
        stem = name = self._stem
        number = 1
        while (found := studio.store.session_named(name)) is not None:
            if not notebook or not found.notebook:
                return self._own(found, notebook)
            if not Path(found.notebook).exists():
                studio.say(f"The notebook was moved here; its session {name!r} goes on.")
                return self._own(found, notebook)
            number += 1
            name = f"{stem}-{number}"
        if number > 1:
            studio.say(f"The session {stem!r} belongs to another notebook of that name; this one's is {name!r}.")
        return studio.store.create_session(name, notebook=notebook)

    def _own(self, record: SessionRecord, notebook: str) -> SessionRecord:
        return self._studio.store.update_session(record.id, notebook=notebook) if notebook else record


def unknown_session(store: Store, name: str) -> NotFoundError:
    """Return the error for an unknown session: near names, or the latest ones."""
    from notebook_img.store.names import check_session_name

    check_session_name(name)
    names = store.session_names()
    near = did_you_mean(name, names)
    known = f" Sessions: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}." if names and not near else ""
    return NotFoundError(f"There is no session {name!r}.{near}{known} %imgsession {name} creates it.")


def working_directory() -> Path:
    """Return the working directory; UsageError when somebody has deleted it."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("The working directory does not exist any more. Change to one that does (%cd ~), or name a session.") from error


def session_name_from(text: str) -> str:
    """Return a legal session name made of a file or folder name."""
    name = re.sub(r"[^\w .+-]+", "-", text).strip(" .-")[:60]
    return f"{name}-session" if not name or re.fullmatch(r"t\d+", name) else name
