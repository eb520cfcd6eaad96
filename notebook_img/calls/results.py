"""What a call returns: a turn that was made or replayed, the plan of a dry run, a notice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.records import TurnRecord
from notebook_img.tree import Shape, numbered

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.calls.region import Region
    from notebook_img.errors import NotebookImgError
    from notebook_img.pictures import Picture, Preview


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
    """US dollars at most; None where unknown."""
    replay: str
    """``fox/t3`` when a stored reply would be given, else empty."""
    budget: float
    spent: float
    options: dict[str, Any] = field(default_factory=dict)
    region: Region | None = None
    """Where an edit inside a mask is pasted, with what is sent of the picture."""
    least: float | None = None
    """US dollars at least."""
    mask: str = ""
    """How a mask given by words is found."""
    left_out: tuple[str, ...] = ()
    """What is cut out of the pictures that are sent: ``place``, ``owner`` ..."""
    smaller: str = ""
    """The size of a result that will be smaller than the picture, and the picture's; empty for any other."""
    refusal: NotebookImgError | None = None
    """What the call would end with: a model that is not allowed, a key that is missing, words the built-in engine does not know."""

    @property
    def price(self) -> str:
        """What it costs, in words."""
        from notebook_img.display import price_range_words

        if self.estimate is None:
            return "unknown"
        return price_range_words(self.estimate if self.least is None else self.least, self.estimate)

    def drawn(self) -> Preview | None:
        """Return the picture with what is sent and what may change drawn in; None without a mask."""
        from notebook_img import display, pictures

        if self.region is None:
            return None
        bounds = self.region.mask.pil().getbbox() or (0, 0, 0, 0)
        sent = [self.region.plan.box] if self.region.plan is not None else []
        return display.boxes_overlay(self.region.frame, [*sent, pictures.Box("may change", *bounds)])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ARG002 - IPython filters by these itself
        from notebook_img import pictures

        seen = self.drawn()
        data, metadata = pictures.still([(seen, "")], f"What is sent of the picture: {self.prompt}") if seen is not None else ({}, {})
        return {"text/plain": repr(self), **data}, metadata

    def __repr__(self) -> str:
        from notebook_img.display import money

        called = numbered([picture.name or "picture" for picture in self.pictures])
        names = ", ".join(f"{name} ({item.width} × {item.height})" for name, item in zip(called, self.pictures, strict=True)) or "none"
        lines = [
            f"Dry run, nothing was sent: {self.kind} with {self.model}",
            f"  prompt    {self.prompt}",
            f"  pictures  {names}",
            *([f"  mask      {self.mask}"] if self.mask else []),
            *([f"  left out  {', '.join(self.left_out)} (in the pictures' files)"] if self.left_out else []),
            *(self.region.lines() if self.region is not None else ()),
            *([f"  smaller   {self.smaller}"] if self.smaller else []),
            f"  options   {', '.join(f'{name}={value}' for name, value in self.options.items()) or 'none'}",
            f"  cost      {'nothing: ' + self.replay + ' would be replayed' if self.replay else self.price}",
            f"  today     {money(self.spent)} of {money(self.budget)} spent",
            *([f"  but       {self.refusal}"] if self.refusal is not None else []),
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
