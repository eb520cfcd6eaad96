"""Large pictures cost little more than themselves, what is too large is refused before it is made, and hidden pixels do not count."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageFont

from notebook_img.errors import UsageError
from notebook_img.providers.local.facts import measured
from notebook_img.providers.local.pixels import detail, frame, text, tone
from notebook_img.providers.local.pixels.context import Context

MEASURED = """
import resource
from PIL import Image
from notebook_img.pictures import load
from notebook_img.providers.local.pixels import detail, frame
from notebook_img.providers.local.pixels.context import Context
image = load("sample:coffee").pil().resize({size})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    {call}
except Exception as error:
    print(type(error).__name__)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def megabytes(call: str, size: tuple[int, int]) -> tuple[str, float]:
    script = MEASURED.format(call=call, size=size)
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120).stdout.split()
    return " ".join(out[:-1]), float(out[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="reads memory by the resource module")
@pytest.mark.parametrize(
    "call",
    [
        "detail.sketch(image, {'amount': 100, 'tone': 'grey'}, Context())",
        "detail.sketch(image, {'amount': 100, 'tone': 'colour'}, Context())",
        "detail.denoise(image, {'amount': 50}, Context())",
    ],
)
def test_24_megapixels_are_drawn_and_denoised_in_half_a_gigabyte(call: str):
    _, used = megabytes(call, (6000, 4000))
    assert used < 500


@pytest.mark.skipif(sys.platform == "win32", reason="reads memory by the resource module")
@pytest.mark.parametrize(
    ("call", "size"),
    [
        ("frame.rotate(image, {'angle': 30, 'transparent': False, 'colour': '#ffffff'}, Context())", (65501, 4)),
        ("frame.scale(image, {'factor': 1000}, Context())", (5000, 4000)),
        ("frame.pad(image, {'ratio': (1, 1), 'blurred': True, 'colour': '#ffffff'}, Context())", (65501, 4)),
    ],
)
def test_what_would_be_too_large_is_refused_before_anything_is_made(call: str, size: tuple[int, int]):
    error, used = megabytes(call, size)
    assert error == "UsageError"
    assert used < 50


def test_a_long_picture_is_padded_with_its_blurred_self():
    long = Image.fromarray(np.random.default_rng(1).integers(0, 255, (8, 2000, 3), dtype=np.uint8))
    assert frame.pad(long, {"ratio": (2, 1), "blurred": True, "colour": "#ffffff"}, Context()).size == (2000, 1000)


@pytest.mark.parametrize("angle", [1, 30, 45, 133, -12.5, 300])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_turn_in_bands_is_the_turn_of_the_whole(angle: float, mode: str, cat):
    image = cat.pil().resize((700, 1100)).convert(mode)
    values = {"angle": angle, "transparent": mode == "RGBA", "colour": "#336699"}
    turned = frame.rotate(image, values, Context())
    whole = image.convert("RGBA").rotate(-angle, Image.Resampling.BICUBIC, expand=True)
    assert turned.mode == mode
    assert abs(turned.width - whole.width) <= 2
    assert abs(turned.height - whole.height) <= 2
    inner = [
        part.convert("RGB").crop((part.width // 2 - 150, part.height // 2 - 150, part.width // 2 + 150, part.height // 2 + 150))
        for part in (turned, whole)
    ]
    # A frame that is odd where the other is even lies half a pixel beside it.
    assert np.abs(np.subtract(*(np.asarray(part.resize((60, 60), Image.Resampling.BOX), dtype=float) for part in inner))).mean() < 4


def test_what_is_too_large_when_it_is_turned_says_how_large():
    with pytest.raises(UsageError, match=r"Turned by 45° the picture would have \d+×\d+ px"):
        frame.rotate(Image.new("RGB", (30000, 4000)), {"angle": 45, "transparent": False, "colour": "#ffffff"}, Context())


def test_denoising_takes_noise_and_leaves_edges():
    clean = np.full((1200, 300, 3), 60, np.uint8)
    clean[:, 150:] = 190
    rng = np.random.default_rng(2)
    noisy = np.clip(clean + rng.normal(0, 8, clean.shape), 0, 255).astype(np.uint8)
    noisy[rng.random(clean.shape[:2]) < 0.005] = 255
    calm = np.asarray(detail.denoise(Image.fromarray(noisy), {"amount": 60.0}, Context())).astype(float)
    assert np.abs(calm - clean)[:, 10:140].mean() < 0.55 * np.abs(noisy.astype(float) - clean)[:, 10:140].mean()
    assert calm[:, 152:154].mean() - calm[:, 146:148].mean() > 100, "an edge is an edge"
    row = np.abs(np.diff(calm[:, 20:140].mean(axis=(1, 2))))
    assert row[500:530].max() < 4 * row.mean() + 2, "and no seam shows where rows were worked on separately"


def test_a_word_of_thousands_of_letters_is_laid_out_in_no_time(monkeypatch: pytest.MonkeyPatch):
    font = ImageFont.load_default(20)
    asked = []
    length = type(font).getlength
    monkeypatch.setattr(
        type(font), "getlength", lambda self, words, *rest, **named: asked.append(len(words)) or length(self, words, *rest, **named)
    )
    word = "abcdefghij" * 400
    lines = text.wrapped(f"see {word} there", font, 300).split("\n")
    assert "".join(lines[1:]).startswith(word[:100])
    assert all(length(font, line) <= 306 for line in lines)
    assert sum(asked) < 20 * len(word)


# Hidden pixels


def half_hidden(colour: tuple[int, int, int]) -> Image.Image:
    """A grey ramp, and beside it pixels of a colour that nobody sees."""
    image = Image.new("RGBA", (80, 40), (*colour, 0))
    image.paste(Image.linear_gradient("L").resize((40, 40)).point(lambda value: 60 + value // 4).convert("RGBA"), (0, 0))
    return image


@pytest.mark.parametrize(
    "operation",
    [
        lambda image: tone.duotone(image, {"colours": ("#000080", "#ffd700")}, Context()),
        lambda image: tone.white_balance(image, {"amount": 100.0}, Context()),
        lambda image: tone.auto_levels(image, {"amount": 100.0}, Context()),
        lambda image: tone.contrast(image, {"amount": 40.0}, Context()),
        lambda image: detail.sketch(image, {"amount": 100.0, "tone": "grey"}, Context()),
        lambda image: detail.sketch(image, {"amount": 100.0, "tone": "colour"}, Context()),
    ],
    ids=["duotone", "white balance", "auto levels", "contrast", "sketch", "coloured sketch"],
)
def test_what_cannot_be_seen_changes_nothing(operation):
    one, other = (np.asarray(operation(half_hidden(colour))) for colour in ((255, 0, 0), (0, 0, 255)))
    seen = one[:, :, 3] > 0
    assert np.array_equal(one[seen], other[seen])


def test_what_cannot_be_seen_is_in_no_mean():
    one, other = (measured(half_hidden(colour)) for colour in ((255, 0, 0), (0, 0, 255)))
    assert one["average_colour"] == other["average_colour"]
    assert one["greyscale"]
    assert one["saturation"] == 0
