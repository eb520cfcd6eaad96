"""Which model a call goes to: the one asked for, else the session's, else the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.errors import UnsupportedError
from notebook_img.hints import Hint
from notebook_img.providers.own_models import banned, model_info

if TYPE_CHECKING:
    from notebook_img.providers.interface import Kind, Provider
    from notebook_img.settings import Settings

PAID_ORDER = ("gemini", "openai", "ark")
"""The first of these that has a key is the default (design section 9)."""


def choose_model(
    kind: Kind, settings: Settings, *, asked: str = "", follows: str = "", session: str = "", ran_on: str = ""
) -> tuple[Provider, str]:
    """Return the provider and bare model for a call.

    Parameters
    ----------
    kind : str
        ``generate``, ``edit`` or ``ask``.
    settings : Settings
        Its `model` stands for ``%config`` and then ``NOTEBOOK_IMG_MODEL``.
    asked : str
        A model named in the call; it is taken as it is.
    follows : str
        For a follow-up: the model that answered the question before.
    session : str
        The model that was typed for the session.
    ran_on : str
        The default that made the session's latest picture: work never falls from a service to the built-in engine, so without
        any key this service is chosen again, and its missing key is the error.

    Raises
    ------
    UnsupportedError
        When the model asked for cannot do this kind of work at all.
    """
    from notebook_img import providers

    if asked:
        provider, model = _named(asked, kind, settings)
        if model is None:
            raise UnsupportedError(f"{provider.title} cannot {doing(kind)}.", hint=Hint("choose-model"))
        return provider, model
    vision = (
        "vision" if kind == "ask" and (settings.vision_model or settings.vision_base_url or settings.environ.get("VISION_API_KEY")) else ""
    )
    before = ran_on if kind != "ask" and not ran_on.startswith("local:") else ""
    by_key = (name for name in PAID_ORDER if providers.has_key(name, settings))
    typed = [text for text in (follows, vision, session, settings.model) if text]
    for text in (*typed, *by_key, *filter(None, [before])):
        provider, model = _named(text, kind, settings)
        # One that was typed and is blocked is refused before it is sent to; a default that is blocked is passed over.
        if model is not None and (text in typed or not banned(provider, model, settings)):
            return provider, model
    provider = providers.get("local", settings)
    return provider, provider.default_model(kind) or ""


def _named(text: str, kind: Kind, settings: Settings) -> tuple[Provider, str | None]:
    from notebook_img import providers

    name, model = providers.resolve(text, settings)
    provider = providers.get(name, settings)
    if not model:
        return provider, provider.default_model(kind)
    return provider, model if kind in model_info(provider, model, settings).capabilities.kinds else None


def doing(kind: str) -> str:
    """Return what a kind of call does, in words."""
    return {"generate": "make pictures", "edit": "edit pictures", "ask": "answer questions"}[kind]
