"""What the panel looks at: a picture of a turn, or one that was brought in; it is what the next edit starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
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
    choices : tuple of Picture
        The pictures of a turn that made several, until the one to go on from is chosen: then there is no `picture`.
    """

    picture: Picture | None = None
    turn: int | None = None
    pick: int | None = None
    name: str = ""
    choices: tuple[Picture, ...] = ()

    @property
    def id(self) -> str:
        """``t7`` or ``t7.2``; empty for a picture that was brought in."""
        return "" if self.turn is None else turn_id(self.turn, self.pick)

    @property
    def key(self) -> str:
        """Which node of the history it is: ``t7``, or the hash of a picture that was brought in."""
        return turn_id(self.turn) if self.turn is not None else self.picture.sha256 if self.picture is not None else ""

    @property
    def shown(self) -> Picture | None:
        """What stands for it where one picture has to: the first of several while none is chosen."""
        return self.picture or next(iter(self.choices), None)

    def needed(self, purpose: str) -> Picture:
        """Return the picture for what is wanted of it, such as ``edit``; UsageError where there is none, or none chosen yet."""
        if self.choices:
            raise UsageError(f"{self.name} has {len(self.choices)} pictures. Choose the one to {purpose} first: click it.")
        if self.picture is None:
            raise UsageError(f"There is no picture to {purpose} yet. Upload or open one first.")
        return self.picture

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
        return {
            "key": self.key,
            "id": self.id,
            "name": self.name,
            "sha": picture.sha256 if picture else "",
            "width": picture.width if picture else 0,
            "height": picture.height if picture else 0,
            "mime": picture.mime_type if picture else "",
            "turn": self.turn,
            "pick": self.pick,
            "broughtIn": self.brought_in,
            "choices": [each.sha256 for each in self.choices],
        }


def of_turn(record: TurnRecord, pictures: list[Picture], pick: int | None = None) -> Base:
    """Return one picture of a turn; of a turn with several, all of them to choose from until `pick` names one."""
    if len(pictures) < 2:
        return Base(pictures[0], record.number, None, record.id) if pictures else Base()
    if pick is None or not 1 <= pick <= len(pictures):
        return Base(None, record.number, None, record.id, tuple(pictures))
    return Base(pictures[pick - 1], record.number, pick, turn_id(record.number, pick))


def brought(picture: Picture) -> Base:
    """Return a picture that belongs to no turn: a new line starts from it."""
    return Base(picture, name=picture.name or "picture")
