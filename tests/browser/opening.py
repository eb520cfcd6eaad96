"""Notebooks with a panel, opened in Voila or JupyterLab."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import nbformat

from tests.browser.conftest import Server

_count = itertools.count(1)
PANEL = ".nbi"


def write_notebook(folder: Path, *cells: str, name: str = "") -> str:
    """Write a notebook with these code cells and return its file name."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    name = name or f"panel-{next(_count)}.ipynb"
    nbformat.write(notebook, folder / name)
    return name


def panel_cell(session: str, setup: str = "") -> str:
    """Return the cell that shows the panel of a session."""
    return f"import os\nimport notebook_img as ni\n{setup}\npanel = ni.panel({session!r})\npanel"


def open_panel(page: Any, voila: Server, session: str, setup: str = "", *, theme: str = "light") -> Any:
    """Open a notebook in Voila that is one panel, and return the panel."""
    name = write_notebook(voila.folder, panel_cell(session, setup))
    page.goto(f"{voila.url}/voila/render/{name}?theme={theme}&voila-theme={theme}", wait_until="domcontentloaded", timeout=60_000)
    panel = page.locator(PANEL)
    panel.wait_for(timeout=60_000)
    panel.locator(".nbi-session option").first.wait_for(state="attached", timeout=30_000)
    return panel


def open_in_lab(page: Any, lab: Server, name: str) -> None:
    """Open a notebook in JupyterLab and wait until its kernel is there."""
    page.goto(f"{lab.url}/lab/workspaces/test/tree/{name}?token={lab.token}&reset", wait_until="domcontentloaded")
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=90_000)
    page.wait_for_selector(".jp-NotebookPanel:visible .jp-Notebook", timeout=60_000)
    page.wait_for_selector(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=60_000, state="attached")


def run_all(page: Any) -> None:
    """Run all cells of the notebook that is open in JupyterLab.

    A run that is asked for while the kernel still connects is dropped without a word (seen with JupyterLab 4.6 on a busy
    machine, also after "idle" is shown), so it is asked for again until the first cell has got its number.
    """
    started = page.locator(".jp-NotebookPanel:visible .jp-CodeCell").first.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]"))
    for attempt in range(6):
        page.locator(".jp-NotebookPanel:visible .jp-Cell").first.click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            started.wait_for(timeout=10_000)
            return
        except Exception:
            if attempt == 5:
                raise
