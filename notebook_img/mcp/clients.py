"""What to paste where, for each client: the stdio form, which finds the kernel by itself and holds no token.

Shapes and places were read in the vendors' documentation in 2026 (see also docs/decisions.md); stdio, because one of
them takes nothing else and because a token that changes at each start has no place in a file.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError, did_you_mean

if TYPE_CHECKING:
    from notebook_img.settings import Settings

NAME = "notebook-img"
CLIENTS = ("claude-desktop", "claude-code", "vscode", "cursor", "codex")


def configuration(client: str, settings: Settings, *, notebook: str = "") -> str:
    """Return a complete configuration with a sentence on where it goes.

    Parameters
    ----------
    client : str
        One of `CLIENTS`.
    settings : Settings
        Its home and folders are written out, since clients start servers elsewhere and with a bare environment.
    notebook : str
        Join only the kernel of this notebook.
    """
    if client not in CLIENTS:
        raise NotFoundError(f"No client {client!r} is known here.{did_you_mean(client, CLIENTS)} Known: {', '.join(CLIENTS)}.")
    from notebook_img.mcp.folders import folders_of

    program = sys.executable
    arguments = ["-m", "notebook_img", "mcp"]
    for folder in folders_of(settings).allowed:
        arguments += ["--allow", str(folder)]
    if notebook:
        arguments += ["--notebook", notebook]
    for flag, on in (("--links", settings.mcp_links), ("--page", settings.mcp_page)):
        if not on:
            arguments += [flag, "off"]
    environment = {"NOTEBOOK_IMG_HOME": str(settings.home.resolve())}
    where, text = {
        "claude-desktop": _claude_desktop,
        "claude-code": _claude_code,
        "vscode": _vscode,
        "cursor": _cursor,
        "codex": _codex,
    }[client](program, arguments, environment)
    keys = "Keys kept with %img key are found; variables of your shell are not, since clients start servers without them."
    return f"{where}\n\n{text}\n\n{keys}"


def _entry(program: str, arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    return {"command": program, "args": arguments, "env": environment}


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _claude_desktop(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
    place = "~/Library/Application Support/Claude/ on macOS, %APPDATA%\\Claude\\ on Windows, ~/.config/Claude/ on Linux"
    return f"Put this into claude_desktop_config.json ({place}) and restart Claude Desktop:", _json(
        {"mcpServers": {NAME: _entry(program, arguments, environment)}}
    )


def _claude_code(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
    words = ["claude", "mcp", "add", NAME]
    for name, value in environment.items():
        words += ["--env", f"{name}={value}"]
    line = shlex.join([*words, "--", program, *arguments])
    entry = {"type": "stdio", **_entry(program, arguments, environment)}
    return "Run this in your project, or put the JSON into its .mcp.json:", f"{line}\n\n{_json({'mcpServers': {NAME: entry}})}"


def _vscode(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
    entry = {"type": "stdio", **_entry(program, arguments, environment)}
    return "Put this into .vscode/mcp.json of your workspace:", _json({"servers": {NAME: entry}})


def _cursor(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
    return "Put this into ~/.cursor/mcp.json, or .cursor/mcp.json of your project:", _json(
        {"mcpServers": {NAME: _entry(program, arguments, environment)}}
    )


def _codex(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
    # A JSON string is a TOML basic string, except that TOML knows no surrogate pairs and wants U+007F escaped.
    def toml(value: object) -> str:
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

    lines = [
        f"[mcp_servers.{NAME}]",
        f"command = {toml(program)}",
        f"args = {toml(arguments)}",
        "startup_timeout_sec = 20",
        "tool_timeout_sec = 90",
        "",
        f"[mcp_servers.{NAME}.env]",
        *(f"{name} = {toml(value)}" for name, value in environment.items()),
    ]
    return "Put this into ~/.codex/config.toml:", "\n".join(lines)
