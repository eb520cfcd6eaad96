"""What to paste where, for each client: the stdio form, which finds the kernel by itself and holds no token.

Shapes and places were read in the vendors' documentation in 2026 (see also docs/decisions.md); stdio, because one of
them takes nothing else and because a token that changes at each start has no place in a file.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.settings import Settings

NAME = "notebook-img"
CLIENTS = ("claude-desktop", "claude-code", "vscode", "cursor", "codex", "jupyter-ai", "jupyter-mcp")
WORKSPACE: Mapping[str, tuple[str, ...]] = {
    "claude-code": (),
    "vscode": ("--allow", "${workspaceFolder}"),
    "cursor": ("--allow", "${workspaceFolder}"),
    "codex": (),
    "jupyter-ai": (),
}
"""For what can be committed: how a client names the workspace; none where it starts servers in it, which allows that folder."""


def configuration(client: str, settings: Settings, *, notebook: str = "", shared: bool = False) -> str:
    """Return a complete configuration with a sentence on where it goes.

    Parameters
    ----------
    client : str
        One of `CLIENTS`.
    settings : Settings
        Its home and folders are written out, since clients start servers elsewhere and with a bare environment.
    notebook : str
        Join only the kernel of this notebook.
    shared : bool
        What a team can commit: the package is started by uvx, and no interpreter, folder or home of this machine is named.

    Raises
    ------
    NotFoundError
        When no such client is known.
    UsageError
        When it reads nothing that lies in a project.
    """
    if client not in CLIENTS:
        raise NotFoundError(f"No client {client!r} is known here.{did_you_mean(client, CLIENTS)} Known: {', '.join(CLIENTS)}.")
    if shared and client not in WORKSPACE:
        raise UsageError(f"{client} reads no file of a project, so there is nothing to commit. Those that do: {', '.join(WORKSPACE)}.")
    if shared:
        where, text = _FORMS[client]("uvx", [NAME, "mcp", *WORKSPACE[client]], {})
        team = "It can be committed: uvx (of uv) starts the package on any machine, with the keys and the home of whoever works there."
        return f"{where}\n\n{text}\n\n{team}"
    where, text = _FORMS[client](*start(settings, notebook))
    keys = "Keys kept with %img key are found; variables of your shell are not, since clients start servers without them."
    return f"{where}\n\n{text}\n\n{keys}"


def start(settings: Settings, notebook: str) -> tuple[str, list[str], dict[str, str]]:
    """Return the program, the arguments and the environment the server is started with on this machine."""
    from notebook_img.mcp.folders import folders_of

    arguments = ["-m", "notebook_img", "mcp"]
    for folder in folders_of(settings).allowed:
        arguments += ["--allow", str(folder)]
    if notebook:
        arguments += ["--notebook", notebook]
    for flag, on in (("--links", settings.mcp_links), ("--page", settings.mcp_page)):
        if not on:
            arguments += [flag, "off"]
    return sys.executable, arguments, settings.address.environment


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


def jupyter_entry(program: str, arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    """Return an entry as Jupyter's agents have it; jupyter-mcp-manager wants the type, jupyter-ai passes over it."""
    named = [{"name": name, "value": value} for name, value in environment.items()]
    return {"type": "stdio", "name": NAME, "command": program, "args": arguments, "env": named}


def _jupyter(place: str) -> Callable[[str, list[str], dict[str, str]], tuple[str, str]]:
    def form(program: str, arguments: list[str], environment: dict[str, str]) -> tuple[str, str]:
        return f"Put this into {place}:", _json({"mcp_servers": [jupyter_entry(program, arguments, environment)]})

    return form


_FORMS: Mapping[str, Callable[[str, list[str], dict[str, str]], tuple[str, str]]] = {
    "claude-desktop": _claude_desktop,
    "claude-code": _claude_code,
    "vscode": _vscode,
    "cursor": _cursor,
    "codex": _codex,
    "jupyter-ai": _jupyter(".jupyter/mcp_settings.json beside or above your notebooks"),
    "jupyter-mcp": _jupyter("~/.jupyter/mcp_settings.json, or in the configuration folder that jupyter --paths names"),
}
