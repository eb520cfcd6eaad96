"""Whether a folder can be written, and whether it lies on a network file system, where SQLite's WAL must not be used.

WAL needs memory shared by all processes that use the file, which network file systems do not give
(https://www.sqlite.org/wal.html, "All processes using a database must be on the same host computer").
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

NETWORK_TYPES = frozenset(
    """
    9p afp afpfs afs beegfs ceph cifs coda davfs fuse.davfs2 fuse.gcsfuse fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs
    fuse.vmhgfs-fuse glusterfs gpfs lustre ncpfs nfs nfs4 orangefs osxfs panfs prl_fs pvfs2 smb2 smb3 smbfs vboxsf virtiofs
    vmhgfs webdav wekafs
    """.split(),  # noqa: SIM905 - a table to read
)
"""Names as in /proc/self/mountinfo and in macOS's mount(8). Folders shared with a virtual machine count: another host writes there too."""

_LEAST = 200_000


def is_network(folder: Path) -> bool:
    """Return whether `folder` is on another host, as far as the operating system says; unknown counts as no."""
    try:
        resolved = folder.resolve()
        if sys.platform == "win32":
            return _windows_drive_is_remote(resolved)
        if sys.platform == "darwin":
            # Only asked when a store is made or opened in WAL mode; a few milliseconds.
            told = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=2, check=False).stdout
            return type_in_mount(resolved, told) in NETWORK_TYPES
        return type_in_mountinfo(resolved, Path("/proc/self/mountinfo").read_text(errors="replace")) in NETWORK_TYPES
    except (OSError, subprocess.SubprocessError, ValueError):
        return False


def can_write(path: Path) -> bool:
    """Return whether this process may write to a file or folder, as far as the operating system tells."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def is_full(folder: Path) -> bool:
    """Return whether a disk has not even room for what SQLite needs to read an index in WAL mode (32 kB)."""
    try:
        return shutil.disk_usage(folder).free < _LEAST
    except OSError:
        return False


def type_in_mountinfo(folder: Path, mountinfo: str) -> str:
    """Return the file system type of `folder` by Linux's mountinfo (proc(5)), or an empty string."""
    best, found = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, tail = before.split(), after.split()
        if len(fields) < 5 or not tail:
            continue
        mount = fields[4].encode("latin-1", "replace").decode("unicode_escape")
        # Later lines cover earlier ones at the same place.
        if _holds(mount, folder) and len(mount) >= best:
            best, found = len(mount), tail[0]
    return found


def type_in_mount(folder: Path, told: str) -> str:
    """Return the file system type of `folder` by what macOS's ``mount`` prints, or an empty string."""
    best, found = -1, ""
    for line in told.splitlines():
        place, _, options = line.rpartition(" (")
        mount = place.partition(" on ")[2]
        if mount and _holds(mount, folder) and len(mount) >= best:
            best, found = len(mount), options.split(",")[0].rstrip(")").strip()
    return found


def _holds(mount: str, folder: Path) -> bool:
    return PurePosixPath(folder.as_posix()).is_relative_to(mount)


def _windows_drive_is_remote(folder: Path) -> bool:
    if sys.platform == "win32":
        import ctypes

        remote = 4  # DRIVE_REMOTE, learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getdrivetypew
        return folder.drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{folder.drive}\\") == remote
    return False
