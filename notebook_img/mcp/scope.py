"""Which sessions a server's clients see and touch: allowed folders bind files, and this binds what lies in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.replay import BY_AGENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.records import JobRecord, SessionRecord
    from notebook_img.studio import Studio

ALL, OWN = "all", "own"
MOST = 10_000
"""Sessions that are looked through."""


class Scope:
    """The sessions of one server.

    Parameters
    ----------
    studio : Studio
        Its store has them.
    names : sequence of str
        Names, ``own`` for those that agents began, or ``all``; without any it is ``all`` in a home on one's own machine, ``own`` in
        a shared one, and there those that one's own agents began.

    Attributes
    ----------
    begun : set of str
        Ids of the sessions that were begun here; they are seen in any case.
    offered : set of str
        Hashes of pictures that were offered to a client, though no session has them yet.
    """

    def __init__(self, studio: Studio, names: Sequence[str] | None = None) -> None:
        self._studio = studio
        self._names = frozenset(names or ((OWN,) if studio.settings.address.is_shared else (ALL,)))
        self.mark: dict[str, str] = {**BY_AGENT, **({"person": studio.settings.person} if studio.settings.address.is_shared else {})}
        """What is written into the sessions that agents begin."""
        self.begun: set[str] = set()
        self.offered: set[str] = set()

    def has(self, record: SessionRecord | None) -> bool:
        """Whether clients see a session."""
        if record is None:
            return False
        own = OWN in self._names and self.is_own(record)
        return own or bool(self._names & {ALL, record.name}) or record.id in self.begun

    def is_own(self, record: SessionRecord) -> bool:
        """Whether agents began a session; in a shared home, this person's."""
        return all(record.settings.get(name) == value for name, value in self.mark.items())

    def shows(self, session_id: str) -> bool:
        """Whether clients see the session with this id."""
        return ALL in self._names or self.has(self._studio.store.session(session_id))

    def shows_job(self, job: JobRecord) -> bool:
        """Whether clients see a job."""
        return ALL in self._names or self.has(self._studio.store.session_named(job.session))

    def shows_picture(self, sha256: str) -> bool:
        """Whether clients see a session that has this picture."""
        return ALL in self._names or sha256 in self.offered or any(map(self.shows, self._studio.store.sessions_with(sha256)))

    def sessions(self, *, limit: int, search: str = "") -> list[SessionRecord]:
        """Return the sessions clients see, the one used last first."""
        if ALL in self._names:
            return list(self._studio.store.sessions(limit=limit, search=search))
        return [row for row in self._studio.store.sessions(limit=MOST, search=search) if self.has(row)][:limit]

    def count(self) -> int:
        """Return how many sessions clients see."""
        return self._studio.store.count_sessions() if ALL in self._names else len(self.sessions(limit=MOST))
