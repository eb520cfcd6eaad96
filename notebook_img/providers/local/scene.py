"""A scene that the built-in engine draws: what is behind, the shapes and texts on it, and how both are told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from notebook_img.providers.local import colours


@dataclass
class Background:
    """What is behind the shapes."""

    kind: str = "plain"
    colours: list[str] = field(default_factory=list)
    direction: str = ""
    cells: int = 0
    time: str = ""
    lands: list[str] = field(default_factory=list)

    def words(self) -> str:
        """Return how it is called in a sentence."""
        if self.time or self.lands:
            return " ".join(filter(None, (self.time, " and ".join(self.lands) or self.kind)))
        shades = " and ".join(map(colours.words, self.colours))
        if self.kind == "plain":
            return shades or "a plain background"
        return " ".join(filter(None, (shades, self.kind)))


@dataclass
class Item:
    """Some equal shapes, or one text."""

    shape: str
    count: int = 1
    colours: list[str] = field(default_factory=list)
    size: float = 1.0
    place: str = ""
    outlined: bool = False
    text: str = ""
    lit: float = 0.25


@dataclass
class Scene:
    """A whole picture."""

    background: Background = field(default_factory=Background)
    items: list[Item] = field(default_factory=list)
    stars: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the scene as it is recorded in `Reply.sent`; what is not set is left out."""
        plain = asdict(self)
        return {
            "background": {name: value for name, value in plain["background"].items() if value},
            "items": [
                {name: value for name, value in item.items() if value and (name != "lit" or item["shape"] == "moon")}
                for item in plain["items"]
            ],
            **({"stars": True} if self.stars else {}),
        }

    def words(self) -> str:
        """Return the scene in a few words."""
        parts = [
            f"the text '{item.text}'"
            if item.shape == "text"
            else " ".join(filter(None, (str(item.count), " and ".join(map(colours.words, item.colours)), item.shape + _plural(item))))
            for item in self.items
        ]
        behind = self.background.words()
        return f"drew {', '.join(parts)} on {behind}" if parts else f"drew {behind}"


def _plural(item: Item) -> str:
    return "" if item.count == 1 else "es" if item.shape == "cross" else "s"
