"""The browser's side of the panel: plain ES modules and a style sheet, joined with the pieces all our pages share."""

from __future__ import annotations

from notebook_img.display import page_script, page_style

MODULES = (
    *("markdown", "link", "messages", "sources", "layer", "compare", "chooser", "stage", "strip"),
    *("dialogs", "options", "edit_tab", "ask_tab", "batches", "gallery_tab", "panel"),
)
"""In the order they need each other."""


def script() -> str:
    """Return the panel as one ES module, as anywidget loads it."""
    return page_script(__name__, MODULES)


def style() -> str:
    """Return the style sheet."""
    return page_style(__name__, "panel.css")
