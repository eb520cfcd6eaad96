"""Where a notebook comes from: the one that vanished and had its cells (renamed, moved), the one it is a copy of; and who has its name."""

from __future__ import annotations

import contextlib
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.files import is_gone, notebook_is_gone
from notebook_img.replay.cells import source_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.store import Relative, Store

COPIED_FROM = "copied_from"
"""Among a session's settings: the notebook its own is a copy of."""
MOST_BYTES = 100_000_000
"""Size of the largest notebook that is read."""
MOST_NOTEBOOKS = 50
"""How many notebooks of a folder are looked into, those changed last."""


@dataclass(frozen=True)
class Lineage:
    """The notebook another one was made from."""

    notebook: str
    """Its path, as its runs have it."""
    gone: bool
    """Whether it is no longer there: then this is the same notebook under another name."""


@dataclass(frozen=True)
class Namesake:
    """A notebook that had the name of another one before."""

    notebook: Path
    """Where it is now."""
    runs: bool
    """Whether this kernel is its own."""


def find_lineage(store: Store, notebook: Path, running: Iterable[str]) -> Lineage | None:
    """Return the notebook this one was made from, if any.

    Ids are random, so one cell in common is enough. Without ids half of what the other one ran must stand in this one, and more than
    one line: many notebooks begin alike.

    Parameters
    ----------
    store : Store
        Knows which notebooks cells ran in.
    notebook : Path
        This one.
    running : iterable of str
        Keys of cells that ran in this kernel.
    """
    ids, sources = _cells(notebook)
    found = store.relatives(str(notebook), {*ids, *(key for key in running if key.startswith("id:"))}, sources)
    here = notebook.resolve()
    related = [each for each in found if Path(each.notebook).resolve() != here and _is_made_from(each)]
    gone = [each for each in related if notebook_is_gone(each.notebook) and not is_gone(notebook)]
    if gone:
        return Lineage(gone[0].notebook, gone=True)
    return Lineage(related[0].notebook, gone=False) if related else None


def find_namesake(store: Store, session_id: str, notebook: Path, running: Iterable[str]) -> Namesake | None:
    """Return the notebook a session is of, if that lies in the same folder under another name now and another one has its name.

    Jupyter calls each new notebook Untitled, so a renamed one's name is soon another's; and a kernel is told a name when it starts, so that
    of a notebook renamed since goes by the other one's. Only ids are believed: what runs now, or what got the session's turns, is not in
    this notebook and is in that one. One that ran under its own name is a copy. Where this file tells no ids (before nbformat 4.5, or
    taken out by a tool), what stands in its cells may tell that they are the same.

    Parameters
    ----------
    store : Store
        Knows which cells got its turns.
    session_id : str
        The session of this name.
    notebook : Path
        The one that has the name now.
    running : iterable of str
        Keys of cells that ran in this kernel.
    """
    here = {key for key in running if key.startswith("id:")}
    ids = functools.cache(lambda path: _cells(path)[0])  # each file is read once, and only when it is asked for
    mine, sources = _cells(notebook)
    if is_gone(notebook) or here & mine:
        return None
    others = _beside(notebook)
    for path in others if here else ():
        if here & ids(path):
            return Namesake(path, runs=True)
    ran, words = store.cells_of_session(session_id, str(notebook))
    if not (here or mine) or ran & (here | mine) or (not mine and 2 * len(words & sources) >= len(words)):
        return None
    return next((Namesake(path, runs=False) for path in others if ran & ids(path) and not store.has_run(str(path))), None)


def _beside(notebook: Path) -> list[Path]:
    """Return the other notebooks of the folder, the one changed last in front."""
    found: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError):
        found = [(path.stat().st_mtime, path) for path in notebook.parent.glob("*.ipynb") if path.name != notebook.name]
    return [path for _, path in sorted(found, reverse=True)[:MOST_NOTEBOOKS]]


def _is_made_from(other: Relative) -> bool:
    return other.by_id > 0 or (other.by_source > 1 and 2 * other.by_source >= other.cells)


def _cells(notebook: Path) -> tuple[set[str], set[str]]:
    """Return the ids of a notebook's code cells and the hashes of their sources, as far as its file tells."""
    ids: set[str] = set()
    sources: set[str] = set()
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        if notebook.stat().st_size <= MOST_BYTES:
            plain: Any = json.loads(notebook.read_bytes())
            for cell in plain["cells"]:
                if cell["cell_type"] == "code":
                    text = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
                    sources.add(source_hash(text))
                    ids |= {f"id:{cell['id']}"} if cell.get("id") else set()
    return ids, sources
