"""The one writer of files: complete or not at all, even when the disk is full or the process is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from notebook_img.errors import OutputError

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

FOLLOWS_NO_LINKS = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether the system can open names relative to an open folder (not on Windows)."""


def write_atomically(path: Path, data: bytes, *, private: bool = False, durable: bool = True) -> None:
    """Write `data` to `path` through a temporary file in the same folder.

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


def write_beneath(path: Path, data: bytes) -> None:
    """Write `data` to a resolved path as `write_atomically` does, refusing links in any part of the path.

    A folder that was exchanged for a link since the path was resolved and checked is refused, not followed.

    Raises
    ------
    OutputError
        As `write_atomically`, and when a part of the path has become a link.
    """
    if not FOLLOWS_NO_LINKS:
        if Path(os.path.realpath(path)) != path:
            raise OutputError(f"{path} cannot be written: it became a link.")
        write_atomically(path, data)
        return
    temporary = f".{path.name[:40]}.{secrets.token_hex(6)}.part"
    try:
        with open_folder(path.parent) as folder:
            try:
                descriptor = os.open(temporary, _NEW, 0o666, dir_fd=folder)
                with os.fdopen(descriptor, "wb") as file:
                    with contextlib.suppress(FileNotFoundError):
                        os.fchmod(file.fileno(), os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode & 0o777)
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            with contextlib.suppress(OSError):
                os.fsync(folder)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}.") from error


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[int]:
    """Open a resolved folder, each part of its path from the one before and none of them a link; only where `FOLLOWS_NO_LINKS`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    folder = os.open(path.anchor or "/", flags)
    try:
        for depth, part in enumerate(path.parts[1:], 2):
            # Folders on the way need not be listed, but only Linux can open them without that.
            way = getattr(os, "O_PATH", 0) if depth < len(path.parts) else 0
            deeper = os.open(part, flags | os.O_NOFOLLOW | way, dir_fd=folder)
            os.close(folder)
            folder = deeper
        yield folder
    finally:
        os.close(folder)


def create_exclusively(path: Path, data: bytes) -> bool:
    """Write `data` to `path` unless it exists; return whether it was written."""
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
        errno.ENOTDIR: "a part of the path is not a folder",
        errno.ELOOP: "a part of the path is a link",
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
