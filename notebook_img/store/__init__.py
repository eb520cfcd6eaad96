"""The index (SQLite, PostgreSQL) and the files of all sessions: shared by every kernel, command line and server with the same home.

Names load on first use: `Store` imports SQLAlchemy (about 0.2 s), and what needs only a name or an owner's mark does not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.store.bundle import export_sessions as export_sessions
    from notebook_img.store.bundle import import_sessions as import_sessions
    from notebook_img.store.cells import MoveRecord as MoveRecord
    from notebook_img.store.cells import ReplyRecord as ReplyRecord
    from notebook_img.store.cells import RunRecord as RunRecord
    from notebook_img.store.gallery import GalleryRow as GalleryRow
    from notebook_img.store.latest_run import KnownCell as KnownCell
    from notebook_img.store.latest_run import NamedTurn as NamedTurn
    from notebook_img.store.lookups import HeldReply as HeldReply
    from notebook_img.store.maintenance import check_store as check_store
    from notebook_img.store.maintenance import repair_store as repair_store
    from notebook_img.store.names import check_session_name as check_session_name
    from notebook_img.store.notebooks import Relative as Relative
    from notebook_img.store.owner import is_alive as is_alive
    from notebook_img.store.owner import this_process as this_process
    from notebook_img.store.pack import Pack as Pack
    from notebook_img.store.pack_selection import Selection as Selection
    from notebook_img.store.pack_selection import select_for_cells as select_for_cells
    from notebook_img.store.pack_writer import runs_of as runs_of
    from notebook_img.store.people import this_person as this_person
    from notebook_img.store.rebuild import rebuild_store as rebuild_store
    from notebook_img.store.store import Store as Store
    from notebook_img.store.verify import verify_store as verify_store
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        bundle="export_sessions import_sessions",
        cells="MoveRecord ReplyRecord RunRecord",
        gallery="GalleryRow",
        latest_run="KnownCell NamedTurn",
        lookups="HeldReply",
        maintenance="check_store repair_store",
        names="check_session_name",
        notebooks="Relative",
        owner="is_alive this_process",
        pack="Pack",
        pack_selection="Selection select_for_cells",
        pack_writer="runs_of",
        people="this_person",
        rebuild="rebuild_store",
        store="Store",
        verify="verify_store",
    )
