"""What a service sent is read without surprises: JSON that stands for no number or never ends, counts that are none."""

from __future__ import annotations

import math

import pytest

from notebook_img.providers.received import count_of, finite, read_json


@pytest.mark.parametrize("text", ["", "zz", "[" * 200_000, '{"a":' * 200_000, b"\xff\xfe\xfd", "9" * 5000])
def test_what_is_no_json_is_none(text):
    assert read_json(text) is None


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_stands_for_no_number_is_none_and_the_rest_is_kept(number):
    assert read_json(f'{{"count": {number}, "url": "u", "part": 0.5}}') == {"count": None, "url": "u", "part": 0.5}


def test_a_byte_order_mark_is_no_part_of_the_json():
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("value", [None, "5", True, [], {}, math.nan, math.inf, 10**400])
def test_what_is_no_number_counts_nothing(value):
    assert finite(value) is None
    assert count_of(value) is None


def test_numbers_are_kept_and_counts_are_whole_and_not_negative():
    assert (finite(-3), finite(0.5), count_of(7.0), count_of(0)) == (-3, 0.5, 7, 0)
    assert count_of(-3) is None
    assert count_of(10**20) is None
