"""Whether a kernel shares what a client's own environment sets: keys, models, endpoints, a budget.

A kernel that is joined works with its own. So its announcement holds a keyed hash of each value, from which no one without the home's
secret learns one, and a client whose environment says otherwise is served without that kernel.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from notebook_img import keys
from notebook_img.errors import NotebookImgError
from notebook_img.providers import key_services
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

APART = frozenset(
    (
        *("home", "replay", "replay_from", "allowed_dirs", "preview", "figure", "verbose_errors"),
        *("mcp_urls", "mcp_links", "vision_log_level", "vision_history_path"),
    )
)
"""Settings that the client's side applies itself, or that agents have no use for."""


def marks(settings: Settings) -> dict[str, str]:
    """Return a keyed hash of what is in force, by environment variable; what is not set is left out."""
    found: dict[str, str] = {}
    for name, setting in Settings.table().items():
        if name not in APART:
            with contextlib.suppress(NotebookImgError):  # one that cannot be read is in force nowhere
                found |= dict.fromkeys(setting.env, settings.key_mark(repr(getattr(settings, name))))
    for service in key_services(settings):
        with contextlib.suppress(NotebookImgError):
            if key := keys.find(service, settings):
                found |= dict.fromkeys(service.variables, settings.key_mark(key))
    return found


def set_here(settings: Settings) -> dict[str, str]:
    """Return the same for what this process's environment sets."""
    given = {name for name, value in settings.environ.items() if value.strip()}
    return {name: mark for name, mark in marks(settings).items() if name in given}


def not_shared(here: Mapping[str, str], there: Mapping[str, str] | None) -> list[str]:
    """Return the variables whose value here is not in force there; none where it is not known what is."""
    return [] if there is None else sorted(name for name, mark in here.items() if there.get(name) != mark)
