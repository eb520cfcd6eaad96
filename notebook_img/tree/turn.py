"""Turn: one step of a session. It holds no bytes; pictures are read from their files when they are looked at."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.hints import Hint
from notebook_img.ids import turn_id
from notebook_img.tree.awaited import AsyncTurn
from notebook_img.tree.values import Drawn, running_shell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from notebook_img.pictures import Box, Bundle, Picture
    from notebook_img.records import Origin, Role, TurnRecord
    from notebook_img.tree.schemas import Shape
    from notebook_img.tree.session import Session


class Turn(Drawn):
    """One step of a session: what was asked, what came back, and where to go from here.

    Attributes
    ----------
    session : Session
        Where it belongs.
    record : TurnRecord
        As stored.
    picked : int or None
        Which of its pictures was picked (see `pick`), from 1.
    replayed : bool
        Whether it was given back instead of being asked for again.
    given : str
        How that is said under it: ``replayed``, and from where when it is not this cell's own.
    files : tuple of Path
        Where this call wrote its pictures, besides the store.
    notices : tuple of str
        What was said when it was made.
    today : float or None
        US dollars spent on that day when it was made.
    shape : Shape or None
        What makes instances of a typed answer.
    """

    _meant: ClassVar[Mapping[str, str]] = {
        "answer": "text",
        "dataframe": "frame()",
        "df": "frame()",
        "image": "picture",
        "images": "pictures",
        "img": "picture",
        "json": "value",
        "output": "picture",
        "redo": "session.redo()",
        "save": "picture.save('FILE')",
        "save_as": "picture.save('FILE')",
        "table": "frame()",
        "undo": "session.undo()",
    }

    def _parts(self) -> Mapping[str, type]:
        from notebook_img.pictures import Picture

        return {"picture": Picture}

    def __init__(self, session: Session, record: TurnRecord, *, picked: int | None = None) -> None:
        self.session = session
        self.record = record
        self.picked = picked
        self.replayed = False
        self.given = ""
        self.files: tuple[Path, ...] = ()
        self.notices: tuple[str, ...] = ()
        self.today: float | None = None
        self.shape: Shape | None = None

    # What it is

    @property
    def number(self) -> int:
        """7 for ``t7``."""
        return self.record.number

    @property
    def id(self) -> str:
        """``t7``, or ``t7.2`` when a picture was picked."""
        return turn_id(self.number, self.picked)

    @property
    def full_id(self) -> str:
        """``fox/t7``."""
        return turn_id(self.number, self.picked, self.session.name)

    @property
    def kind(self) -> str:
        """``generate``, ``edit`` or ``ask``."""
        return self.record.kind

    @property
    def prompt(self) -> str:
        """What was asked, after interpolation."""
        return self.record.prompt

    @property
    def model(self) -> str:
        """``provider:model`` that answered."""
        return self.record.model

    @property
    def text(self) -> str:
        """What the model said: the answer, or a remark beside a picture."""
        return self.record.text

    @property
    def thoughts(self) -> str:
        """What a model thought aloud before its answer; empty where it told nothing of it."""
        return str((self.record.got or {}).get("thoughts") or "")

    @property
    def asked(self) -> Mapping[str, Any]:
        """Options as typed."""
        return self.record.asked

    @property
    def sent(self) -> Any:
        """What went to the service, without bytes."""
        return self.record.sent

    @property
    def got(self) -> Any:
        """What came back, without bytes."""
        return self.record.got

    @property
    def seed(self) -> int | None:
        """The seed, where the model takes one."""
        return self.record.seed

    @property
    def usage(self) -> Mapping[str, Any]:
        """What the service counted."""
        return self.record.usage

    @property
    def cost(self) -> float | None:
        """US dollars; None when unknown."""
        return self.record.cost

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was not as asked, and what was done to the pictures."""
        return self.record.warnings

    @property
    def note(self) -> str:
        """A remark on how it was made, for example ``built-in, not AI``."""
        return self.record.note

    @property
    def origin(self) -> Origin:
        """Who asked: which surface, and in a kernel which cell."""
        return self.record.origin

    @property
    def started(self) -> float:
        """Seconds since the epoch."""
        return self.record.started

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.record.seconds

    @property
    def parent(self) -> Turn | None:
        """The turn it follows; None for the first of a line, or when that turn was deleted."""
        number = self.record.parent
        found = None if number is None else self.session.actor.store.turn(self.record.session_id, number)
        return None if found is None else Turn(self.session, found, picked=self.record.picked)

    # Pictures

    @property
    def pictures(self) -> list[Picture]:
        """The pictures it made."""
        return self._pictures("output")

    @property
    def picture(self) -> Picture:
        """Its picture: the one picked, else the first; of a question, the picture asked about.

        Raises
        ------
        UsageError
            When it has none.
        """
        found = self.pictures or self.inputs
        if not found:
            raise UsageError(f"{self.full_id} has no picture.")
        return found[(self.picked or 1) - 1]

    @property
    def inputs(self) -> list[Picture]:
        """The pictures it edited or was asked about."""
        return self._pictures("input")

    @property
    def references(self) -> list[Picture]:
        """The reference pictures."""
        return self._pictures("reference")

    @property
    def mask(self) -> Picture | None:
        """The mask, or None."""
        return next(iter(self._pictures("mask")), None)

    @property
    def delivered(self) -> list[Picture]:
        """The pictures as the service sent them, where `pictures` are ours, pasted inside a mask."""
        return self._pictures("delivered")

    def _pictures(self, role: Role) -> list[Picture]:
        from notebook_img.tree.pictures import pictures_of

        return pictures_of(self.session.actor.store, self.record, self.session.name, role)

    def pick(self, picture: int) -> Turn:
        """Choose one of its pictures to continue from: ``t.pick(2).edit("closer")``.

        Parameters
        ----------
        picture : int
            From 1.

        Raises
        ------
        UsageError
            When it has no such picture.
        """
        count = len(self.record.uses("output"))
        if isinstance(picture, bool) or not isinstance(picture, int) or not 1 <= picture <= count:
            have = "no picture" if not count else "one picture" if count == 1 else f"{count} pictures, 1 to {count}"
            raise UsageError(f"{turn_id(self.number, session=self.session.name)} has {have}, so there is no picture {picture!r} to pick.")
        return Turn(self.session, self.record, picked=picture)

    # Typed answers

    @functools.cached_property
    def value(self) -> Any:
        """The typed answer to a question, as an instance of its schema where that is known; None without one."""
        value = (self.record.answer or {}).get("value")
        return self.shape.rebuild(value) if self.shape is not None and value is not None else value

    @property
    def value_by(self) -> str:
        """How the value was obtained, in the provider's word; empty when unknown."""
        return str((self.record.answer or {}).get("value_by") or "")

    @property
    def boxes(self) -> list[Box]:
        """The boxes of an answer, in pixels of the picture asked about."""
        from notebook_img.pictures import Box

        return [Box.from_dict(plain) for plain in (self.record.answer or {}).get("boxes") or ()]

    def frame(self) -> Any:
        """Return the answer as a pandas DataFrame: its rows, or its boxes.

        Raises
        ------
        UsageError
            When there are neither, or pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError(
                "The table of an answer is a pandas DataFrame, and pandas is not installed.", hint=Hint("install", package="pandas")
            ) from error
        from notebook_img.tree.schemas import rows_of, typed_columns

        rows = rows_of(self.value) if self.value is not None else [box.to_dict() for box in self.boxes]
        if self.value is None and not rows:
            raise UsageError(f"{self.full_id} has neither a table nor boxes.", hint=Hint("ask-for-table"))
        frame = pd.DataFrame(rows)
        return typed_columns(frame, str(self.asked.get("table") or self.asked.get("row") or ""))

    # Going on

    def edit(self, prompt: str = "", **options: Any) -> Turn:
        """Edit this turn's picture. See `Session.edit` for the options."""
        return self.session.actor.edit(prompt, session=self.session, start=self, **options)

    def ask(self, prompt: str = "", **options: Any) -> Turn:
        """Ask about this turn's pictures; of a question, ask on. See `Session.ask` for the options."""
        return self.session.actor.ask(prompt, session=self.session, start=self, **options)

    @property
    def aio(self) -> AsyncTurn:
        """`edit` and `ask`, to be awaited."""
        return AsyncTurn(self)

    # Looking

    def compare(self, other: Any = None) -> Bundle:
        """Compare its picture with that of another turn: side by side, a slider, the difference with numbers.

        Parameters
        ----------
        other : Turn or Picture, optional
            The turn it follows, else its first input, when left out.

        Raises
        ------
        UsageError
            When there is nothing to compare with.
        """
        from notebook_img import display

        if other is None:
            other = self._before()
        picture = getattr(other, "picture", other)
        if not hasattr(picture, "sha256"):
            raise UsageError(
                f"A turn is compared with a Turn or a Picture, not with a value of type {type(other).__name__}: t.compare(s.turn('t1'))."
            )
        label = getattr(other, "id", "") or getattr(picture, "name", "") or "before"
        # The older one stands on the left.
        pair = [(picture, str(label)), (self.picture, self.id)]
        if isinstance(other, Turn) and other.session.id == self.session.id and other.number > self.number:
            pair.reverse()
        compared = display.compare(pair[0][0], pair[1][0], (pair[0][1], pair[1][1]))
        return replace(compared, form=self.session.actor.settings.figure)

    def _before(self) -> Any:
        parent = self.parent
        if parent is not None and parent.record.uses("output"):
            return parent
        if self.inputs and self.record.uses("output"):
            return self.inputs[0]
        raise UsageError(f"{self.full_id} follows no picture to compare it with. Name another turn: t.compare(s.turn('t1')).")

    def figure(self, *, max_side: int | None = None, max_bytes: int | None = None) -> Bundle:
        """Return the turn as a figure: its pictures with a caption, or its answer.

        Parameters
        ----------
        max_side : int, optional
            Longest side of a preview, pixels.
        max_bytes : int, optional
            Most bytes of all previews together.
        """
        from notebook_img import display
        from notebook_img.tree.drawing import answer_words, caption, shots

        limits: dict[str, Any] = {name: limit for name, limit in (("max_side", max_side), ("max_bytes", max_bytes)) if limit is not None}
        if self.kind == "ask":
            return display.answer(answer_words(self.record), shots(self), caption(self), **limits)
        return display.figure(shots(self), caption(self), **limits)

    def show(self) -> None:
        """Show the turn as an output of its own; outside IPython its text is printed."""
        bundle = self.figure()
        if running_shell() is None:
            print(bundle.text)  # noqa: T201 - what showing means in a plain interpreter
            return
        bundle.show(self.session.actor.settings.figure)

    def _drawing(self) -> Bundle:
        return self.figure()

    def _form(self) -> str:
        return self.session.actor.settings.figure

    def __repr__(self) -> str:
        try:
            name = self.full_id
        except NotebookImgError:
            name = f"(deleted session)/{self.id}"
        prompt = " ".join(self.prompt.split())
        short = prompt if len(prompt) <= 60 else f"{prompt[:57]}..."
        made = self.record.uses("output")
        if self.kind == "ask":
            answer = " ".join(self.text.split())
            result = f"-> {answer if len(answer) <= 60 else answer[:57] + '...'}" if answer else "-> (no words)"
        elif len(made) == 1:
            result = f"{made[0].width}x{made[0].height}"
        else:
            result = f"{len(made)} pictures"
        return f"<Turn {name} {self.kind} {short!r} {result} {self.model}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Turn):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, int, int | None]:
        return self.record.session_id, self.record.number, self.picked
