"""Readers of the other parameters: colours, ratios, boxes, places, texts, and the table of all readers by kind."""

from __future__ import annotations

import re
from typing import Any

from notebook_img.errors import UsageError
from notebook_img.providers.local import colours
from notebook_img.providers.local.amounts import (
    Length,
    Parameter,
    Presets,
    Reader,
    read_amount,
    read_degrees,
    read_factor,
    read_length,
    read_number,
    read_stops,
    read_strength,
    within,
)
from notebook_img.providers.local.phrases import FIRST, Phrase, unmarked
from notebook_img.providers.local.said import FRACTIONS, PERCENT, N, number


def read_colour(phrase: Phrase, parameter: Parameter, presets: Presets) -> str | None:
    """Read a colour by name or number."""
    return colours.take(phrase) or presets.get(parameter.name, parameter.default)


def read_text_colour(phrase: Phrase, parameter: Parameter, presets: Presets) -> str | None:
    """Read the colour of a text; a quoted text has already been taken out of the phrase."""
    phrase.take(r"(?:letters|text|type|font|writing)")
    return read_colour(phrase, parameter, presets)


RATIO_WORDS: tuple[tuple[str, tuple[float, float]], ...] = (
    (r"square|squared|quadratic", (1, 1)),
    (r"widescreen|wide screen", (16, 9)),
    (r"cinemascope|cinematic|ultra ?wide|letterbox", (21, 9)),
    (r"portrait(?: format)?", (4, 5)),
    (r"landscape(?: format)?", (3, 2)),
    (r"panorama|panoramic", (3, 1)),
    (r"golden(?: ratio)?", (1618, 1000)),
)


def read_ratio(phrase: Phrase, _parameter: Parameter, presets: Presets) -> tuple[float, float] | None:
    """Read an aspect ratio: ``16:9``, ``3/2``, ``square``."""
    match = phrase.take(r"(\d{1,5}(?:\.\d+)?) ?[:/] ?(\d{1,5}(?:\.\d+)?)|(\d{1,2}) ?(?:by|to|x) ?(\d{1,2})")
    if match:
        width, height = float(match[1] or match[3]), float(match[2] or match[4])
        if width <= 0 or height <= 0 or not 0.02 <= width / height <= 50:
            raise UsageError(f"{match.group().strip()!r} is not a usable aspect ratio. Write for example 16:9.")
        phrase.take(r"ratio|aspect ratio|aspect|format")
        return width, height
    for pattern, ratio in RATIO_WORDS:
        if phrase.take(pattern):
            phrase.take(r"ratio|aspect ratio|aspect|format|shape|crop")
            return ratio
    found: tuple[float, float] | None = presets.get("ratio")
    return found


def read_box(phrase: Phrase, parameter: Parameter, _presets: Presets) -> tuple[Length, Length, Length, Length] | None:
    """Read ``x,y,width,height`` in pixels or percent."""
    part = r"(\d+(?:\.\d+)?) ?(px|%|percent)?"
    match = phrase.take(rf"(?:(?:to|at) )?(?:the )?(?:box|rectangle|area|region)?:? ?\(?{part} ?, ?{part} ?, ?{part} ?, ?{part}\)?")
    if not match:
        return None
    units = [match[index] for index in (2, 4, 6, 8)]
    # "10,10,80,80 %": a percent sign at the end stands for all four.
    all_percent = units[3] in {"%", "percent"} and not any(units[:3])
    values = [
        Length(float(match[index]), "%" if all_percent or unit in {"%", "percent"} else "px")
        for index, unit in zip((1, 3, 5, 7), units, strict=True)
    ]
    if values[2].value <= 0 or values[3].value <= 0:
        raise UsageError(
            f"The {parameter.name} {match.group().strip()!r} has no area: write x,y,width,height, for example '10,10,80,80 %'."
        )
    return values[0], values[1], values[2], values[3]


BY_ONE_LENGTH = re.compile(r"\bby\s+\d{1,5}(?!\d)(?!\s*(?:px|pixels?)?\s*(?:[x×*]|by)\s*\d)", re.IGNORECASE)


def read_pixel_size(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> tuple[int | None, int | None, int | None] | None:
    """Read ``800x600``, ``800 px wide``, ``600 px tall``, ``1024 px``: width, height, longest side, each or None."""
    unit = r" ?(?:px|pixels?)?"
    if BY_ONE_LENGTH.search(phrase.text):
        return None  # "enlarge by 50 px" tells how far, not how large
    match = phrase.take(rf"(?:(?:to|at) )?(\d{{1,5}}){unit} ?(?:[x×*]|by) ?(\d{{1,5}}){unit}")
    found: tuple[int | None, int | None, int | None]
    if match:
        found = (int(match[1]), int(match[2]), None)
    elif match := phrase.take(
        rf"(?:to )?(\d{{1,5}}){unit} (?:wide|in width|width|across)|(?:an? )?width (?:of |to |= ?)?(\d{{1,5}}){unit}"
    ):
        found = (int(match[1] or match[2]), None, None)
    elif match := phrase.take(
        rf"(?:to )?(\d{{1,5}}){unit} (?:tall|high|in height|height)|(?:an? )?height (?:of |to |= ?)?(\d{{1,5}}){unit}"
    ):
        found = (None, int(match[1] or match[2]), None)
    elif match := phrase.take(
        rf"(?:to )?(?:a )?(?:(?:longest|long|longer) (?:side|edge) (?:of |to )?)?(\d{{2,5}}){unit}"
        r"(?: (?:on |along )?(?:the )?(?:longest|long|longer) (?:side|edge))?"
    ):
        found = (None, None, int(match[1]))
    else:
        return None
    if any(value is not None and not 1 <= value <= 20_000 for value in found):
        raise UsageError("A picture can be made from 1 to 20000 pixels wide and high.")
    return found


PLACES = r"(?:(?:at|in|on|from|to|near|towards?|along|across|into) )?(?:the )?(?:very )?"
TAIL = r"(?: ?hand)?(?: (?:side|corner|edge|end)s?)?(?: of)?"


def read_place(phrase: Phrase, parameter: Parameter, presets: Presets) -> str | None:
    """Read a place: a corner, a side or the centre."""
    match = phrase.take(rf"{PLACES}(top|upper|bottom|lower) ?(left|right|cent(?:re|er)|middle)?{TAIL}")
    if match:
        row = "top" if match[1].casefold() in {"top", "upper"} else "bottom"
        column = (match[2] or "").casefold()
        return f"{row} {column}" if column in {"left", "right"} else row
    match = phrase.take(rf"{PLACES}(left|right){TAIL}")
    if match:
        return match[1].casefold()
    if phrase.take(rf"{PLACES}(?:cent(?:re|er)|middle){TAIL}"):
        return "centre"
    found: str | None = presets.get(parameter.name, parameter.default)
    return found


def read_text(phrase: Phrase, parameter: Parameter, _presets: Presets) -> str | None:
    """Read a quoted text, else what is left of a phrase without separators."""
    quoted = phrase.take_quoted()
    if quoted is None and phrase.single and not parameter.optional:
        # Only what follows the word that triggered is text; see `Operation.free_text`.
        before, mark, after = phrase.text.partition("⟪")
        if mark:
            ending = re.fullmatch(
                r"(.*?)(\s+(?:at|on|in|along|near|to|into) (?:the )?(?:very )?(?:top|bottom|upper|lower|cent(?:re|er)|middle)\b.*)", after
            )
            quoted, rest = (ending[1], ending[2]) if ending else (after, "")
            quoted = unmarked(quoted.strip(" :,"))
            phrase.text = before + rest
    phrase.text = phrase.text.replace("⟪", " ")
    if quoted is None or not quoted.strip():
        return None
    if len(quoted) > 500:
        raise UsageError("A text of more than 500 characters is too long to be drawn.")
    return quoted.strip()


def read_image(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> int | None:
    """Read which picture is meant: ``image 2``, ``the second picture``, ``the reference``."""
    match = re.search(r"⟨\w+#(\d+)⟩", FIRST.sub(lambda found: "_" * len(found[0]), phrase.text))
    if match:
        phrase.text = f"{phrase.text[: match.start()]} {phrase.text[match.end() :]}"
        return int(match[1])
    for index, word in enumerate(("second", "third", "fourth", "fifth"), start=2):
        if phrase.take(rf"(?:the )?{word} (?:image|picture|photo|one)"):
            return index
    phrase.take(r"(?:the |my )?(?:reference(?: image| picture)?|other (?:image|picture|photo|one)|overlay)")
    return 2


def read_grid(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> str:
    """Read how many pictures are beside and above each other: ``4 x 3``, ``4 columns``."""
    if match := phrase.take(r"(?:of |in )?(\d{1,2}) ?(?:x|×|by|\*) ?(\d{1,2})(?! ?(?:px|pixels?))"):
        return f"{int(match[1])} x {int(match[2])}"
    match = phrase.take(r"(?:of |in |with )?(\d{1,2}) columns?")
    return f"{int(match[1])} x 0" if match else ""


def read_flag(phrase: Phrase, parameter: Parameter, presets: Presets) -> bool:
    """Read whether the words of `help` are there."""
    return bool(phrase.take(parameter.help)) or bool(presets.get(parameter.name, parameter.default))


def read_pair(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> tuple[str, str] | None:
    """Read two colours."""
    first, second = colours.take(phrase), colours.take(phrase)
    phrase.take(r"and|to|into|&")
    return (first, second) if first and second else None


def read_fraction(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> float | None:
    """Read a half, a third, two thirds, as percent."""
    return next((percent for pattern, percent in FRACTIONS if phrase.take(pattern)), None)


def read_preset(_phrase: Phrase, parameter: Parameter, presets: Presets) -> Any:
    """Take what the triggering word settles."""
    return presets.get(parameter.name, parameter.default)


def read_size(phrase: Phrase, parameter: Parameter, _presets: Presets) -> float:
    """Read the size of a text in percent of the usual one: ``large``, ``small``, ``size 150 %``."""
    match = phrase.take(rf"(?:size )?{N}{PERCENT}")
    if match:
        return within(number(match["number"]), parameter)
    if phrase.take(r"(?:very large|huge|giant)"):
        return 220.0
    if phrase.take(r"large|big|bold"):
        return 150.0
    if phrase.take(r"tiny|very small"):
        return 45.0
    return 65.0 if phrase.take(r"small") else 100.0


MODES = ("multiply", "screen", "overlay", "lighten", "darken", "difference", "soft light")


def read_mode(phrase: Phrase, _parameter: Parameter, presets: Presets) -> str:
    """Read a blend mode."""
    found: str = presets.get("mode", "normal")
    return next((mode for mode in MODES if phrase.take(rf"(?:as |using |in )?{mode}(?: mode)?")), found)


MOONS: tuple[tuple[str, float], ...] = (
    (r"(?:very )?(?:thin|slim|narrow|slender|new) (?:crescent(?: of (?:the )?moon| moon)?|sickle)|(?:thin|slim|new) moon", 0.12),
    (r"crescent(?: of (?:the )?moon| moon)?", 0.25),
    (r"half ?moon", 0.5),
    (r"full moon", 1.0),
    (r"(?:a )?moon", 0.25),
)
"""Lit part of the moon's disc by its name."""


def read_moon(phrase: Phrase, _parameter: Parameter, _presets: Presets) -> float:
    """Read a moon: the lit part of its disc, 0 for none."""
    if phrase.take(r"(?:without|no) (?:a |the )?moon"):
        return 0.0
    return next((lit for pattern, lit in MOONS if phrase.take(rf"(?:a |the )?{pattern}(?: in the sky)?")), 0.0)


READERS: dict[str, Reader] = {
    "amount": read_amount,
    "strength": read_strength,
    "factor": read_factor,
    "stops": read_stops,
    "number": read_number,
    "degrees": read_degrees,
    "length": read_length,
    "colour": read_colour,
    "text colour": read_text_colour,
    "ratio": read_ratio,
    "box": read_box,
    "pixel size": read_pixel_size,
    "place": read_place,
    "text": read_text,
    "image": read_image,
    "grid": read_grid,
    "flag": read_flag,
    "pair": read_pair,
    "moon": read_moon,
    "fraction": read_fraction,
    "preset": read_preset,
    "size": read_size,
    "mode": read_mode,
}


def to_json(value: Any) -> Any:
    """Return a value as it is recorded."""
    if isinstance(value, Length):
        return str(value)
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def to_words(value: Any) -> str:
    """Return a value as written in a sentence; amounts without their sign."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float | int):
        return f"{abs(round(value, 2)):g}"
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, float | int) for part in value):
        return f"{value[0]:g}:{value[1]:g}"
    if isinstance(value, tuple):
        return " and ".join(to_words(part) for part in value if part is not None)
    text = str(value)
    return colours.words(text) if re.fullmatch(r"#[0-9a-f]{6}", text) else text
