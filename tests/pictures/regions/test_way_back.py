"""A reply that was moved, scaled, recoloured or softened lies where it should, to a tenth of a pixel, and shows no seam."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.pictures.regions.stand_in import BY_PIXELS, BY_RATIO, DRIFTS, MASKS, PHOTOGRAPHS, SIZES, Case, there_and_back

EVERY = list(itertools.product(range(len(SIZES)), range(len(MASKS)), range(len(DRIFTS))))
# Every size with every mask, and every mask with every drift; a frame of 24 megapixels is left to the night.
SOME = [
    (size, mask, (size + mask) % len(DRIFTS))
    for size, mask in itertools.product(range(len(SIZES)), range(len(MASKS)))
    if (SIZES[size], MASKS[mask]) != ((6000, 4000), "whole")
]
ROWS: list[tuple[str, Case]] = []


@pytest.fixture(scope="module", autouse=True)
def _table():
    """Print the worst cases of each number."""
    ROWS.clear()
    yield
    aligned = [(name, case) for name, case in ROWS if case.done.drift.aligned]
    numbers = {
        "shift, px": (lambda case: -case.shift_error, aligned),
        "scale": (lambda case: -case.scale_error, aligned),
        "PSNR, dB": (lambda case: case.psnr, [row for row in aligned if not row[1].drift.blur]),
        "PSNR of blurred, dB": (lambda case: case.psnr, [row for row in aligned if row[1].drift.blur]),
        "seam": (lambda case: -case.seam, aligned),
    }
    for title, (key, rows) in numbers.items():
        for name, case in sorted(rows, key=lambda row: key(row[1]))[:4]:
            print(f"{title:20} {abs(key(case)):9.4f}  {name}, frame {case.plan.frame_size}, reply {case.plan.reply}")


def case_of(size: int, mask: int, drift: int) -> Case:
    number = size * 7 + mask * 3 + drift
    takes, photograph = (BY_RATIO, BY_PIXELS)[number % 2], PHOTOGRAPHS[number % len(PHOTOGRAPHS)]
    case = there_and_back(SIZES[size], MASKS[mask], DRIFTS[drift], takes=takes, name=photograph, seed=number)
    ROWS.append((f"{SIZES[size][0]} x {SIZES[size][1]}, {MASKS[mask]}, {DRIFTS[drift]}, {photograph}", case))
    return case


def names(indices: tuple[int, int, int]) -> str:
    size, mask, drift = indices
    return f"{SIZES[size][0]}x{SIZES[size][1]}-{MASKS[mask]}-{DRIFTS[drift]}".replace(" ", "-")


def comes_back_right(size: int, mask: int, drift: int) -> None:
    case = case_of(size, mask, drift)
    found = case.done.drift
    assert case.after.dtype == np.uint8
    assert np.array_equal(case.after[case.mask == 0], case.before[case.mask == 0]), "outside the mask nothing changes"
    if MASKS[mask] == "whole":
        assert found.state == "nothing around"
    elif DRIFTS[drift] == "background":
        assert found.state in {"changed", "too far"}
    else:
        assert found.state == "aligned"
        assert case.shift_error <= 0.1
        assert case.scale_error <= 0.0005
        # Of the very finest detail resampling and blur leave less: then no more is lost than where the drift is known.
        assert case.psnr >= min(28 if case.drift.blur else 36, case.best_psnr - 0.5)
        assert case.seam <= 1.15


@pytest.mark.parametrize("indices", SOME, ids=names)
def test_a_reply_comes_back_to_its_place_and_colours(indices: tuple[int, int, int]):
    comes_back_right(*indices)


@pytest.mark.nightly
@pytest.mark.parametrize("indices", EVERY, ids=names)
def test_every_size_mask_and_drift(indices: tuple[int, int, int]):
    comes_back_right(*indices)
