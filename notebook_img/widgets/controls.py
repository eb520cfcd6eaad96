"""Which models there are, and which controls the chosen one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError
from notebook_img.hints import worded
from notebook_img.widgets.wording import IN_PANELS

if TYPE_CHECKING:
    from notebook_img.providers.interface import Kind, Provider
    from notebook_img.settings import Settings


def models(settings: Settings) -> list[dict[str, Any]]:
    """Return the models to choose from: those that are ready first, retired ones left out."""
    from notebook_img import providers
    from notebook_img.providers import model_rows

    missing = {name: _missing(provider) for name, provider in providers.loadable(settings)}
    rows = [
        {
            "name": row["name"],
            "kinds": row["does"].split(", "),
            "ready": row["ready"],
            "missing": missing.get(str(row["name"]).partition(":")[0], ""),
            "price": row["price"],
        }
        for row in model_rows(settings)
        if row["status"] != "retired"
    ]
    return sorted(rows, key=lambda row: not row["ready"])


def abilities(kind: Kind, settings: Settings, *, model: str = "", session_model: str = "") -> dict[str, Any]:
    """Return what a model takes, for one kind of work.

    Parameters
    ----------
    kind : str
        ``generate``, ``edit`` or ``ask``.
    settings : Settings
        Where the default model comes from.
    model : str
        The chosen model; the default when empty.
    session_model : str
        The session's model.
    """
    from notebook_img.providers import choose_model

    try:
        provider, bare = choose_model(kind, settings, asked=model, session=session_model)
    except NotebookImgError as error:
        return {"kind": kind, "asked": model, "model": model, "problem": worded(error, IN_PANELS), "kinds": [], "own": []}
    takes = provider.model_info(bare).capabilities
    return {
        "kind": kind,
        "asked": model,
        "model": f"{provider.name}:{bare}",
        "title": provider.title,
        "problem": _missing(provider),
        "kinds": sorted(takes.kinds),
        "ratios": None if takes.aspect_ratios is None else list(takes.aspect_ratios),
        "sizes": None if takes.sizes is None else list(takes.sizes),
        "pixelSizes": takes.pixel_sizes,
        "count": takes.max_count,
        "references": max(0, takes.max_inputs - (1 if kind == "edit" else 0)),
        "seed": takes.seed,
        "negative": takes.negative_prompt,
        "strength": takes.strength,
        "mask": takes.mask != "no",
        "boxes": takes.boxes,
        "local": provider.name == "local",
        "own": [
            {"name": own.name, "help": own.help, "choices": list(own.choices), "flag": own.type is bool}
            for own in takes.options
            if kind in own.kinds
        ],
    }


def _missing(provider: Provider) -> str:
    """Return what a provider lacks before it can be used, and how to get it; empty when it is ready."""
    from notebook_img.providers import lacking

    lack = lacking(provider)
    return worded(lack, IN_PANELS) if lack else ""


def options_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return a call's options from the panel's controls; empty controls are left out.

    Raises
    ------
    UsageError
        When a value cannot be used; the message names the control's option.
    """
    from notebook_img.options import OPTIONS

    fields = {
        option.name: option.value_of(text, named=option.long.removeprefix("--").capitalize())
        for option in OPTIONS
        if option.in_request and (text := str(given.get(option.name) or "").strip())
    }
    if fields.get("n") == 1:
        del fields["n"]
    own = {name: value for name, value in dict(given.get("own") or {}).items() if value not in ("", None, False)}
    return {**fields, "own": own}
