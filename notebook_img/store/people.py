"""Whose notebook is meant: in a home that several people share, the same path under two of them is two notebooks.

There a notebook stands in the rows as ``@alice:/home/me/fox.ipynb``. Its owner gives and gets the plain path; of everybody else's the
name with its owner is all that is known, and nothing is concluded from what lies at that path on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from notebook_img.settings import person_of


def this_person() -> str:
    """Return who works in this process; ``you`` where that cannot be told."""
    return person_of(os.environ) or "you"


def with_owner(values: Any) -> Any:
    """Return the values of a statement, notebooks in them (whose names begin with ``notebook``) with this person as their owner."""
    if isinstance(values, Mapping):
        return {name: _owned(value) if name.startswith("notebook") else value for name, value in values.items()}
    if isinstance(values, list):
        return [with_owner(each) for each in values]
    return values


def as_here(notebook: str) -> str:
    """Return a notebook as it is called here: this person's own by its path."""
    return notebook.removeprefix(f"@{this_person()}:") if notebook.startswith("@") else notebook


def _owned(value: Any) -> Any:
    # Nothing is no notebook, and a pattern is one of parts of its name.
    return f"@{this_person()}:{value}" if isinstance(value, str) and value and value[0] not in "@%" else value
