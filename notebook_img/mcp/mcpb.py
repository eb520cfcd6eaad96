"""The bundle for clients that install servers from a file: ``python -m notebook_img.mcp.mcpb build/notebook-img.mcpb``.

A zip with a manifest (format 0.4, https://github.com/modelcontextprotocol/mcpb) that lets the host's uv install the package
from the index; nothing is vendored.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from notebook_img._version import __version__

MAIN = "from notebook_img.cli import main\n\nraise SystemExit(main(['mcp', *__import__('sys').argv[1:]]))\n"


def manifest() -> dict[str, Any]:
    """Return the manifest; tools are those of the server itself."""
    from notebook_img.mcp.tools.batches import BatchTools
    from notebook_img.mcp.tools.gemini import GeminiTools
    from notebook_img.mcp.tools.ours import OurTools
    from notebook_img.mcp.tools.seedream import SeedreamTools
    from notebook_img.mcp.tools.vision import VisionTools

    facts = [fact for family in (GeminiTools, VisionTools, SeedreamTools, BatchTools, OurTools) for fact in family.facts]
    return {
        "manifest_version": "0.4",
        "name": "notebook-img",
        "display_name": "Notebook images",
        "version": __version__,
        "description": "Make, edit and question images, in sessions shared with Jupyter notebooks.",
        "author": {"name": "The notebook_img developers"},
        "license": "MIT",
        "server": {
            "type": "uv",
            "entry_point": "server/main.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "server/main.py", "--allow", "${user_config.folder}"],
                "env": {"GEMINI_API_KEY": "${user_config.gemini_api_key}"},
            },
        },
        "tools": [{"name": fact.name, "description": fact.description} for fact in facts],
        "user_config": {
            "folder": {
                "type": "directory",
                "title": "Folder for images",
                "description": "Images are read from and written to this folder only",
                "required": True,
                "default": "${HOME}/Pictures",
            },
            "gemini_api_key": {
                "type": "string",
                "title": "Gemini key",
                "description": "Without one the built-in engine works, which is not AI",
                "sensitive": True,
                "required": False,
                "default": "",
            },
        },
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": ">=3.11"}},
    }


def project() -> str:
    """Return the pyproject.toml that uv installs from."""
    return (
        "[project]\n"
        'name = "notebook-img-bundle"\n'
        f'version = "{__version__}"\n'
        'requires-python = ">=3.11"\n'
        f'dependencies = ["notebook-img=={__version__}"]\n'
    )


def write(path: Path) -> Path:
    """Write the bundle; equal input gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {"manifest.json": json.dumps(manifest(), indent=2) + "\n", "pyproject.toml": project(), "server/main.py": MAIN}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return path


def main() -> None:
    """Write the bundle a command line names."""
    if len(sys.argv) != 2:
        raise SystemExit("Write python -m notebook_img.mcp.mcpb OUT.mcpb")
    print(write(Path(sys.argv[1])))  # noqa: T201 - what a make target says


if __name__ == "__main__":
    main()
