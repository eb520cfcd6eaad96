"""The panel's history: which session, which turn or source is looked at, undo and redo, and the masks that edits were painted with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.ids import turn_id
from notebook_img.widgets import state
from notebook_img.widgets.names import file_stem, original_of
from notebook_img.widgets.stage import Base, brought

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture
    from notebook_img.records import TurnRecord
    from notebook_img.tree import Turn
    from notebook_img.widgets.actions import Actions

Message = dict[str, Any]


class History:
    """The messages about sessions, turns and masks.

    Parameters
    ----------
    actions : Actions
        Of the panel whose session it is.
    """

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.panel = actions.panel
        self.cells_elsewhere = ""
        """The session the cells work in where it is not the one shown here."""

    def do_session(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Open or create a session by name."""
        panel = self.panel
        name = str(message.get("name", "")).strip()
        if not name:
            raise UsageError("Type a name for the session.")
        panel.session = panel.studio.session(name)
        self._note_cells()
        panel.follows = not self.cells_elsewhere
        self.cells_elsewhere = ""  # the user knows; said again when a cell does something there
        self.show_head()

    def _note_cells(self) -> None:
        current = self.panel.cells.current()
        self.cells_elsewhere = current.name if current is not None and current.id != self.panel.session.id else ""

    def cells_moved(self, session_id: str) -> None:
        """Go where the cells work now, or say where that is: while a mask is painted or a call runs the picture stays."""
        panel, before = self.panel, self.cells_elsewhere
        current = panel.cells.current()
        if current is None or current.id != session_id:
            return  # another studio's doing: an agent's, or this panel's own
        self._note_cells()
        if self.cells_elsewhere and panel.follows and not panel.pinned and panel.runner.current is None:
            self.do_session({"name": current.name}, ())
            panel.notify(f"The cells work in session {current.name!r} now, and the panel followed.")
        elif self.cells_elsewhere != before:
            self.actions.send_state()

    def do_sessions(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the sessions to choose from, as they are now."""
        store = self.panel.studio.store
        told = {"kind": "sessions", "sessions": state.sessions(store, store.session(self.panel.session.id))}
        self.panel.views.reply(message, told)

    def do_rename(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Give the session another name."""
        self.panel.record()
        self.panel.session.rename(str(message.get("name", "")).strip())
        self.actions.send_state()

    def do_undo(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Go back to what the head was made from: its parent, or the picture its line starts from, with the mask still painted on it."""
        panel = self.panel
        panel.record()
        number = panel.studio.head(panel.session.id)
        if panel.base.brought_in and number is not None:
            brought_in = panel.base.name
            self.do_head(message, buffers)
            panel.notify(f"Undone: {brought_in} was removed from the stage, back to {turn_id(number)}.")
            return
        undone = panel.studio.turn_record(panel.session.id, number) if number is not None else None
        head = panel.session.undo()
        before = self.made_from(undone) if undone is not None else Base()
        if before.brought_in or (head is not None and before.turn == head.number):
            self.put(before, away=before.brought_in)
            panel.left.update()
        else:
            self.show_head()
        if undone is not None and undone.uses("mask") and before.picture is not None:
            with contextlib.suppress(UsageError):  # of a canvas that was wider than the picture: nothing of it was painted here
                self._send_mask(undone, message, anew=False)
        panel.notify(f"Undone: {undone.id if undone is not None else 'nothing'}, back to {panel.base.name or 'no picture'}.")

    def do_redo(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Reverse an undo."""
        self.panel.record()
        head = self.panel.session.redo()
        self.show_head()
        self.panel.notify(f"Redone: {head.record.id if head else 'nothing'}.")

    def do_checkout(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Make a turn the head, so that the next edit goes on from there."""
        self.panel.record()
        head: Turn = self.panel.session.checkout(int(message["turn"]))
        self.show_head(message.get("pick"))
        self.panel.notify(f"Going on from {head.record.id}.")

    def do_head(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Show the head again."""
        self.show_head()

    def show_head(self, pick: int | None = None) -> None:
        """Show the head, and take note that it is seen."""
        self.actions.away = False
        self.panel.show_head(pick)
        self.actions.head_seen = self.panel.studio.head(self.panel.session.id)
        self.actions.send_all()

    def put(self, base: Base, *, away: bool) -> None:
        """Put a picture on the stage, whether or not it is the head's."""
        panel = self.panel
        panel.base, panel.pinned, self.actions.away = base, False, away
        self.actions.head_seen = panel.studio.head(panel.session.id)
        self.actions.send_state()
        panel.views.send_picture()

    # ------------------------------------------------------------------------------------------ looking

    def do_look(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Put the picture of a turn on the stage, or with `source` one that a line starts from."""
        panel = self.panel
        panel.record()
        if message.get("source"):
            base = self.source(str(message["source"]))
        else:
            record = panel.studio.turn_record(panel.session.id, int(message["turn"]))
            base = self._turn(record, message.get("pick"))
        self.put(base, away=base.brought_in or base.turn != panel.studio.head(panel.session.id))

    def _turn(self, record: TurnRecord, pick: int | None = None) -> Base:
        """Return what shows a turn: of a question, what it is about."""
        panel = self.panel
        while record.kind == "ask" and record.parent is not None:
            record = panel.studio.turn_record(record.session_id, record.parent)
        if record.kind == "ask":
            inputs = panel.studio.pictures_of(record, "input")
            return brought(inputs[0]) if inputs else Base()
        return panel.of_turn(record, pick)

    def source(self, sha256: str) -> Base:
        """Return a picture that a line of the session starts from, by its hash."""
        if self.panel.base.brought_in and self.panel.base.key == sha256:
            return self.panel.base
        from notebook_img.tree import stored_picture

        store = self.panel.studio.store
        use = state.sources(store.turns(self.panel.session.id)).get(sha256)
        if use is None:
            raise NotFoundError("This picture is no longer in the session. Open it again.")
        return brought(stored_picture(store, use))

    def made_from(self, record: TurnRecord) -> Base:
        """Return what a turn was made from: a picture of its parent, or the one it brought in."""
        studio = self.panel.studio
        parent = studio.store.turn(record.session_id, record.parent) if record.parent is not None else None
        if parent is not None:
            return self._turn(parent, record.picked)
        inputs = studio.pictures_of(record, "input")
        return brought(inputs[0]) if inputs and record.kind != "generate" else Base()

    def original(self, base: Base | None = None) -> Picture | None:
        """Return the picture that the line of the stage starts from: the photograph, else the first turn's."""
        panel = self.panel
        base = base or panel.base
        if base.turn is None:
            return base.picture
        first = panel.studio.turn_record(panel.session.id, panel.studio.store.start_of_line(panel.session.id, base.turn))
        found = panel.studio.pictures_of(first, "input") or panel.studio.pictures_of(first, "output")
        return found[0] if found else None

    def file_name(self, base: Base) -> str:
        """Return what a file of this picture is called, without suffix."""
        studio = self.panel.studio
        if base.turn is None:
            return file_stem(base.name, "")
        return file_stem(original_of(studio, studio.turn_record(self.panel.session.id, base.turn)), base.id, self.panel.session_name)

    # ------------------------------------------------------------------------------------------ masks

    def do_pin(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Hold the picture on the stage while a mask is drawn on it."""
        self.panel.pinned = bool(message.get("on"))

    def do_last_mask(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the mask of the latest run that had one, for the picture on the stage."""
        panel = self.panel
        panel.base.needed("paint on")
        latest = panel.studio.store.turns(panel.session.id, limit=state.MOST_NODES, newest_first=True)
        record = next((each for each in latest if each.uses("mask")), None)
        if record is None:
            raise UsageError("No run of this session had a mask yet.")
        self._send_mask(record, message, anew=True)
        panel.notify(f"The mask is that of {record.id}.")

    def do_again_masked(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Go back to what a masked turn was made from, with its mask and its prompt, to try it anew."""
        panel = self.panel
        record = panel.studio.turn_record(panel.session.id, int(message["turn"]))
        base = self.made_from(record)
        if not record.uses("mask") or base.picture is None:
            raise UsageError(f"{record.id} was not made inside a mask.")
        self.put(base, away=base.brought_in or base.turn != panel.studio.head(panel.session.id))
        self._send_mask(record, message, anew=True, prompt=record.prompt)
        panel.notify(f"{base.name} with the mask and the prompt of {record.id}. Run makes another turn beside it.")

    def _send_mask(self, record: TurnRecord, message: Message, *, anew: bool, prompt: str | None = None) -> None:
        """Send a turn's mask for the picture on the stage. Without `anew` it is only for views that have nothing painted there."""
        from notebook_img.widgets.uploads import check_shape

        base = self.panel.base.needed("paint on")
        (mask,) = self.panel.studio.pictures_of(record, "mask")[:1]
        check_shape(mask, base)
        told: Message = {"kind": "mask", "sha": base.sha256, "turn": record.id, "type": mask.mime_type, "anew": anew}
        if prompt is not None:
            told["prompt"] = prompt
        if anew:
            self.panel.views.reply(message, told, [mask.data])
        else:
            self.panel.tell(told, [mask.data])
