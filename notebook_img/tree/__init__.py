"""Sessions and turns: the tree people work in, over the rows of the store. Who does the work is the actor's business."""

from __future__ import annotations

from notebook_img.store.names import check_session_name
from notebook_img.tree.actor import Actor
from notebook_img.tree.ids import TurnId, parse_id
from notebook_img.tree.session import Session
from notebook_img.tree.turn import Turn, stored_picture
from notebook_img.tree.turns import Turns

__all__ = ["Actor", "Session", "Turn", "TurnId", "Turns", "check_session_name", "parse_id", "stored_picture"]
