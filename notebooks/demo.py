"""``make demo``: run the quickstart from start to end and write it as a page."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "01-quickstart"


def say(words: str) -> None:
    """Print a line at once, also into a pipe."""
    print(words, flush=True)


def first_line(source: str) -> str:
    """Return what a cell does, as far as one line of a terminal holds it."""
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    words = " ".join(lines[:2]) if lines[0].startswith("%%") else lines[0]
    return words if len(words) <= 100 else f"{words[:99]}…"


def main() -> int:
    """Run the notebook in a home of its own and write ``build/01-quickstart.html``; return the exit code."""
    say(f"Running notebooks/{NAME}.ipynb on the built-in engine, which needs no key and no network ...")
    # Below the first line: the libraries take a second or more to load.
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbconvert import HTMLExporter

    build = HERE.parent / "build"
    build.mkdir(exist_ok=True)
    for old in build.glob("quickstart-*.*"):
        # Written by an earlier demo, whose home is gone: to this one it would be somebody else's file, and stay.
        old.unlink()
    started = time.monotonic()
    notebook = nbformat.read(HERE / f"{NAME}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    say("Starting a kernel ...")
    with tempfile.TemporaryDirectory() as home:
        # The demo shows the built-in engine, whatever keys there are, and leaves the user's own sessions alone.
        keyless = {name: "" for name in os.environ if name.endswith(("_API_KEY", "_API_TOKEN"))}
        # As under JupyterLab, the session is named after the notebook.
        named = {"JPY_SESSION_NAME": str(HERE / f"{NAME}.ipynb")}
        os.environ.update({"NOTEBOOK_IMG_HOME": home, "NOTEBOOK_IMG_MODEL": "local", **named, **keyless})
        client = NotebookClient(notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": str(build)}})
        client.on_cell_execute = lambda cell, cell_index: say(f"  {code.index(cell) + 1:2}/{len(code)}  {first_line(cell.source)}")
        try:
            client.execute()
        except CellExecutionError as error:
            print(f"The notebook stopped: {error.ename}: {error.evalue}", file=sys.stderr)
            return 1
    say("Writing the page ...")
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    target = build / f"{NAME}.html"
    target.write_text(page, encoding="utf-8")
    pictures = sum(
        cell_output.get("data", {}).get("text/html", "").count("<img") for cell in notebook.cells for cell_output in cell.get("outputs", ())
    )
    print(f"{len(code)} cells, {pictures} pictures, {time.monotonic() - started:.0f} s.")
    for path in sorted(build.glob("quickstart-*.*")):
        print(f"Made  {path.relative_to(HERE.parent)}")
    print(f"Look at it: {target.relative_to(HERE.parent)}  ({target.as_uri()})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
