"""What every surface talks to: a workspace with the calls on it, and the reports about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.studio.batch import Again as Again
    from notebook_img.studio.batch import Batch as Batch
    from notebook_img.studio.batch import Batches as Batches
    from notebook_img.studio.batch import BatchOptions as BatchOptions
    from notebook_img.studio.batch import Item as Item
    from notebook_img.studio.batch import Row as Row
    from notebook_img.studio.batch import arranged as arranged
    from notebook_img.studio.batch import check_alone as check_alone
    from notebook_img.studio.batch import fields_in as fields_in
    from notebook_img.studio.batch import fields_of_file as fields_of_file
    from notebook_img.studio.batch import file_filled as file_filled
    from notebook_img.studio.batch import filled as filled
    from notebook_img.studio.batch import items_named as items_named
    from notebook_img.studio.batch import makes_batch as makes_batch
    from notebook_img.studio.batch import optional_names as optional_names
    from notebook_img.studio.batch import options_by_name as options_by_name
    from notebook_img.studio.batch import read_budget as read_budget
    from notebook_img.studio.batch import read_over as read_over
    from notebook_img.studio.batch import sent_again as sent_again
    from notebook_img.studio.batch import surely_unbilled as surely_unbilled
    from notebook_img.studio.batch import with_chosen as with_chosen
    from notebook_img.studio.completing import Completions as Completions
    from notebook_img.studio.completing import Prose as Prose
    from notebook_img.studio.completing import image_files as image_files
    from notebook_img.studio.completing import starting as starting
    from notebook_img.studio.costs import COST_BY as COST_BY
    from notebook_img.studio.costs import cost_rows as cost_rows
    from notebook_img.studio.costs import cost_table as cost_table
    from notebook_img.studio.costs import spent_today as spent_today
    from notebook_img.studio.default import attach_to_default as attach_to_default
    from notebook_img.studio.default import default_studio as default_studio
    from notebook_img.studio.doctor import examine as examine
    from notebook_img.studio.doctor import tables_of as tables_of
    from notebook_img.studio.packing import Packed as Packed
    from notebook_img.studio.packing import write_pack as write_pack
    from notebook_img.studio.sessions import session_name_from as session_name_from
    from notebook_img.studio.siblings import Family as Family
    from notebook_img.studio.siblings import outputs_for as outputs_for
    from notebook_img.studio.siblings import run_siblings as run_siblings
    from notebook_img.studio.studio import AsyncStudio as AsyncStudio
    from notebook_img.studio.studio import Studio as Studio
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        batch="Again Batch BatchOptions Batches Item Row arranged check_alone fields_in fields_of_file file_filled filled items_named "
        "makes_batch optional_names options_by_name read_budget read_over sent_again surely_unbilled with_chosen",
        completing="Completions Prose image_files starting",
        costs="COST_BY cost_rows cost_table spent_today",
        default="attach_to_default default_studio",
        doctor="examine tables_of",
        packing="Packed write_pack",
        sessions="session_name_from",
        siblings="Family outputs_for run_siblings",
        studio="AsyncStudio Studio",
    )
