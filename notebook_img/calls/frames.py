"""How large a picture will come back: known before it is paid for, where the service is asked for pixels; else about."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from notebook_img.errors import NotebookImgError
from notebook_img.providers.interface import NAMED_SIZES

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall
    from notebook_img.providers.interface import Capabilities, Request


def smaller_words(ready: PreparedCall) -> str:
    """Return ``about 1254 × 836, was 3000 × 2000`` for an edit whose result will be smaller unasked; empty for any other.

    An edit inside a mask keeps the picture's size, and the built-in engine does what it was told.
    """
    from notebook_img.pictures import size_words

    request, able = ready.request, ready.able
    if request.kind != "edit" or not request.inputs or ready.region is not None or able.keeps_frame or ready.asked.call.size:
        return ""
    was, known = request.inputs[0].size, _known(ready)
    made = known or _about(request, able)
    if made[0] >= was[0] or made[1] >= was[1]:
        return ""
    return f"{'' if known else 'about '}{size_words(made)}, was {size_words(was)}"


def _known(ready: PreparedCall) -> tuple[int, int] | None:
    frame = getattr(ready.provider, "frame", None)
    try:
        return frame(ready.request) if frame is not None else None
    except NotebookImgError:
        return None  # the request is refused for it in its own words


def _about(request: Request, able: Capabilities) -> tuple[int, int]:
    """Return the size of the area a model paints, in the ratio asked for, else in that of the picture."""
    width, height = request.inputs[0].size
    asked, _, other = (request.aspect_ratio or "").partition(":")
    ratio = float(asked) / float(other) if other else width / height
    side = NAMED_SIZES.get((request.size or "").upper())
    area = side**2 if side else able.usual_pixels
    return max(1, round(math.sqrt(area * ratio))), max(1, round(math.sqrt(area / ratio)))
