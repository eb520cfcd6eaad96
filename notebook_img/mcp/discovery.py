"""How a bridge finds a kernel's server: one file per server, mode 0600, in Jupyter's runtime folder."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from notebook_img.files import write_atomically
from notebook_img.mcp import client_settings
from notebook_img.store import is_alive, this_process

if TYPE_CHECKING:
    from notebook_img.studio import Studio

PREFIX = "notebook-img-mcp-"


@dataclass(frozen=True)
class Announcement:
    """A running server."""

    url: str
    token: str = field(repr=False)
    bridge: str = field(repr=False)
    """What a bridge presents to name its client's folders."""
    owner: str
    """``host:pid:start`` of the kernel's process."""
    home: str
    notebook: str
    started: float
    claims: bool = False
    """Whether it writes down what a bridge asks before it begins, so that the bridge can tell whether it has begun."""
    tools: str = "all"
    """The family of tools it serves."""
    marks: dict[str, str] | None = field(default=None, repr=False)
    """What is in force there; see `client_settings`."""
    path: Path | None = None

    def __repr__(self) -> str:
        return f"<Announcement {self.url} {self.notebook or 'without a notebook'}>"

    @property
    def alive(self) -> bool:
        """Whether its process is alive, as far as that is known."""
        return is_alive(self.owner) is not False

    def belongs_to(self, name: str) -> bool:
        """Whether its notebook is called `name`: path, file name, or file name without suffix."""
        notebook = Path(self.notebook) if self.notebook else None
        return notebook is not None and name in (str(notebook), notebook.name, notebook.stem)


def folder() -> Path:
    """Return Jupyter's runtime folder of this user."""
    from jupyter_core.paths import jupyter_runtime_dir

    return Path(jupyter_runtime_dir())


def announce(studio: Studio, *, url: str, token: str, bridge: str, tools: str = "all") -> Path:
    """Write the file of a server and return its path."""
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    row = Announcement(
        url=url,
        token=token,
        bridge=bridge,
        owner=this_process(),
        home=str(studio.settings.home.resolve()),
        notebook=str(studio.notebook or ""),
        started=time.time(),
        claims=True,
        tools=tools,
        marks=client_settings.marks(studio.settings),
    )
    facts = {name: value for name, value in asdict(row).items() if name != "path"}
    path = place / f"{PREFIX}{os.getpid()}-{urlsplit(url).port}.json"
    write_atomically(path, json.dumps(facts).encode(), private=True, durable=False)
    return path


def find(home: Path, notebook: str = "") -> list[Announcement]:
    """Return the live servers over this home, newest first; files of dead processes are removed.

    Parameters
    ----------
    home : Path
        Folder of the store.
    notebook : str
        Only servers of the notebook with this name.
    """
    here = str(home.resolve())
    found = []
    with contextlib.suppress(OSError):
        for path in folder().glob(f"{PREFIX}*.json"):
            row = _read(path)
            if row is None:
                continue
            if not row.alive:
                with contextlib.suppress(OSError):
                    path.unlink()
            elif row.home == here and (not notebook or row.belongs_to(notebook)):
                found.append(row)
    return sorted(found, key=lambda row: row.started, reverse=True)


def _read(path: Path) -> Announcement | None:
    """Read one file; one that others could have written is not trusted."""
    try:
        facts = path.stat()
        if hasattr(os, "getuid") and (facts.st_uid != os.getuid() or facts.st_mode & 0o077):
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {name.name for name in fields(Announcement)} - {"path"}  # a later version of this package may tell more
        row = Announcement(**{name: value for name, value in content.items() if name in known}, path=path)
        texts = (row.url, row.token, row.bridge, row.owner, row.home, row.notebook, row.tools)
        number = isinstance(row.started, (int, float)) and not isinstance(row.started, bool)
        marked = row.marks is None or isinstance(row.marks, dict)
        return row if number and marked and all(isinstance(text, str) for text in texts) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None
