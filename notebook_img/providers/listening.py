"""Whether a server on this machine runs: a short connect and no request. Nothing is asked of any other machine."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

CONNECT_SECONDS = 0.3
THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0")  # noqa: S104 - compared, not listened on


def listens(url: str) -> bool | None:
    """Return whether something takes connections at a URL's host and port; None where that is another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host not in THIS_MACHINE and not host.endswith(".localhost"):
        return None
    try:
        socket.create_connection((host, parts.port or (443 if parts.scheme == "https" else 80)), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
