"""Settings: what was set first, then the environment, then the default; every wrong value is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_img.errors import UsageError
from notebook_img.settings import Settings
from notebook_img.settings import person as settings_person
from notebook_img.store import this_person

DESIGNED = {
    "home": "NOTEBOOK_IMG_HOME",
    "model": "NOTEBOOK_IMG_MODEL",
    "budget": "NOTEBOOK_IMG_BUDGET",
    "replay": "NOTEBOOK_IMG_REPLAY",
    "replay_from": "NOTEBOOK_IMG_REPLAY_FROM",
    "allowed_dirs": "NOTEBOOK_IMG_ALLOWED_DIRS",
    "gemini_base_url": "GOOGLE_GEMINI_BASE_URL",
    "gemini_api_version": "GOOGLE_GENAI_API_VERSION",
    "google_cloud_project": "GOOGLE_CLOUD_PROJECT",
    "google_cloud_location": "GOOGLE_CLOUD_LOCATION",
    "google_vertex_base_url": "GOOGLE_VERTEX_BASE_URL",
    "google_credentials": "GOOGLE_APPLICATION_CREDENTIALS",
    "openai_base_url": "OPENAI_BASE_URL",
    "azure_endpoint": "AZURE_OPENAI_ENDPOINT",
    "azure_api_version": "OPENAI_API_VERSION",
    "vision_base_url": "VISION_BASE_URL",
    "vision_model": "VISION_MODEL",
    "vision_timeout": "VISION_TIMEOUT",
    "vision_max_tokens": "VISION_MAX_TOKENS",
    "vision_temperature": "VISION_TEMPERATURE",
    "vision_max_image_size": "VISION_MAX_IMAGE_SIZE",
    "vision_max_history": "VISION_MAX_HISTORY",
    "vision_enable_persistence": "VISION_ENABLE_PERSISTENCE",
    "vision_log_level": "VISION_LOG_LEVEL",
    "vision_history_path": "VISION_HISTORY_PATH",
    "ark_base_url": "ARK_BASE_URL",
    "jimeng_base_url": "JIMENG_BASE_URL",
    "fal_base_url": "FAL_BASE_URL",
}
"""The environment the design promises (section 9)."""


def test_every_promised_variable_is_read() -> None:
    table = Settings.table()
    assert {name: table[name].env[0] for name in DESIGNED} == DESIGNED


def test_every_setting_has_a_variable_and_a_sentence_of_help() -> None:
    for name, setting in Settings.table().items():
        assert setting.env, name
        assert setting.help.endswith("."), name


def test_code_comes_before_the_environment_and_that_before_the_default(tmp_path: Path) -> None:
    environ = {"NOTEBOOK_IMG_BUDGET": "7", "NOTEBOOK_IMG_HOME": str(tmp_path)}
    settings = Settings(environ)
    assert (settings.budget, settings.home, settings.preview) == (7.0, tmp_path, 768)
    settings.budget = 2
    assert settings.budget == 2
    settings.set("budget", None)
    assert settings.budget == 7
    environ["NOTEBOOK_IMG_BUDGET"] = "9"
    assert settings.budget == 9, "a setting is read when it is used"
    del environ["NOTEBOOK_IMG_BUDGET"]
    assert settings.budget == 5


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("budget", "many", "number"),
        ("budget", -1, "at least 0"),
        ("replay", "allways", "Did you mean 'always'"),
        ("preview", 10, "64"),
        ("preview", 100.5, "whole"),
        ("max_bytes", "big", "number"),
        ("verbose_errors", "maybe", "true or false"),
        ("timeout", "0", "at least 1"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_and_the_old_one_stays(name: str, value: object, says: str) -> None:
    settings = Settings({})
    before = getattr(settings, name)
    with pytest.raises(UsageError, match=says) as caught:
        settings.set(name, value)
    assert name in str(caught.value)
    assert getattr(settings, name) == before


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(UsageError, match="NOTEBOOK_IMG_BUDGET='lots'"):
        _ = Settings({"NOTEBOOK_IMG_BUDGET": "lots"}).budget


def test_an_unknown_setting_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="Did you mean 'budget'"):
        Settings({}, buget=3)
    with pytest.raises(UsageError, match="Did you mean 'replay'"):
        Settings({}).set("repaly", "off")


@pytest.mark.parametrize(("text", "size"), [("20MB", 20_000_000), ("500 kB", 500_000), ("1048576", 1_048_576), ("1.5g", 1_500_000_000)])
def test_sizes_take_units(text: str, size: int) -> None:
    assert Settings({"NOTEBOOK_IMG_MAX_BYTES": text}).max_bytes == size


def test_the_default_home_is_the_users_data_folder() -> None:
    import platformdirs

    assert Settings({}).home == Path(platformdirs.user_data_dir("notebook_img", appauthor=False))


def test_a_text_setting_refuses_what_is_no_text():
    with pytest.raises(UsageError, match="write text, not list"):
        Settings({}, replay=["restart"])


@pytest.mark.parametrize(
    ("environment", "in_home", "most"), [("2", "", 2.0), ("", "3.50", 3.5), ("2", "3.50", 2.0), ("4", "3.50", 3.5)], ids=str
)
def test_a_budget_from_the_environment_or_the_home_is_a_ceiling_that_is_only_lowered(tmp_path, environment, in_home, most) -> None:
    if in_home:
        (tmp_path / "budget").write_text(f"{in_home}\n")
    environ = {"NOTEBOOK_IMG_HOME": str(tmp_path), "NOTEBOOK_IMG_BUDGET": environment}
    settings = Settings(environ)
    assert settings.budget == most
    settings.budget = 1.0
    assert settings.budget == 1.0
    with pytest.raises(UsageError, match=rf"allows {most:g}, and here that can only be lowered"):
        settings.budget = most + 0.01
    assert settings.budget == 1.0
    with pytest.raises(UsageError, match="only be lowered"):
        Settings({"NOTEBOOK_IMG_BUDGET": environment}, budget=9, home=tmp_path)
    settings.budget = None
    assert settings.budget == most


def test_without_a_ceiling_a_budget_may_be_raised_and_one_that_comes_later_holds(tmp_path) -> None:
    settings = Settings({}, home=tmp_path, budget=20)
    assert settings.budget == 20
    (tmp_path / "budget").write_text("7")
    assert settings.budget == 7
    (tmp_path / "budget").write_text("much")
    with pytest.raises(UsageError, match=r"budget, the budget of this home, cannot be used: write a number of US dollars"):
        _ = settings.budget


@pytest.mark.parametrize(
    ("environment", "person"),
    [
        ({"NOTEBOOK_IMG_USER": " ann ", "JUPYTERHUB_USER": "ben"}, "ann"),
        ({"NOTEBOOK_IMG_USER": " ", "JUPYTERHUB_USER": "ben"}, "ben"),
        ({"LOGNAME": "carla"}, "carla"),
    ],
)
def test_who_works_is_one_person_for_the_books_agents_and_bills(
    environment: dict[str, str], person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTEBOOK_IMG_USER", "JUPYTERHUB_USER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(settings_person, "_login", settings_person._login.__wrapped__)  # without what it remembers
    assert Settings().person == this_person() == person


def test_nobody_is_named_on_a_bill_where_the_account_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_person, "_login", lambda: "")
    assert Settings(environ={}).person == ""
    for name in settings_person.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert this_person() == "you"
