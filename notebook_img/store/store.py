"""Store: everything in one home behind one object, made of the other modules of this folder."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from notebook_img.errors import StoreError
from notebook_img.files import reason
from notebook_img.settings import Address
from notebook_img.store.batches import Batches
from notebook_img.store.cells import Cells
from notebook_img.store.database import BUSY_TIMEOUT
from notebook_img.store.filesystem import can_write, is_full, is_network
from notebook_img.store.gallery import Gallery
from notebook_img.store.jobs import Jobs, Outputs
from notebook_img.store.later_items import LaterItems
from notebook_img.store.lookups import Lookups
from notebook_img.store.notebooks import Notebooks
from notebook_img.store.picture_files import PictureFiles
from notebook_img.store.rates import Rates
from notebook_img.store.raw import RawStates
from notebook_img.store.sessions import Sessions
from notebook_img.store.spend import Spend
from notebook_img.store.sqlite import FILE_NAME, SQLiteDatabase
from notebook_img.store.taken_items import TakenItems
from notebook_img.store.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.store.database import Database


class Store(Sessions, Turns, Gallery, Spend, Jobs, Outputs, Batches, LaterItems, TakenItems, Cells, Lookups, Notebooks, Rates):
    """All sessions and pictures of one home.

    Every method is safe to call from any thread and any process; none holds a transaction longer than its own few rows.
    A forked child may go on using it. Get one with `Store.open`.

    Attributes
    ----------
    home : Path
        The folder; of a store that lies elsewhere, what belongs to it on this machine.
    read_only : bool
        Whether it refuses to write.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._files = PictureFiles(database)
        self._raw = RawStates(database, self._files)
        self.home = database.home
        self.read_only = database.read_only
        self.put_picture = self._files.put_picture
        self.read_picture = self._files.read_picture
        self.picture_path = self._files.picture_path
        self.has_picture = self._files.has_picture
        self.is_whole = self._files.is_whole
        self.put_stream = self._files.put_stream
        self.check_room = self._files.check_room
        self.put_raw = self._raw.put_raw
        self.load_raw = self._raw.load_raw

    @classmethod
    def open(
        cls,
        home: Path | Address,
        *,
        read_only: bool = False,
        or_read_only: bool = False,
        anew: bool = False,
        busy_timeout: float = BUSY_TIMEOUT,
        network: Callable[[Path], bool] = is_network,
    ) -> Store:
        """Open the store of a home, creating or upgrading it where needed.

        Parameters
        ----------
        home : Path or Address
            Its folder, or where it is.
        read_only : bool
            Change nothing; the store must exist.
        or_read_only : bool
            Open one that exists and cannot be written, by right or for want of space, for reading only: what it holds can be shown and
            replayed.
        anew : bool
            Make a new index also beside pictures of an older one, whose rows are lost.
        busy_timeout : float
            Seconds to wait for other processes that write.
        network : callable
            Tells whether a folder lies on a network file system, where SQLite's WAL cannot be used.

        Raises
        ------
        StoreError
            One or two sentences: not writable, damaged, newer, locked.
        """
        address = home if isinstance(home, Address) else Address(Path(home))
        if address.is_shared:
            from notebook_img.store.bucket import shelf_of
            from notebook_img.store.postgres import PostgresDatabase

            return cls(PostgresDatabase(address, shelf_of(address), read_only=read_only, busy_timeout=busy_timeout))
        home = address.folder
        if _has_index(home) and or_read_only:
            read_only = read_only or not (can_write(home) and can_write(home / FILE_NAME)) or is_full(home)
        return cls(SQLiteDatabase(home, read_only=read_only, anew=anew, busy_timeout=busy_timeout, network=network))

    @property
    def has_lost_rows(self) -> bool:
        """Whether its index is known to lack rows (see counting.py)."""
        return self._database.doubt in ("lost", "other")

    def close(self) -> None:
        """Close its connections; a later call opens them again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self._database.shown!r}{', read only' if self.read_only else ''})"


def _has_index(home: Path) -> bool:
    """Return whether there is an index; StoreError where the folder is somebody else's and not even that can be told."""
    try:
        return stat.S_ISREG((home / FILE_NAME).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StoreError(
            f"The store's folder {home} cannot be opened: {reason(error)}. Set NOTEBOOK_IMG_HOME to a folder of yours."
        ) from error
