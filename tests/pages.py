"""The documentation as the tests read it: README.md and every page of docs/, cut into blocks, and a place where blocks run.

How the blocks of a page are run, for whoever writes one:

- ```` ```ipython ```` is a cell, ```` ```console ```` a shell session (lines after ``$ `` are commands, the others what they print), ```` ```python ````
  a script. They run in the order of the page, in one empty folder with one empty home and no keys, on the built-in engine. Cells share a kernel, which has the
  extension loaded and stands in the notebook ``fox.ipynb``, so that its session is called fox; that file is written after each cell, for commands to work on.
  The folder holds ``cat.png`` and ``photos/`` with three photographs.
- ```` ```text ```` after a cell is part of what that cell shows. In it, as in what commands print, ``...`` stands for anything and every number of
  seconds for any other.
- Comments before a block say more, one a line, above the fence or above each other:
  ``<!-- cells: gemini -->`` moves the block to a folder, home and kernel of its own, with the emulator of that service; other names are a place of their own
  without any service, several names are several services. The block may also be a shell session or a script. ``team`` has its home in PostgreSQL.
  ``<!-- fails -->`` wants a cell that ends in an error (or complains on stderr), a command with a code other than 0; all others must not.
  ``<!-- file: endpoints.toml -->`` writes the block into a file of the folder instead of running it.
  ``<!-- run by: tests/test_keys.py -->`` leaves the block to another test, which has to name the command.
- Blocks in other languages (``json``, ``toml`` ...) are looked at and not run; ``bash`` and ``sh`` are errors, since no one could run them.

Nothing has to be registered: a new page in docs/ is found by itself, and a new service is a row in `SERVICES`.
"""

from __future__ import annotations

import doctest
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.google_account import account_file
from tests.jupyter.kernels import Kernel, environment, running_kernel, saved_cell
from tests.postgres import needs_postgres, running_postgres

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
"""Every page there is; the README in other languages is compared with the English one instead."""

RUN = ("ipython", "console", "python")
LOOKED_AT = ("text", "json", "toml", "yaml", "ini", "markdown", "html", "latex")
PROGRAMS = {"notebook-img": "notebook_img", "jupyter": "jupyter"}
PHOTOGRAPHS = {"beach": "#c8b890", "street": "#707880", "tower": "#9a6a50"}

SERVICES: dict[str, Callable[[str], dict[str, str]]] = {
    "gemini": lambda url: {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "AIza-emulator-key"},
    "openai": lambda url: {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "test-key-0123456789"},
    "ark": lambda url: {"ARK_BASE_URL": f"{url}/api/v3", "ARK_API_KEY": "ark-emulator-key-0123456789"},
    "jimeng": lambda url: {
        "JIMENG_BASE_URL": url,
        "JIMENG_UPLOAD_URL": url,
        "JIMENG_API_TOKEN": "jimeng-token-first-0001",
        "JIMENG_POLL": "0.02",
    },
    "fal": lambda url: {"FAL_KEY": "fal-emulator-key-0123456789:abcdef", "FAL_BASE_URL": url, "FAL_POLL": "0.02"},
    "azure": lambda url: {"AZURE_OPENAI_ENDPOINT": url, "AZURE_OPENAI_API_KEY": "azure-key-0123456789"},
    "google-cloud": lambda url: {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_CLOUD_PROJECT": "picture-lab",
        "GOOGLE_CLOUD_LOCATION": "europe-west4",
        "GOOGLE_VERTEX_BASE_URL": url,
        "GOOGLE_APPLICATION_CREDENTIALS": str(account_file(Path(tempfile.mkdtemp()), url)),
    },
}
"""What each service's emulator wants in the environment."""
EMULATORS = {"azure": "openai", "google-cloud": "gemini"}
"""Where an emulator has another name than the connection."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with what the comments before it say."""

    page: Path
    line: int
    kind: str
    text: str
    place: str = "local"
    fails: bool = False
    file: str = ""
    run_by: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether the block is run where it stands, or is a file that others need."""
        return not self.run_by and (bool(self.file) or self.kind in RUN)

    @property
    def commands(self) -> list[tuple[str, str]]:
        """The commands of a shell session, each with what it prints."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


FENCE = re.compile(r"(?P<notes>(?:^<!-- [^\n]* -->[ ]*\n)*)^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    words = page.read_text(encoding="utf-8")
    return [_block(page, words.count("\n", 0, match.start("text")), match) for match in FENCE.finditer(words)]


def _block(page: Path, line: int, match: re.Match[str]) -> Block:
    notes = dict(re.findall(r"^<!-- (cells|fails|file|run by)(?:: (.*?))? -->", match["notes"], re.MULTILINE))
    return Block(
        page=page,
        line=line,
        kind=match["kind"],
        text=match["text"],
        place=notes.get("cells", "local").strip(),
        fails="fails" in notes,
        file=notes.get("file", "").strip(),
        run_by=notes.get("run by", "").strip(),
    )


def needs(place: str) -> list[pytest.MarkDecorator]:
    """Return what a place needs of the machine."""
    return [needs_postgres] if "team" in place.split() else []


def places(page: Path) -> list[str]:
    """Return the names of the places in which blocks of a page run."""
    return list(dict.fromkeys(block.place for block in blocks(page) if block.runs and not block.file))


def links(page: Path) -> list[str]:
    """Return what a page links to or shows, addresses on the web left out."""
    targets = re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", _prose(page))
    return [target for target in targets if not target.startswith(("http", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def says(expected: str, got: str, *, part: bool = False) -> bool:
    """Whether a program printed what the page says; with `part`, whether that is part of what it printed."""
    if part:
        expected = f"...{expected.rstrip()}..."
    # A time stands for any other; doctest's own rules do the rest.
    expected, got = (re.sub(r"\b[\d.]+ s\b", "N s", text) for text in (expected, got))
    return doctest.OutputChecker().check_output(expected, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


@dataclass
class Place:
    """A folder, a home and (once a cell wants it) a kernel, in which the blocks of a page run one after the other."""

    folder: Path
    env: dict[str, str]
    stack: ExitStack
    kernel: Kernel | None = None
    shown: str = ""
    cells: list[Any] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run a block and hold it to what the page says."""
        if block.file:
            target = self.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.kind == "ipython":
            self._cell(block)
        elif block.kind == "console":
            failed = [self._command(block, command, expected) for command, expected in block.commands]
            assert any(failed) == block.fails, f"{block}: {'no' if block.fails else 'a'} command fails"
        elif block.kind == "python":
            (self.folder / "page.py").write_text(block.text, encoding="utf-8")
            done = self._start([sys.executable, "page.py"])
            assert bool(done.returncode) == block.fails, f"{block}\n{done.stdout}{done.stderr}"
            self.shown = done.stdout
        elif block.kind == "text" and self.shown:
            assert says(block.text, self.shown, part=True), f"{block}\n--- the page says\n{block.text}--- shown was\n{self.shown}"

    def _cell(self, block: Block) -> None:
        if self.kernel is None:
            self.kernel = self.stack.enter_context(running_kernel(self.env, self.folder))
            if not block.text.startswith("%load_ext"):
                self.kernel.good("%load_ext notebook_img")
        ran = self.kernel.run(block.text.rstrip("\n"))
        # Some programs complain where others raise: %config does, and a warning on stderr counts as well.
        failed = ran.status == "error" or bool(ran.complaints)
        assert failed == block.fails, f"{block}: {ran.status}\n{ran.traceback}{ran.complaints}"
        self.shown = ran.text + "\n" + ran.complaints
        self.cells.append(saved_cell(block.text.rstrip("\n"), ran, len(self.cells) + 1))
        nbformat.write(nbformat.v4.new_notebook(cells=self.cells), self.folder / "fox.ipynb")

    def _command(self, block: Block, command: str, expected: str) -> bool:
        done = self._start(["sh", "-c", command])
        got = done.stdout + done.stderr
        assert "Traceback" not in got, f"{block}\n{got}"
        assert block.fails or done.returncode == 0, f"{block}\n$ {command}\n{got}"
        assert says(expected, got), f"{block}\n$ {command}\n--- the page says\n{expected}--- got\n{got}"
        self.shown = got
        return bool(done.returncode)

    def _start(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, encoding="utf-8", timeout=180, check=False
        )


def make_place(folder: Path, stack: ExitStack, services: str, start_emulator: Callable[[str], Any]) -> Place:
    """Make the place a page's blocks run in: its folder with a few pictures, its environment, the programs on its path."""
    from PIL import Image

    work, programs = folder / "work", folder / "programs"
    programs.mkdir(parents=True)
    for name, module in PROGRAMS.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        program.chmod(0o755)
    (programs / "python").symlink_to(sys.executable)
    (work / "photos").mkdir(parents=True)
    Image.new("RGB", (64, 48), "orange").save(work / "cat.png")
    for stem, colour in PHOTOGRAPHS.items():
        Image.new("RGB", (96, 64), colour).save(work / "photos" / f"{stem}.jpg", quality=90)
    env = environment(folder / "home", JPY_SESSION_NAME=str(work / "fox.ipynb"), COLUMNS="120", PYTHONIOENCODING="utf-8")
    env["PYTHONPATH"] = f"{ROOT}:{env.get('PYTHONPATH', '')}"
    env["PATH"] = f"{programs}:{env['PATH']}"
    for service in (word for word in services.split() if word in SERVICES):
        emulator = start_emulator(EMULATORS.get(service, service))
        env.update(SERVICES[service](emulator.url))
    if "team" in services.split():
        database = stack.enter_context(running_postgres())
        env |= {"NOTEBOOK_IMG_HOME": database.url(database.new_database(empty=True)), "XDG_DATA_HOME": str(folder / "data")}
        env["NOTEBOOK_IMG_PICTURES"] = (folder / "shared").as_uri()
    return Place(work, env, stack)


def has_shell() -> bool:
    """Whether this system has the shell the pages are written for."""
    return shutil.which("sh") is not None


def all_blocks() -> Iterator[Block]:
    """Yield the blocks of every page."""
    for page in PAGES:
        yield from blocks(page)
