"""What the browser can ask the panel for: one method per message, named `do_` and the message. They run in the panel's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call
from notebook_img.errors import FrameError, NotFoundError, UsageError
from notebook_img.hints import worded
from notebook_img.ids import turn_id
from notebook_img.studio import spent_today
from notebook_img.widgets import controls, state, uploads
from notebook_img.widgets.stage import Base, of_turn
from notebook_img.widgets.wording import IN_PANELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.pictures import Picture
    from notebook_img.records import TurnRecord
    from notebook_img.tree import Turn
    from notebook_img.widgets.panel import Panel
    from notebook_img.widgets.runner import Run

Message = dict[str, Any]
MOST_REFERENCES = 16
TITLES = {"generate": "Making", "edit": "Editing", "ask": "Asking"}


class Actions:
    """The messages about sessions, pictures that come in, and calls; `Views` has those that only show something.

    Parameters
    ----------
    panel : Panel
        Whose state they work on.
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.away = False
        """Whether another picture than the head's is on the stage on purpose."""

    def perform(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Do what a message asks for.

        Raises
        ------
        UsageError
            For a message nobody knows: a page that is older than the package.
        """
        name = f"do_{message.get('do', '')}"
        method = getattr(self, name, None) or getattr(self.panel.views, name, None)
        if method is None:
            raise UsageError("The page and the installed notebook_img are of different versions. Restart the kernel and reload the page.")
        method(message, buffers)

    # ------------------------------------------------------------------------------------------ state

    def do_hello(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Send everything to a view that has just appeared."""
        panel = self.panel
        panel.tell({"kind": "models", "models": controls.models(panel.studio.settings)})
        self.send_state()
        self.panel.views.send_picture()

    def send_state(self, *, newer: str = "") -> None:
        """Send the session's state to every view."""
        panel, store = self.panel, self.panel.studio.store
        record = store.session(panel.session.id)
        if record is None:
            panel.tell({"kind": "gone", "sessions": state.sessions(store, None)})
            return
        panel.session_name = record.name
        rows, uses = state.nodes(store, record.id)
        panel.thumbnails.know(uses)
        base = panel.base
        looked = store.turn(record.id, base.turn) if base.turn is not None else None
        questions = state.conversation(store, record.id, base.picture.sha256 if base.picture else "")
        panel.tell(
            {
                "kind": "state",
                "session": {"id": record.id, "name": record.name, "turns": record.turns, "model": record.shown_model},
                "sessions": state.sessions(store, record),
                "head": panel.studio.head(record.id),
                "redo": bool(record.redo),
                "nodes": rows,
                "hidden": max(0, record.turns - len(rows)),
                "base": base.described(),
                "turn": state.details(looked) if looked is not None else None,
                "chat": [state.question(question) for question in questions],
                "references": [{"sha": item.sha256, "name": item.name} for item in panel.references],
                "spent": f"Spent today: {spent_today(panel.studio)}",
                "running": panel.runner.current.described() if panel.runner.current else None,
                "newer": newer,
            }
        )

    def send_all(self) -> None:
        """Send the state and the picture on the stage; update what stays in the notebook."""
        self.send_state()
        self.panel.views.send_picture()
        self.panel.left.update()

    def refresh(self, _what: str, _number: int | None) -> None:
        """Show what happened to the session, here, in a cell or in another process."""
        panel = self.panel
        if panel.studio.store.session(panel.session.id) is None:
            panel.record()  # says so
        head = panel.studio.head(panel.session.id)
        if panel.base.turn is not None and panel.studio.store.turn(panel.session.id, panel.base.turn) is None:
            self.away, panel.pinned = False, False
        if panel.base.turn == head and head is not None:
            self.send_state()
        elif not self.away and not panel.pinned:
            panel.show_head()
            self.send_all()
        else:
            busy = panel.runner.current is not None
            self.send_state(newer=turn_id(head) if head is not None and _what in ("head", "turn", "elsewhere") and not busy else "")

    # ------------------------------------------------------------------------------------------ the session

    def do_session(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Open or create a session by name."""
        panel = self.panel
        name = str(message.get("name", "")).strip()
        if not name:
            raise UsageError("Type a name for the session.")
        panel.session = panel.studio.session(name)
        self.away = False
        panel.show_head()
        self.send_all()

    def do_rename(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Give the session another name."""
        self.panel.record()
        self.panel.session.rename(str(message.get("name", "")).strip())
        self.send_state()

    def do_undo(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Go back to the parent; where a picture was brought in, that is what is undone."""
        self.panel.record()
        head = self.panel.studio.head(self.panel.session.id)
        if self.panel.base.brought_in and head is not None:
            brought = self.panel.base.name
            self.do_head(message, buffers)
            self.panel.notify(f"Undone: {brought} was removed from the stage, back to {turn_id(head)}.")
            return
        self._moved(self.panel.session.undo(), "Undone")

    def do_redo(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Reverse an undo."""
        self.panel.record()
        self._moved(self.panel.session.redo(), "Redone")

    def do_checkout(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Make a turn the head, so that the next edit goes on from there."""
        self.panel.record()
        self._moved(self.panel.session.checkout(int(message["turn"])), "Going on", pick=message.get("pick"))

    def _moved(self, head: Turn | None, said: str, pick: int | None = None) -> None:
        self.away = False
        self.panel.show_head(pick)
        self.send_all()
        self.panel.notify(
            f"{said} from {head.record.id}." if said == "Going on" and head else f"{said}: {head.record.id if head else 'no head'}."
        )

    def do_look(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Put a turn's picture on the stage."""
        panel = self.panel
        panel.record()
        number = int(message["turn"])
        record = panel.studio.turn_record(panel.session.id, number)
        if record.kind == "ask":
            record = self._asked_about(record)
        panel.base = of_turn(record, panel.studio.pictures_of(record, "output"), message.get("pick"))
        if panel.base.picture is None:
            inputs = panel.studio.pictures_of(record, "input")
            panel.base = Base(inputs[0], name=inputs[0].name or "picture") if inputs else Base()
        self.away = panel.base.brought_in or panel.base.turn != panel.studio.head(panel.session.id)
        panel.pinned = False
        self.send_state()
        self.panel.views.send_picture()

    def _asked_about(self, record: TurnRecord) -> TurnRecord:
        while record.kind == "ask" and record.parent is not None:
            record = self.panel.studio.turn_record(record.session_id, record.parent)
        return record

    def do_head(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Show the head again."""
        self.away = False
        self.panel.show_head()
        self.send_all()

    def do_pin(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Hold the picture on the stage while a mask is drawn on it."""
        self.panel.pinned = bool(message.get("on"))

    # ------------------------------------------------------------------------------------------ pictures from outside

    def do_upload(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Take a piece of an upload; the last one brings the picture in."""
        token, index = str(message["token"]), int(message["index"])
        piece = buffers[0] if buffers else b""
        picture = self.panel.uploads.take(token, index, int(message["count"]), str(message.get("name", "")), int(message["size"]), piece)
        self.panel.tell({"kind": "taken", "token": token, "index": index, "done": picture is not None})
        if picture is not None:
            self._bring_in(picture, str(message.get("role", "base")))

    def do_open(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Bring in what the field names: path, address, sample or variable."""
        picture = uploads.opened(str(message.get("text", "")), uploads.names_in_notebook(), self.panel.studio.settings)
        self._bring_in(picture, str(message.get("role", "base")))

    def do_variables(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the names of the variables that hold images."""
        self.panel.views.reply(message, {"kind": "variables", "names": uploads.image_variables(uploads.names_in_notebook())})

    def do_send(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Take a picture of the gallery to edit, ask about, compare with or refer to."""
        panel = self.panel
        record = panel.studio.turn_record(str(message["session"]), int(message["turn"]))
        pictures = panel.studio.pictures_of(record, "output")
        index = int(message.get("index") or 1)
        picture = pictures[index - 1]
        to = message.get("to")
        if to == "compare":
            if panel.base.picture is None:
                raise UsageError("There is no picture on the stage to compare with. Send one to edit first.")
            self.panel.views.send_comparison(message, picture, picture.name)
        elif to == "reference":
            self._bring_in(picture, "reference")
        elif record.session_id == panel.session.id:
            self.do_look({"turn": record.number, "pick": index}, ())
        else:
            self._bring_in(picture, "base")

    def _bring_in(self, picture: Picture, role: str) -> None:
        panel = self.panel
        if role == "reference":
            if len(panel.references) >= MOST_REFERENCES:
                raise UsageError(f"{MOST_REFERENCES} references are the maximum. Remove one first.")
            if picture.sha256 not in {item.sha256 for item in panel.references}:
                panel.references.append(picture)
            self.panel.views.send_reference(picture)
            self.send_state()
            panel.notify(f"{picture.name or 'The picture'} is a reference now.")
            return
        panel.base = Base(picture, name=picture.name or "picture")
        self.away, panel.pinned = True, False
        self.send_state()
        self.panel.views.send_picture()
        size = f"{picture.width} × {picture.height}"
        notes = "".join(f"; {note}" for note in picture.notes)
        panel.notify(f"{picture.name or 'The picture'} is on the stage ({size}{notes}). The next edit starts a new line from it.")

    def do_drop_reference(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Remove a reference."""
        sha = message.get("sha")
        self.panel.references = [item for item in self.panel.references if item.sha256 != sha]
        self.send_state()

    # ------------------------------------------------------------------------------------------ calls

    def do_abilities(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send the options that a model takes."""
        panel = self.panel
        found = panel.studio.store.session(panel.session.id)
        settings = panel.studio.settings
        told = controls.abilities(message["for"], settings, model=message.get("model", ""), session_model=found.kept_model if found else "")
        self.panel.views.reply(message, {**told, "for": message["for"], "kind": "abilities"})

    def painting_call(self, message: Message, buffers: Sequence[bytes]) -> Call:
        """Return the call that the controls of the Edit tab stand for."""
        panel = self.panel
        kind = "generate" if message.get("what") == "generate" else "edit"
        if kind == "edit" and panel.base.picture is None:
            raise UsageError("There is no picture to edit yet. Upload or open one, or choose “New picture”.")
        options = controls.options_of(message.get("options") or {})
        mask = None
        if kind == "edit" and message.get("mask") and buffers:
            assert panel.base.picture is not None
            if message["mask"].get("sha") != panel.base.picture.sha256:
                raise UsageError("The picture was replaced while the mask was drawn, so nothing was sent. Draw it on the one shown now.")
            mask = uploads.painted_mask(buffers[0], panel.base.picture, panel.studio.settings)
        return Call(
            kind=kind,  # type: ignore[arg-type]
            prompt=str(message.get("prompt", "")),
            references=tuple(panel.references),
            mask=mask,
            model=str(message.get("model", "")),
            partials=True,
            **options,
            **(panel.base.call_fields() if kind == "edit" else {}),
        )

    def do_run(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Make or edit a picture."""
        self.panel.record()
        call = self.painting_call(message, buffers)
        if not call.prompt.strip():
            example = "make it night" if call.kind == "edit" else "a red circle on white"
            raise UsageError(f"The prompt is empty. Say what to do, for example: {example}.")
        self._start(call, message)
        if call.mask is not None:
            self.panel.pinned = False  # what was painted is on its way; nothing has to hold the picture any more

    def do_ask(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Ask about the picture on the stage; a further question follows the last one."""
        panel = self.panel
        panel.record()
        if panel.base.picture is None:
            raise UsageError("There is no picture to ask about yet. Upload or open one first.")
        prompt, boxes = str(message.get("prompt", "")), message.get("boxes")
        if not prompt.strip():
            raise UsageError(
                "Type a question, for example: what colours are in it?" if boxes is None else "Type what to find, for example: the cat."
            )
        fields = panel.base.call_fields()
        before = state.conversation(panel.studio.store, panel.session.id, panel.base.picture.sha256)
        if before and not message.get("anew"):
            fields = {"start": before[-1].id}
        self._start(
            Call(
                kind="ask",
                prompt=prompt,
                model=str(message.get("model", "")),
                boxes=None if boxes is None else str(boxes),
                own=controls.options_of(message.get("options") or {})["own"],
                partials=True,
                **fields,
            ),
            message,
        )

    def _start(self, call: Call, message: Message) -> None:
        panel = self.panel
        panel.busy = True
        try:
            title = f"{TITLES[call.kind]} with {call.model}" if call.model else TITLES[call.kind]
            panel.runner.start(panel.session, call, title, str(message.get("view", "")))
        except UsageError:
            panel.busy = panel.runner.current is not None
            raise

    def do_stop(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Stop the running call."""
        if not self.panel.runner.stop():
            self.panel.notify("Nothing runs.")

    def finished(self, run: Run, turn: Turn | None, error: BaseException | None) -> None:
        """Show how a call ended."""
        panel = self.panel
        panel.busy = False
        if error is not None or turn is None:
            self._ended_in(run, error)
            return
        elsewhere = turn.record.session_id != panel.session.id
        if run.call.kind == "ask" or elsewhere:
            self.send_state()
        elif panel.pinned:  # a mask is being painted on the picture that is shown
            self.away = True
            self.send_state(newer=turn.record.id)
            panel.left.update()
        else:
            self.away = False
            panel.show_head()
            self.send_all()
        said = "Answered" if run.call.kind == "ask" else "Done"
        warnings = "".join(f" {warning}" for warning in turn.warnings)
        where = f" of session {turn.session.name!r}" if elsewhere else ""
        panel.status = f"{said}: {turn.record.id}{where} in {turn.seconds:.1f} s.{warnings}"
        boxes = run.call.boxes is not None and not elsewhere
        panel.tell({"kind": "done", "what": run.call.kind, "turn": turn.record.id, "text": panel.status, "boxes": boxes})

    def _ended_in(self, run: Run, error: BaseException | None) -> None:
        panel = self.panel
        from notebook_img.errors import NotebookImgError

        if isinstance(error, FrameError) and error.picture is not None:
            self.panel.views.send_delivered({"view": run.view}, error.picture)
        text = worded(error, IN_PANELS) if isinstance(error, NotebookImgError) else f"{type(error).__name__}: {error}"
        self.send_state()
        panel.status = text
        panel.tell(
            {"kind": "error", "text": text, "about": "ask" if run.call.kind == "ask" else "run", "token": "", "stopped": run.stopped}
        )

    def do_estimate(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Send what the call would cost, or why it would be refused, before it is made."""
        from notebook_img.calls import Plan
        from notebook_img.errors import NotebookImgError

        panel = self.panel
        answer: Message = {"kind": "estimate", "token": message.get("token", ""), "text": "", "problem": ""}
        try:
            call = self.painting_call({**message, "mask": None}, ())
            plan = panel.studio.run(panel.session, call.but(dry_run=True, prompt=call.prompt.strip() or "…"))
            assert isinstance(plan, Plan)
            cost = "price unknown" if plan.estimate is None else "free" if plan.estimate == 0 else plan.price
            answer["text"] = f"{plan.model} · {cost}"
        except NotFoundError:
            return
        except NotebookImgError as error:
            answer["problem"] = worded(error, IN_PANELS)
        self.panel.views.reply(message, answer)
