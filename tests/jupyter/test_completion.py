"""Tab in the magics' lines, through IPython's own completer: what the line is after a completion was taken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from notebook_img.studio import default_studio
from tests.jupyter.conftest import StartShell

Complete = Callable[..., list[str]]


@pytest.fixture
def shell(start_shell: StartShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InteractiveShell:
    """A shell in a folder of its own."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return start_shell()


@pytest.fixture
def complete(shell: InteractiveShell) -> Complete:
    def after(line: str, *, cell: str = "") -> list[str]:
        """Return the lines that can come of Tab at the end of a line."""
        code = f"{line}\n{cell}" if cell else line
        with provisionalcompleter():
            found = list(shell.Completer.completions(code, len(line)))
        assert all(each.end == len(line) for each in found)
        return [line[: each.start] + each.text for each in found]

    return after


@pytest.fixture
def fox(shell: InteractiveShell) -> None:
    """A session with four turns, one of them a question, one with three pictures."""
    for line in ("sample:chelsea make it night", "warmer by 20 %"):
        shell.run_line_magic("imgedit", f"--quiet -s fox {line}")
    shell.run_line_magic("askimage", "--quiet -s fox what size is it?")
    shell.run_line_magic("imggen", "--quiet -s fox -n 3 a red circle on white")
    shell.run_line_magic("imgsession", "fox")


def test_options_of_the_magic(complete: Complete) -> None:
    assert sorted(complete("%imgedit --outp")) == ["%imgedit --outpaint", "%imgedit --output"]
    assert complete("%imggen --asp") == ["%imggen --aspect"]
    assert complete("%askimage --tab") == ["%askimage --table"]
    assert complete("%askimage --aspect") == [], "a question has no aspect ratio"
    assert "%imgedit warmer --quiet" in complete("%imgedit warmer --q")
    assert complete("x = %imgedit --qui") == ["x = %imgedit --quiet"]
    assert complete("    %imgedit --qui") == ["    %imgedit --quiet"]


def test_options_of_other_services_come_last(complete: Complete) -> None:
    local = complete("%imgedit --")
    assert local.index("%imgedit --size") < local.index("%imgedit --quality")
    chosen = complete("%imgedit -m openai --")
    assert chosen.index("%imgedit -m openai --quality") < chosen.index("%imgedit -m openai --size")


def test_the_first_line_of_a_cell_magic(complete: Complete) -> None:
    assert complete("%%imgedit --asp", cell="make it night") == ["%%imgedit --aspect"]
    assert complete("%%askimage sample:che", cell="what is it?") == ["%%askimage sample:chelsea"]
    assert complete("%%imgedit sample:chelsea -m ge", cell="\nmake it night")[0] == "%%imgedit sample:chelsea -m gemini"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%imgedit sample:ch", "%imgedit sample:chelsea"),
        ("%imgedit -i sam", "%imgedit -i sample:coffee"),
        ("%imgedit -r=sample:as", "%imgedit -r=sample:astronaut"),
        ("%imgedit --image=sample:as", "%imgedit --image=sample:astronaut"),
        ("%imgedit ph", "%imgedit photo.one.png"),
        ("%imgedit photo.", "%imgedit photo.one.png"),
        ("%imgedit pics/in-", "%imgedit pics/in-side.jpg"),
        ("%imgedit ./pics/in", "%imgedit ./pics/in-side.jpg"),
        ("%imgedit pi", "%imgedit pics/"),
        ("%imgedit my", '%imgedit "my cat.png"'),
        ('%imgedit "my c', '%imgedit "my cat.png"'),
        ("%imgedit 'my c", "%imgedit 'my cat.png'"),
        ("%imgedit -o 'pics/", "%imgedit -o 'pics/in-side.jpg'"),
        ("%imgedit --mask=pho", "%imgedit --mask=photo.one.png"),
        ("%imgedit --mask pix", "%imgedit --mask pixels"),
        ("%askimage --schema Fa", "%askimage --schema Facts"),
    ],
)
def test_images_are_completed_whatever_signs_their_names_hold(
    complete: Complete, shell: InteractiveShell, line: str, expected: str
) -> None:
    for name in ("photo.one.png", "my cat.png"):
        Image.new("RGB", (4, 4)).save(name)
    Path("notes.txt").write_text("no image")
    Path("pics").mkdir()
    Image.new("RGB", (4, 4)).save("pics/in-side.jpg")
    shell.user_ns["pixels"] = np.zeros((4, 4, 3), dtype="uint8")
    shell.run_cell("class Facts:\n    width: int")
    found = complete(line)
    assert expected in found
    assert not any("notes" in each for each in found)


@pytest.mark.parametrize(
    ("line", "expected", "never"),
    [
        ("%imgedit -m ", "gemini", ""),
        ("%imgedit --model gemini:", "gemini:gemini-", ":gemini:"),
        ("%imgedit -m gemini -m op", "openai", "gemini:"),
        ("%imggen -m gemini --aspect 16:", "16:9", ":16:"),
        ("%imggen -m gemini --aspect=16:", "--aspect=16:9", ":16:"),
        ("%imggen -m gemini --size ", "2K", "512x512"),
        ("%imggen --size 10", "1024x1024", "2K"),
        ("%imgedit -m gemini --history ", "full", ""),
        ("%imgedit -m openai --quality h", "high", "low"),
        ("%askimage --detail ", "high", ""),
    ],
)
def test_values_are_those_of_the_model_the_line_names(complete: Complete, line: str, expected: str, never: str) -> None:
    found = complete(line)
    assert any(each.split()[-1].startswith(expected) for each in found), found
    assert all(each.startswith(line) for each in found)
    assert not never or not any(each[len(line) - len(line.rsplit(maxsplit=1)[-1]) :].count(never) > line.count(never) for each in found), (
        found
    )


@pytest.mark.usefixtures("fox")
def test_sessions_and_ids(complete: Complete) -> None:
    assert complete("%imgsession fo") == ["%imgsession fox"]
    assert complete("%imgsession use f") == ["%imgsession use fox"]
    assert complete("%imgedit -s f") == ["%imgedit -s fox"]
    assert complete("%imgsession che") == ["%imgsession checkout"]
    assert complete("%imgsession checkout t") == [f"%imgsession checkout {each}" for each in ("t4", "t2", "t1")]
    assert complete("%imgsession show t1 t4.") == [f"%imgsession show t1 t4.{each}" for each in (1, 2, 3)]
    assert complete("%imgsession delete t4 ") == ["%imgsession delete t4 --yes"]
    assert complete("%imgsession history f") == ["%imgsession history full"]
    assert complete("%imgedit --from t4.") == ["%imgedit --from t4.1", "%imgedit --from t4.2", "%imgedit --from t4.3"]
    assert complete("%imgedit t1") == ["%imgedit t1"]
    assert complete("%imgedit -i fox/t2") == ["%imgedit -i fox/t2"]
    assert complete("%imgedit --pick ") == ["%imgedit --pick 1", "%imgedit --pick 2", "%imgedit --pick 3"]


def test_ids_of_the_session_the_line_names(complete: Complete, shell: InteractiveShell) -> None:
    shell.run_line_magic("imggen", "--quiet -s other a red circle on white")
    assert "%imgedit --from t1" not in complete("%imgedit --from "), "the current session has none"
    assert complete("%imgedit -s other --from ") == ["%imgedit -s other --from t1"]
    assert complete("%askimage other/t") == ["%askimage other/t1"]


def test_completing_makes_no_session(complete: Complete) -> None:
    for line in ("%imgedit -m ", "%imgedit --size ", "%imgedit --from ", "%imgsession ", "%imgedit cr"):
        complete(line)
    assert default_studio().store.session_names() == []


def test_what_the_built_in_engine_can_do(complete: Complete) -> None:
    assert "%imgedit crop" in complete("%imgedit cr")
    assert "%imgedit warmer and pencil sketch" in complete("%imgedit warmer and pen")
    assert complete("%imgedit -m gemini pen") == []


def test_the_other_magics(complete: Complete) -> None:
    assert complete("%img lo") == ["%img local"]
    assert complete("%img key ge") == ["%img key gemini"]
    assert complete("%img key gemini --f") == ["%img key gemini --forget"]
    assert complete("%imgmcp st") == [f"%imgmcp {word}" for word in ("start", "stop", "status")]
    assert complete("%imgmcp config claude-c") == ["%imgmcp config claude-code"]


@pytest.mark.parametrize("line", ["x = 1 % im", "import notebook_i", "%imgedi", "%who --", "%imgedit it's a 'nice", "print('%imgedit --as"])
def test_other_lines_are_left_to_ipython(complete: Complete, line: str) -> None:
    with_us = complete(line)
    assert not any("--" in each.removeprefix(line[: len(line)]) for each in with_us)


def test_a_setting_that_makes_no_sense_is_no_traceback(
    complete: Complete, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    default_studio().settings.set("model", "no-such-model-anywhere")
    complete("%imgedit --size ")
    complete("%imgedit pen")
    assert "Traceback" not in "".join(capsys.readouterr())


def test_tab_loads_no_sdk(tmp_path: Path) -> None:
    script = """
import sys, json
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "notebook_img")
before = set(sys.modules)
for line in %r:
    with provisionalcompleter():
        assert list(shell.Completer.completions(line, len(line))), line
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    lines = [
        "%imgedit -m ",
        "%imgedit -m gemini --size ",
        "%imgedit -m openai --",
        "%imgedit sample:",
        "%imgsession ",
        "%img key ",
        "%imgedit cr",
    ]
    done = subprocess.run([sys.executable, "-c", script % lines], capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path)
    loaded = set(json.loads(done.stdout.strip().splitlines()[-1]))
    assert not {"google.genai", "openai", "mcp", "ipywidgets", "httpx", "botocore", "pydantic"} & loaded


def test_a_front_end_gets_where_to_put_it(kernel) -> None:
    kernel.good("%imggen --quiet -n 2 a red circle on white")
    for line, expected in (
        ("%imgedit sample:ch", "%imgedit sample:chelsea"),
        ("%imggen --aspect 16:", "%imggen --aspect 16:9"),
        ("%imgedit --from t1.", "%imgedit --from t1.2"),
        ("%imgedit --outpu", "%imgedit --output"),
    ):
        kernel.client.complete(line, len(line))
        reply = kernel.client.get_shell_msg(timeout=60)["content"]
        lines = [line[: reply["cursor_start"]] + match + line[reply["cursor_end"] :] for match in reply["matches"]]
        assert expected in lines, (line, reply)
