"""The life of one call, a step per module: what is asked, where it starts, the request, replay, money, the reply, its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.calls.call import Call as Call
    from notebook_img.calls.call import images_of as images_of
    from notebook_img.calls.call import make_call as make_call
    from notebook_img.calls.estimating import Estimated as Estimated
    from notebook_img.calls.estimating import dearer as dearer
    from notebook_img.calls.estimating import estimated as estimated
    from notebook_img.calls.jobs import is_left as is_left
    from notebook_img.calls.jobs import item_jobs as item_jobs
    from notebook_img.calls.jobs import resume_job as resume_job
    from notebook_img.calls.jobs import resume_jobs as resume_jobs
    from notebook_img.calls.jobs import unfinished_jobs as unfinished_jobs
    from notebook_img.calls.jobs import waiting_jobs as waiting_jobs
    from notebook_img.calls.jobs import write_file_of as write_file_of
    from notebook_img.calls.later import LaterCall as LaterCall
    from notebook_img.calls.later import conclude_later as conclude_later
    from notebook_img.calls.later import fail_later as fail_later
    from notebook_img.calls.later import prepare_again as prepare_again
    from notebook_img.calls.later import prepare_later as prepare_later
    from notebook_img.calls.later import reserve_later as reserve_later
    from notebook_img.calls.mask_words import words_of as words_of
    from notebook_img.calls.outputs import check_name as check_name
    from notebook_img.calls.outputs import check_output_files as check_output_files
    from notebook_img.calls.outputs import check_output_place as check_output_place
    from notebook_img.calls.outputs import output_names as output_names
    from notebook_img.calls.outputs import portable as portable
    from notebook_img.calls.outputs import provenance_of as provenance_of
    from notebook_img.calls.outputs import refuse_foreign as refuse_foreign
    from notebook_img.calls.outputs import write_output as write_output
    from notebook_img.calls.outputs import write_outputs as write_outputs
    from notebook_img.calls.pacing import set_rate as set_rate
    from notebook_img.calls.perform import perform_call as perform_call
    from notebook_img.calls.progress import Change as Change
    from notebook_img.calls.progress import Progress as Progress
    from notebook_img.calls.request import PreparedCall as PreparedCall
    from notebook_img.calls.request import chosen_model as chosen_model
    from notebook_img.calls.resolve import TURN_ID as TURN_ID
    from notebook_img.calls.resolve import PlacedCall as PlacedCall
    from notebook_img.calls.resolve import is_id as is_id
    from notebook_img.calls.resolve import load as load
    from notebook_img.calls.resolve import place_call as place_call
    from notebook_img.calls.results import CallResult as CallResult
    from notebook_img.calls.results import Notice as Notice
    from notebook_img.calls.results import Plan as Plan
    from notebook_img.calls.stopping import Stopwatch as Stopwatch
    from notebook_img.calls.stopping import note_bill as note_bill
    from notebook_img.calls.stopping import stoppable as stoppable
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        call="Call images_of make_call",
        estimating="Estimated dearer estimated",
        jobs="is_left item_jobs resume_job resume_jobs unfinished_jobs waiting_jobs write_file_of",
        later="LaterCall conclude_later fail_later prepare_again prepare_later reserve_later",
        mask_words="words_of",
        outputs=(
            "check_name check_output_files check_output_place output_names portable provenance_of refuse_foreign write_output write_outputs"
        ),
        pacing="set_rate",
        perform="perform_call",
        progress="Change Progress",
        request="PreparedCall chosen_model",
        resolve="PlacedCall TURN_ID is_id load place_call",
        results="CallResult Notice Plan",
        stopping="Stopwatch note_bill stoppable",
    )
