"""Anything a notebook holds -> Picture; limits, conversion, boxes and masks, provenance. Names load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.pictures.boxes import Box
    from notebook_img.pictures.convert import Prepared, encode, prepare
    from notebook_img.pictures.fetching import fetch, vetted_address
    from notebook_img.pictures.formats import MIME_TYPES, SUFFIXES, normal_mime_type, sniff
    from notebook_img.pictures.intake import SAMPLES, is_picture_like, load, local_path
    from notebook_img.pictures.limits import Limits
    from notebook_img.pictures.masks import as_mask, confine, outpaint
    from notebook_img.pictures.picture import Picture

_WHERE = {
    "Box": "boxes",
    "Limits": "limits",
    "MIME_TYPES": "formats",
    "Picture": "picture",
    "Prepared": "convert",
    "SAMPLES": "intake",
    "SUFFIXES": "formats",
    "as_mask": "masks",
    "confine": "masks",
    "encode": "convert",
    "fetch": "fetching",
    "is_picture_like": "intake",
    "load": "intake",
    "local_path": "intake",
    "normal_mime_type": "formats",
    "outpaint": "masks",
    "prepare": "convert",
    "sniff": "formats",
    "vetted_address": "fetching",
}

__all__ = [
    "MIME_TYPES",
    "SAMPLES",
    "SUFFIXES",
    "Box",
    "Limits",
    "Picture",
    "Prepared",
    "as_mask",
    "confine",
    "encode",
    "fetch",
    "is_picture_like",
    "load",
    "local_path",
    "normal_mime_type",
    "outpaint",
    "prepare",
    "sniff",
    "vetted_address",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
