"""The arithmetic of prices, for every provider: what a reply cost, and what a request may cost. The prices are rows of the model tables."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img.errors import NotebookImgError
from notebook_img.providers.interface import NAMED_SIZES, Capabilities, ModelInfo, Price, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.providers.interface import Provider, Reply, Request

ROUGH_PICTURE = 1500
ROUGH_TOKENS = (300, 4000)
"""Tokens of a picture that is sent, and the least and most that come back, where only the user knows a price per token."""
WARN_DAYS = 30
"""Days before its end from which a model is warned of."""


class Estimate(NamedTuple):
    """What a request may cost in US dollars; `high` is reserved."""

    low: float
    high: float


@dataclass(frozen=True)
class Made:
    """The pictures of a call, as far as their price depends on it."""

    pictures: int = 0
    size: str | None = None
    """The name of the size, as in `Price.per_picture`."""
    pixels: int | None = None
    """Width x height of one picture."""
    references: int = 0
    """Pictures that went along, inputs included."""


def today() -> str:
    """Return the local day, ``YYYY-MM-DD``."""
    return dt.datetime.now().astimezone().date().isoformat()


def price_on(info: ModelInfo, day: str = "") -> Price | None:
    """Return the price of a model on a day (today when empty), or None where it is not known."""
    return info.price.on(day or today()) if info.price is not None else None


def in_force(info: ModelInfo, request: Request) -> ModelInfo:
    """Return a row as it holds for a request: with the user's own price and limits, else the price of its day."""
    return replace(info, capabilities=replace(info.capabilities, **request.limits), price=request.price or price_on(info, request.day))


def sides_in(size: str | None) -> tuple[int, int] | None:
    """Return width and height of ``WIDTHxHEIGHT``; None for any other size."""
    sides = re.fullmatch(r"\s*(\d+)\s*[xX×*]\s*(\d+)\s*", size or "")
    return (int(sides[1]), int(sides[2])) if sides else None


def exact_pixels(size: str | None) -> int | None:
    """Return the pixels of ``WIDTHxHEIGHT``; None for any other size."""
    sides = sides_in(size)
    return sides[0] * sides[1] if sides else None


def pixels_of(size: str | None) -> int | None:
    """Return the pixels of a size, also of a named one; None where it is neither."""
    return exact_pixels(size) or NAMED_SIZES.get((size or "").upper(), 0) ** 2 or None


def made_for(request: Request, pictures: int, *, usual: str | None = None, frame: str | None = None) -> Made | None:
    """Return so many pictures of a request, as far as their price depends on it; None for a question.

    Parameters
    ----------
    usual : str, optional
        The size the model makes where none is asked.
    frame : str, optional
        Width and height that are asked of the service, ``WIDTHxHEIGHT``, where they are known.
    """
    if request.kind == "ask":
        return None
    size = request.size or usual
    pixels = pixels_of(frame) or pixels_of(size) or Capabilities.usual_pixels
    return Made(pictures, size, pixels, len(request.inputs) + len(request.references))


def picture_price(price: Price, made: Made) -> float | None:
    """Return what one picture costs by its size, with the pictures that go along; None where the table does not say."""
    each = price.per_picture.get(made.size or "", price.per_picture.get("*"))
    if price.by_pixels and made.pixels is not None:
        each = next((dollars for most, dollars in price.by_pixels if made.pixels <= most), price.by_pixels[-1][1])
    billed = max(0, made.references - price.free_references)
    return None if each is None else each + billed * (price.per_reference or 0.0)


def cost_of(usage: Usage, info: ModelInfo, made: Made | None = None, *, day: str = "") -> float | None:
    """Return what a reply cost in US dollars, or None where the table or the service does not say.

    Pictures are priced by their tokens where both the rate and the count are known, else one by one. Tokens the service counted without
    saying of what are words when they came in, and what the model makes when they went out.

    Parameters
    ----------
    usage : Usage
        What the service counted.
    info : ModelInfo
        The model that answered.
    made : Made, optional
        Its pictures; None for a question.
    day : str
        The local day of the call, ``YYYY-MM-DD``; empty: today.
    """
    price, made = price_on(info, day), made or Made()
    if price is None:
        return None
    tokens = _kinds(usage, paints=bool(made.pictures or ("edit" in info.capabilities.kinds and "ask" not in info.capabilities.kinds)))
    painted = tokens.get("output_image", 0)
    by_piece = None
    if made.pictures and not (painted and price.image_out is not None):
        each = picture_price(price, made)
        if each is None:
            return None
        by_piece = made.pictures * each
        tokens.pop("output_image", None)
    elif painted and price.image_out is None:
        return None  # painted and then refused: billed, but nothing says how many pictures the tokens were
    if not tokens and not made.pictures:
        return None  # nothing was counted
    spent = _token_cost(tokens, price, lenient=by_piece is not None or bool(painted))
    return None if spent is None else round((by_piece or 0.0) + spent, 9)


def _kinds(usage: Usage, *, paints: bool) -> dict[str, int]:
    """Return the tokens by kind; those without a kind become the likeliest one."""
    tokens = {kind: count for kind, count in usage.by_modality.items() if count}
    for side, total, rest in (
        ("input", usage.input_tokens, "input_text"),
        ("output", usage.output_tokens, "output_image" if paints else "output_text"),
    ):
        told = sum(count for kind, count in tokens.items() if kind.startswith(side))
        thought = tokens.get("thought", 0) if side == "output" and total is not None and told + tokens.get("thought", 0) <= total else 0
        if thought and usage.input_tokens is not None and usage.input_tokens + (total or 0) + thought <= (usage.total_tokens or 0):
            thought = 0  # counted beside the answer (Gemini), not in it
        if total is not None and total > told + thought:
            tokens[rest] = tokens.get(rest, 0) + total - told - thought
    return tokens


def _token_cost(tokens: dict[str, int], price: Price, *, lenient: bool) -> float | None:
    given = sum(count for kind, count in tokens.items() if kind.startswith("input"))
    in_factor, out_factor = price.long_factors if price.long_from is not None and given > price.long_from else (1.0, 1.0)
    image_in = price.image_in if price.image_in is not None else price.text_in
    thought = price.thought_out if price.thought_out is not None else price.text_out
    rates: dict[str, tuple[float | None, float]] = {
        "input_text": (price.text_in, in_factor),
        "input_image": (image_in, in_factor),
        "output_text": (price.text_out, out_factor),
        "output_image": (price.image_out, out_factor),
        "thought": (thought, out_factor),
    }
    whole = 0.0
    for kind, count in tokens.items():
        rate, factor = rates.get(kind, (price.text_in if kind.startswith("input") else price.text_out, 1.0))
        if kind == "cached":
            continue
        if rate is None:
            if lenient:
                continue  # a picture priced by the piece: what is not named beside it is in its price
            return None
        whole += count * rate * factor
    if given and (cached := min(tokens.get("cached", 0), given)):
        # Which part of the cache was pictures, no service says; it is taken to be like the rest of the input.
        cached_image = price.cached_image_in if price.cached_image_in is not None else price.cached_in
        for kind, low in (("input_text", price.cached_in), ("input_image", cached_image)):
            full = rates[kind][0]
            if full is not None and low is not None:
                whole -= tokens.get(kind, 0) * cached / given * (full - low) * in_factor
    return whole / 1e6


def estimate(info: ModelInfo, request: Request, *, low: Usage, high: Usage, made: Made | None = None) -> Estimate | None:
    """Return what a request may cost, from the least and the most the service is expected to count; None where no price is known."""
    costs = [cost_of(usage, in_force(info, request), made, day=request.day) for usage in (low, high)]
    if costs[0] is None or costs[1] is None:
        return None
    return Estimate(costs[0], costs[1])


def expected(provider: Provider, request: Request) -> Estimate | None:
    """Return what a request may cost in US dollars; None where neither the provider nor the user knows a price."""
    ranged = getattr(provider, "price_range", None)
    if ranged is not None and (found := ranged(request)) is not None:
        return Estimate(*found)
    if request.price is not None:
        sent = len(request.inputs) + len(request.references)
        given = {"input_text": words_of(len(request.prompt)), "input_image": ROUGH_PICTURE * sent}
        made = made_for(request, request.count)
        out = "output_text" if made is None else "output_image"
        low, high = (Usage(by_modality={**given, out: count * request.count}) for count in ROUGH_TOKENS)
        return estimate(_unnamed(request), request, low=low, high=high, made=made)
    top = provider.estimate(request)
    return Estimate(top, top) if top is not None else None


def own_cost(provider: Provider, request: Request, reply: Reply) -> float | None:
    """Return what a reply cost: by the price the user gave, where there is one and the provider has not counted with it."""
    terms = own_terms(provider, request)
    return reply.cost if terms is None else cost_by(terms, reply)


def own_terms(provider: Provider, request: Request) -> dict[str, Any] | None:
    """Return the terms that price a reply, as JSON for a job; None where the provider's own cost holds."""
    if request.price is None or hasattr(provider, "price_range"):
        return None
    made = made_for(request, request.count)
    return {"kind": request.kind, "made": asdict(made) if made else None, "price": asdict(replace(request.price, then=None))}


def cost_by(terms: Mapping[str, Any], reply: Reply) -> float | None:
    """Return what a reply cost by such terms; every picture counts that was made, also one that could not be fetched."""
    if reply.free:
        return reply.cost
    known = {item.name for item in fields(Price)}
    price = Price(**{name: value for name, value in terms["price"].items() if name in known})
    made = Made(**terms["made"]) if terms["made"] else None
    if made is not None:
        seen = _pixels_in(reply) if price.by_pixels else None
        count = max(len(reply.pictures), reply.usage.pictures or 0)
        made = replace(made, pictures=count, pixels=seen or made.pixels)
    return cost_of(reply.usage, ModelInfo("", Capabilities(kinds=frozenset({terms["kind"]})), price=price), made)


def _pixels_in(reply: Reply) -> int | None:
    """Return the pixels of the largest picture that came, by which a service that counts them bills."""
    from notebook_img.pictures import Picture

    found = [0]
    for data in reply.pictures:
        with contextlib.suppress(NotebookImgError):
            picture = Picture(data)
            found.append(picture.width * picture.height)
    return max(found) or None


def _unnamed(request: Request) -> ModelInfo:
    return ModelInfo(request.model, Capabilities(kinds=frozenset({request.kind})))


def end_of(info: ModelInfo, day: str = "") -> str:
    """Return the sentence for a model that ends within 30 days or has ended by our table; empty for any other.

    Parameters
    ----------
    day : str
        The local day, ``YYYY-MM-DD``; empty: today.
    """
    if not info.ends:
        return ""
    left = (dt.date.fromisoformat(info.ends) - dt.date.fromisoformat(day or today())).days
    if left > WARN_DAYS:
        return ""
    when = f"ended on {info.ends}" if left < 0 else f"ends on {info.ends}"
    after = f"; its successor is {info.successor}" if info.successor else ""
    return f"By our table {info.name} {when}{after}."


def past_tokens(request: Request, each_picture: float) -> int:
    """Return the tokens of the turns a request continues, by their words and pictures: for a conversation whose whole is read again."""
    return sum(
        words_of(len(turn.prompt) + len(turn.text)) + round(each_picture * (len(turn.inputs) + len(turn.references) + len(turn.pictures)))
        for turn in request.past
    )


def words_of(count: float) -> int:
    """Return the tokens of so many characters, for estimates: about four to a token."""
    return math.ceil(count / 4)
