"""%imgmcp: start, stop and look at the MCP server of this kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.jupyter.line import split_words

if TYPE_CHECKING:
    from notebook_img.jupyter.kernel import NotebookKernel

COMMANDS = {
    "start": "serve this kernel's images to MCP clients on 127.0.0.1",
    "stop": "stop serving",
    "status": "whether it runs, where, who called last",
    "config": "config CLIENT: what to paste where, for claude-desktop, claude-code, vscode, cursor, codex",
    "log": "the server's last log lines",
}


def run(kernel: NotebookKernel, line: str) -> Any:
    """Do one %imgmcp command."""
    words = split_words(line)
    if not words or words[0] in ("-h", "--help", "help"):
        print("\n".join(f"  %imgmcp {name:<8} {text}" for name, text in COMMANDS.items()))  # noqa: T201 - help is text
        return None
    command, *rest = words
    if command not in COMMANDS:
        raise UsageError(f"%imgmcp has no command {command!r}.{did_you_mean(command, COMMANDS)} It has {', '.join(COMMANDS)}.")
    from importlib import import_module

    # Surfaces do not import each other; the server is looked up when it is asked for.
    return import_module("notebook_img.mcp").command(kernel.studio, command, rest)
