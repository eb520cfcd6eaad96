"""Picture: one immutable image. Its bytes stay as they came; every view of its pixels is upright."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from notebook_img.attributes import NamesNearest
from notebook_img.errors import OutputError, PictureError, UsageError
from notebook_img.hints import Hint
from notebook_img.pictures.formats import SUFFIXES, mime_type_for, sniff, what_it_is
from notebook_img.pictures.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from notebook_img.pictures.boxes import Box
    from notebook_img.pictures.decode import Facts


class Picture(NamesNearest):
    """One image that never changes.

    `data`, `sha256` and `mime_type` are about the bytes as they arrived. `pil()`, `array()`, `width`, `height` and
    everything shown are upright, as EXIF orientation says.

    Parameters
    ----------
    data : bytes or callable
        The file, or a function that reads it. What a function returns is used and let go, so that a thousand stored
        pictures cost no memory.
    name : str
        Where it came from, short: a file name, ``sample:chelsea``.
    mime_type, sha256, width, height
        Given by the store, which knows them; otherwise read from the bytes when asked for.
    notes : iterable of str
        What was done to it on the way in; what its format makes necessary is added by itself.
    encoded_here : bool
        Whether this package made the bytes (arrays, figures), so that its identity lies in its pixels.
    path : Path, optional
        Where the bytes lie.
    limits : Limits, optional
        Largest size that is decoded; the settings of the environment if not given.
    """

    __slots__ = ("__weakref__", "_data", "_facts", "_known", "_limits", "_notes", "encoded_here", "name", "path")

    _data: bytes | Callable[[], bytes]
    _facts: Facts | None
    _known: dict[str, Any]
    _limits: Limits | None
    _notes: tuple[str, ...]
    encoded_here: bool
    name: str
    path: Path | None

    def __init__(
        self,
        data: bytes | Callable[[], bytes],
        *,
        name: str = "",
        mime_type: str | None = None,
        sha256: str | None = None,
        width: int | None = None,
        height: int | None = None,
        notes: Iterable[str] = (),
        encoded_here: bool = False,
        pixels_key: str | None = None,
        path: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        known = {"mime_type": mime_type, "sha256": sha256, "width": width, "height": height, "pixels_key": pixels_key}
        self._fill(
            _data=data if callable(data) else bytes(data),
            _facts=None,
            _known={key: value for key, value in known.items() if value is not None},
            _limits=limits,
            _notes=tuple(notes),
            encoded_here=encoded_here,
            name=name,
            path=path,
        )

    _meant: ClassVar[Mapping[str, str]] = {
        "bytes": "data",
        "crop": "show(crop=(left, top, right, bottom)), or .pil().crop(...)",
        "image": "pil()",
        "numpy": "array()",
        "save_as": "save('FILE')",
        "shape": "array().shape",
        "to_numpy": "array()",
        "to_pil": "pil()",
    }

    def _parts(self) -> Mapping[str, type]:
        from PIL.Image import Image

        return {"pil()": Image}

    def _fill(self, **values: Any) -> None:
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def __setattr__(self, name: str, value: object) -> None:
        msg = f"A Picture never changes; {name} cannot be set."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> None:
        msg = f"A Picture never changes; {name} cannot be deleted."
        raise AttributeError(msg)

    @property
    def data(self) -> bytes:
        """The bytes as they came."""
        return self._data() if callable(self._data) else self._data

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        if "sha256" not in self._known:
            self._known["sha256"] = hashlib.sha256(self.data).hexdigest()
        return str(self._known["sha256"])

    @property
    def mime_type(self) -> str:
        """``"image/png"`` and the like, by the bytes, never by a name."""
        if "mime_type" not in self._known:
            data = self.data
            found = sniff(data)
            if found is None:
                raise PictureError(f"{self.what} {what_it_is(data)}.")
            self._known["mime_type"] = found
        return str(self._known["mime_type"])

    @property
    def what(self) -> str:
        """How a message names the picture at the start of a sentence."""
        return self.name or "This picture"

    @property
    def width(self) -> int:
        """Pixels, upright."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Pixels, upright."""
        return self.size[1]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, upright."""
        if "width" in self._known and "height" in self._known:
            return self._known["width"], self._known["height"]
        facts = self.facts
        return facts.width, facts.height

    @property
    def facts(self) -> Facts:
        """What the header says; nothing is decoded for it."""
        if self._facts is None:
            from notebook_img.pictures.decode import inspect

            self._fill(_facts=inspect(self.data, self.mime_type, self.limits, self.what))
        assert self._facts is not None
        return self._facts

    @property
    def limits(self) -> Limits:
        """The largest size that is decoded. A picture the store knows the size of was let in once and stays so."""
        limits = self._limits or Limits.of(None)
        pixels = self._known.get("width", 0) * self._known.get("height", 0)
        return limits if pixels <= limits.max_pixels else Limits(limits.max_bytes, pixels)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed for display and must be reported: ``"frame 1 of 12"``, ``"CMYK shown as RGB"``."""
        return tuple(dict.fromkeys([*self._notes, *self.facts.notes]))

    @property
    def suffix(self) -> str:
        """The suffix a file with these bytes should have, with its dot."""
        return SUFFIXES[self.mime_type]

    @property
    def mode(self) -> str:
        """How the file stores its pixels, in Pillow's words: ``"RGB"``, ``"CMYK"``, ``"P"`` ..."""
        return self.facts.mode

    @property
    def has_alpha(self) -> bool:
        """Whether the pixel format can hold transparency."""
        return self.facts.has_alpha

    @property
    def frames(self) -> int:
        """How many frames the file has; the first is the picture."""
        return self.facts.frames

    def pil(self, *, at_least: int = 0) -> Image:
        """Return the pixels, upright, as a new Pillow image in L, LA, RGB or RGBA.

        Parameters
        ----------
        at_least : int
            A smaller image will do as long as its longest side has this many pixels (JPEG decodes faster that way).

        Raises
        ------
        PictureError
            When the bytes cannot be decoded.
        """
        from notebook_img.pictures.decode import decode

        return decode(self.data, self.mime_type, self.limits, self.what, at_least=at_least)

    def array(self) -> NDArray[np.uint8]:
        """Return the pixels, upright, as a new uint8 array of shape (height, width) or (height, width, channels).

        In sRGB, whatever the picture is in: an array has no profile to say what its numbers mean. `pil` keeps numbers and profile.
        """
        import numpy as np

        from notebook_img.pictures import colours

        return np.array(colours.to_srgb(self.pil()))

    @property
    def pixels_key(self) -> str:
        """For pictures this package encoded: hash of mode, size and pixels; else empty.

        The same pixels may be written as different bytes by another version of Pillow, and are the same picture still.
        """
        if not self.encoded_here:
            return ""
        if "pixels_key" not in self._known:
            self._known["pixels_key"] = key_of_pixels(self.pil())
        return str(self._known["pixels_key"])

    def provenance(self) -> dict[str, Any] | None:
        """Return what this package wrote into the file about its making (prompt, model, parent ...), or None."""
        from notebook_img.pictures.provenance import read_provenance

        return read_provenance(self.data)

    def save(self, path: str | Path, *, force: bool = False, matte: str = "white") -> Path:
        """Write the picture to a file, in the format of the name's suffix.

        With the suffix of the format it has, the bytes are written untouched. `convert.conversion_notes` tells what
        another format changes.

        Parameters
        ----------
        path : str or Path
            Its suffix names the format.
        force : bool
            Replace a file that is there.
        matte : str
            The colour laid under transparent pixels where the format has no transparency.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        UsageError
            When the suffix is that of no image format we write.
        OutputError
            When a file is there already, or cannot be written.
        """
        from notebook_img.files import write_atomically

        if not isinstance(path, (str, os.PathLike)):
            raise UsageError(f"A picture is saved to a file name, not to a value of type {type(path).__name__}. Write save('night.png').")
        target = Path(path).expanduser()
        mime_type = mime_type_for(target)
        if target.is_dir():
            raise OutputError(f"{target} is a folder. Name a file in it, for example {target / ('picture' + self.suffix)}.")
        data = self.as_type(mime_type, matte=matte)
        if target.exists() and not force:
            if target.stat().st_size == len(data) and target.read_bytes() == data:
                return target
            raise OutputError(f"{target} already exists and was not changed.", hint=Hint("force"))
        write_atomically(target, data)
        return target

    def part(self, edges: tuple[int, int, int, int], label: str) -> Picture:
        """Return the part between these edges (left, top, right, bottom; pixels inside the picture) as a new picture."""
        return from_pil(self.pil().crop(edges), name=f"{self.name or 'picture'} {label}".strip())

    def as_type(self, mime_type: str, *, matte: str = "white") -> bytes:
        """Return the picture as a file of this type: its own bytes, untouched, where it is of this type."""
        if mime_type == self.mime_type:
            return self.data
        from notebook_img.pictures.convert import encode

        return encode(self, mime_type, matte=matte)

    def show(self, full: bool = False, crop: Box | tuple[int, int, int, int] | None = None) -> None:
        """Show the picture in the notebook.

        Parameters
        ----------
        full : bool
            All of its pixels rather than a preview; this makes the notebook as large as the picture.
        crop : Box or (left, top, right, bottom), optional
            Only this part, all of its pixels.
        """
        from IPython.display import display

        if crop is not None:
            from notebook_img.pictures.boxes import Box

            if not isinstance(crop, Box) and not (isinstance(crop, (list, tuple)) and len(crop) == 4):
                raise UsageError(f"crop is a Box or four numbers (left, top, right, bottom) in pixels, not {crop!r:.60}.")
            (crop if isinstance(crop, Box) else Box("", *crop)).crop(self).show(full=True)
            return
        data, metadata = self._full_bundle() if full else self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]

    def _full_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        import base64

        # Browsers turn a JPEG as its EXIF says; other types than these two are dropped from saved HTML.
        shown = self.mime_type if self.mime_type in {"image/png", "image/jpeg"} and self.facts.orientation == 1 else "image/png"
        data = {shown: base64.b64encode(self.as_upright(shown)).decode("ascii"), "text/plain": repr(self)}
        return data, {shown: {"alt": self.name or "picture", "width": self.width, "height": self.height}}

    def as_upright(self, mime_type: str) -> bytes:
        """Return an upright copy of this type, or the bytes unchanged where they already are one."""
        if mime_type == self.mime_type and self.facts.orientation == 1:
            return self.data
        from notebook_img.pictures.convert import encode

        return encode(self, mime_type)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ARG002 - IPython filters by these itself
        from notebook_img.pictures.bundles import image_bundle

        bundle = image_bundle(self)
        return dict(bundle.data), dict(bundle.metadata)

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, Picture) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        try:
            kind, (width, height) = self.mime_type.removeprefix("image/"), self.size
        except (PictureError, OSError):
            return f"<Picture {self.name or 'without a name'}: unreadable>"
        return f"<Picture {self.name + ': ' if self.name else ''}{width} x {height} {kind}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # A function that reads from the store would not survive in another process: the bytes travel.
        return _restore, (self.data, self.name, dict(self._known), self._notes, self.encoded_here, self.path, self._limits)

    def __copy__(self) -> Picture:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Picture:
        return self


def _restore(
    data: bytes, name: str, known: dict[str, Any], notes: tuple[str, ...], encoded_here: bool, path: Path | None, limits: Limits | None
) -> Picture:
    return Picture(data, name=name, notes=notes, encoded_here=encoded_here, path=path, limits=limits, **known)


def key_of_pixels(image: Image) -> str:
    """Return ``px:`` and the SHA-256 of an image's mode, size and pixels."""
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    return f"px:{digest.hexdigest()}"


def from_pil(image: Image, *, name: str = "", notes: tuple[str, ...] = (), limits: Limits | None = None) -> Picture:
    """Return a Picture of our own encoding (PNG) from an upright image in L, LA, RGB or RGBA."""
    from notebook_img.pictures.convert import png_bytes

    return Picture(
        png_bytes(image),
        name=name,
        mime_type="image/png",
        width=image.width,
        height=image.height,
        notes=notes,
        encoded_here=True,
        pixels_key=key_of_pixels(image),
        limits=limits,
    )
