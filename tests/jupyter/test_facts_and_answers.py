"""Facts as tables on the built-in engine, dollar signs in answers, turns in other processes, sessions without %load_ext."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from notebook_img import Studio
from notebook_img.display.answers import safe_markdown
from notebook_img.errors import NotebookImgError
from notebook_img.studio import default_studio
from tests.jupyter.conftest import StartShell
from tests.jupyter.kernels import environment, running_kernel


def test_a_table_of_facts_is_filled_in_by_the_built_in_engine(start_shell: StartShell) -> None:
    shell = start_shell()
    shell.run_line_magic("askimage", 'sample:coffee --table "width int, sharpness float, taken datetime?" --as facts')
    facts = shell.user_ns["facts"]
    assert list(facts.columns) == ["width", "sharpness", "taken"]
    assert facts.width.tolist() == [600]
    assert facts.sharpness.dtype == float
    assert facts.taken.isna().all()


def test_each_picture_of_a_table_is_a_row(start_shell: StartShell) -> None:
    shell = start_shell()
    shell.run_line_magic("askimage", 'sample:coffee sample:chelsea --table "width int, camera?" --as facts')
    assert shell.user_ns["facts"].width.tolist() == [600, 451]


def test_a_column_that_is_no_fact_is_named(start_shell: StartShell) -> None:
    shell = start_shell()
    with pytest.raises(NotebookImgError, match="fill in breed"):
        shell.run_line_magic("askimage", 'sample:coffee --table "width int, breed str"')


@pytest.mark.parametrize(
    "text",
    [
        "It is 5$ here and 6$ there.",
        "Set $HOME or $PATH.",
        "US$ 5 now, US$ 6 later.",
        "I have $20, you have 30$.",
        "Between $5-$10, or \\$3 and \\$4.",
        "$HOME/bin:$PATH",
    ],
)
def test_dollar_signs_of_prices_and_shells_begin_no_formula(text: str) -> None:
    shown = safe_markdown(text)
    assert "$" not in shown
    assert shown.count("<span>&#36;</span>") == text.count("$")


@pytest.mark.parametrize("formula", ["$x^2 + y$", "$5 + x$", r"$\text{speed of light}$", "$$E = mc^2 \\quad for all$$", "$a$"])
def test_formulas_stay_formulas(formula: str) -> None:
    assert safe_markdown(f"so {formula} holds") == f"so {formula} holds"


def test_a_turn_goes_to_another_process_and_back(home: Path) -> None:
    turn = Studio(home=home).session("fox").generate("a red circle")
    sent = pickle.dumps(turn)
    code = (
        "import pickle, sys\n"
        "turn = pickle.loads(sys.stdin.buffer.read())\n"
        "print(turn.full_id, turn.prompt, turn.picture.width)\n"
        "sys.stdout.flush()\n"
        "assert pickle.loads(pickle.dumps(turn)).session.name == 'fox'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, timeout=60)
    assert done.stdout.split()[:1] == [b"fox/t1"], done.stderr.decode()
    assert pickle.loads(sent).picture.sha256 == turn.picture.sha256


def test_turns_of_one_home_share_its_studio_and_the_kernels_own(home: Path) -> None:
    turn = default_studio().session("fox").generate("a red circle")
    assert pickle.loads(pickle.dumps(turn)).session.actor is default_studio()
    assert turn.edit("invert").parent.id == "t1"


@pytest.mark.parametrize("first", ["panel = ni.panel()", "turn = ni.generate('a red circle')"])
def test_python_works_in_the_notebooks_session_whether_or_not_the_extension_was_loaded(tmp_path: Path, first: str) -> None:
    notebook = tmp_path / "work" / "lynx.ipynb"
    env = environment(tmp_path / "home", JPY_SESSION_NAME=str(notebook))
    with running_kernel(env, tmp_path / "work") as kernel:
        kernel.good(f"import notebook_img as ni\n{first}")
        name: Any = kernel.value("panel.session.name" if "panel" in first else "turn.session.name")
        kernel.good("%load_ext notebook_img\n%imggen --quiet a blue circle")
        assert [name, kernel.value("ni.session().name")] == ["lynx", "lynx"]
        assert kernel.value("len(ni.sessions())") == 1
