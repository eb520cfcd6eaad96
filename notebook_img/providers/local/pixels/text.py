"""Captions, watermarks and mixes with a second picture. Text is drawn with the font Pillow ships, in sizes that go with the picture."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from notebook_img.errors import UsageError
from notebook_img.hints import Hint
from notebook_img.providers.local.colours import to_rgb
from notebook_img.providers.local.pixels.context import Context, Values

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Looked for only where Pillow's own font (Aileron, ASCII and a few marks more; Pillow 13) lacks a letter.
OTHER_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "Arial.ttf",
    "segoeui.ttf",
    "Helvetica.ttc",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "Hiragino Sans GB.ttc",
    "wqy-microhei.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
)


def _has(font: Font, letter: str) -> bool:
    def drawn(text: str) -> tuple[tuple[int, int], bytes]:
        mask = font.getmask(text)
        return mask.size, bytes(mask)

    return letter.isspace() or drawn(letter) != drawn("\U0010ffff")


@functools.cache
def _other_fonts() -> tuple[str, ...]:
    from importlib.util import find_spec

    found: list[str] = []
    spec = find_spec("matplotlib")  # brings DejaVu Sans along; found without importing it
    if spec is not None and spec.origin:
        path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        found += [str(path)] if path.is_file() else []
    for name in OTHER_FONTS:
        try:
            ImageFont.truetype(name, 12)
        except OSError:
            continue
        found.append(name)
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _choose(letters: frozenset[str]) -> tuple[str, frozenset[str]]:
    """Return a font (empty: Pillow's own) and the letters it lacks."""
    lacking = frozenset(letter for letter in letters if not _has(ImageFont.load_default(24), letter))
    best = ("", lacking)
    if lacking:
        for name in _other_fonts():
            font = ImageFont.truetype(name, 24)
            missing = frozenset(letter for letter in letters if not _has(font, letter))
            if len(missing) < len(best[1]):
                best = (name, missing)
            if not missing:
                break
    return best


def fitted(text: str, context: Context) -> tuple[str, str]:
    """Return the text as it can be drawn and the font for it, with a warning for letters that are drawn otherwise."""
    text = "".join(letter if letter == "\n" or not unicodedata.category(letter).startswith("C") else " " for letter in text)
    name, missing = _choose(frozenset(text))
    if not missing:
        return text, name
    plain = "".join(
        "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)) if letter in missing else letter
        for letter in text
    )
    name, still = _choose(frozenset(plain))
    if still:
        context.warn(f"No font here has {' '.join(sorted(still))}; drawn as boxes. Install a font with these letters, such as Noto Sans.")
    else:
        context.warn(f"No font here has {' '.join(sorted(missing))}; drawn without accents.")
    return plain, name


def font_of(name: str, size: float) -> Font:
    """Return a font by the name `fitted` gave, in pixels."""
    return ImageFont.truetype(name, max(6, round(size))) if name else ImageFont.load_default(max(6, round(size)))


def wrapped(text: str, font: Font, width: float) -> str:
    """Break lines at blanks so that none is wider than `width` pixels; words too long are broken anywhere."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            trial = f"{line} {word}".strip()
            if font.getlength(trial) <= width:
                line = trial
                continue
            if line:
                lines.append(line)
            line = word
            if font.getlength(line) > width:
                *full, line = _pieces(line, font, width)
                lines += full
        lines.append(line)
    return "\n".join(lines)


def _pieces(word: str, font: Font, width: float) -> list[str]:
    """Cut a word that is too long into pieces that are not, letter by letter."""
    wide = {letter: font.getlength(letter) for letter in set(word)}
    pieces, start, total = [], 0, 0.0
    for at, letter in enumerate(word):
        total += wide[letter]
        if total > width and at > start:
            pieces.append(word[start:at])
            start, total = at, wide[letter]
    return [*pieces, word[start:]]


def text_layer(size: tuple[int, int], text: str, font: Font, middle: tuple[float, float], align: str = "center") -> Image.Image:
    """Return an L mask with lines of text around a middle point."""
    layer = Image.new("L", size, 0)
    draw = ImageDraw.Draw(layer)
    box = draw.multiline_textbbox((0, 0), text, font=font, align=align, spacing=_spacing(font))
    at = (middle[0] - (box[0] + box[2]) / 2, middle[1] - (box[1] + box[3]) / 2)
    draw.multiline_text(at, text, font=font, fill=255, align=align, spacing=_spacing(font))
    return layer


def _spacing(font: Font) -> float:
    return float(getattr(font, "size", 10)) * 0.25


def text_size(text: str, font: Font) -> tuple[float, float]:
    """Return width and height of lines of text, in pixels."""
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font=font, spacing=_spacing(font))
    return box[2] - box[0], box[3] - box[1]


def _light(colour: tuple[int, int, int]) -> bool:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 110


def _scrim(size: tuple[int, int], place: str, reach: float, strength: float) -> Image.Image:
    """Return an L mask that rises towards a side, as soft ground for letters."""
    height = size[1]
    column = Image.new("L", (1, height), 0)
    for y in range(height):
        distance = y if place.startswith("top") else height - 1 - y if place.startswith("bottom") else abs(y - height / 2)
        share = max(0.0, 1 - distance / max(reach, 1))
        column.putpixel((0, y), round(255 * strength * share * share * (3 - 2 * share)))
    return column.resize(size)


def caption(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Write lines over the picture, on a soft shade so that they are legible on anything."""
    left, top, right, bottom = context.region or (0, 0, *image.size)
    frame = (right - left, bottom - top)
    text, name = fitted(values["text"], context)
    margin = min(frame) * 0.05
    size = (0.6 * min(frame) + 0.4 * (frame[0] * frame[1]) ** 0.5) * 0.082 * values["size"] / 100
    for _ in range(24):
        font = font_of(name, size)
        lines = wrapped(text, font, frame[0] - 2 * margin)
        width, height = text_size(lines, font)
        if (height <= frame[1] * 0.6 and width <= frame[0] - margin) or size <= 8:
            break
        size *= 0.88
    if size < 9:
        context.warn("The picture is so small that its caption is hardly legible.")
    place = values["place"]
    x = margin + width / 2 if "left" in place else frame[0] - margin - width / 2 if "right" in place else frame[0] / 2
    y = margin + height / 2 if "top" in place else frame[1] - margin - height / 2 if "bottom" in place else frame[1] / 2
    letters = text_layer(frame, lines, font, (x, y), "left" if "left" in place else "right" if "right" in place else "center")
    colour = to_rgb(values["colour"])
    ground = (0, 0, 0) if _light(colour) else (255, 255, 255)
    part = image.crop((left, top, right, bottom))
    reach = height + 2.6 * margin if place[:3] in {"top", "bot"} else height * 0.9 + margin
    shade = ImageChops.lighter(
        _scrim(frame, place if place[:3] in {"top", "bot"} else "middle", reach, 0.55),
        letters.filter(ImageFilter.GaussianBlur(max(1.0, size * 0.09))).point([min(255, round(v * 0.9)) for v in range(256)]),
    )
    part = _painted(_painted(part, ground, shade), colour, letters)
    result = image.copy()
    result.paste(part, (left, top))
    return result


def _painted(image: Image.Image, colour: tuple[int, int, int], mask: Image.Image) -> Image.Image:
    """Lay a colour over the picture through a mask; where the picture is transparent it becomes visible there."""
    if image.mode != "RGBA":
        return Image.composite(Image.new("RGB", image.size, colour), image, mask)
    layer = Image.new("RGBA", image.size, (*colour, 0))
    layer.putalpha(mask)
    return Image.alpha_composite(image, layer)


def watermark(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Write a see-through line into a corner."""
    left, top, right, bottom = context.region or (0, 0, *image.size)
    frame = (right - left, bottom - top)
    text, name = fitted(" ".join(values["text"].split()), context)
    margin, place = min(frame) * 0.035, values["place"]
    size = max(8.0, min(frame) * (0.09 if place == "centre" else 0.042))
    while size > 7 and text_size(text, font_of(name, size))[0] > frame[0] - 2 * margin:
        size *= 0.9
    font = font_of(name, size)
    width, height = text_size(text, font)
    x = margin + width / 2 if "left" in place else frame[0] / 2 if place in {"centre", "top", "bottom"} else frame[0] - margin - width / 2
    y = margin + height / 2 if "top" in place else frame[1] / 2 if place in {"centre", "left", "right"} else frame[1] - margin - height / 2
    letters = text_layer(frame, text, font, (x, y))
    colour = to_rgb(values["colour"])
    shade = letters.filter(ImageFilter.GaussianBlur(max(0.8, size * 0.06))).point(
        [round(v * 0.7 * values["amount"] / 100) for v in range(256)]
    )
    part = _painted(image.crop((left, top, right, bottom)), (0, 0, 0) if _light(colour) else (255, 255, 255), shade)
    part = _painted(part, colour, letters.point([round(v * values["amount"] / 100) for v in range(256)]))
    result = image.copy()
    result.paste(part, (left, top))
    return result


def blend(image: Image.Image, values: Values, context: Context) -> Image.Image:
    """Mix with another picture of the request, which is scaled and cut to the same frame."""
    number = values["image"]
    if number < 2 or number > len(context.images):
        given = "only the one picture that is edited" if len(context.images) < 2 else f"{len(context.images)} pictures"
        raise UsageError(f"There is no image {number} to blend with: the edit was given {given}.", hint=Hint("add-reference"))
    from PIL import ImageOps

    other = ImageOps.fit(context.images[number - 1], image.size, Image.Resampling.LANCZOS)
    base = image.convert("RGB")
    alpha = other.getchannel("A") if other.mode in {"RGBA", "LA"} else None
    other = other.convert("RGB")
    mixed = {
        "normal": lambda: other,
        "multiply": lambda: ImageChops.multiply(base, other),
        "screen": lambda: ImageChops.screen(base, other),
        "overlay": lambda: ImageChops.overlay(base, other),
        "soft light": lambda: ImageChops.soft_light(base, other),
        "lighten": lambda: ImageChops.lighter(base, other),
        "darken": lambda: ImageChops.darker(base, other),
        "difference": lambda: ImageChops.difference(base, other),
    }[values["mode"]]()
    result = Image.blend(base, mixed, values["amount"] / 100)
    if alpha is not None:
        result = Image.composite(result, base, alpha)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result
