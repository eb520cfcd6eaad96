from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notebook_img.records import SessionRecord
from notebook_img.store import Store, jumps
from tests.store.making import add


@st.composite
def trees(draw: st.DrawFn) -> list[int | None]:
    """Parents of turns 1, 2, ...: lines, combs and bushes."""
    return [None, *(draw(st.one_of(st.just(above), st.none(), st.integers(1, above))) for above in range(1, draw(st.integers(1, 80))))]


def way_up(parents: list[int | None], number: int) -> list[int]:
    way = [number]
    while (above := parents[way[-1] - 1]) is not None:
        way.append(above)
    return way


@settings(max_examples=60, deadline=None)
@given(trees())
def test_depth_and_jump_are_an_ancestors(parents: list[int | None]) -> None:
    for number, place in jumps.places(enumerate(parents, 1)):
        way = way_up(parents, number)
        assert place.depth == len(way) - 1
        assert place.jump in way
        assert (place.jump == number) == (place.depth == 0)


def test_a_turn_is_told_to_descend_from_its_ancestors_and_from_no_other(store: Store, fox: SessionRecord) -> None:
    luck = random.Random(7)
    parents = [None, *(luck.choice([above, above, luck.randrange(1, above + 1), None]) for above in range(1, 60))]
    for parent in parents:
        add(store, fox, 0, parent=parent)
    for number in range(1, 61):
        way = way_up(parents, number)
        assert [other for other in range(1, 61) if store.descends(fox.id, number, other)] == sorted(way)
        assert store.start_of_line(fox.id, number) == way[-1]


@pytest.mark.parametrize("size", [1_000, 50_000])
def test_the_way_to_any_ancestor_is_short(size: int) -> None:
    line = {number: (parent, place) for number, parent, place in _line(size)}
    for ancestor in (1, 2, size // 3, size - 1):
        at, steps = size, 0
        while at != ancestor:
            parent, place = line[at]
            at = place.jump if place.jump >= ancestor else parent
            steps += 1
        assert steps <= 3 * size.bit_length()


def _line(size: int) -> list[tuple[int, int, jumps.Place]]:
    return [(number, number - 1, place) for number, place in jumps.places((k, k - 1 or None) for k in range(1, size + 1))]


def test_walks_end_where_parents_form_a_ring(store: Store, fox: SessionRecord) -> None:
    for parent in (None, 1, 2, 3):
        add(store, fox, 0, parent=parent)
    with store._database.write() as connection:
        connection.exec_driver_sql("UPDATE turns SET jump = 4")
        connection.exec_driver_sql("UPDATE turns SET parent = 4 WHERE number = 2")
    assert [turn.number for turn in store.chain(fox.id, 4)] == [2, 3, 4]
    assert not store.descends(fox.id, 4, 1)
    assert store.start_of_line(fox.id, 4) == 4
