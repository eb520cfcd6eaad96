"""Sizes that are computed, not asked for."""

from __future__ import annotations

import pytest

from notebook_img.providers.ark.models import row_of
from notebook_img.providers.ark.sizes import size_for


@pytest.mark.parametrize("model", ["ep-20260101-abc", "doubao-seedream-4-5-251128"])
def test_an_edit_without_a_size_keeps_its_ratio_at_2k(model):
    width, height = (int(side) for side in size_for(row_of(model), size=None, aspect_ratio=None, first_input=(300, 200)).split("x"))
    assert width / height == pytest.approx(1.5, rel=0.01)
    assert width * height == pytest.approx(2048**2, rel=0.02)
