"""What a person sees: captions, grids, trees and comparisons as mime bundles.

Plain functions from small frozen values to HTML and text; IPython is not imported here, the surfaces
show what comes back. Pillow and numpy are imported when a picture is first drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.display.answers import answer as answer
    from notebook_img.display.answers import answers_together as answers_together
    from notebook_img.display.batches import BatchState as BatchState
    from notebook_img.display.batches import batch_progress as batch_progress
    from notebook_img.display.captions import Caption as Caption
    from notebook_img.display.captions import counted as counted
    from notebook_img.display.captions import moment as moment
    from notebook_img.display.captions import money as money
    from notebook_img.display.captions import price_range_words as price_range_words
    from notebook_img.display.comparisons import compare as compare
    from notebook_img.display.differences import Differences as Differences
    from notebook_img.display.differences import confront as confront
    from notebook_img.display.differences import heat as heat
    from notebook_img.display.differences import measure as measure
    from notebook_img.display.differences import percent as percent
    from notebook_img.display.figures import Shot as Shot
    from notebook_img.display.figures import figure as figure
    from notebook_img.display.front import page_script as page_script
    from notebook_img.display.front import page_style as page_style
    from notebook_img.display.overlays import boxes_overlay as boxes_overlay
    from notebook_img.display.overlays import mask_overlay as mask_overlay
    from notebook_img.display.sheets import MOST_ITEMS as MOST_ITEMS
    from notebook_img.display.sheets import SheetItem as SheetItem
    from notebook_img.display.sheets import sheet as sheet
    from notebook_img.display.tables import table as table
    from notebook_img.display.trees import TreeNode as TreeNode
    from notebook_img.display.trees import drawn as drawn
    from notebook_img.display.trees import tree as tree
    from notebook_img.display.waiting import Progress as Progress
    from notebook_img.display.waiting import note as note
    from notebook_img.display.waiting import progress as progress
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        answers="answer answers_together",
        batches="BatchState batch_progress",
        captions="Caption counted moment money price_range_words",
        comparisons="compare",
        differences="Differences confront heat measure percent",
        figures="Shot figure",
        front="page_script page_style",
        overlays="boxes_overlay mask_overlay",
        sheets="MOST_ITEMS SheetItem sheet",
        tables="table",
        trees="TreeNode drawn tree",
        waiting="Progress note progress",
    )
