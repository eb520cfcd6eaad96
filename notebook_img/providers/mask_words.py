"""A mask in words, for models that take no mask. Confining the result to it is the studio's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.providers.interface import Request


def prompt_with_mask(request: Request) -> str:
    """Return the prompt of a request, followed by its mask in words; blocks, so it runs in a thread."""
    words = mask_in_words(request.mask) if request.mask is not None else ""
    return f"{request.prompt}\n\n{words}" if words else request.prompt


def mask_in_words(mask: Picture) -> str:
    """Return a sentence that says which part of the first picture may change, in percent of its sides.

    Parameters
    ----------
    mask : Picture
        White may change. Decoding blocks, so call it in a thread.
    """
    picture = mask.pil().convert("L")
    box = picture.getbbox()
    if box is None or box == (0, 0, *picture.size):
        return ""
    width, height = picture.size
    left, top, right, bottom = (round(100 * value / side) for value, side in zip(box, (width, height, width, height), strict=True))
    return (
        f"Change only the area from {left} % to {right} % of the width (from the left) and from {top} % to {bottom} % of the height "
        "(from the top) of the first image. Keep everything else, the framing and the proportions exactly as they are."
    )
