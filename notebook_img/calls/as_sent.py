"""What of a call leaves this machine: pictures without what tells place, camera and owner, and of a mask only its region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_img.calls.region import in_region
from notebook_img.errors import NotebookImgError
from notebook_img.replay import BUILT_IN

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall
    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import PastTurn


def as_sent(ready: PreparedCall) -> PreparedCall:
    """Return the call as its service gets it; reads pictures, so it is done only once it is known that something is sent."""
    return in_region(without_private_parts(ready))


def without_private_parts(ready: PreparedCall) -> PreparedCall:
    """Return the call with place, serial numbers and owner cut out of its pictures, unless they are to be kept or go nowhere.

    The picture of the turn that is continued stays as a service delivered it, which is told by its hash.
    """
    from notebook_img import pictures

    request = ready.request
    if ready.asked.call.keep_metadata or ready.provider.name == BUILT_IN:
        return ready
    delivered = 1 if ready.asked.continues else 0
    first, rest = request.inputs[:delivered], request.inputs[delivered:]
    cut = [pictures.to_leave(picture) for picture in (*rest, *request.references)]
    gone = tuple(dict.fromkeys(part for _, parts in cut for part in parts))
    past = _past_without(request.past, first)
    if not gone and past == request.past:
        return ready
    kept = [picture for picture, _ in cut]
    request = replace(request, inputs=(*first, *kept[: len(rest)]), references=tuple(kept[len(rest) :]), past=past)
    return replace(ready, request=request, left_out=gone)


def _past_without(past: Sequence[PastTurn], continued: Sequence[Picture]) -> tuple[PastTurn, ...]:
    """Return earlier turns as they may leave: what a service delivered stays, what the user brought is cut as it was when first sent."""
    from notebook_img import pictures

    delivered = {picture.sha256 for picture in (*continued, *(made for turn in past for made in turn.pictures))}

    def leaving(picture: Picture) -> Picture:
        if picture.sha256 in delivered:
            return picture
        try:
            return pictures.to_leave(picture)[0]
        except NotebookImgError:
            return picture  # its file is lost, so it goes nowhere; few requests need the pictures of earlier turns

    return tuple(replace(turn, inputs=[*map(leaving, turn.inputs)], references=[*map(leaving, turn.references)]) for turn in past)
