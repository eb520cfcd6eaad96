"""Files that are moved aside instead of deleted: to ``rescued/DATE`` in the home, under the names they had, with the way back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from notebook_img.errors import StoreError
from notebook_img.files import reason, sync_folder

FOLDER = "rescued"
"""Beside `pictures`; what could not be stored when it was delivered lies there too (calls/store_reply.py)."""


def set_aside(home: Path, paths: Iterable[Path]) -> Path:
    """Move files of a home to a folder of this second; return that folder.

    Raises
    ------
    StoreError
        When one cannot be moved; those moved before it lie in the folder that the message names.
    """
    folder = home / FOLDER / time.strftime("%Y-%m-%d %H.%M.%S")
    for path in paths:
        target = folder / path.relative_to(home)
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            while os.path.lexists(target):  # one name twice in one second: a file that was damaged, healed, and damaged again
                target = target.with_name(f"{target.stem}-again{target.suffix}")
            shutil.move(path, target)  # which copies where `pictures` lies on another disk
        except FileNotFoundError:
            continue  # somebody else moved or deleted it meanwhile
        except OSError as error:
            raise StoreError(f"{path} could not be moved to {folder}: {reason(error)}. It stays where it is.") from error
        sync_folder(target.parent)
    return folder


def way_back(home: str, folder: str) -> str:
    """Return how what was set aside comes back."""
    return f"To undo this, copy what is in {folder} back into {home}."
