"""What of a URL may be a key (a query, a user and password, the signature of a result) stands in nothing that is shown or shared."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import logging
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from mcp import Client
from PIL import Image

import notebook_img as ni
from notebook_img.cli import main
from notebook_img.errors import JobPendingError, NotebookImgError
from notebook_img.mcp.server import build
from notebook_img.mcp.work import Work
from notebook_img.studio import default
from tests.answering import answering
from tests.pictures.making import file

QUERY = "query-secret-Aa11Bb22Cc33"
PASSWORD = "proxy-secret-Dd44Ee55Ff66"
SIGNATURE = "signed-secret-Gg77Hh88Ii99"
SECRETS = (QUERY, PASSWORD, SIGNATURE)
CAT = file(Image.effect_noise((64, 48), 60).convert("RGB"))
KEY = "service-key-0123456789-zyx"


def hold_no_secret(text: str, where: str) -> None:
    found = [secret[:6] for secret in SECRETS if secret in text]
    assert not found, f"{found} in {where}: ...{text[max(0, text.find(found[0]) - 300) :][:500]}"


@dataclass
class Service:
    """A server that quotes the URL it was asked by, and signs the pictures it names."""

    mode: str = "echo"
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, headers: Any) -> tuple[int, bytes]:
        self.asked.append(path)
        picture = f"{self.url}/pictures/1.png?X-Signature={SIGNATURE}"
        said = f"cannot do {path} for {headers.get('Proxy-Authorization', '')} {SIGNATURE if '/pictures/' in path else ''}"
        if "/cat.png" in path:
            return 200, CAT
        if "/pictures/" in path:
            return 403, json.dumps({"error": {"message": said, "code": "x", "type": "y"}}).encode()
        if self.mode == "page":
            return 404, f"<html><title>{path}</title>{said}</html>".encode()
        if self.mode in {"pictures", "one of two"}:
            data = [{"url": picture}, *([{"b64_json": base64.b64encode(CAT).decode()}] if self.mode == "one of two" else [])]
            return 200, json.dumps({"created": 1, "model": "m", "data": data, "usage": {"generated_images": len(data)}}).encode()
        if self.mode == "odd":
            return 200, json.dumps({"error": said}).encode()
        return int(self.mode), json.dumps({"error": {"message": said, "code": "x", "type": "y"}, "detail": said}).encode()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    with answering(made.answer) as made.url:
        yield made


@pytest.fixture
def world(service: Service, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Service:
    """An environment whose base URLs hold a key in their query."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.chdir(tmp_path)
    (home / "endpoints.toml").write_text(
        f'[garage]\nbase_url = "{service.url}/v1?key={QUERY}"\nask_model = "seeing"\nimage_model = "flux"\nimages = "images"\nbilled = true\n'
    )
    for name, value in {
        "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{service.url}/v1?api_key={QUERY}",
        "VISION_BASE_URL": f"{service.url}/v1?code={QUERY}", "VISION_MODEL": "seeing",
        "GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": f"{service.url}/?key={QUERY}",
        "ARK_API_KEY": KEY, "ARK_BASE_URL": f"{service.url}/api/v3?key={QUERY}",
        "FAL_KEY": KEY, "FAL_BASE_URL": f"{service.url}?key={QUERY}",
        "JIMENG_API_TOKEN": KEY, "JIMENG_BASE_URL": f"http://me:{QUERY}@127.0.0.1:9",
        "NOTEBOOK_IMG_RETRIES": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return service


def all_of(error: BaseException | None) -> str:
    """Return everything an error says or holds, but for the whole answer it may carry, which a picture could be in."""
    held = {name: value for name, value in vars(error).items() if name != "text" or SIGNATURE not in value} if error else {}
    return "\n".join((*traceback.format_exception(error), repr(error), repr(held), str(error))) if error else ""


def by_shell(*words: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main(list(words))
    return out.getvalue()


def by_cells(*lines: str) -> str:
    shell = InteractiveShell.instance()
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            shell.run_line_magic("load_ext", "notebook_img")
            for line in lines:
                done = shell.run_cell(line)
                print(done.result, all_of(done.error_in_exec))
        return out.getvalue()
    finally:
        if default._default is not None:
            default._default.close()
            default._default = None
        InteractiveShell.clear_instance()


def by_agent(*calls: tuple[str, dict[str, Any]]) -> str:
    async def ask() -> str:
        async with Client(build(Work(studio), "all")) as client:
            return "\n".join([str(await client.call_tool(name, arguments)) for name, arguments in calls])

    with contextlib.closing(ni.Studio()) as studio:
        return asyncio.run(ask())


MODES = ("400", "401", "403", "404", "500", "page", "odd", "pictures", "429")
"""The last one is followed by none: the next call to the model would wait for a minute."""
ASKED = {
    "openai": ("generate", "ask"), "garage": ("generate", "ask"), "vision": ("ask",), "gemini": ("generate",), "ark": ("generate",),
    "fal": ("generate",), "jimeng": ("generate",),
}  # fmt: skip


@pytest.mark.parametrize("model", ASKED)
def test_a_service_that_quotes_its_url_gives_no_key_of_it_away(world: Service, model: str, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(ni.Studio()) as studio:
        session, said = studio.session("fox"), []
        studio.say = said.append
        for kind in ASKED[model]:
            for mode in MODES:
                world.mode = mode
                given = ("what is it?", "sample:chelsea") if kind == "ask" else ("a fox",)
                with pytest.raises(NotebookImgError) as caught:
                    getattr(session, kind)(*given, model=model)
                hold_no_secret(all_of(caught.value), f"the error of {model}, {kind}, {mode}")
        rows = studio.store.spend_rows()
        hold_no_secret("\n".join((*said, repr(rows), caplog.text)), "log, notices or rows")


PROXIES = ("http://me:{}@127.0.0.1:9", "http://{}@127.0.0.1:9", "http://me:{}@{}", "socks5://me:{}@127.0.0.1:9", "ftp://me:{}@127.0.0.1:9")


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxys_password_is_shown_nowhere(
    world: Service, proxy: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    for variable in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.format(PASSWORD, world.url.partition("//")[2]))
    for name, path in {"OPENAI": "/v1", "GOOGLE_GEMINI": "", "ARK": "/api/v3", "FAL": ""}.items():
        monkeypatch.setenv(f"{name}_BASE_URL", f"http://example.invalid{path}")
    with contextlib.closing(ni.Studio()) as studio:
        for mode in ("407", "502", "page"):
            world.mode = mode
            for model in ("openai", "gemini", "ark", "fal"):
                with pytest.raises(NotebookImgError) as caught:
                    studio.session("fox").generate("a fox", model=model)
                hold_no_secret(all_of(caught.value), f"the error of {model}, {mode}")
    hold_no_secret(by_shell("doctor", "--online"), "doctor --online")
    hold_no_secret(by_cells("%img", "%img doctor"), "%img")
    hold_no_secret(caplog.text, "the log")


def test_every_surface_keeps_a_base_urls_query_to_itself(world: Service, caplog: pytest.LogCaptureFixture) -> None:
    for words in (["doctor"], ["doctor", "--online", "--json"], ["models"], ["keys"], ["generate", "a fox", "-m", "garage"]):
        hold_no_secret(by_shell(*words), " ".join(words))
    hold_no_secret(by_shell("generate", "a fox", "-m", "garage", "--dry-run", "--json"), "a plan")
    told = by_cells(
        "%img", "%img doctor --online", "%config NotebookImg",
        "import notebook_img as ni\nni.Settings(), dict(ni.Settings())",
        "%imggen -m openai a fox", "%tb", "%xmode Verbose\n%imggen -m garage a fox", "%imgsession cost",
    )  # fmt: skip
    hold_no_secret(told, "cells")
    assert f"{world.url}/v1" in told, "what is no secret is shown"
    painting = {"prompt": "fox", "outputPath": "f.png", "model": "garage"}
    hold_no_secret(
        by_agent(("get_status", {}), ("get_image_config_info", {}), ("generate_image", painting), ("list_sessions", {})), "tools"
    )
    hold_no_secret(caplog.text, "the log")


def test_a_setting_with_a_key_in_its_url_is_listed_without_it(world: Service) -> None:
    settings = ni.Settings(openai_base_url=f"{world.url}/v1?key={QUERY}")
    assert settings.openai_base_url.endswith(QUERY)
    hold_no_secret(repr(settings) + repr(dict(settings)), "the list")


@pytest.mark.parametrize("model", ["openai", "garage", "ark"])
def test_the_signature_of_a_result_is_kept_with_its_job_and_shown_nowhere(
    world: Service, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ARK_BASE_URL", f"{world.url}/api/v3")
    world.mode = "pictures"
    with contextlib.closing(ni.Studio()) as studio:
        with pytest.raises(JobPendingError) as caught:
            studio.session("fox").generate("a fox", model=model)
        job = studio.store.jobs()[0]
        assert SIGNATURE in json.dumps(dict(job.service_state)), "or nobody could fetch it"
        hold_no_secret(all_of(caught.value) + repr(job), "the error or the job")
        with pytest.raises(NotebookImgError) as again:
            studio.resume(job.id)
        hold_no_secret(all_of(again.value), "the second error")
    hold_no_secret(by_shell("doctor"), "doctor")
    hold_no_secret(by_shell("show", "fox", "--json"), "show")
    hold_no_secret(
        by_cells("%img", "%imgsession fox", "%imgsession list", f"%imgsession resume {job.id}", "%imgsession export fox.zip"), "cells"
    )
    hold_no_secret(by_agent(("get_job", {"job_id": job.id}), ("list_sessions", {}), ("show_session", {"session": "fox"})), "tools")
    hold_no_secret(caplog.text, "the log")
    for packed in tmp_path.glob("*.zip"):
        with zipfile.ZipFile(packed) as opened:
            hold_no_secret("".join(opened.read(name).decode("latin-1") for name in opened.namelist()), packed.name)


def test_an_export_has_no_signature_of_a_picture_that_was_left(world: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARK_BASE_URL", f"{world.url}/api/v3")
    world.mode = "one of two"
    with contextlib.closing(ni.Studio()) as studio:
        turn = studio.session("fox").generate("a fox", n=2, model="ark")
        assert len(turn.pictures) == 1
        assert SIGNATURE in turn.got["unfetched"][0], "the way to the other one, which is paid for"
        studio.session("fox").export("fox.zip")
    with zipfile.ZipFile(tmp_path / "fox.zip") as opened:
        hold_no_secret(opened.read("sessions.json").decode(), "the export")
        assert b"/pictures/1.png" in opened.read("sessions.json")


def test_the_signature_of_a_picture_that_was_given_by_its_url_goes_no_further(
    world: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    signed = f"{world.url}/cat.png?X-Amz-Signature={SIGNATURE}"
    with contextlib.closing(ni.Studio()) as studio:
        turn = studio.session("fox").edit("resize to 32 px", signed, model="local")
        hold_no_secret(repr((turn, turn.record, turn.asked, turn.sent, turn.got, turn.inputs)) + turn.figure().text, "the turn")
    hold_no_secret(by_shell("show", "fox", "--json") + by_shell("tree", "fox"), "show")
    hold_no_secret(
        by_cells(
            f"%imgedit -s fox --model local {signed} resize to 20 px",
            "%imgsession tree",
            "%imgsession show t1",
            "%imgsession export fox.zip",
            "%imgsession export fox.py",
        ),
        "cells",
    )
    hold_no_secret(by_agent(("show_session", {"session": "fox"})), "tools")
    hold_no_secret(caplog.text, "the log")
    with zipfile.ZipFile(tmp_path / "fox.zip") as opened:
        hold_no_secret("".join(opened.read(name).decode("latin-1") for name in opened.namelist()), "the export")
