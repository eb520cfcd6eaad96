"""A question may end in a question mark. Checked against the IPython that is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand

from notebook_img.jupyter.line import protect_question


def transformed(cell: str, *, protected: bool = True) -> str:
    manager = TransformerManager()
    if protected:
        manager.cleanup_transforms.append(protect_question)
    return manager.transform_cell(cell)


@pytest.fixture
def heard(tmp_path) -> Iterator[tuple[InteractiveShell, list[tuple]]]:
    """A shell whose magics write down what they are given."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    said: list[tuple] = []
    for name in ("imggen", "imgedit", "askimage", "imgask"):

        @no_var_expand
        def magic(line: str, cell: str | None = None, *, name: str = name) -> str:
            said.append((name, line, cell))
            return f"answer {len(said)}"

        shell.register_magic_function(magic, "line_cell", name)
    shell.input_transformers_cleanup.append(protect_question)
    yield shell, said
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%askimage cat.png what is this?", [("askimage", "cat.png what is this?", None)]),
        ("%askimage cat.png what is this??", [("askimage", "cat.png what is this??", None)]),
        ("%askimage cat.png what is this?  ", [("askimage", "cat.png what is this?", None)]),
        ("%askimage cat.png what is this ?", [("askimage", "cat.png what is this ?", None)]),
        ('%askimage "What is this?"', [("askimage", '"What is this?"', None)]),
        ("%askimage what's  $5 and {x} in it's box?", [("askimage", "what's  $5 and {x} in it's box?", None)]),
        ("%imgask is (this a cat?", [("imgask", "is (this a cat?", None)]),
        (
            "%imgedit can you make it night?\n%askimage and now?",
            [("imgedit", "can you make it night?", None), ("askimage", "and now?", None)],
        ),
        ("x = 1\nif x:\n    %askimage cat.png is it?\n", [("askimage", "cat.png is it?", None)]),
        ("for i in range(2):\n    %imggen a fox?", [("imggen", "a fox?", None)] * 2),
        ("%askimage cat.png what \\\nis this?", [("askimage", "cat.png what  is this?", None)]),
        ('!echo "unclosed\n%askimage what?', [("askimage", "what?", None)]),
        ("%%askimage cat.png\nWhat is this?\nAnd %askimage that?\n", [("askimage", "cat.png", "What is this?\nAnd %askimage that?\n")]),
        ("%%askimage\n%askimage cat.png what?\n", [("askimage", "", "%askimage cat.png what?\n")]),
        ("%imgedit add a (smile\n%askimage what is it?", [("imgedit", "add a (smile", None), ("askimage", "what is it?", None)]),
        ("%imgedit darker", [("imgedit", "darker", None)]),
    ],
)
def test_the_magic_gets_the_very_text(heard, cell, expected):
    shell, said = heard
    shell.run_cell(cell).raise_error()
    assert said == expected


@pytest.mark.parametrize("left", ["r", "d['a b']", "a.b", "x: str"])
def test_an_answer_can_be_assigned(heard, left):
    shell, said = heard
    shell.user_ns.update(d={}, a=type("A", (), {})())
    shell.run_cell(f"{left} = %askimage cat.png what is this?").raise_error()
    assert said == [("askimage", "cat.png what is this?", None)]
    assert eval(left.partition(":")[0], shell.user_ns) == "answer 1"


@pytest.mark.parametrize(
    "cell", ["%askimage?", "%askimage??", "?%askimage", "%imgedit??", "%%imgedit?", "x = 1\n%imggen?", "??%imgask", "%imggen ?"]
)
def test_asking_for_help_stays_asking_for_help(cell):
    assert transformed(cell) == transformed(cell, protected=False)


@pytest.mark.parametrize(
    "cell",
    [
        "print?",
        "%timeit what?",
        "%askimages cat.png what?",
        "a = 5\nb = a %askimage\n",
        'text = """\n%askimage cat.png what is this?\n"""\n',
        "print('''a = %b\n%askimage what?\n''')\n",
        "x = (5\n%askimage (2)) # why?\n",
        "s = 'a \\\n%askimage b?'\n",
        "y = 1 \\\n%askimage  # or what?\n",
        "# %askimage what?\n",
        'print("r = %askimage what?")\n',
        "%%time\n%askimage cat.png what?\n",
        "%%writefile x.py\n%askimage cat.png what?\n",
        "",
        "\n",
        "?",
    ],
)
def test_all_other_code_stays_as_it_is(cell):
    assert transformed(cell) == transformed(cell, protected=False)


def test_a_string_that_has_ended_no_longer_protects_its_successors():
    cell = 's = """a\nb"""\nt = \'it\'  # what\'s that\n%askimage what?\n'
    assert "run_line_magic('askimage', 'what?')" in transformed(cell)


def test_prompts_pasted_from_a_terminal_are_taken_off_first():
    assert transformed("In [3]: %askimage cat.png what?") == "get_ipython().run_line_magic('askimage', 'cat.png what?')\n"


def test_a_cell_is_complete_for_the_terminal():
    manager = TransformerManager()
    manager.cleanup_transforms.append(protect_question)
    assert manager.check_complete("%askimage cat.png what is this?")[0] == "complete"


@given(st.lists(st.text(st.sampled_from("%askimge ?\"'()\\\n#=x"), max_size=30).map(lambda line: line + "\n"), max_size=5))
def test_lines_without_our_magics_are_never_touched(lines):
    lines = [line.replace("%", "") for line in lines]
    assert protect_question(lines) == lines


@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Zs")) | st.just(" "), min_size=1)
    .map(str.strip)
    .filter(lambda t: t and t != "?")
)
def test_any_question_survives(text):
    text = text.rstrip("?\\") + " so?"
    assert protect_question([f"%askimage {text}\n"]) == [f"get_ipython().run_line_magic('askimage', {text!r})\n"]
