"""Pictures that were made, are paid for and could not be fetched: their URLs are a job that any process resumes while they last."""

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

    from notebook_img.providers.interface import Emit
    from notebook_img.providers.transport import Transport

LASTING_SECONDS = 86_400.0
"""How long such URLs are good: at Ark a day (docs.byteplus.com, ModelArk image generation: "valid for 24 hours"), elsewhere no longer."""


def submitted(
    provider: str,
    urls: Sequence[str],
    *,
    model: str,
    asked_model: str,
    usage: Mapping[str, Any],
    cost: float | None,
    sent: Any,
    warnings: Sequence[str],
    seed: int | None = None,
) -> SubmittedEvent:
    """Return the event that has the URLs kept, with everything the reply needs and no key."""
    job = f"{provider}-{uuid.uuid4().hex[:12]}"
    state = {
        "urls": list(urls),
        "until": time.time() + LASTING_SECONDS,
        "submit_id": job,
        "model": model,
        "asked_model": asked_model,
        "usage": {name: value for name, value in usage.items() if finite(value) is not None},
        "cost": cost,
        "seed": seed,
        "sent": sent,
        "warnings": list(warnings),
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
    hosts = tuple(own)
    outcomes = await asyncio.gather(*(transport.fetch_result(url, emit, own=hosts) for url in places), return_exceptions=True)
    pictures = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    failed = {url: outcome for url, outcome in zip(places, outcomes, strict=True) if isinstance(outcome, BaseException)}
    later = next((error for error in failed.values() if isinstance(error, UnfetchedError)), None)
    if not pictures:
        if failed and later is None:
            raise next(iter(failed.values()))
        if time.time() > (finite(state.get("until")) or 0.0):
            raise NoPictureError(
                f"The pictures of this job were kept at {transport.title} for a day, which is over.",
                reason="expired",
                provider=transport.provider,
            )
        why = later.sentence if later is not None else "no URL was kept"
        raise JobPendingError(f"The pictures of this job cannot be fetched now: {why}", job=str(state.get("submit_id") or ""))
    usage, warnings = state.get("usage") or {}, [str(note) for note in state.get("warnings") or ()]
    if failed:
        warnings.append(f"{len(failed)} of {len(places)} pictures could not be fetched.")
    model = str(state.get("model") or "")
    return Reply(
        pictures=tuple(pictures),
        usage=Usage(
            input_tokens=count_of(usage.get("input_tokens")),
            output_tokens=count_of(usage.get("output_tokens")),
            total_tokens=count_of(usage.get("total_tokens")),
            pictures=len(places),
        ),
        cost=finite(state.get("cost")),
        seed=state.get("seed"),
        sent=state.get("sent"),
        got={"model": model, "usage": usage, **({"unfetched": list(failed)} if failed else {})},
        warnings=tuple(warnings),
        model=model if model != state.get("asked_model") else "",
    )
