"""Where Jupyter's own agents look for MCP servers, and our entry among theirs.

Both read ``mcp_settings.json``, in forms of which ours is one (tests/mcp/test_jupyter_clients.py asks the real packages): jupyter-ai 3 in
the nearest folder ``.jupyter`` above a chat, not above the folder Jupyter was started in (jupyter_ai_persona_manager 0.3);
jupyter-mcp-manager 0.2 in Jupyter's configuration folder. Read in November 2026.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.files import write_atomically
from notebook_img.mcp.clients import NAME, jupyter_entry, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.settings import Settings

FILE = "mcp_settings.json"


def write(client: str, settings: Settings, *, notebook: str = "") -> Path | None:
    """Write the entry into the file where a client of `PLACES` looks; other entries stay.

    Returns
    -------
    Path or None
        The file; None where the folder is not found, so that it can only be shown.

    Raises
    ------
    UsageError
        When the file is none of theirs.
    """
    folder = PLACES[client]()
    if folder is None:
        return None
    path = folder / FILE
    content: Any = {}
    if path.exists():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as JSON, and was not changed: {error}. Mend or remove it first.") from error
    if not isinstance(content, dict) or not isinstance(content.setdefault("mcp_servers", []), list):
        raise UsageError(f"{path} has no list mcp_servers, and was not changed. Mend or remove it first.")
    others = [row for row in content["mcp_servers"] if not (isinstance(row, dict) and row.get("name") == NAME)]
    content["mcp_servers"] = [*others, jupyter_entry(*start(settings, notebook))]
    write_atomically(path, f"{json.dumps(content, indent=2, ensure_ascii=False)}\n".encode())
    return path


def _above_the_notebook() -> Path | None:
    here, root = Path.cwd().resolve(), _jupyters_root()
    for folder in (here, *here.parents):
        if (folder / ".jupyter").is_dir():
            return folder / ".jupyter"
        if folder == root:
            break
    return None


def _jupyters_root() -> Path | None:
    """Return the folder the Jupyter server of this kernel shows, where that is known: it notes it in a file named after its process."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir

        facts = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{os.environ['JPY_PARENT_PID']}.json").read_text(encoding="utf-8"))
        return Path(facts["root_dir"]).resolve()
    except (ImportError, OSError, ValueError, KeyError, TypeError):
        return None


def _configuration_folder() -> Path | None:
    try:
        from jupyter_core.paths import jupyter_config_dir
    except ImportError:
        return None
    folder = Path(jupyter_config_dir())
    return folder if folder.is_dir() else None


PLACES: Mapping[str, Callable[[], Path | None]] = {"jupyter-ai": _above_the_notebook, "jupyter-mcp": _configuration_folder}
