"""What our pages in a browser are built of, the panel's and the agents': plain ES modules and a style sheet. No build step, no CDN.

A page is one module and one style sheet as text: where it is shown, relative imports mean nothing.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files

PIECES = ("elements", "zoom", "strokes", "mask", "slider")
"""The modules every page has, in the order they need each other."""

_IMPORT = re.compile(r'^import\s[^;]*?\sfrom\s"\.[^"]+";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)


@functools.cache
def page_script(package: str, modules: tuple[str, ...]) -> str:
    """Return the pieces and a page's own modules as one ES module: imports of each other left out, only the last one exporting.

    Parameters
    ----------
    package : str
        Where the page's own modules lie.
    modules : tuple of str
        Their names, in the order they need each other.
    """
    texts = [*(_read(__name__, f"{name}.js") for name in PIECES), *(_read(package, f"{name}.js") for name in modules)]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)


@functools.cache
def page_style(package: str, sheet: str) -> str:
    """Return the pieces' style sheet with a page's own after it."""
    return _read(__name__, "pieces.css") + "\n" + _read(package, sheet)


def _read(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")
