"""Where keys come from: the environment, the kept key, Colab's userdata, in this order. Nothing here prints a key.

Every provider gets its key from `find`, so that a key no header can carry is refused here, before anything is sent.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.errors import AuthenticationError, NotFoundError, UsageError, did_you_mean
from notebook_img.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.settings import Settings

KEYRING_SERVICE = "notebook_img"
LEAST_SECRET = 8
"""Letters of what counts as a key: a dummy such as "none" is no secret, and taking it out of sentences would garble them."""
LEAST_PIECE = 6
"""Letters of a key that are recognised as a piece of it: services like to quote its beginning or its end."""
LEAST_WORD = 8
"""The same for a piece of small letters only, which may be a word that stands in the sentence for itself."""
MASKED = re.compile(r"[\w.-]*\*{3,}[\w.*-]*")
"""How services show a key they do not want to show: ``abc***xyz``."""


@dataclass(frozen=True)
class Service:
    """A service that wants a key."""

    name: str
    title: str
    variables: tuple[str, ...]
    """Environment variables, the first set one wins."""
    page: str
    """Where a person gets one."""


SERVICES: dict[str, Service] = {
    service.name: service
    for service in (
        # google-genai reads GOOGLE_API_KEY before GEMINI_API_KEY (read in google-genai 3.4.0).
        Service("gemini", "Google Gemini", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "https://aistudio.google.com/apikey"),
        Service("openai", "OpenAI", ("OPENAI_API_KEY",), "https://platform.openai.com/api-keys"),
        Service("ark", "Volcengine Ark (Seedream)", ("ARK_API_KEY",), "https://console.volcengine.com/ark"),
        Service("jimeng", "Jimeng web session (unofficial)", ("JIMENG_API_TOKEN",), "https://jimeng.jianying.com"),
        Service("vision", "the VISION_* endpoint", ("VISION_API_KEY",), "your server's own pages"),
        Service("openrouter", "OpenRouter", ("OPENROUTER_API_KEY",), "https://openrouter.ai/keys"),
        Service("zhipu", "Zhipu / Z.ai", ("ZHIPU_API_KEY", "ZAI_API_KEY"), "https://open.bigmodel.cn"),
    )
}


def service(name: str) -> Service:
    """Return the service called `name`; NotFoundError with near names otherwise."""
    found = SERVICES.get(name.casefold())
    if found is None:
        raise NotFoundError(f"No service {name!r} wants a key here.{did_you_mean(name, SERVICES)} Known: {', '.join(SERVICES)}.")
    return found


def find(name: str, settings: Settings, variables: Iterable[str] = ()) -> str | None:
    """Return the key of a service, or None.

    Parameters
    ----------
    name : str
        A name of `SERVICES`, or of an endpoint of the user's own.
    settings : Settings
        Its `environ` and `home` are used.
    variables : iterable of str
        Environment variables of an endpoint that is not in `SERVICES`.

    Raises
    ------
    AuthenticationError
        There is a key that no header can carry; the sentence shows nothing of it.
    """
    variables = tuple(variables)
    key = _found(name, settings, variables)
    if key and (wrong := _unsendable(key)):
        known = SERVICES.get(name)
        names = (*(known.variables if known else ()), *variables)
        variable = next((each for each in names if settings.environ.get(each, "").strip()), "")
        place = f"the environment variable {variable}" if variable else "the kept key"
        again = "Copy it there again." if variable else f"Set it again with %img key {name}."
        raise AuthenticationError(
            f"The key of {known.title if known else name} cannot be sent: {place} has {wrong} in it. Nothing was sent. {again}",
            provider=name,
        )
    return key


def is_set(name: str, settings: Settings) -> bool:
    """Whether there is a key of a service, usable or not."""
    return bool(_found(name, settings))


def where(name: str, settings: Settings) -> str:
    """Return where the key of a service comes from, in words; empty when there is none."""
    known = service(name)
    for variable in known.variables:
        if settings.environ.get(variable, "").strip():
            return f"environment variable {variable}"
    if _kept(name, settings):
        return f"kept in {_file_words(settings) if name in _read_file(settings) else 'the system keyring'}"
    return "Colab's userdata" if _colab(known.variables) else ""


def ready(settings: Settings) -> list[str]:
    """Return the services of `SERVICES` that have a key."""
    return [name for name in SERVICES if is_set(name, settings)]


def keep(name: str, key: str, settings: Settings) -> str:
    """Keep a key in the system keyring or, where there is none, in a file of mode 0600; return where, in words."""
    known = service(name)
    key = key.strip()
    if not key or re.search(r"\s", key):
        raise UsageError(f"That is no key: it is empty or has a blank in it. Nothing was kept for {known.title}.")
    if wrong := _unsendable(key):
        raise UsageError(f"That is no key: it has {wrong} in it. Nothing was kept for {known.title}; copy the key again.")
    kept = _read_file(settings)
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):  # locked, or without a session to ask in: the file then
            ring.set_password(KEYRING_SERVICE, known.name, key)
            if kept.pop(known.name, None) is not None:
                _write_file(settings, kept)  # an older key there would come first
            return "the system keyring"
    kept[known.name] = key
    _write_file(settings, kept)
    return _file_words(settings)


def forget(name: str, settings: Settings) -> bool:
    """Remove a kept key; return whether there was one."""
    known = service(name)
    had = bool(_kept(known.name, settings))
    ring = _keyring()
    if ring is not None:
        with contextlib.suppress(Exception):  # every backend has its own error for "not there"
            ring.delete_password(KEYRING_SERVICE, known.name)
    kept = _read_file(settings)
    if kept.pop(known.name, None) is not None:
        _write_file(settings, kept)
    return had


def scrubbed(text: str, *keys: str) -> str:
    """Return a service's words without any piece of the keys they may quote, and without what looks like a masked key.

    Parameters
    ----------
    text : str
        What a service said.
    *keys : str
        The keys it was sent. Short dummies are left alone: they are no secret.
    """
    marks = [False] * len(text)
    for length in (LEAST_PIECE, LEAST_WORD):
        pieces = {
            piece
            for key in keys
            if len(key) >= LEAST_SECRET
            for piece in (key[at : at + length] for at in range(len(key) - length + 1))
            if length == LEAST_WORD or re.search(r"[A-Z0-9]", piece)
        }
        for at in range(len(text) - length + 1 if pieces else 0):
            if text[at : at + length] in pieces:
                marks[at : at + length] = [True] * length
    for match in MASKED.finditer(text):
        marks[match.start() : match.end()] = [True] * len(match[0])
    return "".join("[key]" if marked and not (at and marks[at - 1]) else "" if marked else text[at] for at, marked in enumerate(marks))


def redact(text: str, settings: Settings, extra: Iterable[str] = ()) -> str:
    """Return `text` with every key known here taken out, also in the parts of a comma-separated list."""
    for secret in _secrets(settings, extra):
        text = text.replace(secret, "[key]")
    return text


def redact_environment(text: str, settings: Settings) -> str:
    """Return `text` without the keys in environment variables: quick, since no keyring is asked."""
    for known in SERVICES.values():
        for variable in known.variables:
            for part in settings.environ.get(variable, "").split(","):
                if len(part.strip()) >= LEAST_SECRET:
                    text = text.replace(part.strip(), "[key]")
    return text


def cleaned(error: BaseException, settings: Settings) -> BaseException:
    """Take keys out of an error and of what it was raised from; a cause that cannot be cleaned is cut off."""
    secrets = _secrets(settings)
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if any(secret in str(argument) for argument in link.args for secret in secrets):
            link.args = tuple(redact(argument, settings) if isinstance(argument, str) else argument for argument in link.args)
        for name, value in vars(link).items():
            if isinstance(value, str) and any(secret in value for secret in secrets):
                setattr(link, name, redact(value, settings))
        following = link.__cause__ or link.__context__
        if following is not None and any(secret in f"{following}{following.args!r}{vars(following)!r}" for secret in secrets):
            link.__cause__ = None
            link.__context__ = None
            following = None
        link = following
    return error


def _secrets(settings: Settings, extra: Iterable[str] = ()) -> list[str]:
    found = [key for name in SERVICES if (key := _found(name, settings))]
    # Lists of keys, and keys that two lines were copied into: each part is as secret as the whole.
    parts = [part for key in (*found, *extra) for part in (key.strip(), *re.split(r"[,\s]+", key))]
    # A short dummy such as "none" is no secret, and taking it out of sentences would only garble them.
    return sorted({part for part in parts if len(part) >= LEAST_SECRET}, key=len, reverse=True)


def _found(name: str, settings: Settings, variables: Iterable[str] = ()) -> str | None:
    """Return the key of a service whether or not it can be used, or None."""
    known = SERVICES.get(name)
    names = (*(known.variables if known else ()), *variables)
    for variable in names:
        if value := settings.environ.get(variable, "").strip():
            return value
    return _kept(name, settings) or _colab(names)


def _unsendable(key: str) -> str:
    """Return what keeps a key from standing in a header, in words that show nothing of it; empty when it can."""
    if re.search(r"[\r\n]", key):
        return "a line break"
    if not key.isascii():
        return "a character outside ASCII"
    return "" if key.isprintable() else "a control character"


def _kept(name: str, settings: Settings) -> str | None:
    if value := str(_read_file(settings).get(name) or "").strip():
        return value
    ring = _keyring()
    if ring is None:
        return None
    with contextlib.suppress(Exception):  # a locked or broken keyring is as good as none
        return ring.get_password(KEYRING_SERVICE, name) or None
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
