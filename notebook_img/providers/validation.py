"""Whether a model takes what is asked: checked before anything is sent, and refused with what it does take."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError, UnsupportedError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.providers.interface import NEEDS, Request
from notebook_img.providers.own_models import model_info
from notebook_img.providers.selection import doing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.providers.interface import Capabilities, Provider
    from notebook_img.settings import Settings

_UNASKED: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Request)}
"""What a request has where nothing was asked."""


def takes(capabilities: Capabilities, need: str) -> bool:
    """Return whether a model takes anything but what a request has unasked, for a row of `NEEDS`."""
    limit = getattr(capabilities, NEEDS[need].capability)
    unasked = _UNASKED[need]
    if need == "size" and capabilities.pixel_sizes:
        return True
    if isinstance(limit, tuple):
        return any(value != unasked for value in limit)
    if type(limit) is int:
        return limit > (unasked or 0)
    return limit is None or limit not in (False, "no")


def check_request(request: Request, provider: Provider, settings: Settings | None = None) -> None:
    """Refuse what the model does not take, with what it takes; the limits are the model table's and the user's own.

    Raises
    ------
    UnsupportedError
    """
    info = model_info(provider, request.model, settings, request.day) if settings is not None else provider.model_info(request.model)
    capabilities = info.capabilities
    who = f"{provider.name}:{request.model}"

    def refuse(what: str, instead: str, hint: Hint | None = None) -> None:
        raise UnsupportedError(f"{who} does not take {what}. {instead}".strip(), hint=hint or ())

    if request.kind not in capabilities.kinds:
        refuse(f"a request to {doing(request.kind)}", f"It can {_and(doing(kind) for kind in sorted(capabilities.kinds))}.")
    for name, need in NEEDS.items():
        value = getattr(request, name) if name != "references" else len(request.inputs) + len(request.references)
        instead = _instead(name, value, capabilities)
        if instead is not None:
            refuse(need.refused.format(value=value), instead, need.hint)
    if capabilities.prompt_limit and len(request.prompt) > capabilities.prompt_limit:
        refuse(f"a prompt of {len(request.prompt)} characters", f"The limit is {capabilities.prompt_limit}.")
    _check_own(request, capabilities, who)


def unable(provider: Provider, request: Request) -> NotebookImgError | None:
    """Return why a provider cannot do a request, where it can tell that without its service."""
    check = getattr(provider, "check", None)
    if check is None:
        return None
    try:
        check(request)
    except NotebookImgError as error:
        return error
    return None


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


def _instead(name: str, value: Any, capabilities: Capabilities) -> str | None:
    """Return what the model takes in place of a value; None where it takes the value."""
    need = NEEDS[name]
    limit = getattr(capabilities, need.capability)
    if name == "size":
        return _instead_of_size(value, capabilities) if value else None
    if value is None or limit is None:
        return None
    if isinstance(limit, tuple):
        if not value or value in limit:
            return None
        return need.instead.format(limit=", ".join(limit)) if limit else "It takes none; leave it out."
    taken = value <= limit if type(limit) is int else limit not in (False, "no")
    return None if taken else need.instead.format(limit=limit)


def _instead_of_size(size: str, takes: Capabilities) -> str | None:
    pixels = re.fullmatch(r"(\d+)[x×](\d+)", size, re.IGNORECASE)
    if not pixels or not takes.pixel_sizes:
        if (takes.sizes is None and not pixels) or size.upper() in (name.upper() for name in takes.sizes or ()):
            return None
        named = [*filter(None, [", ".join(takes.sizes or ())]), *(["WIDTHxHEIGHT in pixels"] if takes.pixel_sizes else [])]
        return NEEDS["size"].instead.format(limit=" or ".join(named) or "no size at all")
    width, height = int(pixels[1]), int(pixels[2])
    if width % takes.size_step or height % takes.size_step:
        return f"It takes widths and heights that are multiples of {takes.size_step}."
    if takes.max_side and max(width, height) > takes.max_side:
        return f"It takes sides of at most {takes.max_side:,} pixels."
    if width * height < takes.min_pixels:
        return f"Its least size is {takes.min_pixels:,} pixels in all."
    if takes.max_pixels and width * height > takes.max_pixels:
        return f"It takes at most {takes.max_pixels:,} pixels in all."
    return None


def _and(names: Iterable[str]) -> str:
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
