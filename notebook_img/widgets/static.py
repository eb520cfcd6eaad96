"""What a panel leaves in a notebook that is saved: readable text, and the latest picture where no kernel runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.widgets.panel import Panel

LEFT = "notebook-img-left"
"""Class of every picture left behind. Each has the `left_class` of its panel too, by which the panel hides it while it lives."""
WITHOUT_COMPLAINT = (
    f".jp-OutputArea-child:has(+ .jp-OutputArea-child .{LEFT}) > .jupyter-widgets:not(:has(*)) {{ display: none; }}"
    f" .jp-OutputArea-child:has(+ .jp-OutputArea-child .{LEFT}) > .jp-RenderedText {{ display: none; }}"
)
"""JupyterLab and Notebook write "Error displaying widget: model not found" in the place of a saved panel (jupyterlab_widgets 3.0, whose
renderer shows no other form of it), or the panel's words where they have no widgets. The picture left under it says it better.

It goes along as a link, which leaves no text where HTML is removed, as ``<style>`` would.
"""
SIDE, MOST_BYTES = 640, 60_000
MOST_PLACES = 8
"""Outputs of one panel whose picture is kept up to date; a cell that is run again and again leaves one each time."""


class Left:
    """The static side of a panel."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._handles: list[Any] = []
        self._shown = ""

    def text(self) -> str:
        """Return a description of the panel."""
        panel = self._panel
        name, base = panel.session_name, panel.base
        at = f", at {base.name} ({base.shown.width} × {base.shown.height})" if base.shown is not None else ", without a picture yet"
        return f"notebook_img panel of session {name!r}{at}. Run the cell again to use it."

    def bundle(self, *, static: bool) -> dict[str, Any]:
        """Return the widget's mime bundle; `static` adds the picture, for those who show it without its model."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._panel.model_id}
        data: dict[str, Any] = {"application/vnd.jupyter.widget-view+json": view, "text/plain": self.text()}
        picture = self._panel.base.shown
        if static and picture is not None:
            from notebook_img.pictures import preview

            seen = preview(picture, SIDE, MOST_BYTES)
            data[seen.mime_type] = seen.base64
        return data

    def display(self) -> None:
        """Show the panel, and under it the picture that stays when it is gone."""
        from IPython.display import display

        self.update()  # what it left in the places it is shown in already
        display(self.bundle(static=False), raw=True)  # type: ignore[no-untyped-call]
        self._shown = self._panel.base.shown.sha256 if self._panel.base.shown else ""
        data, metadata = self._figure()
        handle = display(data, raw=True, metadata=metadata, display_id=True)  # type: ignore[no-untyped-call]
        self._handles = [*self._handles, handle][-MOST_PLACES:]

    def update(self) -> None:
        """Update the picture that stays."""
        picture = self._panel.base.shown
        if not self._handles or picture is None or picture.sha256 == self._shown:
            return
        self._shown = picture.sha256
        data, metadata = self._figure()
        for handle in self._handles:
            with contextlib.suppress(Exception):  # a front end without updates keeps the earlier picture
                handle.update(data, raw=True, metadata=metadata)

    def _figure(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the picture that stays and its metadata: as HTML, and as a still image for what shows none."""
        from html import escape
        from urllib.parse import quote

        panel = self._panel
        words = self.text()
        image = ""
        alone: dict[str, Any] = {}
        metadata: dict[str, Any] = {}
        if panel.base.shown is not None:
            from notebook_img.pictures import preview, still

            seen = preview(panel.base.shown, SIDE, MOST_BYTES)
            alt = f"{panel.base.name} of session {panel.session_name}"
            image = f'<img alt="{escape(alt, quote=True)}" width="{seen.width}" src="{seen.url}">'
            alone, metadata = still([(seen, "")], alt)
        rule = f'<link rel="stylesheet" href="data:text/css,{quote(WITHOUT_COMPLAINT)}">'
        html = f'<figure class="{LEFT} {panel.left_class}" style="margin:0">{rule}{image}<figcaption>{escape(words)}</figcaption></figure>'
        return {"text/html": html, **alone, "text/plain": words}, metadata
