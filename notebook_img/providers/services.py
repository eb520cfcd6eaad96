"""Which services want a key: what the provider classes and the user's own endpoints declare. No provider is made for it, no SDK loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img import keys
from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.providers.interface import Connection
from notebook_img.providers.registry import provider_class, provider_classes

if TYPE_CHECKING:
    from notebook_img.keys import Service
    from notebook_img.providers.interface import Provider
    from notebook_img.settings import Settings


def key_services(settings: Settings) -> list[Service]:
    """Return the services that want a key, each once: ours first, those of the user's own endpoints last.

    A package that cannot be loaded and an endpoints file that cannot be read are left out: what is asked here is asked on the way
    to an error or a call that has nothing to do with them.
    """
    from notebook_img.providers.openai import own_services

    try:
        own = own_services(settings)
    except UsageError:
        own = []
    found: list[Service] = []
    kinds = provider_classes()
    more = [each for kind in kinds for each in getattr(kind, "more_services", ())]
    for each in (*map(service_of, kinds), *more, *own):
        if each is not None and each not in found:
            found.append(each)
    return found


def key_service(name: str, settings: Settings) -> Service:
    """Return the service whose key is kept as `name`; NotFoundError with near names otherwise."""
    known: dict[str, Service] = {}
    for each in key_services(settings):
        known.setdefault(each.name.casefold(), each)
    if name.casefold() not in known:
        raise NotFoundError(f"No service {name!r} wants a key here.{did_you_mean(name, known)} Known: {', '.join(known)}.")
    return known[name.casefold()]


def has_key(provider: str, settings: Settings) -> bool:
    """Whether a provider is set up: a key, usable or not, or a connection that needs none; only that provider's module is loaded."""
    kind = provider_class(provider)
    wanted, keyless = service_of(kind), getattr(kind, "keyless", None)
    return (wanted is not None and keys.is_set(wanted, settings)) or (keyless is not None and keyless(settings))


def connection_of(provider: Provider) -> Connection | None:
    """Return the connection a provider uses, None for one that knows a single way.

    Raises
    ------
    UsageError
        What is set for it is wrong.
    """
    told = getattr(provider, "connection", None)
    found = told() if callable(told) else None
    return found if isinstance(found, Connection) else None


def mark_of(provider: Provider, settings: Settings) -> str:
    """Return the keyed hash that raw state is bound to: of the connection where it has an identity of its own, else of the key."""
    connection = connection_of(provider)
    secret = connection.identity if connection is not None else ""
    secret = secret or keys.find(service_of(provider), settings) or ""
    return settings.key_mark(secret) if secret else ""


def service_of(provider: object) -> Service | None:
    """Return the service a provider, or its class, declares."""
    declared = getattr(provider, "service", None)
    return declared if isinstance(declared, keys.Service) else None
