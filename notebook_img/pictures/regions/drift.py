"""What a model moved, scaled or recoloured without being asked to: the numbers, and the sentence that says them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["aligned", "featureless", "changed", "too far", "nothing around"]

WHY: Mapping[State, str] = {
    "featureless": "what surrounds the mask has too little texture to align the reply by",
    "changed": "the model changed what surrounds the mask, so the reply cannot be aligned",
    "too far": "the reply is moved or scaled by more than can be mended",
    "nothing around": "the mask leaves nothing around it to align the reply by",
}
"""Why a reply was pasted as it came."""

_UNALIGNED: Mapping[State, str] = {
    "featureless": "too little texture to be compared",
    "changed": "painted anew, so its frame cannot be compared",
    "too far": "moved or scaled by more than a tenth, or painted anew",
    "nothing around": "nothing to compare",
}


@dataclass(frozen=True)
class Drift:
    """How a reply differs from the picture where nothing should have changed.

    Attributes
    ----------
    state : str
        ``aligned`` when place and scale could be measured, else why not.
    shift : (float, float)
        Pixels of the picture, to the right and down, in the frame's middle.
    scale : (float, float)
        Across and down; 1.01 is one percent larger.
    brightness, warmth : float
        Levels of 255 by which the reply is brighter, and redder against blue.
    agreement : float
        Share of the compared area, 0 to 1, that shows the same.
    error : float
        Standard error of the shift, pixels.
    grain : float
        Standard deviation, levels of 255, of the grain that an enlarged patch lacked.
    sharpness : float or None
        Fine detail against that of the picture, 1 for the same; None where it was not measured.
    reshaped : bool
        Whether the reply came in another ratio, and shows the frame cut or with more around it.
    """

    state: State
    shift: tuple[float, float] = (0.0, 0.0)
    scale: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    warmth: float = 0.0
    agreement: float = 0.0
    error: float = math.inf
    grain: float = 0.0
    sharpness: float | None = None
    reshaped: bool = False

    @property
    def aligned(self) -> bool:
        """Whether place and scale could be measured."""
        return self.state == "aligned"

    def parts(self) -> list[str]:
        """Return what is other, in words; empty when nothing is."""
        distance, larger = math.hypot(*self.shift), (self.scale[0] * self.scale[1]) ** 0.5 - 1
        return [
            *([f"moved {_number(distance)} px"] if distance >= 0.25 else []),
            *([f"{_number(abs(larger) * 100)} % {'larger' if larger > 0 else 'smaller'}"] if abs(larger) >= 0.0015 else []),
            *([f"{'brighter' if self.brightness > 0 else 'darker'} by {abs(self.brightness):.0f}"] if abs(self.brightness) >= 1 else []),
            *([f"{'warmer' if self.warmth > 0 else 'cooler'} by {abs(self.warmth):.0f}"] if abs(self.warmth) >= 1 else []),
        ]

    def words(self) -> str:
        """Return in one line what an edit without a mask changed without being asked to."""
        if not self.aligned:
            return _UNALIGNED.get(self.state, "cannot be compared")
        said = self.parts()
        if self.sharpness is not None and abs(self.sharpness - 1) >= 0.1:
            said.append(f"{'softer' if self.sharpness < 1 else 'sharper'} ({self.sharpness:.0%} of the fine detail)")
        return ", ".join(said) or "in its place, colours and sharpness as they were"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like data, rounded to what means something."""
        plain: dict[str, Any] = {
            "state": self.state,
            "shift": [round(value, 2) for value in self.shift],
            "scale": [round(value, 5) for value in self.scale],
            "brightness": round(self.brightness, 1),
            "warmth": round(self.warmth, 1),
            "agreement": round(self.agreement, 2),
        }
        return plain if self.sharpness is None else {**plain, "sharpness": round(self.sharpness, 2)}


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}".removesuffix(".0")
