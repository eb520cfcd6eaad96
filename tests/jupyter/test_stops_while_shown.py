"""An interrupt at any line of a shown call: no display is left moving, and a picture that was made is shown or named."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher

import notebook_img
from notebook_img.errors import Stopped
from notebook_img.jupyter import output
from notebook_img.studio import default_studio
from tests.jupyter.conftest import StartShell

PACKAGE = str(Path(notebook_img.__file__).parent)
TIMES = 200
"""How many places are aimed at, spread over all lines that run."""


class Displays:
    """What a front end shows: displays in order, updated in place."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self.named: dict[str, int] = {}

    def take(self, data: dict[str, Any], transient: dict[str, Any] | None = None, update: bool = False, **_more: Any) -> None:
        name = (transient or {}).get("display_id", "")
        if update:
            self.shown[self.named[name]] = data
        else:
            self.named[name] = len(self.shown)
            self.shown.append(data)

    @property
    def moving(self) -> bool:
        return any("<progress" in data.get("text/html", "") for data in self.shown)

    @property
    def drawn(self) -> bool:
        return any("<img" in data.get("text/html", "") for data in self.shown)


class At:
    """Raises an interrupt at the nth line of the package that runs in this thread; counts them without an n.

    Lines that begin with ``with`` are left out: they run once more when the block is left, where Python looks for no signal.
    """

    def __init__(self, line: int = 0) -> None:
        self.line = line
        self.seen = 0
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE) or "importlib" in frame.f_code.co_filename:
            return None
        if event == "line" and not linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
            self.seen += 1
            if self.seen == self.line:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self


@pytest.fixture
def shown(start_shell: StartShell, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Displays]:
    shell = start_shell()
    displays = Displays()

    class Publisher(DisplayPublisher):
        def publish(self, data: Any, metadata: Any = None, **more: Any) -> None:
            displays.take(data, **more)

    shell.display_pub = Publisher()
    shell.kernel = type("Kernel", (), {"get_parent": staticmethod(dict)})()  # as in a kernel: progress is shown
    monkeypatch.setattr(output, "PATIENCE", 0.0)
    monkeypatch.setattr(output, "PAUSES", dict.fromkeys(output.PAUSES, 0.0))
    return shell, displays


def stopped(shell: Any, line: str, at: At) -> BaseException | None:
    before = sys.gettrace()
    sys.settrace(at)
    try:
        shell.run_line_magic("imgedit", line)
    except KeyboardInterrupt as stop:
        return stop
    finally:
        sys.settrace(before)
    return None


def test_an_interrupt_at_any_of_200_lines_leaves_no_progress_and_hides_no_picture(shown: tuple[Any, Displays]) -> None:
    shell, displays = shown
    shell.run_line_magic("imgedit", "--quiet sample:chelsea resize to 200 px")
    session = default_studio().session()
    count = At()
    assert stopped(shell, "--from t1 invert", count) is None
    assert displays.drawn
    interrupted = hidden = moving = 0
    for number in range(TIMES):
        at = At(1 + number * count.seen // TIMES)
        displays.shown.clear()
        displays.named.clear()
        turns = len(session.turns)
        stop = stopped(shell, f"--from t1 invert, then blur {number % 9 + 1}", at)
        interrupted += stop is not None
        moving += displays.moving
        made = session.turns[-1].full_id if len(session.turns) > turns else ""
        if made and not displays.drawn and made not in str(stop):
            hidden += 1
            print("hidden by an interrupt at", at.where)
        if displays.moving:
            print("left moving by an interrupt at", at.where)
    assert (moving, hidden) == (0, 0)
    assert interrupted > TIMES * 0.9
    assert shell.run_line_magic("imgedit", "sample:chelsea warmer") is not None, "and the next call goes on"


def test_an_interrupt_right_after_the_first_progress_leaves_none(shown: tuple[Any, Displays], monkeypatch: pytest.MonkeyPatch) -> None:
    shell, displays = shown
    publish = shell.display_pub.publish

    def interrupted(data: Any, metadata: Any = None, **more: Any) -> None:
        publish(data, metadata, **more)
        if displays.moving:
            raise KeyboardInterrupt

    monkeypatch.setattr(shell.display_pub, "publish", interrupted)
    with pytest.raises(Stopped):
        shell.run_line_magic("imgedit", "sample:chelsea invert")
    assert displays.shown
    assert not displays.moving


@pytest.mark.parametrize("command", ["show t1", "undo", "checkout t1", "tree"])
def test_what_looks_back_is_stopped_in_one_line_too(shown: tuple[Any, Displays], monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    shell, _ = shown
    shell.run_line_magic("imgedit", "--quiet sample:chelsea resize to 200 px")
    shell.run_line_magic("imgedit", "--quiet invert")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("notebook_img.jupyter.kernel.NotebookKernel.put", stop)
    with pytest.raises(Stopped) as stopped_by:
        shell.run_line_magic("imgsession", command)
    assert str(stopped_by.value) == "Stopped after 1 s; nothing was billed."
