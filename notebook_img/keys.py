"""Where keys come from: the environment, the kept key, Colab's userdata, in this order. Nothing here prints a key.

Which services want one is declared by their providers (see providers/services.py); each of them gets its key from `find`,
so that a key no header can carry is refused here, before anything is sent.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.errors import AuthenticationError, UsageError
from notebook_img.files import write_atomically
from notebook_img.hints import Hint
from notebook_img.network import url_secrets, without_queries

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.settings import Settings

KEYRING_SERVICE = "notebook_img"
LEAST_SECRET = 8
"""Shortest secret, in characters: a dummy such as "none" is not one, and removing it would garble sentences."""
LEAST_PIECE = 6
"""Shortest piece of a key that is recognised, in characters: services like to quote its beginning or end."""
LEAST_WORD = 8
"""The same for a piece of lower-case letters only, which may be an ordinary word."""
STARS = re.compile(r"\*{3,}")
"""How services mask a key: ``abc***xyz``."""


@dataclass(frozen=True)
class Service:
    """A service that wants a key. A provider declares it as its class attribute ``service``."""

    name: str
    """The name its key is kept under: that of the provider, unless several share one key."""
    title: str
    variables: tuple[str, ...] = ()
    """Environment variables, the first set one wins."""
    page: str = ""
    """Where a person gets one."""


def find(service: Service | None, settings: Settings) -> str | None:
    """Return the key of a service, or None.

    Parameters
    ----------
    service : Service or None
        What the provider declares; None where it wants no key.
    settings : Settings
        Its `environ` and `home` are used.

    Raises
    ------
    AuthenticationError
        There is a key that no header can carry; the sentence shows nothing of it.
    """
    key = _found(service, settings) if service is not None else None
    if service is not None and key and (wrong := _unsendable(key)):
        variable = _set_variable(service, settings)
        place = f"the environment variable {variable}" if variable else "the kept key"
        again = " Copy it there again." if variable else ""
        raise AuthenticationError(
            f"The key of {service.title} cannot be sent: {place} contains {wrong}. Nothing was sent.{again}",
            hint=() if variable else key_hint(service, another=True),
            provider=service.name,
        )
    return key


def key_hint(service: Service | None, *, another: bool = False) -> tuple[Hint, ...]:
    """Return how the key of a service is set, or replaced by another one; nothing without a service."""
    if service is None:
        return ()
    if not service.variables:
        return (Hint("keep-key", name=service.name),)
    page = f" ({service.page})" if service.page else ""
    return (Hint("replace-key" if another else "set-key", name=service.name, variable=service.variables[-1], page=page),)


def is_set(service: Service, settings: Settings) -> bool:
    """Whether there is a key of a service, usable or not."""
    return bool(_found(service, settings))


def where(service: Service, settings: Settings) -> str:
    """Return where the key of a service comes from, in words; empty when there is none."""
    if variable := _set_variable(service, settings):
        return f"environment variable {variable}"
    if _kept(service, settings):
        return f"kept in {_file_words(settings) if service.name in _read_file(settings) else 'the system keyring'}"
    return "Colab's userdata" if _colab(service.variables) else ""


def keep(service: Service, key: str, settings: Settings) -> str:
    """Keep a key in the system keyring or, without one, in a file of mode 0600; return where, in words."""
    key = key.strip()
    if not key or re.search(r"\s", key):
        raise UsageError(f"This is not a key: it is empty or contains a blank. Nothing was kept for {service.title}.")
    if wrong := _unsendable(key):
        raise UsageError(f"This is not a key: it contains {wrong}. Nothing was kept for {service.title}. Copy the key again.")
    kept = _read_file(settings)
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):  # locked, or without a session to ask in: the file then
            ring.set_password(KEYRING_SERVICE, service.name, key)
            if kept.pop(service.name, None) is not None:
                _write_file(settings, kept)  # an older key there would come first
            return "the system keyring"
    kept[service.name] = key
    _write_file(settings, kept)
    return _file_words(settings)


def kept_words(service: Service, place: str, settings: Settings) -> str:
    """Return where a key is kept now, and what is used before it, in words."""
    used = where(service, settings)
    note = f" But {used} comes first." if used.startswith("environment") else ""
    return f"The key of {service.title} is kept in {place}.{note}"


def forget(service: Service, settings: Settings) -> bool:
    """Remove a kept key; return whether there was one."""
    had = bool(_kept(service, settings))
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):  # every backend has its own error for "not there"
            ring.delete_password(KEYRING_SERVICE, service.name)
    kept = _read_file(settings)
    if kept.pop(service.name, None) is not None:
        _write_file(settings, kept)
    return had


def scrubbed(text: str, *keys: str) -> str:
    """Return a service's words without any piece of the keys they may quote, what looks like a masked key, and queries of URLs.

    Parameters
    ----------
    text : str
        What a service said.
    *keys : str
        The keys it was sent. Short dummies are left alone: they are no secret.
    """
    text = without_queries(text)
    spans = [(at, at + len(piece)) for piece in _pieces(keys) for at in _places(piece, text)]
    masked = 0
    for match in STARS.finditer(text):
        start, end = match.span()
        if start < masked:
            continue
        while start and re.match(r"[\w.-]", text[start - 1]):
            start -= 1
        while end < len(text) and re.match(r"[\w.*-]", text[end]):
            end += 1
        spans.append((start, masked := end))
    clean: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start > done or not clean:
            clean += [text[done:start], "[key]"]
        done = max(done, end)
    return "".join([*clean, text[done:]])


def _pieces(keys: Iterable[str]) -> set[str]:
    """Return what a text is searched for: every piece of the keys that is no ordinary word."""
    return {
        piece
        for key in keys
        if len(key) >= LEAST_SECRET
        for length in (LEAST_PIECE, LEAST_WORD)
        for piece in (key[at : at + length] for at in range(len(key) - length + 1))
        if length == LEAST_WORD or re.search(r"[A-Z0-9]", piece)
    }


def _places(piece: str, text: str) -> Iterator[int]:
    # One plain search for each piece: an answer may be 50 MB of text.
    at = text.find(piece)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def redact(text: str, services: Iterable[Service], settings: Settings) -> str:
    """Return `text` without any key of these services, or any part of a comma-separated list of keys."""
    return _without(text, _secrets(services, settings))


def redact_environment(text: str, services: Iterable[Service], settings: Settings) -> str:
    """Return `text` without the keys in environment variables: quick, since no keyring is asked."""
    return _without(text, _parts(settings.environ.get(variable, "") for service in services for variable in service.variables))


def cleaned(error: BaseException, services: Iterable[Service], settings: Settings) -> BaseException:
    """Remove keys from an error and its causes; a cause that cannot be cleaned is cut off."""
    secrets = _secrets(services, settings)
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if any(secret in str(argument) for argument in link.args for secret in secrets):
            link.args = tuple(_without(argument, secrets) if isinstance(argument, str) else argument for argument in link.args)
        for name, value in vars(link).items():
            if isinstance(value, str) and any(secret in value for secret in secrets):
                setattr(link, name, _without(value, secrets))
        following = link.__cause__ or link.__context__
        if following is not None and any(secret in f"{following}{following.args!r}{vars(following)!r}" for secret in secrets):
            link.__cause__ = None
            link.__context__ = None
            following = None
        link = following
    return error


def _secrets(services: Iterable[Service], settings: Settings) -> list[str]:
    # Every key of the file, whoever keeps it: its provider may not be installed any more.
    kept = [str(key) for key in _read_file(settings).values()]
    in_urls = [secret for url in _urls(settings) for secret in url_secrets(url)]
    return _parts([*kept, *in_urls, *(key for service in services if (key := _found(service, settings)))])


def _urls(settings: Settings) -> list[str]:
    """Return the base URLs and proxies that are set."""
    chosen = [value for value in settings.chosen.values() if isinstance(value, str)]
    named = [value for name, value in settings.environ.items() if name.casefold().endswith(("_url", "_endpoint", "_proxy"))]
    return [url for url in (*chosen, *named) if "://" in url]


def _parts(keys: Iterable[str]) -> list[str]:
    """Return the secret strings in keys, longest first: each part of a list, or of two lines pasted together."""
    parts = {part for key in keys for part in (key.strip(), *re.split(r"[,\s]+", key))}
    return sorted((part for part in parts if len(part) >= LEAST_SECRET), key=len, reverse=True)


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[key]")
    return text


def _found(service: Service, settings: Settings) -> str | None:
    """Return the key of a service whether or not it can be used, or None."""
    if variable := _set_variable(service, settings):
        return settings.environ[variable].strip()
    return _kept(service, settings) or _colab(service.variables)


def _set_variable(service: Service, settings: Settings) -> str:
    """Return the environment variable its key is in, or an empty string."""
    return next((name for name in service.variables if settings.environ.get(name, "").strip()), "")


def _unsendable(key: str) -> str:
    """Return why a key cannot be sent in a header, without showing any of it; empty when it can."""
    if re.search(r"[\r\n]", key):
        return "a line break"
    if not key.isascii():
        return "a character outside ASCII"
    return "" if key.isprintable() else "a control character"


def _kept(service: Service, settings: Settings) -> str | None:
    if value := str(_read_file(settings).get(service.name) or "").strip():
        return value
    ring = _keyring()
    if ring is None:
        return None
    with contextlib.suppress(Exception):  # a locked or broken keyring is as good as none
        return ring.get_password(KEYRING_SERVICE, service.name) or None
    return None


def _keyring() -> Any | None:
    """Return the keyring module where it has a real backend, else None."""
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return None
    backend = keyring.get_keyring()
    return None if isinstance(backend, (fail.Keyring, null.Keyring)) else keyring


def _file_words(settings: Settings) -> str:
    return f"{_file(settings)} (readable by you only)"


def _file(settings: Settings) -> Path:
    return settings.home / "keys.json"


def _read_file(settings: Settings) -> dict[str, str]:
    try:
        kept = json.loads(_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write_file(settings: Settings, kept: dict[str, str]) -> None:
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(kept).encode(), private=True)


def _colab(variables: Iterable[str]) -> str | None:
    if "google.colab" not in sys.modules:
        return None
    from google.colab import userdata  # type: ignore[import-not-found, unused-ignore]

    for variable in variables:
        with contextlib.suppress(Exception):  # not found, or not shared with this notebook
            if value := userdata.get(variable):
                return str(value)
    return None
