"""What the numbers of a picture mean, and the only place where they are changed into others.

A picture is in the space its file says: an ICC profile, PNG's cICP or gAMA, EXIF's ColorSpace; in sRGB where it says nothing. Inside
this package that is always ``image.info["icc_profile"]``, absent for sRGB. Numbers are converted when two pictures meet (the second is
brought into the first's space), when an output cannot hold the profile (GIF, BMP), for a preview, a comparison or an array, and for a
service, which takes all numbers for sRGB. Nothing else touches them.
"""

from __future__ import annotations

import functools
import io
import struct
from typing import TYPE_CHECKING, Any

from notebook_img.pictures import icc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

_SAME = 2
"""Levels of 255 by which a profile may differ from sRGB, anywhere, and still be it: profiles of that name differ as much."""
NEARLY_GREY = 6
"""Levels between the channels of a pixel that are no colour: JPEG leaves as much."""
_COLOR_SPACE, _EXIF, _INTEROP = 0xA001, 0x8769, 0xA005
"""EXIF tags (CIPA DC-008)."""

_CICP_PRIMARIES: Mapping[int, tuple[str, tuple[icc.Chromaticity, ...]]] = {
    1: ("BT.709", icc.SRGB),
    9: ("BT.2020", icc.BT_2020),
    12: ("Display P3", icc.DISPLAY_P3),
}
_CICP_CURVES: Mapping[int, float | tuple[float, ...]] = {4: 2.2, 5: 2.8, 8: 1.0, 13: icc.srgb_curve()}
"""Transfer functions of ITU-T H.273 that say what a number means without knowing the screen; BT.709's is shown as sRGB, as browsers do."""
_AS_SRGB = frozenset({1, 6, 13, 14, 15})
_HDR: Mapping[int, str] = {16: "PQ", 18: "HLG"}


def space_of(image: Image) -> bytes | None:
    """Return the profile of an image's numbers, None for sRGB. It always fits the mode."""
    return fitting(image.mode, image.info.get("icc_profile"))


def stored_space(image: Image, data: bytes = b"") -> tuple[bytes | None, str]:
    """Return the profile of a file that was opened, and what has to be said of it.

    Parameters
    ----------
    image : PIL.Image.Image
        As its reader opened it, with everything the file says in `info`.
    data : bytes
        The file, where it is there: Pillow leaves PNG's cICP out.
    """
    cicp = _cicp(image, data)
    if cicp is not None:
        named, note = _numbered(*cicp)
        # PNG (third edition): cICP goes before iCCP. A curve no profile holds leaves the word to what else there is.
        if named is not None or not note:
            return named, note
        return fitting(image.mode, image.info.get("icc_profile")), note
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return (profile, "") if image.mode == "CMYK" else (fitting(image.mode, profile), "")
    if image.format == "PNG" and "srgb" not in image.info and "gamma" in image.info:
        return fitting(image.mode, _by_gamma(image.info)), ""
    return fitting(image.mode, _by_exif(image)), ""


def fitting(mode: str, profile: Any) -> bytes | None:
    """Return a profile for this mode that means the same numbers; None where that is sRGB, or where there is no sense in it."""
    if not isinstance(profile, bytes) or not profile:
        return None
    space, grey = icc.colour_space(profile), mode in {"L", "LA", "1", "I", "F"} or mode.startswith("I;16")
    if space == "RGB" and grey:
        # Grey numbers in an RGB profile (many JPEGs): PNG forbids it, and a grey profile of the same curve says the same.
        return None if is_srgb(profile) else icc.as_grey(profile)
    if space == "GRAY" and not grey:
        return icc.as_rgb(profile)
    return profile if space in {"RGB", "GRAY"} and _opened(profile) is not None else None


def is_srgb(profile: bytes | None) -> bool:
    """Tell whether a profile means what sRGB means; by what it does, since names lie."""
    return not profile or _is_srgb(profile)


@functools.lru_cache(maxsize=64)
def _is_srgb(profile: bytes) -> bool:
    from PIL import Image

    grey = icc.colour_space(profile) == "GRAY"
    steps = range(0, 256, 15)
    if grey:
        probe = Image.new("L", (len(steps), 1))
        probe.putdata(list(steps))
    else:
        probe = Image.new("RGB", (6**3 + len(steps), 1))
        levels = (0, 51, 102, 153, 204, 255)
        probe.putdata([(r, g, b) for r in levels for g in levels for b in levels] + [(value,) * 3 for value in steps])
    turned = _transformed(probe, profile, None)
    if turned is None:
        return False
    before, after = probe.convert("RGB").tobytes(), turned.convert("RGB").tobytes()
    return max(abs(a - b) for a, b in zip(before, after, strict=True)) <= _SAME


def to_srgb(image: Image) -> Image:
    """Return an image in sRGB, without a profile; grey stays grey."""
    return into(image, None)


def into(image: Image, profile: bytes | None) -> Image:
    """Return an image with its colours as numbers of another space.

    Parameters
    ----------
    image : PIL.Image.Image
        L, LA, RGB or RGBA.
    profile : bytes or None
        None for sRGB. A grey profile takes a grey image; a coloured one becomes RGB whose equal numbers mean that grey.

    Returns
    -------
    PIL.Image.Image
        With the profile in its info; transparency is left alone. A damaged profile leaves the numbers as they are.
    """
    ours, grey = space_of(image), image.mode in {"L", "LA"}
    target = fitting(image.mode, profile) if profile else None
    if ours == target or (is_srgb(ours) and is_srgb(target)):
        return _marked(image, target)
    alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
    plain = image.getchannel("L") if image.mode == "LA" else image.convert("RGB") if image.mode == "RGBA" else image
    if grey:
        turned: Image | None = _grey(plain, ours, target)
    else:
        turned = _transformed(plain, ours, target)
    if turned is None:
        return _marked(image, target)
    if alpha is not None:
        turned.putalpha(alpha)
    return _marked(turned, target)


def met(below: Image, above: Image) -> tuple[Image, Image]:
    """Bring two pictures that meet to one mode and the space of the first, whose numbers stay; a grey one becomes RGB if need be."""
    if above.mode in {"RGB", "RGBA"}:
        below = as_rgb(below)
    above = into(above, space_of(below))
    mode = ("L" if below.mode in {"L", "LA"} else "RGB") + ("A" if "A" in below.mode + above.mode else "")
    return tuple(_marked(image if image.mode == mode else image.convert(mode), space_of(below)) for image in (below, above))  # type: ignore[return-value]


def grey_again(result: Image, before: Image) -> Image:
    """Return what was made of a grey picture as grey, in its space, unless it has colour now."""
    if before.mode in {"L", "LA"} and result.mode in {"RGB", "RGBA"} and is_grey(result, NEARLY_GREY):
        return as_grey(result, space_of(before))
    return result


def colour_in(colour: tuple[int, int, int], profile: bytes | None) -> tuple[int, int, int]:
    """Return a colour, given in sRGB as words and ``#rrggbb`` are, as numbers of a profile."""
    if is_srgb(profile):
        return colour
    from PIL import Image

    red, green, blue = into(Image.new("RGB", (1, 1), colour), profile).getpixel((0, 0))  # type: ignore[misc]
    return int(red), int(green), int(blue)


def as_rgb(image: Image) -> Image:
    """Return a grey image as RGB or RGBA with the same numbers, which mean the same; others as they are."""
    if image.mode not in {"L", "LA"}:
        return image
    return _marked(image.convert("RGB" if image.mode == "L" else "RGBA"), fitting("RGB", space_of(image)))


def is_grey(image: Image, tolerance: int = 0) -> bool:
    """Tell whether no visible pixel of an image has a colour, within so many levels."""
    if image.mode in {"L", "LA"}:
        return True
    from PIL import ImageChops

    bands = image.split()
    red, green, blue = bands[:3]
    apart = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    if len(bands) == 4:
        apart = ImageChops.multiply(apart, bands[3].point([0] + [255] * 255))
    return bool(apart.getextrema()[1] <= tolerance)  # type: ignore[operator]


def as_grey(image: Image, profile: bytes | None) -> Image:
    """Return an RGB or RGBA image of grey pixels as L or LA of this profile, a grey one or None; the numbers stay."""
    return _marked(image.convert("LA" if image.mode == "RGBA" else "L"), profile)


def _marked(image: Image, profile: bytes | None) -> Image:
    """Return the image with this profile in its info, as a new one where it has another."""
    if image.info.get("icc_profile") == profile:
        return image
    marked = image.copy()
    marked.info = {**image.info, "icc_profile": profile}
    if profile is None:
        del marked.info["icc_profile"]
    return marked


def _grey(image: Image, ours: bytes | None, target: bytes | None) -> Image | None:
    """Convert grey by a table of 256 levels."""
    from PIL import Image

    ramp = Image.new("L", (256, 1))
    ramp.putdata(list(range(256)))
    middle = ramp if ours is None else _transformed(ramp, ours, None)
    if middle is None:
        return None
    # Through sRGB in RGB, of which green is the brightness; into another grey from there.
    levels = middle.getchannel("G") if middle.mode == "RGB" else middle
    if target is not None:
        through = _transformed(levels.convert("RGB"), None, target)
        if through is None:
            return None
        levels = through
    return image.point(list(levels.convert("L").tobytes()))


def _transformed(image: Image, ours: bytes | None, target: bytes | None) -> Image | None:
    """Return L or RGB in another space, in the mode of that space; None where a profile is of no use."""
    from PIL import ImageCms

    modes = ["L" if profile and icc.colour_space(profile) == "GRAY" else "RGB" for profile in (ours, target)]
    try:
        source, there = (ImageCms.createProfile("sRGB") if profile is None else _opened(profile) for profile in (ours, target))
        if source is None or there is None:
            return None
        return ImageCms.profileToProfile(image.convert(modes[0]), source, there, outputMode=modes[1])
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None


def _opened(profile: bytes) -> Any:
    from PIL import ImageCms

    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None


# What files say


def _cicp(image: Image, data: bytes) -> tuple[int, int] | None:
    """Return primaries and transfer function as numbers of ITU-T H.273, from PNG's cICP or the nclx box of HEIC."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        at = 8
        while at + 12 <= len(data):
            (length,) = struct.unpack_from(">I", data, at)
            name = data[at + 4 : at + 8]
            if name == b"cICP" and length == 4:
                return data[at + 8], data[at + 9]
            if name == b"IDAT":
                break
            at += 12 + length
        return None
    nclx = image.info.get("nclx_profile")
    if isinstance(nclx, dict) and not image.info.get("icc_profile"):
        return int(nclx.get("color_primaries", 2)), int(nclx.get("transfer_characteristics", 2))
    return None


def _numbered(primaries: int, transfer: int) -> tuple[bytes | None, str]:
    """Return the profile of a space named by numbers, and what is said of one that no profile can hold."""
    if transfer in _HDR:
        return None, f"HDR ({_HDR[transfer]}) shown as if it were not"
    if primaries not in _CICP_PRIMARIES or (transfer not in _CICP_CURVES and transfer not in _AS_SRGB):
        return None, ""
    name, points = _CICP_PRIMARIES[primaries]
    curve = icc.srgb_curve() if transfer in _AS_SRGB else _CICP_CURVES[transfer]
    if points == icc.SRGB and transfer in _AS_SRGB:
        return None, ""
    return icc.rgb_profile(name, points, curve), ""


def _by_gamma(info: Mapping[Any, Any]) -> bytes | None:
    """Return the profile of PNG's gAMA and cHRM; near 1/2.2 and sRGB's primaries, which most programs write, that is sRGB."""
    gamma = float(info.get("gamma") or 0)
    chromaticity = info.get("chromaticity")
    points, white = icc.SRGB, icc.D65
    if isinstance(chromaticity, tuple) and len(chromaticity) == 8:
        given = [(float(chromaticity[at]), float(chromaticity[at + 1])) for at in range(0, 8, 2)]
        if all(0 < x < 1 and 0 < y < 1 for x, y in given) and len(set(given)) == 4:
            white, points = given[0], tuple(given[1:])  # type: ignore[assignment]
    pairs = zip((*points, white), (*icc.SRGB, icc.D65), strict=True)
    apart = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    if not 0.1 <= gamma <= 10 or (abs(gamma - 1 / 2.2) < 0.005 and apart < 0.005):
        return None
    try:
        return icc.rgb_profile("PNG gAMA and cHRM", points, 1 / gamma, white)
    except (ZeroDivisionError, struct.error):
        return None


def _by_exif(image: Image) -> bytes | None:
    """Return the profile of EXIF's ColorSpace: cameras write Adobe RGB as "uncalibrated" with the interoperability index R03."""
    try:
        exif = image.getexif() if image.info.get("exif") else None
        if not exif:
            return None
        space = exif.get_ifd(_EXIF).get(_COLOR_SPACE)
        index = exif.get_ifd(_INTEROP).get(1, "") if space == 0xFFFF else ""
    except Exception:  # damaged EXIF raises from half a dozen families; the pixels are fine without it
        return None
    adobe = space == 2 or (space == 0xFFFF and str(index).startswith("R03"))
    return icc.rgb_profile("Compatible with Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_GAMMA) if adobe else None
