"""What SQLite says, as a sentence that tells what to do."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from notebook_img.errors import StoreError
from notebook_img.hints import Hint

if TYPE_CHECKING:
    from pathlib import Path


_REMEDY = "Restore it from a copy, or have it moved aside and its turns made again from what is beside it."


def lost_index(sentence: str) -> StoreError:
    """Return the error for an index that is missing, empty or damaged: what `rebuild_store` is for."""
    error = StoreError(sentence, hint=Hint("rebuild"))
    error.lost_index = True
    return error


def as_store_error(error: BaseException | None, path: Path, *, home: Path, waited: float) -> StoreError:
    """Return an error of SQLite as one of the store's.

    Parameters
    ----------
    error : BaseException
        As sqlite3 raised it.
    path : Path
        The index it is about.
    home : Path
        Folder of the store.
    waited : float
        Seconds that another program's writing was waited for.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreError(
            f"The store at {home} is locked: another program has been writing for more than {waited:g} s. "
            "Nothing was changed; try again, or close the other program."
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return lost_index(
            f"{path} is damaged or not a database ({error}), and was not changed. {_REMEDY}",
        )
    if code == sqlite3.SQLITE_ERROR and str(error).startswith(("no such table", "no such column")):
        return lost_index(f"{path} is damaged ({error}), and was not changed. {_REMEDY}")
    if code == sqlite3.SQLITE_CANTOPEN and (in_its_place := _in_place_of(path)):
        return lost_index(f"The index {path} cannot be opened: {in_its_place}. Nothing was changed. {_REMEDY}")
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"The disk with the store at {home} is full. Nothing was changed; free some space and try again.")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return StoreError(
            f"The store at {home} cannot be opened or written ({error}). Make it writable, or set NOTEBOOK_IMG_HOME to another folder."
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"The disk with the store at {home} failed ({error}); nothing was changed. Check the disk and its free space.")
    return StoreError(f"The store at {home} failed ({error}); nothing was changed.", hint=Hint("repair"))


def _in_place_of(path: Path) -> str:
    """Return what has the index's name and is no file; empty where it is one, or nothing is there."""
    if path.is_dir():
        return "a folder has its name"
    return f"it is a link to {path.readlink()}, which is not there" if path.is_symlink() and not path.exists() else ""
