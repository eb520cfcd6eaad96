"""Where no front end helps: a terminal, plain Python, a script, a notebook nobody runs, pages that drop styles and scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from notebook_img import Studio

ROOT = Path(__file__).resolve().parents[1]
LINES = (
    "%load_ext notebook_img",
    "%imgsession fox",
    "%imgedit sample:chelsea make it night",
    "t = %imgedit --quiet warmer",
    "t",
    "%askimage what size is it?",
    "%imgsession tree",
    "%imgsession list",
    "%imgsession show t1 t2",
    "%imgsession undo",
    "%img",
    "t.compare()",
    "t.picture",
    "%imgedit t99 warmer",
    "exit",
)


def run(*command: str, home: Path, cwd: Path, typed: str = "", **more: str) -> str:
    """Run a program and return what it printed."""
    env = {
        **os.environ,
        "NOTEBOOK_IMG_HOME": str(home),
        "NOTEBOOK_IMG_MODEL": "local",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, *command], input=typed, capture_output=True, text=True, encoding="utf-8", cwd=cwd, env={**env, **more}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def no_html(text: str) -> None:
    assert not re.search(r"<(div|figure|img|span|table|style)\b", text)
    assert "base64" not in text
    assert "\\x89PNG" not in text
    assert "{'text/html'" not in text


def test_a_terminal_gets_words(home: Path, tmp_path: Path) -> None:
    typed = "\n".join(LINES)
    said = run(
        "-m", "IPython", "--colors=NoColor", "--no-banner", "--simple-prompt", "--no-confirm-exit", home=home, cwd=tmp_path, typed=typed
    )
    no_html(said)
    for part in ("fox/t1", "451 × 300", "It is 451 × 300 pixels", "└", "PSNR", "NotFoundError: ", "spent today"):
        assert part in said, part
    assert "Traceback" not in said
    assert len(said) < 12_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_real_terminal_is_left_without_a_trace_of_progress(home: Path, tmp_path: Path) -> None:
    import pty

    code = "get_ipython().run_line_magic('load_ext', 'notebook_img')\nget_ipython().run_line_magic('imgedit', 'sample:chelsea warmer')"
    (tmp_path / "run.ipy").write_text(code)
    master, slave = pty.openpty()
    env = {**os.environ, "NOTEBOOK_IMG_MODEL": "local", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    process = subprocess.Popen([sys.executable, "-m", "IPython", "run.ipy"], stdin=slave, stdout=slave, stderr=slave, cwd=tmp_path, env=env)
    os.close(slave)
    said = b""
    try:
        while chunk := os.read(master, 65536):
            said += chunk
    except OSError:  # Linux ends a closed pseudo-terminal with an error
        pass
    assert process.wait(60) == 0
    os.close(master)
    text = said.decode("utf-8", "replace")
    no_html(text)
    assert "451 × 300" in text


def test_plain_python_prints_words_and_nothing_on_stdout_by_itself(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import notebook_img as ni\n"
        "s = ni.session('fox')\n"
        "t = s.edit('make it night', 'sample:chelsea')\n"
        "a = t.ask('what size is it?')\n"
        "print('--- here')\n"
        "print(repr(s)); print(repr(t)); print(repr(a)); print(repr(t.picture)); print(repr(s.turns))\n"
        "t.show(); a.show()\n"
        "print(s.tree().text); print(t.compare().text)\n"
    )
    said = run(str(script), home=home, cwd=tmp_path)
    before, _, after = said.partition("--- here")
    assert before == "", "a library says nothing on its own in a script"
    no_html(after)
    for part in (
        "<Session 'fox' 2 turns, head t1>",
        "<Turn fox/t1 edit 'make it night' 451x300 local:builtin>",
        "It is 451 × 300 pixels",
        "PSNR",
    ):
        assert part in after
    assert all(len(line) < 400 for line in after.splitlines())


class Bare(HTMLParser):
    """What a careful page leaves of an output: no style, class, script or form; tags of text, lists, tables and images only."""

    KEPT = frozenset(
        [
            "p",
            "b",
            "strong",
            "em",
            "i",
            "code",
            "pre",
            "ul",
            "ol",
            "li",
            "dl",
            "dt",
            "dd",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "caption",
            "figure",
            "figcaption",
            "img",
            "br",
            "hr",
            "a",
            "div",
            "span",
            "h1",
            "h2",
            "h3",
            "h4",
            "summary",
            "details",
        ]
    )
    SILENT = frozenset({"style", "script", "template", "svg"})
    BREAKS = frozenset(["p", "div", "li", "tr", "figcaption", "figure", "table", "ul", "ol", "h1", "h2", "h3", "h4", "br", "dt", "dd"])

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SILENT:
            self.silent += 1
        elif tag == "img":
            self.images.append({name: value or "" for name, value in attrs})
            self.words.append("\n")
        elif tag in self.BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SILENT:
            self.silent -= 1
        elif tag in self.BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(line.strip() for line in "".join(self.words).splitlines() if line.strip())


def bare(page: str) -> Bare:
    parser = Bare()
    parser.feed(page)
    return parser


@pytest.fixture
def fox(home: Path):
    studio = Studio(home=home, model="local")
    session = studio.session("fox")
    session.edit("make it night", "sample:chelsea")
    session.edit("warmer by 20 %")
    session.ask("what size is it?")
    session.checkout("t1")
    session.edit("pencil sketch")
    session.generate("a red circle on white", n=2)
    yield session
    studio.close()


def test_a_picture_keeps_its_caption_and_words_without_any_style(fox) -> None:
    left = bare(fox.turn("t2").figure().data["text/html"])
    assert [image["alt"] for image in left.images] != [""]
    assert left.images[0]["src"].startswith("data:image/jpeg;base64,")
    assert "fox/t2" in left.text
    assert "from t1" in left.text
    assert "built-in, not AI" in left.text


def test_the_tree_reads_as_a_nested_list_without_any_style(fox) -> None:
    page = fox.tree().data["text/html"]
    left = bare(page)
    assert "<ul" in page or "<ol" in page
    assert len(left.images) == 4
    assert all(image["alt"] for image in left.images)
    for words in ("t1", "make it night", "t4", "pencil sketch", "what size is it?", "head", "from t1"):
        assert words in left.text
    assert left.text.index("make it night") < left.text.index("warmer by 20 %")


def test_a_comparison_is_two_named_pictures_and_numbers_without_any_style(fox) -> None:
    left = bare(fox.turn("t2").compare().data["text/html"])
    assert len(left.images) >= 3
    assert "PSNR" in left.text
    assert left.text.count("t1") >= 1
    assert left.text.count("t2") >= 1


def test_nothing_shown_holds_a_script_or_asks_the_web(fox) -> None:
    pages = [fox.tree().data["text/html"], fox.turn("t2").compare().data["text/html"]]
    pages += [turn.figure().data.get("text/html", "") for turn in fox.turns]
    for page in pages:
        assert "<script" not in page
        assert not re.search(r"\bon\w+\s*=", re.sub(r'alt="[^"]*"', "", page))
        assert not re.search(r'(?:src|href)="(?!data:|#)', page)
        assert "url(http" not in page


def test_an_answer_is_text_that_any_page_shows(fox) -> None:
    bundle = fox.turn("t3").figure()
    assert "451 × 300" in bundle.data["text/plain"]
    assert "451 × 300" in (bundle.data.get("text/markdown") or bundle.data["text/html"])
