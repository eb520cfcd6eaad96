"""An edit inside a mask, between a call and its service: only the region is sent, and the reply is brought back into the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.providers.interface import NAMED_SIZES

if TYPE_CHECKING:
    from notebook_img.calls.request import PreparedCall
    from notebook_img.pictures import Picture, RegionPlan, Takes
    from notebook_img.providers.interface import Capabilities, PastTurn, Request

WHOLE_SIDE = 768
"""Longest side, pixels, of the whole picture that goes along as a reference."""
PART_AND_WHOLE = (
    "Image 1 is a part of a larger picture; image {whole} is the whole of it, small, and only shows where the part belongs. "
    "Edit image 1 alone, and return all of image 1 in the same framing."
)
PART = "The picture is a part of a larger one. Return all of it in the same framing."
"""What a model is told beside the prompt, so that it paints the part and not the whole."""
LARGE = 8_000_000
"""Pixels above which the size of the file is said, where a JPEG becomes a PNG."""


@dataclass(frozen=True)
class Region:
    """Where a reply belongs.

    Attributes
    ----------
    frame : Picture
        The picture that is edited, or the larger canvas made of it.
    mask : Picture
        Of its size; white may change.
    plan : RegionPlan or None
        What was sent of it; None where it was sent whole and comes back in its own frame.
    """

    frame: Picture
    mask: Picture
    plan: RegionPlan | None = None

    def lines(self) -> list[str]:
        """Return what a dry run says of it."""
        if self.plan is None:
            return []
        (left, top, *_), (width, height) = self.plan.inside, self.plan.frame_size
        mirrored = "" if self.plan.inside == self.plan.frame else ", mirrored beyond the picture's edges"
        said = f"  region    {width} × {height} from ({left}, {top}) of {self.frame.width} × {self.frame.height}{mirrored}"
        return [said, *(f"            {note}" for note in self.plan.notes)]

    def pasted(self, delivered: Picture) -> tuple[Picture, tuple[str, ...], tuple[str, ...]]:
        """Return the picture with a reply in it, what was mended, and what could not be."""
        from notebook_img import pictures
        from notebook_img.pictures import paste_reply

        if self.plan is None:
            return pictures.confine(self.frame, delivered, self.mask), (), ()
        done = paste_reply(self.frame, delivered, self.mask, self.plan)
        notes = done.notes
        if self.frame.mime_type == "image/jpeg" and self.frame.width * self.frame.height > LARGE:
            notes = (*notes, f"PNG of {len(done.picture.data) / 1e6:.0f} MB")
        return (done.picture, notes, ()) if done.drift.aligned else (done.picture, notes[1:], notes[:1])


def takes_of(able: Capabilities, *, given: int) -> Takes:
    """Return what a model takes as the plan of a region reads it; `given` pictures are sent already."""
    from notebook_img.pictures import Takes

    # A least that lies far below what it paints is a bound of the protocol, not a size it paints well.
    least = able.min_pixels if 4 * able.min_pixels >= able.usual_pixels else able.usual_pixels
    return Takes(
        ratios=able.aspect_ratios or None,
        sizes=tuple((name, NAMED_SIZES[name.upper()] ** 2) for name in able.sizes or () if name.upper() in NAMED_SIZES),
        pixel_sizes=able.pixel_sizes,
        fixed_sizes=able.fixed_sizes,
        step=max(able.size_step, 8),
        least_pixels=least,
        most_pixels=able.max_pixels or max(least, able.usual_pixels * 3 // 2),
        most_side=able.max_side or 0,
        longest=able.max_ratio,
        native_mask=able.mask == "native",
        references=0 if able.mask_alone else max(0, able.max_inputs - given),
    )


def in_region(ready: PreparedCall) -> PreparedCall:
    """Return the call as it is sent: of a picture with a mask only the region, at a size of the model that holds it.

    Decodes and cuts the picture, so it is done only once it is known that something is sent.

    Raises
    ------
    UsageError
        When an aspect ratio was asked for: the mask decides the frame.
    """
    from notebook_img.pictures import plan_region

    region, request, call = ready.region, ready.request, ready.asked.call
    if call.aspect_ratio and call.confine and (region is not None or ready.wanted):
        raise UsageError(
            "An edit inside a mask keeps the picture's frame, so it takes no aspect ratio. Leave the ratio out, or take the whole reply.",
            hint=Hint("confine"),
        )
    if region is None:
        return ready
    able = ready.able
    if able.keeps_frame:
        return ready
    takes = takes_of(able, given=len(request.inputs) + len(request.references))
    plan = plan_region(region.frame.size, region.mask.pil().convert("L"), takes, size=call.size)
    warnings = ready.warnings
    if call.history not in (None, "window"):
        warnings = (*warnings, "An edit inside a mask sends only a part of the picture, so of earlier turns only the prompts went along.")
    return replace(ready, request=_sent(request, region, plan, able), region=replace(region, plan=plan), warnings=warnings)


def _sent(request: Request, region: Region, plan: RegionPlan, able: Capabilities) -> Request:
    from notebook_img.pictures import Picture, cut_frame

    frame, mask = request.inputs[0], region.mask  # as it may leave; the reply is pasted into the region's frame, which is whole
    if plan.frame != (0, 0, *plan.picture) or plan.sent != plan.picture:
        cut, mask = cut_frame(frame, mask, plan)
        # A part of a JPEG travels as one: a quarter of the bytes. A mask that is sent wants both as PNG.
        as_jpeg = frame.mime_type == "image/jpeg" in able.input_mime_types and not plan.sends_mask
        frame = Picture(cut.as_type("image/jpeg"), name=cut.name) if as_jpeg else cut
    references, words = request.references, ""
    if plan.sends_whole:
        references = (*references, _small(request.inputs[0]))
        words = PART_AND_WHOLE.format(whole=len(request.inputs) + len(references))
    elif plan.inside != (0, 0, *plan.picture):
        words = PART
    # Of the only size a model has nothing is said, as without a mask.
    size = request.size if plan.size in (able.sizes or ()) and len(able.sizes or ()) == 1 else plan.size
    return replace(
        request,
        prompt="\n\n".join(filter(None, (request.prompt, words))),
        inputs=(frame, *request.inputs[1:]),
        references=references,
        mask=mask,
        aspect_ratio=plan.ratio or None,
        size=size or None,
        history="window",
        past=tuple(map(_words_of, request.past)),
    )


def _small(picture: Picture) -> Picture:
    from notebook_img import pictures

    copy = pictures.prepare(picture, mime_types=("image/jpeg",), max_side=WHOLE_SIDE)
    return pictures.Picture(copy.data, name="the whole, small")


def _words_of(past: PastTurn) -> PastTurn:
    """Return a past turn without its pictures and the service's state of it: they show another frame."""
    return replace(past, inputs=(), references=(), pictures=(), key_mark="", load_raw=lambda: None)


def noted(sent: Any, plan: RegionPlan) -> dict[str, Any]:
    """Return a request as it was sent, with the plan of its region."""
    return {**(sent if isinstance(sent, dict) else {} if sent is None else {"request": sent}), "region": plan.to_dict()}
