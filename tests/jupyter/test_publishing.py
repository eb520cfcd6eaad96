"""Saved notebooks through the exporters of nbconvert: the pictures in each are counted, and docs/publishing.md has the table of it.

How a page prints is looked at in tests/browser/test_printing.py.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter, PDFExporter, SlidesExporter
from PIL import Image

from tests.jupyter.publishing import EXPORTERS, FIGURES, FORMS, converter, in_latex, pandoc_path, saved_notebook
from tests.needs import needs_xelatex
from tests.pages import ROOT

PAGE = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def pandoc() -> Iterator[None]:
    """nbconvert calls pandoc for the Markdown of answers in LaTeX."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", pandoc_path())
        yield


@pytest.fixture(scope="module")
def notebooks(emulators: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    service = emulators("openai")
    service.reset()
    return {form: saved_notebook(tmp_path_factory.mktemp(form), form, service) for form in FORMS}


WORDS = {(True, True): "yes", (False, True): "`image`", (True, False): "`html`", (False, False): "–"}


def alone(made: Any, name: str) -> Any:
    """Return a notebook of the one cell that shows a figure."""
    cells = [cell for cell in made.cells if cell.metadata.get("figure") == name]
    return nbformat.v4.new_notebook(cells=cells, metadata=made.metadata)


@pytest.fixture(scope="module")
def found(notebooks: dict[str, Any]) -> dict[tuple[str, str, str], list[bytes]]:
    """The pictures by exporter, figure and form."""
    return {
        (exporter, name, form): pictures(alone(made, name))
        for exporter, pictures in EXPORTERS.items()
        for name in FIGURES
        for form, made in notebooks.items()
    }


Found = dict[tuple[str, str, str], list[bytes]]


def test_the_page_says_which_figure_shows_where(found: Found) -> None:
    rows = [f"| | {' | '.join(EXPORTERS)} |", f"|---|{'---|' * len(EXPORTERS)}"]
    for name in FIGURES:
        seen = [WORDS[bool(found[exporter, name, "html"]), bool(found[exporter, name, "image"])] for exporter in EXPORTERS]
        rows.append(f"| {name} | {' | '.join(seen)} |")
    table = "\n".join(rows)
    assert table in PAGE, f"Put this table into docs/publishing.md:\n\n{table}"


def test_every_figure_is_in_what_is_read_and_printed(found: Found) -> None:
    assert not [key for key, pictures in found.items() if key[0] in ("html", "slides", "latex, pdf") and not pictures]


def test_with_images_nothing_is_lost_where_html_is_removed(found: Found) -> None:
    # What a panel leaves has to be HTML: by its class the living panel hides it.
    names = FIGURES.keys() - {"a panel"}
    assert {len(found[exporter, name, "image"]) for exporter in ("sanitised html", "markdown") for name in names} == {1}


def test_pictures_are_whole_and_in_latex_once_and_small(found: Found) -> None:
    for (exporter, name, _), pictures in found.items():
        sizes = [Image.open(BytesIO(each)).convert("RGB").size for each in pictures]
        if exporter == "latex, pdf":
            (size,) = sizes
            assert max(size) <= (768 if name == "a whole picture" else 512)


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_notebook_is_set_in_latex(form: str, notebooks: dict[str, Any]) -> None:
    assert len(in_latex(notebooks[form])) == len(FIGURES)


@needs_xelatex
@pytest.mark.parametrize("form", FORMS)
def test_the_pdf_set_by_xelatex_has_every_picture(form: str, notebooks: dict[str, Any]) -> None:
    (counter,) = re.findall(r"```latex\n(.+)\n```", PAGE)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_raw_cell(counter), *notebooks[form].cells], metadata=notebooks[form].metadata)
    body, _ = PDFExporter(latex_count=1).from_notebook_node(made)  # further runs would only mend references
    assert len(re.findall(rb"/Subtype\s*/Image", body)) >= len(FIGURES)


@pytest.mark.parametrize("form", FORMS)
def test_captions_are_words_wherever_pictures_are(form: str, notebooks: dict[str, Any]) -> None:
    made = alone(notebooks[form], "a picture")
    for made_by in (
        converter(HTMLExporter),
        converter(SlidesExporter),
        converter(HTMLExporter, sanitize_html=True),
        converter(MarkdownExporter),
    ):
        assert "built-in, not AI" in re.sub(r"<[^>]+>", "", made_by.from_notebook_node(made)[0])


@pytest.mark.parametrize("form", FORMS)
def test_no_figure_is_heavier_than_150_kilobytes(form: str, notebooks: dict[str, Any]) -> None:
    for cell in notebooks[form].cells:
        if "show" in cell.source or "tree" in cell.source:
            continue  # asked for large
        for output in cell.outputs:
            made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
            assert len(nbformat.v4.writes(made)) <= 150_000, cell.source


@pytest.mark.parametrize("form", FORMS)
def test_the_still_image_is_small_and_named(form: str, notebooks: dict[str, Any]) -> None:
    stills = [
        (output.data[kind], output.metadata[kind])
        for cell in notebooks[form].cells
        for output in cell.outputs
        for kind in ("image/jpeg", "image/png")
        if kind in output.get("data", {}) and "full=True" not in cell.source
    ]
    assert len(stills) == len(FIGURES) - 1
    for content, facts in stills:
        raw = base64.b64decode(content)
        assert len(raw) <= 36_000
        assert max(Image.open(BytesIO(raw)).size) <= 512
        assert facts["alt"]
