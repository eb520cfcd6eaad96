from __future__ import annotations

import math
import re
import sys

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from notebook_img.display import compare, measure
from notebook_img.display.differences import confront, heat
from notebook_img.pictures import Picture
from tests.display.pictures import HOSTILE, file_of, grows_by, noise, page, picture


def changed_in_a_corner(one: Picture) -> Picture:
    values = one.array()
    values[10:60, 20:120] = 255 - values[10:60, 20:120]
    return Picture(file_of(values))


def test_numbers_are_those_of_numpy_and_scikit_image() -> None:
    a, b = picture(330, 270), changed_in_a_corner(picture(330, 270))
    x, y = a.array(), b.array()
    gap = np.abs(x.astype(int) - y.astype(int)).max(axis=2)
    numbers = measure(a, b)
    assert numbers.psnr == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255))
    assert numbers.ssim == pytest.approx(structural_similarity(x, y, channel_axis=2, data_range=255))
    assert numbers.changed == pytest.approx((gap > 8).mean())
    assert numbers.touched == pytest.approx((gap > 0).mean())
    assert numbers.mean == pytest.approx(np.abs(x.astype(int) - y.astype(int)).mean())
    left, top, right, bottom = numbers.box or ()
    assert 20 <= left <= right <= 120
    assert 10 <= top <= bottom <= 60


def test_equal_pictures_are_said_to_be_equal() -> None:
    numbers = measure(picture(), picture())
    assert (numbers.psnr, numbers.ssim, numbers.changed, numbers.box) == (math.inf, 1.0, 0.0, None)
    bundle = compare(picture(), picture(), ("t3", "t7"))
    assert bundle.text == "t3 and t7: every pixel is the same · both 320 × 240"
    assert "Drag" not in bundle.html


def test_another_size_is_brought_to_the_first_and_said() -> None:
    half = Picture(file_of(picture().pil().resize((160, 120))))
    numbers = measure(picture(), half)
    assert (numbers.size_a, numbers.size_b) == ((320, 240), (160, 120))
    assert numbers.psnr > 30
    assert "brought to the size of the first (320 × 240)." in numbers.notes[0]
    assert "stretched" in measure(picture(), picture(240, 240)).notes[0]
    assert "size 320 × 240 to 160 × 120" in compare(picture(), half).text


def test_a_change_of_transparency_only_is_a_change() -> None:
    white = np.full((50, 50, 4), 255, np.uint8)
    clear = white.copy()
    clear[:25, :, 3] = 0
    numbers = measure(Picture(file_of(white)), Picture(file_of(clear)))
    assert numbers.changed == 0.5
    assert numbers.psnr == math.inf
    assert any("ransparen" in note for note in numbers.notes)


def test_a_large_pair_is_measured_whole_but_for_ssim() -> None:
    a = picture(2200, 1500)
    values = a.array()
    values[1499, 2199] ^= 255
    numbers = measure(a, Picture(file_of(values)))
    assert numbers.touched == pytest.approx(1 / (2200 * 1500))
    assert numbers.box == (2199, 1499, 2200, 1500)
    assert any(note.startswith("SSIM was computed at") for note in numbers.notes)
    assert "less than 0.1 %" in numbers.parts()[0]


def test_without_scikit_image_ssim_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    bundle = compare(picture(), picture(seed=1))
    assert "SSIM is left out: it needs scikit-image" in bundle.text
    assert "SSIM 0" not in bundle.text


def test_pictures_too_small_for_ssim_are_compared_all_the_same() -> None:
    bundle = compare(picture(1, 1), noise(1, 1))
    assert "SSIM is left out" in bundle.text
    page(bundle.html)


def test_one_changed_pixel_is_seen_in_the_map() -> None:
    values = picture(2000, 1000).array()
    values[700, 1300] ^= 128
    compared = confront(picture(2000, 1000), Picture(file_of(values)))
    drawn, _ = heat(compared.gaps, 320)
    assert max(drawn.size) <= 320
    bright = np.argwhere(np.asarray(drawn).sum(axis=2) > 300)
    assert len(bright) == 1
    assert abs(bright[0][0] / drawn.height - 0.7) < 0.01
    assert abs(bright[0][1] / drawn.width - 0.65) < 0.01


def test_side_by_side_slider_and_map_without_a_script() -> None:
    bundle = compare(picture(), picture(seed=2), ("t3", "t7"))
    read = page(bundle.html)
    assert [image["alt"] for image in read.images][:2] == ["t3, side by side", "t7, side by side"]
    assert str(read.images[2]["alt"]).startswith("Difference of t3 and t7")
    assert "resize:horizontal" in bundle.html
    for word in ("PSNR", "SSIM", "of the pixels changed", "difference"):
        assert word in read.text


def test_without_styles_the_slider_is_two_named_pictures() -> None:
    html = compare(picture(), picture(seed=2), ("t3", "t7")).html
    read = page(re.sub(r' (?:style|class)="[^"]*"', "", html))
    assert [image["alt"] for image in read.images][3:] == ["t7, large", "t3, large"]


def test_untrusted_html_gets_two_whole_pictures() -> None:
    # JupyterLab leaves `position` but not `resize` there; one without the other would hide half of a picture.
    html = compare(picture(), picture(seed=2)).html
    assert "position:absolute" not in html
    assert html.count("position:var(--none,absolute)") == 5


def test_a_comparison_of_noise_stays_below_150_kB() -> None:
    bundle = compare(noise(1200, 1200), noise(1200, 1200, seed=1), ("a", "b"))
    assert grows_by(bundle.data, bundle.metadata) <= 150_000


def test_names_are_text() -> None:
    read = page(compare(picture(), picture(seed=2), (HOSTILE, "b")).html)
    assert len(read.images) == 5
    assert "<script>" in read.text


def test_the_line_can_be_dragged_in_a_browser(tmp_path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    import shutil

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    saved = tmp_path / "page.html"
    saved.write_text(f"<!doctype html><meta charset=utf-8>{compare(picture(), picture(seed=2), ('a', 'b')).html}", encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"])
        tab = browser.new_page(viewport={"width": 1000, "height": 900}, java_script_enabled=True)
        tab.goto(saved.as_uri())
        grip = tab.locator("[aria-hidden=true]")
        before = grip.bounding_box()
        x, y = before["x"] + 8, before["y"] + 14
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + 40, y, steps=4)
        tab.mouse.move(x + 90, y, steps=4)
        tab.mouse.up()
        assert grip.bounding_box()["x"] == pytest.approx(before["x"] + 90, abs=4)
        browser.close()
