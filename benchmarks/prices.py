"""``make prices``: our prices beside those of pydantic/genai-prices, difference by difference. Nothing is changed.

Their data is that of the installed package; ``--online`` fetches the newest first. A difference is a reason to look at the vendor's page,
and then to correct a row with its source and day.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from notebook_img import providers
from notebook_img.providers.pricing import price_on, today
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from notebook_img.providers.interface import ModelInfo

THEIRS = {"gemini": "google", "openai": "openai"}
"""Our provider and theirs."""
RATES = {
    "text_in": "input_mtok",
    "text_out": "output_mtok",
    "image_in": "input_image_mtok",
    "image_out": "output_image_mtok",
    "cached_in": "cache_read_mtok",
    "cached_image_in": "cache_image_read_mtok",
}
"""Our rate and theirs, both US dollars per million tokens."""


def differences(ours: Iterable[ModelInfo], theirs: Mapping[str, Mapping[str, float]], day: str) -> Iterator[str]:
    """Yield a line for each rate of a model that both know and that is not the same.

    Parameters
    ----------
    ours : iterable of ModelInfo
        Rows of a model table.
    theirs : mapping
        Rates by the names of `RATES`, by model.
    day : str
        The local day, ``YYYY-MM-DD``.
    """
    for info in ours:
        name = next((each for each in (info.name, f"{info.name}-preview", *info.aliases) if each in theirs), None)
        price, other = price_on(info, day), dict(theirs.get(name or "", {}))
        if price is None or not other:
            if other:
                yield f"{info.name}: we have no price, they have {_words(other)}"
            continue
        if price.image_out is not None and "image_out" not in other:  # of a model that only paints they have one rate
            other["image_out"] = other.pop("text_out", price.image_out)
        for rate, dollars in other.items():
            mine = getattr(price, rate)
            if mine != dollars and not (mine is None and rate in ("image_in", "cached_image_in")):
                yield f"{info.name}: {rate} is {'not known' if mine is None else f'${mine:g}'} here, ${dollars:g} there"


def _words(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{rate} ${dollars:g}" for rate, dollars in rates.items())


def their_rates(provider: str, day: str) -> dict[str, dict[str, float]]:
    """Return the rates of the installed genai-prices for a day, by model."""
    from genai_prices.data import providers as known

    at = dt.datetime.fromisoformat(day).replace(hour=12, tzinfo=dt.UTC)
    models = next(each.models for each in known if each.id == provider)
    return {
        model.id: {
            rate: float(getattr(value, "base", value)) for rate, name in RATES.items() if (value := _rate(model, at, name)) is not None
        }
        for model in models
    }


def _rate(model: Any, at: dt.datetime, name: str) -> Any:
    return getattr(model.get_prices(at), name, None)


def main() -> int:
    """Print the differences; return 1 where there are any."""
    if "--online" in sys.argv:
        from genai_prices import UpdatePrices

        with UpdatePrices() as updating:
            updating.wait()
    settings, day = Settings({}), today()
    found = [
        line
        for ours, theirs in THEIRS.items()
        for line in differences(providers.get(ours, settings).models(), their_rates(theirs, day), day)
    ]
    print("\n".join(found) or f"No differences on {day}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
