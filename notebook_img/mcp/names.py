"""What sessions that agents begin are called."""

from __future__ import annotations

import re

from notebook_img.studio import session_name_from


def session_name_of(text: str) -> str:
    """Return a session's name made from words or an id; ids such as fox/t3 have no spaces, so it has none either."""
    return session_name_from(re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "images")
