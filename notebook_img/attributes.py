"""What an object says when it is asked for a name it has not: the nearest it has, or where that is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from notebook_img.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


class NamesNearest:
    """A value whose misspelt attributes are errors that name what is meant.

    Notebooks show an AttributeError without the suggestion a plain interpreter adds.
    """

    __slots__ = ()

    _meant: ClassVar[Mapping[str, str]] = {}
    """What to write, by names people expect from other libraries."""

    def _parts(self) -> Mapping[str, type]:
        """Return the types of what it holds, by how that is written: a name one of them has is found there."""
        return {}

    if not TYPE_CHECKING:  # a type checker would take every name for one it has

        def __getattr__(self, name: str) -> Any:
            kind = type(self)
            if hasattr(kind, name):  # a property that failed: its own error is the one to see
                return object.__getattribute__(self, name)
            plain = f"{kind.__name__!r} object has no attribute {name!r}"
            raise AttributeError(plain if name.startswith("_") else f"{plain}.{self._instead(name)}")

    def _instead(self, name: str) -> str:
        if name in self._meant:
            return f" Write .{self._meant[name]}"
        for part, kind in self._parts().items():
            if hasattr(kind, name):
                return f" Write .{part}.{name}"
        return did_you_mean(name, (known for known in dir(self) if not known.startswith("_"))) or " dir() lists what it has."
