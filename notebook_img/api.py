"""The functions of the package itself: the default studio's calls on its current session, and the ways to panel and MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.studio import default_studio

if TYPE_CHECKING:
    from pathlib import Path

    from notebook_img.tree import Session, Turn


def session(name: str | None = None, *, model: str | None = None) -> Session:
    """Open or create a session and make it the current one.

    Parameters
    ----------
    name : str, optional
        The current session when left out.
    model : str, optional
        Model for its turns, ``provider:model`` or ``provider``.
    """
    return default_studio().session(name, model=model)


def sessions() -> list[Session]:
    """Return all sessions of the store, the one used last first."""
    return default_studio().sessions()


def models() -> list[dict[str, Any]]:
    """Return one row per known model: what it can do, whether it is ready, what a picture costs."""
    return default_studio().models()


def generate(prompt: str, **options: Any) -> Turn:
    """Make an image in the current session. See `Session.generate`."""
    return default_studio().generate(prompt, **options)


def edit(prompt: str = "", image: Any = None, **options: Any) -> Turn:
    """Edit an image, or go on from the head of the current session. See `Session.edit`."""
    return default_studio().edit(prompt, image, **options)


def ask(prompt: str = "", image: Any = None, **options: Any) -> Turn:
    """Ask about an image, or about the head's picture. See `Session.ask`."""
    return default_studio().ask(prompt, image, **options)


class _Awaitable:
    """The same calls to be awaited: ``await ni.aio.edit(...)``."""

    async def generate(self, prompt: str, **options: Any) -> Turn:
        """Await `generate`."""
        return await default_studio().aio.generate(prompt, **options)

    async def edit(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `edit`."""
        return await default_studio().aio.edit(prompt, image, **options)

    async def ask(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `ask`."""
        return await default_studio().aio.ask(prompt, image, **options)


aio = _Awaitable()


def import_sessions(path: str | Path) -> list[Session]:
    """Import the sessions of an exported zip and return them."""
    return default_studio().import_sessions(path)


def panel(name: str | None = None) -> Any:
    """Return the ipywidgets panel of a session."""
    from importlib import import_module

    # Surfaces do not import each other, so the way from one to the next is looked up when it is taken.
    return import_module("notebook_img.widgets").build(default_studio(), name)


def serve_mcp(**options: Any) -> Any:
    """Serve the studio as an MCP server on 127.0.0.1 from a thread of this process; returns its handle."""
    from importlib import import_module

    return import_module("notebook_img.mcp").serve(default_studio(), **options)
