"""Looking back in a notebook that was run by nbclient: tree, list, show, comparison, costs, copies. What is saved is what is read later."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient

from tests.jupyter.kernels import Kernel, environment, notebook

CELLS = {
    "load": "%load_ext notebook_img\n%imgsession fox",
    "one": "%imgedit sample:chelsea make it night",
    "two": "%imgedit add the caption '<b>Fox</b> & co'",
    "ask": "%askimage what size is it?",
    "undo": "%imgsession undo",
    "three": "%imgedit pencil sketch",
    "four": "%imggen -n 2 a red circle on white",
    "tree": "%imgsession tree",
    "list": "%imgsession list",
    "show": "%imgsession show t1",
    "both": "%imgsession show t1 t2",
    "cost": "%imgsession cost",
    "compare": "import notebook_img as ni\nni.session().turn('t4').compare()",
    "saved": "%config NotebookImg.save_to = 'copies'\n%imgedit --pick 2 invert\n%imgedit sample:coffee warmer\n%imggen -n 2 noise",
    "mine": "from pathlib import Path; _ = Path('copies/fox-t9.png').write_text('mine')",
    "taken": "%imggen a blue circle on white",
}


class Tags(HTMLParser):
    """Which tags and attributes stand in a page, and which images have no alternative text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        self.handlers += [name for name in found if name.startswith("on")]
        self.addresses += [str(found[name]) for name in ("src", "href") if name in found]
        self.mute += tag == "img" and not found.get("alt")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the notebook once, and return its cells by name, with the folder."""
    place = tmp_path_factory.mktemp("looking back")
    folder = place / "work"
    folder.mkdir()
    made = notebook(*CELLS.values())
    NotebookClient(made, kernel_name="python3", timeout=120, resources={"metadata": {"path": str(folder)}}).execute(
        env=environment(place / "home", NOTEBOOK_IMG_MODEL="local")
    )
    return {"folder": folder, "notebook": made, **dict(zip(CELLS, made.cells, strict=True))}


def data(cell: Any) -> list[dict[str, str]]:
    return [output["data"] for output in cell.outputs if "data" in output]


def html(cell: Any) -> str:
    return "".join(each.get("text/html", "") for each in data(cell))


def text(cell: Any) -> str:
    return "\n".join(each.get("text/plain", "") for each in data(cell))


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("load", "mine")])
def test_every_output_is_html_without_script_and_readable_text(ran: dict[str, Any], name: str) -> None:
    parser = Tags()
    parser.feed(html(ran[name]))
    assert parser.tags.isdisjoint({"script", "iframe", "object", "embed", "link", "form"})
    assert parser.handlers == []
    assert parser.mute == 0, "every picture has alternative text"
    assert all(each.startswith(("data:image/", "http", "#")) for each in parser.addresses)
    words = text(ran[name])
    assert words.strip()
    assert "<img" not in words
    assert "base64" not in words
    assert "\\x" not in words
    stills = [each[mime] for each in data(ran[name]) for mime in each if mime.startswith("image/")]
    assert all(len(still) <= 48_000 for still in stills), "beside the page there is only a small still image"


def test_the_tree_has_branches_questions_and_the_head(ran: dict[str, Any]) -> None:
    page, words = html(ran["tree"]), text(ran["tree"])
    assert page.count("<img") == 4, "one per turn with a picture"
    for part in ("t1", "t2", "t3", "t4", "t5", "pencil sketch", "what size is it?"):
        assert part in page
        assert part in words
    assert "&lt;b&gt;Fox&lt;/b&gt; &amp; co" in page
    assert "<b>Fox</b>" in words
    assert re.search(r"t5.*head", words)
    lines = words.splitlines()
    depth = {number: next(len(line) - len(line.lstrip(" │├└─?")) for line in lines if f"t{number} " in f"{line} ") for number in (1, 2, 4)}
    assert depth[2] > depth[1]
    assert depth[2] == depth[4], "both go on from t1"


def test_lists_and_costs_are_tables(ran: dict[str, Any]) -> None:
    for name, part in (("list", "fox"), ("cost", "$0.00")):
        assert "<table" in html(ran[name])
        assert part in html(ran[name])
        assert part in text(ran[name])
    assert "current" in text(ran["list"])


@pytest.mark.parametrize(("name", "ids"), [("both", ("t1", "t2")), ("compare", ("t1", "t4"))])
def test_a_comparison_has_pictures_a_slider_and_numbers(ran: dict[str, Any], name: str, ids: tuple[str, str]) -> None:
    page, words = html(ran[name]), text(ran[name])
    assert page.count("<img") >= 4, "two pictures, the difference, the slider"
    for part in (*ids, "PSNR", "SSIM", "%"):
        assert part in page
        assert part in words


def test_show_is_larger_than_the_inline_preview_and_returns_without_drawing_twice(ran: dict[str, Any]) -> None:
    assert html(ran["show"]).count("<img") == 1
    assert "fox/t1" in text(ran["show"])


def test_copies_are_named_after_session_and_turn(ran: dict[str, Any]) -> None:
    copies = {path.name for path in (ran["folder"] / "copies").iterdir()}
    assert copies == {"fox-t6.png", "fox-t7.jpg", "fox-t8-1.png", "fox-t8-2.png", "fox-t9.png", "fox-t9-copy2.png"}
    assert "copies" in text(ran["saved"]), "the caption names the file"


def test_copies_overwrite_nothing(ran: dict[str, Any]) -> None:
    copies = ran["folder"] / "copies"
    assert (copies / "fox-t9.png").read_text() == "mine", "somebody else's file stays"
    assert (copies / "fox-t9-copy2.png").read_bytes().startswith(b"\x89PNG")
    assert "fox-t9-copy2.png" in text(ran["taken"])


def test_the_whole_notebook_stays_small_and_valid(ran: dict[str, Any]) -> None:
    import nbformat

    nbformat.validate(ran["notebook"])
    assert len(nbformat.writes(ran["notebook"])) < 2_500_000
    assert "widgets" not in ran["notebook"].metadata


def test_saved_html_holds_it_all(ran: dict[str, Any], tmp_path: Path) -> None:
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(template_name="lab").from_notebook_node(ran["notebook"])
    assert page.count("data:image/") >= html(ran["tree"]).count("data:image/") + html(ran["both"]).count("data:image/")
    assert "No description has been provided for this image" not in page
    assert os.fspath(tmp_path) not in page


def test_an_export_overwrites_a_file_only_with_force(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    for name in ("over.zip", "over.py"):
        kernel.good(f"from pathlib import Path\n_ = Path({name!r}).write_text('mine')")
        assert "--force" in kernel.run(f"%imgsession export {name}").error
        kernel.good(f"%imgsession export {name} --force")
        assert kernel.value(f"Path({name!r}).read_bytes() != b'mine'")
