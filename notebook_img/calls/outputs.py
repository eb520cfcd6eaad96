"""Writes pictures where the user asked for them, and never over a file that is not ours."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError, OutputError, UsageError, sentence_of
from notebook_img.files import reason
from notebook_img.hints import Hint
from notebook_img.ids import turn_id
from notebook_img.records import Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.pictures import Picture
    from notebook_img.records import TurnRecord
    from notebook_img.store import Store
    from notebook_img.workspace import Workspace

_writing = threading.Lock()
"""Held while checking whose file it is and recording the write: in between, our own file looks like somebody else's."""


def output_names(output: str | Path, pictures: Sequence[Picture] | int) -> list[Path]:
    """Return the file names for so many pictures: ``fox.png``, or ``fox-1.png``, ``fox-2.png`` ... for several.

    Without a suffix the name gets the one of the picture's bytes.
    """
    base = Path(output).expanduser()
    own = [""] * pictures if isinstance(pictures, int) else [picture.suffix for picture in pictures]
    return _numbered(base.with_suffix("") if base.suffix else base, [base.suffix or suffix for suffix in own])


def _numbered(stem: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return a file name per suffix; the stem is taken as it is, dots and all."""
    if len(suffixes) == 1:
        return [stem.with_name(stem.name + suffixes[0])]
    return [stem.with_name(f"{stem.name}-{number}{suffix}") for number, suffix in enumerate(suffixes, 1)]


MOST_NAME = 255
"""Bytes of a file's name on the common file systems (255 characters on Windows and macOS)."""
ADDED = len("-12.jpeg")
MOST_READ = 1_000_000_000
"""Bytes: more than any picture written here, so a larger file is somebody else's and is not read to see that."""


def check_output_place(output: str | Path) -> Path:
    """Return the path of an output, or refuse one that could not be written whatever is there.

    Raises
    ------
    OutputError
        When its folder does not exist, or it is a folder.
    UsageError
        When its suffix is no image format, or its name is too long.
    """
    from notebook_img.pictures import mime_type_for

    base = Path(output).expanduser()
    check_name(base)
    if base.is_dir() or str(output).endswith(("/", "\\")):
        raise OutputError(f"{output} is a folder. Name a file in it: {base / 'night.png'}.")
    if base.suffix:
        mime_type_for(base)
    if not base.parent.is_dir():
        raise OutputError(f"{base} cannot be written: the folder {base.parent} does not exist. Create it first.")
    return base


def check_name(path: Path) -> None:
    """Refuse a path with a name that no file can have, with the number and suffix that may be added to it.

    Raises
    ------
    UsageError
        When a part of it is too long, or has half of a letter.
    """
    for part, added in ((path.name, ADDED), *((part, 0) for part in path.parts[:-1])):
        try:
            count = len(os.fsencode(part))
        except UnicodeEncodeError:
            raise UsageError(f"The name {part[:20]!a} has half a letter in it, which no file's name can have. Type it anew.") from None
        if count > MOST_NAME - added:
            most = MOST_NAME - added
            raise UsageError(f"The name {part[:20]}... has {count} bytes, more than {most}. Choose a shorter one, such as night.png.")


def check_output_files(output: str | Path, count: int, store: Store, *, force: bool, inside: Callable[[Path], Path] | None = None) -> None:
    """Refuse an output that could not be written, before anything is paid for.

    Raises
    ------
    OutputError
        As `check_place`, and when a file lies there that is not ours (without a suffix: any picture of that name).
    UsageError
        When its suffix is no image format, or a name leads out of the folders of `inside` (see `write`).
    """
    from notebook_img.pictures import SUFFIXES

    base = check_output_place(output)
    # Without a suffix the picture decides on it, so every name it could get has to be free (or ours).
    for suffix in [base.suffix] if base.suffix else sorted(set(SUFFIXES.values())):
        for path in output_names(base.with_name(base.name + ("" if base.suffix else suffix)), count):
            if inside is not None:
                inside(path)
            refuse_foreign(path, store, force=force)


def write_outputs(
    output: str | Path,
    pictures: Sequence[Picture],
    store: Store,
    *,
    force: bool,
    facts: Callable[[int], dict[str, Any]],
    same_stays: bool = False,
    inside: Callable[[Path], Path] | None = None,
) -> tuple[list[Path], list[str]]:
    """Write pictures and remember what was written.

    Parameters
    ----------
    output : path
        As given with ``-o``.
    pictures : sequence of Picture
        One file each.
    store : Store
        Knows what this package last wrote to a path.
    force : bool
        Overwrite whatever lies there.
    facts : callable
        Provenance of the picture with that index, written into the file where it harms no content credentials.
    same_stays : bool
        Leave a file of somebody's that holds the same picture as it is.
    inside : callable, optional
        Returns a path with its links resolved, or raises where it leads out of the folders that may be written. What it returns
        is written without following a link that was put there since.

    Returns
    -------
    list of Path, list of str
        The files, and what must be said about them.
    """
    from notebook_img.pictures import conversion_notes

    paths = output_names(output, pictures)
    said: list[str] = []
    kept = {path for path, picture in zip(paths, pictures, strict=True) if same_stays and not force and _holds(path, picture, store)}
    contents: dict[Path, bytes] = {}
    for index, (path, picture) in enumerate(zip(paths, pictures, strict=True)):
        if path in kept:
            said.append(Remark(f"{path} already holds this picture and was left as it is."))
            continue
        contents[path] = _content(path, picture, facts(index))
        said += map(Remark, conversion_notes(picture, path))
    with _writing:
        for path in contents:
            if inside is not None:
                inside(path)
            refuse_foreign(path, store, force=force)
        for path, data in contents.items():
            if path.exists() and path.read_bytes() != data:
                said.append(f"{path} was replaced.")
            _write_one(path, data, store, inside)
    return paths, list(dict.fromkeys(said))


def _content(path: Path, picture: Picture, facts: dict[str, Any]) -> bytes:
    """Return the bytes of a file with that name."""
    from notebook_img.pictures import mime_type_for, write_provenance

    mime_type = mime_type_for(path)
    return write_provenance(picture.as_type(mime_type), mime_type, facts)


def _write_one(path: Path, data: bytes, store: Store, inside: Callable[[Path], Path] | None = None) -> None:
    from notebook_img.files import write_atomically, write_beneath

    # A link stays a link: what it leads to is written.
    target = path.resolve() if inside is None else inside(path)
    (write_atomically if inside is None else write_beneath)(target, data)
    store.note_written(target, hashlib.sha256(data).hexdigest())


def keep_copies(
    folder: Path, stem: str, pictures: Sequence[Picture], store: Store, *, facts: Callable[[int], dict[str, Any]]
) -> tuple[list[Path], list[str]]:
    """Write copies to the folder of the setting `save_to`; a failure is only reported, since the pictures are stored anyway.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    stem : str
        Their name without a suffix; signs that file systems do not take are replaced.

    Returns
    -------
    list of Path, list of str
        The files, and what must be said about them.
    """
    files: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, (index, picture) in zip(
            _numbered(folder / portable(stem), [item.suffix for item in pictures]), enumerate(pictures), strict=True
        ):
            data = _content(path, picture, facts(index))
            with _writing:
                free = next(name for name in _names_like(path) if _is_ours(name, store))
                _write_one(free, data, store)
            files.append(free)
    except (OSError, NotebookImgError, StopIteration) as error:
        why = reason(error) if isinstance(error, OSError) else sentence_of(error).rstrip(".") or "no name is free"
        return files, [f"No copy was written to {folder} (setting save_to): {why}."]
    return files, []


_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names of devices on Windows (https://learn.microsoft.com/windows/win32/fileio/naming-a-file)."""


def portable(stem: str) -> str:
    """Return the file name nearest to `stem` that every system accepts."""
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f]+', "-", stem).strip(" .") or "picture"
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _names_like(path: Path) -> list[Path]:
    return [path, *(path.with_name(f"{path.stem}-copy{number}{path.suffix}") for number in range(2, 100))]


def _holds(path: Path, picture: Picture, store: Store) -> bool:
    """Return whether a file that is not ours holds this picture, pixel for pixel after the conversion its name asks for."""
    if not path.is_file() or _is_ours(path, store):
        return False
    from notebook_img import pictures
    from notebook_img.pictures import mime_type_for

    try:
        there = pictures.load(path)
        here = pictures.Picture(picture.as_type(mime_type_for(path)))
        return there.mime_type == here.mime_type and there.size == here.size and there.pil().tobytes() == here.pil().tobytes()
    except (NotebookImgError, OSError):
        return False


def _is_ours(path: Path, store: Store) -> bool:
    try:
        refuse_foreign(path, store, force=False)
    except OutputError:
        return False
    return True


def refuse_foreign(path: Path, store: Store, *, force: bool) -> None:
    """Refuse to overwrite a file unless its present bytes are what we last wrote there."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder. Name a file: {path / 'night.png'}.")
    if force or not os.path.lexists(path):
        return
    if not path.exists():
        raise OutputError(f"{path} is a link that leads nowhere, and was not changed.", hint=Hint("force"))
    if not path.is_file():
        # To read a pipe or a device could wait for ever.
        raise OutputError(f"{path} is not an ordinary file, and was not changed. Choose another name.")
    written = store.last_written(path.resolve())
    try:
        present = _hash_of(path) if written is not None else None
    except OSError as error:
        raise OutputError(f"{path} exists, but cannot be read to see whose it is. Choose another name.") from error
    if present is None or written != present:
        raise OutputError(
            f"{path} already exists and was not written by notebook_img (or was changed since), so it was not overwritten.",
            hint=Hint("force"),
        )


def _hash_of(path: Path) -> str | None:
    """Return the hash of a file; None for one that is too large to be ours."""
    if path.stat().st_size > MOST_READ:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance_of(workspace: Workspace, record: TurnRecord, picked: int | None = None) -> Callable[[int], dict[str, Any]]:
    """Return a function that gives the facts to write into the file of a turn's picture, by its index among those written.

    Where only the picture `picked` of the turn is written (from 1), it is that one.
    """
    several = len(record.uses("output")) > 1

    def facts(index: int) -> dict[str, Any]:
        number = (picked or index + 1) if several else None
        return {
            "prompt": record.prompt,
            "model": record.model,
            "parent": turn_id(record.parent) if record.parent is not None else "",
            "seed": record.seed,
            "turn": turn_id(record.number, number, workspace.session_name(record.session_id)),
        }

    return facts


def write_output(
    workspace: Workspace, record: TurnRecord, output: str | Path, *, force: bool, replayed: bool = False
) -> tuple[list[Path], list[str]]:
    """Write a turn's pictures where the call wanted them (``-o``); return the files and what must be said.

    A file that holds the very picture that is given back stays as it is, whoever wrote it: a colleague got it with the notebook.

    Raises
    ------
    OutputError
        When that cannot be done. The message says that the turn itself is kept.
    """
    shown = workspace.pictures_of(record, "output")
    if not shown:
        return [], []
    try:
        return write_outputs(output, shown, workspace.store, force=force, same_stays=replayed, facts=provenance_of(workspace, record))
    except (OutputError, OSError) as error:
        kept = f"The picture itself is kept as {turn_id(record.number, session=workspace.session_name(record.session_id))}."
        if isinstance(error, OSError):
            raise OutputError(f"{output} cannot be written: {reason(error)}. {kept}") from error
        raise OutputError(f"{error.sentence} {kept}", hint=error.hints) from error


def check_output(workspace: Workspace, asked: PlacedCall) -> None:
    """Refuse an output that would overwrite somebody's file, before anything is paid for."""
    if asked.call.output is not None:
        check_output_files(asked.call.output, asked.call.n or 1, workspace.store, force=asked.call.force)
