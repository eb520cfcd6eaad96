"""What jupyter-ai and jupyter-mcp-manager find in their files, and how the server fares that they name. Runs where these are installed.

Reads one JSON task (see tests/mcp/test_jupyter_clients.py) from stdin and writes what it saw.
"""

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

import mcp
from acp.schema import McpServerStdio as Launched
from jupyter_ai_persona_manager import McpServerStdio
from jupyter_ai_persona_manager.persona_manager import PersonaManager
from jupyter_mcp_manager.mcp_manager import McpServerManager
from jupyterlab_chat.websocket_model import WsChatModel


def of_jupyter_ai(root, chat):
    """Return the servers of a chat as jupyter-ai hands them to its agents (`DefaultAcpClient`)."""
    model = WsChatModel(chat, Path(root))
    manager = PersonaManager(chat=model, root_dir=root, event_loop=asyncio.get_running_loop())
    settings = manager.get_mcp_settings()
    found = [server for server in settings.mcp_servers if isinstance(server, McpServerStdio)] if settings else []
    return [Launched(**server.model_dump()).model_dump(include={"name", "command", "args", "env"}) for server in found]


async def used(server, task):
    """Start a server as an agent would, with the SDK that is here."""
    environment = {pair["name"]: pair["value"] for pair in server["env"]}
    how = mcp.StdioServerParameters(command=server["command"], args=server["args"], env=environment, cwd=task["root"])
    async with mcp.stdio_client(how) as streams, mcp.ClientSession(*streams) as session:
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        result = await session.call_tool(*task["call"])
        return {"tools": tools, "kinds": [block.type for block in result.content], "words": result.content[0].text}


async def main():
    task = json.load(sys.stdin)
    chats = {chat: of_jupyter_ai(task["root"], chat) for chat in task["chats"]}
    managed = [server.model_dump() for server in McpServerManager().get_servers()]
    ours = next((server for servers in chats.values() for server in servers if server["name"] == "notebook-img"), None)
    seen = {"mcp": version("mcp"), "chats": chats, "managed": managed, "used": await used(ours, task) if ours else None}
    print("\n" + json.dumps(seen), flush=True)


asyncio.run(main())
