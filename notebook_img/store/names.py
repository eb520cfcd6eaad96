"""What a session may be called."""

from __future__ import annotations

import re

from notebook_img.errors import UsageError

MOST_LETTERS = 80
"""Longest session name: it has to fit into captions and file names."""


def check_session_name(name: str) -> str:
    """Return the name without surrounding spaces, if a session may have it.

    Raises
    ------
    UsageError
        When it is empty, too long, holds ``/`` or line breaks, or could be taken for a turn's id.
    """
    if not isinstance(name, str):
        raise UsageError(f"A session's name is text, not {type(name).__name__}. For example: fox.")
    name = name.strip()
    if not name:
        raise UsageError("A session needs a name. For example: fox.")
    if len(name) > MOST_LETTERS:
        raise UsageError(f"The session name {name[:20]!r}... has {len(name)} characters, more than {MOST_LETTERS}. Choose a shorter one.")
    if "/" in name:
        raise UsageError(
            f"A session name cannot contain '/', which separates session and turn in fox/t7. Write {name.replace('/', '-')!r}."
        )
    if re.fullmatch(r"t\d+(\.\d+)?", name, re.ASCII | re.IGNORECASE):
        raise UsageError(f"{name!r} looks like the id of a turn. Choose another session name, for example 'session-{name}'.")
    if not name.isprintable():
        raise UsageError(
            f"The session name {name!r} contains a line break or another character that cannot be printed. Choose a plain one."
        )
    return name
