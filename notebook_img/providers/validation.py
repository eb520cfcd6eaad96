"""Whether a model takes what is asked: checked before anything is sent, and refused with what it does take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError, did_you_mean
from notebook_img.providers.selection import doing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.providers.interface import Capabilities, Provider, Request


def check_request(request: Request, provider: Provider) -> None:
    """Refuse what the model does not take, with what it takes.

    Raises
    ------
    UnsupportedError
    """
    takes = provider.model_info(request.model).capabilities
    who = f"{provider.name}:{request.model}"

    def refuse(what: str, instead: str) -> None:
        raise UnsupportedError(f"{who} does not take {what}. {instead}")

    if request.kind not in takes.kinds:
        refuse(f"a request to {doing(request.kind)}", f"It can {_and(doing(kind) for kind in sorted(takes.kinds))}.")
    if request.aspect_ratio and takes.aspect_ratios is not None and request.aspect_ratio not in takes.aspect_ratios:
        refuse(f"the aspect ratio {request.aspect_ratio}", _list("aspect ratios", takes.aspect_ratios))
    if request.size:
        _check_size(request.size, takes, refuse_as=who)
    pictures = len(request.inputs) + len(request.references)
    if pictures > takes.max_inputs:
        refuse(f"{pictures} pictures at once", f"It takes {takes.max_inputs} at the most, references included.")
    if request.count > takes.max_count:
        refuse(f"-n {request.count}", f"It makes {takes.max_count} at the most in one call.")
    if request.mask is not None and takes.mask == "no":
        refuse("a mask", "Leave --mask out, or choose another model with -m.")
    for name, given, taken in (
        ("a negative prompt", request.negative_prompt, takes.negative_prompt),
        ("a strength", request.strength, takes.strength),
        ("a level of detail", request.detail, takes.detail),
    ):
        if given is not None and not taken:
            refuse(name, "Leave it out, or choose another model with -m.")
    if request.boxes is not None and not takes.boxes:
        refuse("a request for boxes", "Choose a model that can locate objects, for example -m gemini.")
    if request.history not in takes.history:
        refuse(f"the history kind {request.history!r}", _list("history kinds", takes.history))
    if takes.prompt_limit and len(request.prompt) > takes.prompt_limit:
        refuse(f"a prompt of {len(request.prompt)} characters", f"The limit is {takes.prompt_limit}.")
    _check_own(request, takes, who)


def check_seed(seed: int | None, provider: Provider, model: str) -> None:
    """Refuse a typed seed where the model takes none."""
    if seed is not None and not provider.model_info(model).capabilities.seed:
        raise UnsupportedError(f"{provider.name}:{model} does not take a seed. Leave it out: its pictures cannot be repeated that way.")


def _check_own(request: Request, takes: Capabilities, who: str) -> None:
    known = {option.name: option for option in takes.options}
    for name, value in request.options.items():
        option = known.get(name)
        if option is None:
            options = f" Its own options: {', '.join(known)}." if known else ""
            raise UnsupportedError(f"{who} has no option {name!r}.{did_you_mean(name, known)}{options}")
        if option.choices and str(value) not in option.choices:
            raise UnsupportedError(
                f"{who} does not take {name}={value}. It takes {', '.join(option.choices)}.{did_you_mean(str(value), option.choices)}"
            )


def _check_size(size: str, takes: Capabilities, *, refuse_as: str) -> None:
    pixels = re.fullmatch(r"(\d+)[x×](\d+)", size, re.IGNORECASE)
    if not pixels or not takes.pixel_sizes:
        if takes.sizes is None and not pixels:
            return
        if not takes.sizes or size.upper() not in (name.upper() for name in takes.sizes):
            both = " or WIDTHxHEIGHT in pixels" if takes.pixel_sizes else ""
            named = f"{', '.join(takes.sizes)}{both}" if takes.sizes else both.removeprefix(" or ") or "no size at all"
            raise UnsupportedError(f"{refuse_as} does not take the size {size}. It takes {named}.")
        return
    width, height = int(pixels[1]), int(pixels[2])
    if width % takes.size_step or height % takes.size_step:
        raise UnsupportedError(f"{refuse_as} does not take the size {size}: width and height must be multiples of {takes.size_step}.")
    if takes.max_side and max(width, height) > takes.max_side:
        raise UnsupportedError(f"{refuse_as} does not take the size {size}: no side may be longer than {takes.max_side} pixels.")
    if width * height < takes.min_pixels:
        raise UnsupportedError(
            f"{refuse_as} does not take the size {size}: it is below its least size of {takes.min_pixels:,} pixels in all."
        )
    if takes.max_pixels and width * height > takes.max_pixels:
        raise UnsupportedError(f"{refuse_as} does not take the size {size}: it is above its most of {takes.max_pixels:,} pixels in all.")


def _list(what: str, names: Iterable[str]) -> str:
    names = list(names)
    return f"It takes the {what} {', '.join(names)}." if names else f"It takes no {what}; leave it out."


def _and(names: Iterable[str]) -> str:
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
