"""Which files a client may read and write: allowed folders, checked after resolving links and again when opening.

Everything a tool gets as an image goes through `Folders.picture`, everything it writes through `Folders.output`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.calls import check_name
from notebook_img.errors import OutputError, PictureError, UsageError
from notebook_img.files import FOLLOWS_NO_LINKS, open_folder, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notebook_img.pictures import Picture
    from notebook_img.settings import Settings

MOST_BASE64 = 28_000_000
"""Characters of a picture given as base64 text, about 20 MB of image; larger ones are named by path."""
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Folders:
    """The folders of one client.

    Attributes
    ----------
    base : Path
        Where relative paths start.
    allowed : tuple of Path
        Folders that may be read and written, links resolved.
    urls : bool
        Whether https addresses of public hosts are fetched.
    """

    base: Path
    allowed: tuple[Path, ...]
    urls: bool = False
    settings: Settings | None = field(default=None, compare=False, repr=False)

    def picture(self, source: str) -> Picture:
        """Return the image a client named: a path inside the folders, a data URL, base64, ``sample:NAME``.

        Raises
        ------
        UsageError
            When the path is outside the folders, or addresses are not fetched here.
        PictureError
            When it is no image, or too large.
        NotFoundError
            When there is no such file or sample.
        """
        from notebook_img import pictures
        from notebook_img.pictures import local_path

        text = source.strip()
        if not text:
            raise UsageError("An image is needed, and the text is empty. Give a path, an id such as fox/t3, or sample:chelsea.")
        if "\0" in text:
            raise UsageError("A path cannot contain a null character.")
        if re.match(r"https?://", text, re.IGNORECASE):
            if not self.urls:
                raise UsageError(
                    "Image addresses are not fetched here. Give a file, or base64; NOTEBOOK_IMG_MCP_URLS=1 allows https addresses."
                )
            return pictures.load(text, settings=self.settings, public_only=True)
        if len(text) > MOST_BASE64:
            raise PictureError(
                f"The image given as text has {len(text):,} characters, more than {MOST_BASE64:,}. Save it to a file and give its path."
            )
        path = local_path(text, base=self.base)
        if path is None:
            return pictures.load(text, settings=self.settings, urls=False)
        if len(text) > 4096:  # no path is that long, so it is base64 of a type whose beginning is not known
            return pictures.load(_from_base64(text), settings=self.settings, name="base64")
        return pictures.load(self.read(path), settings=self.settings, name=path.name)

    def read(self, path: Path) -> bytes:
        """Return the bytes of a file inside the folders, opened without following links."""
        from notebook_img.pictures import Limits, missing

        real = self.inside(path)
        limits = Limits.of(self.settings)
        try:
            descriptor = _open(real)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(real) from error
        except OSError as error:
            raise PictureError(f"{path} cannot be read: {reason(error)}.") from error
        # Looked at before it is made a file object: Python refuses folders there with an error of its own.
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(os.close, descriptor)
            limits.check_file(os.fstat(descriptor), str(path))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(limits.max_bytes + 1)

    def output(self, text: str) -> Path:
        """Return the path a client wants a picture written to; see `making` for its folder.

        Raises
        ------
        UsageError
            When it is outside the folders, its suffix is no image format, or it is no name for a file.
        """
        plain = text.strip()
        if not plain or "\0" in plain:
            raise UsageError("outputPath is empty or contains a null character. Name a file, for example night.png.")
        if re.match(r"[a-z][a-z0-9+.-]+://", plain, re.IGNORECASE):
            raise UsageError(f"outputPath is a file's name, such as night.png, and not an address such as {plain[:60]}.")
        if not all(character.isprintable() or 0xDC80 <= ord(character) <= 0xDCFF for character in plain):
            raise UsageError(f"outputPath {plain[:60]!r} contains a line break or another control character. Leave it out.")
        path = Path(plain)
        with contextlib.suppress(RuntimeError):  # a user who does not exist: the name stays as it is
            path = path.expanduser()
        check_name(path)
        real = self.inside(self.base / path)
        if real.suffix:
            from notebook_img.pictures import mime_type_for

            mime_type_for(real)
        return real

    @contextlib.contextmanager
    def making(self, path: Path) -> Iterator[None]:
        """Make the folder of an output; what is still empty in the end, because nothing was written, is removed again.

        Raises
        ------
        OutputError
            When it cannot be made.
        """
        made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {path.parent} cannot be created: {reason(error)}.") from error
        try:
            self.inside(path)
            yield
        finally:
            with contextlib.suppress(OSError):  # not empty
                for folder in made:
                    folder.rmdir()

    def inside(self, path: Path) -> Path:
        """Return a path with its links resolved, after checking that it is in an allowed folder.

        The message is the same whether there is such a file or not.
        """
        check_name(path)
        try:
            real = Path(os.path.realpath(path if path.is_absolute() else self.base / path))
        except (OSError, ValueError) as error:  # a loop of links, a null character
            raise UsageError(f"{str(path)[:200]} is not a usable path.") from error
        if not any(real == folder or folder in real.parents for folder in self.allowed):
            names = ", ".join(str(folder) for folder in self.allowed) or "none"
            raise UsageError(
                f"{str(path)[:200]} is outside the folders this server may use: {names[:300]}. "
                "Only the user can allow others, with NOTEBOOK_IMG_ALLOWED_DIRS."
            )
        return real


def folders_of(settings: Settings, *, base: Path | None = None, allowed: Sequence[Path] | None = None) -> Folders:
    """Return the folders of a client that works in `base`.

    Parameters
    ----------
    settings : Settings
        Its `allowed_dirs` replace the default folders.
    base : Path, optional
        The client's working directory; this process's otherwise.
    allowed : sequence of Path, optional
        Folders instead of those of the settings.
    """
    outputs = settings.home / "outputs"
    working = Path(os.path.realpath(base if base is not None else Path.cwd()))
    named = tuple(allowed if allowed is not None else settings.allowed_dirs)
    if named:
        folders = tuple(Path(os.path.realpath(working / folder)) for folder in named)
        start = working if any(working == folder or folder in working.parents for folder in folders) else folders[0]
    else:
        # A host may start us in the root or the home folder: allowing those would allow everything.
        home_folder = Path(os.path.realpath(Path.home()))
        everything = working in {working.parent, home_folder, *home_folder.parents}
        with contextlib.suppress(OSError):  # a read-only home: then nothing can be written there, which the write says
            outputs.mkdir(parents=True, exist_ok=True)
        store = Path(os.path.realpath(outputs))
        folders = (store,) if everything else (working, store)
        start = store if everything else working
    return Folders(base=start, allowed=folders, urls=settings.mcp_urls, settings=settings)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PictureError(
            "The image given as text is neither a path nor valid base64. Copy the whole text again, or give a path."
        ) from error


def _open(path: Path) -> int:
    """Open a resolved path for reading, refusing links in any part of it.

    Where the system can (not on Windows) every folder on the way is opened from the one before, so that a folder that was
    exchanged for a link since the check is refused and not followed.
    """
    flags = os.O_RDONLY | _NOFOLLOW | _NONBLOCK | _CLOEXEC | _BINARY
    if not FOLLOWS_NO_LINKS:
        descriptor = os.open(path, flags)
        if Path(os.path.realpath(path)) != path or not os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            os.close(descriptor)
            raise PermissionError(1, "it became a link while it was opened")
        return descriptor
    with open_folder(path.parent) as folder:
        return os.open(path.name or ".", flags, dir_fd=folder)
