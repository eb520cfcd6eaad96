"""The adapter to Jimeng's web service: picks a login, uploads, submits, watches the job, fetches the pictures at once."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import (
    AuthenticationError,
    BadReplyError,
    JobPendingError,
    KeyMissingError,
    NoPictureError,
    ProviderError,
    RateLimitError,
    ReplyTimeoutError,
    UnsupportedError,
    UsageError,
)
from notebook_img.network import checked_url, shown_url
from notebook_img.providers.input_pictures import copies_of, hash_of
from notebook_img.providers.interface import Emit, Kind, ModelInfo, ProgressEvent, Reply, Request, SubmittedEvent, Usage
from notebook_img.providers.jimeng import protocol
from notebook_img.providers.jimeng.drafts import Wish, submission
from notebook_img.providers.jimeng.jobs import Finished, Job, JobUnseenError, query_of, record_of, watch
from notebook_img.providers.jimeng.login import Login, Web, read_logins
from notebook_img.providers.jimeng.models import DEFAULT, frame_for, info_of, service_key, table
from notebook_img.providers.jimeng.upload import fetch_key, upload
from notebook_img.providers.jobs import Patience
from notebook_img.providers.mask_words import prompt_with_mask
from notebook_img.providers.pricing import in_force
from notebook_img.providers.received import count_of
from notebook_img.providers.retry import retrying
from notebook_img.providers.transport import Transport, UnfetchedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from notebook_img.pictures import Prepared
    from notebook_img.settings import Settings


class JimengProvider:
    """Seedream by a web session of jimeng.jianying.com: unofficial, used only when named.

    Attributes
    ----------
    clock, sleep
        Time, seconds; tests put their own in.
    """

    name = "jimeng"
    title = "Jimeng (web session, unofficial)"
    service = keys.Service(name, "Jimeng web session (unofficial)", ("JIMENG_API_TOKEN",), "https://jimeng.jianying.com")
    tells_sending = True
    caution = (
        "It is an undocumented web protocol that can change at any time and may get an account limited; the official way to the same "
        "models is ark."
    )
    """What the doctor says about it, set up or not."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.transport = Transport(settings, provider=self.name, title="Jimeng")
        self.web = Web(self.transport, lambda: settings.jimeng_base_url)
        self.clock: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
        self._aside: dict[str, float] = {}
        """Until when a token is skipped, by `clock`."""

    def missing(self) -> str | None:
        """Return what is missing, or None."""
        if keys.find(self.service, self.settings):
            return None
        return f"Jimeng needs JIMENG_API_TOKEN, the sessionid cookie of a login at its site. {self.caution}"

    def address(self) -> str:
        """Return the base URL in use."""
        return shown_url(self.settings.jimeng_base_url)

    def models(self) -> Sequence[ModelInfo]:
        """Return the model table, the default first."""
        return table()

    def default_model(self, kind: Kind) -> str | None:
        """Return the default model; the studio comes here only when Jimeng is named."""
        return None if kind == "ask" else DEFAULT

    def model_info(self, model: str) -> ModelInfo:
        """Return the row of a model."""
        return info_of(model)

    def estimate(self, request: Request) -> float | None:
        """Return None: a job costs the account's credits, whose price in dollars is not known."""
        del request
        return None

    def frame(self, request: Request) -> tuple[int, int] | None:
        """Return width and height that are asked for."""
        first = request.inputs[0].size if request.inputs and request.kind == "edit" else None
        frame = frame_for(request.model, size=request.size, aspect_ratio=request.aspect_ratio, first_input=first)
        return frame.width, frame.height

    async def run(self, request: Request, emit: Emit) -> Reply:
        """Generate, edit or blend; see `Provider.run`."""
        logins = self._logins(request.model)
        checked_url(self.settings.jimeng_base_url, "JIMENG_BASE_URL")
        checked_url(self.settings.jimeng_upload_url, "JIMENG_UPLOAD_URL")
        wish, images, notes = await asyncio.to_thread(_prepared, request)
        passed: list[str] = []
        failure: ProviderError | None = None
        for login in self._in_order(logins):
            try:
                job = await self._submit(login, wish, images, request, emit)
            except (RateLimitError, AuthenticationError) as error:
                if isinstance(error, RateLimitError) and not error.daily:
                    raise
                # No credit, or expired: another login may do. Not for the life of the process: credit comes back.
                self._aside[login.token] = self.clock() + protocol.SET_ASIDE_SECONDS
                passed.append(error.sentence)
                failure = error
                continue
            notes += [f"skipped: {words}" for words in passed]
            state = self._state(job, login, wish, request, images, notes)
            emit(SubmittedEvent(job.submit_id, state))
            try:
                return await self._result(job, [login], state, emit, fresh=True)
            except JobUnseenError:
                if job.doubt is None:
                    raise
                # Its answer could not be read, and no look lists the job: it was not taken.
                raise job.doubt from None
        assert failure is not None
        raise self._none_left(logins, passed, failure, request.model)

    async def resume(self, state: Mapping[str, Any], emit: Emit) -> Reply:
        """Fetch the pictures of a job another process, or an earlier call, submitted."""
        job = Job(str(state.get("submit_id") or ""), str(state.get("history_id") or ""))
        if not job.submit_id:
            raise NoPictureError(
                "What was stored about this job does not identify it at Jimeng, so it cannot be fetched.",
                reason="unknown job",
                provider=self.name,
            )
        try:
            logins = self._logins(str(state.get("model", "")))
        except (KeyMissingError, AuthenticationError, UsageError) as error:
            # The job is paid and waits there: a token that is missing today must not end it for good.
            raise JobPendingError(
                f"Job {job.submit_id} waits at Jimeng, but cannot be asked for. {error.sentence}", job=job.submit_id
            ) from error
        marks = await asyncio.to_thread(lambda: [self.settings.key_mark(login.token) for login in logins])
        owner = [login for login, mark in zip(logins, marks, strict=True) if mark == state.get("key_mark")]
        # A token that was renewed since has another mark; the account's own token is the one that knows the job.
        return await self._result(job, owner or logins, state, emit, fresh=False)

    async def probe(self) -> Sequence[str]:
        """Report how many credits each login has."""
        logins = self._logins("")
        told = []
        for login in logins:
            try:
                credit = await self.web.credit(login)
            except ProviderError as error:
                told.append(error.sentence)
            else:
                told.append(
                    f"Login {login.number} of {len(logins)} at Jimeng has {'an unknown number of' if credit is None else credit} credits."
                )
        return told

    async def aclose(self) -> None:
        """Close connections."""
        await self.transport.aclose()

    def _logins(self, model: str) -> list[Login]:
        logins = read_logins(keys.find(self.service, self.settings) or "")
        if not logins:
            raise KeyMissingError(self.missing() or "", hint=keys.key_hint(self.service), provider=self.name, model=model)
        return logins

    def _in_order(self, logins: Sequence[Login]) -> list[Login]:
        """Return the logins to try: those that are set aside only when there is no other."""
        now = self.clock()
        ready = [login for login in logins if self._aside.get(login.token, 0.0) <= now]
        return ready or list(logins)

    def _none_left(self, logins: Sequence[Login], passed: Sequence[str], failure: ProviderError, model: str) -> ProviderError:
        facts: dict[str, Any] = {"provider": self.name, "model": model}
        if len(logins) == 1 and isinstance(failure, AuthenticationError):
            return AuthenticationError(failure.sentence, hint=failure.hints, **facts)
        out_of_credit = isinstance(failure, RateLimitError)
        said = passed[0] if len(passed) == 1 else f"None of the {len(logins)} logins can be used: {' '.join(passed[:3])}"[:400]
        if not out_of_credit:
            return AuthenticationError(said, **facts)
        hint = "" if self.settings.jimeng_daily_credit else " JIMENG_DAILY_CREDIT=true claims the free credit of the day."
        return RateLimitError(f"{said}{hint}", daily=True, **facts)

    async def _submit(self, login: Login, wish: Wish, images: Sequence[Prepared], request: Request, emit: Emit) -> Job:
        """Upload and submit with one login. What is uploaded belongs to it and is not used with another."""
        own = (self.settings.jimeng_base_url, self.settings.jimeng_upload_url)
        references = []
        if images:
            key = await self.transport.again(lambda: fetch_key(self.web, login), emit)
            for number, image in enumerate(images, 1):
                emit(ProgressEvent(f"Uploading picture {number} of {len(images)}"))
                references.append(
                    await upload(
                        self.transport,
                        key,
                        image,
                        base_url=self.settings.jimeng_upload_url,
                        own=own,
                        again=lambda call: self.transport.again(call, emit),
                    )
                )
        try:
            return await self._send(login, wish, references, images, request, emit)
        except RateLimitError as error:
            if not (error.daily and self.settings.jimeng_daily_credit and await self._claimed(login)):
                raise
        return await self._send(login, wish, references, images, request, emit)

    async def _send(
        self, login: Login, wish: Wish, references: Sequence[Any], images: Sequence[Prepared], request: Request, emit: Emit
    ) -> Job:
        submit_id = str(uuid.uuid4())
        query, body = submission(
            wish, references, submit_id=submit_id, web_id=login.web_id, at=self.web.clock(), new_id=lambda: str(uuid.uuid4())
        )
        in_flight = False

        def on_sent() -> None:
            nonlocal in_flight
            in_flight = True

        async def once() -> Mapping[str, Any]:
            nonlocal in_flight
            in_flight = False
            try:
                return await self.web.call(login, protocol.SUBMIT, body, query=query, page=protocol.PROTOCOL.credit_page, on_sent=on_sent)
            except ProviderError:
                in_flight = False
                raise

        try:
            envelope = await retrying(once, settings=self.settings, emit=emit, watched=True)
        except ReplyTimeoutError:
            # The job's id is ours, so whether the service took it can be seen by looking for it.
            return Job(submit_id)
        except BadReplyError as error:
            return Job(submit_id, doubt=error)
        except asyncio.CancelledError:
            if in_flight:
                # It may have been taken, and then it is paid: told, so that it can be looked for.
                job = Job(submit_id)
                emit(SubmittedEvent(submit_id, self._state(job, login, wish, request, images, [])))
            raise
        data = envelope.get("data")
        aigc = data.get("aigc_data") if isinstance(data, dict) else None
        history = aigc.get("history_record_id") if isinstance(aigc, dict) else None
        return Job(submit_id, str(history or ""))

    async def _claimed(self, login: Login) -> bool:
        """Claim the daily credit; only with the setting, and only when the account has none."""
        try:
            if (await self.web.credit(login) or 0) > 0:
                return False
            await self.web.claim_daily_credit(login)
            return (await self.web.credit(login) or 0) > 0
        except ProviderError:
            return False

    def _state(
        self, job: Job, login: Login, wish: Wish, request: Request, images: Sequence[Prepared], notes: Sequence[str]
    ) -> dict[str, Any]:
        """Return what `resume` needs, as JSON and without the token."""
        return {
            "submit_id": job.submit_id,
            "history_id": job.history_id,
            "key_mark": self.settings.key_mark(login.token),
            "model": request.model,
            "count": request.count,
            "seed": wish.seed,
            "warnings": list(notes),
            "sent": {
                "model": wish.model,
                "prompt": wish.prompt,
                "negative_prompt": wish.negative_prompt,
                "width": wish.frame.width,
                "height": wish.frame.height,
                "resolution": wish.frame.resolution,
                "seed": wish.seed,
                "strength": protocol.STRENGTH if wish.strength is None else wish.strength,
                "images": [hash_of(image.data) for image in images],
                "kind": "blend" if images else "generate",
            },
        }

    async def _result(self, job: Job, logins: Sequence[Login], state: Mapping[str, Any], emit: Emit, *, fresh: bool) -> Reply:
        """Watch a job with the first login that knows it, fetch its pictures, make the reply."""
        finished, pictures, failures = await self._watched(job, logins, emit, fresh=fresh)
        if not pictures:
            error = failures[0]
            if isinstance(error, BadReplyError) and not isinstance(error, UnfetchedError):
                raise error
            raise JobPendingError(
                f"Jimeng finished job {job.submit_id}, but its pictures could not be fetched: {error.sentence}", job=job.submit_id
            ) from error
        warnings = [str(note) for note in state.get("warnings") or ()]
        short = (count_of(state.get("count")) or 1) - len(pictures)
        reasons = list(dict.fromkeys(error.sentence for error in failures))
        if finished.without:
            reasons.append(f"{finished.without} came without a URL, as filtered ones do")
        if short > 0 or reasons:
            said = f": {'; '.join(reasons)}" if reasons else "; the service made no more"
            warnings.append(f"{max(short, len(failures) + finished.without)} picture(s) of the job are missing{said}")
        return Reply(
            pictures=tuple(pictures),
            usage=Usage(pictures=len(pictures)),
            cost=None,
            seed=state.get("seed"),
            sent=state.get("sent"),
            got={"submit_id": job.submit_id, **finished.facts, "urls": list(finished.urls)},
            warnings=tuple(warnings),
            note="unofficial web session, paid in credits",
        )

    async def _watched(
        self, job: Job, logins: Sequence[Login], emit: Emit, *, fresh: bool
    ) -> tuple[Finished, list[bytes], list[ProviderError]]:
        patience = Patience(self.settings.jimeng_poll, self.settings.jimeng_deadline, self.clock, self.sleep)
        login = await self._owner(job, logins, emit) if len(logins) > 1 else logins[0]

        async def look() -> Mapping[str, Any]:
            return await self.transport.again(lambda: self.web.call(login, protocol.HISTORY, query_of(job)), emit)

        finished = await watch(job, look, patience, emit, fresh=fresh)
        pictures, failures = await self._fetched(finished, emit)
        if not pictures and any(error.status in {401, 403, 404, 410} for error in failures):
            # The URLs ran out meanwhile; the next look hands out new ones.
            finished = await watch(job, look, patience, emit, fresh=fresh)
            pictures, failures = await self._fetched(finished, emit)
        return finished, pictures, failures

    async def _owner(self, job: Job, logins: Sequence[Login], emit: Emit) -> Login:
        """Return the login whose account has the job; the first one when none lists it."""
        for login in logins:
            try:
                envelope = await self.transport.again(lambda: self.web.call(login, protocol.HISTORY, query_of(job)), emit)  # noqa: B023
            except AuthenticationError:
                continue
            if record_of(envelope, job) is not None:
                return login
        return logins[0]

    async def _fetched(self, finished: Finished, emit: Emit) -> tuple[list[bytes], list[ProviderError]]:
        own = (self.settings.jimeng_base_url, self.settings.jimeng_upload_url)

        async def fetch(url: str) -> bytes | ProviderError:
            try:
                return await self.transport.fetch_result(url, emit, own=own)
            except ProviderError as error:
                return error

        found = await asyncio.gather(*(fetch(url) for url in finished.urls))
        return [item for item in found if isinstance(item, bytes)], [item for item in found if not isinstance(item, bytes)]


def _prepared(request: Request) -> tuple[Wish, list[Prepared], list[str]]:
    """Read a request into a wish and the copies that are sent; blocks, so it runs in a thread."""
    if request.kind == "ask":
        raise UnsupportedError("Jimeng makes pictures and does not answer questions. Ask another provider, for example gemini.")
    limits = in_force(info_of(request.model), request).capabilities
    pictures = [*request.inputs, *request.references]
    if len(pictures) > limits.max_inputs:
        raise UnsupportedError(f"Jimeng takes {limits.max_inputs} input pictures and references together, not {len(pictures)}.")
    if request.seed is not None and not 0 <= request.seed <= protocol.MOST_SEED:
        raise UnsupportedError(f"Seed {request.seed} is out of range: Jimeng takes 0 to {protocol.MOST_SEED}.")
    if request.strength is not None and not 0 <= request.strength <= 1:
        raise UnsupportedError(f"Strength {request.strength:g} is out of range: Jimeng takes 0 to 1.")
    images, notes = copies_of(pictures, limits)
    first = (images[0].width, images[0].height) if images and request.kind == "edit" else None
    wish = Wish(
        model=service_key(request.model),
        prompt=prompt_with_mask(request),
        frame=frame_for(request.model, size=request.size, aspect_ratio=request.aspect_ratio, first_input=first),
        seed=random.randint(*protocol.SEEDS) if request.seed is None else request.seed,  # noqa: S311 - no secret
        negative_prompt=request.negative_prompt or "",
        strength=request.strength,
    )
    return wish, images, notes
