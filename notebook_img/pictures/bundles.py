"""The mime bundle every function of this package returns, and the one of a lone picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.pictures.previews import preview

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notebook_img.pictures import Picture


@dataclass(frozen=True)
class Bundle:
    """What ``display(raw=True)`` takes: the same content in several forms.

    Attributes
    ----------
    data : mapping
        Content by MIME type. ``text/plain`` is always there and can be read in a terminal.
    metadata : mapping
        Output metadata, for images keyed by MIME type.
    """

    data: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The ``text/plain`` form."""
        return str(self.data.get("text/plain", ""))

    @property
    def html(self) -> str:
        """The ``text/html`` form, empty where there is none."""
        return str(self.data.get("text/html", ""))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict[str, Any], dict[str, Any]]:
        del include, exclude  # IPython filters by itself
        return dict(self.data), dict(self.metadata)

    def __repr__(self) -> str:
        return f"<Bundle {', '.join(self.data)}>"

    def __str__(self) -> str:
        return self.text


def image_bundle(picture: Picture) -> Bundle:
    """Show one picture without a caption line.

    Returns
    -------
    Bundle
        ``image/jpeg`` (``image/png`` with transparency) and ``text/plain``; the alternative text stands in both,
        because JupyterLab 4.6 and nbconvert's lab template drop the metadata.
    """
    seen = preview(picture)
    alt = f"{shorten(picture.name or 'picture', 80)}, {size_words((picture.width, picture.height))}"
    plain = [f"[{alt}]", *(f"Note: {note}" for note in getattr(picture, "notes", ()))]
    facts = {"alt": alt, "width": seen.width, "height": seen.height}
    return Bundle({seen.mime_type: seen.base64, "text/plain": "\n".join(plain)}, {seen.mime_type: facts})


def size_words(size: tuple[int, int] | None) -> str:
    """Return ``512 × 384``; empty for None."""
    return f"{size[0]} × {size[1]}" if size else ""


def shorten(text: str, most: int) -> str:
    """Return `text` on one line and no longer than `most` characters, cut at a word where possible."""
    flat = " ".join(text.split())
    if len(flat) <= most:
        return flat
    cut = flat[: most - 1]
    words = cut.rsplit(" ", 1)[0]
    return (words if len(words) > most * 2 // 3 else cut).rstrip(" ,.;:") + "…"
