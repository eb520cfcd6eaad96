"""Running again: when two requests are the same, which cell runs, where it starts, and which reply it gets back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.replay.cells import Kernel as Kernel
    from notebook_img.replay.cells import Run as Run
    from notebook_img.replay.cells import Slot as Slot
    from notebook_img.replay.heads import BY_AGENT as BY_AGENT
    from notebook_img.replay.heads import Heads as Heads
    from notebook_img.replay.lineage import COPIED_FROM as COPIED_FROM
    from notebook_img.replay.lineage import Lineage as Lineage
    from notebook_img.replay.lineage import Namesake as Namesake
    from notebook_img.replay.lineage import find_lineage as find_lineage
    from notebook_img.replay.lineage import find_namesake as find_namesake
    from notebook_img.replay.packs import FIRST_SOURCE as FIRST_SOURCE
    from notebook_img.replay.packs import SUFFIX as SUFFIX
    from notebook_img.replay.packs import Packs as Packs
    from notebook_img.replay.packs import find_packs as find_packs
    from notebook_img.replay.rules import BUILT_IN as BUILT_IN
    from notebook_img.replay.rules import CellState as CellState
    from notebook_img.replay.rules import Decision as Decision
    from notebook_img.replay.rules import Stored as Stored
    from notebook_img.replay.rules import Want as Want
    from notebook_img.replay.rules import content_key as content_key
    from notebook_img.replay.rules import decide as decide
    from notebook_img.replay.rules import request_key as request_key
    from notebook_img.replay.rules import stored_of as stored_of
    from notebook_img.replay.typed_ids import turn_meant as turn_meant
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        cells="Kernel Run Slot",
        heads="BY_AGENT Heads",
        lineage="COPIED_FROM Lineage Namesake find_lineage find_namesake",
        packs="FIRST_SOURCE SUFFIX Packs find_packs",
        rules="BUILT_IN CellState Decision Stored Want content_key decide request_key stored_of",
        typed_ids="turn_meant",
    )
