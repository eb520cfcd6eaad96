"""Named endpoints: VISION_* for questions, one's own in a TOML file, what the doctor tells about them."""

from __future__ import annotations

import pytest

from notebook_img.errors import NotFoundError, UnreachableError, UnsupportedError, UsageError
from notebook_img.pictures.regions import RegionPlan
from notebook_img.studio.doctor import examine, tables_of
from tests.studio.conftest import KEY, jimeng_environ, openai_environ, png, spends


@pytest.fixture
def garage(service, tmp_path) -> dict[str, str]:
    """An environment with an endpoint of one's own."""
    service.control(models=["llava", "flux"], server=True, detail=False, single_image=True, key="garage-key-123456")
    file = tmp_path / "endpoints.toml"
    file.write_text(
        f'[garage]\nbase_url = "{service.url}/v1"\nkey_variable = "GARAGE_KEY"\nask_model = "llava"\nimage_model = "flux"\n'
        'images = "images"\nedits = true\nsingle_image = true\nresponse_format = "b64_json"\ndetail = false\n',
        encoding="utf-8",
    )
    return {"NOTEBOOK_IMG_ENDPOINTS": str(file), "GARAGE_KEY": "garage-key-123456"}


def test_an_endpoint_of_ones_own_works_by_its_name_everywhere(studio_of, garage):
    studio = studio_of(garage)
    session = studio.session("fox", model="garage")
    made = session.generate("a fox", size="512x512")
    edited = made.edit("make it night")
    answer = session.ask("What is this?")
    assert (made.model, edited.model, answer.model) == ("garage:flux", "garage:flux", "garage:llava")
    assert made.cost == 0.0
    with pytest.raises(UnsupportedError, match="level of detail"):
        session.ask("What is this?", detail="high")
    assert not spends(studio)
    assert "garage:llava" in [row["name"] for row in studio.models()]
    assert session.ask("Again?", png(), model="garage:llava").text


def test_a_misspelt_endpoint_names_the_near_one(studio_of, garage):
    with pytest.raises(NotFoundError, match="garage"):
        studio_of(garage).session("fox").ask("What?", png(), model="garag")


@pytest.mark.parametrize(
    ("text", "said"), [("[garage\n", "not valid TOML"), ("[garage]\nurl = 'x'\n", "unknown word 'url'"), ("[garage]\n", "needs a base_url")]
)
def test_a_broken_file_is_one_clear_sentence(studio_of, tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    studio = studio_of({"NOTEBOOK_IMG_ENDPOINTS": str(tmp_path / "mine.toml")})
    with pytest.raises(UsageError, match=said):
        studio.session("fox").ask("What?", png(), model="garage")
    assert any(finding.state == "problem" and said in finding.details for finding in examine(studio))


def test_vision_variables_set_the_endpoint_for_questions_only(studio_of, start, service):
    service.control(models=["qwen-vl", "gpt-image-2.6-sunburst"])
    vision = {"VISION_BASE_URL": f"{service.url}/v1", "VISION_API_KEY": KEY, "VISION_MODEL": "qwen-vl", "VISION_MAX_TOKENS": "77"}
    session = studio_of({**openai_environ(service), **vision, "VISION_TEMPERATURE": "0.2"}).session("fox")
    made = session.generate("a fox")
    answer = session.ask("What is it?")
    assert (made.model, answer.model) == ("openai:gpt-image-2.6-sunburst", "vision:qwen-vl")
    body = service.requests("chat")[0]["body"]
    assert (body["max_tokens"], body["temperature"]) == (77, 0.2)
    assert answer.cost == 0.0  # it is on this machine


def test_a_server_without_a_key_or_a_model_name_is_asked_what_it_has(studio_of, service):
    service.control(key="", models=["nomic-embed", "some-llm", "qwen2.5-vl-7b"], detail=False)
    studio = studio_of({"LMSTUDIO_BASE_URL": f"{service.url}/v1"})
    answer = studio.session("fox").ask("What is it?", png(), model="lmstudio")
    assert answer.model == "lmstudio:qwen2.5-vl-7b"
    assert answer.cost == 0.0


def test_a_server_that_does_not_run_says_where_it_was_looked_for(studio_of):
    studio = studio_of({"OLLAMA_BASE_URL": "http://127.0.0.1:9/v1"}, retries=0)
    with pytest.raises(UnreachableError, match="Ollama"):
        studio.session("fox").ask("What is it?", png(), model="ollama")


def details(studio, name: str, *, online: bool = True) -> str:
    found = [finding for finding in examine(studio, online=online) if finding.what == name]
    return "\n".join(text for finding in found for text in (finding.details, *dict(finding.facts).values()))


def test_the_doctor_says_online_what_each_endpoint_can_do(studio_of, service, garage):
    service.control(model_facts={"llava": {"type": "vlm"}})
    quiet = {
        "OLLAMA_BASE_URL": "http://127.0.0.1:9/v1",
        "LMSTUDIO_BASE_URL": "http://127.0.0.1:9/v1",
        "VLLM_BASE_URL": "http://127.0.0.1:9/v1",
    }
    studio = studio_of({**garage, **quiet}, retries=0)
    told = details(studio, "garage")
    assert "has 2 models: llava, flux" in told
    assert "these can see: llava" in told
    assert "answer questions, make pictures, edit pictures; nothing there is billed" in told
    assert "garage-key" not in told
    assert "127.0.0.1:9" in details(studio, "ollama")


def test_a_server_of_ones_own_is_ready_only_while_it_runs(studio_of, service):
    down = dict.fromkeys(("OLLAMA_BASE_URL", "LMSTUDIO_BASE_URL", "VLLM_BASE_URL"), "http://127.0.0.1:9/v1")
    studio = studio_of({**down, "OLLAMA_BASE_URL": f"{service.url}/v1"})
    here = {row["name"].partition(":")[0]: row["here"] for row in studio.models()}
    assert (here["ollama"], here["lmstudio"], here["vllm"]) == ("ready", "not running", "not running")
    findings = {finding.what: finding for finding in examine(studio)}
    assert (findings["ollama"].state, findings["lmstudio"].state) == ("ok", "missing")
    said = "LM Studio does not run: nothing listens at http://127.0.0.1:9/v1. Start it, or set LMSTUDIO_BASE_URL to where it is."
    assert findings["lmstudio"].details == said
    assert not service.requests(), "a connect, and no request"


def test_a_server_elsewhere_is_not_connected_to_before_it_is_asked(studio_of):
    studio = studio_of({"OLLAMA_BASE_URL": "http://192.0.2.1:11434/v1"})
    assert next(finding.state for finding in examine(studio) if finding.what == "ollama") == "ok"


def test_a_service_that_cannot_be_reached_is_never_called_ok_online(studio_of):
    studio = studio_of({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, retries=0)
    found = [finding for finding in examine(studio, online=True) if finding.what == "openai"]
    assert [finding.state for finding in found][-1] == "problem"
    title, rows = next(table for table in tables_of(found, lambda finding: finding.details) if table[0])
    assert title == "OpenAI"
    assert [word for word, _ in rows] == ["state", "key", "address", "pictures, edits", "questions", "problem"]
    assert "No connection" in rows[-1][1]


def test_offline_the_doctor_asks_nobody(studio_of, service, garage):
    assert details(studio_of(garage), "garage", online=False)
    assert not service.requests()


def test_a_key_the_endpoint_does_not_take_is_told_by_the_doctor(studio_of, service, garage):
    quiet = {
        "OLLAMA_BASE_URL": "http://127.0.0.1:9/v1",
        "LMSTUDIO_BASE_URL": "http://127.0.0.1:9/v1",
        "VLLM_BASE_URL": "http://127.0.0.1:9/v1",
    }
    told = details(studio_of({**garage, **quiet, "GARAGE_KEY": "wrong-key-987654321"}, retries=0), "garage")
    assert "refused the key" in told or "key" in told
    assert "987654321" not in told


def test_the_doctor_says_that_jimeng_is_an_undocumented_protocol(studio_of, jimeng):
    assert "undocumented web protocol" in details(studio_of({}), "jimeng", online=False)
    assert "undocumented web protocol" in details(studio_of(jimeng_environ(jimeng)), "jimeng", online=False)


def test_what_ones_own_file_says_a_model_takes_decides_the_region_and_what_is_sent(studio_of, garage, service):
    with open(garage["NOTEBOOK_IMG_ENDPOINTS"], "a", encoding="utf-8") as file:
        file.write(
            '[models."garage:flux"]\nmask = "native"\nmax_inputs = 1\naspect_ratios = ["1:1"]\npixel_sizes = false\nsizes = ["512"]\n'
        )
    turn = studio_of(garage).session("fox", model="garage").edit("a bee", png((300, 200)), mask="100,60,40,30")
    plan = RegionPlan.from_dict(turn.sent["region"])
    assert (plan.ratio, plan.size) == ("1:1", "512")
    assert plan.sends_mask
    assert not plan.sends_whole
    assert "mask" in [part["name"] for part in service.requests("images/edits")[-1]["body"]]
