"""The earlier turns that go along with a request, as far as a provider needs them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from notebook_img.ids import turn_id
from notebook_img.providers.interface import PastTurn

if TYPE_CHECKING:
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.pictures import Picture
    from notebook_img.records import Role, TurnRecord
    from notebook_img.workspace import Workspace

NEAREST = 100
"""Past turns given to a provider unless the whole history is sent, so that the thousandth edit costs what the first does."""


def past_of(workspace: Workspace, asked: PlacedCall, *, whole: bool, first: bool) -> tuple[PastTurn, ...]:
    """Return the chain a request continues: turns for an edit, the run of questions before for a question.

    Of a long one only the nearest turns, unless the `whole` of it is sent; with `first` also the turn the line began with.
    """
    assert asked.parent is not None
    store, session = workspace.store, asked.session
    chain = store.chain(session.id, asked.parent.number, limit=None if whole else NEAREST)
    if first and chain and chain[0].parent is not None and asked.call.kind != "ask":
        began = store.turn(session.id, store.start_of_line(session.id, asked.parent.number))
        chain = [*([began] if began is not None and began.number < chain[0].number else []), *chain]
    if asked.call.kind == "ask":
        chain = [*itertools.takewhile(lambda turn: turn.kind == "ask", reversed(chain))][::-1]
    else:
        chain = [turn for turn in chain if turn.kind != "ask"]
    return tuple(_past_turn(workspace, turn, session.name) for turn in chain)


def _past_turn(workspace: Workspace, turn: TurnRecord, session: str) -> PastTurn:
    from notebook_img.tree import stored_picture

    def load_raw() -> Any:
        return workspace.store.load_raw(turn.raw) if turn.raw else None

    def pictures(role: Role) -> list[Picture]:
        # No query per turn: the session's name is known here.
        name = turn_id(turn.number, session=session) if role == "output" else ""
        return [stored_picture(workspace.store, use, name=name) for use in turn.uses(role)]

    return PastTurn(
        id=turn.id,
        kind=turn.kind,
        prompt=turn.prompt,
        model=turn.model,
        text=turn.text,
        inputs=pictures("input"),
        references=pictures("reference"),
        pictures=pictures("output"),
        # Of an edit inside a mask no state was kept, so none is missed.
        key_mark=turn.key_mark if turn.raw else "",
        load_raw=load_raw,
        got=turn.got,
    )
