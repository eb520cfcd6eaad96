"""What a program on the official Python SDK, 1.x or 2.x, sees of the server. Runs in an environment that has nothing else.

Reads one JSON task a line from stdin (see tests/mcp/test_sdks.py) and writes one line of what it saw.
"""

import asyncio
import base64
import contextlib
import json
import sys
from importlib.metadata import version

import anyio
import mcp
import mcp.client.session
import mcp.types

OLD = version("mcp").startswith("1.")


@contextlib.asynccontextmanager
async def opened(task):
    """Connect as this SDK does, offering the version the task names; it offers its own newest otherwise."""
    wanted = task["version"]
    if OLD:
        mcp.types.LATEST_PROTOCOL_VERSION = wanted
        async with contextlib.AsyncExitStack() as stack:
            if task.get("url"):
                from mcp.client.streamable_http import streamablehttp_client

                streams = await stack.enter_async_context(streamablehttp_client(task["url"]))
            else:
                server = mcp.StdioServerParameters(command=task["command"][0], args=task["command"][1:], env=task["env"], cwd=task["cwd"])
                streams = await stack.enter_async_context(mcp.stdio_client(server))
            session = await stack.enter_async_context(mcp.ClientSession(streams[0], streams[1]))
            hello = await session.initialize()
            yield session, hello.protocolVersion
        return
    mcp.client.session.LATEST_HANDSHAKE_VERSION = wanted
    server = task.get("url") or mcp.StdioServerParameters(
        command=task["command"][0], args=task["command"][1:], env=task["env"], cwd=task["cwd"]
    )
    async with mcp.Client(server, mode=wanted if wanted >= "2026" else "legacy") as client:
        yield client, client.protocol_version


def plain(result):
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)


async def cancelled(session, task):
    """Start a slow call, give it up at its first sign of life, and return what was told."""
    told = []
    scope = anyio.CancelScope()

    async def progress(done, _total=None, message=None):
        told.append([done, message])
        if OLD:  # later ones say it themselves
            request = mcp.types.CancelledNotification(
                method="notifications/cancelled", params=mcp.types.CancelledNotificationParams(requestId=session._request_id - 1)
            )
            await session.send_notification(mcp.types.ClientNotification(request))
        scope.cancel()

    with scope:
        await session.call_tool(*task["slow"], progress_callback=progress)
    return told if scope.cancelled_caught else None


async def visit(task):
    async with opened(task) as (session, spoken):
        seen = {"version": spoken, "tools": plain(await session.list_tools())["tools"], "calls": {}}
        name = ""
        for label, tool, arguments in task["calls"]:
            given = {key: name if value == "$SESSION" else value for key, value in arguments.items()}
            result = plain(await session.call_tool(tool, given))
            seen["calls"][label] = result
            if tool == "start_image_session":
                name = result["content"][0]["text"].partition("/")[0]
        seen["told"] = await cancelled(session, task)
        listed = plain(await session.list_resources())["resources"]
        uri = next(row["uri"] for row in listed if row["uri"].startswith("nbimg://pictures/"))
        uri = mcp.types.AnyUrl(uri) if OLD else uri
        content = plain(await session.read_resource(uri))["contents"][0]
        seen["resource"] = [content["mimeType"], base64.b64decode(content["blob"])[:4].hex()]
        while not await anyio.Path(task["left"]).exists():  # noqa: ASYNC110 - another process writes it
            await anyio.sleep(0.05)
        seen["prompts"] = [row["name"] for row in plain(await session.list_prompts())["prompts"]]
        return seen


for line in sys.stdin:
    print(json.dumps(asyncio.run(visit(json.loads(line)))), flush=True)
