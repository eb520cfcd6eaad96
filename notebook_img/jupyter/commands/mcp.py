"""%imgmcp: start, stop and look at the MCP server of this kernel."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from notebook_img.jupyter.line import split_words
from notebook_img.jupyter.wording import in_cells_words

if TYPE_CHECKING:
    from notebook_img.jupyter.kernel import NotebookKernel


@in_cells_words
def run(kernel: NotebookKernel, line: str) -> Any:
    """Do one %imgmcp command."""
    # Surfaces do not import each other; the server is looked up when it is asked for.
    return import_module("notebook_img.mcp").command(kernel.studio, split_words(line))
