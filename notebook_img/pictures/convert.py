"""Pictures to files of another type: the copy that is saved, and the copy that is sent."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.errors import OutputError, PictureError, UsageError
from notebook_img.hints import Hint
from notebook_img.pictures import colours
from notebook_img.pictures.formats import PILLOW_NAMES, mime_type_for, normal_mime_type
from notebook_img.pictures.limits import readable_bytes

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from PIL.Image import Image

    from notebook_img.pictures.picture import Picture


_WITHOUT_ALPHA = frozenset({"image/jpeg", "image/bmp"})
QUALITY = 92
"""0 to 100, of the JPEG, WebP, AVIF and HEIC files that are written."""
_WITHOUT_PROFILE = frozenset({"image/gif", "image/bmp", "image/x-icon", "image/x-portable-anymap"})
_WITHOUT_GREY = frozenset({"image/webp", "image/avif"})
_IN_SRGB = "colours converted to sRGB"
_LARGE = 8_000_000
"""Pixels from which on a PNG is written as fast as it can be."""
_LOSSY_SOURCES = frozenset({"image/jpeg", "image/heic", "image/webp", "image/avif"})
"""Types whose opaque pictures lose nothing visible as a high-quality JPEG."""


@dataclass(frozen=True)
class Prepared:
    """A picture in the form in which it is sent."""

    data: bytes
    mime_type: str
    width: int
    """Pixels."""
    height: int
    notes: tuple[str, ...] = ()
    """What was done to it; empty when the bytes are the picture's own."""
    sha256: str = ""
    """SHA-256 of the bytes, where it is already known."""


def encode(picture: Picture | Image, mime_type: str, *, matte: str = "white") -> bytes:
    """Return a new file of this type: upright, without EXIF, with its colour profile and our provenance.

    Parameters
    ----------
    picture : Picture or PIL.Image.Image
        What to encode.
    mime_type : str
        For example ``"image/webp"``.
    matte : str
        A colour name or ``#rrggbb`` laid under transparent pixels where the type has no transparency.

    Raises
    ------
    UsageError
        When the type is not one we write, or the matte is no colour.
    """
    from PIL import Image as Pillow

    wanted = normal_mime_type(mime_type)
    facts: dict[str, Any] | None = None
    if isinstance(picture, Pillow.Image):
        from notebook_img.pictures.decode import upright

        image = upright(picture)
    else:
        image, facts = picture.pil(), picture.provenance()
    if wanted in _WITHOUT_ALPHA:
        image = flatten(image, matte)
    data = _written(image, wanted, QUALITY)
    if facts:
        from notebook_img.pictures.provenance import write_provenance

        return write_provenance(data, wanted, facts)
    return data


def flatten(image: Image, matte: str = "white") -> Image:
    """Return the image without transparency, laid on a colour."""
    from PIL import Image as Pillow
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(matte)[:3]
    except ValueError as error:
        raise UsageError(f"{matte!r} is not a colour. Write a name such as 'white', or #rrggbb.") from error
    if image.mode not in {"LA", "RGBA"}:
        return image
    above = colours.as_rgb(image)
    profile = colours.space_of(above)
    below = Pillow.new("RGBA", image.size, (*colours.colour_in((red, green, blue), profile), 255))
    flat = Pillow.alpha_composite(below, above).convert("RGB")
    if profile:
        flat.info["icc_profile"] = profile
    grey = image.mode == "LA" and red == green == blue
    return colours.as_grey(flat, colours.space_of(image)) if grey else flat


def conversion_notes(picture: Picture, target: Path | str, *, matte: str = "white") -> tuple[str, ...]:
    """Say what saving `picture` under this name changes; empty when its bytes are written untouched.

    Parameters
    ----------
    target : Path or str
        A file name, or a MIME type.
    """
    from pathlib import Path

    text = str(target)
    wanted = normal_mime_type(text) if text.startswith("image/") else mime_type_for(Path(text))
    if wanted == picture.mime_type:
        return ()
    notes = [f"converted from {_title(picture.mime_type)} to {_title(wanted)}", *picture.facts.notes]
    if wanted in _WITHOUT_ALPHA and picture.has_alpha:
        notes.append(f"transparency laid on {matte}")
    if wanted == "image/gif":
        notes.append("256 colours")
    if wanted in _WITHOUT_PROFILE and not colours.is_srgb(picture.facts.space):
        notes.append(_IN_SRGB)
    from notebook_img.pictures.provenance import has_credentials

    if has_credentials(picture.data):
        notes.append("content credentials left behind (the untouched original keeps them)")
    return tuple(notes)


def prepare(
    picture: Picture,
    *,
    mime_types: Collection[str] = ("image/png", "image/jpeg", "image/webp"),
    max_bytes: int = 20_000_000,
    max_side: int | None = None,
    max_pixels: int | None = None,
    matte: str = "white",
) -> Prepared:
    """Return the copy of `picture` that is sent to a service.

    The bytes are the picture's own when the service takes them as they are. Otherwise the copy is upright without an
    EXIF tag, in sRGB (services read all numbers as that), of a type that is taken, and no larger than allowed; `notes` say what was done.

    Parameters
    ----------
    mime_types : collection of str
        What the service takes.
    max_bytes : int
        Size of the file, bytes.
    max_side, max_pixels : int, optional
        Longest side, and width times height.
    matte : str
        Laid under transparent pixels when the service takes no type with transparency.

    Raises
    ------
    PictureError
        When it cannot be made small enough.
    """
    taken = tuple(dict.fromkeys(normal_mime_type(name) for name in mime_types))
    facts = picture.facts
    data = picture.data
    factor = _factor(facts.width, facts.height, max_side, max_pixels)
    srgb = colours.is_srgb(facts.space)
    odd = facts.notes or facts.orientation != 1 or picture.mime_type not in taken or factor < 1 or not srgb
    if not odd and len(data) <= max_bytes:
        return Prepared(data, picture.mime_type, facts.width, facts.height, sha256=picture.sha256)
    notes = [*facts.notes]
    if facts.orientation != 1:
        notes.append("turned upright")
    if not srgb:
        notes.append(_IN_SRGB)
    image = colours.to_srgb(picture.pil())
    alpha = _sees_through(image)
    if not alpha and image.mode in {"LA", "RGBA"}:
        image = _opaque(image)
    whole, image = image, _smaller(image, factor) if factor < 1 else image
    candidates = _candidates(taken, alpha=alpha, lossy=picture.mime_type in _LOSSY_SOURCES)
    original = (facts.width, facts.height)
    while True:
        for wanted, quality in candidates:
            sent = flatten(image, matte) if wanted in _WITHOUT_ALPHA else image
            copy = _written(sent, wanted, quality)
            if len(copy) <= max_bytes:
                if wanted != picture.mime_type:
                    notes.append(f"sent as {_title(wanted)}")
                elif quality < 95:
                    notes.append(f"sent as {_title(wanted)} of quality {quality}")
                if alpha and wanted in _WITHOUT_ALPHA:
                    notes.append(f"transparency laid on {matte}")
                if image.size != original:
                    notes.append(f"scaled from {original[0]} x {original[1]} to {image.width} x {image.height}")
                return Prepared(copy, wanted, image.width, image.height, tuple(notes or ["encoded again in fewer bytes"]))
        if max(image.size) <= 64:
            raise PictureError(f"{picture.what} cannot be made smaller than {readable_bytes(max_bytes)}.")
        # Bytes grow about with the pixels; a little less than the root of what is too much, and never a tiny step.
        # Always from the whole picture: scaling what was scaled blurs.
        factor *= min(0.85, max(0.3, (max_bytes / len(copy)) ** 0.5 * 0.95))
        image = _smaller(whole, factor)


def _factor(width: int, height: int, max_side: int | None, max_pixels: int | None) -> float:
    side = max_side / max(width, height) if max_side else 1.0
    area = (max_pixels / (width * height)) ** 0.5 if max_pixels else 1.0
    return min(1.0, side, area)


def _candidates(taken: tuple[str, ...], *, alpha: bool, lossy: bool) -> list[tuple[str, int]]:
    """Return types and qualities in the order they are tried at one size."""
    if alpha:
        order = [("image/png", 100), ("image/webp", 90), ("image/jpeg", 92)]
        # A type without transparency only where there is no other.
        order = order[:2] if {"image/png", "image/webp"} & set(taken) else order
    elif lossy:
        order = [("image/jpeg", 95), ("image/jpeg", 88), ("image/webp", 92), ("image/png", 100)]
        order = order[:3] if {"image/jpeg", "image/webp"} & set(taken) else order
    else:
        order = [("image/png", 100), ("image/jpeg", 95), ("image/jpeg", 88), ("image/webp", 92)]
    usable = [pair for pair in order if pair[0] in taken]
    return usable or [(name, 92) for name in taken if name in PILLOW_NAMES][:1] or [("image/png", 100)]


def _smaller(image: Image, factor: float) -> Image:
    from PIL.Image import Resampling

    size = (max(1, int(image.width * factor)), max(1, int(image.height * factor)))
    # Pillow weighs colours by their alpha when it resizes RGBA and LA, so hidden colours do not bleed into edges.
    smaller = image.resize(size, Resampling.LANCZOS, reducing_gap=3.0)
    if image.info.get("icc_profile"):
        smaller.info["icc_profile"] = image.info["icc_profile"]
    return smaller


def _sees_through(image: Image) -> bool:
    return image.mode in {"LA", "RGBA"} and image.getchannel("A").getextrema()[0] != 255


def _opaque(image: Image) -> Image:
    plain = image.convert("L" if image.mode == "LA" else "RGB")
    if image.info.get("icc_profile"):
        plain.info["icc_profile"] = image.info["icc_profile"]
    return plain


def png_bytes(image: Image) -> bytes:
    """Return an image as a PNG file with its colour profile."""
    stream = io.BytesIO()
    # Level 4: a third of the time of the default 6 for a few per cent of the size; of a large picture seconds count for more.
    level = 1 if image.width * image.height >= _LARGE else 4
    image.save(stream, "PNG", compress_level=level, icc_profile=image.info.get("icc_profile"))
    return stream.getvalue()


def _written(image: Image, mime_type: str, quality: int) -> bytes:
    if mime_type == "image/png":
        return png_bytes(image)
    options: dict[str, Any] = {}
    if mime_type in _WITHOUT_PROFILE:
        image = colours.to_srgb(image)
    elif mime_type in _WITHOUT_GREY:
        image = colours.as_rgb(image)
    if image.info.get("icc_profile"):
        options["icc_profile"] = image.info["icc_profile"]
    if mime_type == "image/jpeg":
        # Without "optimize": on noisy pictures its buffer overflows ("Suspension not allowed here", Pillow 13.0).
        options |= {"quality": quality, "subsampling": 0 if quality >= 95 else 2}
    elif mime_type == "image/webp":
        options |= {"lossless": quality >= 100, "quality": min(quality, 100), "method": 4}
    elif mime_type in {"image/avif", "image/heic"}:
        options["quality"] = quality
    elif mime_type == "image/tiff":
        options["compression"] = "tiff_adobe_deflate"
    stream = io.BytesIO()
    try:
        if mime_type == "image/heic":
            _write_heic(image, stream, quality)
        elif mime_type in PILLOW_NAMES:
            image.save(stream, PILLOW_NAMES[mime_type], **options)
        else:
            raise UsageError(f"{mime_type} is not an image type that can be written.")
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"The picture cannot be written as {_title(mime_type)}: {error}.") from error
    return stream.getvalue()


def _write_heic(image: Image, stream: io.BytesIO, quality: int) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise OutputError("Writing HEIC needs one more package.", hint=Hint("install", package="'notebook-img[heic]'")) from error
    pillow_heif.from_pillow(image).save(stream, quality=quality)


def _title(mime_type: str) -> str:
    """Return how people call a type: ``"JPEG"``."""
    return {"image/webp": "WebP", "image/jp2": "JPEG 2000", "image/x-icon": "ICO"}.get(mime_type, mime_type.removeprefix("image/").upper())
