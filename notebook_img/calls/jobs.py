"""Jobs a service has taken: stored before the wait begins, left when it ends, resumed by any process."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from notebook_img import keys, loop
from notebook_img.calls.budget import Booking, settle_failure
from notebook_img.calls.outputs import write_output
from notebook_img.calls.region import Region
from notebook_img.calls.results import CallResult
from notebook_img.calls.stopping import Bill, note_bill
from notebook_img.calls.store_reply import keep
from notebook_img.errors import (
    AuthenticationError,
    FrameError,
    JobPendingError,
    KeyMissingError,
    NotebookImgError,
    NotFoundError,
    OutputError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ReplayMissError,
    StoreError,
    UnreachableError,
    UsageError,
    did_you_mean,
    sentence_of,
)
from notebook_img.hints import Hint
from notebook_img.ids import turn_id
from notebook_img.loop import in_thread, to_the_end
from notebook_img.providers import cost_by, key_services, own_terms
from notebook_img.providers.interface import Reply, SubmittedEvent
from notebook_img.records import JobRecord, Origin, PictureUse, TurnRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notebook_img.calls.request import PreparedCall
    from notebook_img.loop import Tell
    from notebook_img.store import Store
    from notebook_img.workspace import Workspace

T = TypeVar("T")


def keep_job(workspace: Workspace, ready: PreparedCall, event: SubmittedEvent, spend: int | None, mark: str) -> str:
    """Store a job the service took before waiting for it, so that a crash loses nothing paid for."""
    name = f"j{secrets.token_hex(4)}"
    for picture in ready.sources.values():
        workspace.store.put_picture(picture.data)
    pending = dataclasses.asdict(dataclasses.replace(ready.pending, key_mark=mark))
    now = time.time()
    workspace.store.add_job(
        JobRecord(
            id=name,
            session=ready.asked.session.name,
            state="running",
            owner=workspace.store.owner,
            created=now,
            updated=now,
            model=ready.model,
            prompt=ready.pending.prompt,
            submit_id=event.submit_id,
            service_state=dict(event.state),
            request={
                "pending": pending,
                "spend": spend,
                "output": _output_of(ready),
                "force": ready.asked.call.force,
                # By which any process pastes the reply; rows without it were sent whole.
                **({"region": ready.region.plan.to_dict()} if ready.region is not None and ready.region.plan is not None else {}),
                # By which the item of a batch is done, whoever fetches it.
                **({"item": {"batch": claim.batch, "id": claim.item}} if (claim := ready.asked.claim) is not None else {}),
                **({"own_price": terms} if (terms := own_terms(ready.provider, ready.request)) is not None else {}),
            },
        )
    )
    return name


def _output_of(ready: PreparedCall) -> str:
    """Return the file a call wanted, absolute: whoever resumes may work in another folder."""
    output = ready.asked.call.output
    return str(Path(output).expanduser().absolute()) if output is not None else ""


def leave_job(workspace: Workspace, job: str, error: BaseException) -> None:
    """Record how the wait for a job ended: given up (it can be resumed), or failed for good."""
    # A reply in another frame, or one the disk had no room for, is there all the same and can be fetched again; and a key that
    # is missing or has expired today may be there tomorrow.
    lasting = isinstance(error, NotebookImgError) and not isinstance(
        error,
        (
            JobPendingError,
            UnreachableError,
            OverloadedError,
            RateLimitError,
            AuthenticationError,
            KeyMissingError,
            FrameError,
            StoreError,
        ),
    )
    workspace.store.update_job(job, state="failed" if lasting else "submitted", error=sentence_of(error)[:500] if lasting else "")


def is_left(store: Store, job: JobRecord) -> bool:
    """Return whether an unfinished job has no process waiting for it: it was left, or its process is gone."""
    return job.state == "submitted" or (job.state == "running" and not store.alive(job.owner, job.updated))


def waiting_jobs(workspace: Workspace) -> list[JobRecord]:
    """Return the jobs that can be resumed: a service has them, and no process waits for them."""
    return [row for row in workspace.store.jobs(limit=200) if "pending" in row.request and is_left(workspace.store, row)]


def unfinished_jobs(store: Store, session: str) -> list[JobRecord]:
    """Return the jobs that may still bring a turn into the session of this name."""
    return [
        row
        for row in store.jobs(session=session)
        if row.state == "submitted" or (row.state == "running" and ("pending" in row.request or store.alive(row.owner, row.updated)))
    ]


def item_jobs(workspace: Workspace, batch: int) -> dict[int, JobRecord]:
    """Return the jobs that can be resumed of a batch's items, by item."""
    rows = [row for state in ("submitted", "running") for row in workspace.store.jobs(state=state, limit=None)]
    of_batch = [row for row in rows if "pending" in row.request and row.request.get("item", {}).get("batch") == batch]
    return {row.request["item"]["id"]: row for row in of_batch if is_left(workspace.store, row)}


def waiting_job(workspace: Workspace, name: str) -> JobRecord:
    """Return the job with this id, ours or the service's, if it can be resumed; else the error says why not."""
    rows = workspace.store.jobs(limit=200)
    found = workspace.store.job(name) or next((row for row in rows if row.submit_id == name), None)
    if found is None:
        waiting = [row.id for row in waiting_jobs(workspace)]
        known = f" Waiting with a service: {', '.join(waiting[:5])}." if waiting else " No job is waiting with a service."
        raise NotFoundError(f"There is no job {name!r}.{did_you_mean(name, [row.id for row in rows]) or known}")
    if found.state == "done":
        raise UsageError(f"Job {found.id} is done: its pictures are in {found.turn}.")
    if found.state in ("failed", "cancelled"):
        raise UsageError(f"Job {found.id} {found.state}{': ' + found.error if found.error else ''}. It cannot be resumed.")
    if not is_left(workspace.store, found):
        raise UsageError(f"The process that asked for job {found.id} still waits for it. Interrupt that one first.")
    if "pending" not in found.request:
        raise UsageError(f"Job {found.id} ended with the process that ran it; no service has it. Ask again.")
    return found


def resume_jobs(workspace: Workspace, job: str | None, on_event: Tell | None) -> Iterator[CallResult]:
    """Fetch one waiting job, or all of them one after the other; see `Studio.resume`."""
    if workspace.settings.replay == "only":
        raise ReplayMissError("replay is 'only', which asks no service, so no job was fetched. Set replay to 'restart' to fetch it.")
    came = 0
    failed: list[NotebookImgError] = []
    for row in [waiting_job(workspace, job)] if job is not None else waiting_jobs(workspace):
        note_bill(bill := Bill(job=row.id))  # what it costs was counted when it was asked for
        try:
            made = loop.run(lambda tell, row=row: resume_job(workspace, row, tell), on_event)  # type: ignore[misc]
        except NotebookImgError as error:
            failed.append(error)
        else:
            bill.job, bill.turn = "", turn_id(made.record.number, session=workspace.session_name(made.record.session_id))
            came += 1
            write_file_of(workspace, row, made)
            yield made
    if failed and not came:
        raise failed[0]
    for left in failed:
        workspace.say(f"Warning: {left.sentence}")


def write_file_of(workspace: Workspace, job: JobRecord, made: CallResult) -> None:
    """Write the file the interrupted call asked for; a failure is only reported, since the pictures are stored."""
    output = str(job.request.get("output") or "")
    if not output:
        return
    try:
        files, said = write_output(workspace, made.record, output, force=bool(job.request.get("force")))
    except OutputError as error:
        made.notices = (*made.notices, error.sentence)
    else:
        made.files, made.notices = tuple(files), (*made.notices, *said)


async def resume_job(workspace: Workspace, job: JobRecord, tell: Tell) -> CallResult:
    """Fetch the pictures of a job that a service finished meanwhile, and store its turn.

    Raises
    ------
    JobPendingError
        It is not finished yet; it can be resumed again.
    UsageError
        Another process waits for it.
    """
    from notebook_img import providers

    provider = providers.get(providers.resolve(job.model, workspace.settings)[0], workspace.settings)
    await in_thread(_placed_again, workspace, job)  # what cannot be placed is not claimed either
    if not await in_thread(workspace.store.claim_job, job):
        raise UsageError(f"Job {job.id} is being fetched by another process at this moment.", hint=Hint("show-turns", session=job.session))
    try:
        reply = await provider.resume(job.service_state, tell)
        if terms := job.request.get("own_price"):
            reply = dataclasses.replace(reply, cost=cost_by(terms, reply))
    except asyncio.CancelledError:
        await to_the_end(in_thread(lambda: workspace.store.update_job(job.id, state="submitted")))
        raise
    except NotebookImgError as error:
        failure = error
        if isinstance(error, JobPendingError):
            error.kept_as(job.id)
        elif isinstance(error, ProviderError) and error.cost is not None:
            booking = Booking("billed", error.cost)
            await to_the_end(in_thread(lambda: settle_failure(workspace, job.request.get("spend"), booking)))
        await to_the_end(in_thread(lambda: leave_job(workspace, job.id, failure)))
        keys.cleaned(error, key_services(workspace.settings), workspace.settings)
        raise
    record = await to_the_end(in_thread(_keep_resumed, workspace, job, reply))
    if record.kind != "ask" and "item" not in job.request:  # a batch moves no head
        workspace.move_head(record.session_id, record.number, "resume")
    return CallResult(record)


def _placed_again(workspace: Workspace, job: JobRecord) -> TurnRecord:
    """Return the turn a job will become, where its session and its parent still are, else in a session of the old name."""
    pending = record_from(workspace.store, job)
    session = workspace.store.session(pending.session_id)
    if session is None:
        session, _ = workspace.store.open_session(job.session)
        return dataclasses.replace(pending, session_id=session.id, parent=None, picked=None, head_before=session.head)
    if pending.parent is not None and workspace.store.turn(session.id, pending.parent) is None:
        return dataclasses.replace(pending, parent=None, picked=None)
    return pending


def _keep_resumed(workspace: Workspace, job: JobRecord, reply: Reply) -> TurnRecord:
    """Store the turn of a resumed job, inside its mask where it had one; a reply in another frame is kept as delivered, with a warning."""
    spend, item = job.request.get("spend"), job.request.get("item")
    claim = workspace.store.claim_left(item["id"], spend) if item is not None else None
    pending = _placed_again(workspace, job)  # which may have changed while it was fetched
    try:
        record = keep(workspace, pending, None, reply, spend, _region_again(workspace, job, pending), claim=claim)
    except FrameError as error:
        reply = dataclasses.replace(reply, warnings=(*reply.warnings, f"Kept as it was delivered: {error.sentence}"))
        record = keep(workspace, pending, None, reply, spend, claim=claim)
    workspace.store.update_job(job.id, state="done", turn=turn_id(record.number, session=workspace.session_name(record.session_id)))
    return record


def _region_again(workspace: Workspace, job: JobRecord, pending: TurnRecord) -> Region | None:
    """Return what the reply of a job is pasted into: its input, or the larger canvas made of it, by the plan it was sent with."""
    from notebook_img import pictures

    inputs, masks = workspace.pictures_of(pending, "input"), workspace.pictures_of(pending, "mask")
    if not inputs or not masks or pending.asked.get("confine") is False:
        return None
    ratio = pending.asked.get("outpaint")
    frame, mask = pictures.outpaint(inputs[0], str(ratio)) if ratio else (inputs[0], masks[0])
    plan = job.request.get("region")
    return Region(frame, mask, pictures.RegionPlan.from_dict(plan) if isinstance(plan, dict) else None)


def record_from(store: Store, job: JobRecord) -> TurnRecord:
    """Rebuild the turn that was written into a job's row, maybe by another version of this package.

    Fields unknown here are left out and missing ones take their default, since what was paid for has to be fetched all the same.
    """
    values = job.request["pending"]
    return _rebuilt(
        TurnRecord,
        {
            "session_id": "",
            "number": 0,
            "kind": "generate",
            "prompt": job.prompt,
            "model": job.model,
            **values,
            "pictures": tuple(_use_from(store, use) for use in values.get("pictures", ()) if "sha256" in use),
            "origin": _rebuilt(Origin, values.get("origin", {})),
            "warnings": tuple(values.get("warnings", ())),
        },
    )


def _use_from(store: Store, values: Mapping[str, Any]) -> PictureUse:
    """Rebuild one of its pictures; facts that are missing are those of the picture itself."""
    if not {"role", "mime_type", "width", "height", "bytes"} <= values.keys():
        from notebook_img.pictures import Picture

        data = store.read_picture(values["sha256"])
        picture = Picture(data)
        facts = {"mime_type": picture.mime_type, "width": picture.width, "height": picture.height, "bytes": len(data)}
        values = {"role": "input", **facts, **values}
    return _rebuilt(PictureUse, values)


def _rebuilt(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return a record of the fields that it has."""
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in known})
