"""Notebooks that run in kernels of their own: cells with ids, or without, against a provider that never repeats itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from notebook_img.records import Origin
from notebook_img.replay.cells import Kernel
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from tests.replay.painter import Painter


@pytest.fixture(autouse=True)
def painter(tmp_path_factory, monkeypatch):
    """Install the painter as any package would install its provider."""
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "painter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: painter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[notebook_img.providers]\npainter = tests.replay.painter:Painter\n")
    monkeypatch.syspath_prepend(str(folder))
    from notebook_img.providers import registry

    registry._entry_points.cache_clear()
    Painter.reset()
    yield Painter
    registry._entry_points.cache_clear()
    sys.path_importer_cache.clear()


@dataclass
class Cell:
    """What a run of a cell did."""

    turns: list = field(default_factory=list)
    calls: int = 0
    error: BaseException | None = None

    @property
    def hashes(self):
        return [picture.sha256 for turn in self.turns for picture in turn.pictures]


class Running:
    """A kernel: a studio that runs cells."""

    def __init__(self, home: Path, notebook: Path | None = None, session: str = "fox", ids: bool = True, **chosen):
        chosen.setdefault("model", "painter")
        self.studio = Studio(settings=Settings(home=home, **chosen))
        self.studio.shared.kernel = Kernel()
        self.studio.origin = Origin(surface="cell", kernel=self.studio.shared.kernel.id)
        self.studio.notebook = notebook
        self.ids = ids
        self.said: list[str] = []
        self.studio.say = self.said.append
        self.session = self.studio.session(session) if session else self.studio.session()
        self.count = 0

    def run(self, cell: str, source: str, **more) -> Cell:
        done = Cell()
        kernel, session = self.studio.shared.kernel, self.session
        kernel.begin(source, cell_id=cell if self.ids else "", notebook=str(self.studio.notebook or ""))
        before = len(Painter.calls)

        def noting(function):
            def call(*args, **options):
                turn = function(*args, **options)
                done.turns.append(turn)
                return turn

            return call

        names = {
            "gen": noting(session.generate),
            "edit": noting(session.edit),
            "ask": noting(session.ask),
            "undo": session.undo,
            "redo": session.redo,
            "checkout": session.checkout,
            "head": lambda: session.head,
            "s": session,
            "keep": done.turns.extend,
            **more,
        }
        try:
            exec(source, names)
        except Exception as error:  # a cell may fail; the scenario says whether it should
            done.error = error
        kernel.end(lambda: self.studio.store, failed=done.error is not None)
        done.calls = len(Painter.calls) - before
        return done


@pytest.fixture
def kernel(home, tmp_path):
    """Start a kernel; a new one each time, over the same home unless another is given."""
    started = []

    def start(**options):
        options.setdefault("home", home)
        running = Running(**options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.studio.close()
