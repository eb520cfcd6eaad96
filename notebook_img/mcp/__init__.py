"""The MCP surface: the same core as tools, resources and prompts for any MCP client.

The SDK takes 1.5 s to import, so everything here is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.mcp.commands import command as command
    from notebook_img.mcp.commands import main as main
    from notebook_img.mcp.serving import serve as serve

_HOMES = {"command": "commands", "main": "commands", "serve": "serving"}

__all__ = ["command", "main", "serve"]  # noqa: PLE0604, RUF100 - loaded by __getattr__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
