"""The one writer of files: complete or not at all, even when the disk is full or the process is killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from notebook_img.errors import OutputError

PRIVATE = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)

FOLLOWS_NO_LINKS = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether the system can open names relative to an open folder (not on Windows)."""


class OtherBytesError(OutputError):
    """What was to be written has another hash than it should."""


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
    write_pieces(path, (data,), private=private, durable=durable)


def write_pieces(path: Path, pieces: Iterable[bytes], *, sha256: str = "", private: bool = False, durable: bool = True) -> None:
    """Write what comes in pieces to `path` as `write_atomically` does.

    Parameters
    ----------
    sha256 : str
        Hash of the whole: where it is another one, nothing is written.

    Raises
    ------
    OutputError
        As `write_atomically`, and when the hash is another one. `path` is as before.
    """
    temporary = ""
    digest = hashlib.sha256()
    try:
        temporary = str(path.with_name(part_name(path.name)))
        remove_left_parts(path.parent)
        # The system itself takes the umask off: asking for it would change it for other threads.
        descriptor = os.open(temporary, _NEW, PRIVATE if private else 0o666)
        with os.fdopen(descriptor, "wb") as file:
            for data in pieces:
                file.write(data)
                if sha256:
                    digest.update(data)
            if sha256 and digest.hexdigest() != sha256:
                raise OtherBytesError(f"{path} cannot be written: what was to be written is not what its name says.")
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if not private:
            _keep_mode(temporary, path)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic form, on Windows too
        if durable:
            sync_folder(path.parent)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        if isinstance(error, OSError):
            raise OutputError(f"{path} cannot be written: {reason(error)}.") from error
        raise


LEFT_AFTER = 3600.0
"""Seconds after which an unfinished file of nobody knows whom is left over."""
DEAD_AFTER = 60.0
"""Seconds after which one is left over whose process has ended: two machines may have one name, and numbers of processes come again."""
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_PART = re.compile(r"\..{1,40}\.(?:(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,10})-)?[0-9a-f]{12}\.part", re.DOTALL)


def part_name(name: str) -> str:
    """Return the name an unfinished file has in the same folder: it tells which process writes it."""
    return f".{name[:40]}.{_HOST}-{os.getpid()}-{secrets.token_hex(6)}.part"


def remove_left_parts(folder: Path | int) -> None:
    """Remove from a folder, or one that is open, what processes that were killed left half written there."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[:1] == "." and (match := _PART.fullmatch(entry.name)):
                with contextlib.suppress(OSError):
                    age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                    dead = match["host"] == _HOST and age > DEAD_AFTER and not _lives(int(match["pid"]))
                    if dead or age > LEFT_AFTER:
                        os.unlink(entry.name, dir_fd=folder) if isinstance(folder, int) else os.unlink(entry.path)  # noqa: PTH108


def _lives(pid: int) -> bool:
    if os.name == "nt":  # there os.kill(pid, 0) would end the process
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


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
    temporary = part_name(path.name)
    try:
        with open_folder(path.parent) as folder:
            remove_left_parts(folder)
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
    temporary = path.with_name(part_name(path.name))
    try:
        descriptor = os.open(temporary, _NEW, PRIVATE)
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


def is_gone(path: Path | str) -> bool:
    """Return whether nothing is at a path; in a folder that cannot be looked into, something may be."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False  # Path.exists() raises here before Python 3.12, and later says no
    return False


def notebook_is_gone(notebook: Path | str) -> bool:
    """Return whether a notebook is no longer where it was; of another person's (``@bob:...``, see store/people.py) that is not known."""
    return not str(notebook).startswith("@") and is_gone(notebook)


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
