"""How pictures come into the panel: uploads, names, turns of any session, the gallery; to the stage or as references."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.ids import parse_id
from notebook_img.widgets import uploads
from notebook_img.widgets.stage import brought, of_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture
    from notebook_img.records import TurnRecord
    from notebook_img.widgets.actions import Actions

Message = dict[str, Any]
MOST_REFERENCES = 16


class Incoming:
    """The messages that bring pictures in.

    Parameters
    ----------
    actions : Actions
        Of the panel they come into.
    """

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.panel = actions.panel

    def do_upload(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Take a piece of an upload; the last one brings the picture in."""
        token, index = str(message["token"]), int(message["index"])
        piece = buffers[0] if buffers else b""
        picture = self.panel.uploads.take(token, index, int(message["count"]), str(message.get("name", "")), int(message["size"]), piece)
        self.panel.tell({"kind": "taken", "token": token, "index": index, "done": picture is not None})
        if picture is not None:
            self.panel.studio.shared.brought_in.append((time.time(), picture))
            self._bring_in(picture, str(message.get("role", "base")))

    def do_open(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Bring in what the field names: path, address, sample, variable, or a turn of this or another session."""
        text, role = str(message.get("text", "")), str(message.get("role", "base"))
        named = parse_id(text)
        if named is None:
            self._bring_in(uploads.opened(text, uploads.names_in_notebook(), self.panel.studio.settings), role)
            return
        studio = self.panel.studio
        session = studio.session_record(named.session) if named.session else self.panel.record()
        self._take(studio.turn_record(session.id, named.number), named.picture, role)

    def do_variables(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the names of the variables that hold images."""
        self.panel.views.reply(message, {"kind": "variables", "names": uploads.image_variables(uploads.names_in_notebook())})

    def do_send(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Take a picture of the gallery to edit, ask about, compare with or refer to."""
        panel = self.panel
        record = panel.studio.turn_record(str(message["session"]), int(message["turn"]))
        index, to, source = int(message.get("index") or 1), message.get("to"), bool(message.get("source"))
        picture = panel.studio.pictures_of(record, "input" if source else "output")[0 if source else index - 1]
        if to == "compare":
            if panel.base.picture is None:
                raise UsageError("No picture is open to compare with. Send one to Edit first.")
            panel.views.send_comparison(message, picture, picture.name)
        elif source and to != "reference" and record.session_id == panel.session.id:
            self.actions.history.do_look({"source": picture.sha256}, ())
        elif source:
            self._bring_in(picture, "reference" if to == "reference" else "base")
        else:
            self._take(record, index, "reference" if to == "reference" else "base")

    def _take(self, record: TurnRecord, pick: int | None, role: str) -> None:
        """Take a picture of a stored turn: one of this session is looked at, one of another is brought in."""
        panel = self.panel
        if role == "base" and record.session_id == panel.session.id:
            self.actions.history.do_look({"turn": record.number, "pick": pick}, ())
            return
        base = of_turn(record, panel.studio.pictures_of(record, "input" if record.kind == "ask" else "output"), pick)
        if base.choices:
            raise UsageError(f"{record.id} has {len(base.choices)} pictures.", hint=Hint("pick", turn=record.id))
        self._bring_in(base.needed("open"), role)

    def _bring_in(self, picture: Picture, role: str) -> None:
        panel = self.panel
        if role == "reference":
            if len(panel.references) >= MOST_REFERENCES:
                raise UsageError(f"{MOST_REFERENCES} references are the maximum. Remove one first.")
            if picture.sha256 not in {item.sha256 for item in panel.references}:
                panel.references.append(picture)
            self.panel.views.send_thumbnail(picture)
            self.actions.send_state()
            panel.notify(f"{picture.name or 'The picture'} is a reference now.")
            return
        self.actions.history.put(brought(picture), away=True)
        size = f"{picture.width} × {picture.height}"
        notes = "".join(f"; {note}" for note in picture.notes)
        panel.notify(f"{picture.name or 'The picture'} is open ({size}{notes}). The next edit starts from it.")

    def do_drop_reference(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Remove a reference."""
        sha = message.get("sha")
        self.panel.references = [item for item in self.panel.references if item.sha256 != sha]
        self.actions.send_state()
