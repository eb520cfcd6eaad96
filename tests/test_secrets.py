"""No key in any output, repr, log, exception, store row or notebook, whatever a service throws back at us."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import notebook_img as ni
from notebook_img import keys
from notebook_img.errors import AuthenticationError, NotebookImgError
from notebook_img.providers import key_services
from tests.emulators.process import Running
from tests.jupyter.kernels import environment, notebook

KEY = "AIza-very-secret-0123456789"
OTHER = "sk-other-secret-zyxwvut-9876543210"
TOKENS = "jimeng-session-one-aaaa1111,jimeng-session-two-bbbb2222"
PIECES = [KEY, KEY[:14], KEY[-12:], OTHER, OTHER[:12], *TOKENS.split(",")]


def hold_no_key(text: str, where: str) -> None:
    for piece in PIECES:
        assert piece not in text, f"{piece[:4]}... is in {where}"


@pytest.fixture
def service(start_emulator: Callable[..., Running]) -> Running:
    return start_emulator("gemini")


@pytest.fixture
def studio(service: Running, home: Path) -> Any:
    made = ni.Studio(settings=ni.Settings(variables(service, home), retries=0))
    yield made
    made.close()


def variables(service: Running, home: Path) -> dict[str, str]:
    return {
        "GEMINI_API_KEY": KEY,
        "GOOGLE_GEMINI_BASE_URL": service.url,
        "OPENAI_API_KEY": OTHER,
        "OPENAI_BASE_URL": f"{service.url}/v1",
        "JIMENG_API_TOKEN": TOKENS,
        "JIMENG_BASE_URL": service.url,
        "NOTEBOOK_IMG_HOME": str(home),
    }


def test_a_notebook_with_failing_calls_and_its_store_hold_no_key(service: Running, tmp_path: Path) -> None:
    home = tmp_path / "home"
    echo = {"kind": "reply", "reply": "bad_key", "status": 403, "echo": True}
    body = {"error": {"code": 500, "message": f"internal: key={KEY} token {KEY}", "status": "INTERNAL"}}
    service.control(
        echo, {"kind": "status", "status": 400, "body": body}, {"kind": "status", "status": 400, "body": f"<html>{KEY}</html>"}, echo, echo
    )
    failing = "NotebookImgError.verbose = False"
    made = notebook(
        "%load_ext notebook_img\nimport notebook_img as ni, logging, sys\nlogging.basicConfig(level=logging.DEBUG, stream=sys.stdout)\nlogging.getLogger('notebook_img').setLevel(logging.DEBUG)",
        "%config NotebookImg.replay = 'off'\n%imgsession fox",
        "%imggen -m gemini a fox",
        "%tb",
        "%imggen -m gemini a fox",
        "%config NotebookImg.verbose_errors = True\n%imggen -m gemini a fox",
        "%tb",
        "try:\n    ni.generate('a fox', model='gemini')\nexcept Exception as error:\n    import traceback; traceback.print_exc(); print(repr(error), vars(error)); raise",
        "%imggen -m openai a fox",
        "%imggen -m jimeng a fox",
        "%imggen -m gemini a hen",
        "t = ni.session().turns[-1]; print(t, t.record, t.sent, t.got); t",
        "%img", "%img doctor", "%config NotebookImg", "ni.Settings()", "dict(ni.Settings())", "s = ni.session(); s, s.actor, s.actor.settings, vars(s.actor.settings).keys()",
        "from notebook_img import providers\n[providers.get(name, s.actor.settings) for name in providers.names()]",
        "%imgsession export fox.zip\n%imgsession pack", "%imgsession cost",
        f"# {failing}\n%xmode Verbose\n%imggen -m gemini -s nowhere 'a fox' --size 9K",
        failing=True,
    )  # fmt: skip
    client = NotebookClient(made, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment(home, **{**variables(service, home), "NOTEBOOK_IMG_RETRIES": "0"}))
    errors = [each.ename for cell in made.cells for each in cell.outputs if each.output_type == "error"]
    assert len(errors) >= 6, "the calls were to fail"
    hold_no_key(nbformat.writes(made), "the notebook")
    for path in [*home.rglob("*"), *tmp_path.glob("*.zip")]:
        if path.is_file() and "ipython" not in path.parts:
            hold_no_key(path.read_bytes().decode("latin-1"), str(path.relative_to(tmp_path)))
    assert any(row["path"].endswith("enerateContent") for row in service.requests()), "the key was really used"


def test_errors_hold_no_key_in_message_args_cause_or_context(studio: Any, service: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service.control({"kind": "reply", "reply": "bad_key", "status": 403, "echo": True})
    with pytest.raises(AuthenticationError) as caught:
        studio.generate("a fox", model="gemini")
    error = caught.value
    hold_no_key("".join(traceback.format_exception(error)), "the traceback")
    hold_no_key(repr(error) + repr(error.args) + repr(vars(error)), "the error")
    hold_no_key("\n".join(error._render_traceback_()), "the rendering")
    hold_no_key(caplog.text, "the log")
    hold_no_key(repr(pickle.dumps(error)), "a pickle")


def test_reprs_of_everything_hold_no_key(studio: Any, service: Running) -> None:
    turn = studio.generate("a fox", model="gemini")
    for each in (studio, studio.settings, turn, turn.record, turn.session, studio.store, turn.picture):
        hold_no_key(repr(each) + str(each), type(each).__name__)
    for provider in ("gemini", "openai", "jimeng", "ark"):
        from notebook_img import providers

        hold_no_key(repr(providers.get(provider, studio.settings)), provider)
    hold_no_key(json.dumps(turn.sent, default=str) + json.dumps(turn.got, default=str), "sent and got")


def test_a_key_is_no_parameter_anywhere() -> None:
    import inspect

    from notebook_img.jupyter.magics import NotebookImg

    for name in ("generate", "edit", "ask", "session"):
        assert not {"key", "api_key", "token"} & {*inspect.signature(getattr(ni, name)).parameters}
    assert not [name for name in ni.Settings.table() if name.endswith(("key", "token")) or "api_key" in name]
    assert not [name for name in NotebookImg.class_trait_names() if "key" in name or "token" in name]
    with pytest.raises(NotebookImgError):
        ni.generate("a fox", api_key=KEY)


def test_the_command_line_never_prints_or_takes_a_key(service: Running, home: Path, tmp_path: Path) -> None:
    env = {**os.environ, **variables(service, home), "NOTEBOOK_IMG_RETRIES": "0"}
    service.control({"kind": "reply", "reply": "bad_key", "status": 403, "echo": True})
    for words in (["generate", "a fox", "-m", "gemini"], ["keys"], ["doctor", "--json"], ["keys", "set", "gemini", KEY]):
        done = subprocess.run(
            [sys.executable, "-m", "notebook_img", *words], env=env, cwd=tmp_path, capture_output=True, text=True, input="", timeout=60
        )
        hold_no_key(done.stdout + done.stderr, " ".join(words[:2]))
        assert done.returncode == (0 if words[0] in ("keys", "doctor") and len(words) < 3 else done.returncode)


def test_redaction_takes_out_lists_and_leaves_short_dummies(home: Path) -> None:
    settings = ni.Settings({"JIMENG_API_TOKEN": TOKENS, "OPENAI_API_KEY": "none", "NOTEBOOK_IMG_HOME": str(home)})
    said = keys.redact(f"token jimeng-session-two-bbbb2222 is bad, none of {TOKENS}", key_services(settings), settings)
    hold_no_key(said, "the sentence")
    assert "none of" in said


def test_a_mark_recognises_a_key_without_telling_it(home: Path) -> None:
    settings = ni.Settings({"NOTEBOOK_IMG_HOME": str(home)})
    assert settings.key_mark(KEY) == settings.key_mark(KEY) != settings.key_mark(OTHER)
    hold_no_key(settings.key_mark(KEY), "the mark")
    if os.name != "nt":
        assert (home / "mark").stat().st_mode & 0o777 == 0o600


BROKEN = ["first-secret-abcdef\nsecond-secret-ghijkl", "ключ-secret-abcdef"]
SERVICES = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", ""),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
    "ark": ("ARK_API_KEY", "ARK_BASE_URL", "/api/v3"),
    "jimeng": ("JIMENG_API_TOKEN", "JIMENG_BASE_URL", ""),
    "openrouter": ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "/v1"),
    "zhipu": ("ZHIPU_API_KEY", "ZHIPU_BASE_URL", "/v1"),
}


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("key", BROKEN, ids=["two lines", "not ASCII"])
def test_a_key_no_header_can_carry_is_refused_before_anything_is_sent(service: Running, home: Path, name: str, key: str) -> None:
    variable, base, path = SERVICES[name]
    studio = ni.Studio(settings=ni.Settings({variable: key, base: f"{service.url}{path}", "NOTEBOOK_IMG_HOME": str(home)}, retries=0))
    with pytest.raises(AuthenticationError, match=f"{variable} contains a .*\\. Nothing was sent") as caught:
        studio.session("fox").generate("a fox", model=name)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "secret-" not in shown
    assert "abcdef" not in shown
    assert not service.requests()
    assert not studio.store.spend_rows(), "nothing was billed or counted"
    studio.close()


def test_a_list_of_logins_with_one_that_cannot_be_sent_costs_nothing(service: Running, home: Path) -> None:
    environ = {"JIMENG_API_TOKEN": "good-token-1234,bad;token-1234", "JIMENG_BASE_URL": service.url, "NOTEBOOK_IMG_HOME": str(home)}
    studio = ni.Studio(settings=ni.Settings(environ))
    with pytest.raises(NotebookImgError, match="Token 2"):
        studio.session("fox").generate("a fox", model="jimeng")
    assert [(row.state, row.cost) for row in studio.store.spend_rows()] == [("failed", 0.0)]
    studio.close()
