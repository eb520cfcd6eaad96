"""Session: a named tree of turns with a head, over rows of the store."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_img.errors import NotebookImgError, NotFoundError, UsageError
from notebook_img.hints import IN_PYTHON, Hint
from notebook_img.ids import MOST_NUMBER, parse_id, turn_id
from notebook_img.tree.awaited import AsyncSession
from notebook_img.tree.moves import Step, lines, redo_place, undo_target
from notebook_img.tree.turn import Turn
from notebook_img.tree.turns import Turns, near, unknown_turn
from notebook_img.tree.values import Drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.pictures import Bundle
    from notebook_img.records import SessionRecord, TurnRecord
    from notebook_img.tree.actor import Actor

HISTORIES = ("window", "full", "server")
"""What of a session can be sent to a service."""


class Session(Drawn):
    """A named tree of turns.

    Parameters
    ----------
    actor : Actor
        The studio whose head of this session counts, and which does the work.
    session_id : str
        The session's id in the store.
    """

    _meant: ClassVar[Mapping[str, str]] = {
        "current": "head",
        "images": "head.pictures",
        "last": "head",
        "save": "export('FILE.zip')",
        "show": "tree()",
    }

    def _parts(self) -> Mapping[str, type]:
        return {"head": Turn}

    def __init__(self, actor: Actor, session_id: str) -> None:
        self.actor = actor
        self.id = session_id

    # What it is

    @property
    def record(self) -> SessionRecord:
        """Its current row.

        Raises
        ------
        NotFoundError
            When it was deleted.
        """
        found = self.actor.store.session(self.id)
        if found is None:
            raise NotFoundError("This session was deleted.", hint=Hint("new-session"))
        return found

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name

    @property
    def model(self) -> str:
        """The model that was typed for it, ``provider:model``; empty while it follows the default."""
        return self.record.kept_model

    @property
    def history(self) -> str:
        """What of it is sent to a service: ``window``, ``full``, ``server``; empty while the setting `history` decides.

        A model that lacks the kind gets the window.
        """
        return str(self.record.settings.get("history") or "")

    @history.setter
    def history(self, kind: str) -> None:
        if kind and kind not in HISTORIES:
            raise UsageError(f"There is no history kind {kind!r}. It is one of {', '.join(HISTORIES)}.")
        others = {name: value for name, value in self.record.settings.items() if name != "history"}
        self.actor.store.update_session(self.id, settings={**others, "history": kind} if kind else others)

    @property
    def turns(self) -> Turns:
        """All its turns by number, questions included; read from the store when looked at."""
        return Turns(self)

    @property
    def head(self) -> Turn | None:
        """The turn the next edit goes on from; None when the next edit has to name an image."""
        number = self.actor.head(self.id)
        found = None if number is None else self.actor.store.turn(self.id, number)
        return None if found is None else Turn(self, found)

    def turn(self, turn: str | int | Turn) -> Turn:
        """Return a turn by its id.

        Parameters
        ----------
        turn : str, int or Turn
            ``t7``, ``fox/t7``, ``t7.2`` (the turn with its second picture picked), 7.

        Raises
        ------
        NotFoundError
            When there is none; the nearest ids are named.
        """
        if isinstance(turn, Turn):
            if turn.record.session_id != self.id:
                raise NotFoundError(f"{turn.full_id} is a turn of another session, not of {self.name!r}.")
            return turn
        if isinstance(turn, int) and not isinstance(turn, bool):
            return self._numbered(turn)
        found = parse_id(turn) if isinstance(turn, str) else None
        if found is None:
            last = ", ".join(map(turn_id, near(self)))
            raise NotFoundError(f"{turn!r} is not the id of a turn; ids look like t7.{f' The last ones are {last}.' if last else ''}")
        owner, number = self.actor.typed_turn(self.id, found)
        if owner != self.id:
            name = self.name
            raise NotFoundError(
                f"{turn} is a turn of session {found.session!r}, and this is {name!r}.", hint=Hint("open-session", name=found.session)
            )
        whole = self._numbered(number)
        return whole if found.picture is None else whole.pick(found.picture)

    def turn_from(self, record: TurnRecord) -> Turn:
        """Return the turn of a row."""
        return Turn(self, record)

    def _numbered(self, number: int) -> Turn:
        number = min(number, MOST_NUMBER)  # what is larger is no number SQLite takes, nor one a turn has
        record = self.actor.store.turn(self.id, number) if number > 0 else None
        if record is None:
            raise unknown_turn(self, number)
        return Turn(self, record)

    # Work

    def generate(self, prompt: str, **options: Any) -> Turn:
        """Make an image from words; it begins a new line.

        Parameters
        ----------
        prompt : str
            What to make.
        **options
            model, n, aspect_ratio, size, seed, negative_prompt, references, output, force, fresh, dry_run,
            and what the model takes besides.

        Returns
        -------
        Turn
            The new head.
        """
        return self.actor.generate(prompt, session=self, **options)

    def edit(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Edit an image, or go on from the head.

        Parameters
        ----------
        prompt : str
            What to change.
        image : anything that holds an image, optional
            Path, URL, ``sample:NAME``, bytes, PIL image, array, figure, Picture: begins a new line. A Turn or its id continues from it.
        **options
            references, mask, confine, outpaint, model, pick, n, aspect_ratio, size, seed, negative_prompt, strength,
            history, output, force, fresh, again, dry_run, and what the model takes besides.

        Returns
        -------
        Turn
            The new head.
        """
        return self.actor.edit(prompt, image, session=self, **options)

    def ask(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Ask about an image, on from the last question, or about the head's picture. The head stays where it is.

        Parameters
        ----------
        prompt : str
            The question.
        image : anything that holds an image, optional
            As with `edit`.
        **options
            references, model, pick, schema, table, boxes, detail, history, fresh, dry_run, and what the model takes besides.
        """
        return self.actor.ask(prompt, image, session=self, **options)

    @property
    def aio(self) -> AsyncSession:
        """`generate`, `edit` and `ask`, to be awaited."""
        return AsyncSession(self)

    # The head

    def undo(self) -> Turn | None:
        """Move the head to its parent; from the first turn of a line to the head before that line began. Return the new head.

        Raises
        ------
        UsageError
            When there is no head.
        """
        # A cell that is run again undoes what it undid before, not one turn more.
        head = self.actor.cell_start(self.id, self.actor.head(self.id))
        record = self.record
        if head is None:
            raise UsageError(f"There is nothing to undo in session {record.name!r}: it is at its beginning.")
        self.actor.move_head(
            self.id, undo_target(head, self._step), "undo", redo=(*(other for other in record.redo if other != head), head)
        )
        return self.head

    def redo(self) -> Turn | None:
        """Reverse the last undo. Return the new head.

        Raises
        ------
        UsageError
            When nothing was undone since the last new turn.
        """
        record = self.record
        head = self.actor.head(self.id)
        start = self.actor.cell_start(self.id, head)
        place = redo_place(start, record.redo, self._step)
        if place is None and head is not None and start != head and undo_target(head, self._step) == start:
            # The cell is run again, and what it redid then is the head still.
            self.actor.move_head(self.id, head, "redo", redo=record.redo)
            return self.head
        if place is None:
            raise UsageError(f"There is nothing to redo in session {record.name!r}: nothing was undone since its last turn.")
        self.actor.move_head(self.id, record.redo[place], "redo", redo=(*record.redo[:place], *record.redo[place + 1 :]))
        return self.head

    def checkout(self, turn: str | int | Turn) -> Turn:
        """Move the head to a turn, so that the next edit continues from there.

        Raises
        ------
        NotFoundError
            When there is no such turn.
        UsageError
            When it is a question, or one picture of a turn.
        """
        found = self.turn(turn)
        if found.kind == "ask":
            on = f" It is about {turn_id(found.record.parent)}." if found.record.parent is not None else ""
            raise UsageError(f"{found.full_id} is a question, and no edit goes on from one.{on}")
        if found.picked is not None:
            raise UsageError(f"Check out the whole turn, {found.record.id}, and name {found.id} as the image to go on from.")
        self.actor.move_head(self.id, found.number, "checkout")
        return found

    def _step(self, number: int) -> Step | None:
        found = self.actor.store.turn(self.id, number)
        return None if found is None else Step(found.parent, found.head_before)

    # The tree

    def lines(self) -> list[tuple[Turn, ...]]:
        """Return its lines: every path from a first turn to a leaf, without questions."""
        outline = {number: parent for number, parent, kind in self.actor.store.turn_numbers(self.id) if kind != "ask"}
        turns = {record.number: Turn(self, record) for record in self.actor.store.turns(self.id)}
        return [tuple(turns[number] for number in path if number in turns) for path in lines(outline)]

    def following(self, turn: str | int | Turn) -> list[Turn]:
        """Return all turns and questions that follow a turn, directly or further on, by number."""
        after = {self.turn(turn).number}
        found = []
        for number, parent, _ in self.actor.store.turn_numbers(self.id):
            if parent in after:  # parents have smaller numbers, so one pass sees all
                after.add(number)
                found.append(number)
        return [self._numbered(number) for number in found]

    def tree(self, until: str | int | Turn | None = None, *, wording: Mapping[str, str] = IN_PYTHON) -> Bundle:
        """Return its history as pictures with branches and questions, and as text; of a long one the latest part.

        Parameters
        ----------
        until : str, int or Turn, optional
            The turn the part ends with; the last one when left out.
        wording : mapping
            How the surface words what leads to the rest (see `hints`).
        """
        from notebook_img.tree.drawing import history

        drawn = history(self, None if until is None else self.turn(until).number, wording)
        return replace(drawn, form=self.actor.settings.figure)

    def cost(self) -> tuple[float, int]:
        """Return US dollars spent in this session, refused calls included, and how many calls have an unknown cost."""
        record = self.record
        # Rows stand under a name; those of a deleted session of that name are older.
        rows = [row for row in self.actor.store.spend_rows(session=record.name) if row.at >= record.created]
        unknown = sum(row.cost is None and row.state in ("billed", "unknown") for row in rows)
        return sum(row.cost for row in rows if row.cost is not None), unknown

    # Keeping house

    def rename(self, name: str) -> None:
        """Give it another name; ids, pictures and replay stay as they are.

        Raises
        ------
        UsageError
            When the name is taken, or no name for a session.
        """
        self.actor.store.update_session(self.id, name=name)

    def delete(self) -> None:
        """Delete it with its turns, and the pictures nothing else uses. What it cost stays on record."""
        self.actor.store.delete_session(self.id)

    def delete_turn(self, turn: str | int | Turn) -> list[int]:
        """Delete a turn and all that follows it; a head among them goes to the turn's parent. Return the deleted numbers."""
        found = self.turn(turn)
        head = self.actor.head(self.id)
        gone = self.actor.store.delete_branch(self.id, found.number)
        if head in gone:
            self.actor.move_head(self.id, found.record.parent, "checkout")
        return gone

    def export(self, path: str | Path, *, raw: bool = True, force: bool = False, keep_metadata: bool = False) -> Path:
        """Write everything of it into one ``.zip`` that another store can import, or a ``.py`` that repeats its work.

        A picture that is gone is left out of the ``.zip``, and this is said.

        Parameters
        ----------
        path : path
            Ends in ``.zip`` or ``.py``. Pictures the script cannot name lie beside it, in ``NAME-files``.
        raw : bool
            Whether the providers' raw state goes along in a ``.zip``. It is used again only in this home: the mark that tells for which
            key it is good is made with a secret of the home. Elsewhere a conversation goes on with the pictures alone.
        force : bool
            Overwrite the file whatever it holds.
        keep_metadata : bool
            Leave place, serial numbers and owner in the files of input pictures.

        Raises
        ------
        UsageError
            When the name has another suffix.
        OutputError
            When the file cannot be written, or is one that is not ours.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise UsageError(f"A session is exported to a file, not to a value of type {type(path).__name__}. Write export('fox.zip').")
        target = Path(path).expanduser()
        suffix = target.suffix.casefold()
        if suffix == ".py":
            return self.actor.export(self, target, force=force, keep_metadata=keep_metadata)
        if suffix != ".zip":
            raise UsageError(
                f"A session is exported as .zip (everything) or .py (a script that repeats the work), not "
                f"{target.suffix or 'without a suffix'!r}. Write {target.with_suffix('.zip')} or {target.with_suffix('.py').name}."
            )
        from notebook_img.store import export_sessions

        for missing in export_sessions(self.actor.store, [self.id], target, raw=raw, force=force, keep_metadata=keep_metadata):
            self.actor.say(missing)
        return target

    def __repr__(self) -> str:
        try:
            record = self.record
            head = self.actor.head(self.id)
        except NotebookImgError as error:
            return f"<Session {self.id}: {error.sentence}>"
        return f"<Session {record.name!r} {record.turns} turn{'s' if record.turns != 1 else ''}, head {turn_id(head) if head else 'none'}>"

    def _drawing(self) -> Bundle:
        """Return it as a contact sheet of the latest pictures; in a terminal it stays one line."""
        from notebook_img.pictures import Bundle
        from notebook_img.tree.sheets import session_sheet

        try:
            return session_sheet(self, words=repr(self))
        except NotebookImgError:  # it was deleted, which its repr says
            return Bundle({"text/plain": repr(self)})

    def _form(self) -> str:
        return self.actor.settings.figure

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Session):
            return NotImplemented
        return self.id == other.id and self.actor is other.actor

    def __hash__(self) -> int:
        return hash(self.id)
