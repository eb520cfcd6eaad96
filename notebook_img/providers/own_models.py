"""Prices, limits and bans of the user's own, from the file of endpoints: they come before what the model tables say.

::

    [models]
    allow = ["gemini", "openai:gpt-image-*"]     # left out: everything
    block = ["*:dall-e-*"]

    [models."openai:gpt-image-2.6-sunburst"]
    image_out = 24.0                             # US dollars per million tokens
    until = 2027-03-31

    [models."openrouter:acme/painter"]           # one our tables do not have
    per_picture = {"1K" = 0.02, "*" = 0.05}
    kinds = ["generate", "edit"]
    max_inputs = 4
"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.providers.interface import ModelInfo, Price
from notebook_img.providers.pricing import today
from notebook_img.providers.user_file import MODELS, NAME, UserFile, user_files

if TYPE_CHECKING:
    from notebook_img.providers.interface import Provider
    from notebook_img.settings import Settings

BY_PIECE = {"per_picture", "by_pixels"}
BUILT_IN = "local"
ALSO_CALLED = {"google": "gemini", "vertex": "gemini", "azure": "openai", "chatgpt": "openai", "seedream": "ark", "volcengine": "ark"}
"""Providers by other names of their services."""
"""Costs nothing and sends nothing: only a ban by name reaches it."""


@dataclass(frozen=True)
class OwnModel:
    """What the user says of one model: the fields to put over its row."""

    price: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    def price_on(self, day: str, table: Price | None) -> Price | None:
        """Return the price given for a day; None where none was, or it holds on other days.

        A rate per token is put over those of `table`, or the others would count as free; a price by the piece stands alone.
        """
        if not self.price or not self.price.get("since", "") <= day <= self.price.get("until", "9999"):
            return None
        if table is None or self.price.keys() & BY_PIECE:
            return Price(**self.price)
        rest = {"since": "", "until": "", "then": None, "about": False, "checked": ""}
        return replace(table.on(day), **{**rest, **self.price})

    def over(self, info: ModelInfo, day: str) -> ModelInfo:
        """Return a row with these fields in place of its own."""
        changed = replace(info, capabilities=replace(info.capabilities, **self.capabilities), **self.info)
        return replace(changed, price=self.price_on(day, info.price) or info.price)


@dataclass(frozen=True)
class OwnModels:
    """What the user's files say of all models."""

    models: Mapping[str, OwnModel] = field(default_factory=dict)
    """By ``provider:model``."""
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    place: str = ""
    """Where the two lists stand, for sentences."""

    def banned(self, provider: str, model: str) -> str:
        """Return why a model may not be used, or an empty string."""
        pattern = next((pattern for pattern in self.block if _fits(pattern, provider, model)), "")
        if pattern:
            return f"{provider}:{model} is blocked by {pattern!r} ({self.place})."
        if self.allow and provider != BUILT_IN and not any(_fits(pattern, provider, model) for pattern in self.allow):
            return f"{provider}:{model} is not among the models allowed here: {', '.join(self.allow)} ({self.place})."
        return ""


def _fits(pattern: str, provider: str, model: str) -> bool:
    """Whether a pattern with ``*`` names a provider, a model, or both with a colon between."""
    return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for name in (provider, model, f"{provider}:{model}"))


def own_models(settings: Settings) -> OwnModels:
    """Return what the user's files say of models.

    Raises
    ------
    UsageError
        Something in them cannot be used; the sentence names file and line.
    """
    found = OwnModels()
    for file in user_files(settings):
        found = _joined(found, file)
        _check_providers(file, settings)
    return found


def usable_own_models(settings: Settings) -> tuple[OwnModels, str]:
    """Return the same with an empty sentence, or nothing with a sentence that says what is wrong: then only the built-in tables hold."""
    try:
        return own_models(settings), ""
    except UsageError as error:
        return OwnModels(), f"{error.sentence} Until that is mended the built-in prices hold, and no model is blocked."


def own_file(settings: Settings) -> Path:
    """Return the file a price is to be written into."""
    return Path(settings.endpoints).expanduser() if settings.endpoints else settings.home / NAME


def model_info(provider: Provider, model: str, settings: Settings, day: str = "") -> ModelInfo:
    """Return the row of a model, with the user's own fields of a day (today when empty) over it."""
    info = provider.model_info(model)
    own = _own(provider, info, settings)
    return own.over(info, day or today()) if own is not None else info


def own_fields(provider: Provider, model: str, settings: Settings, day: str) -> dict[str, Any]:
    """Return what the user says of a model on a day as fields of a `Request`: price and limits travel in it to the provider."""
    info = provider.model_info(model)
    own = _own(provider, info, settings)
    return {"price": own.price_on(day, info.price), "limits": own.capabilities} if own is not None else {}


def banned(provider: Provider, model: str, settings: Settings) -> str:
    """Return why the user's files do not allow a model, or an empty string."""
    return usable_own_models(settings)[0].banned(provider.name, provider.model_info(model).name)


def _own(provider: Provider, info: ModelInfo, settings: Settings) -> OwnModel | None:
    models = usable_own_models(settings)[0].models
    names = (info.name, *info.aliases)
    return next((models[full] for name in names if (full := f"{provider.name}:{name}".casefold()) in models), None) if models else None


def _joined(before: OwnModels, file: UserFile) -> OwnModels:
    table = file.tables.get(MODELS, {})
    if not isinstance(table, Mapping):
        raise UsageError(f'{file.path}: models is no table. Write [models] or [models."provider:model"].')
    lists = {word: _patterns(file, word, table[word]) for word in ("allow", "block") if word in table}
    own = {str(name).casefold(): _own_model(file, str(name), entry) for name, entry in table.items() if name not in ("allow", "block")}
    place = file.place(MODELS, next(iter(lists))) if lists else before.place
    return OwnModels({**before.models, **own}, lists.get("allow", before.allow), lists.get("block", before.block), place)


def _check_providers(file: UserFile, settings: Settings) -> None:
    """Refuse a provider whose name is almost that of an installed one; any other may be installed on another machine."""
    from notebook_img.providers.registry import names

    table = file.tables.get(MODELS, {})
    places = {name: (f"{MODELS}.{name}", "") for name in table}
    for word in ("allow", "block"):
        places.update((pattern, (MODELS, word)) for pattern in table.get(word, ()))
    named = {name: provider.strip().casefold() for name in places for provider, colon, _ in (name.partition(":"),) if colon}
    known = {name.casefold() for name in names(settings)} if named else set()
    for name, provider in named.items():
        if provider in known or "*" in provider:
            continue
        if said := f" Did you mean {meant!r}?" if (meant := ALSO_CALLED.get(provider)) else did_you_mean(provider, known):
            raise UsageError(f"{file.place(*places[name])}: {name!r} names no provider there is.{said}")


def _patterns(file: UserFile, word: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f'{file.place(MODELS, word)}: {word} is a list of patterns, such as ["openai:gpt-image-*"].')
    return tuple(value)


def _own_model(file: UserFile, name: str, table: object) -> OwnModel:
    here = f"{MODELS}.{name}"
    provider, _, model = (part.strip() for part in name.partition(":"))
    if not (provider and model and isinstance(table, Mapping)):
        if isinstance(table, Mapping):
            raise UsageError(f'{file.place(here)}: [models."{name}"] names no provider and model; write [models."provider:model"].')
        known = 'allow, block and tables such as [models."provider:model"]'
        raise UsageError(f"{file.place(MODELS, name)}: {name} is unknown in [models], which may have {known}.")
    values: dict[str, dict[str, Any]] = {"price": {}, "capabilities": {}, "info": {}}
    for word, value in table.items():
        if word not in _WORDS:
            raise UsageError(
                f"{file.place(here, word)}: unknown word {word!r}.{did_you_mean(word, _WORDS)} It may be {', '.join(sorted(_WORDS))}."
            )
        part, read = _WORDS[word]
        try:
            values[part][word] = read(value)
        except ValueError as error:
            raise UsageError(f"{file.place(here, word)}: {word} = {repr(value)[:60]} cannot be used: {error}.") from None
    price = values["price"]
    if price.get("since") and price.get("until") and price["since"] > price["until"]:
        raise UsageError(f"{file.place(here, 'until')}: the price ends ({price['until']}) before it begins ({price['since']}).")
    if price and not price.keys() & _RATES:
        raise UsageError(f"{file.place(here)}: there is no price in it. Write per_picture, text_in, image_out or another of them.")
    if price:
        price.setdefault("source", str(file.path))
    return OwnModel(**values)


# How the words of a model's table are read.


def _dollars(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        msg = "write US dollars, 0 or more"
        raise ValueError(msg)
    return float(value)


def _by_size(value: object) -> dict[str, float]:
    if isinstance(value, Mapping) and value:
        return {str(size).upper() if size != "*" else "*": _dollars(dollars) for size, dollars in value.items()}
    return {"*": _dollars(value)}


def _by_pixels(value: object) -> tuple[tuple[int, float], ...]:
    rows = value if isinstance(value, list) else []
    if not rows or not all(isinstance(row, list) and len(row) == 2 for row in rows):
        msg = "write [[pixels, dollars], ...], the smallest first"
        raise ValueError(msg)
    return tuple(sorted((_whole(pixels), _dollars(dollars)) for pixels, dollars in rows))


def _day(value: object) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        msg = "write a day such as 2026-12-31"
        raise ValueError(msg) from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = "write a whole number, 0 or more"
        raise ValueError(msg)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = "write text in quotes"
        raise ValueError(msg)  # noqa: TRY004 - read as the other refusals, and told in one sentence
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "write true or false"
        raise ValueError(msg)  # noqa: TRY004 - as above
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        msg = 'write a list of texts, such as ["1K", "2K"]'
        raise ValueError(msg)
    return tuple(value)


def _kinds(value: object) -> frozenset[str]:
    kinds = frozenset(_texts(value))
    if not kinds or kinds - {"generate", "edit", "ask"}:
        msg = 'write some of ["generate", "edit", "ask"]'
        raise ValueError(msg)
    return kinds


def _mask(value: object) -> str:
    if value not in ("native", "words", "no"):
        msg = "write native, words or no"
        raise ValueError(msg)
    return str(value)


_TOKENS = ("text_in", "text_out", "thought_out", "image_in", "image_out", "cached_in", "cached_image_in")
_RATES = {*_TOKENS, *BY_PIECE}
_WORDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "per_picture": ("price", _by_size),
    "by_pixels": ("price", _by_pixels),
    **dict.fromkeys((*_TOKENS, "per_reference"), ("price", _dollars)),
    "free_references": ("price", _whole),
    "since": ("price", _day),
    "until": ("price", _day),
    "source": ("price", _text),
    "checked": ("price", _day),
    "kinds": ("capabilities", _kinds),
    "sizes": ("capabilities", _texts),
    "aspect_ratios": ("capabilities", _texts),
    "pixel_sizes": ("capabilities", _flag),
    **dict.fromkeys(("max_inputs", "max_count", "max_pixels", "max_side", "prompt_limit", "max_input_bytes"), ("capabilities", _whole)),
    **dict.fromkeys(("seed", "negative_prompt", "strength", "schema", "boxes", "detail"), ("capabilities", _flag)),
    "mask": ("capabilities", _mask),
    "ends": ("info", _day),
    "successor": ("info", _text),
    "note": ("info", _text),
}
"""The words of a model's table: of which part of its row, and how the value is read."""
