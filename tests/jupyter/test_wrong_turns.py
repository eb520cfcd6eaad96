"""Wrong turns a new user takes in cells: each ends with what to do next, and none makes anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import notebook_img as ni
from tests.jupyter.conftest import StartShell

CELLS = [
    ("%imgsession lst", "%imgsession has no command 'lst'. Did you mean 'list'? To create a session of that name: %imgsession new lst."),
    ("%imgsession undoo", "Did you mean 'undo'?"),
    ("%imgsession log", "Write %imgsession tree."),
    ("%imgsession status", "Write %imgsession."),
    ("%imgsession open fox", "%imgsession has no command 'open'. Write %imgsession NAME. %imgsession -h lists them."),
    ("%imgsession create fox", "Write %imgsession new NAME."),
    ("%imgsession chekout t1", "Did you mean 'checkout'?"),
    ("%imgsession my fox", "%imgsession -h lists them."),
    ("%imgsession resume foo", "No job is waiting with a service."),
    ("%imgsession import nofile.zip", "Name the zip of an export or a pack."),
    ("%imgsession new", "Write %imgsession new NAME."),
    ("%imgsession export fox.zip --froce", "%imgsession export has no option --froce. Did you mean '--force'?"),
    ("%imgsession delete fox --sure", "%imgsession delete has no option --sure. It takes --yes."),
    ("%imgmcp config vscode --share", "%imgmcp config has no option --share. Did you mean '--shared'?"),
    ("%imgedit cat.png --save out.png warmer", "There is no option '--save'. Did you mean '--output'?"),
    ("%imggen --width 300 noise", "Did you mean '--size'?"),
    ("%img models gemni", "Did you mean 'gemini'? %img models lists the known models."),
    ("%img local warmer", "To edit with the built-in engine, write %imgedit -m local."),
    ("%img doctor --onlin", "Did you mean '--online'?"),
    ("%img undo", "It has key, local, doctor, models; to edit an image, write %imgedit."),
    ("%imgmcp start --prot 3", "%imgmcp start does not take '--prot'. Did you mean '--port'?"),
    ("%imgmcp stop now", "%imgmcp stop does not take 'now'. It takes nothing more."),
]


@pytest.fixture
def shell(start_shell: StartShell, cwd: Path) -> InteractiveShell:
    return start_shell()


@pytest.mark.parametrize(("cell", "said"), CELLS)
def test_a_wrong_turn_in_a_cell_ends_with_the_way_on(cell: str, said: str, shell: InteractiveShell) -> None:
    assert said in str(shell.run_cell(cell).error_in_exec)
    assert [session.name for session in ni.sessions()] in ([], [ni.session().name])


def test_new_creates_a_session_whatever_its_name_and_it_opens_then(shell: InteractiveShell) -> None:
    assert shell.run_cell("%imgsession new list of things").error_in_exec
    for line in ("new lst", "shop", "lst"):
        assert shell.run_cell(f"%imgsession {line}").success
        assert ni.session().name == line.removeprefix("new ")
    assert "There is a session 'shop' already. %imgsession use shop" in str(shell.run_cell("%imgsession new shop").error_in_exec)


def test_a_list_in_braces_is_said_to_be_one_call_and_the_way_to_many_is_named(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("import shutil; shutil.copy('cat.png', 'dog.png'); files = ['cat.png', 'dog.png']; one = ['cat.png']")
    capsys.readouterr()
    assert shell.run_cell("%imgedit --dry-run {files} put both on a lawn").success
    assert "files holds 2 pictures, and all go into one edit; %imgedit --over files ... edits each by itself." in capsys.readouterr().out
    assert shell.run_cell("%imgedit {one} invert").success
    assert "go into one edit" not in capsys.readouterr().out


def test_a_dry_run_says_in_cells_words_what_the_call_will_be_refused_for(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell.run_cell("%imgedit --dry-run cat.png make it snow").success
    assert "but       No image model is set up." in (said := capsys.readouterr().out)
    assert "%img key gemini" in said
