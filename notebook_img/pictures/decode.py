"""Bytes to pixels: opens image files within the limits and deliberately brings every mode to L, LA, RGB or RGBA.

Everything that is changed on the way (animation, 16 bits, CMYK, palettes) is put into words, for notes and captions.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import PictureError
from notebook_img.hints import Hint
from notebook_img.pictures import colours, leniency
from notebook_img.pictures.formats import PILLOW_NAMES, broken_structure, header_size
from notebook_img.pictures.tiff import with_its_picture_first

if TYPE_CHECKING:
    from PIL.Image import Image

    from notebook_img.pictures.limits import Limits

ORIENTATION = 0x0112
"""EXIF tag (CIPA DC-008, EXIF 2.32)."""

_TO_SRGB = frozenset({"CMYK", "LAB", "HSV"})
"""Modes whose colours are brought to sRGB on the way in."""

_TWELVE_BITS = 4095
_SMALL = 500_000
"""Pixels up to which a file is decoded to prove it is whole; costs a few milliseconds."""


@dataclass(frozen=True)
class Facts:
    """What a file says without being decoded."""

    width: int
    """Pixels, oriented."""
    height: int
    mode: str
    """Pillow's name for how the pixels are stored, for example ``"CMYK"``."""
    has_alpha: bool
    frames: int
    orientation: int
    """1 to 8 as in EXIF; 1 is upright."""
    notes: tuple[str, ...]
    """What `decode` changes, in words."""
    space: bytes | None = None
    """Profile of the decoded numbers, None for sRGB; see `colours`."""


def inspect(data: bytes, mime_type: str, limits: Limits, what: str) -> Facts:
    """Read the header of an image.

    Parameters
    ----------
    data : bytes
        The file.
    mime_type : str
        As `sniff` tells.
    limits : Limits
        Checked before anything is decoded or allocated.
    what : str
        How messages name the file.

    Raises
    ------
    PictureError
        When the header is damaged or claims too many pixels.
    """
    with _reading(what):
        image = _open(data, mime_type, limits, what)
        # Pillow decodes a whole PNG to look for EXIF behind the pixels; most have none.
        silent = mime_type == "image/png" and not image.info.keys() & {"exif", "Raw profile type exif"} and b"eXIf" not in data
        orientation = 1 if silent else _orientation(image)
        width, height = image.size
        if orientation >= 5 and image.format != "TIFF":  # Pillow tells the size of a TIFF as it will be turned
            width, height = height, width
        frames = int(getattr(image, "n_frames", 1) or 1) if image.format != "ICO" else 1
        space, space_note = colours.stored_space(image, data)
        notes = (
            *([f"frame 1 of {frames}"] if frames > 1 and image.format not in {"MPO", "TIFF"} else []),
            *([f"page 1 of {frames}"] if frames > 1 and image.format == "TIFF" else []),
            *mode_notes(image, data),
            *([space_note] if space_note else []),
            *image.info.get("notes", ()),
        )
        pages = 1 if image.format == "MPO" else frames
        kept = None if image.mode in _TO_SRGB else space
        return Facts(width, height, image.mode, _has_alpha(image), pages, orientation, notes, kept)


def decode(data: bytes, mime_type: str, limits: Limits, what: str, *, at_least: int = 0) -> Image:
    """Return the pixels, upright, in L, LA, RGB or RGBA with 8 bits.

    Parameters
    ----------
    at_least : int
        A JPEG may be decoded at a half, quarter or eighth of its size as long as its longest side keeps this many pixels;
        0 for the full size.

    Raises
    ------
    PictureError
        When the file is damaged, cut off or too large.
    """
    with _reading(what):
        image = _open(data, mime_type, limits, what)
        if at_least and mime_type == "image/jpeg" and image.mode in {"L", "RGB"}:
            factor = max(1, max(image.size) // at_least)
            image.draft(None, (image.width // factor, image.height // factor))
        image.load()
        return upright(image, data)


def check_whole(data: bytes, mime_type: str, limits: Limits, what: str) -> Facts:
    """Return the facts of a file after checking that it is complete.

    Small pictures and rare formats are decoded. Large PNG and JPEG files are followed by their structure instead (every
    chunk with its checksum, the end mark): a decoder hardly finds more damage than that,
    and takes fifty times as long (2.7 megapixel PNG: 68 ms against 1.3).
    """
    facts = inspect(data, mime_type, limits, what)
    wrong = broken_structure(data, mime_type)
    if wrong:
        raise PictureError(f"{what} {wrong}. Get the file again.")
    if mime_type not in {"image/png", "image/jpeg"} or facts.width * facts.height <= _SMALL:
        with _reading(what):
            _open(data, mime_type, limits, what).load()
    if mime_type == "image/jpeg" and leniency.lacks_end(data):
        _check_last_pixels(data, what)
    return facts


def _check_last_pixels(data: bytes, what: str) -> None:
    """Raise PictureError when a JPEG without its end mark lacks pixels too: what stands behind them must not change the picture."""
    from PIL import Image as Pillow

    with _reading(what):
        ends = []
        for filler in (0x11, 0x6A):
            image = Pillow.OPEN["JPEG"][0](io.BytesIO(leniency.ended(data, filler)), "")
            image.load()
            ends.append(image.tobytes())
    if ends[0] != ends[1]:
        raise PictureError(f"{what} is cut off. Get the file again.")


def upright(image: Image, data: bytes = b"") -> Image:
    """Return a new picture, turned as its EXIF orientation says, in a plain mode, without the tag.

    What its numbers mean stands in ``info["icc_profile"]``, absent for sRGB. `data` is the file, where it is there.
    """
    from PIL import Image as Pillow
    from PIL.Image import Transpose as Turn

    # TIFF turns itself as it is loaded, and says so only then.
    image.load()
    turns = {
        2: Turn.FLIP_LEFT_RIGHT,
        3: Turn.ROTATE_180,
        4: Turn.FLIP_TOP_BOTTOM,
        5: Turn.TRANSPOSE,
        6: Turn.ROTATE_270,
        7: Turn.TRANSVERSE,
        8: Turn.ROTATE_90,
    }
    orientation = _orientation(image)
    space = None if image.mode in _TO_SRGB else colours.stored_space(image, data)[0]
    plain = _plain(image)
    turned = plain.transpose(turns[orientation]) if orientation in turns else plain
    # A fresh image: no EXIF, no text, no file behind it.
    fresh = turned.copy() if turned is image or type(turned) is not Pillow.Image else turned
    space = colours.fitting(fresh.mode, space)
    fresh.info = {"icc_profile": space} if space else {}
    return fresh


def mode_notes(image: Image, data: bytes = b"") -> tuple[str, ...]:
    """Say how the stored pixels differ from what `upright` makes of them."""
    mode = image.mode
    named = {
        "1": "1-bit shown as grey",
        "CMYK": "CMYK shown as RGB",
        "YCbCr": "YCbCr shown as RGB",
        "LAB": "Lab shown as RGB",
        "HSV": "HSV shown as RGB",
        "F": "32-bit float shown as 8-bit",
        "I": "integer grey shown as 8-bit",
    }
    if mode in named:
        # Pillow opens 16-bit PNG in mode I in older versions.
        return (_sixteen_bits(image),) if mode == "I" and image.format == "PNG" else (named[mode],)
    if mode.startswith("I;16"):
        return (_sixteen_bits(image),)
    if mode in {"P", "PA"} and image.format != "GIF":  # a GIF is always a palette, nobody needs to be told
        return ("palette colours shown as RGB",)
    if image.format == "PNG" and data[24:25] == b"\x10":
        return ("16-bit channels shown as 8-bit",)
    bits = getattr(image, "tag_v2", {}).get(258, ()) if image.format == "TIFF" else ()
    if isinstance(bits, tuple) and any(depth > 8 for depth in bits):
        return (f"{max(bits)}-bit channels shown as 8-bit",)
    return ()


def _sixteen_bits(image: Image) -> str:
    """Say how 16-bit grey is shown; what uses few of its bits is lightened, which changes what a picture is of."""
    highest = float(image.getextrema()[1])  # type: ignore[arg-type]
    if highest > _TWELVE_BITS:
        return "16-bit grey shown as 8-bit"
    return f"dark 16-bit grey (up to {highest:.0f}) shown as 8-bit, {'16' if highest > 255 else '257'} times lighter"


def _plain(image: Image) -> Image:
    """Return the picture in L, LA, RGB or RGBA, 8 bits a channel."""
    mode = image.mode
    transparent = "transparency" in image.info
    if mode in {"L", "RGB"}:
        return image.convert("LA" if mode == "L" else "RGBA") if transparent else image
    if mode in {"LA", "RGBA"}:
        return image
    if mode == "1":
        return image.convert("LA" if transparent else "L")
    if mode == "P":
        return image.convert("RGBA" if transparent or (image.palette and "A" in image.palette.mode) else "RGB")
    if mode in {"PA", "RGBa"}:
        return image.convert("RGBA")
    if mode == "La":
        return image.convert("LA")
    if mode in {"I", "F"} or mode.startswith("I;16"):
        return _scaled(image)
    if mode == "CMYK":
        return _without_cmyk(image)
    return image.convert("RGB")


def _without_cmyk(image: Image) -> Image:
    """Turn CMYK into sRGB, by its profile where it has a usable one."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
            pass
        else:
            if turned is not None:
                return turned
    return image.convert("RGB")


def _scaled(image: Image) -> Image:
    """Bring 16-bit, integer and float grey to 8 bits.

    Integers up to 255 are taken as they are. Up to 4095 they are taken for 12 bits (microscopes and medical cameras put
    those into 16-bit files; as sixteenths of the range they would be black), up to 65535 for 16 bits. Floats between 0
    and 1 are multiplied by 255. Everything else is spread between its smallest and largest value.
    """
    import numpy as np
    from PIL import Image as Pillow

    stored = np.asarray(image)
    key = image.info.get("transparency")
    values = stored.astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 65535 or (image.mode == "F" and high > 255):
        values = (values - low) * (255 / (high - low)) if high > low else values * 0
    elif high > _TWELVE_BITS:
        values = values / 257
    elif high > 255:
        values = values * (255 / _TWELVE_BITS)
    grey = Pillow.fromarray(np.round(values).astype(np.uint8))
    if isinstance(key, int):
        return Pillow.merge("LA", [grey, Pillow.fromarray((stored != key).astype(np.uint8) * np.uint8(255))])
    return grey


def _open(data: bytes, mime_type: str, limits: Limits, what: str) -> Image:
    """Open a file of a known format without decoding it and without Pillow's global pixel limit."""
    from PIL import Image as Pillow

    claimed = header_size(data)
    if claimed:
        limits.check_pixels(*claimed, what)
    image: Image
    if mime_type == "image/x-camera-raw":
        from notebook_img.pictures.camera_raw import developed

        return developed(data, limits, what)
    profile: bytes | None = None
    notes: tuple[str, ...] = ()
    if mime_type == "image/png":
        data, profile, notes = leniency.readable_png(data)
    elif mime_type == "image/jpeg" and leniency.lacks_end(data):
        data, notes = leniency.ended(data), (leniency.NO_END,)
    elif mime_type == "image/tiff":
        data = with_its_picture_first(data)
    stream = io.BytesIO(data)
    if mime_type == "image/heic":
        try:
            from pillow_heif import HeifImageFile
        except ImportError as error:
            raise PictureError(
                f"{what} is a HEIC image, which needs one more package. Install it, or save the image as JPEG.",
                hint=Hint("install", package="'notebook-img[heic]'"),
            ) from error
        image = HeifImageFile(stream)  # type: ignore[no-untyped-call, unused-ignore]
    else:
        name = PILLOW_NAMES[mime_type]
        if name not in Pillow.OPEN:
            Pillow.preinit()
        if name not in Pillow.OPEN:
            Pillow.init()
        if name not in Pillow.OPEN:
            raise PictureError(f"{what} is {mime_type}, which this installation of Pillow cannot read. Save it as PNG.")
        # The format's own reader, not Image.open: that one compares the size with a limit that belongs to the whole process.
        image = Pillow.OPEN[name][0](stream, "")
    limits.check_pixels(*image.size, what)
    key = image.info.get("transparency")
    if mime_type == "image/png" and data[24:25] == b"\x10" and isinstance(key, tuple):
        # Pillow keeps the high byte of each channel, and the transparent colour whole.
        image.info["transparency"] = tuple(int(value) >> 8 for value in key)
        notes = (*notes, "the transparent colour of 16-bit channels taken at 8 bits")
    if profile:
        image.info["icc_profile"] = profile
    if notes:
        image.info["notes"] = notes
    return image


def _orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 where there is none or it makes no sense."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
        return int(value) if int(value) in range(1, 9) else 1
    except Exception:  # damaged EXIF raises from half a dozen families; the pixels are fine without it
        return 1


def _has_alpha(image: Image) -> bool:
    return image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info


class _reading:  # noqa: N801 - reads as a phrase
    """Turns everything that Pillow raises for damaged files into one PictureError.

    Pillow raises UnidentifiedImageError, OSError, ValueError, SyntaxError, DecompressionBombError and more, depending on
    the place of the damage; each format's reader has its own.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, PictureError) or not isinstance(error, Exception):
            return
        if isinstance(error, MemoryError):
            raise PictureError(f"{self.what} needs more memory than is available.") from error
        cut = "truncated" in str(error).casefold() or "not processed" in str(error) or isinstance(error, EOFError)
        raise PictureError(f"{self.what} is {'cut off' if cut else 'damaged and cannot be decoded'}. Get the file again.") from error
