"""The mime bundle every function of this package returns, and the one of a lone picture."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from notebook_img.pictures.previews import preview

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.pictures.picture import Picture
    from notebook_img.pictures.previews import Preview


STILL_TYPES = ("image/jpeg", "image/png")
STILL_SIDE, STILL_BYTES = 512, 36_000
"""Most of the still picture beside a figure's HTML, pixels and bytes: LaTeX, PDF and qtconsole take no HTML."""


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
    caption: Bundle | None = None
    """The words under the picture alone, for those who show the picture as an image and nothing else."""
    form: str = "html"
    """The setting `figure`, for a bundle that a cell shows as its value."""

    def parts(self, form: str) -> tuple[Bundle, ...]:
        """Return what is shown: the whole, or with the form ``image`` the picture as an image and its caption, each as one output.

        Exporters that prefer HTML and then remove it (sanitised pages, Markdown) lose the picture of a whole.
        """
        images = {kind: content for kind, content in self.data.items() if kind in STILL_TYPES}
        if form != "image" or not images or self.caption is None:
            return (self,)
        alone = Bundle({**images, "text/plain": f"[{self.metadata[next(iter(images))]['alt']}]"}, self.metadata)
        return (alone, self.caption)

    @property
    def stills(self) -> list[tuple[Preview, str]]:
        """The still picture in it with its alternative text, for what puts several bundles together; empty where there is none."""
        from notebook_img.pictures.previews import Preview

        kinds = [kind for kind in STILL_TYPES if kind in self.data]
        facts = [self.metadata[kind] for kind in kinds]
        return [
            (Preview(b64decode(self.data[kind]), kind, about["width"], about["height"]), about["alt"])
            for kind, about in zip(kinds, facts, strict=True)
        ]

    def show(self, form: str = "html") -> None:
        """Show it in IPython, each of its `parts` as an output of its own."""
        from IPython.display import display

        for part in self.parts(form):
            display(dict(part.data), raw=True, metadata=dict(part.metadata))  # type: ignore[no-untyped-call]

    @property
    def text(self) -> str:
        """The ``text/plain`` form."""
        return str(self.data.get("text/plain", ""))

    @property
    def html(self) -> str:
        """The ``text/html`` form, empty where there is none."""
        return str(self.data.get("text/html", ""))

    def _ipython_display_(self) -> None:
        """Show several parts as several outputs; one is left to the mime bundle.

        IPython takes NotImplementedError from this method as "not here" (IPython/core/formatters.py, catch_format_error).
        """
        if len(self.parts(self.form)) == 1:
            raise NotImplementedError
        self.show(self.form)

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


def still(cells: Sequence[tuple[Preview, str]], alt: str, *, columns: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return previews as one small image, for what shows no HTML: content and metadata by MIME type.

    Parameters
    ----------
    cells : sequence of (Preview, str)
        Previews, and what is written under each where there are several.
    alt : str
        Alternative text.
    columns : int
        See `contact_sheet`.
    """
    from io import BytesIO

    from PIL import Image

    from notebook_img.pictures.previews import encode_within, scale_down
    from notebook_img.pictures.sheets import contact_sheet

    images = [(Image.open(BytesIO(seen.data)), words) for seen, words in cells]
    if len(images) == 1:
        image = images[0][0].convert("RGBA" if cells[0][0].mime_type == "image/png" else "RGB")
    else:
        image = contact_sheet(images, width=STILL_SIDE, columns=columns).convert("RGB")
    made = encode_within(scale_down(image, STILL_SIDE), STILL_BYTES)
    return {made.mime_type: made.base64}, {made.mime_type: {"alt": shorten(alt, 240), "width": made.width, "height": made.height}}
