"""Tab in bash, zsh and fish: the shells themselves, with the script that the program prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_img.cli import COMMANDS, main
from notebook_img.cli.completion import SCRIPTS, candidates, in_bash, split
from notebook_img.options.table import table_for


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with pictures and sessions, and the program on the path."""
    from PIL import Image

    (tmp_path / "work/photos").mkdir(parents=True)
    for name in ("cat.png", "my cat.png", "photos/beach.jpg"):
        Image.new("RGB", (16, 12), "orange").save(tmp_path / "work" / name)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/notebook-img"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m notebook_img "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path / "work")
    assert main(["edit", "cat.png", "invert", "-s", "fox"]) == 0
    assert main(["generate", "a red circle", "-n", "2", "-s", "my fox"]) == 0
    capsys.readouterr()
    return tmp_path / "work"


BASH = """
eval "$(notebook-img completion bash)"
compopt() { echo nospace; }
for line in "$@"; do
    COMP_LINE="notebook-img $line" COMP_POINT=$((${#line} + 13)) COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
    _notebook_img
    printf '%s|' "${COMPREPLY[@]}"
    echo
done
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash: install it")
def test_what_bash_puts_on_the_line(work: Path) -> None:
    wanted = {
        "edit sample:co": "coffee|",
        "edit my": "my\\ cat.png|",
        "edit pho": "nospace\nphotos/|",
        "generate --aspect=16": "16:9|",
        "edit -s my": "my\\ fox|",
        "nonsense ": "|",
    }
    done = subprocess.run(["bash", "-c", BASH, "bash", *wanted], cwd=work, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout == "".join(f"{line}\n" for line in wanted.values())


def test_what_stands_next(work: Path) -> None:
    wanted = {
        "ed": "edit",
        "edit ca": "cat.png",
        'edit "my': "my cat.png",
        "edit photos/": "photos/beach.jpg",
        "edit cat.png --outpu": "--output",
        "edit cat.png --each --eac": "--each",
        "edit -s f": "fox",
        "edit -s fox --from t": "t1",
        "edit -r pho": "photos/",
        "generate -s 'my fox' --from": "",
        "show fox/": "fox/t1",
        "show my": "my\\ fox",
        "tree --unt": "--until",
        "tree fox --until t": "t1",
        "cost --by model,mon": "model,month",
        "sessions rena": "rename",
        "sessions delete f": "fox",
        "sessions export fox fox.zip --k": "--keep-metadata",
        "models gem": "gemini",
        "keys set gem": "gemini",
        "doctor --ver": "--verify",
        "mcp --config cur": "cursor",
        "completion zs": "zsh",
        "resume ": "--json",
    }
    for line, first in wanted.items():
        assert (in_bash(f"notebook-img {line}", " =:") or [""])[0] == first, line


@pytest.mark.parametrize(
    ("shell", "arguments", "load"),
    [
        ("bash", ["--norc", "--noprofile", "-i"], 'eval "$(notebook-img completion bash)"; PS1="> "'),
        ("zsh", ["-f", "-i"], "autoload -U compinit; compinit -u; eval \"$(notebook-img completion zsh)\"; PS1='> '"),
        ("fish", ["--no-config", "--interactive"], "notebook-img completion fish | source; function fish_prompt; echo '> '; end"),
    ],
)
def test_tab_in_a_real_terminal(work: Path, shell: str, arguments: list[str], load: str, tmp_path: Path) -> None:
    import pexpect

    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}: install it")
    terminal = pexpect.spawn(
        program,
        arguments,
        cwd=str(work),
        env={**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "fish_greeting": ""},  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 120),
    )
    try:
        terminal.sendline(f"{load}; echo rea''dy")
        terminal.expect(r"[\r\n]ready\r")
        terminal.expect("> ")
        terminal.send("notebook-img edit photos/be\t")
        terminal.expect("ach.jpg")
        terminal.send("-s my\t")
        # Escaped or in quotes, as the shell has it.
        terminal.expect(r"""\\? fox|'my fox'""")
        terminal.send("sample:che\t")
        terminal.expect("lsea")
    finally:
        terminal.close(force=True)


def test_each_shell_gets_its_script_and_others_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for shell, script in SCRIPTS.items():
        assert main(["completion", shell]) == 0
        assert capsys.readouterr().out == script
    assert main(["completion", "fihs"]) == 2
    assert "Did you mean 'fish'" in capsys.readouterr().err


def test_a_line_that_cannot_be_completed_prints_nothing(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_BUDGET", "much")
    assert main(["completion", "bash", "notebook-img edit -s ", ":="]) in (0, 1)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err


def test_completing_makes_no_session_and_no_home(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_HOME", str(tmp_path / "none"))
    assert candidates(["edit"], "sample:c")
    assert candidates(["show"], "") == ["--json", "--until"]
    assert not (tmp_path / "none").exists()


def test_every_command_and_every_option_is_offered(work: Path) -> None:
    assert candidates([], "") == list(COMMANDS)
    offered = set(candidates(["edit", "cat.png"], "--"))
    assert {option.long for option in table_for("edit", notebook=False).values()} <= offered
    assert {"--json", "--each"} <= offered
    assert "--as" not in offered


@pytest.mark.parametrize(
    ("line", "words", "last", "quote"),
    [
        ("notebook-img edit ", ["notebook-img", "edit"], "", ""),
        ("a 'b c' d\\ e", ["a", "b c"], "d e", ""),
        ('a "b c', ["a"], "b c", '"'),
        ("a it\\'s", ["a"], "it's", ""),
        ("a ''", ["a"], "", ""),
        ("a '' b", ["a", ""], "b", ""),
        ("a b\\", ["a"], "b", ""),
    ],
)
def test_an_unfinished_line_is_cut_as_a_shell_cuts_it(line: str, words: list[str], last: str, quote: str) -> None:
    assert split(line) == (words, last, quote)
