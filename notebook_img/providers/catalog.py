"""What is available: models and what they cost, services and whether they are ready. Asks no service."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from notebook_img import keys
from notebook_img.errors import KeyMissingError, NotebookImgError, NotFoundError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.providers.own_models import model_info, usable_own_models
from notebook_img.providers.pricing import price_on, today

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.providers.interface import Connection, ModelInfo, OwnOption, Provider
    from notebook_img.settings import Settings


def model_rows(settings: Settings, day: str = "") -> list[dict[str, Any]]:
    """Return one row per known model, those of the user's own file among them and those it blocks left out.

    Parameters
    ----------
    day : str
        The local day whose prices are told, ``YYYY-MM-DD``; empty: today.

    Returns
    -------
    list of dict
        ``name`` (``provider:model``), ``ready``, ``here`` (that, or what it is instead), ``does``, ``sizes``,
        ``references`` (most input pictures),
        ``price`` (US dollars of one picture, or words), ``price_source`` and ``price_date`` (where it was read, and when),
        ``status``, ``ends`` (the last day, where one is known), ``successor``, ``default`` and ``source`` (where the row comes from).
    """
    from notebook_img import providers

    rows = []
    own, day = usable_own_models(settings)[0], day or today()
    for name, provider in providers.loadable(settings):
        here = _here(provider)
        defaults = {provider.default_model(kind) for kind in ("generate", "edit", "ask")}
        known = provider.models()
        listed = {each.casefold() for info in known for each in (info.name, *info.aliases)}
        added = [full.partition(":")[2] for full in own.models if full.partition(":")[0] == name.casefold()]
        more = [provider.model_info(model) for model in added if model not in listed]
        for info in (model_info(provider, row.name, settings, day) for row in (*known, *more) if not own.banned(name, row.name)):
            price = price_on(info, day)
            rows.append(
                {
                    "name": f"{name}:{info.name}",
                    "ready": here == "ready",
                    "here": here,
                    "does": ", ".join(kind for kind in ("generate", "edit", "ask") if kind in info.capabilities.kinds),
                    "sizes": ", ".join(info.capabilities.sizes or ()) or ("any" if info.capabilities.pixel_sizes else ""),
                    "references": info.capabilities.max_inputs,
                    "price": price_words(info, day),
                    "price_source": (price.source or info.source) if price is not None else "",
                    "price_date": (price.checked or price.since) if price is not None else "",
                    "status": info.status,
                    "ends": info.ends,
                    "successor": info.successor,
                    "default": info.name in defaults,
                    "source": info.source,
                }
            )
    return rows


def _here(provider: Provider) -> str:
    """Return whether a provider is ready here, in words."""
    return "not set up" if lacking(provider) is not None else "not running" if _not_running(provider) else "ready"


def _not_running(provider: Provider) -> str:
    told = getattr(provider, "not_running", None)
    return str(told()) if told is not None else ""


def model_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the headings and cells of a table of models, from `model_rows`."""
    headings = ["model", "here", "does", "sizes", "pictures in", "price", "read on", "from", "status"]
    return headings, [
        [
            row["name"],
            row["here"],
            row["does"],
            row["sizes"],
            str(row["references"]),
            row["price"],
            row["price_date"],
            row["price_source"],
            ", ".join(
                [
                    row["status"],
                    *([f"until {row['ends']}"] if row["ends"] else []),
                    *([f"then {row['successor']}"] if row["successor"] else []),
                ]
            ),
        ]
        for row in rows
    ]


def price_words(info: ModelInfo, day: str = "") -> str:
    """Return what one picture or a million tokens cost on a day (today when empty), in words; "unknown" where no price is known."""
    from notebook_img.display import money

    price = price_on(info, day)
    if price is None:
        return "unknown"
    prices = sorted({*price.per_picture.values(), *(dollars for _, dollars in price.by_pixels)})
    if prices == [0.0]:
        return "free"
    about = "about " if price.about else ""
    if prices:
        return about + (money(prices[0]) if len(prices) == 1 else f"{money(prices[0])} to {money(prices[-1])}")
    if price.image_out:
        return f"{about}${price.image_out:g} per million image tokens"
    if price.text_out:
        return f"{about}${price.text_in or 0:g} in, ${price.text_out:g} out per million tokens"
    return "unknown"


def lacking(provider: Provider, model: str = "") -> NotebookImgError | None:
    """Return the error for what a provider lacks before it can be used, or None; a key that cannot be sent counts too."""
    from notebook_img import providers

    try:
        missing = provider.missing()
    except NotebookImgError as error:
        return error
    if not missing:
        return None
    return KeyMissingError(missing, hint=keys.key_hint(providers.service_of(provider)), provider=provider.name, model=model)


def rows_named(rows: Sequence[dict[str, Any]], words: Sequence[str]) -> list[dict[str, Any]]:
    """Return the models with one of the words in their name; all of them without words.

    Raises
    ------
    NotFoundError
        For a word no model has in its name.
    """
    for word in words:
        if not any(word in row["name"] for row in rows):
            names = [part for row in rows for part in (row["name"], *row["name"].split(":", 1))]
            raise NotFoundError(f"No model has {word!r} in its name.{did_you_mean(word, names)}", hint=Hint("list-models"))
    return [row for row in rows if not words or any(word in row["name"] for word in words)]


def service_rows(settings: Settings, *, own: bool = True) -> list[dict[str, Any]]:
    """Return one row per provider, those of the user's own file among them unless `own` is False.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``state`` ("ready", or what is missing), ``hints`` (how to get it), ``key`` (where it comes from) and
        ``connection`` (which of several ways is used and why; empty where there is one way).
    """
    from notebook_img import providers

    rows = []
    for name in providers.names(settings if own else None):
        try:
            provider = providers.get(name, settings)
        except NotFoundError as error:
            rows.append({"name": name, "title": name, "state": error.sentence, "hints": error.hints, "key": "", "connection": ""})
            continue
        lack, service = lacking(provider), providers.service_of(provider)
        used = _connection(provider) if lack is None else None
        rows.append(
            {
                "name": name,
                "title": provider.title,
                "state": lack.sentence if lack else _not_running(provider) or "ready",
                "hints": lack.hints if lack else (),
                "key": keys.where(service, settings) if service is not None and not (used and used.credentials) else "",
                "connection": "; ".join(part for part in (used.title, used.credentials, used.why) if part) if used else "",
            }
        )
    return rows


def _connection(provider: Provider) -> Connection | None:
    from notebook_img import providers

    with contextlib.suppress(NotebookImgError):  # what is set wrong is the state
        return providers.connection_of(provider)
    return None


def own_options(settings: Settings) -> list[OwnOption]:
    """Return the options that only some services have, from all model tables, repeated as there; loads no SDK."""
    from notebook_img import providers

    return [option for _, provider in providers.loadable(settings) for info in provider.models() for option in info.capabilities.options]
