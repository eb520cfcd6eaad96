"""The TOML file in which people name servers of their own, give prices and block models: where it is, and how a fault in it is told.

Two are read: ``endpoints.toml`` in the home, then the one that ``NOTEBOOK_IMG_ENDPOINTS`` names, which wins. Who reads which tables:
`own_models.py` those under ``models``, `openai/endpoints.py` the servers.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.settings import Settings

NAME = "endpoints.toml"
MODELS = "models"
NO_SERVERS = frozenset({MODELS, "azure"})
"""Tables that do not describe a server."""


@dataclass(frozen=True)
class UserFile:
    """One such file, read."""

    path: Path
    text: str
    tables: Mapping[str, Any]

    def place(self, table: str, word: str = "") -> str:
        """Return where a table, or a word in it, stands: ``/home/me/endpoints.toml, line 12``."""
        heading = re.compile(rf"\s*\[\s*{_spelt(table)}\s*\]")
        key = re.compile(rf"\s*(?:[\w\"'.:-]+\s*\.\s*)?[\"']?{re.escape(word)}[\"']?\s*[=.]") if word else None
        found = 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if heading.match(line):
                found = number
            elif found and line.lstrip().startswith("["):
                break
            elif found and key is not None and key.match(line):
                return f"{self.path}, line {number}"
        return f"{self.path}, line {found}" if found else str(self.path)


def _spelt(table: str) -> str:
    """Return a pattern for the ways a table's name may be written: its last part in quotes or bare."""
    first, _, rest = table.partition(".")
    return re.escape(first) + (rf"\s*\.\s*[\"']?{re.escape(rest)}[\"']?" if rest else "")


_read: dict[Path, tuple[tuple[int, int], UserFile]] = {}


def user_files(settings: Settings) -> list[UserFile]:
    """Return the files that are there, the one of the home first.

    Raises
    ------
    UsageError
        The named one cannot be read, or one is not TOML; with file and line.
    """
    found = []
    for path, wanted in ((settings.home / NAME, False), (Path(settings.endpoints).expanduser(), True)):
        if not wanted or settings.endpoints:
            try:
                found.append(_file(path))
            except OSError as error:
                if not wanted and isinstance(error, FileNotFoundError | NotADirectoryError):
                    continue
                msg = f"The endpoints file {path} cannot be read: {error.strerror or error}."
                raise UsageError(msg) from error
    return found


def _file(path: Path) -> UserFile:
    facts = path.stat()
    mark = (facts.st_mtime_ns, facts.st_size)
    if path not in _read or _read[path][0] != mark:  # it is asked for at every call
        try:
            text = path.read_text(encoding="utf-8-sig")
            _read[path] = (mark, UserFile(path, text, tomllib.loads(text)))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            msg = f"The endpoints file {path} is not valid TOML: {error}."
            raise UsageError(msg) from error
    return _read[path][1]
