"""Pictures that Ark made and nobody could fetch: their URLs are a job that any process resumes while they last."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any

from notebook_img.errors import JobPendingError, NoPictureError
from notebook_img.providers.interface import Reply, SubmittedEvent, Usage
from notebook_img.providers.received import count_of, finite
from notebook_img.providers.transport import UnfetchedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from notebook_img.providers.ark.answers import Batch
    from notebook_img.providers.interface import Emit, Request
    from notebook_img.providers.transport import Transport

LASTING_SECONDS = 86_400.0
"""How long a result's URL is good (docs.byteplus.com, ModelArk image generation: "valid for 24 hours")."""


def submitted(
    request: Request, batch: Batch, urls: Sequence[str], sent: Mapping[str, Any], notes: Sequence[str], *, cost: float | None
) -> SubmittedEvent:
    """Return the event that has the URLs kept, with everything the reply needs and no key."""
    job = f"ark-{uuid.uuid4().hex[:12]}"
    usage = {name: value for name, value in batch.usage.items() if finite(value) is not None}
    state = {
        "urls": list(urls),
        "until": time.time() + LASTING_SECONDS,
        "submit_id": job,
        "model": batch.model or request.model,
        "asked_model": request.model,
        "usage": usage,
        "cost": cost,
        "seed": request.seed if "seed" in sent else None,
        "sent": dict(sent),
        "warnings": list(notes),
    }
    return SubmittedEvent(job, state)


async def resumed(state: Mapping[str, Any], transport: Transport, emit: Emit, *, own: Iterable[str]) -> Reply:
    """Fetch the pictures of a job.

    Raises
    ------
    JobPendingError
        They cannot be fetched now.
    NoPictureError
        Their time is over.
    """
    places = [url for url in state.get("urls") or () if isinstance(url, str)]
    outcomes = await asyncio.gather(*(transport.fetch_result(url, emit, own=own) for url in places), return_exceptions=True)
    pictures = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if wrong := next((error for error in failed if not isinstance(error, UnfetchedError)), None):
        raise wrong
    if not pictures:
        if time.time() > (finite(state.get("until")) or 0.0):
            raise NoPictureError("The pictures of this job were kept at Ark for a day, which is over.", reason="expired", provider="ark")
        why = failed[0].sentence if failed and isinstance(failed[0], UnfetchedError) else "no URL was kept"
        raise JobPendingError(f"The pictures of this job cannot be fetched now: {why}", job=str(state.get("submit_id") or ""))
    usage, warnings = state.get("usage") or {}, [str(note) for note in state.get("warnings") or ()]
    if failed:
        warnings.append(f"{len(failed)} of {len(places)} pictures could not be fetched.")
    model = str(state.get("model") or "")
    return Reply(
        pictures=tuple(pictures),
        usage=Usage(
            output_tokens=count_of(usage.get("output_tokens")), total_tokens=count_of(usage.get("total_tokens")), pictures=len(places)
        ),
        cost=finite(state.get("cost")),
        seed=state.get("seed"),
        sent=state.get("sent"),
        got={"model": model, "usage": usage},
        warnings=tuple(warnings),
        model=model if model != state.get("asked_model") else "",
    )
