"""Pictures from outside: uploads in pieces, paths and addresses, variables of the notebook."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.errors import PictureError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.pictures import Picture
    from notebook_img.settings import Settings

MOST_OPEN = 4
"""Uploads begun and not finished, kept at the same time."""

SHAPE_TOLERANCE = 0.02
"""How far the ratios of a mask and the picture it is laid on again may differ."""


@dataclass
class _Open:
    name: str
    size: int
    pieces: dict[int, bytes] = field(default_factory=dict)
    touched: float = field(default_factory=time.monotonic)


class Uploads:
    """Uploads that come in pieces: a websocket message holds at most 10 MiB in Jupyter Server, about one in Colab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, _Open] = {}

    def take(self, token: str, index: int, count: int, name: str, size: int, piece: bytes) -> Picture | None:
        """Keep a piece; return the picture when it was the last one.

        Raises
        ------
        PictureError
            When the whole is larger than the limit, or no image.
        """
        most = self._settings.max_bytes
        shown = _shown(name)
        if size > most:
            self._open.pop(token, None)
            raise PictureError(
                f"{shown} has {size / 1e6:.0f} MB, and the limit is {most / 1e6:.0f} MB (setting max_bytes). Choose a smaller file."
            )
        found = self._open.setdefault(token, _Open(name, size))
        found.pieces[index] = piece
        found.touched = time.monotonic()
        if sum(map(len, found.pieces.values())) > size:
            del self._open[token]
            raise PictureError(f"{shown} grew while it was read. Choose it again.")
        if len(found.pieces) < count:
            for stale in sorted(self._open, key=lambda key: self._open[key].touched)[:-MOST_OPEN]:
                del self._open[stale]
            return None
        del self._open[token]
        from notebook_img import pictures

        data = b"".join(found.pieces[position] for position in range(count))
        if not data:
            raise PictureError(f"{shown} is empty.")
        return pictures.load(data, settings=self._settings, name=shown)


def _shown(name: str) -> str:
    """Return the last part of a file's name: browsers give no folder, and a made-up one is ignored."""
    return name.replace("\\", "/").rsplit("/", 1)[-1][:120] or "upload"


def names_in_notebook() -> Mapping[str, Any]:
    """Return the notebook's variables; an empty mapping outside IPython."""
    import sys

    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "user_ns", {}) if shell is not None else {}


def image_variables(names: Mapping[str, Any], most: int = 40) -> list[str]:
    """Return the names of variables that hold an image, the newest first."""
    from notebook_img import pictures

    found = []
    for name, value in reversed(list(names.items())):
        if name.startswith("_") or name in {"In", "Out", "exit", "quit"}:
            continue
        if pictures.is_picture_like(value):
            found.append(name)
        if len(found) == most:
            break
    return found


def opened(text: str, names: Mapping[str, Any], settings: Settings) -> Picture:
    """Return what the field names: a variable of the notebook that holds an image, else a path, an address or ``sample:NAME``.

    Raises
    ------
    UsageError
        When it is empty, or the variable holds no image.
    NotFoundError, PictureError
        As `pictures.load`.
    """
    from notebook_img import pictures

    word = text.strip()
    if not word:
        raise UsageError("Write a path, an address, sample:chelsea, or the name of a variable that holds an image.")
    bare = word[1:-1].strip() if word.startswith("{") and word.endswith("}") else word
    if bare.isidentifier():
        if bare in names:
            value = names[bare]
            if isinstance(value, str):
                return pictures.load(value, settings=settings)
            if not pictures.is_picture_like(value):
                raise UsageError(f"The variable {bare} holds no image but {type(value).__name__}.")
            return pictures.load(value, settings=settings, name="" if hasattr(value, "picture") else bare)
        if bare != word:
            raise UsageError(f"The notebook has no variable {bare!r}.{did_you_mean(bare, names)}")
    return pictures.load(word, settings=settings)


def painted_mask(data: bytes, like: Picture, settings: Settings) -> Picture:
    """Return what was painted in the browser as a mask of the picture's true size; white may change.

    A browser's canvas has an upper size, so that of a very large picture is painted smaller and brought to size here.

    Raises
    ------
    UsageError
        When nothing is painted.
    """
    from notebook_img import pictures

    drawn = pictures.load(data, settings=settings, name="mask")
    if drawn.size == like.size:
        return pictures.as_mask(drawn, like, settings=settings, reading="painted")
    from PIL import Image

    image = drawn.pil().convert("L").resize(like.size, Image.Resampling.NEAREST)
    return pictures.as_mask(image, like, settings=settings)


def check_shape(mask: Picture, like: Picture) -> None:
    """Check that a stored mask can be laid on a picture again; the browser brings it to size.

    Raises
    ------
    UsageError
        When the picture has another shape.
    """
    from notebook_img.pictures import size_words

    if abs(mask.width * like.height - mask.height * like.width) > SHAPE_TOLERANCE * mask.width * like.height:
        sizes = f"({size_words(mask.size)}; this one is {size_words(like.size)})"
        raise UsageError(f"That mask was painted on a picture of another shape {sizes}. Paint a new one.")
