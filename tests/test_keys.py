"""Keys: environment, kept key, Colab's userdata, in this order; kept in the keyring or in a file only the owner can read."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from notebook_img import keys
from notebook_img.errors import NotFoundError, UsageError
from notebook_img.settings import Settings

KEY = "AIza-kept-key-0123456789-abcd"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings({"NOTEBOOK_IMG_HOME": str(home)})


def test_without_a_keyring_a_key_lies_in_a_file_of_its_owner(settings: Settings, home: Path) -> None:
    where = keys.keep("gemini", f"  {KEY}\n", settings)
    assert str(home) in where
    assert KEY not in where
    assert keys.find("gemini", settings) == KEY
    [path] = [path for path in home.rglob("*") if path.is_file() and KEY in path.read_text(errors="replace")]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    keys.keep("openai", "sk-two", settings)
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    assert (keys.find("gemini", settings), keys.find("openai", settings)) == (KEY, "sk-two")
    assert keys.forget("gemini", settings)
    assert not keys.forget("gemini", settings)
    assert keys.find("gemini", settings) is None
    assert keys.find("openai", settings) == "sk-two"


def test_the_environment_comes_first(settings: Settings, home: Path) -> None:
    keys.keep("gemini", KEY, settings)
    both = Settings({"NOTEBOOK_IMG_HOME": str(home), "GEMINI_API_KEY": "from-environment"})
    assert keys.find("gemini", both) == "from-environment"
    assert keys.where("gemini", both) == "environment variable GEMINI_API_KEY"
    assert "kept in" in keys.where("gemini", settings)


def test_google_api_key_comes_before_gemini_api_key_as_in_the_sdk(home: Path) -> None:
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "GEMINI_API_KEY": "second", "GOOGLE_API_KEY": "first"})
    assert keys.find("gemini", settings) == "first"


def test_an_empty_variable_is_none(home: Path) -> None:
    assert keys.find("openai", Settings({"NOTEBOOK_IMG_HOME": str(home), "OPENAI_API_KEY": "  "})) is None


def test_colabs_userdata_comes_last(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    userdata = types.SimpleNamespace(get=lambda name: {"GEMINI_API_KEY": "from-colab"}[name])
    colab = types.ModuleType("google.colab")
    colab.userdata = userdata  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert keys.find("gemini", settings) == "from-colab"
    assert keys.where("gemini", settings) == "Colab's userdata"
    keys.keep("gemini", KEY, settings)
    assert keys.find("gemini", settings) == KEY


def test_a_real_keyring_is_used_and_no_file_written(settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Ring(KeyringBackend):
        priority = 1  # type: ignore[assignment]
        kept: dict[tuple[str, str], str] = {}  # noqa: RUF012

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        assert keys.keep("gemini", KEY, settings) == "the system keyring"
        assert Ring.kept == {("notebook_img", "gemini"): KEY}
        assert keys.find("gemini", settings) == KEY
        assert [path for path in home.rglob("*") if path.is_file()] == []
        assert keys.forget("gemini", settings)
        assert keys.find("gemini", settings) is None
    finally:
        keyring.set_keyring(before)


def test_a_keyring_that_fails_falls_back_to_the_file(settings: Settings, home: Path) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringLocked

    class Locked(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            raise KeyringLocked

        def set_password(self, service: str, username: str, password: str) -> None:
            raise KeyringLocked

    before = keyring.get_keyring()
    keyring.set_keyring(Locked())
    try:
        where = keys.keep("gemini", KEY, settings)
        assert str(home) in where
        assert keys.find("gemini", settings) == KEY
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak"])
def test_what_is_no_key_is_not_kept(settings: Settings, key: str) -> None:
    with pytest.raises(UsageError):
        keys.keep("gemini", key, settings)
    assert keys.find("gemini", settings) is None


def test_an_unknown_service_gets_the_nearest_name(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'gemini'"):
        keys.keep("gemni", KEY, settings)


def test_a_damaged_file_counts_as_none(settings: Settings, home: Path) -> None:
    keys.keep("gemini", KEY, settings)
    (home / "keys.json").write_text("{")
    assert keys.find("gemini", settings) is None
