"""Places that may still have the bytes of a picture or raw state: what was set aside, packs and exports, other homes, plain folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from notebook_img.errors import PackError
from notebook_img.store import schema
from notebook_img.store.pack import Pack
from notebook_img.store.setting_aside import FOLDER
from notebook_img.store.shelf import holds

if TYPE_CHECKING:
    from notebook_img.store.store import Store

_CHUNK = 1 << 20


class Copies:
    """Looks for bytes by their hash.

    Parameters
    ----------
    store : Store
        Whose bytes are wanted.
    places : sequence of Path
        Packs, exports, homes, folders; each may be missing or damaged.
    """

    def __init__(self, store: Store, places: Sequence[Path]) -> None:
        self._store = store
        self._places = places

    def find(self, sha256: str, size: int) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Give the places that may have some bytes, with the bytes: whoever writes them checks them."""
        home = self._store._database.files  # noqa: SLF001 - the same package
        for kind in ("pictures", "raw"):
            for path in (home / FOLDER).glob(f"*/{kind}/{sha256[:2]}/{sha256}*"):
                yield f"{FOLDER}/{path.relative_to(home / FOLDER).parts[0]}", _read(path)
        if self._store._database.shelf.is_elsewhere:  # noqa: SLF001
            for path in (home / "pictures" / sha256[:2]).glob(f"{sha256}.*"):
                yield "the copy on this machine", _read(path)
        for path in (home / "raw" / sha256[:2]).glob(f"{sha256}.bin"):
            yield "raw state", _read(path)
        yield from ((str(path), _read(path)) for path in self._written(sha256) if holds(path, sha256))
        for pack in self._packs:
            name = next((name for name in (f"raw/{sha256}.json", f"raw/{sha256}.bin") if pack.has(name)), "")
            if pack.holds_picture(sha256):
                yield str(pack.path), pack.picture_stream(sha256)
            elif name:
                yield str(pack.path), pack.stream(name)
        for path in self._by_size.get(size, ()):
            if holds(path, sha256):
                yield str(path), _read(path)

    @cached_property
    def _packs(self) -> list[Pack]:
        found = []
        for place in self._places:
            for path in [place] if place.is_file() else sorted(place.glob("*.zip")):
                with contextlib.suppress(PackError):
                    found.append(Pack(path))
        return found

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        """Files among the store's own and in the folders that were named, at any depth; whatever they are called, their hash tells."""
        found: dict[int, list[Path]] = {}
        for place in (self._store._database.files / "pictures", *self._places):  # noqa: SLF001
            for path in place.rglob("*") if place.is_dir() else ():
                with contextlib.suppress(OSError):
                    if path.is_file():
                        found.setdefault(path.stat().st_size, []).append(path)
        return found

    def _written(self, sha256: str) -> list[Path]:
        """Return where these bytes were last written to with ``-o``."""
        with self._store._database.read() as connection:  # noqa: SLF001 - the same package
            return [
                Path(path) for path in connection.execute(select(schema.outputs.c.path).where(schema.outputs.c.sha256 == sha256)).scalars()
            ]


def _read(path: Path) -> Iterator[bytes]:
    with contextlib.suppress(OSError), path.open("rb") as file:
        while data := file.read(_CHUNK):
            yield data
