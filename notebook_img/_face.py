"""The face of a folder: its public names, each loaded from its module when it is first used.

An import of `notebook_img` and ``%load_ext`` must stay quick, so a folder's ``__init__`` imports none of its modules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def face(package: str, **modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a folder.

    Parameters
    ----------
    package : str
        The folder's ``__name__``.
    **modules : str
        For each module of the folder, the names it gives, separated by spaces.
    """
    where = {name: module for module, names in modules.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in where:
            from notebook_img.errors import did_you_mean

            raise AttributeError(f"module {package!r} has no attribute {name!r}.{did_you_mean(name, where)}")
        value = getattr(import_module(f"{package}.{where[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(where), sorted(where)
