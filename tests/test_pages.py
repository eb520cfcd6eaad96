"""Every command and output in the README and in the pages of docs/ is run here; `tests/pages.py` says how, and finds new pages by itself."""

from __future__ import annotations

import json
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.pages import LOOKED_AT, PAGES, ROOT, RUN, all_blocks, anchors, blocks, has_shell, links, make_place, places

README = ROOT / "README.md"
PARSED = {"json": json.loads, "toml": tomllib.loads}


@pytest.mark.skipif(not has_shell(), reason="needs a shell, which this system does not have")
@pytest.mark.parametrize(
    ("page", "place"), [pytest.param(page, place, id=f"{page.stem}-{place}") for page in PAGES for place in places(page)]
)
def test_what_a_page_says_happens(page: Path, place: str, tmp_path: Path, start_emulator: Any) -> None:
    with ExitStack() as stack:
        here = make_place(tmp_path, stack, place, start_emulator)
        for block in blocks(page):
            if block.place == place and not block.run_by:
                here.run(block)


def test_no_block_is_of_a_kind_that_nobody_runs_or_reads() -> None:
    for block in all_blocks():
        assert block.kind in (*RUN, *LOOKED_AT), f"{block}: {block.kind or 'a block without a language'}"
        if reader := PARSED.get(block.kind):
            reader(block.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_of_a_page_is_read(page: Path) -> None:
    fences = [line for line in page.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith("```")]
    assert len(fences) == 2 * len(blocks(page))


def test_what_is_left_to_another_test_is_named_there() -> None:
    for block in all_blocks():
        if block.run_by:
            test = (ROOT / block.run_by).read_text(encoding="utf-8")
            for line in [command for command, _ in block.commands] or block.text.splitlines()[:1]:
                assert all(word in test for word in line.split()[:2]), f"{block}: {line} is not in {block.run_by}"


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("README.*.md")], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_the_readme_names_the_registry_entry() -> None:
    assert "mcp-name:" in README.read_text(encoding="utf-8")
