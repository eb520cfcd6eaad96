"""The MCP surface: the same core as tools, resources and prompts for any MCP client.

The SDK takes 1.5 s to import, so everything here is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.mcp.clients import CLIENTS as CLIENTS
    from notebook_img.mcp.commands import COMMANDS as COMMANDS
    from notebook_img.mcp.commands import command as command
    from notebook_img.mcp.commands import main as main
    from notebook_img.mcp.http_server import serve as serve
else:
    __getattr__, __dir__, __all__ = face(__name__, clients="CLIENTS", commands="COMMANDS command main", http_server="serve")
