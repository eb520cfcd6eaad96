"""Makes the environments of the SDKs and of the programs that check servers, in ``build/sdks``: ``python -m tests.mcp.sdks.install``.

What is there already stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLACE = ROOT / "build" / "sdks"
MAKE = f"{Path(sys.executable).name} -m tests.mcp.sdks.install"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sdk:
    """An SDK, the program that uses it, and the versions of the protocol it speaks; or other packages in an environment of their own."""

    package: str
    program: str = ""
    versions: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """What is installed with it: what it was made for and is not said by its own requirements."""

    @property
    def name(self) -> str:
        return self.package.replace("@", "-").replace("/", "-").replace("==", "-").strip("-")

    @property
    def folder(self) -> Path:
        return PLACE / self.name

    @property
    def made(self) -> bool:
        mark = self.folder / "made"
        return mark.is_file() and mark.read_text(encoding="utf-8") == self._packages

    @property
    def _packages(self) -> str:
        return " ".join((self.package, *self.beside))

    @property
    def modules(self) -> Path:
        return self.folder / "node_modules"

    @property
    def command(self) -> list[str]:
        if self.program.endswith(".mjs"):
            return [shutil.which("node") or "node", str(HERE / self.program), str(self.modules / "@modelcontextprotocol")]
        return [str(_python(self.folder)), str(HERE / self.program)]

    def make(self) -> None:
        """Install it, unless that was done."""
        if self.made:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.program.endswith(".py"):
            venv.create(self.folder, with_pip=True)
            _run(str(_python(self.folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", self.package, *self.beside)
        else:
            npm = shutil.which("npm") or sys.exit("npm is missing; apt-get install nodejs npm")
            _run(npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.folder), self.package, *self.beside)
        (self.folder / "made").write_text(self._packages, encoding="utf-8")


HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
ALL = (*HANDSHAKE, "2026-07-28")

SDKS = (
    Sdk("mcp==1.9.4", "python.py", HANDSHAKE[:2], ("pydantic<2.12",)),
    Sdk("mcp==1.30.0", "python.py", HANDSHAKE),
    Sdk("mcp==2.3.0", "python.py", ALL),
    Sdk("@modelcontextprotocol/sdk@1.10.2", "node.mjs", HANDSHAKE[:1]),
    Sdk("@modelcontextprotocol/sdk@1.32.2", "node.mjs", HANDSHAKE),
    Sdk("@modelcontextprotocol/client@2.4.0", "node.mjs", ALL),
)

APPS = Sdk("@modelcontextprotocol/ext-apps@2.0.4")
"""Not an SDK: what tests/browser/apps builds its host of. It brings the client it needs."""
JUPYTER = Sdk("jupyter-ai==3.2.0", "jupyter_agents.py", beside=("jupyter-mcp-manager==0.2.1",))
"""Jupyter's own agents, which need mcp below 2."""
CHECKERS = Sdk(
    "node@22.23.3",
    beside=(
        "conformance-0.1@npm:@modelcontextprotocol/conformance@0.1.16",
        "conformance-0.2@npm:@modelcontextprotocol/conformance@0.2.0-alpha.12",
        "@modelcontextprotocol/inspector@2.12.0",
    ),
)
"""What tests/mcp/test_node.py runs, with the Node.js it needs, which is newer than Debian's."""


def _python(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=600)


if __name__ == "__main__":
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Sdk.make, (JUPYTER, *SDKS, APPS, CHECKERS)))
