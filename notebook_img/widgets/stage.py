"""What the panel looks at: a picture of a turn, or one that was brought in; it is what the next edit starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.ids import turn_id

if TYPE_CHECKING:
    from notebook_img.pictures import Picture
    from notebook_img.records import TurnRecord


@dataclass(frozen=True)
class Base:
    """The picture on the stage.

    Attributes
    ----------
    picture : Picture or None
        None in a session without pictures.
    turn : int or None
        Number of the turn it belongs to; None for a picture that was brought in.
    pick : int or None
        Which of the turn's pictures, from 1; None where it has one.
    name : str
        What it is called on the screen.
    """

    picture: Picture | None = None
    turn: int | None = None
    pick: int | None = None
    name: str = ""

    @property
    def id(self) -> str:
        """``t7`` or ``t7.2``; empty for a picture that was brought in."""
        return "" if self.turn is None else turn_id(self.turn, self.pick)

    @property
    def brought_in(self) -> bool:
        """Whether the picture belongs to no turn."""
        return self.picture is not None and self.turn is None

    def call_fields(self) -> dict[str, Any]:
        """Return the arguments that make a call start here."""
        if self.turn is not None:
            return {"start": self.id}
        return {"images": (self.picture,)} if self.picture is not None else {}

    def described(self) -> dict[str, Any]:
        """Return what the browser is told."""
        picture = self.picture
        if picture is None:
            return {"id": "", "name": "", "sha": "", "width": 0, "height": 0, "turn": None, "pick": None, "mime": "", "broughtIn": False}
        return {
            "id": self.id,
            "name": self.name,
            "sha": picture.sha256,
            "width": picture.width,
            "height": picture.height,
            "turn": self.turn,
            "pick": self.pick,
            "mime": picture.mime_type,
            "broughtIn": self.brought_in,
        }


def of_turn(record: TurnRecord, pictures: list[Picture], pick: int | None = None) -> Base:
    """Return one picture of a turn; a `pick` it does not have counts as its first."""
    if not pictures:
        return Base()
    many = len(pictures) > 1
    index = pick if pick is not None and 1 <= pick <= len(pictures) else 1
    chosen = index if many else None
    return Base(pictures[index - 1], record.number, chosen, turn_id(record.number, chosen))
