"""What the libraries that services are reached by would log: a line per request."""

from __future__ import annotations

import logging

LOGGERS = ("httpx", "httpx2", "google_genai", "openai")


def quiet_libraries() -> None:
    """Let them log warnings at most, whatever else is logged."""
    level = max(logging.WARNING, logging.getLogger().level)
    for name in LOGGERS:
        logging.getLogger(name).setLevel(level)
