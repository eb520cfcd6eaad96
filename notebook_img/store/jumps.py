"""Far jumps up a tree of turns, so that "does this turn come of that one?" costs a few steps in a line of any length.

Each turn knows its parent and one farther ancestor, chosen so that any ancestor is reached in O(log n) steps and a new turn is
placed in O(1): E. W. Myers, "An applicative random-access stack", Information Processing Letters 17 (1983).
An ancestor's number is always smaller, which also ends every walk over parents that form a ring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection


@dataclass(frozen=True)
class Place:
    """Where a turn is in its line."""

    depth: int = 0
    """How many turns it descends from."""
    jump: int = 0
    """Number of the ancestor its jump leads to; its own for the first turn of a line."""


def below(number: int, parent: int | None, parent_place: Place | None, landing: Place | None, far: Place | None) -> Place:
    """Return the place of turn `number`.

    Parameters
    ----------
    number : int
        The turn.
    parent : int or None
        The turn it follows.
    parent_place, landing, far : Place or None
        Places of the parent, of where the parent's jump leads, and of where that one's jump leads.
    """
    if parent is None or parent_place is None:
        return Place(0, number)
    if landing is not None and far is not None and parent_place.depth - landing.depth == landing.depth - far.depth:
        return Place(parent_place.depth + 1, landing.jump)
    return Place(parent_place.depth + 1, parent)


_PLACES = """
SELECT parent.depth, parent.jump, landing.depth AS landing_depth, landing.jump AS landing_jump, far.depth AS far_depth, far.jump AS far_jump
FROM turns AS parent
LEFT JOIN turns AS landing ON landing.session_id = parent.session_id AND landing.number = parent.jump
LEFT JOIN turns AS far ON far.session_id = parent.session_id AND far.number = landing.jump
WHERE parent.session_id = :session AND parent.number = :parent
"""


def place_of(connection: Connection, session_id: str, number: int, parent: int | None) -> Place:
    """Return the place of a turn that is about to be inserted."""
    row = connection.exec_driver_sql(_PLACES, {"session": session_id, "parent": parent}).first() if parent and parent < number else None
    if row is None:
        return Place(0, number)
    landing = None if row.landing_depth is None else Place(row.landing_depth, row.landing_jump)
    far = None if row.far_depth is None else Place(row.far_depth, row.far_jump)
    return below(number, parent, Place(row.depth, row.jump), landing, far)


def places(parents: Iterable[tuple[int, int | None]]) -> Iterator[tuple[int, Place]]:
    """Yield number and place of all turns of a session.

    Parameters
    ----------
    parents : iterable of (int, int or None)
        Number and parent, by number.
    """
    known: dict[int, Place] = {}
    for number, parent in parents:
        above = known.get(parent) if parent is not None and parent < number else None
        landing = known.get(above.jump) if above else None
        place = known[number] = below(number, parent, above, landing, known.get(landing.jump) if landing else None)
        yield number, place


_DESCENDS = """
WITH RECURSIVE way (number) AS (
    SELECT :number
    UNION ALL
    SELECT CASE WHEN turns.jump >= :ancestor AND turns.jump < turns.number THEN turns.jump ELSE turns.parent END
    FROM way JOIN turns ON turns.session_id = :session AND turns.number = way.number
    WHERE way.number > :ancestor AND turns.parent < turns.number
)
SELECT 1 FROM way WHERE number = :ancestor
"""

_START = """
WITH RECURSIVE way (number) AS (
    SELECT :number
    UNION ALL
    SELECT turns.jump FROM way JOIN turns ON turns.session_id = :session AND turns.number = way.number WHERE turns.jump < turns.number
)
SELECT min(number) FROM way
"""


def descends(connection: Connection, session_id: str, number: int, ancestor: int) -> bool:
    """Return whether a turn is `ancestor` or comes of it."""
    return connection.exec_driver_sql(_DESCENDS, {"session": session_id, "number": number, "ancestor": ancestor}).first() is not None


def start_of_line(connection: Connection, session_id: str, number: int) -> int:
    """Return the first turn of the line a turn stands in."""
    return int(connection.exec_driver_sql(_START, {"session": session_id, "number": number}).scalar_one())
