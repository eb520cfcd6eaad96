"""Small ICC profiles, read and written: the one form in which this package keeps what a picture's numbers mean.

Only what other programs leave out is written here (a space that is named by a number in PNG or EXIF, a grey profile as an RGB one);
what a file brings along stays as it is. ICC.1:2001-04 (version 2.4).
"""

from __future__ import annotations

import functools
import struct
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Chromaticity: TypeAlias = tuple[float, float]
"""CIE x and y."""

D65: Chromaticity = (0.3127, 0.3290)
_D50 = (0.9642, 1.0, 0.8249)
"""The white every profile refers to, XYZ."""
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
BT_2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ADOBE_GAMMA = 563 / 256
"""Adobe RGB (1998), version 2005-05."""

Matrix: TypeAlias = "list[list[float]]"


def srgb_curve(entries: int = 1024) -> tuple[float, ...]:
    """Return the sRGB transfer function (IEC 61966-2-1) as a table, linear light for even steps of the number."""
    steps = [index / (entries - 1) for index in range(entries)]
    return tuple(step / 12.92 if step <= 0.04045 else ((step + 0.055) / 1.055) ** 2.4 for step in steps)


def rgb_profile(name: str, primaries: Sequence[Chromaticity], curve: float | Sequence[float] | bytes, white: Chromaticity = D65) -> bytes:
    """Return a display profile of three primaries.

    Parameters
    ----------
    name : str
        ASCII, as viewers show it.
    primaries : sequence of (float, float)
        Chromaticities of red, green and blue.
    curve : float, sequence of float, or bytes
        A gamma, a table of linear light from 0 to 1, or the content of a curve tag as it stands in another profile.
    white : (float, float)
        Chromaticity of white.
    """
    columns = _adapted(primaries, white)
    tags = {b"wtpt": _xyz(_D50), **{tag: _xyz(column) for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}}
    tone = _curve(curve)
    return _profile(name, b"RGB ", {**tags, b"rTRC": tone, b"gTRC": tone, b"bTRC": tone})


def grey_profile(name: str, curve: float | Sequence[float] | bytes) -> bytes:
    """Return a profile of grey with this curve; see `rgb_profile`."""
    return _profile(name, b"GRAY", {b"wtpt": _xyz(_D50), b"kTRC": _curve(curve)})


def colour_space(profile: bytes) -> str:
    """Return ``"RGB"``, ``"GRAY"``, ``"CMYK"`` ... as the header says; empty for bytes that are no profile."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return ""
    return profile[16:20].decode("ascii", "replace").strip()


def tag(profile: bytes, name: bytes) -> bytes | None:
    """Return the content of a tag, or None where there is none."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for index in range(min(count, 256)):
            found, start, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
            if found == name and start + length <= len(profile):
                return profile[start : start + length]
    except struct.error:
        pass
    return None


@functools.lru_cache(maxsize=16)
def as_rgb(profile: bytes) -> bytes | None:
    """Return an RGB profile in which equal numbers look as grey does in a grey one, so that numbers stay; None where it has no curve."""
    tone = tag(profile, b"kTRC")
    return rgb_profile("Grey as RGB", SRGB, tone) if tone else None


@functools.lru_cache(maxsize=16)
def as_grey(profile: bytes) -> bytes | None:
    """Return a grey profile in which numbers look as equal numbers do in an RGB one; None where it has no curve."""
    tone = tag(profile, b"gTRC")
    return grey_profile("RGB as grey", tone) if tone else None


def _profile(name: str, space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = name.encode("ascii", "replace") + b"\0"
    described = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(8) + bytes(3) + bytes(67),
        b"cprt": b"text" + bytes(4) + b"No copyright, use freely\0",
        **tags,
    }
    table, body, at, placed = b"", b"", 128 + 4 + 12 * len(described), {}
    for key, content in described.items():
        if content not in placed:  # curves that are alike are kept once
            placed[content] = (at, len(content))
            padded = content + bytes(-len(content) % 4)
            body += padded
            at += len(padded)
        table += key + struct.pack(">II", *placed[content])
    header = struct.pack(">I4sI4s4s4s", at, bytes(4), 0x02400000, b"mntr", space, b"XYZ ")
    # A fixed date: the same space is the same bytes.
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(_fixed(value) for value in _D50)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(described)) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(value) for value in values)


def _curve(curve: float | Sequence[float] | bytes) -> bytes:
    if isinstance(curve, bytes):
        return curve
    if isinstance(curve, (int, float)):
        return b"curv" + bytes(4) + struct.pack(">IH", 1, round(curve * 256))
    values = [min(65535, max(0, round(value * 65535))) for value in curve]
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def _adapted(primaries: Sequence[Chromaticity], white: Chromaticity) -> Matrix:
    """Return XYZ of the primaries as seen under D50 (Bradford, ICC.1 annex E)."""
    columns = [_from_xy(*primary) for primary in primaries]
    shares = _times(_inverse(_transposed(columns)), _from_xy(*white))
    scaled = [[share * value for value in column] for share, column in zip(shares, columns, strict=True)]
    bradford = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    here, there = _times(bradford, _from_xy(*white)), _times(bradford, list(_D50))
    back = _inverse(bradford)
    return [_times(back, [value * t / h for value, t, h in zip(_times(bradford, column), there, here, strict=True)]) for column in scaled]


def _from_xy(x: float, y: float) -> list[float]:
    return [x / y, 1.0, (1 - x - y) / y]


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return [[value / determinant for value in row] for row in cofactors]
