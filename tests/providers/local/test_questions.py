"""Facts agree with what numpy computes and with what the file says; what a picture shows is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from notebook_img.errors import UsageError
from notebook_img.pictures import Picture
from notebook_img.providers.local import LocalProvider, colours
from notebook_img.providers.local.facts import aspect, facts
from notebook_img.settings import Settings
from tests.providers.local.conftest import picture_of, png


@pytest.fixture
def photograph(cat) -> Picture:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0xA434: "RF 50mm", 0x829A: 0.008, 0x829D: 2.8, 0x8827: 200})
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 24.0), 3: "E", 4: (151.0, 12.0, 36.0)})
    buffer = io.BytesIO()
    cat.pil().save(buffer, "JPEG", exif=exif)
    return Picture(buffer.getvalue())


def test_measures_agree_with_numpy(cat):
    f = facts(cat)
    luma = np.asarray(cat.pil().convert("L"), dtype=float)
    assert (f["width"], f["height"], f["format"], f["bytes"]) == (451, 300, "JPEG", len(cat.data))
    assert f["brightness"] == pytest.approx(100 * luma.mean() / 255, abs=0.06)
    assert f["contrast"] == pytest.approx(100 * luma.std() / 255, abs=0.06)
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    assert f["sharpness"] == pytest.approx(laplacian.var(), rel=0.01)
    assert (f["transparent"], f["frames"], f["greyscale"], f["blurry"]) == (False, 1, False, False)


def test_palette_shares_and_names_are_right():
    image = Image.new("RGB", (100, 100), (0, 0, 128))
    image.paste((230, 25, 30), (0, 0, 100, 25))
    main = facts(png(image))["palette"]
    assert [(colour["name"], round(colour["percent"])) for colour in main] == [("dark blue", 75), ("red", 25)] or main[0][
        "percent"
    ] == pytest.approx(75, abs=2)
    assert colours.name((255, 255, 255)) == "white"
    assert colours.name((0, 0, 0)) == "black"
    assert colours.name((128, 128, 128)) == "grey"


@pytest.mark.parametrize(
    ("size", "ratio"), [((1920, 1080), "16:9"), ((451, 300), "3:2"), ((300, 300), "1:1"), ((4000, 1000), "4:1"), ((1000, 3777), "1:3.78")]
)
def test_ratios_are_told_in_small_numbers(size, ratio):
    assert aspect(*size) == ratio


def test_exif_tells_camera_date_and_place(photograph, run):
    text = run("ask", "When and where was it taken, and with which camera?", photograph).text
    assert "Canon EOS R5" in text
    assert "2024-05-06 07:08:09" in text
    assert "-33.85667, 151.21000" in text
    assert "Canon Canon" not in text
    assert "1/125 s, f/2.8, ISO 200" in run("ask", "Which ISO and aperture?", photograph).text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How big is it?", "451 × 300 pixels"), ("What size is this image?", "0.14 megapixels"), ("Which format?", "JPEG file"),
        ("What colours are in this picture?", "brown"), ("What colors are in it?", "Main colours"), ("Is it blurry?", "looks sharp"),
        ("Is it in focus?", "sharp"), ("How bright is it?", "mean brightness"), ("How much contrast does it have?", "standard deviation"),
        ("What is the aspect ratio?", "3:2"), ("Is it transparent?", "Nothing in it is transparent"), ("Is it animated?", "one frame"),
        ("Where was it taken?", "does not say"), ("How many bytes?", "58950 bytes"), ("Is it black and white?", "in colour"),
        ("What is the colour mode?", "8-bit RGB"), ("And the colours?", "Main colours"), ("sha256?", "sha256 is"),
    ],
)  # fmt: skip
def test_questions_get_the_fact_they_ask_for(question, words, cat, run):
    reply = run("ask", question, cat)
    assert words in reply.text
    assert (reply.pictures, reply.note) == ((), "built-in, not AI")


@pytest.mark.parametrize("question", ["What is in this picture?", "Describe this image", "What do you see?", "Tell me about it"])
def test_a_general_question_gets_a_summary_and_the_limits(question, cat, run):
    text = run("ask", question, cat).text
    assert "451 × 300" in text
    assert "cannot recognise" in text


@pytest.mark.parametrize(
    "question", ["What breed is this?", "What colour is the cat?", "Is the woman smiling?", "How many cats are there?"]
)
def test_what_a_picture_shows_is_refused_with_the_cause_first(question, cat, run):
    with pytest.raises(UsageError) as caught:
        run("ask", question, cat)
    message = str(caught.value)
    assert message.startswith("No model that can see is set up. The built-in engine")
    assert question in message
    assert len(message) < 600
    with pytest.raises(UsageError, match=r"needs a model that can see\. .*'openai'"):
        run("ask", question, cat, provider=LocalProvider(Settings(environ={"OPENAI_API_KEY": "not-a-real-key-0000"})))


def test_a_histogram_is_a_picture(cat, run):
    reply = run("ask", "Show me the histogram", cat)
    assert picture_of(reply.pictures[0]).size == (768, 400)
    assert picture_of(run("ask", "the palette please", cat).pictures[0]).width == 768


def test_two_pictures_are_compared(cat, cup, run):
    assert run("ask", "Which is brighter?", cat, cup).text.startswith("Image 1 is brighter")
    assert run("ask", "Which image is sharper, image 1 or image 2?", cat, cup).text.startswith("Image 2 is sharper")
    assert "451x300 against 600x400" in run("ask", "What are the differences?", cat, cup).text
    assert "byte for byte" in run("ask", "Are they the same?", cat, cat).text
    assert run("ask", "How big are they?", cat, cup).text.count("Image ") == 2
    with pytest.raises(UsageError, match="two pictures"):
        run("ask", "What is different?", cat)


def test_a_schema_of_facts_is_filled_in(cat, run):
    schema = {
        "type": "object",
        "properties": {
            "width": {"type": "integer"},
            "colors": {"type": "array"},
            "brightness": {"type": "number"},
            "format": {"type": "string"},
            "camera": {"type": ["string", "null"]},
        },
    }
    reply = run("ask", "fill it in", cat, schema=schema)
    assert reply.value["width"] == 451
    assert reply.value["format"] == "JPEG"
    assert reply.value["camera"] is None
    assert isinstance(reply.value["colors"], list)
    with pytest.raises(UsageError, match="fill in breed"):
        run("ask", "x", cat, schema={"properties": {"breed": {"type": "string"}}})
    with pytest.raises(UsageError):
        run("ask", "x", cat, schema={"type": "object"})


def test_boxes_are_refused(cat, run):
    with pytest.raises(UsageError, match="find boxes of eyes"):
        run("ask", "", cat, boxes="eyes")


def test_a_wholly_transparent_picture_and_a_single_pixel_have_facts():
    assert facts(png(Image.new("RGBA", (10, 10), (0, 0, 0, 0))))["palette"] == []
    assert facts(png(Image.new("RGB", (1, 1), "red")))["colours"]


def test_a_small_picture_has_some_megapixels(run):
    assert "60 × 40 pixels (under 0.01 megapixels)" in run("ask", "How big is it?", png(Image.new("RGB", (60, 40)))).text
