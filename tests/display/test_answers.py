from __future__ import annotations

import mistune
import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from notebook_img.display import Caption, Shot, answer, answers_together, boxes_overlay
from notebook_img.pictures import Box
from tests.display.pictures import HOSTILE, grows_by, noise, page, picture

CAPTION = Caption(id="t3", parent="t2", model="gemini:x", cost=0.03, today=0.12, warnings=("cut off",))


def rendered(text: str) -> str:
    """As nbconvert renders it, HTML let through."""
    return str(markdown2html_mistune(text))


def test_markdown_keeps_its_form_and_the_caption_stands_under_it() -> None:
    bundle = answer("## Seen\n\nA **tabby** cat.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |", (), CAPTION)
    assert set(bundle.data) == {"text/markdown", "text/plain"}
    html = rendered(str(bundle.data["text/markdown"]))
    for tag in ("<h2", "<strong>tabby</strong>", "<li>one", "<table>", "<td>1</td>"):
        assert tag in html
    assert html.rstrip().endswith("<div><small>⚠ cut off</small></div>")
    assert bundle.text.endswith("t3 from t2 · gemini:x · $0.03 · today $0.12\nWarning: cut off")


def test_prices_in_the_caption_are_no_formula() -> None:
    assert "$" not in str(answer("yes", (), CAPTION).data["text/markdown"])


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        f"`{HOSTILE}`",
        f"```html\n{HOSTILE}\n```\n{HOSTILE}",
        f"   ```\n```\n{HOSTILE}",
        f"- item\n  ```\n{HOSTILE}\n  ```",
        f"> ```\n{HOSTILE}",
        f"~~~\n{HOSTILE}",
        f"`` ` {HOSTILE} ``",
        f"\\`{HOSTILE}`",
        f"${HOSTILE}$ $$\n{HOSTILE}\n$$",
        f"```\n$`{HOSTILE}`$\n",
        "<svg/onload=alert(1)>\n\n<details open ontoggle=alert(1)>",
        "a\r<script>alert(1)</script>\r\n<style>*{display:none}</style>",
        "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
        "</code></pre><script>alert(1)</script>",
    ],
)
def test_no_html_of_a_model_is_ever_alive(text: str) -> None:
    for html in (
        rendered(str(answer(text, (), CAPTION).data["text/markdown"])),
        str(mistune.html(str(answer(text).data["text/markdown"]))),
    ):
        assert not any(f"<{tag}" in html for tag in ("script", "img", "svg", "details", "style"))


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](JavaScript\\:alert(1))",
        "[x]( javascript:alert(1))",
        "[x][y]\n\n[y]: javascript:alert(1)",
        "[x](data:text/html,<script>)",
        "[x](<javascript:alert(1)>)",
        "$a$[x](javascript:alert(1))$b$",
        "[x](file:///etc/passwd)",
    ],
)
def test_links_lead_to_web_pages_or_nowhere(text: str) -> None:
    assert "href" not in rendered(str(answer(text).data["text/markdown"]))


def test_links_to_web_pages_stay_and_pictures_from_the_web_become_links() -> None:
    html = rendered(str(answer("[page](https://example.org/a_b) ![secret](https://example.org/?q=secret)").data["text/markdown"]))
    assert 'href="https://example.org/a_b"' in html
    assert "<img" not in html


def test_code_shows_exactly_what_the_model_wrote() -> None:
    code = '<div class="a">\n\n  $x * y_1_ `z` &amp; [a](b)\n</div>'
    read = page(rendered(str(answer(f"Use `a < b` or `*p`:\n\n```html\n{code}\n```\n\nDone.").data["text/markdown"])))
    assert code in "".join(read.words)
    assert "a < b" in read.text
    assert "*p" in read.text
    assert read.text.endswith("Done.")
    assert read.named("code")[-1].get("class") == "language-html"


def test_formulas_keep_their_signs() -> None:
    markdown = str(answer("$a<b$ and $x & y$ but 5 < 6 & 7").data["text/markdown"])
    assert markdown == r"$a\lt b$ and $x & y$ but 5 &lt; 6 &amp; 7"


def test_prices_are_no_formula() -> None:
    markdown = str(answer("It costs $5, or $10 for two; $x_1$ is a formula.").data["text/markdown"])
    assert markdown == "It costs <span>&#36;</span>5, or <span>&#36;</span>10 for two; $x_1$ is a formula."


def test_a_picture_stands_in_the_answer_with_alternative_text() -> None:
    bundle = answer("Two boxes.", [Shot(noise(3000, 3000, kind="JPEG"), alt='Boxes: "cat" <1>'), Shot(picture(), "t1")], CAPTION)
    images = page(rendered(str(bundle.data["text/markdown"]))).images
    assert [image["alt"] for image in images] == ['Boxes: "cat" <1>', "t1, 320 × 240"]
    assert grows_by(bundle.data) <= 150_000
    assert '[Boxes: "cat" <1>]' in bundle.text


def test_answers_beside_each_other_share_one_still_and_the_bytes_of_one_output() -> None:
    drawn = boxes_overlay(noise(2000, 1000), [Box("cat", 100, 100, 900, 700)])
    bundles = [(f"model {name}", answer("One box.", [Shot(drawn, alt="1 box")], CAPTION, max_bytes=24_000)) for name in "abc"]
    bundle = answers_together([*bundles, ("model d", answer("No boxes."))])
    assert grows_by(bundle.data) <= 150_000
    assert str(bundle.data["text/markdown"]).count("<img") == 3
    assert bundle.metadata["image/jpeg"]["alt"] == "model a: 1 box; model b: 1 box; model c: 1 box"
    image, words = bundle.parts("image")
    assert set(image.data) == {"image/jpeg", "text/plain"}
    assert "<img" not in str(words.data["text/markdown"])
    assert "model d" in words.text
    assert answers_together([("a", answer("No boxes."))]).stills == []


def test_an_unfinished_answer_can_be_shown_at_any_moment() -> None:
    text = f"# A\n\n```py\nx = '<b>'\n```\n**bold `code {HOSTILE}` and $x<y$"
    for end in range(len(text)):
        assert "<script" not in rendered(str(answer(text[:end], (), CAPTION).data["text/markdown"]))
