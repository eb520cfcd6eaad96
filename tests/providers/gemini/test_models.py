"""The model table is data: every row has a source and a date, and unknown names pass through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from notebook_img.providers.gemini import GeminiProvider, models
from notebook_img.settings import Settings


@pytest.mark.parametrize("row", models.MODELS, ids=lambda row: row.name)
def test_every_row_says_where_it_comes_from_and_when(row):
    assert models.CHECKED in row.source or models.THIRD in row.source
    sizes = row.capabilities.sizes
    assert row.price is None or set(sizes) <= set(row.price.per_picture)


def test_the_defaults_are_current_and_the_first_row_is_the_default():
    provider = GeminiProvider(Settings({}))
    assert provider.models()[0].name == provider.default_model("generate") == provider.default_model("edit")
    assert provider.model_info(provider.default_model("ask")).status == "current"
    assert provider.default_model("ask") in {row.name for row in provider.models() if "ask" in row.capabilities.kinds}


def test_retired_models_are_not_offered():
    names = {name for row in models.MODELS for name in (row.name, *row.aliases)}
    assert not [name for name in names if "imagen" in name or "image-preview" in name]


def test_an_unknown_name_passes_through_with_permissive_capabilities():
    row = models.info("gemini-9-image")
    assert (row.name, row.status, row.price) == ("gemini-9-image", "unknown", None)
    assert row.capabilities.aspect_ratios is None
    assert row.capabilities.sizes is None


@pytest.mark.parametrize(
    ("name", "found"), [("nano-banana", "gemini-nano-banana-2.1"), ("models/gemini-3-pro-image", "gemini-3-pro-image")]
)
def test_aliases_and_full_names_are_known(name, found):
    assert models.info(name).name == found


def test_the_sdk_is_not_imported_before_it_is_used():
    code = (
        "import sys\nfrom notebook_img.providers.gemini import GeminiProvider\nfrom notebook_img.settings import Settings\n"
        "p = GeminiProvider(Settings({})); p.models(); p.missing()\n"
        "print([m for m in ('google.genai', 'PIL', 'pydantic', 'httpx', 'httpx2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
