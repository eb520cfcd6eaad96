"""What is said of ids that name nothing; ids themselves are taken apart in notebook_img/ids.py."""

from __future__ import annotations

from notebook_img.errors import NotFoundError
from notebook_img.ids import TurnId, parse_id

__all__ = ["TurnId", "parse_id", "unknown_turn"]


def unknown_turn(number: int, session: str, known: list[int]) -> NotFoundError:
    """Return the error for a turn that does not exist: the ids around it, or the last ones.

    Parameters
    ----------
    number : int
        What was asked for.
    session : str
        The session's name.
    known : list of int
        Numbers near it, ascending.
    """
    if not known:
        return NotFoundError(f"There is no turn t{number} in session {session!r}: it has no turn yet.")
    ids = ", ".join(f"t{other}" for other in known)
    words = "The last ones are" if number > known[-1] else "The nearest are"
    return NotFoundError(f"There is no turn t{number} in session {session!r}. {words} {ids}.")
