"""The sessions agents name, work in when they name none, and begin."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError, StoreError, UsageError, did_you_mean
from notebook_img.studio import session_name_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.mcp.running_call import Caller
    from notebook_img.mcp.work import Work
    from notebook_img.tree import Session

AGENTS = "agents"
"""The session of agents that work in no folder of their own."""


def session_name_of(text: str) -> str:
    """Return a session's name made from words or an id; ids such as fox/t3 have no spaces, so it has none either."""
    return session_name_from(re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "images")


def named(work: Work, caller: Caller, name: str) -> Session:
    """Return a session by name or id.

    Raises
    ------
    NotFoundError
        With near or recent names.
    """
    wanted = name.strip().partition("/")[0]
    found = find(work, caller, wanted)
    if found is None:
        names = [row.name for row in work.scope.sessions(limit=200)]
        near = did_you_mean(wanted, names)
        recent = f" Recent sessions: {listed(names[:5])}." if names else " There are none yet."
        raise NotFoundError(f"There is no session {wanted[:80]!r}.{near}{recent} start_image_session begins one.")
    return found


def listed(names: Sequence[str]) -> str:
    """Return names of sessions in a sentence; some hold a comma."""
    return ", ".join(repr(name) for name in names)


def find(work: Work, caller: Caller, *names: str) -> Session | None:
    """Return the first session there is of these names or ids."""
    from notebook_img.tree import Session

    store = caller.studio.store
    known = (store.session_named(name) or store.session(name) for name in names)
    record = next((found for found in known if work.scope.has(found)), None)
    return Session(caller.studio, record.id) if record is not None else None


def own(work: Work, caller: Caller) -> Session:
    """Return the session agents work in when they name none, that of their working folder, creating it if needed."""
    from notebook_img.tree import Session

    base, store = caller.folders.base, caller.studio.store
    stem = "" if base == Path(os.path.realpath(work.studio.settings.home / "outputs")) else session_name_from(base.name)
    facts = {**work.scope.mark, "folder": str(base)}
    for number in range(1, 100):
        name = f"{stem}{f' {number}' if number > 1 else ''}, agents" if stem else AGENTS
        record, _ = store.open_session(name, settings=facts)
        # Folders may have one name, and people's sessions too.
        if not stem or (record.settings.get("folder") == str(base) and work.scope.is_own(record)):
            work.scope.begun.add(record.id)
            return Session(caller.studio, record.id)
    raise StoreError(f"No free session name was found for {base}. Name a session, or begin one with start_image_session.")


def new(work: Work, caller: Caller, stem: str, *, exactly: bool = False) -> Session:
    """Return a new session named after `stem`."""
    from notebook_img.tree import Session

    store = caller.studio.store
    base = session_name_of(stem)
    for _ in range(20):
        try:
            made = store.create_session(base if exactly else store.free_name(base), settings=work.scope.mark)
            work.scope.begun.add(made.id)
            return Session(caller.studio, made.id)
        except UsageError:  # taken between the two
            if exactly:
                raise
    raise StoreError("No free session name was found. Choose one yourself.")
