"""The one writer of files: whole or not at all, also when the disk is full or the process is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from notebook_img.errors import OutputError

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def write_atomically(path: Path, data: bytes, *, private: bool = False, durable: bool = True) -> None:
    """Write `data` to `path` by way of a temporary file in the same folder.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    data : bytes
        The whole content.
    private : bool
        Give the file mode 0600, from its first byte on.
    durable : bool
        Ask the operating system to put it on the disk before it gets its name.

    Raises
    ------
    OutputError
        When the folder is missing, not writable, or the disk is full. `path` is as before.
    """
    temporary = ""
    try:
        temporary = str(path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.part"))
        # The system itself takes the umask off: asking for it would change it for other threads.
        descriptor = os.open(temporary, _NEW, PRIVATE if private else 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if not private:
            _keep_mode(temporary, path)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic form, on Windows too
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error


def create_exclusively(path: Path, data: bytes) -> bool:
    """Write `data` to `path` only if nothing has that name; return whether it was written."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links: the short race is accepted there
            if path.exists():
                return False
            os.replace(temporary, path)  # noqa: PTH105
        return True
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108


def read_or_create_private(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the bytes of a private file, creating it once with what `make` gives."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_exclusively(path, make())
        return path.read_bytes()


def sync_folder(folder: Path) -> None:
    """Make a rename durable where folders can be opened (not on Windows)."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reason(error: OSError) -> str:
    """Return why the operating system refused, in words."""
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "the folder does not exist",
        errno.ENOTDIR: "a part of the path is no folder",
        errno.EISDIR: "it is a folder",
        errno.ENAMETOOLONG: "the name is too long",
    }
    return words.get(error.errno or 0, error.strerror or str(error))


def _keep_mode(temporary: str, path: Path) -> None:
    """Give a file the mode of the one it replaces."""
    if os.name == "nt":
        return
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temporary, path.stat().st_mode & 0o777)  # noqa: PTH101
