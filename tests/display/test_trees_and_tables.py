from __future__ import annotations

import re
from pathlib import Path

import pytest

import notebook_img
from notebook_img.display import TreeNode, moment, table, tree
from tests.display.pictures import HOSTILE, grows_by, noise, page, picture

HISTORY = [
    TreeNode("t1", None, "edit", "crop to the face", picture(seed=1)),
    TreeNode("t2", "t1", "edit", "make it night", picture(seed=2)),
    TreeNode("t3", "t2", "ask", "What breed is this?"),
    TreeNode("t4", "t3", "ask", "And its eyes?"),
    TreeNode("t5", "t2", "edit", "warmer", picture(seed=3)),
    TreeNode("t6", "t5", "edit", "black and white", picture(seed=4)),
    TreeNode("t7", "t5", "edit", "add a moon", picture(seed=5), is_head=True, note="4 pictures"),
    TreeNode("t8", "t7", "ask", "Is it full?"),
    TreeNode("t9", "t6", "edit", "flip it", picture(seed=6)),
    TreeNode("t10", None, "generate", "a watercolour fox", picture(seed=7)),
]

DRAWN = """\
Session fox: 7 turns and 3 questions
t1  crop to the face
t2  make it night
├─ ? t3  What breed is this?
│  ? t4  And its eyes?
t5  warmer
├─ t6  black and white
│  t9  flip it
└─ t7  add a moon (4 pictures)  ← head
   └─ ? t8  Is it full?

t10  a watercolour fox"""


def test_a_terminal_gets_a_drawing() -> None:
    assert tree(HISTORY, name="fox").text == DRAWN


def test_a_page_gets_pictures_in_nested_lists() -> None:
    read = page(tree(HISTORY, name="fox").html)
    assert len(read.images) == 7
    assert read.images[1]["alt"] == "t2: make it night"
    for node in HISTORY:
        assert node.id in read.text
        assert node.prompt in read.text
    assert read.text.count("from t5:") == 2


def test_the_head_is_marked_in_words() -> None:
    bare = re.sub(r' (?:style|class)="[^"]*"', "", tree(HISTORY).html)
    assert "t7 ← head" in page(bare).text


def test_the_middle_of_a_long_history_is_folded_and_this_is_said() -> None:
    nodes = [TreeNode(f"t{k}", f"t{k - 1}" if k > 1 else None, "edit", f"step {k}", is_head=k == 500) for k in range(1, 501)]
    bundle = tree(nodes)
    for text in (page(bundle.html).text, bundle.text):
        assert "500 turns, 60 of them drawn" in text
        assert "440 turns not drawn: t11 to t450" in text
        assert "step 1 " in text.replace("\n", " ")
        assert "step 500" in text
        assert "step 200" not in text
    assert len(bundle.text.splitlines()) == 62


def test_a_head_far_back_is_drawn() -> None:
    nodes = [TreeNode(f"t{k}", f"t{k - 1}" if k > 1 else None, "edit", f"step {k}", is_head=k == 200) for k in range(1, 501)]
    assert "step 200  ← head" in tree(nodes).text


@pytest.mark.parametrize("kind", ["lines", "branches", "questions", "comb"])
def test_every_turn_is_drawn_or_counted(kind: str) -> None:
    nodes = []
    for k in range(1, 301):
        parent = {
            "lines": None,
            "branches": None if k == 1 else "t1",
            "questions": None if k == 1 else f"t{k - 1}",
            "comb": None if k == 1 else f"t{k - 1 - (k % 2)}" if k > 2 else "t1",
        }[kind]
        nodes.append(TreeNode(f"t{k}", parent, "ask" if kind == "questions" and k > 1 else "edit", f"step {k}"))
    bundle = tree(nodes)
    drawn = len(re.findall(r"t\d+  step", bundle.text))
    folded = sum(int(count) for count in re.findall(r"(\d+) (?:older )?(?:turn|question)s? (?:of other lines )?not drawn", bundle.text))
    assert drawn == 60
    assert drawn + folded == 300
    page(bundle.html)


def test_a_large_tree_of_noise_stays_below_300_kB() -> None:
    nodes = [TreeNode(f"t{k}", f"t{k - 1}" if k > 1 else None, "edit", "noise " * 40, noise(200, 200, seed=k)) for k in range(1, 71)]
    bundle = tree(nodes)
    assert grows_by(bundle.data) < 300_000


def test_ten_thousand_turns_are_drawn_without_deep_recursion() -> None:
    nodes = [TreeNode(f"t{k}", f"t{k - 1}" if k > 1 else None, "edit", "x") for k in range(1, 10_001)]
    assert "9,940 turns not drawn" in tree(nodes).text
    assert "t10000" in tree(nodes, most=10_000).text


def test_an_unknown_parent_begins_a_line_and_nothing_is_nothing() -> None:
    assert tree([TreeNode("t5", "t4", "edit", "x")]).text == "Session: 1 turn\nt5  x".replace("Session: ", "")
    assert tree([], name="new").text == "Session new: 0 turns"


def test_prompts_are_text() -> None:
    read = page(
        tree([TreeNode(HOSTILE, None, "edit", HOSTILE, picture(), note=HOSTILE), TreeNode("q", HOSTILE, "ask", HOSTILE)], name=HOSTILE).html
    )
    assert len(read.images) == 1


def test_a_table_has_headings_for_columns_and_rows() -> None:
    bundle = table(
        ["turn", "model", "cost"], [["t1", "gemini:x", "$0.034"], ["t2", HOSTILE, None], ["t3", "日本語", "$1.20"]], caption="Spent"
    )
    read = page(bundle.html)
    assert [one["scope"] for one in read.named("th")] == ["col"] * 3 + ["row"] * 3
    assert len(read.named("td")) == 6
    assert len(read.named("caption")) == 1
    assert "overflow-wrap:break-word" in bundle.html, "a narrow column takes room from the others before it breaks a word"


def test_a_point_in_time_reads_the_same_on_every_surface() -> None:
    assert re.fullmatch(r"20(19|20)-\d\d-\d\d \d\d:\d\d", moment(1_577_836_800.0))
    package = Path(notebook_img.__file__).parent
    written = {path.name for path in package.rglob("*.py") if "%Y-%m-%d %H:" in path.read_text(encoding="utf-8")}
    assert written == {"captions.py"}


def test_a_table_is_aligned_in_a_terminal() -> None:
    assert table(["turn", "model", "cost"], [["t1", "gemini:x", "$0.034"], ["t2", "日本語", None], ["t10", "local", 1.5]]).text == (
        "turn  model       cost\n"
        "----  --------  ------\n"
        "t1    gemini:x  $0.034\n"
        "t2    日本語\n"
        "t10   local        1.5"
    )  # fmt: skip


def test_an_empty_table_says_so() -> None:
    bundle = table(["a", "b"], [], caption="Sessions")
    assert "nothing yet" in page(bundle.html).text
    assert bundle.text == "Sessions\na  b\n-  -\nnothing yet"
