# ruff: noqa: E501 - tables of words read best with one row on one line
"""Facts about one picture, measured or read from its file. No sentences here; those are in questions.py."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from notebook_img.providers.local import colours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

    from notebook_img.pictures import Picture

FACTS: dict[str, str] = {
    "width": "pixels, oriented",
    "height": "pixels, oriented",
    "size": "WIDTHxHEIGHT",
    "aspect_ratio": "for example 3:2",
    "megapixels": "millions of pixels",
    "format": "JPEG, PNG ...",
    "mime_type": "by the bytes",
    "mode": "how the file keeps its pixels, in words",
    "bytes": "size of the file",
    "frames": "1 unless animated",
    "transparent": "whether anything in it is see-through",
    "transparency": "percent of it that is see-through",
    "palette": "main colours: name, hex, percent",
    "colours": "names of the main colours",
    "average_colour": "#rrggbb",
    "greyscale": "whether it has no colours",
    "brightness": "mean luma, 0 to 100",
    "contrast": "standard deviation of luma, 0 to 100",
    "saturation": "mean, 0 to 100",
    "sharpness": "variance of the Laplacian at 1024 px",
    "blurry": "whether sharpness is below 60",
    "camera": "maker and model, from EXIF",
    "lens": "from EXIF",
    "exposure": "time, aperture, ISO, focal length, from EXIF",
    "date": "when it was taken, from EXIF",
    "latitude": "degrees, north positive, from EXIF",
    "longitude": "degrees, east positive, from EXIF",
    "sha256": "of the file",
}
"""Names of facts, as a schema may ask for them."""

ALIASES = {"color": "colours", "colors": "colours", "colour": "colours", "average_color": "average_colour", "grayscale": "greyscale", "file_size": "bytes",
           "ratio": "aspect_ratio", "hash": "sha256", "has_alpha": "transparent", "has_transparency": "transparent", "taken": "date", "datetime": "date",
           "lat": "latitude", "lon": "longitude", "lng": "longitude", "frame_count": "frames", "is_blurry": "blurry", "dominant_colours": "colours",
           "dominant_colors": "colours", "file_format": "format", "mimetype": "mime_type"}  # fmt: skip

MODES = {
    "1": "1 bit, black and white",
    "L": "8-bit grey",
    "LA": "8-bit grey with transparency",
    "P": "8-bit palette",
    "RGB": "8-bit RGB",
    "RGBA": "8-bit RGB with transparency",
    "CMYK": "8-bit CMYK",
    "YCbCr": "8-bit YCbCr",
    "LAB": "8-bit Lab",
    "I;16": "16-bit grey",
    "I": "32-bit whole numbers",
    "F": "32-bit floating point",
}
BLURRY_BELOW = 60.0
"""Variance of the Laplacian on a copy of 1024 px, 0 to 255; photographs in focus have some hundreds."""


def aspect(width: int, height: int) -> str:
    """Return the ratio in small whole numbers where there are such, within half a percent, else to one."""
    best = min(
        ((a, b) for a in range(1, 33) for b in range(1, 33) if math.gcd(a, b) == 1),
        key=lambda pair: (abs(math.log(pair[0] / pair[1] * height / width)) > 0.005, pair[0] + pair[1]),
    )
    if abs(math.log(best[0] / best[1] * height / width)) <= 0.005:
        return f"{best[0]}:{best[1]}"
    return f"{width / height:.3g}:1" if width >= height else f"1:{height / width:.3g}"


def palette(image: Image.Image, most: int = 6) -> list[dict[str, Any]]:
    """Return the main colours of what is visible: name, hex, percent; colours of one name are one."""
    import numpy as np
    from PIL import Image as Images

    small = image.convert("RGBA")
    small.thumbnail((160, 160), Images.Resampling.BOX)
    pixels = np.asarray(small).reshape(-1, 4)
    seen = np.ascontiguousarray(pixels[pixels[:, 3] >= 128][:, :3])
    if not len(seen):
        return []
    quantised = Images.fromarray(seen[None]).quantize(16, Images.Quantize.MEDIANCUT, kmeans=2)
    index = np.asarray(quantised)[0]
    merged: dict[str, tuple[float, np.ndarray[Any, Any]]] = {}
    for entry in np.unique(index):
        part = seen[index == entry].astype(float)
        name = colours.name((part[:, 0].mean(), part[:, 1].mean(), part[:, 2].mean()))
        count, total = merged.get(name, (0.0, np.zeros(3)))
        merged[name] = (count + len(part), total + part.sum(axis=0))
    ranked = sorted(merged.items(), key=lambda pair: (-pair[1][0], pair[0]))[:most]
    return [
        {"name": name, "hex": colours.to_hex(tuple(total / count)), "percent": round(100 * count / len(seen), 1)}
        for name, (count, total) in ranked
    ]


def measured(image: Image.Image) -> dict[str, Any]:
    """Return what is measured on the pixels."""
    import numpy as np
    from PIL import Image as Images

    alpha = image.getchannel("A") if "A" in image.getbands() else None
    rgb = image.convert("RGB")
    luma = np.asarray(rgb.convert("L"), dtype=np.float32)
    seen = np.asarray(alpha) > 0 if alpha is not None else None
    if seen is not None and seen.any():
        luma = luma[seen]
    hidden = 0.0 if alpha is None else 100 * (1 - float(np.asarray(alpha, dtype=np.float32).mean()) / 255)
    average_pixels = _averages(image)
    spread = average_pixels.max(axis=1) - average_pixels.min(axis=1)
    copy = rgb.convert("L")
    if max(copy.size) > 1024:
        copy.thumbnail((1024, 1024), Images.Resampling.LANCZOS)
    grey = np.asarray(copy, dtype=np.float32)
    laplacian = (
        (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1])
        if min(grey.shape) > 2
        else np.zeros((1, 1))
    )
    sharpness = float(laplacian.var())
    main = palette(image)
    return {
        "transparent": hidden > 0,
        "transparency": round(hidden, 1),
        "palette": main,
        "colours": [colour["name"] for colour in main],
        "average_colour": colours.to_hex(tuple(average_pixels.mean(axis=0))),
        "greyscale": bool(spread.max() <= 6),
        "brightness": round(100 * float(luma.mean()) / 255, 1),
        "contrast": round(100 * float(luma.std()) / 255, 1),
        "saturation": round(100 * float((spread / np.maximum(average_pixels.max(axis=1), 1)).mean()), 1),
        "sharpness": round(sharpness, 1),
        "blurry": sharpness < BLURRY_BELOW,
    }


def _averages(image: Image.Image) -> Any:
    """Return the colours of a small copy, (pixels, 3), without what cannot be seen."""
    import numpy as np

    # Reducing RGBA weighs colours by their opacity.
    small = np.asarray(image.convert("RGBA").reduce(max(1, max(image.size) // 512)), dtype=np.float32).reshape(-1, 4)
    seen = small[:, 3] > 0
    return small[seen, :3] if seen.any() else small[:, :3]


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None


def _degrees(values: Any, reference: Any) -> float | None:
    try:
        parts = [_number(part) for part in values]
    except TypeError:
        return None
    if len(parts) != 3 or any(part is None for part in parts):
        return None
    degrees = sum((part or 0.0) / 60**power for power, part in enumerate(parts))
    return round(float(-degrees) if str(reference).strip("\0 ").upper() in {"S", "W"} else float(degrees), 6)


def _text(value: Any) -> str:
    return str(value).replace("\0", " ").strip() if value not in {None, ""} else ""


def exif_facts(data: bytes) -> dict[str, Any]:
    """Return camera, lens, exposure, date and place from EXIF 2.32 tags; None where the file says nothing."""
    from PIL import Image as Images

    found: dict[str, Any] = dict.fromkeys(("camera", "lens", "exposure", "date", "latitude", "longitude"))
    try:
        with Images.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    except Exception:  # EXIF of damaged files raises half a dozen kinds of errors (Pillow); the picture is fine without
        return found
    maker, model = _text(exif.get(0x010F)), _text(exif.get(0x0110))
    found["camera"] = (model if model.casefold().startswith(maker.casefold()) else f"{maker} {model}".strip()) or None
    found["lens"] = _text(details.get(0xA434)) or None
    settings = []
    if (seconds := _number(details.get(0x829A))) is not None and seconds > 0:
        settings.append(f"{seconds:g} s" if seconds >= 0.3 else f"1/{round(1 / seconds)} s")
    if (aperture := _number(details.get(0x829D))) is not None:
        settings.append(f"f/{aperture:g}")
    speed = details.get(0x8827)
    if speed:
        settings.append(f"ISO {speed[0] if isinstance(speed, tuple) else speed}")
    if (focal := _number(details.get(0x920A))) is not None:
        settings.append(f"{focal:g} mm")
    found["exposure"] = ", ".join(settings) or None
    date = _text(details.get(0x9003) or exif.get(0x0132))
    found["date"] = date.replace(":", "-", 2) or None
    found["latitude"] = _degrees(place.get(2), place.get(1))
    found["longitude"] = _degrees(place.get(4), place.get(3))
    return found


def facts(picture: Picture) -> Mapping[str, Any]:
    """Return every fact of `FACTS` about a picture."""
    from PIL import Image as Images

    from notebook_img.pictures import to_srgb

    mime_type = picture.mime_type or ""
    mode = ""
    try:
        with Images.open(io.BytesIO(picture.data)) as image:
            mode = image.mode
    except Exception:  # a format only pictures/ can open; the oriented view is told instead
        mode = picture.mode
    pixels = to_srgb(picture.pil())
    width, height = pixels.size
    return {
        "width": width,
        "height": height,
        "size": f"{width}x{height}",
        "aspect_ratio": aspect(width, height),
        "megapixels": round(width * height / 1e6, 2),
        "format": mime_type.partition("/")[2].upper() or "unknown",
        "mime_type": mime_type,
        "mode": MODES.get(mode, mode),
        "bytes": len(picture.data),
        "frames": picture.frames,
        **measured(pixels),
        **exif_facts(picture.data),
        "sha256": picture.sha256,
    }
