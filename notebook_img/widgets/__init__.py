"""The panel: sessions with mouse, brush and chat, over the same studio as the magics. ipywidgets are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.studio import Studio
    from notebook_img.widgets.panel import Panel

__all__ = ["Panel", "build"]


def build(studio: Studio, name: str | None = None) -> Panel:
    """Return a panel of a session.

    Parameters
    ----------
    studio : Studio
        The kernel's studio; the panel shares its store, settings and heads.
    name : str, optional
        A session, opened or created; the current one when left out.
    """
    from notebook_img.widgets.panel import Panel

    return Panel(studio, name)


def __getattr__(name: str) -> Any:
    if name == "Panel":
        from notebook_img.widgets.panel import Panel

        return Panel
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
