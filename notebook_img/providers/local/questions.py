# ruff: noqa: E501, SIM905 - tables of words read best with one row on one line
"""Answers questions about pictures with facts. It cannot tell what a picture shows, and says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from notebook_img.errors import UsageError, did_you_mean
from notebook_img.hints import Hint
from notebook_img.providers.interface import Reply, Request, Usage
from notebook_img.providers.local import refusals
from notebook_img.providers.local.facts import ALIASES, FACTS, facts
from notebook_img.providers.local.phrases import Phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notebook_img.settings import Settings

TOPICS: dict[str, str] = {
    "describe": r"describe|description|what(?:'s| is| do you see| can you see)?(?: shown| there| visible)? (?:in|on)|what does (?:it|this) show|tell me (?:about|everything)"
    r"|what do you see|facts?|summary|summari[sz]e|info(?:rmation)?|details?|properties|everything|metadata|about",
    "compare": r"differ(?:ent|ence|ences|s)?|compare[ds]?|comparison|same|identical|alike|equal|changed?",
    "histogram": r"histograms?|tonal distribution|distribution of tones",
    "ratio": r"aspect(?: ratio)?|ratio|proportions?|landscape or portrait|portrait or landscape|orientation",
    "bytes": r"bytes|file size|kilobytes|megabytes|kb|mb|how heavy",
    "size": r"sizes?|dimensions?|resolution|how (?:big|large|wide|high|tall)|width|height|pixels?|megapixels?|mpx|bigger|larger|smaller|biggest|largest|smallest",
    "format": r"file formats?|formats?|file types?|mime(?: type)?|(?:jpe?g|png|webp|gif)",
    "mode": r"modes?|bit depth|colou?r (?:mode|space|depth)|channels?",
    "greyscale": r"gr[ae]y ?scale|black and white|monochrome",
    "palette": r"palettes?|(?:main |dominant |average |mean )?colou?rs?|hues?|tones?",
    "brightness": r"brightness|bright(?:er|est)?|dark(?:er|est)?|light(?:er|est)?|exposed|overexposed|underexposed|luminance",
    "contrast": r"contrasts?|contrasty|contrasti(?:er|est)",
    "saturation": r"saturat(?:ed|ion)|colou?rful|vivid|more colou?rful",
    "sharpness": r"sharp(?:ness|er|est)?|blurr?(?:y|ed|ier|iest)?|(?:in|out of) focus|focus(?:ed)?",
    "transparency": r"transparen(?:t|cy)|alpha(?: channel)?|see through|opaque",
    "frames": r"frames?|animat(?:ed|ion)",
    "exposure": r"iso|aperture|shutter(?: speed)?|exposure(?: time)?|focal length|f stop",
    "camera": r"cameras?|lens|lenses|exif|shot with|taken with|device",
    "date": r"when|dates?|what (?:day|time|year)|how old|time",
    "place": r"where|place|location|gps|coordinates|latitude|longitude",
    "hash": r"sha ?256|hash|checksum",
}
"""Topics and the words that bring them up, read in this order."""

QUESTION_WORDS = frozenset(
    """what what's which who how many much does do did is are was were has have had any there its it's tell show give list name me us file files
    two both first second one taken made shot photo photos pics values value or than between compared more most less least kind main dominant see
    currently roughly approximately exactly exact percent percentage draw plot print please type types number numbers hex code codes codes? you can
    they them their either both could i'd know about very really too quite contain contains used using level levels""".split()
)


def answer(request: Request, settings: Settings) -> Reply:
    """Return facts about the pictures of a question, in sentences, or as JSON where a schema names facts.

    Raises
    ------
    UsageError
        For boxes, for questions about what a picture shows, for schemas that name anything but facts.
    """
    from notebook_img.providers.local.engine import ENGINE, NOTE

    topics, schema = wanted(request, settings)
    pictures = (*request.inputs, *request.references)
    known = [facts(picture) for picture in pictures]
    charts: list[bytes] = []
    value: Any = None
    if schema is not None:
        rows = [{name: _coerced(each[fact], kind) for name, (fact, kind) in schema.columns.items()} for each in known]
        value = {schema.rows: rows} if schema.rows else rows[0]
        text = "\n".join("; ".join(f"{name}: {_plain(row[name])}" for name in row) for row in (rows if schema.rows else rows[:1]))
    else:
        text = _sentences(topics, known, [picture.name for picture in pictures], request.prompt)
        charts = _charts(topics, request, known)
    return Reply(
        pictures=tuple(charts),
        text=text,
        value=value,
        value_by="schema" if schema is not None else "",
        usage=Usage(pictures=len(charts)),
        cost=0.0,
        sent={
            "engine": ENGINE,
            "topics": topics or list(schema.columns if schema is not None else ()),
            "inputs": [f"sha256:{picture.sha256}" for picture in pictures],
        },
        got={"facts": [dict(each) for each in known]},
        free=True,
        note=NOTE,
    )


def wanted(request: Request, settings: Settings) -> tuple[list[str], _Wanted | None]:
    """Return the topics of a question, or the facts its schema names.

    Raises
    ------
    UsageError
        For boxes, for questions about what a picture shows, for schemas that name anything but facts.
    """
    if not request.inputs and not request.references:
        raise UsageError(
            "There is no picture to ask about. Name one.", hint=Hint("example-ask", image="sample:chelsea", text="what colours are in it?")
        )
    if request.boxes is not None:
        raise refusals.cannot(f"find boxes of {request.boxes or 'things'}", "ask", settings)
    if request.schema is not None:
        return [], _schema_facts(request, settings)
    return understood(request.prompt, len(request.inputs) + len(request.references), settings), None


def understood(question: str, pictures: int, settings: Settings) -> list[str]:
    """Return the topics of a question; UsageError when a word of it is about anything else."""
    phrase = Phrase(re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", question.replace("’", "'")))
    _take_all(phrase, r"(?:images?|pictures?|photos?|photographs?) (?:\d|one|two)(?: (?:and|or) (?:\d|two))?")
    found = [topic for topic, pattern in TOPICS.items() if _take_all(phrase, pattern)]
    left = phrase.left(QUESTION_WORDS)
    if left or not found:
        short = " ".join(question.split())
        raise refusals.cannot(short if len(short) <= 80 else short[:79] + "…", "ask", settings)
    if "describe" in found and len(found) > 1:
        found.remove("describe")
    if "compare" in found and pictures < 2:
        if found == ["compare"]:
            raise UsageError("Comparing needs two pictures.", hint=Hint("example-compare"))
        found.remove("compare")
    return found


def _take_all(phrase: Phrase, pattern: str) -> bool:
    found = False
    while phrase.take(pattern):
        found = True
    return found


class _Wanted(NamedTuple):
    """The facts a schema asks for."""

    columns: dict[str, tuple[str, str]]
    """Property: fact and JSON type."""
    rows: str = ""
    """The property that holds rows, of a table; each picture is one."""


def _schema_facts(request: Request, settings: Settings) -> _Wanted:
    """Return what is wanted by a schema whose properties are facts, or by a table of them."""
    schema = request.schema or {}
    properties = schema.get("properties") or {}
    rows = ""
    if isinstance(properties, dict) and len(properties) == 1:
        name, rule = next(iter(properties.items()))
        items = rule.get("items") if isinstance(rule, dict) and rule.get("type") == "array" else None
        if isinstance(items, dict) and items.get("properties"):
            rows, properties = str(name), items["properties"]
    if not isinstance(properties, dict) or not properties:
        raise UsageError(f"The built-in engine answers only schemas whose properties are facts: {', '.join(FACTS)}.")
    wanted: dict[str, tuple[str, str]] = {}
    for name, rule in properties.items():
        key = re.sub(r"[\s\-]+", "_", str(name)).casefold()
        fact = ALIASES.get(key, key)
        if fact not in FACTS:
            near = did_you_mean(key, FACTS)
            raise refusals.cannot(f"fill in {name}", "ask", settings, f"Facts it can fill in: {', '.join(list(FACTS)[:20])} ...{near}")
        kind = rule.get("type", "") if isinstance(rule, dict) else ""
        wanted[name] = (fact, next((each for each in kind if each != "null"), "") if isinstance(kind, list) else str(kind))
    return _Wanted(wanted, rows)


def _coerced(value: Any, kind: str) -> Any:
    if kind == "string" and value is not None and not isinstance(value, str):
        return _plain(value)
    if kind == "integer" and isinstance(value, float):
        return round(value)
    if kind == "array" and not isinstance(value, list):
        return [] if value is None else [value]
    return value


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{each['name']} {each['percent']:g} %" if isinstance(each, dict) else str(each) for each in value)
    return "unknown" if value is None else {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _level(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    return next((word for limit, word in steps if value < limit), steps[-1][1])


DARK = ((15, "very dark"), (35, "dark"), (65, "of middling brightness"), (85, "bright"), (101, "very bright"))
FLAT = ((8, "very low"), (16, "low"), (26, "normal"), (101, "high"))
DULL = ((8, "almost none"), (25, "muted"), (55, "normal"), (101, "strong"))


def _bytes(count: int) -> str:
    return (
        f"{count} bytes"
        if count < 1000
        else f"{count / 1000:.0f} kB ({count} bytes)"
        if count < 1_000_000
        else f"{count / 1e6:.1f} MB ({count} bytes)"
    )


def _sharp(f: Mapping[str, Any]) -> str:
    words = (
        "looks blurry"
        if f["blurry"]
        else "is very sharp"
        if f["sharpness"] > 900
        else "looks sharp"
        if f["sharpness"] > 200
        else "is moderately sharp"
    )
    return f"It {words} (variance of the Laplacian {f['sharpness']:g}; below 60 means blurry)."


def _palette(f: Mapping[str, Any]) -> str:
    if not f["palette"]:
        return "It is wholly transparent and has no colours."
    listed = ", ".join("{name} ({hex}) {percent:g} %".format(**colour) for colour in f["palette"])
    return f"Main colours: {listed}; on average {f['average_colour']}."


def _place(f: Mapping[str, Any]) -> str:
    if f["latitude"] is None or f["longitude"] is None:
        return "The file does not say where it was taken."
    return f"It was taken at {f['latitude']:.5f}, {f['longitude']:.5f} (decimal degrees, north and east positive)."


def _shape(f: Mapping[str, Any]) -> str:
    way = "square" if f["width"] == f["height"] else "landscape" if f["width"] > f["height"] else "portrait"
    return f"Its aspect ratio is {f['aspect_ratio']} ({way})."


def _transparency(f: Mapping[str, Any]) -> str:
    return f"{f['transparency']:g} % of it is transparent." if f["transparent"] else "Nothing in it is transparent."


def _megapixels(rounded: float) -> str:
    return f"{rounded:g}" if rounded else "under 0.01"


def _frames(f: Mapping[str, Any]) -> str:
    return (
        f"It is animated, with {f['frames']} frames; the first is looked at."
        if f["frames"] > 1
        else "It has one frame and is not animated."
    )


SAY: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "size": lambda f: f"It is {f['width']} × {f['height']} pixels ({_megapixels(f['megapixels'])} megapixels).",
    "ratio": _shape,
    "bytes": lambda f: f"The file has {_bytes(f['bytes'])}.",
    "format": lambda f: f"It is a {f['format']} file ({f['mime_type']}).",
    "mode": lambda f: f"Its pixels are {f['mode']}.",
    "greyscale": lambda f: "It is greyscale." if f["greyscale"] else "It is in colour.",
    "palette": _palette,
    "brightness": lambda f: f"It is {_level(f['brightness'], DARK)} (mean brightness {f['brightness']:g} %).",
    "contrast": lambda f: f"Its contrast is {_level(f['contrast'], FLAT)} (standard deviation {f['contrast']:g} %).",
    "saturation": lambda f: f"Its colours are {_level(f['saturation'], DULL)} (mean saturation {f['saturation']:g} %).",
    "sharpness": _sharp,
    "transparency": _transparency,
    "frames": _frames,
    "exposure": lambda f: f"Exposure: {f['exposure']}." if f["exposure"] else "The file does not say how it was exposed.",
    "camera": lambda f: (
        f"It was taken with: {', '.join(filter(None, (f['camera'], f['lens'])))}." if f["camera"] else "The file names no camera."
    ),
    "date": lambda f: f"It was taken on {f['date']}." if f["date"] else "The file does not say when it was taken.",
    "place": _place,
    "hash": lambda f: f"Its sha256 is {f['sha256']}.",
    "histogram": lambda f: f"Mean brightness {f['brightness']:g} %, standard deviation {f['contrast']:g} %.",
}
"""Topic: its sentence."""

MEASURES: dict[str, tuple[str, str, str]] = {
    "brightness": ("brightness", "brighter", " %"),
    "contrast": ("contrast", "higher in contrast", " %"),
    "saturation": ("saturation", "more colourful", " %"),
    "sharpness": ("sharpness", "sharper", ""),
    "size": ("megapixels", "larger", " megapixels"),
    "bytes": ("bytes", "larger as a file", " bytes"),
}
"""Topic: the fact it is ranked by, what the higher one is, the unit."""

CANNOT_SEE = "The built-in engine cannot recognise what it shows; a model that can see can, once its key is set."


def _summary(f: Mapping[str, Any]) -> str:
    topics = ["size", "ratio", "format", "bytes", "palette", "brightness", "contrast", "sharpness"]
    topics += [
        topic for topic, there in (("transparency", f["transparent"]), ("frames", f["frames"] > 1), ("greyscale", f["greyscale"])) if there
    ]
    topics += [topic for topic, fact in (("camera", "camera"), ("date", "date"), ("place", "latitude")) if f[fact] is not None]
    return " ".join(SAY[topic](f) for topic in topics)


def _sentences(topics: list[str], known: list[Mapping[str, Any]], names: list[str], question: str) -> str:
    if len(known) > 1:
        told = _ranked(topics, known, question)
        if told:
            return told
    lines = []
    for number, f in enumerate(known, start=1):
        text = f"{_summary(f)} {CANNOT_SEE}" if topics == ["describe"] else " ".join(SAY[topic](f) for topic in topics if topic in SAY)
        label = f" ({names[number - 1]})" if names[number - 1] else ""
        lines.append(f"Image {number}{label}: {text}" if len(known) > 1 else text)
    return "\n".join(lines)


def _ranked(topics: list[str], known: list[Mapping[str, Any]], question: str) -> str:
    """Return sentences that compare the pictures, empty where nothing is compared."""
    asked = bool(re.search(r"\bwhich\b|\b\w+er\b.*\bthan\b|(?:er|est)\b", question, re.IGNORECASE))
    sentences = []
    if "compare" in topics:
        sentences.append(_differences(known))
    for topic in topics:
        if topic in MEASURES and (asked or "compare" in topics):
            fact, word, unit = MEASURES[topic]
            values = [f[fact] for f in known]
            listed = ", ".join(f"image {number} {value:g}{unit}" for number, value in enumerate(values, start=1))
            if len(set(values)) == 1:
                sentences.append(f"Both have the same {fact} ({listed}).")
            else:
                sentences.append(f"Image {values.index(max(values)) + 1} is {word} ({listed}).")
    return " ".join(sentences)


def _differences(known: list[Mapping[str, Any]]) -> str:
    first, second = known[0], known[1]
    if first["sha256"] == second["sha256"]:
        return "They are the same file, byte for byte."
    parts = []
    for fact, unit in (
        ("size", ""),
        ("format", ""),
        ("bytes", " bytes"),
        ("brightness", " %"),
        ("contrast", " %"),
        ("saturation", " %"),
        ("sharpness", ""),
    ):
        if first[fact] != second[fact]:
            parts.append(f"{fact} {first[fact]}{unit} against {second[fact]}{unit}")
    if first["colours"] != second["colours"]:
        parts.append(f"main colours {', '.join(first['colours'][:3])} against {', '.join(second['colours'][:3])}")
    return f"Image 1 against image 2: {'; '.join(parts)}." if parts else "The measured facts are the same, but the files differ."


def _charts(topics: list[str], request: Request, known: list[Mapping[str, Any]]) -> list[bytes]:
    from notebook_img.pictures import to_srgb
    from notebook_img.providers.local.pixels import charts

    drawn: list[bytes] = []
    for picture, f in zip((*request.inputs, *request.references), known, strict=True):
        if "histogram" in topics:
            drawn.append(charts.histogram(to_srgb(picture.pil())))
        elif "palette" in topics and re.search(r"\bpalettes?\b|\bswatch", request.prompt, re.IGNORECASE) and f["palette"]:
            drawn.append(charts.palette(f["palette"]))
    return drawn
