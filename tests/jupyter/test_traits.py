"""``%config NotebookImg``: what can be set, with help; what is refused; where it arrives; and that no secret can be in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from notebook_img.settings import Settings
from notebook_img.studio import default_studio
from tests.jupyter.conftest import StartShell

SECRET = "sk-" + "trait" * 8
NAMES = ("model", "preview", "figure", "budget", "replay", "save_to", "history", "fallback", "question_turns", "rate", "verbose_errors")


@pytest.fixture
def shell(start_shell: StartShell) -> InteractiveShell:
    return start_shell()


def settings() -> Settings:
    return default_studio().settings


def test_config_lists_every_setting_with_its_help(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("config", "NotebookImg")
    listed = capsys.readouterr().out
    for name in NAMES:
        assert f"NotebookImg.{name}=" in listed
    traits = type(notebook_img_magics(shell)).class_own_traits(config=True)
    assert set(traits) == set(NAMES)
    assert all(len(trait.help) > 15 and trait.help.endswith((".", ").")) for trait in traits.values())


def notebook_img_magics(shell: InteractiveShell) -> object:
    return shell.magics_manager.registry["NotebookImg"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "gemini"),
        ("preview", 512),
        ("figure", "image"),
        ("budget", 12.5),
        ("replay", "always"),
        ("save_to", "pictures"),
        ("history", "full"),
        ("fallback", "local"),
        ("question_turns", 2),
        ("rate", "5/min"),
        ("verbose_errors", True),
    ],
)
def test_what_is_set_reaches_the_studio_and_can_be_taken_back(shell: InteractiveShell, name: str, value: object) -> None:
    before = getattr(settings(), name)
    shell.run_line_magic("config", f"NotebookImg.{name} = {value!r}")
    now = getattr(settings(), name)
    assert (str(now) if isinstance(now, Path) else now) == value
    default = type(notebook_img_magics(shell)).class_traits()[name].default_value
    shell.run_line_magic("config", f"NotebookImg.{name} = {default!r}")
    assert getattr(settings(), name) == before or getattr(settings(), name) == default


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("replay = 'alway'", "Did you mean 'always'"),
        ("replay = 'sometimes'", "restart, always, only, off"),
        ("history = 'windw'", "Did you mean 'window'"),
        ("model = 'gemni'", "Did you mean 'gemini'"),
        ("fallback = 'lcal'", "Did you mean 'local'"),
        ("budget = -1", "at least 0"),
        ("budget = float('nan')", "budget"),
        ("preview = 10", "64"),
        ("preview = 100000", "4096"),
        ("question_turns = -3", "question_turns"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_near_name_and_changes_nothing(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str, says: str
) -> None:
    name = line.split(maxsplit=1)[0]
    before = getattr(settings(), name), getattr(notebook_img_magics(shell), name)
    shell.run_cell(f"%config NotebookImg.{line}")
    assert says in caplog.text, "IPython says what %config could not do, and goes on"
    assert "?." not in caplog.text
    assert (getattr(settings(), name), getattr(notebook_img_magics(shell), name)) == before
    with pytest.warns(UserWarning, match="stays as it is"):
        shell.run_line_magic("reload_ext", "notebook_img")  # a refused value does not come back to haunt
    assert getattr(settings(), name) == before[0]


def test_a_name_that_is_none_of_ours_is_said(shell: InteractiveShell) -> None:
    with pytest.warns(UserWarning, match="Did you mean `model`"):
        shell.run_cell("%config NotebookImg.modle = 'local'")
    assert settings().model != "local"


def test_a_configuration_file_sets_them_too(start_shell: StartShell) -> None:
    config = Config()
    config.NotebookImg.budget = 2.5
    config.NotebookImg.model = "local"
    start_shell(config)
    assert (settings().budget, settings().model) == (2.5, "local")


VARIABLES = {
    "model": ("local", "local"),
    "preview": ("512", 512),
    "figure": ("image", "image"),
    "budget": ("7", 7.0),
    "replay": ("always", "always"),
    "save_to": ("pictures", "pictures"),
    "history": ("full", "full"),
    "fallback": ("local", "local"),
    "question_turns": ("3", 3),
    "rate": ("5/min", "5/min"),
    "verbose_errors": ("true", True),
}
"""What a variable says, and what is then in force."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", NAMES)
def test_a_variable_that_is_in_force_shows_whenever_it_was_set(
    start_shell: StartShell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, when: str
) -> None:
    [variable] = Settings.table()[name].env
    text, value = VARIABLES[name]
    if when == "before":
        monkeypatch.setenv(variable, text)
    shell = start_shell()
    monkeypatch.setenv(variable, text)
    assert getattr(notebook_img_magics(shell), name) == getattr(settings(), name) == value
    shell.run_line_magic("config", "NotebookImg")
    assert f"Current: {value!r}\n" in capsys.readouterr().out.partition(f"NotebookImg.{name}=")[2].partition("NotebookImg.")[0] + "\n"


def test_config_wins_over_the_environment_also_with_the_default_and_an_empty_one_goes_back(
    start_shell: StartShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_BUDGET", "7")
    monkeypatch.setenv("NOTEBOOK_IMG_REPLAY", "always")
    shell = start_shell()
    shell.run_line_magic("config", f"NotebookImg.budget = {Settings.budget.default}")
    assert settings().budget == notebook_img_magics(shell).budget == Settings.budget.default
    shell.run_line_magic("config", "NotebookImg.replay = 'restart'")
    assert settings().replay == notebook_img_magics(shell).replay == "restart"
    shell.run_line_magic("config", "NotebookImg.replay = ''")
    assert settings().replay == notebook_img_magics(shell).replay == "always"


def test_the_variable_for_whole_tracebacks_works(start_shell: StartShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_VERBOSE_ERRORS", "1")
    shell = start_shell()
    error = shell.run_cell("%imgedit --nosuch x").error_in_exec
    assert "Traceback" in error._render_traceback_()[0]
    shell.run_line_magic("config", "NotebookImg.verbose_errors = False")
    assert len(shell.run_cell("%imgedit --nosuch x").error_in_exec._render_traceback_()) == 1


def test_a_variable_that_cannot_be_used_is_named_and_stops_nothing_else(start_shell: StartShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTEBOOK_IMG_PREVIEW", "wide")
    monkeypatch.setenv("NOTEBOOK_IMG_VERBOSE_ERRORS", "maybe")
    with pytest.warns(UserWarning, match="NOTEBOOK_IMG_VERBOSE_ERRORS='maybe' cannot be used"):
        shell = start_shell()
    error = shell.run_cell("%config NotebookImg.preview").error_in_exec
    assert "NOTEBOOK_IMG_PREVIEW='wide' cannot be used: write a number." in str(error)
    shell.run_line_magic("config", "NotebookImg.preview = 400")
    assert settings().preview == notebook_img_magics(shell).preview == 400


def test_no_trait_holds_a_secret(start_shell: StartShell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY", "ARK_API_KEY", "JIMENG_API_TOKEN", "VISION_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    shell = start_shell()
    shell.run_cell("%config NotebookImg")
    shell.run_cell("%config")
    magics = notebook_img_magics(shell)
    values = {
        name: getattr(magics, name) for name in magics.trait_names() if name not in ("parent", "shell", "options_table", "config", "log")
    }
    assert SECRET not in "".join(capsys.readouterr()) + repr(values) + repr(magics) + repr(shell.config)
    assert not [name for name in magics.trait_names() if "key" in name or "token" in name]


@pytest.mark.parametrize(
    ("line", "takes", "marks"),
    [
        ("%imggen -h", "--aspect", "--negative"),
        ("%imgedit -m gemini -h", "--history", "--strength"),
        ("%askimage --help", "--table", "--boxes"),
    ],
)
def test_help_shows_what_the_model_takes_and_names_the_rest(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str, takes: str, marks: str
) -> None:
    shell.run_cell(line)
    lines = capsys.readouterr().out.splitlines()
    rows = {word.strip(","): row for row in lines for word in row.split()[:3] if word.startswith("--")}
    assert max(map(len, lines)) <= 110
    assert rows[takes].startswith(" "), rows[takes]
    assert not rows.get(marks, "").startswith("  -"), "it has no line of its own"
    rest = " ".join(lines).partition("Other models take more")[2]
    assert f"{'gemini' if 'gemini' in line else 'local'}:" in rest
    assert marks in rest
    assert default_studio().store.session_names() == [], "help makes no session"
