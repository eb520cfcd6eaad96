"""What a person sees: previews, captions, grids, trees and comparisons as mime bundles.

Plain functions from small frozen values to HTML and text; IPython is not imported here, the surfaces
show what comes back. Pillow and numpy are imported when a picture is first drawn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.display.answers import answer as answer
    from notebook_img.display.answers import answers_together as answers_together
    from notebook_img.display.bundles import Bundle as Bundle
    from notebook_img.display.bundles import image_bundle as image_bundle
    from notebook_img.display.captions import Caption as Caption
    from notebook_img.display.captions import money as money
    from notebook_img.display.comparisons import compare as compare
    from notebook_img.display.differences import Differences as Differences
    from notebook_img.display.differences import measure as measure
    from notebook_img.display.figures import Shot as Shot
    from notebook_img.display.figures import figure as figure
    from notebook_img.display.overlays import boxes_overlay as boxes_overlay
    from notebook_img.display.previews import Preview as Preview
    from notebook_img.display.previews import preview as preview
    from notebook_img.display.tables import table as table
    from notebook_img.display.trees import TreeNode as TreeNode
    from notebook_img.display.trees import tree as tree
    from notebook_img.display.waiting import Progress as Progress
    from notebook_img.display.waiting import note as note
    from notebook_img.display.waiting import progress as progress

_HOMES = {
    "Bundle": "bundles",
    "Caption": "captions",
    "Differences": "differences",
    "Preview": "previews",
    "Progress": "waiting",
    "Shot": "figures",
    "TreeNode": "trees",
    "answer": "answers",
    "answers_together": "answers",
    "boxes_overlay": "overlays",
    "compare": "comparisons",
    "figure": "figures",
    "image_bundle": "bundles",
    "measure": "differences",
    "money": "captions",
    "note": "waiting",
    "preview": "previews",
    "progress": "waiting",
    "table": "tables",
    "tree": "trees",
}

__all__ = [  # noqa: PLE0604, RUF100 - loaded by __getattr__
    "Bundle",
    "Caption",
    "Differences",
    "Preview",
    "Progress",
    "Shot",
    "TreeNode",
    "answer",
    "answers_together",
    "boxes_overlay",
    "compare",
    "figure",
    "image_bundle",
    "measure",
    "money",
    "note",
    "preview",
    "progress",
    "table",
    "tree",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
