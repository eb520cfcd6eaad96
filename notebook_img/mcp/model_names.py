"""Model names as agents write them, and what a family's default model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img import providers
from notebook_img.errors import NotFoundError, did_you_mean
from notebook_img.providers import choose_model

if TYPE_CHECKING:
    from notebook_img.providers.interface import Capabilities, Kind
    from notebook_img.settings import Settings

BEGINNINGS = {
    "gemini": "gemini",
    "imagen": "gemini",
    "gpt": "openai",
    "doubao": "ark",
    "seedream": "ark",
    "jimeng": "jimeng",
    "high_aes": "jimeng",
}
"""Prefixes of bare names that are in no table, and the provider they belong to."""


def named(text: str, settings: Settings) -> str:
    """Return ``provider:model`` for a model as a client wrote it; the single-purpose servers took bare names.

    Raises
    ------
    NotFoundError
        With near names.
    """
    plain = text.strip()
    if not plain:
        return ""
    try:
        provider, model = providers.resolve(plain, settings)
        return f"{provider}:{model}" if model else provider
    except NotFoundError:
        known: list[str] = []
        for name in providers.names(settings):
            try:
                rows = providers.get(name, settings).models()
            except NotFoundError:
                continue
            for row in rows:
                if plain.casefold() in (row.name.casefold(), *(alias.casefold() for alias in row.aliases)):
                    return f"{name}:{row.name}"
                known.append(f"{name}:{row.name}")
        for beginning, name in BEGINNINGS.items():
            if plain.casefold().startswith(beginning):
                return f"{name}:{plain}"
        raise NotFoundError(
            f"No model is called {plain[:60]!r}.{did_you_mean(plain, known)} get_image_config_info lists them; write provider:model."
        ) from None


def seedream(settings: Settings) -> str:
    """Return the provider of the Seedream family: ark, else jimeng, else nothing, which means the default model."""
    return next((name for name in ("ark", "jimeng") if providers.has_key(name, settings)), "")


def capabilities(kind: Kind, settings: Settings, model: str = "") -> tuple[str, Capabilities]:
    """Return the model a call would go to, and what it takes."""
    provider, bare = choose_model(kind, settings, asked=model)
    return f"{provider.name}:{bare}", providers.model_info(provider, bare, settings).capabilities
