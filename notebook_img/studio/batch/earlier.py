"""The same cell again: the batch it made before is found and gone on with, and what that has is given back at no cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from notebook_img.calls import item_jobs
from notebook_img.errors import OutputError
from notebook_img.replay import stored_of
from notebook_img.studio.batch.stored import make_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.records import BatchRecord, SessionRecord, TurnRecord
    from notebook_img.replay import Run, Slot
    from notebook_img.studio.batch.planning import Plan
    from notebook_img.studio.studio import Studio
    from notebook_img.workspace import Workspace

LOOKED_AT = 50
"""Batches that are compared where no cell tells which one is meant."""


def earlier_batch(studio: Studio, plan: Plan, run: Run | None, beside: SessionRecord) -> BatchRecord | None:
    """Return the batch that is gone on with: the cell's own that asks any of the same, else an unfinished one that asks just the same."""
    store = studio.store
    keys = {one.item.key for one in plan.priced if one.item.key}
    given = run.batches if run is not None else set()
    if run is not None:
        for record in store.batches_of_cell(run.cell, run.source_hash, run.notebook):
            if record.id in given or record.kind != str(plan.shared.get("kind", record.kind)):
                continue
            states = store.batch_keys(record.id)
            ended = not _is_open(states)
            if keys & states.keys() and not (ended and studio.settings.replay == "off"):
                return record
    for record in store.batches(session=beside.id, limit=LOOKED_AT):
        alike = record.id not in given and record.facts.get("digest") == plan.digest
        if alike and (_is_open(store.batch_keys(record.id)) or item_jobs(studio, record.id)):
            return record
    return None


def _is_open(states: Mapping[str, Sequence[str]]) -> bool:
    return any(state in ("waiting", "leased", "sent") for several in states.values() for state in several)


def keep_done(studio: Workspace, record: BatchRecord, run: Run | None, slots: Mapping[int, Slot]) -> None:
    """Let the running cell have what is done: its pack and its next run know these replies as its own; files that are gone are written."""
    store, kernel = studio.store, studio.kernel
    done = store.items(record.id, states=("done",))
    if not done:
        return
    turns = turns_of(studio, {item.session_id for item in done})
    rows = []
    for item in done:
        turn = turns.get((item.session_id, item.turn or 0))
        if turn is None:  # it was deleted since
            continue
        output = item.call.get("output", record.call.get("output"))
        if output and turn.uses("output") and not Path(output).exists() and (error := _written(studio, turn, output)) != item.error:
            store.note_error(item.id, error)
        slot = slots.get(item.position)
        if slot is not None and kernel is not None and run is not None:
            kernel.note(slot, stored_of(turn, 0))
            slot.leave()
            rows.append((slot.number, turn.request_key, turn.model, turn.session_id, turn.number))
    if rows and kernel is not None and run is not None:
        store.note_replies(kernel.row(store, run), rows)


def _written(workspace: Workspace, turn: TurnRecord, output: str) -> str:
    """Write the file of an item that is done; return why that did not succeed: the others go on all the same."""
    from notebook_img.calls import write_output

    make_folder(output)
    try:
        write_output(workspace, turn, output, force=False, replayed=True)
    except OutputError as error:
        return error.sentence
    return ""


def turns_of(workspace: Workspace, sessions: set[str]) -> dict[tuple[str, int], TurnRecord]:
    """Return all turns of sessions by session and number."""
    return {(turn.session_id, turn.number): turn for session in sessions for turn in workspace.store.turns(session)}
