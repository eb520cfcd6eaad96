"""Which process a row belongs to, written ``host:pid:start``, and whether that process is still alive."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import sys
import time
from pathlib import Path

_IMPORTED = f"{time.time():.0f}"


def this_process() -> str:
    """Return the mark of the running process; a forked child has its own."""
    return _mark(os.getpid())


@functools.lru_cache(maxsize=4)
def _mark(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{_state_and_start(pid)[1] or _IMPORTED}"


def is_alive(owner: str) -> bool | None:
    """Return whether the process with this mark is alive; None when that cannot be determined (another host)."""
    if owner == this_process():
        return True
    host, _, rest = owner.partition(":")
    pid_text, _, start = rest.partition(":")
    if host != socket.gethostname() or not pid_text.isdecimal():
        return None
    pid = int(pid_text)
    if pid == os.getpid():
        return owner == this_process()
    if sys.platform == "win32":  # there os.kill(pid, 0) would end the process
        return _lives_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, under another user
    except OverflowError:
        return False
    state, now_there = _state_and_start(pid)
    # A zombie has ended; only its parent has not asked for its exit code yet.
    return state != "Z" and not (now_there and start and now_there != start)


def _lives_on_windows(pid: int) -> bool | None:
    """Ask Windows for the process (OpenProcess, WaitForSingleObject: learn.microsoft.com/windows/win32/procthread)."""
    import ctypes

    synchronize, invalid_parameter, timed_out = 0x00100000, 87, 0x102
    kernel32 = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009 - a name only Windows has
    kernel32.OpenProcess.restype = ctypes.c_void_p
    kernel32.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    kernel32.CloseHandle.argtypes = (ctypes.c_void_p,)
    handle = kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        # No such process; anything else (access denied) means that there is one which cannot be looked at.
        return False if getattr(ctypes, "get_last_error")() == invalid_parameter else None  # noqa: B009
    try:
        return int(kernel32.WaitForSingleObject(handle, 0)) == timed_out
    finally:
        kernel32.CloseHandle(handle)


def _state_and_start(pid: int) -> tuple[str, str]:
    """Return a process's state and when it started, in the kernel's clock ticks, where /proc tells (a number may be used again)."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, IndexError):
            # proc(5): the name, second field, may hold spaces and brackets; the state is field 3, the start time field 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return fields[0], fields[19]
    return "", ""
