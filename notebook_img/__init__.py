"""Make, edit and question images inside a Jupyter notebook: ``%load_ext notebook_img``.

Public names are loaded on first use, so that importing the package and loading the extension stay quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img._version import __version__ as __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from notebook_img.api import aio, ask, batch, batches, edit, generate, import_sessions, models, panel, serve_mcp, session, sessions
    from notebook_img.errors import NotebookImgError
    from notebook_img.pictures import Box, Picture
    from notebook_img.settings import Settings
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn


__all__ = [
    "Box",
    "NotebookImgError",
    "Picture",
    "Session",
    "Settings",
    "Studio",
    "Turn",
    "aio",
    "ask",
    "batch",
    "batches",
    "edit",
    "generate",
    "import_sessions",
    "models",
    "panel",
    "serve_mcp",
    "session",
    "sessions",
]

_FROM = {
    "Box": "pictures",
    "NotebookImgError": "errors",
    "Picture": "pictures",
    "Session": "tree",
    "Settings": "settings",
    "Studio": "studio",
    "Turn": "tree",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        from notebook_img.errors import did_you_mean

        raise AttributeError(f"module 'notebook_img' has no attribute {name!r}.{did_you_mean(name, __all__)}")
    from importlib import import_module

    value = getattr(import_module(f"notebook_img.{_FROM.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; called by ``%load_ext notebook_img``."""
    from notebook_img.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics again; sessions stay as they are."""
    from notebook_img.jupyter.extension import unload

    unload(shell)
