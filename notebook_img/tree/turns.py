"""The turns of a session as a sequence that is read in pages, and which of them are near one that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.ids import turn_id
from notebook_img.tree.sheets import TurnList, session_sheet
from notebook_img.tree.turn import Turn
from notebook_img.tree.values import Drawn

if TYPE_CHECKING:
    from notebook_img.pictures import Bundle
    from notebook_img.tree.session import Session

PAGE = 100
"""Turns read at once when going through a session."""
SHOWN = 3
"""Ids in its repr."""
NEAR = 3
"""How many ids an error names at most on either side."""


class Turns(Drawn, Sequence[Turn]):
    """The turns of a session by number, read in pages: ``len``, index, slice, iteration."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __len__(self) -> int:
        return self._session.record.turns

    @overload
    def __getitem__(self, index: int) -> Turn: ...
    @overload
    def __getitem__(self, index: slice) -> TurnList: ...
    def __getitem__(self, index: int | slice) -> Turn | TurnList:
        if isinstance(index, str):  # type: ignore[unreachable]
            raise UsageError(f"Turns are counted from 0 here. To get one by its id, write session.turn({index!r}).")
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step > 0:
                return TurnList(self._between(start, stop)[::step])
            return TurnList(self._between(stop + 1, start + 1)[::-1][::-step])
        position = index + len(self) if index < 0 else index
        found = self._between(position, position + 1) if position >= 0 else []
        if not found:
            raise IndexError(f"session {self._session.name!r} has {len(self)} turns, so none at {index}")
        return found[0]

    def _between(self, start: int, stop: int) -> list[Turn]:
        if stop <= start:
            return []
        records = self._session.actor.store.turns(self._session.id, limit=stop - start, offset=start)
        return [Turn(self._session, record) for record in records]

    def __iter__(self) -> Iterator[Turn]:
        store, after = self._session.actor.store, 0
        while page := store.turns(self._session.id, after=after, limit=PAGE):
            for record in page:
                yield Turn(self._session, record)
            after = page[-1].number

    def __reversed__(self) -> Iterator[Turn]:
        store, before = self._session.actor.store, None
        while page := store.turns(self._session.id, before=before, limit=PAGE, newest_first=True):
            for record in page:
                yield Turn(self._session, record)
            before = page[-1].number

    def __contains__(self, turn: object) -> bool:
        if not isinstance(turn, Turn) or turn.record.session_id != self._session.id:
            return False
        return self._session.actor.store.turn(self._session.id, turn.number) is not None

    def __repr__(self) -> str:
        count = len(self)
        last = ", ".join(turn.id for turn in self[max(0, count - SHOWN) :])
        return f"<{count} turn{'s' if count != 1 else ''}{': ' if last else ''}{'..., ' if count > SHOWN else ''}{last}>"

    def _drawing(self) -> Bundle:
        """Return them as a contact sheet of the latest pictures; in a terminal they stay one line."""
        return session_sheet(self._session, words=repr(self))

    def _form(self) -> str:
        return self._session.actor.settings.figure


def near(session: Session, number: int | None = None) -> list[int]:
    """Return the numbers of the turns nearest to one, ascending; of the last ones without it."""
    store = session.actor.store
    below = [turn.number for turn in store.turns(session.id, before=number, newest_first=True, limit=NEAR)][::-1]
    above = [] if number is None else [turn.number for turn in store.turns(session.id, after=number, limit=NEAR)]
    return [*below[-2:], *above[:2]] if above else below


def unknown_turn(session: Session, number: int) -> NotFoundError:
    """Return the error for a turn that does not exist: the ids around it, or the last ones."""
    number = max(number, 0)
    known = near(session, number)
    words = f"There is no turn {turn_id(number)} in session {session.name!r}"
    if not known:
        return NotFoundError(f"{words}: it has no turn yet.")
    which = "The last ones are" if number > known[-1] else "The nearest are"
    return NotFoundError(f"{words}. {which} {', '.join(map(turn_id, known))}.")
