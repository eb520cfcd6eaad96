"""What the engine says when it cannot: the cause first, the phrase, what it can do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img import keys
from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.providers.selection import PAID_ORDER

if TYPE_CHECKING:
    from notebook_img.providers.interface import Kind
    from notebook_img.settings import Settings

ORDER: dict[str, tuple[str, ...]] = {
    "generate": PAID_ORDER,
    "edit": PAID_ORDER,
    "ask": ("vision", *(name for name in PAID_ORDER if name != "ark")),
}
"""Services an unset model falls to; Jimeng is used only when named (design, section 9)."""

CAN: dict[str, str] = {
    "generate": "it can draw shapes, gradients, patterns, text cards and simple landscapes",
    "edit": "it can crop, rotate, warm, caption and some fifty things more",
    "ask": "it can tell size, format, colours, brightness, sharpness, transparency and where a photograph was taken",
}


def ready_service(kind: Kind, settings: Settings) -> str | None:
    """Return the first service with a key that could do it."""
    from notebook_img.providers.services import has_key

    return next((name for name in ORDER[kind] if has_key(name, settings)), None)


def _gemini_key() -> tuple[Hint, ...]:
    from notebook_img.providers.registry import provider_class
    from notebook_img.providers.services import service_of

    return keys.key_hint(service_of(provider_class("gemini")))


def cannot(phrase: str, kind: Kind, settings: Settings, hint: str = "") -> UsageError:
    """Return the error for a phrase the built-in engine does not know."""
    service = ready_service(kind, settings)
    hint = f" {hint}" if hint else ""
    if service is not None:
        seeing = "a model that can see" if kind == "ask" else "an image model"
        return UsageError(f"{phrase!r} needs {seeing}.{hint}", hint=Hint("use-model", model=service))
    missing = "No model that can see is set up" if kind == "ask" else "No image model is set up"
    verb = {"ask": "cannot answer", "generate": "cannot draw", "edit": "cannot"}[kind]
    return UsageError(
        f"{missing}. The built-in engine {verb} {phrase!r}; {CAN[kind]}.{hint}",
        hint=(*_gemini_key(), *((Hint("list-operations"),) if kind == "edit" else ())),
    )
