"""Calls from the panel: what a model takes, what a call would cost, starting and stopping one, and how it ended."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from notebook_img.calls import Call
from notebook_img.errors import FrameError, NotebookImgError, NotFoundError, UsageError
from notebook_img.hints import worded
from notebook_img.widgets import controls, state, uploads
from notebook_img.widgets.wording import IN_PANELS, remedies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.tree import Turn
    from notebook_img.widgets.actions import Actions
    from notebook_img.widgets.runner import Run

Message = dict[str, Any]
TITLES = {"generate": "Making", "edit": "Editing", "ask": "Asking"}


class Requests:
    """The messages about calls.

    Parameters
    ----------
    actions : Actions
        Of the panel that makes them.
    """

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.panel = actions.panel

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
        if kind == "edit":
            panel.base.needed("edit")
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
        about = panel.base.needed("ask about")
        prompt, boxes = str(message.get("prompt", "")), message.get("boxes")
        if not prompt.strip():
            raise UsageError(
                "Type a question, for example: what colours are in it?" if boxes is None else "Type what to find, for example: the cat."
            )
        fields = panel.base.call_fields()
        latest = panel.studio.store.turns(panel.session.id, limit=state.MOST_NODES, newest_first=True)
        before = state.conversation(latest, about.sha256)
        if before and not message.get("anew"):
            fields = {"start": before[0].id}
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

    def do_find(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Ask a model where something is; its shape becomes the mask, to be seen and mended before an edit is paid for."""
        panel = self.panel
        panel.record()
        panel.base.needed("look for something in")
        words = str(message.get("words", "")).strip()
        if not words:
            raise UsageError("Type what to find, for example: the cup.")
        call = Call(kind="ask", prompt=words, boxes=words, model=str(message.get("model", "")), partials=True, **panel.base.call_fields())
        self._start(call, message, finds=words)

    def _paint_found(self, run: Run, turn: Turn) -> None:
        from notebook_img.pictures import shapes_in

        picture = self.panel.base.picture
        if not turn.boxes:
            self.panel.fail(f"{turn.model} found no “{run.finds}” in the picture. Describe it in other words, or paint it.")
            return
        if picture is None or picture.sha256 not in {each.sha256 for each in turn.inputs}:
            self.panel.notify(f"“{run.finds}” was found, but another picture is shown now.", "error")
            return
        mask, how = shapes_in(picture, turn.boxes)
        told = {"kind": "mask", "sha": picture.sha256, "turn": turn.id, "type": mask.mime_type, "anew": True, "view": run.view}
        self.panel.tell(told, [mask.data])
        self.panel.notify(f"“{run.finds}”: {len(turn.boxes)} found by {turn.model} ({how}). Mend it with brush and eraser.", "done")

    def _start(self, call: Call, message: Message, finds: str = "") -> None:
        panel = self.panel
        panel.busy = True
        try:
            title = f"{TITLES[call.kind]} with {call.model}" if call.model else TITLES[call.kind]
            panel.runner.start(panel.session, call, title, str(message.get("view", "")), finds)
        except UsageError:
            panel.busy = panel.runner.current is not None
            raise

    def do_stop(self, _message: Message, _buffers: Sequence[bytes]) -> None:
        """Stop the running call."""
        if not self.panel.runner.stop():
            self.panel.notify("Nothing is running.")

    def finished(self, run: Run, turn: Turn | None, error: BaseException | None) -> None:
        """Show how a call ended."""
        panel = self.panel
        panel.busy = False
        if error is not None or turn is None:
            self._ended_in(run, error)
            return
        elsewhere = turn.record.session_id != panel.session.id
        if run.call.kind == "ask" or elsewhere:
            self.actions.send_state()
        elif panel.pinned:  # a mask is being painted on the picture that is shown
            self.actions.away = True
            self.actions.send_state(newer=turn.record.id)
            panel.left.update()
        else:
            self.actions.history.show_head()
        said = "Answered" if run.call.kind == "ask" else "Done"
        warnings = "".join(f" {warning}" for warning in turn.warnings)
        where = f" of session {turn.session.name!r}" if elsewhere else ""
        panel.status = f"{said}: {turn.record.id}{where} in {turn.seconds:.1f} s.{warnings}"
        boxes = run.call.boxes is not None and not elsewhere and not run.finds
        if run.finds:
            self._paint_found(run, turn)
            return
        panel.tell({"kind": "done", "what": run.call.kind, "turn": turn.record.id, "text": panel.status, "boxes": boxes})

    def _ended_in(self, run: Run, error: BaseException | None) -> None:
        panel = self.panel
        if isinstance(error, FrameError) and error.picture is not None:
            self.panel.views.send_delivered({"view": run.view}, error.picture)
        text = worded(error, IN_PANELS) if isinstance(error, NotebookImgError) else f"{type(error).__name__}: {error}"
        self.actions.send_state()
        panel.status = text
        told = {"kind": "error", "text": text, "about": "ask" if run.call.kind == "ask" else "run", "token": "", "stopped": run.stopped}
        panel.tell({**told, "remedies": remedies(error) if isinstance(error, NotebookImgError) else []})

    def do_resume(self, message: Message, _buffers: Sequence[bytes]) -> None:
        """Fetch the pictures of a job that was left with a service; the panel stays free meanwhile."""
        panel, job = self.panel, str(message["job"])

        def fetch() -> None:
            try:
                turns = panel.studio.resume(job)
            except NotebookImgError as error:
                panel.fail(worded(error, IN_PANELS), message, remedies(error))
            else:
                panel.notify(f"Fetched {', '.join(turn.full_id for turn in turns)}.", "done")

        threading.Thread(target=fetch, name="notebook_img resume", daemon=True).start()
        panel.notify("Asking the service for its pictures…")

    def do_estimate(self, message: Message, buffers: Sequence[bytes]) -> None:
        """Send what the call would cost, or why it would be refused, before it is made."""
        from notebook_img.calls import Plan

        panel = self.panel
        answer: Message = {"kind": "estimate", "token": message.get("token", ""), "text": "", "problem": "", "remedies": []}
        try:
            call = self.painting_call(message, buffers)
            plan = panel.studio.run(panel.session, call.but(dry_run=True, prompt=call.prompt.strip() or "…"))
            assert isinstance(plan, Plan)
            cost = "price unknown" if plan.estimate is None else "free" if plan.estimate == 0 else plan.price
            answer["text"] = f"{plan.model} · {cost}"
            answer["smaller"] = plan.smaller
            region = plan.region.plan if plan.region is not None else None
            if region is not None:  # the built-in engine sends nothing, so it has none
                box = region.box
                answer["region"] = [box.left, box.top, box.right, box.bottom]
                (wide, high), whole = region.frame_size, region.picture
                sent = f"The frame is what is sent: {wide} × {high} of {whole[0]} × {whole[1]}"
                answer["notes"] = f"{'; '.join((sent, *region.notes))}."
        except NotFoundError:
            return
        except NotebookImgError as error:
            answer["problem"], answer["remedies"] = worded(error, IN_PANELS), remedies(error)
        self.panel.views.reply(message, answer)
