"""Many at once: one call applied to files, rows of a table, combinations of values; priced first, resumable by any process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.studio.batch.again import Again as Again
    from notebook_img.studio.batch.again import sent_again as sent_again
    from notebook_img.studio.batch.again import surely_unbilled as surely_unbilled
    from notebook_img.studio.batch.awaited import AsyncBatch as AsyncBatch
    from notebook_img.studio.batch.batch import Batch as Batch
    from notebook_img.studio.batch.batches import AsyncBatches as AsyncBatches
    from notebook_img.studio.batch.batches import Batches as Batches
    from notebook_img.studio.batch.batches import arranged as arranged
    from notebook_img.studio.batch.item import Item as Item
    from notebook_img.studio.batch.item import ItemList as ItemList
    from notebook_img.studio.batch.making import BatchOptions as BatchOptions
    from notebook_img.studio.batch.prices import read_budget as read_budget
    from notebook_img.studio.batch.rows import Row as Row
    from notebook_img.studio.batch.rows import combined as combined
    from notebook_img.studio.batch.rows import fields_of_file as fields_of_file
    from notebook_img.studio.batch.rows import is_many as is_many
    from notebook_img.studio.batch.rows import rows_of as rows_of
    from notebook_img.studio.batch.templates import fields_in as fields_in
    from notebook_img.studio.batch.templates import file_filled as file_filled
    from notebook_img.studio.batch.templates import filled as filled
    from notebook_img.studio.batch.typed import check_alone as check_alone
    from notebook_img.studio.batch.typed import items_named as items_named
    from notebook_img.studio.batch.typed import makes_batch as makes_batch
    from notebook_img.studio.batch.typed import optional_names as optional_names
    from notebook_img.studio.batch.typed import options_by_name as options_by_name
    from notebook_img.studio.batch.typed import read_over as read_over
    from notebook_img.studio.batch.typed import with_chosen as with_chosen
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        again="Again sent_again surely_unbilled",
        awaited="AsyncBatch",
        batch="Batch",
        batches="AsyncBatches Batches arranged",
        item="Item ItemList",
        making="BatchOptions",
        prices="read_budget",
        rows="Row combined fields_of_file is_many rows_of",
        templates="fields_in file_filled filled",
        typed="check_alone items_named makes_batch optional_names options_by_name read_over with_chosen",
    )
