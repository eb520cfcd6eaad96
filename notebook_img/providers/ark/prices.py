"""What Seedream's pictures cost: by the piece, for some models by their pixels, and by the pictures that go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.providers.ark.sizes import size_for
from notebook_img.providers.interface import Usage
from notebook_img.providers.pricing import Estimate, Made, cost_of, exact_pixels, in_force, pixels_of

if TYPE_CHECKING:
    from notebook_img.providers.ark.models import Seedream
    from notebook_img.providers.interface import Request


def cost_of_pictures(row: Seedream, request: Request, pictures: int, references: int) -> float | None:
    """Return what `pictures` of a request cost in US dollars; None where no price is known."""
    info = in_force(row.info, request)
    if not pictures:
        return 0.0 if info.price is not None else None
    return cost_of(Usage(), info, _made(row, request, pictures, references), day=request.day)


def price_range(row: Seedream, request: Request) -> Estimate | None:
    """Return what a request costs: at most the price some source has for sizes asked for to the pixel."""
    references = len(request.inputs) + len(request.references)
    low = cost_of_pictures(row, request, request.count, references)
    price = in_force(row.info, request).price
    if low is None or price is None:
        return None
    exact = price.exact_size if price.exact_size is not None and exact_pixels(request.size) else None
    made = _made(row, request, request.count, references)
    each = max(0, references - price.free_references) * (price.per_reference or 0.0)
    return Estimate(low, low if exact is None else max(low, round(made.pictures * (exact + each), 9)))


def _made(row: Seedream, request: Request, pictures: int, references: int) -> Made:
    first = request.inputs[0].size if request.inputs and request.kind == "edit" else None
    size = size_for(row, size=request.size, aspect_ratio=request.aspect_ratio, first_input=first) or ""
    return Made(pictures, request.size, pixels_of(size), references)
