"""Our own builder and handle with the fixtures the conformance suite calls by name, served without a token.

Run as ``python -m tests.mcp.conformance_server``; prints the address and serves until stdin closes.
``--plain`` serves the product without fixtures.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import warnings
from typing import Any

from mcp.server.mcpserver import Audio, Context, Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)

from notebook_img.mcp.http_server import ServerHandle
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.studio.studio import Studio
from tests.mcp.conformance_rounds import add_changes, add_rounds

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
WAV = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\0\0\0\0"


def embedded(uri: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type="text/plain", text=text))


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def add_fixtures(server: Any) -> None:
    add_tools(server)
    add_elicitation(server)
    add_resources(server)
    add_prompts(server)
    add_rounds(server)
    add_changes(server)

    async def nothing(_context: Any, _params: Any) -> EmptyResult:
        return EmptyResult()

    low = server._lowlevel_server
    for method, params in (
        ("logging/setLevel", SetLevelRequestParams),
        ("resources/subscribe", SubscribeRequestParams),
        ("resources/unsubscribe", UnsubscribeRequestParams),
    ):
        low.add_request_handler(method, params, nothing)


def add_tools(server: Any) -> None:
    @server.tool(description="A fixture")
    def test_simple_text() -> str:
        return "This is a simple text response for testing."

    @server.tool(description="A fixture", structured_output=False)
    def test_image_content() -> list[ImageContent]:
        return [Image(data=PNG, format="png").to_image_content()]

    @server.tool(description="A fixture", structured_output=False)
    def test_audio_content() -> list[AudioContent]:
        return [Audio(data=WAV, format="wav").to_audio_content()]

    @server.tool(description="A fixture", structured_output=False)
    def test_embedded_resource() -> list[EmbeddedResource]:
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(description="A fixture", structured_output=False)
    def test_multiple_content_types() -> list[Any]:
        return [
            text("Multiple content types test:"),
            Image(data=PNG, format="png").to_image_content(),
            embedded("test://mixed-content-resource", '{"test":"data","value":123}'),
        ]

    @server.tool(description="A fixture")
    async def test_tool_with_logging(ctx: Context) -> str:
        for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await ctx.info(words)
            await asyncio.sleep(0.05)  # the suite asks for this pause
        return "done"

    @server.tool(description="A fixture")
    def test_error_handling() -> str:
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(description="A fixture")
    async def test_tool_with_progress(ctx: Context) -> str:
        for step in (0, 50, 100):
            await ctx.report_progress(step, 100)
            await asyncio.sleep(0.05)  # the suite asks for this pause
        return "done"

    @server.tool(description="A fixture")
    async def test_sampling(prompt: str, ctx: Context) -> str:
        messages = [SamplingMessage(role="user", content=text(prompt))]
        reply = await ctx.session.create_message(messages, max_tokens=100, related_request_id=ctx.request_id)
        return f"LLM response: {reply.content}"


def add_elicitation(server: Any) -> None:
    async def ask(ctx: Context, message: str, properties: dict[str, Any], required: list[str]) -> str:
        schema = {"type": "object", "properties": properties, "required": required}
        reply = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
        return f"Elicitation completed: action={reply.action}, content={reply.content}"

    @server.tool(description="A fixture")
    async def test_elicitation(message: str, ctx: Context) -> str:
        fields = {"username": {"type": "string"}, "email": {"type": "string"}}
        return await ask(ctx, message, fields, ["username", "email"])

    @server.tool(description="A fixture")
    async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
        fields = {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        }
        return await ask(ctx, "Defaults", fields, [])

    @server.tool(description="A fixture")
    async def test_elicitation_sep1330_enums(ctx: Context) -> str:
        plain = ["option1", "option2", "option3"]
        titled = [{"const": f"value{number}", "title": f"{word} Option"} for number, word in enumerate(("First", "Second", "Third"), 1)]
        old = {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]}
        fields = {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": old,
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        }
        return await ask(ctx, "Enums", fields, [])


def add_resources(server: Any) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return PNG

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002
        return f'{{"id":"{id}","templateTest":true,"data":"Data for ID: {id}"}}'

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        return "watched"


def add_prompts(server: Any) -> None:
    @server.prompt(description="A simple prompt")
    def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @server.prompt(description="A prompt with arguments")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="A prompt with a resource")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
        return [
            UserMessage(content=embedded(resourceUri, "Embedded resource content for testing.")),
            UserMessage(content="Please process the embedded resource above."),
        ]

    @server.prompt(description="A prompt with an image")
    def test_prompt_with_image() -> list[UserMessage]:
        return [
            UserMessage(content=Image(data=PNG, format="png").to_image_content()),
            UserMessage(content="Please analyze the image above."),
        ]


def main() -> None:
    warnings.simplefilter("ignore")  # logging and sampling are deprecated, and the suite asks for them
    server = build(Work(Studio()))
    if "--plain" not in sys.argv:
        add_fixtures(server)
    with ServerHandle(server, token=None).start() as handle:
        print(handle.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
