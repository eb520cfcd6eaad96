"""The server's last log lines, kept in memory: a line from a server's thread would land in whatever cell ran last."""

from __future__ import annotations

import logging
import threading
from collections import deque

LOGGERS = ("mcp", "uvicorn", "uvicorn.error", "notebook_img.mcp")
LINES = 200


class _Ring(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S"))
        self.lines: deque[str] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.append(self.format(record))
        except Exception:  # a log line that cannot be written is no reason to fail
            self.handleError(record)


_ring = _Ring()
_users = 0
_propagate: dict[str, bool] = {}
_lock = threading.Lock()


def hold() -> None:
    """Capture the loggers' lines."""
    global _users  # noqa: PLW0603 - servers of one process share the loggers
    with _lock:
        _users += 1
        if _users == 1:
            for name in LOGGERS:
                logger = logging.getLogger(name)
                _propagate[name] = logger.propagate
                logger.propagate = False
                logger.addHandler(_ring)


def release() -> None:
    """Leave the loggers as they were, when the last server has ended."""
    global _users  # noqa: PLW0603
    with _lock:
        _users = max(0, _users - 1)
        if _users == 0:
            for name, before in _propagate.items():
                logger = logging.getLogger(name)
                logger.propagate = before
                logger.removeHandler(_ring)
            _propagate.clear()


def lines() -> list[str]:
    """Return the last lines, oldest first."""
    return list(_ring.lines)
