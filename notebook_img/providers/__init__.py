"""The services behind one small async interface (interface.py), found by entry points (registry.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.providers.catalog import lacking as lacking
    from notebook_img.providers.catalog import model_rows as model_rows
    from notebook_img.providers.catalog import model_table as model_table
    from notebook_img.providers.catalog import own_options as own_options
    from notebook_img.providers.catalog import price_words as price_words
    from notebook_img.providers.catalog import rows_named as rows_named
    from notebook_img.providers.catalog import service_rows as service_rows
    from notebook_img.providers.later import UndoneError as UndoneError
    from notebook_img.providers.later import jobs_for as jobs_for
    from notebook_img.providers.later import later_of as later_of
    from notebook_img.providers.logs import quiet_libraries as quiet_libraries
    from notebook_img.providers.own_models import banned as banned
    from notebook_img.providers.own_models import model_info as model_info
    from notebook_img.providers.own_models import own_fields as own_fields
    from notebook_img.providers.own_models import own_file as own_file
    from notebook_img.providers.own_models import usable_own_models as usable_own_models
    from notebook_img.providers.pace import Pace as Pace
    from notebook_img.providers.pace import paced as paced
    from notebook_img.providers.pricing import Estimate as Estimate
    from notebook_img.providers.pricing import cost_by as cost_by
    from notebook_img.providers.pricing import end_of as end_of
    from notebook_img.providers.pricing import expected as expected
    from notebook_img.providers.pricing import own_cost as own_cost
    from notebook_img.providers.pricing import own_terms as own_terms
    from notebook_img.providers.pricing import today as today
    from notebook_img.providers.registry import close as close
    from notebook_img.providers.registry import get as get
    from notebook_img.providers.registry import loadable as loadable
    from notebook_img.providers.registry import names as names
    from notebook_img.providers.registry import resolve as resolve
    from notebook_img.providers.selection import PAID_ORDER as PAID_ORDER
    from notebook_img.providers.selection import choose_model as choose_model
    from notebook_img.providers.selection import doing as doing
    from notebook_img.providers.sending import Traffic as Traffic
    from notebook_img.providers.sending import watching as watching
    from notebook_img.providers.services import connection_of as connection_of
    from notebook_img.providers.services import has_key as has_key
    from notebook_img.providers.services import key_service as key_service
    from notebook_img.providers.services import key_services as key_services
    from notebook_img.providers.services import mark_of as mark_of
    from notebook_img.providers.services import service_of as service_of
    from notebook_img.providers.validation import check_request as check_request
    from notebook_img.providers.validation import takes as takes
    from notebook_img.providers.validation import unable as unable
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        catalog="lacking model_rows model_table own_options price_words rows_named service_rows",
        later="UndoneError jobs_for later_of",
        logs="quiet_libraries",
        own_models="banned model_info own_fields own_file usable_own_models",
        pace="Pace paced",
        pricing="Estimate cost_by end_of expected own_cost own_terms today",
        registry="close get loadable names resolve",
        selection="PAID_ORDER choose_model doing",
        sending="Traffic watching",
        services="connection_of has_key key_service key_services mark_of service_of",
        validation="check_request takes unable",
    )
