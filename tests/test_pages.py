"""Every command and output in the README and in the pages of docs/ is run here; `tests/pages.py` says how, and finds new pages by itself."""

from __future__ import annotations

import json
import re
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from notebook_img.jupyter.traits import NAMES
from notebook_img.settings import Settings
from tests.pages import LOOKED_AT, PAGES, ROOT, RUN, all_blocks, anchors, blocks, has_shell, links, make_place, needs, places

README = ROOT / "README.md"
PARSED = {"json": json.loads, "toml": tomllib.loads}


@pytest.mark.skipif(not has_shell(), reason="needs a shell, which this system does not have")
@pytest.mark.parametrize(
    ("page", "place"),
    [pytest.param(page, place, id=f"{page.stem}-{place}", marks=needs(place)) for page in PAGES for place in places(page)],
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


def settings_table() -> str:
    """Return the table of settings as docs/settings.md has it."""
    rows = []
    for name, setting in Settings.table().items():
        default = f"`{setting.default}`" if setting.default not in ("", ()) and name != "home" else ""
        config = f"`{name}`" if name in NAMES else ""
        rows.append(f"| `{', '.join(setting.env)}` | {config} | {default} | {setting.help} |")
    return "\n".join(["| variable | `%config` | default | what it is |", "|---|---|---|---|", *rows])


def test_the_page_of_settings_has_them_all() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings_table() in page, f"Put this table into docs/settings.md:\n\n{settings_table()}"


def test_the_index_of_the_pages_has_them_all() -> None:
    listed = {link.partition("#")[0] for link in links(ROOT / "docs" / "README.md")}
    assert {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"} <= listed


def test_the_readme_has_at_most_900_words() -> None:
    words = re.sub(r"<!--.*?-->", "", README.read_text(encoding="utf-8"), flags=re.DOTALL).split()
    assert len(words) <= 900


def test_the_readme_in_other_languages_is_the_same_page() -> None:
    """The same blocks and links in the same order, and as many headings."""

    def frame(page: Path) -> tuple[object, ...]:
        leads = {link for link in links(page) if not link.startswith("README")}
        return [(block.kind, block.text) for block in blocks(page)], leads, len(anchors(page))

    for page in ROOT.glob("README.*.md"):
        assert frame(page) == frame(README), page.name


def test_the_readme_names_the_registry_entry() -> None:
    assert "mcp-name:" in README.read_text(encoding="utf-8")
