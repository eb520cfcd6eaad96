from __future__ import annotations

import re

import pytest

from notebook_img.display import Caption, Progress, Shot, boxes_overlay, figure, money, progress
from notebook_img.pictures import Box, Picture, image_bundle
from tests.display.pictures import HOSTILE, file_of, grows_by, noise, opened, page, picture, shown

FULL = Caption(
    id="fox/t7",
    parent="t6",
    model="gemini:gemini-3-pro-image",
    size=(512, 384),
    seconds=3.14,
    cost=0.034,
    today=0.12,
    file="night.png",
    note="first of two",
    who="claude-desktop",
)


def test_the_line_tells_everything_in_order() -> None:
    assert FULL.line() == (
        "fox/t7 from t6 · by claude-desktop · gemini:gemini-3-pro-image · first of two · 512 × 384 · 3.1 s · $0.034 · today $0.12 · saved night.png"
    )
    assert page(FULL.html()).text == FULL.line()


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        (Caption(), ""),
        (Caption(id="t1", model="ark:x", cost=None), "t1 · ark:x · cost unknown"),
        (Caption(id="t1", model="ollama:x", cost=0.0), "t1 · ollama:x · free"),
        (Caption(id="t1", model="local", cost=0.0, note="built-in, not AI"), "t1 · local · built-in, not AI"),
        (Caption(id="t1", model="gemini:x", cost=0.04, today=1, replayed="replayed"), "t1 · gemini:x · replayed"),
        (Caption(id="t1", seconds=125), "t1 · 2 min 5 s"),
        (Caption(id="t1", seconds=59.7), "t1 · 1 min"),
        (Caption(parent="t3"), "from t3"),
    ],
)
def test_what_is_not_known_is_not_mentioned(caption: Caption, words: str) -> None:
    assert caption.line() == words
    assert page(caption.html()).text == words


def test_money_is_never_rounded_to_nothing() -> None:
    assert [money(x) for x in (0, 12, 1.2, 0.12, 0.034, 0.0396, 0.004, 0.00042, 0.00001)] == [
        "$0.00", "$12.00", "$1.20", "$0.12", "$0.034", "$0.04", "$0.004", "$0.0004", "less than $0.0001",
    ]  # fmt: skip


def test_one_figure_readable_text_and_a_small_still_image_beside_it() -> None:
    bundle = figure([Shot(picture(), "t7", "Edited picture t7: make it night, 320 × 240")], FULL)
    assert set(bundle.data) == {"text/html", "image/jpeg", "text/plain"}
    read = page(bundle.html)
    assert len(read.images) == 1
    assert read.images[0]["alt"] == "Edited picture t7: make it night, 320 × 240"
    assert read.text == FULL.line()
    assert bundle.text == f"[Edited picture t7: make it night, 320 × 240]\n{FULL.line()}"
    assert bundle._repr_mimebundle_() == (bundle.data, bundle.metadata)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_4096_by_4096_of_noise_adds_less_than_150_kB(kind: str) -> None:
    bundle = figure([Shot(noise(4096, 4096, kind=kind), "t7")], FULL)
    assert grows_by(bundle.data, bundle.metadata) <= 150_000
    bundle = image_bundle(noise(4096, 4096, kind=kind))
    assert grows_by(bundle.data, bundle.metadata) <= 150_000


@pytest.mark.parametrize("count", [2, 4, 9, 16])
def test_a_grid_of_noise_adds_less_than_150_kB_altogether(count: int) -> None:
    bundle = figure([Shot(noise(700, 700, seed=k), f"t7.{k}") for k in range(1, count + 1)], FULL)
    assert grows_by(bundle.data, bundle.metadata) <= 150_000
    read = page(bundle.html)
    assert [image["alt"] for image in read.images] == [f"t7.{k}, 700 × 700" for k in range(1, count + 1)]
    assert all(f"t7.{k}" in read.text for k in range(1, count + 1))


def test_whatever_users_and_models_write_is_text() -> None:
    caption = Caption(id=HOSTILE, parent=HOSTILE, model=HOSTILE, file=HOSTILE, warnings=(HOSTILE,), note=HOSTILE, who=HOSTILE, text=HOSTILE)
    read = page(figure([Shot(picture(), HOSTILE, HOSTILE), Shot(picture(), HOSTILE)], caption, text=HOSTILE).html)
    assert len(read.images) == 2
    assert read.text.count("<script>") == 11
    assert read.images[0]["alt"] == HOSTILE


def test_it_reads_without_any_style() -> None:
    html = figure([Shot(picture(), "t7")], Caption(id="t7", warnings=("one", "two"), text="first\n\nsecond")).html
    bare = re.sub(r' (?:style|class)="[^"]*"', "", html)
    assert page(bare).text == "t7⚠ one⚠ two first second".replace("t7⚠", "t7 ⚠").replace("one⚠", "one ⚠")
    assert len(page(bare).named("br")) == 2


def test_every_warning_is_seen_in_html_and_in_text() -> None:
    bundle = figure([Shot(picture())], Caption(id="t7", warnings=("1K was used.", "frame 1 of 12")))
    assert page(bundle.html).text.count("⚠") == 2
    assert bundle.text.splitlines()[-2:] == ["Warning: 1K was used.", "Warning: frame 1 of 12"]


def test_two_prices_are_no_formula() -> None:
    # MathJax takes $0.034 · today $ for one; elements of their own and two classes keep it off.
    html = figure([Shot(picture(), "t7")], FULL).html
    assert html.count("<span>$</span>") == 2
    assert "tex2jax_ignore mathjax_ignore" in html


def test_icons_are_enlarged_with_hard_edges_and_pictures_are_not() -> None:
    icon = page(figure([Shot(picture(16, 16))], Caption()).html).images[0]
    assert (icon["width"], opened(shown(icon)).size) == ("128", (16, 16))
    assert "pixelated" in str(icon["style"])
    assert "pixelated" not in figure([Shot(picture())], Caption()).html


def test_a_long_prompt_makes_a_short_alternative_text() -> None:
    alt = page(figure([Shot(picture(), "t1", "word " * 500)], Caption()).html).images[0]["alt"]
    assert len(str(alt)) <= 240
    assert str(alt).endswith("word…")


def test_a_picture_alone_is_an_image_with_alternative_text() -> None:
    bundle = image_bundle(picture(1000, 500, name="cat.png"))
    assert set(bundle.data) == {"image/jpeg", "text/plain"}
    assert bundle.metadata == {"image/jpeg": {"alt": "cat.png, 1000 × 500", "width": 768, "height": 384}}
    assert bundle.text == "[cat.png, 1000 × 500]"
    transparent = Picture(file_of(noise(50, 50, 4).pil()))
    assert set(image_bundle(transparent).data) == {"image/png", "text/plain"}


def test_progress_says_what_how_long_and_why_it_waits() -> None:
    bundle = progress(Progress("gemini is painting", 7.2, waiting="too many requests, again in 12 s (2 of 4)"))
    assert bundle.text == "gemini is painting · 7.2 s · too many requests, again in 12 s (2 of 4)"
    read = page(bundle.html)
    assert read.text == bundle.text
    assert "value" not in read.named("progress")[0]


def test_progress_with_a_share_words_and_a_partial_picture() -> None:
    bundle = progress(Progress(HOSTILE, 61, 0.4, text=HOSTILE, picture=noise(2000, 2000)))
    read = page(bundle.html)
    assert read.named("progress")[0]["value"] == "0.400"
    assert "40%" in bundle.text
    assert "1 min 1 s" in bundle.text
    assert "not finished" in str(read.images[0]["alt"])
    assert grows_by(bundle.data) < 70_000


def test_boxes_are_drawn_where_they_are_and_labels_stay_inside() -> None:
    black = Picture(file_of(picture(400, 300).pil().point(lambda _: 0)))
    boxes = [Box("cat", 100, 80, 300, 220, 0.9), Box("edge", 390, 290, 400, 300), Box("", 0, 0, 60, 40), Box("outside", 500, 500, 600, 600)]
    seen = boxes_overlay(black, boxes)
    image = opened(seen.data).convert("RGB")
    assert image.size == (400, 300)
    red, green, blue = image.getpixel((100, 150))
    assert red > 180
    assert green > 140
    assert blue < 110
    assert sum(image.getpixel((200, 150))) < 60  # nothing inside
    assert sum(image.getpixel((350, 60))) < 60  # nor outside
    assert page(figure([Shot(seen, alt="Three boxes")], Caption(id="t3")).html).images[0]["alt"] == "Three boxes"


def test_labels_of_equal_boxes_do_not_cover_each_other() -> None:
    from notebook_img.display.overlays import _overlap, _place

    taken: list[tuple[float, float, float, float]] = []
    for _ in range(4):
        plate = _place((0, 0, 50, 10), (100, 100, 300, 250), (400, 300), taken, pad=3)[:4]
        assert not any(_overlap(plate, other) for other in taken)
        assert plate[0] >= 0
        assert plate[1] >= 0
        assert plate[2] <= 400
        assert plate[3] <= 300
        taken.append(plate)


def test_a_label_no_font_has_the_letters_of_is_drawn_as_its_number() -> None:
    place = (40, 60, 200, 180)

    def drawn(label: str) -> bytes:
        return boxes_overlay(picture(), [Box("", 5, 5, 30, 30), Box(label, *place)]).data

    assert drawn("\U000f1234 \U000f5678") == drawn("2") == drawn("")
    assert drawn("cat") != drawn("2")


def test_a_tiny_picture_is_enlarged_under_its_boxes() -> None:
    black = Picture(file_of(picture(8, 8).pil().point(lambda _: 0)))
    image = opened(boxes_overlay(black, [Box("cat", 1, 2, 5, 7)]).data).convert("RGB")
    assert image.size == (384, 384)
    yellow = [(x, y) for x in range(384) for y in range(384) if min(image.getpixel((x, y))[:2]) > 150 and image.getpixel((x, y))[2] < 110]
    scale = 384 // 8
    frame = [(x, y) for x, y in yellow if y > 2 * scale + 40]
    assert (min(x for x, _ in frame), max(x for x, _ in frame)) == pytest.approx((1 * scale, 5 * scale), abs=4)
    assert max(y for _, y in frame) == pytest.approx(7 * scale, abs=4)
    plate = [(x, y) for x, y in yellow if y < 2 * scale - 3]
    assert len(plate) > 200, "the label stands above the box"
