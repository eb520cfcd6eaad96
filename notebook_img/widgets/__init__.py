"""The panel: sessions with mouse, brush and chat, over the same studio as the magics. ipywidgets are imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.widgets.panel import Panel as Panel
else:
    __getattr__, __dir__, __all__ = face(__name__, panel="Panel")
