"""The ids of turns and their pictures, as every reader takes them."""

from __future__ import annotations

import pytest

from notebook_img.ids import parse_id


@pytest.mark.parametrize("text", ["t1", "t7.2", "fox/t7", "My Notebook/t7.2", "Füchse/t1"])
def test_every_reader_takes_the_same_ids(text: str) -> None:
    found = parse_id(text)

    assert found is not None
    written = (f"{found.session}/" if found.session else "") + f"t{found.number}" + (f".{found.picture}" if found.picture else "")
    assert written == text


@pytest.mark.parametrize("text", ["t0", "t", "t" + "9" * 24, "a/b/t1", "t٣", "t1.", "/t1", "fox/t1\nx"])
def test_what_is_no_id(text: str) -> None:
    assert parse_id(text) is None
