"""Siblings: one call to several models at once, from the same start. Each surface decides how to show them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img import loop, providers
from notebook_img.calls import Plan, perform_call, stoppable
from notebook_img.providers import choose_model
from notebook_img.providers.interface import TextEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.calls import Call, CallResult, PlacedCall
    from notebook_img.settings import Settings
    from notebook_img.studio.studio import Studio
    from notebook_img.tree import Session, Turn


@dataclass(frozen=True)
class Family:
    """The results of a call to one or more models, in the order in which the models were named."""

    results: tuple[Turn | Plan, ...]
    """Turns, or the plans of a dry run."""
    failed: tuple[tuple[str, BaseException], ...] = ()
    """Models that returned no result, and why. Empty for one model: its error is raised."""


def outputs_for(call: Call, models: Sequence[str]) -> list[str | Path | None]:
    """Give each sibling a file of its own: ``fox-gemini.png``; ``fox-gemini-1.png``, ``fox-gemini-2.png`` where names are equal."""
    if call.output is None or len(models) < 2:
        return [call.output] * len(models)
    path = Path(call.output)
    names = [re.sub(r"[^A-Za-z0-9.]+", "-", model) for model in models]
    # File systems may take letters of both cases for the same.
    keys = [name.casefold() for name in names]
    seen: dict[str, int] = {}
    outputs: list[str | Path | None] = []
    for name, key in zip(names, keys, strict=True):
        seen[key] = seen.get(key, 0) + 1
        number = f"-{seen[key]}" if keys.count(key) > 1 else ""
        outputs.append(path.with_name(f"{path.stem}-{name}{number}{path.suffix}"))
    return outputs


def run_siblings(studio: Studio, session: Session, call: Call, models: Sequence[str], on_event: loop.Tell | None = None) -> Family:
    """Do a call with each model and wait for all; events are handed over in the caller's thread.

    Parameters
    ----------
    studio : Studio
        Who asks.
    session : Session
        Where the turns go.
    call : Call
        What is asked; its `model` is left aside.
    models : sequence of str
        As they were typed, one or several; ``""`` for the default.
    on_event : callable, optional
        Takes the core's events. Of several models' answers no text is told: they would be read as one.

    Raises
    ------
    NotebookImgError
        For a single model whatever its call raises. For several what is wrong before anything is sent, for example the
        name of one of them; what fails later stands in `Family.failed`.
    """
    alone = len(models) == 1
    calls = [
        call.but(model=model, output=output, keeps_model=alone) for model, output in zip(models, outputs_for(call, models), strict=True)
    ]
    if len(calls) == 1:
        return Family((studio.run(session, calls[0], on_event),))
    with stoppable(), studio.provisional.trying(session.id):
        for one in calls:
            _check_model(one, studio.settings)
        # All of them are placed before the first one moves the head.
        with studio.begin(session, *calls) as placed:
            done = loop.run(lambda tell: _together(studio, placed, tell), on_event)
        failed = tuple((model, item) for model, item in zip(models, done, strict=True) if isinstance(item, BaseException))
        made = [(item, one.start) for item, one in zip(done, placed, strict=True) if not isinstance(item, BaseException)]
        return Family(_results(studio, made), failed)


def _check_model(call: Call, settings: Settings) -> None:
    """Refuse a model that does not exist or cannot do the work; for a repeated turn this is checked later."""
    if call.model and call.again:
        providers.resolve(call.model, settings)
    elif call.model:
        choose_model(call.kind, settings, asked=call.model)


async def _together(studio: Studio, placed: Sequence[PlacedCall], tell: loop.Tell) -> list[CallResult | Plan | BaseException]:
    def tell_all_but_text(event: Any) -> None:
        if not isinstance(event, TextEvent):
            tell(event)

    return await asyncio.gather(*(perform_call(studio, one, tell_all_but_text) for one in placed), return_exceptions=True)


def _results(studio: Studio, made: Sequence[tuple[CallResult | Plan, int | None]]) -> tuple[Turn | Plan, ...]:
    """Return the results; the first model's turn becomes the head."""
    results: list[Turn | Plan] = []
    for item, start in made:
        if isinstance(item, Plan):
            results.append(item)
            continue
        if not results and item.record.kind != "ask":
            studio.move_head(item.record.session_id, item.record.number, "turn", start=start)
        studio.shared.changed("turn", item.record.session_id, item.record.number)
        results.append(studio.turn(item))
    return tuple(results)
