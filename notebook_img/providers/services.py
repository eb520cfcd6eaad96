"""Which services want a key: what the provider classes and the user's own endpoints declare. No provider is made for it, no SDK loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img import keys
from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.providers.registry import provider_class, provider_classes

if TYPE_CHECKING:
    from notebook_img.keys import Service
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
    for each in (*map(service_of, provider_classes()), *own):
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
    """Whether there is a key for a provider, usable or not; only that provider's module is loaded."""
    wanted = service_of(provider_class(provider))
    return wanted is not None and keys.is_set(wanted, settings)


def service_of(provider: object) -> Service | None:
    """Return the service a provider, or its class, declares."""
    declared = getattr(provider, "service", None)
    return declared if isinstance(declared, keys.Service) else None
