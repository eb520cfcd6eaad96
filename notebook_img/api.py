"""The functions of the package itself: the default studio's calls on its current session, and the ways to panel and MCP server."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from notebook_img.attributes import NamesNearest
from notebook_img.studio import default_studio

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.studio import Batch, Studio
    from notebook_img.tree import Session, Turn


def _studio() -> Studio:
    """Return the process's studio. In IPython the cells are watched from the first call on, with or without ``%load_ext``."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is not None:
        # Surfaces lie above this module, so the way to one is looked up when it is taken.
        import_module("notebook_img.jupyter.kernel").watched(shell)
    return default_studio()


def session(name: str | None = None, *, model: str | None = None) -> Session:
    """Open or create a session and make it the current one.

    Parameters
    ----------
    name : str, optional
        The current session when left out.
    model : str, optional
        Model for its turns, ``provider:model`` or ``provider``.
    """
    return _studio().session(name, model=model)


def sessions() -> list[Session]:
    """Return all sessions of the store, the one used last first."""
    return _studio().sessions()


def models() -> list[dict[str, Any]]:
    """Return one row per known model: what it can do, whether it is ready, what a picture costs."""
    return _studio().models()


def generate(prompt: str, **options: Any) -> Turn:
    """Make an image in the current session. See `Session.generate`."""
    return _studio().generate(prompt, **options)


def edit(prompt: str = "", image: Any = None, **options: Any) -> Turn:
    """Edit an image, or go on from the head of the current session. See `Session.edit`."""
    return _studio().edit(prompt, image, **options)


def ask(prompt: str = "", image: Any = None, **options: Any) -> Turn:
    """Ask about an image, or about the head's picture. See `Session.ask`."""
    return _studio().ask(prompt, image, **options)


class _Awaitable:
    """The same calls to be awaited: ``await ni.aio.edit(...)``."""

    async def generate(self, prompt: str, **options: Any) -> Turn:
        """Await `generate`."""
        return await _studio().aio.generate(prompt, **options)

    async def edit(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `edit`."""
        return await _studio().aio.edit(prompt, image, **options)

    async def ask(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `ask`."""
        return await _studio().aio.ask(prompt, image, **options)


aio = _Awaitable()


class _Batches(NamesNearest):
    """The same calls over many items: ``ni.batch.edit("make it night", "photos/*.jpg")``. See `studio.batch.Batches`."""

    def generate(self, prompt: Any, items: Any = None, **options: Any) -> Any:
        """Make an image for every row and every combination."""
        return _studio().batch.generate(prompt, items, **options)

    def edit(self, prompt: str, items: Any = None, **options: Any) -> Any:
        """Edit many pictures."""
        return _studio().batch.edit(prompt, items, **options)

    def ask(self, prompt: str, items: Any = None, **options: Any) -> Any:
        """Ask about many pictures."""
        return _studio().batch.ask(prompt, items, **options)

    @property
    def aio(self) -> Any:
        """The same, to be awaited."""
        return _studio().batch.aio


batch = _Batches()


def batches() -> list[Batch]:
    """Return all batches of the store, newest first."""
    return _studio().batch.list()


def import_sessions(path: str | Path) -> list[Session]:
    """Import the sessions of an exported zip and return them."""
    return _studio().import_sessions(path)


def panel(name: str | None = None) -> Any:
    """Return the ipywidgets panel of a session."""
    return import_module("notebook_img.widgets").Panel(_studio(), name)


def serve_mcp(**options: Any) -> Any:
    """Serve the studio as an MCP server on 127.0.0.1 from a thread of this process; returns its handle."""
    return import_module("notebook_img.mcp").serve(_studio(), **options)
