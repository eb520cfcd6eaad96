"""The services behind one small async interface (interface.py), found by entry points (registry.py)."""

from __future__ import annotations

from notebook_img.providers.registry import forget, get, loadable, names, resolve

__all__ = ["forget", "get", "loadable", "names", "resolve"]
