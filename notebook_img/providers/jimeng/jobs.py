"""Watching a job until its pictures are final. A job that was taken is paid: short of a final no, it stays resumable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import BadReplyError, JobPendingError, NoPictureError, ProviderError, RefusedError
from notebook_img.providers.jimeng import protocol
from notebook_img.providers.jobs import until_done
from notebook_img.providers.received import count_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from notebook_img.providers.interface import Emit
    from notebook_img.providers.jobs import Patience


@dataclass(frozen=True)
class Job:
    """A job as any process can look at it again; holds no token."""

    submit_id: str
    history_id: str = ""
    doubt: BadReplyError | None = None
    """Why it is not known whether the service took it: what it answered to the submission cannot be read."""


class JobUnseenError(JobPendingError):
    """A job that was just submitted is not listed, even after several looks."""


@dataclass(frozen=True)
class Finished:
    """A finished job: the URLs of its pictures, and how many items had none."""

    urls: tuple[str, ...]
    without: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def query_of(job: Job) -> dict[str, Any]:
    """Return the body of a look."""
    return {"submit_ids": [job.submit_id]}


def record_of(envelope: Mapping[str, Any], job: Job) -> Mapping[str, Any] | None:
    """Return the job's record, or None while it is hidden."""
    data = envelope.get("data")
    if not isinstance(data, dict):
        return None
    for key in (job.submit_id, job.history_id):
        if key and isinstance(data.get(key), dict):
            return data[key]  # type: ignore[no-any-return]
    return None


async def watch(job: Job, look: Callable[[], Awaitable[Mapping[str, Any]]], patience: Patience, emit: Emit, *, fresh: bool) -> Finished:
    """Look at a job until it is final.

    Parameters
    ----------
    look : callable
        Makes one look, with retries, and returns the envelope.
    fresh : bool
        It was just submitted, so that the service may hide it for a few looks.

    Raises
    ------
    JobPendingError
        Not final yet when the deadline came, or the service could not be asked any longer.
    RefusedError, NoPictureError
        The job ended without a picture.
    """
    unseen = empty = 0

    async def once() -> Finished | str:
        nonlocal unseen, empty
        try:
            record = record_of(await look(), job)
        except ProviderError as error:
            raise JobPendingError(
                f"Jimeng has job {job.submit_id}, but could not be asked about it: {error.sentence}", job=job.submit_id
            ) from error
        if record is None:
            unseen += 1
            if unseen >= protocol.UNSEEN_LOOKS:
                raise _unseen(job, fresh=fresh)
            return ""
        status = _status(record)
        if status == protocol.FAILED:
            raise _failed(record, job)
        if status not in protocol.DONE:  # what it lists before that is a part, and its pictures may still change
            return protocol.WORKING.get(status, f"state {status}")
        finished = _finished(record)
        empty += not finished.urls
        if not finished.urls and empty >= protocol.EMPTY_LOOKS:
            raise NoPictureError(f"Jimeng finished job {job.submit_id} without a picture.", reason=str(status), provider="jimeng")
        return finished if finished.urls else "fetching the list"

    return await until_done(once, patience, emit, title="Jimeng", job=job.submit_id, setting="JIMENG_DEADLINE")


def _status(record: Mapping[str, Any]) -> int:
    status = record.get("status")
    return int(status) if isinstance(status, str) and status.isdecimal() and len(status) < 9 else count_of(status) or 0


def _finished(record: Mapping[str, Any]) -> Finished:
    items = record.get("item_list")
    urls = [url_of(item) for item in items] if isinstance(items, list) else []
    facts = {name: record[name] for name in ("history_record_id", "status", "total_image_count") if name in record}
    return Finished(tuple(url for url in urls if url), sum(not url for url in urls), facts)


def url_of(item: Any) -> str:
    """Return the URL of an item's full picture, else of its cover, else ``""``."""
    if not isinstance(item, dict):
        return ""
    image = item.get("image")
    large = image.get("large_images") if isinstance(image, dict) else None
    if (
        isinstance(large, list)
        and large
        and isinstance(large[0], dict)
        and isinstance(large[0].get("image_url"), str)
        and large[0]["image_url"]
    ):
        return str(large[0]["image_url"])
    common = item.get("common_attr")
    cover = common.get("cover_url") if isinstance(common, dict) else None
    return cover if isinstance(cover, str) else ""


def _failed(record: Mapping[str, Any], job: Job) -> ProviderError:
    code = str(record.get("fail_code") or "")
    words = " ".join(str(record.get("fail_msg") or "").split())[:200]
    if code == protocol.FILTERED:
        return RefusedError(
            f"Jimeng's filter stopped the job (fail code {code}); it does not say whether over the prompt or over "
            "a picture. Change them and ask again.",
            stage="prompt",
            reason=code,
            text=words,
            provider="jimeng",
        )
    said = ": ".join(part for part in (code and f"fail code {code}", words) if part) or "no reason given"
    return NoPictureError(f"Jimeng's job {job.submit_id} failed ({said}). Ask again.", reason=code, text=words, provider="jimeng")


def _unseen(job: Job, *, fresh: bool) -> JobPendingError | NoPictureError:
    if fresh:
        return JobUnseenError(f"Jimeng took job {job.submit_id}, but does not list it yet.", job=job.submit_id)
    return NoPictureError(
        f"Jimeng does not know job {job.submit_id} under any login that is set now. It may be too old, or belong to another account.",
        reason="unknown job",
        provider="jimeng",
    )
