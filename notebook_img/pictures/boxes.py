"""Box: a labelled rectangle in pixels of the upright picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.pictures.picture import Picture


@dataclass(frozen=True)
class Box:
    """A rectangle with a label.

    Attributes
    ----------
    label : str
        What is in it.
    left, top, right, bottom : int
        Pixels of the upright picture; right and bottom are exclusive. Fractions are rounded to whole pixels.
    score : float or None
        How sure the model is, 0 to 1, where it says so.
    """

    label: str
    left: int
    top: int
    right: int
    bottom: int
    score: float | None = None

    def __post_init__(self) -> None:
        for side in ("left", "top", "right", "bottom"):
            value = getattr(self, side)
            if not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
                raise UsageError(f"A box needs four numbers, and {side} is {value!r}.")
            if not math.isfinite(float(value)):
                raise UsageError(f"A box needs four finite numbers, and {side} is {value!r}.")
            object.__setattr__(self, side, round(float(value)))

    @property
    def width(self) -> int:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels."""
        return self.bottom - self.top

    def clip(self, size: tuple[int, int]) -> tuple[Box, bool]:
        """Return the part that lies inside a picture of this size, and whether that is less than the whole box.

        A box that lies beside the picture is left with no area.
        """
        width, height = size
        left, right = (min(max(value, 0), width) for value in (self.left, self.right))
        top, bottom = (min(max(value, 0), height) for value in (self.top, self.bottom))
        clipped = replace(self, left=left, top=top, right=max(left, right), bottom=max(top, bottom))
        return clipped, clipped != self

    def scaled(self, factor: float) -> Box:
        """Return the box in pixels of a picture `factor` times as large."""
        left, top, right, bottom = (round(value * factor) for value in (self.left, self.top, self.right, self.bottom))
        return replace(self, left=left, top=top, right=right, bottom=bottom)

    def to_dict(self) -> dict[str, Any]:
        """Return the box as JSON-like data."""
        plain: dict[str, Any] = {"label": self.label, "left": self.left, "top": self.top, "right": self.right, "bottom": self.bottom}
        return plain if self.score is None else {**plain, "score": self.score}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Box:
        """Read what `to_dict` wrote.

        Raises
        ------
        UsageError
            When a side is missing or is no number.
        """
        try:
            sides = [plain[side] for side in ("left", "top", "right", "bottom")]
        except (KeyError, TypeError) as error:
            raise UsageError("A box needs left, top, right and bottom, in pixels.") from error
        score = plain.get("score")
        left, top, right, bottom = sides
        return cls(str(plain.get("label", "")), left, top, right, bottom, score=None if score is None else float(score))

    def crop(self, picture: Picture) -> Picture:
        """Return the part of `picture` that lies in the box, as a new picture.

        Raises
        ------
        UsageError
            When the box and the picture have no pixel in common.
        """
        box = self.inside(picture.size)
        return picture.part((box.left, box.top, box.right, box.bottom), self.label or "crop")

    def inside(self, size: tuple[int, int]) -> Box:
        """Return the part inside a picture of this size; UsageError when there is none."""
        box, _ = self.clip(size)
        if box.width < 1 or box.height < 1:
            raise UsageError(
                f"The box {self.left},{self.top} to {self.right},{self.bottom} has no pixel in a picture of {size[0]} x {size[1]}."
            )
        return box
