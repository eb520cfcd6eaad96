"""What an id typed in a cell means: the turn it meant when the cell was last run, also where its turns have other ids now.

In a copy of a notebook, under another name, run by nbconvert or from a pack, the cells get copies of their turns, numbered anew. So each
run notes the turns its ids meant, and a later one looks for the copies of those. One that no cell gets any more (its cell was run again
since) is copied when an id asks for it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError
from notebook_img.ids import turn_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.ids import TurnId
    from notebook_img.records import TurnRecord
    from notebook_img.replay.cells import Kernel, Run
    from notebook_img.replay.packs import Packs
    from notebook_img.store import NamedTurn, Store

RELATED = 50
"""Turns of a session that are looked at to find out whether it holds copies of another's."""
MOST_BROUGHT = 100
"""Turns of a line that are copied for one id."""


def turn_meant(
    store: Store,
    packs: Callable[[], Packs],
    kernel: Kernel,
    run: Run,
    session_id: str,
    typed: TurnId,
    plain: tuple[str, int],
    origins: tuple[str, ...] = (),
) -> tuple[str, int]:
    """Return session id and number of the turn an id in a running cell means, and note it with the run.

    Parameters
    ----------
    store, packs : Store, callable
        Where earlier runs are looked for.
    kernel, run : Kernel, Run
        The running cell.
    session_id : str
        The session the cell works in.
    typed : TurnId
        The id; which picture of the turn does not matter here.
    plain : tuple
        What it means where nothing is known of an earlier run.
    origins : tuple of str
        Notebooks this one is a copy of.

    Raises
    ------
    NotFoundError
        When it is gone.
    """
    word = turn_id(typed.number, session=typed.session)
    if run.named is None:
        cell = run.known(origins)
        run.named = {("", each.word): each for each in store.named_in(cell) or packs().named_in(cell)}
    earlier = run.named.get((session_id, word)) or run.named.get(("", word))
    found = plain if earlier is None else _here(store, packs, run, session_id, word, earlier, origins) or plain
    if run.named.get((session_id, word)) is None and found[0]:
        own = found[0] == session_id
        from notebook_img.store import NamedTurn

        run.named[session_id, word] = NamedTurn(word, *found, own=own)
        if store.has_turn(*found):
            store.note_named(kernel.row(store, run), word, *found, own=own)
    return found


def _here(
    store: Store, packs: Callable[[], Packs], run: Run, session_id: str, word: str, earlier: NamedTurn, origins: tuple[str, ...]
) -> tuple[str, int] | None:
    """Return where the turn an id meant is for this session; None where the two have nothing to do with each other."""
    if earlier.session_id == session_id:
        return earlier.session_id, earlier.number
    stored = store.turn(earlier.session_id, earlier.number)
    meant = stored or packs().turn(earlier.session_id, earlier.number)
    if not earlier.own:
        # Where it is gone for good, the session may have been made anew under its name.
        return (earlier.session_id, earlier.number) if meant is not None else None
    if meant is not None and (number := store.counterpart(session_id, meant)) is not None:
        return session_id, number
    if stored is not None and run.notebook and stored.origin.notebook == run.notebook:
        return None  # this very notebook, which works in another session now
    is_copy = meant is not None and meant.origin.notebook in origins
    if not is_copy and not _is_related(store, packs, session_id, earlier.session_id):
        return None
    if meant is not None and not store.read_only:
        return session_id, _brought(store, packs, session_id, meant, run.cell)
    if stored is not None:
        return earlier.session_id, earlier.number
    here, there = store.session(session_id), store.session(earlier.session_id)
    name = turn_id(earlier.number, session=there.name if there is not None else "")
    raise NotFoundError(
        f"{word} in this cell means {name} of the notebook this one was made from. It is gone, and session "
        f"{here.name if here else session_id!r} has no copy of it. Nothing was sent. Name another turn or a picture."
    )


def _brought(store: Store, packs: Callable[[], Packs], session_id: str, meant: TurnRecord, cell: str) -> int:
    """Copy a turn into a session, after those it comes of that are not there yet; return its number there.

    No cell of this kernel got the copies, and no other one is given them (see `Lookups.claimed_replies`).
    """
    line: list[TurnRecord] = []
    above: int | None = None
    record: TurnRecord | None = meant
    while record is not None and len(line) < MOST_BROUGHT:
        above = store.counterpart(session_id, record)
        if above is not None:
            break
        line.append(record)
        there, parent = record.session_id, record.parent
        record = None if parent is None else store.turn(there, parent) or packs().turn(there, parent)
    for each in reversed(line):
        packed = store.turn(each.session_id, each.number) is None
        if packed:
            packs().brought(each.session_id, each.number, store)
        copy = dataclasses.replace(
            each,
            session_id=session_id,
            number=0,
            parent=above,
            picked=each.picked if above is not None else None,
            head_before=None,
            origin=dataclasses.replace(each.origin, run=0, kernel="", cell=each.origin.cell or cell),
            raw="" if packed else each.raw,
        )
        above = store.add_turn(copy, move_head=False).number
    assert above is not None
    return above


def _is_related(store: Store, packs: Callable[[], Packs], session_id: str, other: str) -> bool:
    """Return whether a session holds copies of turns of another one."""
    mine = store.turns(session_id, limit=RELATED)
    if store.session(other) is not None:
        return any(store.counterpart(other, record) is not None for record in mine)
    return any(reply.session_id == other for record in mine for reply in packs().find(record.request_key))
