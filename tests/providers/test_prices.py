"""What a reply costs is what the vendor's own arithmetic gives, on the day of the call, and estimates hold it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from PIL import Image

from notebook_img import providers
from notebook_img.pictures import Picture
from notebook_img.providers.interface import ModelInfo, PastTurn, Price, Request, Usage
from notebook_img.providers.pricing import Made, cost_of, end_of, price_on
from notebook_img.settings import Settings
from tests.pictures.making import file

DAY = "2026-11-28"
PAID = ("gemini", "openai", "ark")
M = 1e6


def row(name: str) -> ModelInfo:
    provider, _, model = name.partition(":")
    return providers.get(provider, Settings({})).model_info(model)


def usage(**by: int) -> Usage:
    return Usage(by_modality=by)


# The model, what the service counted, its pictures, and the vendor's arithmetic with its source.
CASES: list[tuple[str, Usage, Made | None, float, str]] = [
    ("gemini:gemini-nano-banana-2.1", usage(input_text=10, output_image=1120), Made(1, "1K"), 10 * 1.5 / M + 0.0336, "price page: 1K"),
    ("gemini:gemini-nano-banana-2.1", usage(input_text=10, output_image=1680), Made(1, "2K"), 10 * 1.5 / M + 0.0504, "price page: 2K"),
    ("gemini:gemini-nano-banana-2.1", usage(output_image=3780), Made(1, "4K"), 0.1134, "price page: 4K"),
    (
        "gemini:gemini-nano-banana-2.1",
        usage(input_text=20, input_image=1120, output_image=1120, output_text=30, thought=400),
        Made(1, "1K"),
        (1140 * 1.5 + 1120 * 30 + 430 * 7.5) / M,
        "litellm 44983: words and thoughts 7.50",
    ),
    ("gemini:gemini-3-pro-image", usage(input_image=560, thought=900, output_image=1120), Made(1, "1K"), 0.00112 + 0.0108 + 0.1344, "repo"),
    ("gemini:gemini-3.1-flash-lite-image", usage(input_text=100, output_image=1120), Made(1, "1K"), 100 * 0.25 / M + 0.0336, "promptfoo"),
    ("gemini:gemini-3.1-flash-image", usage(output_image=1120), Made(1, "1K"), 0.0672, "price page: 60 a million"),
    ("gemini:gemini-3.1-flash-image", usage(input_text=1000, thought=100), Made(0), (1000 * 0.5 + 100 * 3) / M, "genai-prices: refused"),
    ("gemini:gemini-2.5-flash-image", usage(input_text=1000, output_image=1290), Made(1, "1K"), 0.0003 + 0.0387, "repo: 0.039 a picture"),
    (
        "gemini:gemini-3.8-flash",
        usage(input_text=1000, input_image=1090, output_text=200, thought=300),
        None,
        (2090 * 0.75 + 500 * 3.75) / M,
        "39357",
    ),
    (
        "gemini:gemini-3.8-flash",
        usage(input_text=2000, cached=1000, output_text=200),
        None,
        (1000 * 0.75 + 1000 * 0.075 + 200 * 3.75) / M,
        "39357",
    ),
    # Without details of the answer, the total tells whether the thoughts are in it.
    ("gemini:gemini-3.8-flash", Usage(1000, 1000, 2800, {"thought": 800}), None, (1000 * 0.75 + 1800 * 3.75) / M, "beside it"),
    ("gemini:gemini-3.8-flash", Usage(1000, 1000, 2000, {"thought": 800}), None, (1000 * 0.75 + 1000 * 3.75) / M, "in it"),
    ("gemini:gemini-3-pro-image", Usage(300, 1120, 2220, {"thought": 800}), Made(1, "1K"), 0.0006 + 0.0096 + 0.1344, "beside it"),
    ("gemini:gemini-3.5-flash-lite", usage(input_text=1000, output_text=100), None, (1000 * 0.3 + 100 * 2.5) / M, "genai-prices"),
    ("gemini:gemini-4-argon", usage(input_text=2000, cached=1000, output_text=100), None, (2000 + 100 + 1000) / M, "genai-prices"),
    ("gemini:gemini-4-hydrogen", usage(input_text=1000, output_text=100), None, (1000 * 1.5 + 100 * 7.5) / M, "TokenMeter"),
    ("gemini:gemini-4-neon", usage(input_text=1000, output_text=100), None, (1000 * 3 + 100 * 15) / M, "TokenMeter"),
    *(
        (f"openai:{name}", usage(input_text=50, input_image=1000, output_image=4160), Made(1), (250 + 8000 + 4160 * 30) / M, "model page")
        for name in ("gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-2.5-sunburst", "gpt-image-2.5-flare", "gpt-image-2")
    ),
    (
        "openai:gpt-image-2.6-sunburst",
        usage(input_text=1000, input_image=1000, cached=1000, output_image=1000),
        Made(1),
        (500 * 5 + 500 * 1.25 + 500 * 8 + 500 * 2 + 1000 * 30) / M,
        "model page: half of each was cached",
    ),
    ("openai:gpt-image-1.5", usage(input_text=50, input_image=1000, output_image=1056), Made(1), (250 + 8000 + 1056 * 32) / M, "repo"),
    (
        "openai:gpt-image-1",
        usage(input_text=50, input_image=1000, output_image=1056),
        Made(1),
        (250 + 10_000 + 1056 * 40) / M,
        "genai-prices",
    ),
    ("openai:gpt-image-1-mini", usage(input_text=50, input_image=1000, output_image=1056), Made(1), (100 + 2500 + 1056 * 8) / M, "repo"),
    ("openai:gpt-6.1-terra", usage(input_text=1000, output_text=60, thought=40), None, (1000 * 1 + 100 * 5) / M, "litellm blog"),
    ("openai:gpt-6.1-terra", usage(input_text=300_000, output_text=100), None, (300_000 * 2 + 100 * 7.5) / M, "litellm blog: above 272K"),
    ("openai:gpt-6.1-terra", usage(input_text=2000, cached=1000, output_text=0), None, (1000 * 1 + 1000 * 0.05) / M, "litellm blog"),
    ("openai:gpt-6.1-sol", usage(input_text=1000, output_text=100), None, (1000 * 2 + 100 * 10) / M, "litellm blog"),
    ("openai:chatgpt-image-latest", usage(input_text=50, output_image=1056), Made(1), (250 + 1056 * 32) / M, "genai-prices"),
    ("openai:gpt-6-astra", usage(input_text=1000, output_text=100), None, (1000 * 10 + 100 * 50) / M, "genai-prices"),
    ("openai:gpt-6-sol", usage(input_text=1000, output_text=100), None, (1000 * 2 + 100 * 10) / M, "genai-prices"),
    ("openai:gpt-6-luna", usage(input_text=1000, output_text=100), None, (1000 * 0.1 + 100 * 0.5) / M, "genai-prices"),
    ("openai:gpt-5.5", usage(input_text=1000, output_text=100), None, (1000 * 5 + 100 * 30) / M, "repo"),
    ("openai:gpt-5.4", usage(input_text=1000, output_text=100), None, (1000 * 2.5 + 100 * 15) / M, "repo"),
    ("openai:gpt-5.4-mini", usage(input_text=1000, output_text=100), None, (1000 * 0.75 + 100 * 4.5) / M, "repo"),
    ("openai:gpt-6.2-sol", usage(input_text=1000, output_text=100), None, (1000 * 2 + 100 * 10) / M, "TokenMeter"),
    ("openai:gpt-6.2-astra", usage(input_text=1000, output_text=100), None, (1000 * 8 + 100 * 40) / M, "TokenMeter"),
    ("ark:doubao-seedream-5-0-260128", Usage(), Made(4, "2K", 4_194_304), 0.14, "BytePlus"),
    ("ark:seedream-5-5-261028", Usage(), Made(1, "1.5K", 1536 * 1536), 0.020, "rate card, up to 2,601,123 pixels"),
    ("ark:seedream-5-5-261028", Usage(), Made(2, "2K", 2048 * 2048, references=3), 2 * (0.035 + 3 * 0.008), "rate card"),
    ("ark:seedream-5-0-flash-260915", Usage(), Made(1, "2K", 4_194_304, references=5), 0.018, "references free"),
    ("ark:doubao-seedream-4-5-251128", Usage(), Made(1, "4K", 16_777_216), 0.04, "BytePlus"),
]


@pytest.mark.parametrize(("model", "counted", "made", "dollars", "source"), CASES, ids=[f"{case[0]}-{case[4]}" for case in CASES])
def test_a_reply_costs_what_the_vendors_arithmetic_gives(model, counted, made, dollars, source):
    assert source
    assert cost_of(counted, row(model), made, day=DAY) == pytest.approx(dollars)


@pytest.mark.parametrize("provider", PAID)
def test_every_model_with_a_price_has_a_case(provider):
    priced = {f"{provider}:{info.name}" for info in providers.get(provider, Settings({})).models() if info.price is not None}
    assert priced == {case[0] for case in CASES if case[0].startswith(f"{provider}:")}


@pytest.mark.parametrize("provider", PAID)
def test_every_price_says_where_it_is_from_and_when_and_about_where_it_rests_on_third_parties(provider):
    for info in providers.get(provider, Settings({})).models():
        price = info.price
        while price is not None:
            assert price.source, info.name
            assert price.checked.startswith("2026-"), info.name
            assert not price.about or "third part" in price.source, info.name
            price = price.then


def test_a_price_holds_from_day_to_day():
    flash = row("gemini:gemini-3.8-flash")
    counted = usage(input_text=1_000_000)
    assert [cost_of(counted, flash, day=day) for day in ("2026-12-31", "2027-01-01")] == [0.75, 1.50]
    assert price_on(flash, "2030-06-01").text_out == 7.50
    argon = row("gemini:gemini-4-argon")
    assert [cost_of(counted, argon, day=day) for day in ("2026-11-30", "2026-12-01")] == [2.0, 4.0]


def test_tokens_without_a_kind_are_counted_all_the_same():
    """Some answers count tokens and do not say of what."""
    terra, picture = row("openai:gpt-6.1-terra"), row("openai:gpt-image-2.6-sunburst")
    assert cost_of(Usage(1000, 100), terra, day=DAY) == pytest.approx((1000 + 500) / M)
    assert cost_of(Usage(50, 1000), picture, Made(1), day=DAY) == pytest.approx((250 + 30_000) / M)
    assert cost_of(Usage(50, 100, by_modality={"thought": 60}), terra, day=DAY) == pytest.approx((50 + 500) / M)


@pytest.mark.parametrize(("counted", "made"), [(Usage(), None), (usage(input_image=5), Made(1, "8K")), (Usage(), Made(1, "8K"))])
def test_what_the_table_does_not_say_is_unknown(counted, made):
    assert cost_of(counted, dataclasses.replace(row("gemini:gemini-3-pro-image"), price=Price({"1K": 0.1})), made) is None


SIZES: list[tuple[str, str, dict[str, Any], tuple[float, float]]] = [
    # The price of a question depends on how much is answered; GPT-6 reads 1024 x 1024 as 1,229 tokens and a 12-megapixel photograph as 14,364.
    ("openai:gpt-6.1-terra", "ask", {"inputs": (1024, 1024)}, ((1230 + 500) / M, (1230 + 10_000) / M)),
    ("openai:gpt-6.1-terra", "ask", {"inputs": (4032, 3024)}, ((14_365 + 500) / M, (14_365 + 10_000) / M)),
    ("openai:gpt-6.1-terra", "ask", {"inputs": (4032, 3024), "detail": "high"}, ((2941 + 500) / M, (2941 + 10_000) / M)),
    ("openai:gpt-image-2.6-sunburst", "generate", {"options": {"quality": "low"}}, ((5 + 816 * 30) / M, (5 + 1088 * 30) / M)),
    ("openai:gpt-image-2.5-sunburst", "generate", {"options": {"quality": "high"}}, ((5 + 4160 * 30) / M, (5 + 4160 * 30) / M)),
    ("gemini:gemini-3.8-flash", "ask", {"inputs": (4032, 3024)}, ((1121 * 0.75 + 375) / M, (1121 * 0.75 + 7500) / M)),
    (
        "gemini:gemini-nano-banana-2.1",
        "generate",
        {"count": 2, "size": "4K"},
        (2 * 0.1134 + 3 / M, 2 * 0.1134 + 2 * 1500 * 7.5 / M + 3 / M),
    ),
    ("ark:seedream-5-5-261028", "generate", {"size": "1.5K"}, (0.020, 0.020)),
    ("ark:seedream-5-5-261028", "generate", {"size": "1280x1280"}, (0.020, 0.035)),
    ("ark:seedream-5-5-261028", "generate", {}, (0.035, 0.035)),
]


@pytest.mark.parametrize(("model", "kind", "wish", "dollars"), SIZES)
def test_an_estimate_is_a_range_by_what_is_asked_and_its_top_is_what_counts(model, kind, wish, dollars):
    provider = providers.get(model.partition(":")[0], Settings({}))
    given = {"inputs": (Picture(file(Image.new("L", wish["inputs"]))),)} if "inputs" in wish else {}
    request = Request(kind, "a", model.partition(":")[2], day=DAY, **{**wish, **given})
    assert provider.price_range(request) == pytest.approx(dollars, rel=1e-4)
    assert provider.estimate(request) == pytest.approx(dollars[1], rel=1e-4)


def test_a_history_that_is_sent_whole_counts_at_most_again():
    shown = Picture(file(Image.new("L", (8, 8))))
    turn = PastTurn("t1", "edit", "a" * 400, "gemini:x", "b" * 40, (shown,), (), (shown,), "", lambda: None)
    provider = providers.get("gemini", Settings({}))
    request = Request("edit", "a", "gemini-nano-banana-2.1", inputs=(shown,), past=(turn, turn), day=DAY)
    window, full = (provider.price_range(dataclasses.replace(request, history=kind)) for kind in ("window", "full"))
    assert full.low == window.low
    assert full.high - window.high == pytest.approx(2 * (100 + 10 + 2 * 1120) * 1.5 / M, rel=0.01)


def test_a_model_is_warned_of_from_thirty_days_before_its_end():
    ending = row("gemini:gemini-2.5-flash-image")
    assert [bool(end_of(ending, day)) for day in ("2026-09-30", "2026-10-01", "2026-10-31", "2027-05-01")] == [False, True, True, True]
    assert (
        end_of(ending, "2026-10-31") == "By our table gemini-2.5-flash-image ends on 2026-10-31; its successor is gemini-nano-banana-2.1."
    )
    assert (
        end_of(ending, "2026-11-01") == "By our table gemini-2.5-flash-image ended on 2026-10-31; its successor is gemini-nano-banana-2.1."
    )
    assert end_of(row("gemini:gemini-nano-banana-2.1"), "2099-01-01") == ""


@pytest.mark.parametrize("provider", PAID)
def test_a_successor_is_a_current_model_of_the_same_table(provider):
    rows = {info.name: info for info in providers.get(provider, Settings({})).models()}
    assert {rows[info.successor].status for info in rows.values() if info.successor} <= {"current"}
    assert all(info.successor for info in rows.values() if info.ends)


def test_imagen_is_answered_with_what_its_users_are_told_to_take():
    assert row("gemini:imagen-4.0-fast-generate-001").successor == "gemini-nano-banana-2.1"


def test_the_nightly_check_names_each_difference():
    from benchmarks.prices import differences

    ours = [
        ModelInfo("same", row("gemini:gemini-nano-banana-2.1").capabilities, price=Price(text_in=1.0, text_out=2.0)),
        ModelInfo("other", row("gemini:gemini-nano-banana-2.1").capabilities, price=Price(text_in=1.0, text_out=2.0)),
        ModelInfo("painter", row("gemini:gemini-nano-banana-2.1").capabilities, price=Price(text_in=5.0, image_out=30.0, text_out=10.0)),
        ModelInfo("unknown", row("gemini:gemini-nano-banana-2.1").capabilities),
        ModelInfo("ours alone", row("gemini:gemini-nano-banana-2.1").capabilities, price=Price(text_in=9.0)),
    ]
    theirs = {
        "same": {"text_in": 1.0, "text_out": 2.0},
        "other-preview": {"text_in": 1.5, "text_out": 2.0, "cached_in": 0.1},
        "painter": {"text_in": 5.0, "text_out": 40.0},
        "unknown": {"text_in": 3.0},
    }
    assert list(differences(ours, theirs, DAY)) == [
        "other: text_in is $1 here, $1.5 there",
        "other: cached_in is not known here, $0.1 there",
        "painter: image_out is $30 here, $40 there",
        "unknown: we have no price, they have text_in $3",
    ]
