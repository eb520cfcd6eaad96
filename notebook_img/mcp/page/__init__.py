"""The page people see when an agent makes pictures: one HTML file without network, by its own address or inside a conversation."""

from __future__ import annotations

import functools

URI = "ui://notebook-img/pictures.html"
"""The page as a resource of MCP Apps."""
MODULES = ("wire", "history", "next_edit", "page")


@functools.cache
def html() -> str:
    """Return the page: everything it needs is in it."""
    from notebook_img.display import page_script, page_style

    front = f"{__name__}.front"
    script = page_script(front, MODULES)
    # The end of a script or a style sheet would end it there, whatever it stands in.
    assert "</script" not in script
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Pictures</title>\n'
        f'<style>\n{page_style(front, "page.css")}</style>\n</head>\n<body>\n<main id="page" class="nbi nbi-page"></main>\n'
        f'<script type="module">\n{script}</script>\n</body>\n</html>\n'
    )
