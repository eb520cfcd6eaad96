"""A setting is read when it is used: what was set in code or by ``%config`` first, then the environment, then the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from notebook_img.errors import UsageError
from notebook_img.network import shown_url, url_secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.settings.table import Settings

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting: how its text is read, its default, its environment variables (first set one wins), its help."""

    def __init__(
        self,
        read: Callable[[str], T],
        default: T | Callable[[], T],
        *env: str,
        help: str,  # noqa: A002
        ceiling: Callable[[Settings], tuple[T, str] | None] | None = None,
    ) -> None:
        self.read = read
        self.ceiling = ceiling
        self._default = default
        self.env = env
        self.help = help
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def default(self) -> T:
        """The value when nothing is set."""
        return self._default() if callable(self._default) else self._default

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type) -> T: ...
    def __get__(self, instance: Settings | None, owner: type) -> T | Setting[T]:
        if instance is None:
            return self
        most = self.ceiling(instance) if self.ceiling is not None else None
        if self.name in instance.chosen:
            chosen: Any = instance.chosen[self.name]
            return chosen if most is None or chosen <= most[0] else most[0]
        if most is not None:
            return most[0]
        return self.set_outside(instance)

    def set_outside(self, instance: Settings) -> T:
        """Return what the environment says, else the default."""
        for variable in self.env:
            text = instance.environ.get(variable, "").strip()
            if text:
                try:
                    return self.read(text)
                except ValueError as error:
                    msg = f"{variable}={shown(text)!r} cannot be used: {error}{full_stop(error)}"
                    raise UsageError(msg) from error
        return self.default

    def __set__(self, instance: Settings, value: T | str | None) -> None:
        if value is None:
            instance.chosen.pop(self.name, None)
            return
        try:
            read = self.read(value) if isinstance(value, str) else self._checked(value)
        except ValueError as error:
            msg = f"{self.name} = {shown(value)!r} cannot be used: {error}{full_stop(error)}"
            raise UsageError(msg) from error
        most = self.ceiling(instance) if self.ceiling is not None else None
        if most is not None and read > most[0]:  # type: ignore[operator]
            msg = f"{self.name} = {value!r} cannot be used: {most[1]} allows {most[0]:g}, and here that can only be lowered."
            raise UsageError(msg)
        instance.chosen[self.name] = read

    def _checked(self, value: T) -> T:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.read(str(value))
        if isinstance(self.default, str):
            msg = f"write text, not {type(value).__name__}"
            raise ValueError(msg)  # noqa: TRY004 - read as the other refusals, and told in one sentence
        return value


def full_stop(error: Exception) -> str:
    """Return the full stop that a sentence ending in an error's words still needs."""
    return "" if str(error).endswith((".", "?", "!")) else "."


def shown(value: Any) -> Any:
    """Return a value as lists show it: of a URL nothing that may be a key."""
    return shown_url(value) if isinstance(value, str) and url_secrets(value) else value
