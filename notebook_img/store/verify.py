"""Every picture and raw state checked by its hash; what is damaged or missing is made whole from any copy that has the bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from notebook_img.errors import NotebookImgError, PackError, StoreError
from notebook_img.files import OtherBytesError
from notebook_img.store import schema
from notebook_img.store.copies import Copies
from notebook_img.store.maintenance import USED_PICTURES, users

if TYPE_CHECKING:
    from notebook_img.store.store import Store


def verify_store(store: Store, places: Sequence[Path] = (), tell: Callable[[int, int], None] = lambda _done, _all: None) -> list[str]:
    """Check every picture and raw state, heal what can be healed; return what was found, one sentence each.

    Parameters
    ----------
    store : Store
        The store.
    places : sequence of Path
        Packs, exports, homes and folders that may have copies.
    tell : callable
        Told how many pictures are checked, and how many there are.
    """
    with store._database.read() as connection:  # noqa: SLF001 - the same package
        pictures = connection.execute(USED_PICTURES).all()
    bad, size = {}, 0
    for done, row in enumerate(pictures, 1):
        path = store._files._find_file(row.sha256, row.mime_type)  # noqa: SLF001
        if path is None or not store._database.shelf.is_whole(path):  # noqa: SLF001
            bad[row.sha256] = (path, row.mime_type, row.bytes)
        size += row.bytes
        tell(done, len(pictures))
    states = _bad_states(store, {row.sha256 for row in pictures})
    found = [f"{_count(len(pictures), 'picture')} checked ({size / 1e6:.1f} MB): {len(bad) or 'none'} damaged or missing."]
    copies = Copies(store, places)
    healed: dict[str, list[str]] = {}
    lost = []
    for sha256, (path, mime_type, length) in bad.items():
        target = path or store.picture_path(sha256, mime_type)
        where = _heal(store, copies, sha256, length, target)
        healed.setdefault(where, []).append(sha256) if where else lost.append(sha256)
    found += [f"{_count(len(names), 'picture')} made whole from {where}." for where, names in healed.items()]
    if lost:
        with store._database.read() as connection:  # noqa: SLF001
            named = ", ".join(users(connection, lost)[:5]) or "no turn"
        places_said = f" None of {_count(len(places), 'place')} that were looked in has the bytes." if places else ""
        found.append(
            f"{_count(len(lost), 'picture')} damaged or missing for good as far as is known here, used by {named}.{places_said} "
            "Name an export, a pack or a folder that may have a copy."
        )
    mended = [path for path in states if _heal(store, copies, path.stem, -1, path)]
    if states:
        rest = len(states) - len(mended)
        words = f"; without the {'others' if mended else 'rest'} those turns go on from their pictures" if rest else ""
        found.append(f"{_count(len(states), 'file')} of raw state damaged or missing, {len(mended)} made whole{words}.")
    return found


def _heal(store: Store, copies: Copies, sha256: str, size: int, target: Path) -> str:
    """Write the right bytes from the first copy that has them; return where they came from, empty where none has them."""
    for where, pieces in copies.find(sha256, size):
        try:
            store._database.shelf.put_pieces(target, pieces, sha256)  # noqa: SLF001
        except (OtherBytesError, PackError):
            continue  # not these bytes after all, or its pack is damaged
        return where
    return ""


def _bad_states(store: Store, pictures: AbstractSet[str]) -> list[Path]:
    """Return the files of raw states that are damaged or missing; what of them are pictures is looked at as such."""
    raw = store._raw  # noqa: SLF001
    with store._database.read() as connection:  # noqa: SLF001
        names = list(connection.execute(select(schema.turns.c.raw).where(schema.turns.c.raw != "").distinct()).scalars())
    bad: dict[Path, None] = {}
    for name in names:
        try:
            blobs = raw.raw_references(name)
        except (StoreError, ValueError):
            bad[raw._path(name, ".json")] = None  # noqa: SLF001
            continue
        for blob in blobs - pictures:
            try:
                raw.blob(blob)
            except NotebookImgError:
                bad[raw._path(blob, ".bin")] = None  # noqa: SLF001
    return list(bad)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
