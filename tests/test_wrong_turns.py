"""Wrong turns a new user takes in the shell: each ends with what to do next, and none costs anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Here


@pytest.mark.parametrize("words", [("edit", "cat.png", "make it snow"), ("generate", "a fox in the snow"), ("ask", "cat.png", "what breed is it?")])
def test_a_dry_run_says_what_the_call_will_be_refused_for(words: tuple[str, ...], here: Here) -> None:
    refused = here(*words)
    assert refused.returncode == 2
    sentence = refused.stderr.strip().removeprefix("UsageError: ")
    planned = here(*words, "--dry-run")
    assert f"but       {sentence}" in planned.stdout
    assert json.loads(here(*words, "--dry-run", "--json").stdout)["refusal"] == sentence
    assert "but " not in here("edit", "cat.png", "invert", "--dry-run").stdout
