"""Several models in one line: which of them are asked, what is kept when one fails."""

from __future__ import annotations

import re

from tests.jupyter.kernels import Kernel


def test_a_misspelt_model_among_siblings_is_an_error_before_anything_is_made(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    for line in (
        "%imgedit -m local -m loacl warmer",
        "%imgedit -m loacl -m local sample:coffee warmer -s newly",
        "%askimage -m local -m loacl how large?",
    ):
        ran = kernel.run(line)
        assert ran.status == "error"
        assert "Did you mean 'local'" in ran.error
    assert kernel.value("[t.id for t in ni.session().turns]") == ["t1"]
    assert "newly" not in kernel.value("[s.name for s in ni.sessions()]")


def test_a_sibling_that_fails_is_said_and_the_others_are_kept(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    ran = kernel.good("made = %imgedit -m gemini -m local warmer -o made.png")
    assert re.search("Warning: gemini returned no result.*key", ran.text)
    assert kernel.value("[t.model for t in made]") == ["local:builtin"]
    assert "made-local.png" in ran.text
    ran = kernel.run("%imgedit -m gemini -m openai warmer")
    assert ran.error.startswith("KeyMissingError")
    assert "Warning: openai returned no result" in ran.text
