"""Which models there are, and which controls the chosen one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError
from notebook_img.hints import worded
from notebook_img.widgets.wording import IN_PANELS, remedies

if TYPE_CHECKING:
    from notebook_img.providers.interface import Kind, Provider
    from notebook_img.settings import Settings


def models(settings: Settings) -> list[dict[str, Any]]:
    """Return the models to choose from: those that are ready first, retired ones left out."""
    from notebook_img import providers
    from notebook_img.providers import model_rows

    known = dict(providers.loadable(settings))
    missing = {name: _missing(provider) for name, provider in known.items()}
    rows = [
        {
            "name": row["name"],
            "service": known[str(row["name"]).partition(":")[0]].title,
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
    from notebook_img.providers import choose_model, lacking, model_info

    try:
        provider, bare = choose_model(kind, settings, asked=model, session=session_model)
    except NotebookImgError as error:
        problem = {"problem": worded(error, IN_PANELS), "remedies": remedies(error)}
        return {"kind": kind, "asked": model, "model": model, **problem, "kinds": [], "own": []}
    takes = model_info(provider, bare, settings).capabilities
    lack = lacking(provider)
    return {
        "kind": kind,
        "asked": model,
        "model": f"{provider.name}:{bare}",
        "title": provider.title,
        "problem": worded(lack, IN_PANELS) if lack else "",
        "remedies": remedies(lack) if lack else [],
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
        "align": kind == "edit" and provider.name != "local",
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


def can(kind: Kind, settings: Settings, *, model: str = "", session_model: str = "") -> dict[str, Any]:
    """Return what a model can do, in words: sentences, and rows of name, help and example.

    Raises
    ------
    NotebookImgError
        When there is no such model.
    """
    from notebook_img.providers import choose_model, model_info, price_words
    from notebook_img.providers.local import help_table

    provider, bare = choose_model(kind, settings, asked=model, session=session_model)
    info = model_info(provider, bare, settings)
    takes = info.capabilities
    title = f"{provider.title}: {bare}"
    if provider.name == "local":
        lines = ["Ordinary image operations, not AI: free, and nothing leaves this machine. Several can stand in one prompt, with amounts."]
        rows = [[row.name, row.help, row.example] for row in help_table()]
        return {"title": title, "lines": lines, "rows": rows}
    does = {"generate": "make pictures", "edit": "edit them", "ask": "answer questions about them"}
    price = price_words(info)
    facts = {
        "It can": ", ".join(does[each] for each in ("generate", "edit", "ask") if each in takes.kinds),
        "One picture costs": price if price != "unknown" else "an amount that is not known",
        "Aspect ratios": "any" if takes.aspect_ratios is None else ", ".join(takes.aspect_ratios),
        "Sizes": "any" if takes.sizes is None else ", ".join(takes.sizes),
        "Pictures at once": str(takes.max_count),
        "Pictures it looks at": str(takes.max_inputs),
        "A mask": "is taken" if takes.mask != "no" else "confines its edit afterwards",
        "Takes also": ", ".join(
            words
            for words, takes_it in (("a seed", takes.seed), ("a negative prompt", takes.negative_prompt), ("a strength", takes.strength))
            if takes_it
        ),
    }
    return {"title": title, "lines": [], "rows": [[name, words, ""] for name, words in facts.items() if words]}


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
