"""Ids as people write them: ``t7``, ``t7.2``, ``fox/t7``, ``My Notebook/t7.2``. The only place that reads and writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

TURN_ID = re.compile(r"(?:(?P<session>[^/\n]+)/)?t(?P<number>[1-9]\d{0,17})(?:\.(?P<picture>[1-9]\d{0,8}))?", re.ASCII)
"""Names of sessions may hold spaces; no more digits than SQLite's integers take."""

MOST_NUMBER = 10**18 - 1
"""The largest number of a turn that can be asked for."""


@dataclass(frozen=True)
class TurnId:
    """The parts of an id."""

    number: int
    session: str = ""
    """Name of the session, where the id says one."""
    picture: int | None = None
    """From 1, where the id says one."""


def parse_id(text: str) -> TurnId | None:
    """Return what an id names, or None when `text` is not an id."""
    match = TURN_ID.fullmatch(text.strip())
    if match is None:
        return None
    return TurnId(int(match["number"]), match["session"] or "", int(match["picture"]) if match["picture"] else None)


def turn_id(number: int, picture: int | None = None, session: str = "") -> str:
    """Return an id as people write it: ``t7``, ``t7.2`` for one picture of several, ``fox/t7`` with its session."""
    return f"{f'{session}/' if session else ''}t{number}{f'.{picture}' if picture is not None else ''}"
