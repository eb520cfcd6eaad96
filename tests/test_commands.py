"""The README's commands, as somebody runs them who has just cloned the project, and what they say while one waits."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks

COMMANDS = [command for block in blocks(ROOT / "README.md") if block.run_by.endswith(Path(__file__).name) for command, _ in block.commands]
"""git clone, cd notebook-img, make demo, make lab."""

BARE = {
    name: value
    for name, value in os.environ.items()
    if name not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "NOTEBOOK_IMG_HOME")
}

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs make: apt-get install make")


@contextmanager
def started(words: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def answered(url: str) -> int:
    """Return the status of an answer. Jupyter Server names its address before it listens there."""
    end = time.monotonic() + 120
    while True:
        try:
            return urllib.request.urlopen(url, timeout=60).status
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > end:
                raise
        time.sleep(0.1)  # pause between two looks at another process


@needs_make
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_from_a_clean_clone(tmp_path: Path) -> None:
    clone, enter, demo, lab = COMMANDS
    folder = tmp_path / enter.removeprefix("cd ")
    cloned = subprocess.run([*clone.split()[:2], "--quiet", str(ROOT), str(folder)], capture_output=True, text=True, check=False)
    if cloned.returncode:
        pytest.skip("needs a git checkout: git clone the project")
    python = f"PYTHON={sys.executable}"
    done = subprocess.run([*demo.split(), python], cwd=folder, env=BARE, capture_output=True, text=True, timeout=850, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("needs a package index: run with a network")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    lines = done.stdout.replace(os.sep, "/").splitlines()
    assert any(line.startswith("Look at it: build/01-quickstart.html") for line in lines)
    assert "Made  build/quickstart-night.png" in lines
    page = (folder / "build" / "01-quickstart.html").read_text(encoding="utf-8")
    assert page.count("data:image/") >= 8
    assert "No description has been provided for this image" not in page
    assert not subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True).stdout
    # While pip works it is heard: one line and more for each of the packages.
    assert sum(line.lstrip().startswith(("Collecting", "Downloading", "Using cached")) for line in lines) > 50

    config = tmp_path / "config"
    config.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:  # it tells the port it was given, not the one the system chose for 0
        port = free.getsockname()[1]
    (config / "jupyter_server_config.json").write_text(
        json.dumps({"ServerApp": {"allow_root": True, "open_browser": False, "ip": "127.0.0.1", "port": port}})
    )
    with started([*lab.split(), python], cwd=folder, env={**BARE, "JUPYTER_CONFIG_DIR": str(config)}, start_new_session=True) as server:
        told = next(found for line in server.stdout if (found := re.search(r"(http://\S+?:\d+)/lab\S*?(\?token=\w+)", line)))
        # The notebook's own folder is served: what the tab opens is there.
        assert answered(f"{told[1]}/api/contents/01-quickstart.ipynb{told[2]}") == 200
        os.killpg(server.pid, signal.SIGTERM)


@needs_make
@pytest.mark.parametrize("goal", ["demo", "lab", "test"])
def test_make_says_what_it_does_before_it_does_it(goal: str, tmp_path: Path) -> None:
    """The first line is there while Python, which makes the environment, has not answered at all."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    os.mkfifo(gate := tmp_path / "gate")
    slow = tmp_path / "slow-python"
    slow.write_text(f'#!/bin/sh\ncat "{gate}"\nexit 1\n')
    slow.chmod(0o755)
    with started(["make", goal, f"PYTHON={slow}"], cwd=tmp_path, env=BARE) as making:
        assert making.stdout.readline().startswith("Making an environment in .venv")
        assert making.poll() is None
        gate.write_text("")


@needs_make
def test_make_says_that_it_installs_before_pip_begins(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    os.mkfifo(gate := tmp_path / "gate")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ncat "{gate}"\nexit 1\n')
    python.chmod(0o755)
    with started(["make", "demo"], cwd=tmp_path, env=BARE) as making:
        assert making.stdout.readline().startswith("Installing the package and JupyterLab into .venv")
        gate.write_text("")


def test_the_demo_says_each_cell_before_it_runs() -> None:
    with started([sys.executable, "-u", "-c", WATCHED], cwd=ROOT, env={**BARE, "PYTHONPATH": str(ROOT)}) as demo:
        lines = [line.rstrip("\n") for line in demo.stdout]
    assert lines[0].startswith("Running notebooks/01-quickstart.ipynb"), "before the libraries are loaded, which takes a while"
    told = [line for line in lines if re.match(r" +\d+/\d+  \S", line)]
    count = int(told[0].split("/")[1].split()[0])
    assert [line.split("/")[0].strip() for line in told] == [str(number) for number in range(1, count + 1)]
    for line in told:
        assert lines[lines.index(line) + 1] == "(runs)", "a cell's line stands there before the cell is sent"


WATCHED = """
import sys
assert not {"nbclient", "nbconvert", "nbformat"} & {*sys.modules}
from notebooks import demo
assert not {"nbclient", "nbconvert", "nbformat"} & {*sys.modules}
say = demo.say
def first(words):
    say(words)
    demo.say = say
    import jupyter_client.asynchronous.client as client
    execute = client.AsyncKernelClient.execute
    def told(self, *given, **options):
        print("(runs)", flush=True)
        return execute(self, *given, **options)
    client.AsyncKernelClient.execute = told
demo.say = first
sys.exit(demo.main())
"""


@needs_make
def test_help_lists_the_commands() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("demo", "lab", "test", "check"):
        assert f"make {name}" in done.stdout
