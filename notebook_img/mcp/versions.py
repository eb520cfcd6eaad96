"""What a client may be sent: the kinds of content and the fields that the version of the protocol it negotiated has.

The SDK writes for every client of the handshake what the last such version holds. Older ones refuse a whole result for one
block they do not know, after it was paid for. So everything that leaves the server is cut here, and nowhere else, by tables
made from the protocol's own JSON schemas (schema/VERSION/schema.json of its repository, read in November 2026).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp.server.apps import client_supports_apps
from mcp.types.version import is_version_at_least

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
    from mcp.server.mcpserver import Context

MARCH, JUNE, NOVEMBER, MODERN = "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"

KINDS: Mapping[str, str] = {"audio": MARCH, "resource_link": JUNE}
"""Blocks of content that came after the first version, with the version they came in."""


@dataclass(frozen=True)
class Form:
    """An object of the protocol: its fields that came after the first version, and the objects it holds, one or a list of them."""

    since: Mapping[str, str] = field(default_factory=dict)
    holds: Mapping[str, Form] = field(default_factory=dict)


_NOTED = {"annotations": Form({"lastModified": JUNE})}
_NAMED = {"title": JUNE, "_meta": JUNE, "icons": NOVEMBER}
_CONTENT = Form({"_meta": JUNE, "icons": NOVEMBER}, {**_NOTED, "resource": Form({"_meta": JUNE})})
_PROGRAM = Form({"title": JUNE, "icons": NOVEMBER, "description": NOVEMBER, "websiteUrl": NOVEMBER})
_CAPABILITIES = Form({"completions": MARCH, "tasks": NOVEMBER, "extensions": MODERN})
_TOOL = Form({**_NAMED, "annotations": MARCH, "outputSchema": JUNE, "execution": NOVEMBER})

FORMS: Mapping[str, Form] = {
    "initialize": Form(holds={"serverInfo": _PROGRAM, "capabilities": _CAPABILITIES}),
    "tools/list": Form(holds={"tools": _TOOL}),
    "tools/call": Form({"structuredContent": JUNE}, {"content": _CONTENT}),
    "resources/list": Form(holds={"resources": Form(_NAMED, _NOTED)}),
    "resources/templates/list": Form(holds={"resourceTemplates": Form(_NAMED, _NOTED)}),
    "resources/read": Form(holds={"contents": Form({"_meta": JUNE})}),
    "prompts/list": Form(holds={"prompts": Form(_NAMED, {"arguments": Form({"title": JUNE})})}),
    "prompts/get": Form(holds={"messages": Form(holds={"content": _CONTENT})}),
    "notifications/progress": Form({"message": MARCH}),
}
"""What is sent in answer to a method, and in a notification."""


def fitted(method: str, version: str, sent: Mapping[str, Any], *, links: bool = True) -> dict[str, Any]:
    """Return what a client that speaks this version is sent.

    Parameters
    ----------
    method : str
        That of the request, or of a notification.
    version : str
        The version negotiated; one that is not known gets what the first one has.
    sent : mapping
        The result, or the notification's parameters, as JSON.
    links : bool
        Whether results hold links to resources, where the version has them. Some hosts hand a link on as the address of a
        picture, which models refuse.
    """

    def has(name: str, since: Mapping[str, str]) -> bool:
        return name not in since or is_version_at_least(version, since[name])

    def cut(value: Any, form: Form) -> Any:
        if isinstance(value, list):
            return [cut(item, form) for item in value if shown(item)]
        if not isinstance(value, Mapping):
            return value
        kept = {name: item for name, item in value.items() if has(name, form.since)}
        return {**kept, **{name: cut(kept[name], held) for name, held in form.holds.items() if name in kept}}

    def shown(item: Any) -> bool:
        kind = item.get("type", "") if isinstance(item, Mapping) else ""
        return has(kind, KINDS) and (links or kind != "resource_link")

    return dict(cut(sent, FORMS.get(method, Form())))


def fitting(*, links: bool) -> ServerMiddleware[Any]:
    """Return the middleware that cuts every result a server sends; see `fitted`."""

    async def fit(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if not isinstance(result, dict):
            return result
        if ctx.method == "tools/list" and not client_supports_apps(ctx):
            result = {**result, "tools": [tool for tool in result["tools"] if for_models(tool)]}
        # The version that is being negotiated stands in the answer to that.
        version = str(result.get("protocolVersion", "")) if ctx.method == "initialize" else ctx.protocol_version
        return fitted(ctx.method, version, result, links=links)

    return fit


def for_models(tool: Mapping[str, Any]) -> bool:
    """Return whether models may call a tool. Those only our page calls are named to hosts that have pages, which hide them."""
    return "model" in tool.get("_meta", {}).get("ui", {}).get("visibility", ["model"])


async def report(context: Context, seconds: float, total: float | None, message: str | None) -> None:
    """Report progress in the form the client knows; one that is gone is no reason to stop."""
    with contextlib.suppress(Exception):
        version = context.request_context.protocol_version
        known = fitted("notifications/progress", version, {"message": message})
        await context.report_progress(seconds, total, known.get("message"))
