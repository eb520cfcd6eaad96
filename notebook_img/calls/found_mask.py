"""A mask from words: a model finds boxes of what is named, the shape is found inside them, and the edit goes on as with any mask.

In the request such a mask counts as its words, so that replay holds where the shape comes out otherwise.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from notebook_img.calls.budget import booking_of, paid_notice, reserve, sendable, settle_failure, unless_stopped
from notebook_img.calls.pacing import CallPace
from notebook_img.calls.region import Region
from notebook_img.calls.request import uses_of
from notebook_img.calls.results import Notice
from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.loop import in_thread, to_the_end
from notebook_img.providers import banned, choose_model, expected, lacking, model_info, own_cost, own_fields, paced, today, watching
from notebook_img.providers.interface import ProgressEvent, Request
from notebook_img.replay import BUILT_IN

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall
    from notebook_img.loop import Tell
    from notebook_img.pictures import Box, Picture
    from notebook_img.providers.interface import Provider
    from notebook_img.workspace import Workspace

SIDE = 1536
"""Longest side, pixels, of the copy in which a model looks for things."""


@dataclass(frozen=True)
class Found:
    """What a model found.

    Attributes
    ----------
    boxes : tuple of Box
        In pixels of the upright picture.
    by : str
        ``provider:model``.
    cost : float or None
        US dollars of the question; None where the cost is unknown.
    at : float
        When, seconds since 1970.
    """

    boxes: tuple[Box, ...]
    by: str
    cost: float | None = 0.0
    at: float = 0.0


def asker_of(workspace: Workspace, ready: PreparedCall) -> tuple[Provider, str]:
    """Return who looks for what is named: the service that edits where it can, else the one that answers questions.

    Raises
    ------
    UsageError
        When neither finds things in pictures.
    """
    own = ready.provider.default_model("ask")
    candidates = [(ready.provider, own)] if own else []
    other, model = choose_model("ask", workspace.settings)
    for provider, name in (*candidates, (other, model)):
        able = model_info(provider, name, workspace.settings).capabilities
        finds = provider.name != BUILT_IN and able.boxes and "ask" in able.kinds
        if finds and lacking(provider, name) is None and not banned(provider, name, workspace.settings):
            return provider, name
    raise UsageError(
        f'No model that is set up here finds "{ready.wanted}" in a picture. Give the mask as a picture or as x,y,w,h in pixels.',
        hint=Hint("use-model", model="gemini"),
    )


def question_of(workspace: Workspace, ready: PreparedCall, provider: Provider, model: str) -> tuple[Request, float]:
    """Return the question, about a small copy, and by how much its boxes have to be enlarged."""
    from notebook_img import pictures

    picture = ready.request.inputs[0]
    if not ready.asked.call.keep_metadata:
        # The copy is the file itself where that is small enough.
        picture, _ = pictures.to_leave(picture)
    copy = pictures.prepare(picture, mime_types=("image/jpeg",), max_side=SIDE)
    small = pictures.Picture(copy.data, name=picture.name)
    day = today()
    own = own_fields(provider, model, workspace.settings, day)
    request = Request("ask", ready.wanted, model, inputs=(small,), boxes=ready.wanted, day=day, **own)
    return request, picture.width / small.width


def sought_mask(workspace: Workspace, ready: PreparedCall) -> tuple[PreparedCall, str, float]:
    """Return a call for a dry run, which asks nothing: with its mask where that was found before, what is said, and what looking costs."""
    if not ready.wanted:
        return ready, "", 0.0
    before = known(workspace, ready)
    if before is not None and before.boxes:
        ready = with_found(ready, before)
        return ready, ready.found, 0.0
    provider, model = asker_of(workspace, ready)
    price = expected(provider, question_of(workspace, ready, provider, model)[0])
    unknown = "" if price is not None else ", at a price that is not known"
    return ready, f'"{ready.wanted}" is looked for first, by {provider.name}:{model}{unknown}', price.high if price is not None else 0.0


def _key(ready: PreparedCall) -> tuple[str, str]:
    return ready.request.inputs[0].sha256, ready.wanted.casefold()


def known(workspace: Workspace, ready: PreparedCall) -> Found | None:
    """Return what was found before in this picture, in this process, at no cost; for a fresh call what was found since it began."""
    found = workspace.shared.found.get(_key(ready))
    if not isinstance(found, Found) or (ready.asked.call.fresh and found.at < ready.pending.started):
        return None
    return replace(found, cost=0.0)


async def find_mask(workspace: Workspace, ready: PreparedCall, tell: Tell) -> PreparedCall:
    """Return the call with the mask its words mean; a question is asked unless the answer is known.

    Raises
    ------
    UsageError
        When there is nothing of that kind in the picture: nothing is edited then.
    """
    # One at a time: several models that edit the same thing wait for one answer.
    async with workspace.shared.finding.setdefault(_key(ready), asyncio.Lock()):
        found = known(workspace, ready) or await _asked(workspace, ready, tell)
    if not found.boxes:
        raise UsageError(
            f'{found.by} found no "{ready.wanted}" in the picture, so nothing was edited. '
            "Name it otherwise, or give the mask as a picture or as x,y,w,h in pixels."
        )
    return await in_thread(with_found, ready, found)


async def _asked(workspace: Workspace, ready: PreparedCall, tell: Tell) -> Found:
    provider, model = asker_of(workspace, ready)
    # The question would be paid for nothing where the edit is not possible, wherever the mask comes to lie.
    await in_thread(lambda: sendable(workspace, _with_mask(ready, _whole(ready))))
    request, factor = await in_thread(question_of, workspace, ready, provider, model)
    tell(ProgressEvent(f"looking for {ready.wanted} with {provider.title}"))
    price, edit = expected(provider, request), expected(ready.provider, ready.request)
    estimate = price.high if price is not None else None
    spend = None
    if estimate != 0.0:
        # Room for the edit as well, as far as its price is known.
        both = sum(each.high for each in (price, edit) if each is not None) if price or edit else None
        spend = await unless_stopped(workspace, lambda: reserve(workspace, ready, f"{provider.name}:{model}", both), lambda spend: spend)
        for text in paid_notice(workspace, provider, price):
            tell(Notice(text))
    bill = ready.asked.bill
    bill.counts(estimate, certain=False)
    try:
        pace = CallPace(workspace, f"{provider.name}:{model}", ready.asked.call.rate or "")
        with watching(told=getattr(provider, "tells_sending", False)) as traffic, paced(pace):
            reply = await provider.run(request, tell)
    except BaseException as error:
        booking = booking_of(error, traffic, estimate, submitted=False)
        bill.counts(booking.cost, certain=booking.state == "billed")
        await to_the_end(in_thread(settle_failure, workspace, spend, booking))
        raise
    cost = 0.0 if reply.free else own_cost(provider, request, reply)
    bill.counts(cost, certain=True)
    bill.question = bill.cost
    if spend is not None:
        state, item = "free" if reply.free else "billed", ready.asked.claim
        await to_the_end(in_thread(lambda: workspace.store.settle(spend, state, cost, question_for=item)))
    boxes = tuple(box.scaled(factor) for box in reply.boxes or ())
    found = workspace.shared.found[_key(ready)] = Found(boxes, f"{provider.name}:{model}", cost, at=time.time())
    return found


def _whole(ready: PreparedCall) -> Picture:
    from notebook_img import pictures

    picture = ready.request.inputs[0]
    return pictures.as_mask((0, 0, *picture.size), picture)


def _with_mask(ready: PreparedCall, mask: Picture) -> PreparedCall:
    region = Region(ready.request.inputs[0], mask) if ready.asked.call.confine else None
    return replace(ready, request=replace(ready.request, mask=mask), region=region)


def with_found(ready: PreparedCall, found: Found) -> PreparedCall:
    """Return the call with the mask of what was found."""
    from notebook_img import pictures
    from notebook_img.display import money

    picture: Picture = ready.request.inputs[0]
    mask, how = pictures.shapes_in(picture, found.boxes)
    if ready.asked.call.grow is not None:
        mask = pictures.grow_mask(mask, ready.asked.call.grow)
    cost = f", {money(found.cost)}" if found.cost else ""
    return replace(
        _with_mask(ready, mask),
        pending=replace(ready.pending, pictures=(*ready.pending.pictures, *uses_of((mask,), "mask"))),
        sources={**ready.sources, mask.sha256: mask},
        found=f'"{ready.wanted}": {len(found.boxes)} found by {found.by} ({how}{cost})',
    )
