"""What is printed for clients to paste, the bundle, and the registry's entry."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jsonschema
import pytest

from notebook_img import __version__
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.mcp import command, commands, dotenv, mcpb
from notebook_img.mcp.clients import CLIENTS, configuration
from notebook_img.providers import key_services
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
from tests.mcp.conftest import ROOT


def entry(client: str, text: str) -> dict[str, object]:
    """Return the server's entry of a printed configuration, parsed as the client would."""
    if client == "codex":
        return tomllib.loads(text[text.index("[mcp_servers") : text.rindex("\n\n")])["mcp_servers"]["notebook-img"]
    parsed = json.loads(text[text.index("{\n") : text.rindex("}") + 1])
    if client.startswith("jupyter"):
        (row,) = parsed["mcp_servers"]
        return {**row, "env": {pair["name"]: pair["value"] for pair in row["env"]}}
    return parsed["servers" if client == "vscode" else "mcpServers"]["notebook-img"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_configuration_is_complete_and_starts_the_server(client: str, folder: Path, home: Path):
    found = entry(client, configuration(client, Settings()))
    assert found["command"] == sys.executable
    assert str(folder) in found["args"]
    assert found["env"] == {"NOTEBOOK_IMG_HOME": str(home.resolve())}
    done = subprocess.run(
        [found["command"], *found["args"]], env=found["env"], input="", capture_output=True, text=True, cwd="/", timeout=60
    )  # type: ignore[arg-type]
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("client", CLIENTS)
def test_what_a_team_commits_names_nothing_of_this_machine(client: str, folder: Path, home: Path):
    if client in ("claude-desktop", "jupyter-mcp"):
        with pytest.raises(UsageError, match="nothing to commit"):
            configuration(client, Settings(), shared=True)
        return
    text = configuration(client, Settings(), shared=True)
    found = entry(client, text)
    assert (found["command"], found["args"][:2], found["env"]) == ("uvx", ["notebook-img", "mcp"], {})
    for private in (sys.executable, str(folder), str(home), str(Path.home())):
        assert private not in text


def test_jupyter_ai_gets_its_entry_where_it_looks_and_keeps_its_others(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    command(Studio(), ["config", "jupyter-ai"])
    assert '"mcp_servers"' in capsys.readouterr().out
    (folder / ".jupyter").mkdir()
    path = folder / ".jupyter" / "mcp_settings.json"
    other = {"name": "other", "command": "x", "args": [], "env": []}
    path.write_text(json.dumps({"mcp_servers": [other, {"name": "notebook-img", "command": "old", "args": []}]}))
    command(Studio(), ["config", "jupyter-ai"])
    first, ours = json.loads(path.read_text())["mcp_servers"]
    assert first == other
    assert (ours["name"], ours["command"]) == ("notebook-img", sys.executable)
    assert str(path) in capsys.readouterr().out
    path.write_text("{broken")
    with pytest.raises(UsageError, match="was not changed"):
        command(Studio(), ["config", "jupyter-ai"])
    assert path.read_text() == "{broken"


ENV = """
# of the old server
VISION_API_KEY="vision-key-0123456789"
export JIMENG_API_TOKEN='token-a,token-b'  # two
NOTEBOOK_IMG_BUDGET=100
PATH=/evil
VISION_MODEL=from-the-file
"""


@pytest.mark.parametrize(
    ("wanted", "family", "taken"),
    [
        (False, "all", set()),
        (False, "vision", {"VISION_API_KEY"}),
        (False, "seedream", {"JIMENG_API_TOKEN"}),
        (True, "all", {"VISION_API_KEY", "JIMENG_API_TOKEN"}),
        (True, "gemini", {"VISION_API_KEY", "JIMENG_API_TOKEN"}),
    ],
)
def test_a_file_of_variables_is_read_where_that_is_said_and_named_where_it_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, family: str, taken: set[str]
):
    (folder / ".env").write_text(ENV)
    before = dict(os.environ)
    monkeypatch.setattr(os, "environ", {**before, "VISION_MODEL": "mine"})
    said = " ".join(dotenv.read(wanted=wanted, family=family))
    added = {name: value for name, value in os.environ.items() if before.get(name) != value and name != "VISION_MODEL"}
    assert set(added) == taken
    assert added.get("JIMENG_API_TOKEN", "token-a,token-b") == "token-a,token-b"
    assert os.environ["VISION_MODEL"] == "mine"
    assert ("is not trusted for keys by itself" in said) == (len(taken) < 2)
    assert "vision-key" not in said


def test_a_configuration_for_an_unknown_client_names_the_near_one(folder: Path):
    with pytest.raises(NotFoundError, match="claude-desktop"):
        configuration("claude-desktp", Settings())
    with pytest.raises(UsageError, match="cursor"):
        command(Studio(), ["config", "cursr"])


@pytest.mark.parametrize("words", [["start", "--prt", "1"], ["stop", "now"], ["nonsense"], ["start", "--tools", "everything"]])
def test_wrong_words_of_the_magic_are_errors(folder: Path, words: list[str]):
    with pytest.raises(UsageError):
        command(Studio(), words)


def test_the_magic_says_that_nothing_runs(folder: Path, capsys: pytest.CaptureFixture[str]):
    for name in ("status", "stop", "log"):
        command(Studio(), [name])
    said = capsys.readouterr().out
    assert "No MCP server runs" in said


def test_the_bundle_is_whole_and_the_same_each_time(tmp_path: Path):
    one, two = mcpb.write(tmp_path / "one.mcpb"), mcpb.write(tmp_path / "two.mcpb")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as opened:
        assert opened.testzip() is None
        manifest = json.loads(opened.read("manifest.json"))
        project = tomllib.loads(opened.read("pyproject.toml").decode())
        compile(opened.read(manifest["server"]["entry_point"]), "main.py", "exec")
    assert manifest["version"] == __version__
    assert project["project"]["dependencies"] == [f"notebook-img=={__version__}"]
    assert {"generate_image", "chat_vision", "generateImage", "get_job"} <= {tool["name"] for tool in manifest["tools"]}
    used = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(manifest["server"])))
    assert used == set(manifest["user_config"])


def text(least: int = 1, most: int = 10_000, **more: object) -> dict[str, object]:
    return {"type": "string", "minLength": least, "maxLength": most, **more}


def closed(properties: dict[str, object], required: tuple[str, ...] = ()) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


MANIFEST = closed(
    {
        "manifest_version": {"const": "0.4"},
        "name": text(pattern=r"^[a-z0-9-]+$"),
        "display_name": text(),
        "version": text(pattern=r"^\d+\.\d+\.\d+"),
        "description": text(),
        "author": closed({"name": text(), "email": text(), "url": text()}, ("name",)),
        "license": text(),
        "server": closed(
            {
                "type": {"const": "uv"},
                "entry_point": text(),
                "mcp_config": closed(
                    {
                        "command": text(),
                        "args": {"type": "array", "items": text()},
                        "env": {"type": "object", "additionalProperties": text()},
                    },
                    ("command",),
                ),
            },
            ("type", "entry_point"),
        ),
        "tools": {"type": "array", "items": closed({"name": text(), "description": text()}, ("name",))},
        "user_config": {
            "type": "object",
            "additionalProperties": closed(
                {
                    "type": {"enum": ["string", "number", "boolean", "directory", "file"]},
                    "title": text(),
                    "description": text(),
                    "required": {"type": "boolean"},
                    "default": {"type": ["string", "number", "boolean"]},
                    "multiple": {"type": "boolean"},
                    "sensitive": {"type": "boolean"},
                },
                ("type", "title", "description"),
            ),
        },
        "compatibility": closed(
            {
                "platforms": {"type": "array", "items": {"enum": ["darwin", "win32", "linux"]}},
                "runtimes": closed({"python": text()}),
            }
        ),
    },
    ("manifest_version", "name", "version", "description", "author", "server"),
)
"""The fields we use of github.com/modelcontextprotocol/mcpb MANIFEST.md, format 0.4."""

ENTRY = closed(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": text(3, 200, pattern=r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$"),
        "title": text(1, 100),
        "description": text(1, 100),
        "version": text(1, 255, pattern=r"^\d+\.\d+\.\d+"),
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                {
                    "registryType": {"const": "pypi"},
                    "identifier": text(),
                    "version": text(pattern=r"^\d+\.\d+\.\d+"),
                    "runtimeHint": {"const": "uvx"},
                    "transport": closed({"type": {"const": "stdio"}}, ("type",)),
                    "packageArguments": {
                        "type": "array",
                        "items": closed({"type": {"enum": ["positional", "named"]}, "value": text(), "name": text()}, ("type", "value")),
                    },
                    "environmentVariables": {
                        "type": "array",
                        "items": closed(
                            {
                                "name": text(pattern=r"^[A-Z0-9_]+$"),
                                "description": text(),
                                "isRequired": {"type": "boolean"},
                                "isSecret": {"type": "boolean"},
                            },
                            ("name",),
                        ),
                    },
                },
                ("registryType", "identifier", "version", "transport"),
            ),
        },
    },
    ("$schema", "name", "description", "version"),
)
"""The fields we use of the registry's server.schema.json, 2025-12-11."""


def test_the_manifest_and_the_registry_entry_have_the_documented_fields():
    jsonschema.validate(mcpb.manifest(), MANIFEST, jsonschema.Draft202012Validator)
    jsonschema.validate(json.loads((ROOT / "server.json").read_text()), ENTRY, jsonschema.Draft202012Validator)


def test_the_registry_finds_its_name_in_the_description_on_the_index_and_our_program_takes_the_declared_words():
    entry = json.loads((ROOT / "server.json").read_text())
    assert f"mcp-name: {entry['name']}" in (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert entry["packages"][0]["identifier"] == project["name"]
    assert project["name"] in project["scripts"]  # uvx runs the program named like the package
    assert [argument["value"] for argument in entry["packages"][0]["packageArguments"]] == ["mcp"]
    known = {name for setting in Settings.table().values() for name in setting.env} | {
        name for one in key_services(Settings({})) for name in one.variables
    }
    assert {variable["name"] for variable in entry["packages"][0]["environmentVariables"]} <= known


def test_the_shell_prints_a_configuration(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    assert commands.main(["--config", "cursor"]) == 0
    assert entry("cursor", capsys.readouterr().out)["command"] == sys.executable


def test_the_registry_entry_has_this_version():
    entry = json.loads((ROOT / "server.json").read_text())
    assert entry["version"] == __version__ == entry["packages"][0]["version"]
    assert entry["packages"][0]["identifier"] == "notebook-img"
    assert len(entry["description"]) <= 100
