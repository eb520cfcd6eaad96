"""Every public name does what it says, also after every submodule was imported; no public name equals a submodule's."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

import notebook_img as ni

EVERYTHING = """
import importlib, json, pkgutil, sys
import notebook_img as ni
names = [module.name for module in pkgutil.walk_packages(ni.__path__, "notebook_img.") if not module.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
"""

CALLS = """
import asyncio
from pathlib import Path
called = {}
settings = ni.Settings()
called["Settings"] = str(settings.home)
session = ni.session("fox")
called["session"] = session.name
called["Session"] = isinstance(session, ni.Session)
turn = ni.generate("a red circle on white")
called["generate"] = called["Turn"] = isinstance(turn, ni.Turn)
called["edit"] = ni.edit("rotate 90 degrees").picture.size == turn.picture.size[::-1] and ni.session().head.id == "t2"
called["ask"] = bool(ni.ask("what size is it?").text)
async def awaited():
    return [await ni.aio.generate("a blue square"), await ni.aio.edit("invert"), await ni.aio.ask("what size is it?")]
called["aio"] = [type(each).__name__ for each in asyncio.run(awaited())] == ["Turn"] * 3
called["batch"] = ni.batch.edit("invert", [turn, "sample:chelsea"]).counts.done == 2
called["batches"] = [each.id for each in ni.batches()] == ["b1"]
called["sessions"] = [each.name for each in ni.sessions()]
called["models"] = len(ni.models()) > 5 and "local:builtin" in {row["name"] for row in ni.models()}
studio = ni.Studio(home=Path(settings.home) / "other", model="local")
called["Studio"] = studio.generate("a green square").full_id
picture = ni.Picture(turn.picture.data)
called["Picture"] = picture == turn.picture
called["Box"] = ni.Box("circle", 0, 0, 10, 20).width
exported = session.export(Path(settings.home) / "fox.zip")
session.delete()
called["import_sessions"] = [each.name for each in ni.import_sessions(exported)]
try:
    ni.session("fox").turn("t99")
except ni.NotebookImgError as error:
    called["NotebookImgError"] = str(error)
print("CALLED", json.dumps(called))
"""

LATER = {"panel": "notebook_img.widgets", "serve_mcp": "notebook_img.mcp"}
"""Names whose calls have tests of their own: a panel needs a kernel, a server a port."""


def run(script: str, home: Path) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, cwd=home)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_public_name_works_after_every_submodule_was_imported(home: Path) -> None:
    called = json.loads(run(EVERYTHING + CALLS, home).rpartition("CALLED ")[2])
    assert called.pop("sessions") == ["fox-b1", "fox"]
    assert called.pop("import_sessions") == ["fox"]
    assert called.pop("session") == "fox"
    assert called.pop("Studio").endswith("/t1")
    assert called.pop("Settings") == str(home)
    assert called.pop("Box") == 10
    assert "t99" in called.pop("NotebookImgError")
    assert all(value is True for value in called.values()), {name: value for name, value in called.items() if value is not True}
    assert {*called, "sessions", "import_sessions", "session", "Studio", "Settings", "Box", "NotebookImgError"} == {*ni.__all__} - {*LATER}


def test_every_submodule_imports_on_its_own(home: Path) -> None:
    """In one process each, in any order a user may come upon them; modules are few enough to try all in one go, backwards."""
    run(EVERYTHING.replace("for name in names", "for name in reversed(names)"), home)


def test_nothing_is_written_or_printed_by_importing(home: Path) -> None:
    assert run(EVERYTHING, home) == ""
    assert list(home.iterdir()) == []


def test_no_public_name_is_a_submodule() -> None:
    submodules = {module.name for module in pkgutil.iter_modules(ni.__path__)}
    assert not submodules & {*ni.__all__}


@pytest.mark.parametrize("name", ni.__all__)
def test_public_names_are_documented(name: str) -> None:
    if name == "aio":
        return
    assert (getattr(ni, name).__doc__ or "").strip()


def test_dir_and_completion_offer_all_public_names_and_no_other() -> None:
    assert {*dir(ni)} == {*ni.__all__, "__version__"}


def test_a_misspelt_name_gets_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'sessions'"):
        import_module("notebook_img").sesions  # noqa: B018


def test_the_package_says_its_version_in_one_place() -> None:
    from importlib.metadata import version

    assert version("notebook-img") == ni.__version__


def test_python_minus_m_is_the_command_line(home: Path) -> None:
    script = textwrap.dedent("""
        import subprocess, sys
        print(subprocess.run([sys.executable, "-m", "notebook_img", "--version"], capture_output=True, text=True, check=True).stdout, end="")
    """)
    assert run(script, home).strip() == ni.__version__
