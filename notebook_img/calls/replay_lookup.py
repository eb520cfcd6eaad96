"""Replay against the store: finds the reply a request may reuse, gives it back and records it with the running cell."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING

from notebook_img.calls.same_request import other_keys
from notebook_img.errors import PackError, RefusedError
from notebook_img.ids import turn_id
from notebook_img.network import shown_url
from notebook_img.replay import BUILT_IN, FIRST_SOURCE, CellState, Decision, Stored, Want, decide, stored_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.calls.request import PreparedCall
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.records import Origin, TurnRecord
    from notebook_img.replay import Kernel, Run
    from notebook_img.store import HeldReply
    from notebook_img.workspace import Workspace


WITHOUT_IDS = (
    "This front end does not tell which cell runs, so a cell that is run again counts as one more cell of the same words: its edits go on "
    "from its own result, and in a new kernel it gets what it got first."
)

LOST_ROWS = (
    "Rows are missing from the index of {home}: it is an older copy, or one without its newest part. What was made since is asked for "
    "anew, and paid for, until the doctor's rebuild brings it back."
)


def look_up(workspace: Workspace, ready: PreparedCall) -> Decision:
    """Look up which stored reply a request may have."""
    mode, kernel, slot = workspace.settings.replay, workspace.kernel, ready.asked.slot
    call = ready.asked.call
    want = Want(ready.pending.request_key, ready.model, bool(call.model), 0, fresh=call.fresh)
    if kernel is None or mode == "off" or (slot is None and mode == "restart"):
        return decide(mode, want, None, (), frozenset())  # type: ignore[arg-type]
    if slot is not None:
        if not slot.run.cell_id and slot.run.ordinal > 1:
            workspace.shared.say_once(WITHOUT_IDS, workspace.say)
        want = dataclasses.replace(want, position=slot.position(want))
        state = kernel.state(slot.run, lambda current: latest_run(workspace, current, kernel.id), giving_back=mode == "only")
    else:  # a thread that outlived its cell: what replay forbids or gives always holds for it too
        state = CellState(first=True)
    decision = _decided(workspace, ready.asked, want, state, kernel)
    if state.first or mode in ("always", "only"):
        for key in other_keys(workspace, ready):
            if decision.stored is not None or decision.instead_of is not None:
                break
            decision = _decided(workspace, ready.asked, dataclasses.replace(want, request_key=key), state, kernel)
    if decision.stored is None and workspace.store.has_lost_rows:
        workspace.shared.say_once(LOST_ROWS.format(home=workspace.store.home), workspace.say)
    return decision


def _decided(workspace: Workspace, asked: PlacedCall, want: Want, state: CellState, kernel: Kernel) -> Decision:
    """Decide for one form of the request; what is given counts as given in this kernel from here on."""
    mode, slot, key = workspace.settings.replay, asked.slot, want.request_key
    stored: list[Stored] = []
    if mode == "always":
        stored = find(workspace, asked.session.id, key)
    elif (state.first or mode == "only") and decide(mode, want, state, (), frozenset()).stored is None:  # type: ignore[arg-type]
        earlier = earlier_runs(workspace, slot.run, key, kernel.id) if slot is not None else ()
        state = dataclasses.replace(state, held=[*state.held, *earlier])
        stored = given_elsewhere(workspace, asked, key, kernel.id)
    # What its own cells made this kernel has had, also in the moment between the storing of a turn and its noting.
    own = {reply.identity for reply in stored if reply.kernel == kernel.id}
    lost: set[tuple[str, float]] = set()
    while True:
        with kernel.lock:  # two equal requests at once must not be given the same reply
            decision = decide(mode, want, state, stored, kernel.had | own | lost)  # type: ignore[arg-type]
            found = decision.stored
            if found is None or asked.call.dry_run:
                return decision
            kernel.had.add(found.identity)
        if found.source < FIRST_SOURCE and not _is_there(workspace, found, looked_at=asked.claim is None):
            return dataclasses.replace(decision, stored=None, miss=decide(mode, want, None, (), frozenset()).miss)  # type: ignore[arg-type]
        if found.source < FIRST_SOURCE or workspace.packs().take(found, workspace.store) is not None:
            return decision
        # Its pack turned out to be damaged: that was said, and this request may have another reply.
        lost.add(found.identity)
        stored = [reply for reply in stored if reply.source != found.source]
        state = dataclasses.replace(state, held=[[reply for reply in run if reply.source != found.source] for run in state.held])


def _is_there(workspace: Workspace, found: Stored, *, looked_at: bool) -> bool:
    """Return whether a stored turn can be given, its pictures healed from a pack where their files are gone.

    A picture that is looked at next must have its own bytes; for the many of a batch only the length is compared.
    """
    record = workspace.store.turn(found.session_id, found.number)
    if record is None:
        return False  # deleted, here or in another process, since the run that got it
    store, made = workspace.store, record.uses("output")
    gone = [use for use in made if not (store.is_whole(use.sha256) if looked_at else store.has_file(use))]
    lost = not made and not record.text and record.kind != "ask"  # by a damaged index
    if lost or not all(workspace.packs().heal(use, workspace.store) for use in gone):
        name = turn_id(record.number, session=workspace.session_name(record.session_id))
        workspace.shared.say_once(f"The picture of {name} is gone from the store or damaged, so it cannot be given back.", workspace.say)
        return False
    return True


def find(workspace: Workspace, session_id: str, key: str) -> list[Stored]:
    """Return all stored replies to a request: this session, the store, packs."""
    rows = workspace.store.find_replies(key)
    found = [stored_of(row, 0 if row.session_id == session_id else 1) for row in rows]
    return found + workspace.packs().find(key)


def latest_run(workspace: Workspace, run: Run, kernel: str) -> tuple[Stored, ...]:
    """Return what the cell's latest run in another kernel got, in order.

    What stopped runs in this kernel got is known to the kernel itself.
    """
    cell = run.known(workspace.origins)
    held = workspace.store.latest_replies(cell, not_kernel=kernel)
    return tuple(map(_stored, held)) if held else workspace.packs().latest_replies(cell)


def earlier_runs(workspace: Workspace, run: Run, key: str, kernel: str) -> list[list[Stored]]:
    """Return what the cell got for a request in any of its runs in other kernels, the latest first."""
    runs = workspace.store.earlier_replies(run.known(workspace.origins), key, not_kernel=kernel)
    return [list(map(_stored, held)) for held in runs]


def given_elsewhere(workspace: Workspace, asked: PlacedCall, key: str, kernel: str) -> list[Stored]:
    """Return the replies of others that a cell may have which never had this one: of its notebook's cells, then of packs.

    Rolls that were rejected are among neither: their cells have others by now.
    """
    here = asked.run.notebook if asked.run is not None else str(workspace.notebook or "")
    notebooks = [name for name in (here, *workspace.origins) if name]
    rows = workspace.store.claimed_replies(key, notebooks=notebooks, session_id=asked.session.id, not_kernel=kernel)
    return [*(stored_of(row, 0) for row in rows), *workspace.packs().find(key)]


def _stored(held: HeldReply) -> Stored:
    return Stored(0, held.session_id, held.number, held.request_key, held.model, held.started, held.wanted, content=held.content)


def give_back(workspace: Workspace, asked: PlacedCall, stored: Stored) -> TurnRecord:
    """Return the stored turn itself, or a copy of it in this session when it comes from elsewhere."""
    packed = stored.source >= FIRST_SOURCE
    record = workspace.packs().take(stored, workspace.store) if packed else workspace.turn_record(stored.session_id, stored.number)
    if record is None:
        raise PackError("The pack with this reply was changed or taken away at this moment. Run the cell again.")
    if packed or (record.session_id != asked.session.id and not workspace.store.read_only):
        record = _copy_of_before(workspace, asked, record) or _copy(workspace, asked, record, packed=packed)
    note(workspace, asked, record, Decision())
    return record


def _copy_of_before(workspace: Workspace, asked: PlacedCall, record: TurnRecord) -> TurnRecord | None:
    """Return the copy of a turn that is already in its place: otherwise nbconvert beside the Lab would add one at each turn."""
    number = workspace.store.counterpart(asked.session.id, record)
    there = workspace.store.turn(asked.session.id, number) if number is not None else None
    parent = asked.parent.number if asked.parent else None
    return there if there is not None and (there.parent, there.picked) == (parent, asked.picked) else None


def _copy(workspace: Workspace, asked: PlacedCall, record: TurnRecord, *, packed: bool) -> TurnRecord:
    copy = dataclasses.replace(
        record,
        session_id=asked.session.id,
        number=0,
        parent=asked.parent.number if asked.parent else None,
        picked=asked.picked,
        head_before=asked.head_before,
        origin=origin_of(workspace, asked),
        raw="" if packed else record.raw,
    )
    moves = copy.kind != "ask" and asked.claim is None and workspace.heads.moves_stored(workspace.store, copy.session_id)
    return workspace.store.add_turn(copy, move_head=moves)


def given_words(workspace: Workspace, ready: PreparedCall, record: TurnRecord, decision: Decision) -> str:
    """Return how a reply that is given back is named in its caption: where it is from, unless it is the cell's own."""
    found = decision.stored
    if record.model.startswith(f"{BUILT_IN}:") and ready.provider.name != BUILT_IN:
        return f"replayed (built-in); run again to ask {ready.provider.title}"
    # One that was in this session before may have been found by its copy in another.
    copied = found is not None and found.session_id != record.session_id and record.origin.kernel == workspace.cell_origin().kernel
    if found is None or (decision.own and found.source < FIRST_SOURCE and not copied):
        return "replayed"
    return f"replayed from {workspace.stored_id(found)}; run again for a new one"


def refuse_again(workspace: Workspace, ready: PreparedCall) -> None:
    """Raise what a service said when it refused this request in the cell's latest run, if the cell went on without it.

    A sibling that was refused would be asked, and perhaps billed, at each Run All. Run again, it is asked.
    """
    kernel, slot = workspace.kernel, ready.asked.slot
    if kernel is None or slot is None or ready.asked.call.fresh or workspace.settings.replay == "off" or not kernel.is_first(slot.run):
        return
    key = ready.pending.request_key
    said = workspace.store.refusal(slot.run.known(workspace.origins), key, ready.model, not_kernel=kernel.id)
    if said is None:
        return
    note_refusal(workspace, ready, said)
    raise RefusedError(
        f"{said} That was said when this cell was last run; nothing was sent. Run it again to ask again.",
        stage="prompt",
        reason="refused before",
        billed="no",
        provider=ready.provider.name,
        model=ready.request.model,
    )


def note_refusal(workspace: Workspace, ready: PreparedCall, said: str) -> None:
    """Record that a request of the running cell was refused."""
    kernel, slot = workspace.kernel, ready.asked.slot
    if kernel is not None and slot is not None:
        row = kernel.row(workspace.store, slot.run)
        workspace.store.note_refusal(row, slot.number, ready.pending.request_key, ready.model, said)


def origin_of(workspace: Workspace, asked: PlacedCall) -> Origin:
    """Return who asks, with the row of the cell's run.

    It is written before the turn: where the index is lost, the turn's note is all that tells in which run its cell got it.
    """
    if workspace.kernel is None or asked.run is None:
        return asked.origin
    return dataclasses.replace(asked.origin, run=workspace.kernel.row(workspace.store, asked.run))


def note(workspace: Workspace, asked: PlacedCall, record: TurnRecord, decision: Decision) -> None:
    """Record what the call's cell got; a fresh reply replaces the one it would have got."""
    kernel, slot = workspace.kernel, asked.slot
    if record.kind == "ask" and asked.claim is None:
        workspace.heads.asked(record, asked.run)
    if kernel is None:
        return
    if decision.instead_of is not None:
        kernel.had.add(decision.instead_of.identity)
    kernel.note(slot, stored_of(record, 0))
    if slot is not None:
        row = kernel.row(workspace.store, slot.run)
        workspace.store.note_reply(row, record.request_key, record.model, record.session_id, record.number, position=slot.number)


LOOKED_AT = 500
"""Stored turns that are looked through for what might have been meant, of the session and of each pack."""


def _nearest(workspace: Workspace, asked: PlacedCall, pending: TurnRecord) -> str:
    """Return the stored prompts nearest to a request: those about its picture, where there are any."""
    own = workspace.store.turns(asked.session.id, limit=LOOKED_AT, newest_first=True)
    stored = [*own, *workspace.packs().some_turns(LOOKED_AT)]
    shown = {use.sha256 for use in pending.uses("input")}
    about = [turn for turn in stored if turn.kind == pending.kind and shown & {use.sha256 for use in turn.uses("input")}]
    prompts = {turn.prompt: turn for turn in reversed(about or stored)}
    near = difflib.get_close_matches(pending.prompt, prompts, n=3 if about else 1, cutoff=0.0 if about else 0.3)
    if not near:
        return ""
    named = {prompt: f" ({asked.session.name}/{turn.id})" for prompt, turn in prompts.items() if turn.session_id == asked.session.id}
    listed = ", ".join(f"{prompt[:80]!r}{named.get(prompt, '')}" for prompt in near)
    return f" Stored about this picture: {listed}." if about else f" The nearest stored request is {listed}."


def explain_unfetched(urls: Sequence[str]) -> str:
    """Say that replay is "only" and a picture is not here, so that it cannot be known what was asked."""
    return (
        f"The picture at {shown_url(urls[0])} is not stored here, and replay is 'only', so it was not fetched and nothing was sent. "
        "Set replay to 'restart' to fetch it."
        if len(urls) == 1
        else f"The pictures at {' and '.join(map(shown_url, urls))} are not all stored here, and replay is 'only', so none was fetched "
        "and nothing was sent. Set replay to 'restart' to fetch them."
    )


def explain_miss(workspace: Workspace, asked: PlacedCall, pending: TurnRecord) -> str:
    """Say that replay is "only" and nothing fits, with the nearest stored request."""
    if workspace.kernel is None:
        return (
            "replay is 'only', which asks no service, and stored replies are given back only to the cells of a notebook, "
            "so nothing was sent. Set replay to 'restart' to ask the service."
        )
    run = asked.run
    cell = f"The cell {run.cell.removeprefix('id:')!r}" if run and run.cell.startswith("id:") else "This cell"
    nearest = _nearest(workspace, asked, pending)
    return (
        f"{cell} asks for something no stored reply fits ({pending.kind}: {pending.prompt[:80]!r}), and replay is 'only', "
        f"so nothing was sent.{nearest} Set replay to 'restart' to ask the service."
    )
