"""What files of pictures are called: after the photograph they were made from."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from notebook_img.ids import parse_id

if TYPE_CHECKING:
    from notebook_img.records import TurnRecord
    from notebook_img.studio import Studio


def original_of(studio: Studio, record: TurnRecord) -> str:
    """Return the name of the picture that a turn's line starts from; empty for a line made from words."""
    first = studio.turn_record(record.session_id, studio.store.start_of_line(record.session_id, record.number))
    return next((use.name for use in first.uses("input")), "")


def file_stem(original: str, turn: str, session: str = "") -> str:
    """Return a file's name without its suffix.

    Parameters
    ----------
    original : str
        Name of the photograph: a path, an address, ``sample:chelsea``; empty or an id where there is none, and then the session's counts.
    turn : str
        ``t7`` or ``t7.2``; empty for the photograph itself.
    session : str
        Name of the session.
    """
    name = session if session and (not original or parse_id(original) is not None) else original
    stem = PurePath(name.removeprefix("sample:").partition("?")[0]).stem or "picture"
    return re.sub(r"[^\w.+-]+", "-", f"{stem}-{turn.replace('.', '-')}" if turn else stem).strip("-.") or "picture"
