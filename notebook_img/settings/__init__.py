"""What can be set, where a home is and how often a model is asked: read from text, an environment variable's or a person's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.settings.addresses import Address as Address
    from notebook_img.settings.addresses import DatabaseURL as DatabaseURL
    from notebook_img.settings.person import person_of as person_of
    from notebook_img.settings.rates import Rate as Rate
    from notebook_img.settings.rates import rate_for as rate_for
    from notebook_img.settings.rates import read_rate as read_rate
    from notebook_img.settings.rates import read_rates as read_rates
    from notebook_img.settings.table import HOME_BUDGET as HOME_BUDGET
    from notebook_img.settings.table import Settings as Settings
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        addresses="Address DatabaseURL",
        person="person_of",
        rates="Rate rate_for read_rate read_rates",
        table="HOME_BUDGET Settings",
    )
