"""A child process that does some work and tells of it, to be killed by who started it."""

from __future__ import annotations

import os
from collections.abc import Callable


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Do some work in a child, given the pipe it writes into; return the child's number and the pipe to read from."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            work(write)
        finally:
            os._exit(1)
    os.close(write)
    return pid, read
