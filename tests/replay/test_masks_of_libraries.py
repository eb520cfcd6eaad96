"""What other libraries found, as ``--mask {found}``: through an edit in a real kernel, stored with the turn and replayed in the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replay.real_kernels import Front, front
from tests.replay.scenarios import Open

LIBRARIES = """
import numpy as np, pandas as pd, types
inside = np.zeros((400, 600), bool)
inside[100:180, 200:320] = True
box = [200, 100, 320, 180]
supervision_boxes = types.SimpleNamespace(xyxy=np.array([box], np.float32), mask=None, confidence=np.array([0.9]))
supervision_masks = types.SimpleNamespace(xyxy=np.array([box], np.float32), mask=inside[None])
coco = {"size": [400, 600], "counts": [200 * 400 + 100, *([80, 320] * 119), 80, 220 + 280 * 400]}
annotation = {"segmentation": coco, "category_id": 47, "bbox": [200, 100, 120, 80]}
table = pd.DataFrame([[*box, "cup"]], columns=["xmin", "ymin", "xmax", "ymax", "name"])
rectangle = (200, 100, 120, 80)
"""
NAMES = ("rectangle", "supervision_boxes", "supervision_masks", "coco", "annotation", "table")
CHECK = "assert np.array_equal(np.asarray(ni.session().head.mask.pil()) > 0, inside), ni.session().head"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with front("JupyterLab", tmp_path_factory.mktemp("front")) as made:
        yield made


def test_they_are_masks_of_an_edit_that_is_stored_and_given_back_in_the_next_kernel(lab: Front, tmp_path: Path) -> None:
    made: dict[str, str] = {}
    for sent in (1, 0):
        lab.open(Open("work.ipynb"), tmp_path)
        assert lab.run("libraries", LIBRARIES).ran.status == "ok"
        for name in NAMES:
            done = lab.run(name, f"%imgedit sample:coffee --mask {{{name}}} a bee")
            assert done.ran.status == "ok", done.ran.traceback
            ((picture, _),) = done.got
            assert (done.sent, picture) == (sent, made.setdefault(name, picture)), name
            checked = lab.run(f"{name} looked at", CHECK)
            assert checked.ran.status == "ok", checked.ran.traceback
    assert len(set(made.values())) == len(NAMES)


def test_what_is_of_another_picture_is_an_error_before_anything_is_sent(lab: Front, tmp_path: Path) -> None:
    lab.open(Open("work.ipynb"), tmp_path)
    lab.run("libraries", "found = {'size': [4, 6], 'counts': [0, 24]}")
    done = lab.run("wrong", "%imgedit sample:coffee --mask {found} a bee")
    assert done.sent == 0
    assert "The mask has 6 x 4 pixels and the picture 600 x 400" in done.ran.traceback
