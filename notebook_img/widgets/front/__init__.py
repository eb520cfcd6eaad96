"""The browser's side of the panel: plain ES modules and one style sheet, joined into one text each. No build step, no CDN."""

from __future__ import annotations

import functools
import re
from importlib.resources import files

MODULES = (
    *("elements", "markdown", "link", "messages", "sources", "zoom", "strokes", "mask", "layer", "compare", "chooser", "stage", "strip"),
    *("dialogs", "options", "edit_tab", "ask_tab", "gallery_tab", "panel"),
)
"""In the order they need each other. anywidget loads one module from text, in which relative imports mean nothing."""

_IMPORT = re.compile(r'^import\s[^;]*?\sfrom\s"\./[^"]+";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)


@functools.cache
def script() -> str:
    """Return the modules as one ES module: imports of each other left out, only the last one exporting."""
    parts = []
    for name in MODULES:
        text = _read(f"{name}.js")
        parts.append(_EXPORT.sub("", _IMPORT.sub("", text)))
    return "\n".join(parts)


@functools.cache
def style() -> str:
    """Return the style sheet."""
    return _read("panel.css")


def _read(name: str) -> str:
    return (files(__name__) / name).read_text(encoding="utf-8")
