"""``make demo``: run the quickstart from start to end and write it as a page."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

HERE = Path(__file__).resolve().parent
NAME = "01-quickstart"


def main() -> int:
    """Run the notebook in a home of its own and write ``build/01-quickstart.html``; return the exit code."""
    build = HERE.parent / "build"
    build.mkdir(exist_ok=True)
    for old in build.glob("quickstart-*.*"):
        # Written by an earlier demo, whose home is gone: to this one it would be somebody else's file, and stay.
        old.unlink()
    started = time.monotonic()
    notebook = nbformat.read(HERE / f"{NAME}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as home:
        # The demo shows the built-in engine, whatever keys there are, and leaves the user's own sessions alone.
        keyless = {name: "" for name in os.environ if name.endswith(("_API_KEY", "_API_TOKEN"))}
        # As under JupyterLab, the session is named after the notebook.
        named = {"JPY_SESSION_NAME": str(HERE / f"{NAME}.ipynb")}
        os.environ.update({"NOTEBOOK_IMG_HOME": home, "NOTEBOOK_IMG_MODEL": "local", **named, **keyless})
        print(f"Running notebooks/{NAME}.ipynb on the built-in engine ...", flush=True)
        client = NotebookClient(notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": str(build)}})
        try:
            client.execute()
        except CellExecutionError as error:
            print(f"The notebook stopped: {error.ename}: {error.evalue}", file=sys.stderr)
            return 1
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    target = build / f"{NAME}.html"
    target.write_text(page, encoding="utf-8")
    pictures = sum(
        cell_output.get("data", {}).get("text/html", "").count("<img") for cell in notebook.cells for cell_output in cell.get("outputs", ())
    )
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    print(f"{cells} cells, {pictures} pictures, {time.monotonic() - started:.0f} s.")
    for path in sorted(build.glob("quickstart-*.*")):
        print(f"Made  {path.relative_to(HERE.parent)}")
    print(f"Look at it: {target.relative_to(HERE.parent)}  ({target.as_uri()})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
