"""Makes the environments of the SDKs in ``build/sdks``: ``python -m tests.mcp.sdks.install``. What is there already stays."""

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
    """An SDK, the versions of the protocol it speaks, and the program that uses it."""

    package: str
    program: str
    versions: tuple[str, ...]
    beside: tuple[str, ...] = ()
    """What it was made for and is not said by its own requirements."""

    @property
    def name(self) -> str:
        return self.package.replace("@", "-").replace("/", "-").replace("==", "-").strip("-")

    @property
    def folder(self) -> Path:
        return PLACE / self.name

    @property
    def made(self) -> bool:
        return (self.folder / "made").is_file()

    @property
    def command(self) -> list[str]:
        if self.program.endswith(".mjs"):
            return [shutil.which("node") or "node", str(HERE / self.program), str(self.folder / "node_modules" / "@modelcontextprotocol")]
        return [str(_python(self.folder)), str(HERE / self.program)]

    def make(self) -> None:
        """Install it, unless that was done."""
        if self.made:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.program.endswith(".mjs"):
            npm = shutil.which("npm") or sys.exit("npm is missing; apt-get install nodejs npm")
            _run(npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.folder), self.package)
        else:
            venv.create(self.folder, with_pip=True)
            _run(str(_python(self.folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", self.package, *self.beside)
        (self.folder / "made").touch()


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

APPS = Sdk("@modelcontextprotocol/ext-apps@2.0.4", "host.mjs", ())
"""Not an SDK: what tests/browser/apps builds its host of. It brings the client it needs."""


def _python(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=600)


if __name__ == "__main__":
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Sdk.make, (*SDKS, APPS)))
