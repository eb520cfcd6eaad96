"""What the services said in November 2026, case by case, against the tables: a row that is changed by mistake is found here."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from notebook_img import providers
from notebook_img.errors import UnsupportedError
from notebook_img.providers.ark.models import row_of
from notebook_img.providers.ark.requests import body_of
from notebook_img.providers.interface import ModelInfo, Request
from notebook_img.providers.openai.endpoints import ENDPOINTS
from notebook_img.settings import Settings

LONG = {"long_from": 272_000, "long_factors": (2.0, 1.5)}
# Rates as the sources have them on 2026-11-28, US dollars per million tokens unless a row says otherwise.
PRICES: dict[str, dict[str, Any]] = {
    "gemini:gemini-nano-banana-2.1": {
        "per_picture": {"1K": 0.0336, "2K": 0.0504, "4K": 0.1134}, "text_in": 1.5, "text_out": 7.5, "image_out": 30.0,
    },
    "gemini:gemini-3-pro-image": {"text_in": 2.0, "text_out": 12.0, "image_out": 120.0},
    "gemini:gemini-3.1-flash-lite-image": {"per_picture": {"1K": 0.0336}, "text_in": 0.25, "text_out": 1.5, "image_out": 30.0},
    "gemini:gemini-3.1-flash-image": {"text_in": 0.5, "text_out": 3.0, "image_out": 60.0},
    "gemini:gemini-2.5-flash-image": {"text_in": 0.3, "text_out": 2.5, "image_out": 30.0},
    "gemini:gemini-3.8-flash": {"text_in": 0.75, "text_out": 3.75, "cached_in": 0.075, "until": "2026-12-31"},
    "gemini:gemini-3.5-flash-lite": {"text_in": 0.3, "text_out": 2.5},
    "gemini:gemini-4-argon": {"text_in": 2.0, "text_out": 10.0, "until": "2026-11-30"},
    "gemini:gemini-4-hydrogen": {"text_in": 1.5, "text_out": 7.5},
    "gemini:gemini-4-neon": {"text_in": 3.0, "text_out": 15.0},
    "openai:gpt-6.1-terra": {"text_in": 1.0, "text_out": 5.0, "cached_in": 0.05, **LONG},
    "openai:gpt-6.1-sol": {"text_in": 2.0, "text_out": 10.0, **LONG},
    "openai:gpt-5.5": {"text_in": 5.0, "text_out": 30.0},
    "openai:gpt-5.4": {"text_in": 2.5, "text_out": 15.0},
    "openai:gpt-5.4-mini": {"text_in": 0.75, "text_out": 4.5},
    "openai:gpt-6.2-sol": {"text_in": 2.0, "text_out": 10.0},
    "openai:gpt-6.2-astra": {"text_in": 8.0, "text_out": 40.0},
    **{
        f"openai:gpt-image-{name}": {
            "text_in": 5.0, "cached_in": 1.25, "image_in": 8.0, "cached_image_in": 2.0, "image_out": 30.0, "text_out": 10.0,
        }
        for name in ("2.6-sunburst", "2.6-flare", "2.5-sunburst", "2.5-flare", "2")
    },
    "openai:gpt-image-1.5": {"text_in": 5.0, "image_in": 8.0, "image_out": 32.0, "text_out": 10.0},
    "openai:gpt-image-1-mini": {"text_in": 2.0, "image_in": 2.5, "image_out": 8.0},
    "ark:seedream-5-5-261028": {"by_pixels": ((2_601_123, 0.020), (16_777_216, 0.035)), "per_reference": 0.008, "exact_size": 0.035},
    "ark:doubao-seedream-5-0-260128": {"per_picture": {"*": 0.035}},
    "ark:seedream-5-0-flash-260915": {"per_picture": {"*": 0.018}, "per_reference": 0.0},
    "ark:doubao-seedream-4-5-251128": {"per_picture": {"*": 0.04}},
    "fal:fal-ai/flux-2-pro": {"per_reference": 0.015},
}  # fmt: skip
LATER = {"gemini:gemini-3.8-flash": (1.5, 7.5), "gemini:gemini-4-argon": (4.0, 20.0)}
"""Rates in and out from the next day on."""
THIRD_PARTIES = {
    "gemini:gemini-3-pro-image", "gemini:gemini-3.1-flash-lite-image", "gemini:gemini-2.5-flash-image", "gemini:gemini-3.8-flash",
    "gemini:gemini-4-hydrogen", "openai:gpt-6.1-terra", "openai:gpt-6.2-astra", "openai:gpt-image-1.5", "ark:seedream-5-5-261028",
}  # fmt: skip
UNKNOWN = {
    "ark:doubao-seedream-5-0-pro-260628": "reseller", "ark:doubao-seedream-4-0-250828": "no price in US dollars",
    "fal:fal-ai/flux-2": "its price stands in no page", "fal:fal-ai/flux-pro/v1/fill": "its price stands in no page",
    "fal:fal-ai/birefnet/v2": "billed by seconds", "jimeng:jimeng-4.5": "credits",
}  # fmt: skip
"""No source names a price; the note says so."""


def row(name: str) -> ModelInfo:
    provider, _, model = name.partition(":")
    return providers.get(provider, Settings({})).model_info(model)


@pytest.mark.parametrize("name", PRICES)
def test_the_table_has_the_prices_of_the_sources(name: str) -> None:
    price = row(name).price
    assert price is not None
    held = dataclasses.asdict(price)
    assert {word: held[word] for word in PRICES[name]} == PRICES[name]
    if name in LATER:
        after = price.on("2027-01-01")
        assert (after.text_in, after.text_out) == LATER[name]
    assert name not in THIRD_PARTIES or price.about, "shown with 'about'"


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_price_no_source_has_is_unknown_and_said_to_be(name: str) -> None:
    assert row(name).price is None
    assert UNKNOWN[name] in row(name).note


def test_flux_2_pro_costs_three_cents_for_the_first_megapixel_and_half_of_that_for_each_further_one() -> None:
    price = row("fal:fal-ai/flux-2-pro").price
    assert price is not None
    assert [dollars for _, dollars in price.by_pixels[:2]] == [0.03, 0.045]


LIMITS: dict[str, dict[str, Any]] = {
    "gemini:gemini-nano-banana-2.1": {"sizes": ("1K", "2K", "4K"), "schema": False, "max_inputs": 14},
    "gemini:gemini-3.1-flash-lite-image": {"sizes": ("1K",)},
    "gemini:gemini-2.5-flash-image": {"sizes": ("1K",)},
    "ark:seedream-5-5-261028": {"sizes": ("1K", "1.5K", "2K"), "max_inputs": 10},
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_table_has_the_limits_of_the_sources(name: str) -> None:
    held = vars(row(name).capabilities)
    assert {word: held[word] for word in LIMITS[name]} == LIMITS[name]


ENDS = {
    "gemini:gemini-3.1-flash-image": ("retired", "2026-10-29"),
    "gemini:gemini-2.5-flash-image": ("deprecated", "2026-10-31"),
    "openai:gpt-image-1": ("retired", "2026-10-23"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_table_has_the_ends_of_the_sources_and_what_comes_after(name: str) -> None:
    found = row(name)
    assert (found.status, found.ends) == ENDS[name]
    assert row(f"{name.partition(':')[0]}:{found.successor}").status == "current"


@pytest.mark.parametrize(
    ("model", "has"), [("gpt-image-2.6-sunburst", True), ("gpt-image-2.6-flare", True), ("gpt-image-2.5-sunburst", False)]
)
def test_complexity_is_an_option_of_2_6_alone(model: str, has: bool) -> None:
    assert ("complexity" in {option.name for option in row(f"openai:{model}").capabilities.options}) is has


def test_ollama_edits_nothing_and_its_note_says_why() -> None:
    assert not ENDPOINTS["ollama"].edits
    assert "ignored" in ENDPOINTS["ollama"].note


def test_a_waiting_time_at_fal_is_our_own() -> None:
    assert Settings({}).fal_deadline == 600


def test_seedream_5_5_takes_a_transparent_background_and_not_as_jpeg() -> None:
    found = row_of("seedream-5-5-261028")
    [background] = [option for option in found.info.capabilities.options if option.name == "background"]
    assert background.choices == ("auto", "transparent", "opaque")
    with pytest.raises(UnsupportedError, match="format=png"):
        body_of(found, Request("generate", "a", "x", options={"background": "transparent", "format": "jpeg"}), "x", [])
