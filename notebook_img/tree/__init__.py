"""Sessions and turns: the tree people work in, over the rows of the store. The actor does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.tree.actor import Actor as Actor
    from notebook_img.tree.batches import Counts as Counts
    from notebook_img.tree.batches import counts_of as counts_of
    from notebook_img.tree.drawing import caption as caption
    from notebook_img.tree.drawing import numbered as numbered
    from notebook_img.tree.drifting import drift_lines as drift_lines
    from notebook_img.tree.pictures import pictures_of as pictures_of
    from notebook_img.tree.pictures import stored_picture as stored_picture
    from notebook_img.tree.schemas import Shape as Shape
    from notebook_img.tree.schemas import columns as columns
    from notebook_img.tree.schemas import read_columns as read_columns
    from notebook_img.tree.schemas import rows_of as rows_of
    from notebook_img.tree.schemas import shape_of as shape_of
    from notebook_img.tree.schemas import typed_columns as typed_columns
    from notebook_img.tree.session import HISTORIES as HISTORIES
    from notebook_img.tree.session import Session as Session
    from notebook_img.tree.sheets import TurnList as TurnList
    from notebook_img.tree.turn import Turn as Turn
    from notebook_img.tree.turns import Turns as Turns
    from notebook_img.tree.values import Drawn as Drawn
    from notebook_img.tree.values import running_shell as running_shell
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        actor="Actor",
        batches="Counts counts_of",
        drawing="caption numbered",
        drifting="drift_lines",
        pictures="pictures_of stored_picture",
        schemas="Shape columns read_columns rows_of shape_of typed_columns",
        session="HISTORIES Session",
        sheets="TurnList",
        turn="Turn",
        turns="Turns",
        values="Drawn running_shell",
    )
