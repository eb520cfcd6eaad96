"""What a call returns: a turn that was made or replayed, the plan of a dry run, a notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.records import TurnRecord
from notebook_img.tree import Shape

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.pictures import Picture


@dataclass(frozen=True)
class Notice:
    """Something the user must be told once, for example where pictures go and what one costs."""

    text: str


@dataclass(frozen=True)
class Plan:
    """What a dry run shows: the request as it would be sent, and what it would cost."""

    kind: str
    prompt: str
    model: str
    pictures: tuple[Picture, ...]
    estimate: float | None
    replay: str
    """``fox/t3`` when a stored reply would be given, else empty."""
    budget: float
    spent: float
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        from notebook_img.display import money

        cost = "unknown" if self.estimate is None else "nothing" if self.estimate == 0 else f"about {money(self.estimate)}"
        names = ", ".join(f"{picture.name or 'picture'} ({picture.width} × {picture.height})" for picture in self.pictures) or "none"
        lines = [
            f"Dry run, nothing was sent: {self.kind} with {self.model}",
            f"  prompt    {self.prompt}",
            f"  pictures  {names}",
            f"  options   {', '.join(f'{name}={value}' for name, value in self.options.items()) or 'none'}",
            f"  cost      {'nothing: ' + self.replay + ' would be replayed' if self.replay else cost}",
            f"  today     {money(self.spent)} of {money(self.budget)} spent",
        ]
        return "\n".join(lines)


@dataclass
class CallResult:
    """A stored turn, with what holds for this one result only."""

    record: TurnRecord
    replayed: str = ""
    """How a reply that was given back is named; empty for a new one."""
    files: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()
    today: float | None = None
    shape: Shape | None = None
