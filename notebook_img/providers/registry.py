"""Which providers there are: entry points of the group ``notebook_img.providers``, loaded one by one when first used.

Ours are registered the same way as anybody else's, and listing their names imports no SDK and no provider module.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, cast

from notebook_img import loop
from notebook_img.errors import NotFoundError, UsageError, did_you_mean
from notebook_img.network import hide_queries_in_logs
from notebook_img.providers.user_file import NO_SERVERS, user_files

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from notebook_img.providers.interface import Provider
    from notebook_img.settings import Settings

GROUP = "notebook_img.providers"
OURS = "notebook-img"
CLOSE_SECONDS = 5.0
"""Seconds a provider gets to close its connections."""

log = logging.getLogger("notebook_img")

_lock = threading.RLock()
_made: weakref.WeakKeyDictionary[Settings, dict[str, Provider]] = weakref.WeakKeyDictionary()


@functools.cache
def _entry_points() -> dict[str, EntryPoint]:
    """Return the entry points by name, ours first. Asked once: telling whose one is reads the metadata of its package."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (not _is_ours(point), point.name)):
        # Ours come first and the first one stays: another package cannot take the name of a service pictures are sent to.
        found.setdefault(point.name.casefold(), point)
    return found


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name.replace("_", "-").casefold() == OURS


def names(settings: Settings | None = None) -> list[str]:
    """Return the names of all registered providers and of the user's own endpoints, sorted; nothing is imported where there are none."""
    return sorted({*_entry_points(), *_own_endpoints(settings)})


def _own_endpoints(settings: Settings | None) -> list[str]:
    """Return the names in the user's files of endpoints: OpenAI-compatible servers without an entry point."""
    if settings is None or not any(file.tables.keys() - NO_SERVERS for file in user_files(settings)):
        return []
    from notebook_img.providers.openai import own_names

    return own_names(settings)


def _find(name: str) -> EntryPoint | None:
    folded = name.casefold()
    if folded not in _entry_points():
        _entry_points.cache_clear()  # a provider may have been installed since the kernel started
    return _entry_points().get(folded)


def provider_class(name: str) -> type[Provider]:
    """Return the class behind an entry point, which is not made; NotFoundError as in `get`."""
    point = _find(name)
    if point is None:
        raise _unknown(name, names())
    return _loaded(point)


def provider_classes() -> list[type[Provider]]:
    """Return the classes of all entry points, ours first; one that cannot be loaded is left out."""
    found = []
    for point in _entry_points().values():
        try:
            found.append(_loaded(point))
        except NotFoundError as error:
            log.debug("left out: %s", error)
    return found


def _loaded(point: EntryPoint) -> type[Provider]:
    try:
        return cast("type[Provider]", point.load())
    except Exception as error:  # whatever another package's module does when it is imported
        raise _broken(point, error) from error


def _broken(point: EntryPoint, error: Exception) -> NotFoundError:
    package = point.dist.name if point.dist is not None else point.value
    return NotFoundError(f"The provider {point.name!r} of package {package} cannot be loaded: {error}. Reinstall that package.")


def _unknown(name: str, known: list[str]) -> NotFoundError:
    return NotFoundError(f"No provider is called {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}.")


def get(name: str, settings: Settings) -> Provider:
    """Return the provider called `name`, made once per settings object.

    Parameters
    ----------
    name : str
        Name of an entry point, in any case.
    settings : Settings
        What the provider is constructed with.

    Raises
    ------
    NotFoundError
        No such provider (near names are given), or its package cannot be imported.
    """
    hide_queries_in_logs()
    point = _find(name)
    if point is None:
        if name in _own_endpoints(settings):
            from notebook_img.providers.openai import own_provider

            with _lock:
                made = _made.setdefault(settings, {})
                if name not in made and (own := own_provider(name, settings)) is not None:
                    made[name] = own
                return made[name]
        raise _unknown(name, names(settings))
    with _lock:
        made = _made.setdefault(settings, {})
        if point.name not in made:
            kind = _loaded(point)
            try:
                made[point.name] = kind(settings)
            except UsageError:  # what is set for it is wrong, and the sentence says what
                raise
            except Exception as error:  # whatever another package's class does when it is constructed
                raise _broken(point, error) from error
        return made[point.name]


def loadable(settings: Settings) -> list[tuple[str, Provider]]:
    """Return all providers by name; one that cannot be loaded is left out, as it must not stop the others. `get` says why it cannot.

    So are the servers of a file that cannot be read.
    """
    found: list[tuple[str, Provider]] = []
    try:
        known = names(settings)
    except UsageError as error:
        log.debug("left out: %s", error)
        known = names()
    for name in known:
        try:
            found.append((name, get(name, settings)))
        except (NotFoundError, UsageError) as error:
            log.debug("left out: %s", error)
    return found


def close(settings: Settings) -> None:
    """Close the connections of the providers made for `settings` and forget them; `get` makes new ones.

    Their connections belong to the core's loop, so they are closed there. A provider that fails or takes its time stops no other.
    """
    with _lock:
        made = _made.pop(settings, {})

    async def close_all(_tell: object) -> None:
        await asyncio.gather(*(_close(provider) for provider in made.values()))

    if made and loop.on_core():
        loop.spawn(close_all)
    elif made:
        loop.run(close_all)


async def _close(provider: Provider) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await provider.aclose()
    except Exception as error:  # another package's; what it leaves open ends with the process
        log.debug("closing %s failed: %s", provider.name, error)


def resolve(text: str, settings: Settings | None = None) -> tuple[str, str]:
    """Split ``provider:model`` or ``provider`` into both names; the model is ``""`` for the provider's default.

    The text is split at the first colon only if what stands left of it is a provider, so that
    ``ollama:llava:13b`` keeps its tag. With `settings`, endpoints of the user's own are known too.

    Raises
    ------
    NotFoundError
        What should be the provider is none; near names are given.
    """
    text = text.strip()
    left, _, right = text.partition(":")
    point = _find(left.strip())
    if point is not None:
        return point.name, right.strip()
    if left.strip() in _own_endpoints(settings):
        return left.strip(), right.strip()
    known = names(settings)
    raise NotFoundError(
        f"No provider is called {left!r}.{did_you_mean(left, known)}"
        f" Write a model as provider:model, or only the provider: {', '.join(known)}."
    )


def _start_afresh() -> None:
    # A client of the parent process has open connections and a loop that does not run in a forked child.
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread the child does not have
    _lock = threading.RLock()
    _made.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
