"""Keys: environment, kept key, Colab's userdata, in this order; kept in the keyring or in a file only the owner can read."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import pytest

from notebook_img import keys
from notebook_img.errors import AuthenticationError, NotFoundError, UsageError
from notebook_img.keys import Service
from notebook_img.providers import has_key, key_service, key_services
from notebook_img.providers.catalog import service_rows
from notebook_img.settings import Settings

KEY = "AIza-kept-key-0123456789-abcd"
GEMINI, OPENAI, ARK = (key_service(name, Settings({})) for name in ("gemini", "openai", "ark"))


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings({"NOTEBOOK_IMG_HOME": str(home)})


def test_without_a_keyring_a_key_lies_in_a_file_of_its_owner(settings: Settings, home: Path) -> None:
    where = keys.keep(GEMINI, f"  {KEY}\n", settings)
    assert str(home) in where
    assert KEY not in where
    assert keys.find(GEMINI, settings) == KEY
    [path] = [path for path in home.rglob("*") if path.is_file() and KEY in path.read_text(errors="replace")]
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    keys.keep(OPENAI, "sk-two", settings)
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    assert (keys.find(GEMINI, settings), keys.find(OPENAI, settings)) == (KEY, "sk-two")
    assert keys.forget(GEMINI, settings)
    assert not keys.forget(GEMINI, settings)
    assert keys.find(GEMINI, settings) is None
    assert keys.find(OPENAI, settings) == "sk-two"


def test_the_environment_comes_first(settings: Settings, home: Path) -> None:
    keys.keep(GEMINI, KEY, settings)
    both = Settings({"NOTEBOOK_IMG_HOME": str(home), "GEMINI_API_KEY": "from-environment"})
    assert keys.find(GEMINI, both) == "from-environment"
    assert keys.where(GEMINI, both) == "environment variable GEMINI_API_KEY"
    assert "kept in" in keys.where(GEMINI, settings)


def test_google_api_key_comes_before_gemini_api_key_as_in_the_sdk(home: Path) -> None:
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "GEMINI_API_KEY": "second", "GOOGLE_API_KEY": "first"})
    assert keys.find(GEMINI, settings) == "first"


def test_an_empty_variable_is_none(home: Path) -> None:
    assert keys.find(OPENAI, Settings({"NOTEBOOK_IMG_HOME": str(home), "OPENAI_API_KEY": "  "})) is None


def test_colabs_userdata_comes_last(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    userdata = types.SimpleNamespace(get=lambda name: {"GEMINI_API_KEY": "from-colab"}[name])
    colab = types.ModuleType("google.colab")
    colab.userdata = userdata  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    assert keys.find(GEMINI, settings) == "from-colab"
    assert keys.where(GEMINI, settings) == "Colab's userdata"
    keys.keep(GEMINI, KEY, settings)
    assert keys.find(GEMINI, settings) == KEY


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
        assert keys.keep(GEMINI, KEY, settings) == "the system keyring"
        assert Ring.kept == {("notebook_img", "gemini"): KEY}
        assert keys.find(GEMINI, settings) == KEY
        assert [path for path in home.rglob("*") if path.is_file()] == []
        assert keys.forget(GEMINI, settings)
        assert keys.find(GEMINI, settings) is None
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
        where = keys.keep(GEMINI, KEY, settings)
        assert str(home) in where
        assert keys.find(GEMINI, settings) == KEY
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak"])
def test_what_is_no_key_is_not_kept(settings: Settings, key: str) -> None:
    with pytest.raises(UsageError):
        keys.keep(GEMINI, key, settings)
    assert keys.find(GEMINI, settings) is None


def test_an_unknown_service_gets_the_nearest_name(settings: Settings) -> None:
    assert key_service("Gemini", settings) is GEMINI
    with pytest.raises(NotFoundError, match="Did you mean 'gemini'"):
        key_service("gemni", settings)


def test_a_damaged_file_counts_as_none(settings: Settings, home: Path) -> None:
    keys.keep(GEMINI, KEY, settings)
    (home / "keys.json").write_text("{")
    assert keys.find(GEMINI, settings) is None


UNSENDABLE = [
    ("first-half-aaaa1111\nsecond-half-bbbb2222", "a line break"),
    ("first-half-aaaa1111\r\n second-half-bbbb2222", "a line break"),
    ("ключ-half-aaaa1111", "a character outside ASCII"),
    ("half-aaaa1111\u200b", "a character outside ASCII"),
    ("half-aaaa\x001111", "a control character"),
]


@pytest.mark.parametrize(("key", "wrong"), UNSENDABLE)
def test_a_key_no_header_can_carry_is_refused_without_showing_it(home: Path, key: str, wrong: str) -> None:
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "ARK_API_KEY": key})
    with pytest.raises(AuthenticationError, match=f"ARK_API_KEY contains {wrong}. Nothing was sent") as caught:
        keys.find(ARK, settings)
    assert "half" not in str(caught.value)
    with pytest.raises(UsageError, match="no key") as refused:
        keys.keep(ARK, key, settings)
    assert "half" not in str(refused.value)
    assert not list(home.rglob("keys.json"))


def test_a_key_of_an_endpoint_of_ones_own_is_looked_at_too(home: Path) -> None:
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "MY_KEY": "schlüssel-1234"})
    with pytest.raises(AuthenticationError, match="the environment variable MY_KEY contains a character outside ASCII"):
        keys.find(Service("mine", "Mine", ("MY_KEY",)), settings)


def test_the_key_of_an_endpoint_of_ones_own_is_kept_and_taken_out_like_ours(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "endpoints.toml"
    table.write_text('[garage]\nbase_url = "http://garage.local:8000/v1"\nkey_variable = "GARAGE_KEY"\n')
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "NOTEBOOK_IMG_ENDPOINTS": str(table)})
    garage = key_service("garage", settings)
    keys.keep(garage, KEY, settings)
    assert keys.find(garage, settings) == KEY
    inside = Settings({"NOTEBOOK_IMG_HOME": str(home), "NOTEBOOK_IMG_ENDPOINTS": str(table), "GARAGE_KEY": "garage-key-012345"})
    assert keys.redact(f"{KEY}, garage-key-012345", key_services(inside), inside) == "[key], [key]"
    assert keys.redact_environment("garage-key-012345", key_services(inside), inside) == "[key]"
    table.write_text("this is no table")
    assert keys.redact(KEY, key_services(settings), settings) == "[key]", "a kept key is known though its owner cannot be read"


def test_a_kept_key_that_cannot_be_sent_names_the_way_to_set_it(settings: Settings, home: Path) -> None:
    (home / "keys.json").write_text(json.dumps({"gemini": "schlüssel-1234"}))
    with pytest.raises(AuthenticationError, match=r"the kept key contains .*keys set gemini"):
        keys.find(GEMINI, settings)


def test_a_key_that_cannot_be_sent_counts_as_set_and_is_listed_as_a_problem(home: Path) -> None:
    settings = Settings({"NOTEBOOK_IMG_HOME": str(home), "ARK_API_KEY": "käse-12345678", "GEMINI_API_KEY": KEY})
    assert keys.is_set(ARK, settings)
    assert has_key("ark", settings)
    states = {row["name"]: row["state"] for row in service_rows(settings)}
    assert "a character outside ASCII" in states["ark"]
    assert states["gemini"] == "ready", "the others are not held up"


def test_blanks_around_a_key_are_stripped(home: Path) -> None:
    assert keys.find(ARK, Settings({"NOTEBOOK_IMG_HOME": str(home), "ARK_API_KEY": " plain-key-0123 \r\n"})) == "plain-key-0123"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Bearer ark-key-1234567 is bad", "Bearer [key] is bad"),
        ("the key ending in 456789", "the key ending in [key]"),
        ("the key starting with ark-key-", "the key starting with [key]"),
        ("key sk-***789 of yours", "key [key] of yours"),
        ("ark-ke is a word, ark another", "ark-ke is a word, ark another"),
    ],
)
def test_pieces_of_a_key_are_taken_out_and_words_are_left(said: str, left: str) -> None:
    assert keys.scrubbed(said, "ark-key-123456789") == left


def test_a_short_dummy_is_no_secret() -> None:
    assert keys.scrubbed("none of it", "none") == "none of it"
