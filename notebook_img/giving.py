"""Replay against the real store: finds what may be given back, gives it, notes it with the running cell."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from notebook_img import replay
from notebook_img.packs import FIRST_SOURCE

if TYPE_CHECKING:
    from notebook_img.asking import Asked
    from notebook_img.cells import Run
    from notebook_img.records import TurnRecord
    from notebook_img.studio import Studio


def decide(studio: Studio, asked: Asked, key: str, model: str, *, typed: bool) -> replay.Decision:
    """Look up which stored reply a request may have."""
    mode = studio.settings.replay
    kernel, slot = studio.kernel, asked.slot
    if kernel is None or mode == "off" or (slot is None and mode == "restart"):
        return replay.Decision()
    want = replay.Want(key, model, typed, 0, fresh=asked.call.fresh)
    if slot is not None:
        want = dataclasses.replace(want, position=slot.position(want))
        state = kernel.state(slot.run, lambda current: latest_run(studio, current, kernel.id), giving_back=mode == "only")
    else:  # a thread that outlived its cell: what replay forbids or gives always holds for it too
        state = replay.CellState(first=True)
    needs_rows = state.first or mode in ("always", "only")
    stored = find(studio, asked.session.id, key) if needs_rows else []
    # What its own cells made this kernel has had, also in the moment between the storing of a turn and its noting.
    own = {reply.identity for reply in stored if reply.kernel == kernel.id}
    with kernel.lock:  # two equal requests at once must not be given the same reply
        decision = replay.decide(mode, want, state, stored, kernel.had | own)  # type: ignore[arg-type]
        found = decision.stored
        if found is None or asked.call.dry_run:
            return decision
        kernel.had.add(found.identity)
    if found.source < FIRST_SOURCE and studio.store.turn(found.session_id, found.number) is None:
        # The row was deleted, here or in another process, since the run that got it.
        return dataclasses.replace(decision, stored=None, miss=mode == "only")
    return decision


def find(studio: Studio, session_id: str, key: str) -> list[replay.Stored]:
    """Return all stored replies to a request: this session, the store, packs."""
    rows = studio.store.find_replies(key)
    found = [replay.stored_of(row, 0 if row.session_id == session_id else 1) for row in rows]
    return found + studio.packs().find(key)


def latest_run(studio: Studio, run: Run, kernel: str) -> tuple[replay.Stored, ...]:
    """Return what the cell's latest run in another kernel got, in order.

    It is known by the cell's own key, else by its source and place among equal cells. What stopped runs in this kernel got is
    known to the kernel itself.
    """
    rows = studio.store.latest_replies(run.cell, source_hash=run.source_hash, ordinal=run.ordinal, not_kernel=kernel, notebook=run.notebook)
    if rows:
        return tuple(
            replay.Stored(0, row.session_id, row.number, row.request_key, row.model, row.started, row.wanted, content=row.content)
            for row in rows
        )
    return studio.packs().latest_run(run.cell, source_hash=run.source_hash, ordinal=run.ordinal)


def give_back(studio: Studio, asked: Asked, stored: replay.Stored) -> TurnRecord:
    """Return the stored turn itself, or a copy of it in this session when it comes from elsewhere."""
    if stored.source < FIRST_SOURCE:
        record = studio.turn_record(stored.session_id, stored.number)
        pictures = None
    else:
        record, pictures = studio.packs().take(stored)
    if record.session_id != asked.session.id or pictures is not None:
        record = _copy(studio, asked, record, pictures)
    note(studio, asked, record, replay.Decision())
    return record


def _copy(studio: Studio, asked: Asked, record: TurnRecord, pictures: dict[str, bytes] | None) -> TurnRecord:
    copy = dataclasses.replace(
        record,
        session_id=asked.session.id,
        number=0,
        parent=asked.parent.number if asked.parent else None,
        picked=asked.picked,
        head_before=asked.head_before,
        origin=asked.origin,
        raw=record.raw if pictures is None else "",
    )
    moves = copy.kind != "ask" and studio.heads.moves_stored(studio.store, copy.session_id)
    kept = studio.store.add_turn(copy, pictures or {}, move_head=moves)
    if copy.kind != "ask":
        studio.keep_model(asked.session.id, kept.model)
    return kept


def note(studio: Studio, asked: Asked, record: TurnRecord, decision: replay.Decision) -> None:
    """Note with the call's cell what it got; a fresh reply takes the place of the one it would have got."""
    kernel, slot = studio.kernel, asked.slot
    if record.kind == "ask":
        studio.heads.asked(record, asked.run)
    if kernel is None:
        return
    if decision.instead_of is not None:
        kernel.had.add(decision.instead_of.identity)
    kernel.note(slot, replay.stored_of(record, 0))
    if slot is not None:
        row = kernel.row(studio.store, slot.run)
        studio.store.note_reply(row, record.request_key, record.model, record.session_id, record.number, position=slot.number)


def explain_miss(studio: Studio, asked: Asked, pending: TurnRecord) -> str:
    """Say that replay is "only" and nothing fits, with the nearest stored request."""
    run = asked.run
    cell = f"The cell {run.cell.removeprefix('id:')!r}" if run and run.cell.startswith("id:") else "This cell"
    prompts = {turn.prompt: turn for turn in studio.store.turns(asked.session.id, limit=200, newest_first=True)}
    near = difflib.get_close_matches(pending.prompt, prompts, n=1, cutoff=0.3)
    nearest = f" The nearest stored request is {asked.session.name}/{prompts[near[0]].id}: {near[0][:80]!r}." if near else ""
    return (
        f"{cell} asks for something no stored reply fits ({pending.kind}: {pending.prompt[:80]!r}), and replay is 'only', "
        f"so nothing was sent.{nearest} Set replay to 'restart' to ask the service."
    )
