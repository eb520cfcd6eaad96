"""What the conformance suite asks of a server of 2026-07-28: tools and a prompt that answer with questions first, lists that change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.resolve import Resolve, Sample
from mcp.types import (
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)
from pydantic import Field

PREFIX = "test_input_required_result_"
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
"""Of a tool whose words of JSON Schema 2020-12 must all arrive."""


def elicit(message: str, name: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(words: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=words))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


@dataclass(frozen=True)
class Round:
    """Questions of one answer, by their keys, and the state that comes back with what is said to them."""

    asks: Mapping[str, Any]
    state: str | None = None


NAME = elicit("What is your name?", "name")
CONFIRM = Round({"confirm": elicit("Please confirm", "ok", "boolean")}, "begun")
TOOLS: Mapping[str, tuple[Round, ...]] = {
    "elicitation": (Round({"user_name": NAME}),),
    "sampling": (Round({"capital_question": sample("What is the capital of France?")}),),
    "list_roots": (Round({"client_roots": ListRootsRequest()}),),
    "request_state": (CONFIRM,),
    "tampered_state": (CONFIRM,),
    "multiple_inputs": (
        Round({"user_name": NAME, "greeting": sample("Generate a greeting"), "client_roots": ListRootsRequest()}, "begun"),
    ),
    "multi_round": (
        Round({"step1": elicit("Step 1: What is your name?", "name")}, "one"),
        Round({"step2": elicit("Step 2: What is your favorite color?", "color")}, "two"),
    ),
}
"""Each tool's rounds of questions; it is done when the last one is answered."""


def next_round(ctx: Context, rounds: tuple[Round, ...]) -> InputRequiredResult | None:
    """Return the round that has not been answered; None after the last one."""
    said = ctx.input_responses or {}
    for number, one in enumerate(rounds, 1):
        later = any(one.state != other.state == ctx.request_state for other in rounds[number:])
        if not later and not (set(one.asks) <= set(said) and ctx.request_state == one.state):
            return InputRequiredResult(input_requests=dict(one.asks), request_state=one.state)
    return None


def done(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=words)])


def add_rounds(server: Any) -> None:
    for name, rounds in TOOLS.items():
        add_tool(server, PREFIX + name, rounds)

    @server.tool(name=f"{PREFIX}capabilities", description="A fixture", structured_output=False)
    def asks_what_is_declared(ctx: Context) -> CallToolResult | InputRequiredResult:
        known = ctx.client_capabilities
        asks = {"greeting": sample("Generate a greeting")} if known and known.sampling else {}
        asks |= {"user_name": NAME} if known and known.elicitation else {}
        return next_round(ctx, (Round(asks),)) or done("done")

    @server.prompt(name=f"{PREFIX}prompt", description="A prompt with a question")
    def asks_first(ctx: Context) -> list[UserMessage] | InputRequiredResult:
        asked = next_round(ctx, (Round({"user_context": elicit("What context should the prompt use?", "context")}),))
        return asked or [UserMessage(content="A prompt in that context.")]


def add_tool(server: Any, name: str, rounds: tuple[Round, ...]) -> None:
    @server.tool(name=name, description="A fixture", structured_output=False)
    def asks(ctx: Context) -> CallToolResult | InputRequiredResult:
        return next_round(ctx, rounds) or done("state-ok: what was asked has been answered")


def sampled() -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(type="text", text="Hello"))], max_tokens=10)


def add_changes(server: Any) -> None:
    """Add what needs more of the client, what changes the lists, and unusual schemas."""

    @server.tool(description="A fixture")
    def test_missing_capability(reply: Annotated[CreateMessageResult, Resolve(sampled)]) -> str:
        return str(reply.model)

    @server.tool(description="A fixture")
    async def test_trigger_tool_change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        return "changed"

    @server.tool(description="A fixture")
    async def test_trigger_prompt_change(ctx: Context) -> str:
        await ctx.notify_prompts_changed()
        return "changed"

    @server.tool(description="A fixture")
    def test_header(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        return region

    @server.tool(description="A fixture")
    def json_schema_2020_12_tool(name: str = "") -> str:
        return name

    server._tool_manager.get_tool("json_schema_2020_12_tool").parameters = dict(SCHEMA)
