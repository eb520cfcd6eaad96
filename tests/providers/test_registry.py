"""Providers are found by entry points, listed without importing anything, and made once per settings."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, PathDistribution

import pytest

from notebook_img.errors import NotFoundError
from notebook_img.providers import close, get, key_services, names, registry, resolve
from notebook_img.providers.catalog import model_rows, own_options, service_rows
from notebook_img.providers.interface import Provider
from notebook_img.providers.local import LocalProvider
from notebook_img.settings import Settings
from notebook_img.studio.doctor import examine
from notebook_img.studio.studio import Studio


def test_the_built_in_engine_is_registered_like_any_other():
    assert "local" in names()
    assert names() == sorted(names())


def test_listing_imports_no_provider_and_no_sdk():
    code = (
        "import sys; from notebook_img.providers import names, resolve; names(); resolve('local');"
        "heavy = {'PIL', 'numpy', 'openai', 'google.genai', 'httpx', 'pydantic', 'notebook_img.providers.local'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_finding_whose_keys_there_are_loads_no_sdk_and_for_one_name_no_other_provider():
    code = (
        "import sys; from notebook_img.providers import has_key, key_services; from notebook_img.settings import Settings;"
        "has_key('ark', Settings()); print(sorted({'notebook_img.providers.gemini', 'notebook_img.providers.openai'} & set(sys.modules)));"
        "key_services(Settings());"
        "print(sorted({'PIL', 'numpy', 'openai', 'google.genai', 'httpx', 'pydantic', 'botocore', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["[]", "[]"]


def test_every_service_of_ours_that_wants_a_key_declares_it():
    assert {service.name for service in key_services(Settings({}))} >= {
        "ark", "gemini", "jimeng", "openai", "openrouter", "vision", "vllm", "zhipu",
    }  # fmt: skip
    for service in key_services(Settings({})):
        assert service.title
        assert service.variables
        assert service.page


def test_help_and_names_of_edits_load_neither_pil_nor_numpy():
    code = (
        "import sys; from notebook_img.providers.local import help_table, operation_names, operation_words;"
        "help_table(); operation_names(); operation_words(); print(sorted({'PIL', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_provider_is_made_once_per_settings():
    one, other = Settings(environ={}), Settings(environ={})
    assert get("local", one) is get("LOCAL", one)
    assert get("local", one) is not get("local", other)
    assert isinstance(get("local", one), LocalProvider)
    assert isinstance(get("local", one), Provider)


def test_closed_settings_get_a_new_one():
    settings = Settings(environ={})
    first = get("local", settings)
    close(settings)
    assert get("local", settings) is not first


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("local", ("local", "")), ("local:builtin", ("local", "builtin")), ("Local: a:b ", ("local", "a:b")), (" local ", ("local", ""))],
)
def test_a_model_is_split_at_the_first_colon(text, wanted):
    assert resolve(text) == wanted


@pytest.mark.parametrize("text", ["locl", "locl:builtin", "llava:13b", "", ":x"])
def test_an_unknown_provider_is_an_error_that_lists_the_known_ones(text):
    with pytest.raises(NotFoundError, match="local"):
        resolve(text)


def test_a_misspelt_provider_gets_the_near_name():
    with pytest.raises(NotFoundError, match="Did you mean 'local'"):
        get("locla", Settings(environ={}))


def test_a_provider_that_cannot_be_imported_says_so(monkeypatch):
    broken = EntryPoint("broken", "no_such_package_here:Provider", registry.GROUP)
    monkeypatch.setattr(registry, "_find", lambda name: broken)
    with pytest.raises(NotFoundError, match="cannot be loaded"):
        get("broken", Settings(environ={}))


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """A package beside ours whose provider raises when it is imported."""
    info = tmp_path / "zbroken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zbroken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\nzbroken = zbroken_module:Provider\n")
    (tmp_path / "zbroken_module.py").write_text("raise RuntimeError('no licence here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._entry_points.cache_clear()
    yield "zbroken"
    registry._entry_points.cache_clear()


def test_a_broken_package_stops_nobody_else(broken_package, home):
    settings = Settings(home=home)
    assert broken_package in registry.names(settings)
    assert broken_package not in dict(registry.loadable(settings))
    assert any(row["name"].startswith("local:") for row in model_rows(settings))
    assert own_options(settings)
    assert "gemini" in {service.name for service in key_services(settings)}
    assert "no licence here" in next(row["state"] for row in service_rows(settings) if row["name"] == broken_package)
    studio = Studio(settings=settings)
    assert studio.session("fox").edit("darker", "sample:chelsea").pictures
    assert any(finding.what == broken_package and "no licence" in finding.details for finding in examine(studio))
    with pytest.raises(NotFoundError, match="no licence here"):
        studio.session("fox").edit("darker", model=broken_package)
    studio.close()


def test_whose_providers_they_are_is_read_from_their_packages_once_and_not_for_each_call(monkeypatch):
    first = registry.provider_classes()
    read = []
    monkeypatch.setattr(PathDistribution, "read_text", lambda self, name: read.append(name))
    assert registry.provider_classes() == first
    assert read == []
    assert first[0].__module__.startswith("notebook_img.")
