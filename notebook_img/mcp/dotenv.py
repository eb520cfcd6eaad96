"""The file ``.env`` of the working folder: read where it is asked for, as the servers that are replaced did, and never by itself.

A file in a working folder may be anybody's, and a key or a base URL in it decides where pictures go.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    "gemini": r"GEMINI_\w+|GOOGLE_\w+",
    "vision": r"VISION_\w+|OPENAI_(API_KEY|BASE_URL)",
    "seedream": r"JIMENG_\w+|ARK_\w+",
}
"""What each of the replaced servers reads there."""
EVERY = "|".join(FAMILIES.values())
MOST = 100_000
_LINE = re.compile(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^#\n]*?))\s*(?:#.*)?""")


def read(*, wanted: bool, family: str) -> list[str]:
    """Put the variables of ``.env`` into the environment where they are wanted; what is set already wins. Return what must be said.

    Parameters
    ----------
    wanted : bool
        Whether ``--dotenv`` was given: the variables of every service then.
    family : str
        The tools served; a single family stands for a server that reads the file itself, for its own variables.
    """
    path = Path(".env")
    if not path.is_file() or path.stat().st_size > MOST:
        return []
    found = {name: value for name, value in _variables(path) if re.fullmatch(EVERY, name) and not os.environ.get(name)}
    taken = {name for name in found if re.fullmatch(EVERY if wanted else FAMILIES.get(family, "-"), name)}
    os.environ.update({name: found[name] for name in taken})
    said = []
    if taken:
        said.append(f"Read from {path.resolve()}: {', '.join(sorted(taken))}.")
    if left := sorted(set(found) - taken):
        said.append(
            f"{path.resolve()} sets {', '.join(left)}, which is not read: a file in a working folder is not trusted for keys by itself. "
            "--dotenv reads it."
        )
    return said


def _variables(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    matches = (_LINE.fullmatch(line) for line in lines)
    return [(match[1], next((text for text in match.groups()[1:] if text is not None), "")) for match in matches if match]
