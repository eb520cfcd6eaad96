"""Who works here, as an environment says it."""

from __future__ import annotations

import functools
import getpass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = ("NOTEBOOK_IMG_USER", "JUPYTERHUB_USER")
"""The first that is set counts; on a JupyterHub all may have the same login."""


def person_of(environ: Mapping[str, str]) -> str:
    """Return who an environment says it is, else the login, without letters that names are joined by; empty where neither is known."""
    given = (environ.get(variable, "").strip() for variable in VARIABLES)
    name = next((each for each in given if each), "") or _login()
    return name.replace(":", "-").replace("/", "-")


@functools.lru_cache(maxsize=1)
def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user that has no name
        return ""
