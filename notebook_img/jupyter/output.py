"""What a magic shows while it waits and when it is done: one display handle, which ends as the finished picture.

Where output is captured (``ipywidgets.Output``, ``interact``, ``%%capture``) updates of a display are lost or replayed, so there no
progress is shown and the finished picture is a display of its own.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from notebook_img.calls import Notice, Progress
from notebook_img.records import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.calls import Change
    from notebook_img.errors import AmbiguousMaskError
    from notebook_img.pictures import Bundle
    from notebook_img.tree import Turn

PATIENCE = 0.4
"""Seconds before progress is shown: what is done sooner needs none."""
READING_SIDE, READING_BYTES = 320, 20_000
"""Bounds of the picture of one reading of a mask."""
PAUSES: Mapping[Change, float] = {"": 0.5, "message": 0.1, "text": 0.1, "waiting": 0.0, "partial": 0.0}
"""Least seconds since the last update, by what has changed; where nothing has, the elapsed time is renewed."""


class Screen:
    """The output of one magic call; in the end, however it comes, no progress is left.

    Parameters
    ----------
    shell : InteractiveShell
        Where it runs; only kernels get progress (a terminal would repeat every update).
    title : str
        What is being done, for example ``Editing with gemini``.
    quiet : bool
        Show nothing but what has to be said about money.
    answers : bool
        Whether streamed text is the result (a question) and not a remark beside a picture.
    """

    def __init__(self, shell: Any, title: str, *, quiet: bool = False, answers: bool = False) -> None:
        self.live = not quiet and getattr(shell, "kernel", None) is not None and not is_captured(shell)
        self.quiet = quiet
        self.title = title
        self.answers = answers
        self.progress = Progress()
        self.started = time.monotonic()
        self.refreshed = 0.0
        self.handle: Any = None
        self.finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._clear()
        except KeyboardInterrupt:
            self._clear()
            raise

    def on_event(self, event: Any) -> None:
        """Take an event of the core and refresh what is shown."""
        if isinstance(event, Notice):
            self._show_notice(event.text)
            return
        change = self.progress.take(event)
        if change == "text" and not self.answers:
            return  # a remark beside a picture comes with the next update
        if time.monotonic() - self.refreshed >= PAUSES[change]:
            self._refresh()

    def finish(self, bundle: Bundle, form: str = "html") -> None:
        """Replace the progress by the finished state; `form` is the setting `figure`."""
        if self.quiet:
            return
        first, *more = bundle.parts(form)
        self._put(first)
        self.finished = True
        for part in more:
            put(part)

    def _clear(self) -> None:
        """Remove the progress of a call that did not finish: the error that follows says it all. What had come of an answer stays."""
        with contextlib.suppress(Exception):
            if self.finished:
                return
            if self.live and self._answer:
                from notebook_img import display

                self._put(display.answer(self._answer))
            elif self.handle is not None:
                self.handle.update({"text/plain": ""}, raw=True)

    @property
    def _answer(self) -> str:
        """What has come of an answer so far."""
        return self.progress.text if self.answers else ""

    def _refresh(self) -> None:
        seconds = time.monotonic() - self.started
        if not self.live or (self.handle is None and seconds < PATIENCE and not self._answer):
            return
        from notebook_img import display

        self.refreshed = time.monotonic()
        if self._answer:
            self._put(display.answer(self._answer))
            return
        now, picture = self.progress, None
        if now.partial is not None:
            from notebook_img import pictures

            with contextlib.suppress(Exception):  # a broken early picture is no reason to stop waiting
                picture = pictures.load(now.partial)
        message = f"{self.title}: {now.message}" if now.message else self.title
        state = display.Progress(message, seconds=seconds, fraction=now.fraction, waiting=now.waiting, text=now.text, picture=picture)
        self._put(display.progress(state))

    def _show_notice(self, text: str) -> None:
        # Also with --quiet: it is about money and about where pictures go, and comes once.
        from IPython.display import display as show

        from notebook_img.display import note

        bundle = note(text)
        show(dict(bundle.data), raw=True)  # type: ignore[no-untyped-call]

    def _put(self, bundle: Bundle) -> None:
        from IPython.display import DisplayHandle

        if self.handle is not None:
            self.handle.update(dict(bundle.data), raw=True, metadata=dict(bundle.metadata))
            return
        # Kept before it is shown: an interrupt right after leaves nothing on the screen that cannot be cleared.
        self.handle = DisplayHandle()  # type: ignore[no-untyped-call]
        try:
            self.handle.display(dict(bundle.data), raw=True, metadata=dict(bundle.metadata))
        except Exception:
            self.handle = None  # nothing is there to update
            raise


def show_readings(error: AmbiguousMaskError) -> None:
    """Show what may change by each reading of a mask, with the option that chooses it."""
    from notebook_img import display

    shots = [
        display.Shot(
            display.mask_overlay(error.picture, mask, max_side=READING_SIDE, max_bytes=READING_BYTES),
            label=f"--mask-reading {reading}",
            alt=f"--mask-reading {reading}: the coloured part may change",
        )
        for reading, mask in error.readings.items()
    ]
    put(display.figure(shots, display.Caption(note="what may change is coloured"), max_side=READING_SIDE))


def together(turns: Sequence[Turn], *, max_side: int) -> Bundle:
    """Return several turns of one request as one: a grid of pictures, or answers under each other, labelled with their models.

    Parameters
    ----------
    turns : sequence of Turn
        Siblings, at least one.
    max_side : int
        Longest side of a preview, pixels.
    """
    from notebook_img import display
    from notebook_img.pictures import PREVIEW_BYTES

    if all(turn.kind == "ask" for turn in turns):
        share = PREVIEW_BYTES // len(turns)  # however many answer, they are one output
        return display.answers_together([(turn.model, turn.figure(max_side=max_side, max_bytes=share)) for turn in turns])
    shots = []
    warnings: list[str] = []
    for turn in turns:
        cost = display.money(turn.cost) if turn.cost else ""
        label = " · ".join(
            part for part in (turn.id, turn.model, f"{turn.seconds:.1f} s", cost, "replayed" if turn.replayed else "") if part
        )
        shots += [display.Shot(picture, label=label, alt=f"{turn.model}: {turn.prompt}") for picture in turn.pictures]
        warnings += [f"{turn.id}: {said}" for said in dict.fromkeys((*turn.warnings, *turn.notices)) if not isinstance(said, Remark)]
    first = turns[0]
    caption = display.Caption(
        id=", ".join(turn.full_id for turn in turns),
        parent=first.parent.id if first.parent else "",
        file=", ".join(str(file) for turn in turns for file in turn.files),
        warnings=tuple(warnings),
        remarks=(f"The next edit goes on from {first.id}; %imgsession checkout {turns[-1].id} goes on from that one.",),
    )
    return display.figure(shots, caption, max_side=max_side)


def is_captured(shell: Any) -> bool:
    """Tell whether what is displayed now goes somewhere else than into the cell's output.

    ``%%capture`` and ``capture_output`` put a publisher of their own in the shell's place (IPython 9.18); an Output widget takes the
    messages whose parent is the request that is handled (ipywidgets 8.1: `Output.msg_id`), but no updates of a display.
    """
    if type(shell.display_pub).__name__ == "CapturingDisplayPublisher":
        return True
    if "ipywidgets" not in sys.modules:
        return False
    from ipywidgets.widgets import Output, widget

    request = shell.kernel.get_parent().get("header", {}).get("msg_id")
    return any(isinstance(one, Output) and one.msg_id == request for one in tuple(widget._instances.values()))  # noqa: SLF001 - no other way


def tell(shell: Any, text: str) -> None:
    """Show one sentence to the user, as an output of its own."""
    from IPython.display import display

    from notebook_img.display import note

    if getattr(shell, "kernel", None) is None:
        print(text)  # noqa: T201 - a terminal shows text
    else:
        display(dict(note(text).data), raw=True)  # type: ignore[no-untyped-call]


def put(bundle: Bundle, form: str = "html") -> None:
    """Show a bundle as an output of its own, or picture and caption as two (the setting `figure`)."""
    bundle.show(form)
