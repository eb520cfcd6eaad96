"""What ``%config NotebookImg`` shows and sets: traits made from the table of settings, without a value of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from traitlets import Bool, Float, Int, TraitError, TraitType, Unicode

from notebook_img.errors import NotebookImgError
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("model", "preview", "figure", "budget", "replay", "save_to", "history", "fallback", "question_turns", "rate", "verbose_errors")
"""The settings a notebook chooses; all others are set by the environment."""
MODELS = ("model", "fallback")
"""Those that name a provider there has to be."""


class _InForce(TraitType[Any, Any]):
    """A trait that looks at the studio's setting: what was chosen, else the environment, else the default.

    traitlets would keep a copy, which goes stale when a variable is set, and it does not tell of a value that equals the default.
    """

    def get(self, obj: object, cls: object = None) -> Any:  # noqa: ARG002 - traitlets' form
        return getattr(_settings(), str(self.name))

    def set(self, obj: Any, value: Any) -> None:
        try:
            choose(str(self.name), self._validate(obj, value))
        except NotebookImgError as error:
            raise TraitError(str(error)) from error  # what traitlets expects of a value that is refused


# IPython shows the name of a trait's class, so it is the plain one.
_KINDS: Mapping[type, Any] = {
    kind: type(trait.__name__, (_InForce, trait), {}) for kind, trait in ((str, Unicode), (int, Int), (float, Float), (bool, Bool))
}


def setting_traits() -> dict[str, TraitType[Any, Any]]:
    """Return a trait for each of the settings a notebook chooses."""
    table = Settings.table()
    return {name: _KINDS[type(table[name].default)](table[name].default, help=table[name].help).tag(config=True) for name in NAMES}


def check(name: str, value: Any) -> None:
    """Raise where a setting does not take a value; an empty one goes back to the environment and the default."""
    if value == "":
        return
    Settings({}, home=_settings().home).set(name, value)
    if name in MODELS:
        from notebook_img import providers

        providers.resolve(value, _settings())


def choose(name: str, value: Any) -> None:
    """Give a setting of the studio a value."""
    check(name, value)
    settings = _settings()
    settings.set(name, None if value == "" else value)
    if name == "verbose_errors":
        NotebookImgError.verbose = settings.verbose_errors


def _settings() -> Settings:
    from notebook_img.studio import default_studio

    return default_studio().settings
