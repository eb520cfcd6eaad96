"""The one image loader: anything a notebook holds becomes a Picture, or an error that says what it is instead."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fnmatch
import os
import re
import stat
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from notebook_img.errors import NotFoundError, PictureError, UsageError, did_you_mean, near
from notebook_img.files import is_gone, reason
from notebook_img.pictures.fetching import parts_of
from notebook_img.pictures.formats import MIME_TYPES, sniff, what_it_is
from notebook_img.pictures.limits import Limits
from notebook_img.pictures.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.settings import Settings

SAMPLES: tuple[str, ...] = ("chelsea", "coffee", "astronaut")
"""Photographs that come with the package; samples/SOURCES.md has source and licence of each."""

_BASE64_STARTS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")
"""How PNG, JPEG, GIF and WebP files begin when they are written in base64."""


def load(
    source: Any,
    *,
    settings: Settings | None = None,
    base: Path | None = None,
    name: str = "",
    urls: bool = True,
    public_only: bool = False,
) -> Picture:
    """Return anything that holds an image as a Picture.

    Parameters
    ----------
    source : str, Path, bytes, PIL image, numpy array, matplotlib figure, IPython Image, Picture, Turn
        A string is a path, a ``file:``, ``http(s)`` or ``data:`` URL, or ``sample:NAME``.
    settings : Settings, optional
        Its `max_bytes` and `max_pixels` are the limits; the environment's if not given.
    base : Path, optional
        Folder relative paths start from; the working directory if not given.
    name : str
        Stands in for the name the picture would get from its source.
    urls : bool
        Whether http(s) addresses are fetched. A ``file:`` URL is a path; see `local_path`.
    public_only : bool
        Fetch by https from public addresses only, checked at every redirect.

    Returns
    -------
    Picture
        With the bytes as they came, where there were any.

    Raises
    ------
    PictureError
        When it is no usable image, or larger than the limits.
    NotFoundError
        When there is no such file or sample; near names are given.
    UsageError
        When this kind of object holds no image.
    """
    limits = Limits.of(settings)
    if isinstance(source, Picture):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return from_bytes(source, limits, name=name, what=name or "The image given as bytes")
    if isinstance(source, str):
        return _from_text(source, limits, base=base, name=name, urls=urls, public_only=public_only)
    if isinstance(source, os.PathLike):
        return _from_path(_based(Path(source), base), limits, name=name)
    for recognise, convert in _OBJECTS:
        if recognise(source):
            return convert(source, limits, name)
    picture = _picture_of(source)
    if picture is not None:
        return picture
    raise UsageError(
        f"An image is needed, and this is of type {type(source).__name__}. Give a path, URL, sample:NAME, bytes, "
        "PIL image, numpy array, matplotlib figure, IPython Image, Picture or Turn."
    )


def is_picture_like(value: Any) -> bool:
    """Return whether `load` would take an object other than text for an image; imports nothing for it.

    Strings and paths are not: text is text until somebody says it is a path.
    """
    if isinstance(value, Picture):
        return True
    if isinstance(value, (bytes, bytearray, memoryview)):
        return sniff(bytes(value[:64])) is not None
    if isinstance(value, (str, os.PathLike, int, float, list, tuple, dict, set, frozenset, type(None))):
        return False
    if is_array(value):
        return value.dtype.kind in "buif" and (value.ndim == 2 or (value.ndim == 3 and value.shape[2] in {1, 2, 3, 4})) and value.size > 0
    return any(recognise(value) for recognise, _ in _OBJECTS) or _picture_of(value) is not None


def local_path(source: str | os.PathLike[str], *, base: Path | None = None) -> Path | None:
    """Return the file `load` would open for this source, or None for a source that is not a file (URL, sample, data URL).

    For those who must know before it is opened, such as the MCP server with its allowed folders.
    """
    if not isinstance(source, str):
        return _based(Path(source), base)
    text = source.strip()
    lower = text[:8].casefold()
    if lower.startswith(("data:", "sample:")) or _scheme(text) not in {"", "file"} or _is_base64(text):
        return None
    return _file_url_path(text) if lower.startswith("file:") else _based(Path(text), base)


def from_bytes(source: bytes | bytearray | memoryview, limits: Limits, *, name: str, what: str, path: Path | None = None) -> Picture:
    """Return bytes as a Picture after checking that they are a whole image within the limits."""
    size = source.nbytes if isinstance(source, memoryview) else len(source)
    limits.check_bytes(size, what)
    data = bytes(source)
    mime_type = sniff(data)
    if mime_type is None:
        raise PictureError(f"{what} {what_it_is(data)}.")
    from notebook_img.pictures.decode import check_whole

    facts = check_whole(data, mime_type, limits, what)
    picture = Picture(data, name=name, mime_type=mime_type, path=path, limits=limits)
    picture._fill(_facts=facts)  # noqa: SLF001 - read once already
    return picture


def _from_text(text: str, limits: Limits, *, base: Path | None, name: str, urls: bool, public_only: bool) -> Picture:
    source = text.strip()
    lower = source[:16].casefold()
    if not source:
        raise UsageError("An image is needed, and the text is empty. Give a path, a URL or sample:chelsea.")
    if lower.startswith("data:"):
        return _from_data_url(source, limits, name=name)
    if lower.startswith("sample:"):
        return _sample(source[7:], limits, name=name)
    scheme = _scheme(source)
    if scheme in {"http", "https"}:
        if not urls:
            raise UsageError("Image addresses are not fetched here. Give a file, or turn URLs on.")
        from notebook_img.pictures.fetching import fetch

        data = fetch(source, max_bytes=limits.max_bytes, public_only=public_only)
        label = name or _url_name(source)
        return from_bytes(data, limits, name=label, what=f"The image at {_shown(source)}")
    if scheme and scheme != "file":
        raise UsageError(f"{_shown(source)} cannot be fetched: only http, https, file, data and sample addresses are understood.")
    if _is_base64(source):
        return from_bytes(_unbase64(source, limits), limits, name=name or "base64", what=name or "The image given in base64")
    return _from_path(_file_url_path(source) if scheme == "file" else _based(Path(source), base), limits, name=name)


def _from_path(path: Path, limits: Limits, *, name: str) -> Picture:
    what = str(path)
    if is_gone(path):
        path = spelled_otherwise(path) or path
    try:
        found = path.stat()
        limits.check_file(found, what, inside=_images_in(path) if stat.S_ISDIR(found.st_mode) else "")
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise PictureError(f"{what[:200]} cannot be read: {why}.") from error
    return from_bytes(data, limits, name=name or path.name, what=what, path=path)


def spelled_otherwise(path: Path) -> Path | None:
    """Return the one file of the same folder whose name looks the same, or None.

    A keyboard writes neither the narrow space in a macOS screenshot's name (U+202F) nor letters in two parts (NFD).
    """
    like = [name for name in _names(path.parent) if _plain(name) == _plain(path.name)]
    return path.with_name(like[0]) if len(like) == 1 else None


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def missing(path: Path) -> NotFoundError:
    """Return the error for a missing file, with near names or the images of the folder."""
    folder = path.parent
    if "*" in path.name or "?" in path.name:
        files = [name for name in _names(folder) if fnmatch.fnmatch(name, path.name)]
        named = f" It matches {_listed(files, 'file')}." if files else " It matches no file."
        return NotFoundError(f"{path} is a pattern, and pictures are named one by one here.{named}")
    if not folder.is_dir():
        return NotFoundError(f"There is no file {path}: the folder {folder} does not exist.")
    names = _names(folder)
    close = near(path.name, names)
    if close:
        return NotFoundError(f"There is no file {path}. Did you mean {' or '.join(repr(name) for name in close)}?")
    images = _images_in(folder)
    return NotFoundError(f"There is no file {path}.{images or ' The folder holds no images.'}")


def _names(folder: Path, most: int = 5000) -> list[str]:
    """Return some names in a folder; a folder of a million files is not read to its end for a hint."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) >= most:
                    break
    except (OSError, ValueError):
        pass
    return sorted(names)


def _images_in(folder: Path) -> str:
    images = [name for name in _names(folder) if Path(name).suffix.casefold() in MIME_TYPES]
    return f" Images there: {_listed(images)}." if images else ""


def _listed(names: Sequence[str], counted: str = "") -> str:
    """Return the first of some names, and how many there are where they are `counted`."""
    count = f"{len(names)} {counted}{'s' if len(names) > 1 else ''}: " if counted else ""
    return f"{count}{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}"


def _based(path: Path, base: Path | None) -> Path:
    with contextlib.suppress(RuntimeError):  # a user who does not exist: the name stays as it is, and is then missing
        path = path.expanduser()
    return base / path if base is not None else path


def _scheme(text: str) -> str:
    """Return the scheme of an address in lower case; a Windows drive such as ``C:`` is not one."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", text)
    if found:
        return found.group(1).casefold()
    return "file" if text[:5].casefold() == "file:" else ""


def _file_url_path(url: str) -> Path:
    from urllib.request import url2pathname

    parts = parts_of(url)
    if parts.netloc not in {"", "localhost"}:
        raise UsageError(f"{_shown(url)} names another computer. Give a file on this one.")
    return Path(url2pathname(parts.path))


def _from_data_url(url: str, limits: Limits, *, name: str) -> Picture:
    what = name or "The image in the data URL"
    header, comma, body = url[5:].partition(",")
    if not comma:
        raise PictureError(f"{what} is cut off: it has no comma before its content.")
    # Checked on the text first: base64 is a third longer than what it holds, percent signs at most three times as long.
    limits.check_bytes(len(body) // 3 if ";base64" not in header else len(body) * 3 // 4 - 2, what)
    data = _unbase64(body, limits, what) if header.casefold().endswith(";base64") else unquote_to_bytes(body)
    return from_bytes(data, limits, name=name or "data URL", what=what)


def _unbase64(text: str, limits: Limits, what: str = "The image given in base64") -> bytes:
    limits.check_bytes(len(text) * 3 // 4 - 2, what)
    plain = unquote_to_bytes(text) if "%" in text else text.encode("ascii", "replace")
    plain = re.sub(rb"\s+", b"", plain).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise PictureError(f"{what} is not valid base64. Copy the whole text again.") from error


def _is_base64(text: str) -> bool:
    return len(text) >= 64 and text.startswith(_BASE64_STARTS) and "." not in text


def _sample(sample: str, limits: Limits, *, name: str) -> Picture:
    from importlib.resources import files

    wanted = sample.strip().casefold().removesuffix(".jpg")
    if wanted not in SAMPLES:
        raise NotFoundError(f"There is no sample {sample.strip()!r}, only {', '.join(SAMPLES)}.{did_you_mean(wanted, SAMPLES)}")
    data = (files("notebook_img.pictures") / "samples" / f"{wanted}.jpg").read_bytes()
    label = name or f"sample:{wanted}"
    return from_bytes(data, limits, name=label, what=label)


def _url_name(url: str) -> str:
    parts = parts_of(url)
    return Path(parts.path).name[:80] or parts.hostname or "URL"


def _shown(url: str) -> str:
    """Return an address as messages show it: short, without its query, which may hold a signature, and without a password."""
    parts = parts_of(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"[:120]


def _picture_of(value: Any) -> Picture | None:
    """Return the picture of a Turn, or of anything else whose `picture` is one; the folder tree is not imported for it."""
    try:
        picture = getattr(value, "picture", None)
    except Exception:  # someone else's property may do anything
        return None
    return picture if isinstance(picture, Picture) else None


def _loaded(module: str, *names: str) -> tuple[type, ...]:
    """Return classes of a module if it was imported; their objects cannot exist otherwise."""
    found = sys.modules.get(module)
    classes = (getattr(found, name, None) for name in names) if found else ()
    return tuple(cls for cls in classes if isinstance(cls, type))


def _is_pil(value: Any) -> bool:
    return isinstance(value, _loaded("PIL.Image", "Image"))


def is_array(value: Any) -> bool:
    """Tell whether it is a numpy array, without importing numpy."""
    return isinstance(value, _loaded("numpy", "ndarray"))


def _is_figure(value: Any) -> bool:
    return isinstance(value, (*_loaded("matplotlib.figure", "FigureBase"), *_loaded("matplotlib.axes", "Axes")))


def _is_ipython_image(value: Any) -> bool:
    return isinstance(value, _loaded("IPython.core.display", "Image") or _loaded("IPython.display", "Image"))


def _from_pil_object(value: Any, limits: Limits, name: str) -> Picture:
    from notebook_img.pictures.objects import from_pil_object

    return from_pil_object(value, limits, name)


def _from_array(value: Any, limits: Limits, name: str) -> Picture:
    from notebook_img.pictures.objects import from_array

    return from_array(value, limits, name)


def _from_figure(value: Any, limits: Limits, name: str) -> Picture:
    from notebook_img.pictures.objects import from_figure

    return from_figure(value, limits, name)


def _from_ipython_image(value: Any, limits: Limits, name: str) -> Picture:
    if isinstance(value.data, bytes):
        return from_bytes(value.data, limits, name=name or "Image", what="The IPython Image")
    if isinstance(value.data, str) and value.data:
        return _from_text(value.data, limits, base=None, name=name or "Image", urls=True, public_only=False)
    where = getattr(value, "filename", None) or getattr(value, "url", None)
    if not where:
        raise PictureError("The IPython Image holds neither data nor a file name or URL.")
    return _from_text(str(where), limits, base=None, name=name, urls=True, public_only=False)


_OBJECTS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Limits, str], Picture]], ...] = (
    (_is_pil, _from_pil_object),
    (is_array, _from_array),
    (_is_figure, _from_figure),
    (_is_ipython_image, _from_ipython_image),
)
"""Kinds of objects, each with how it is known (without importing its library) and how it is read."""
