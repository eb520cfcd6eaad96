# ruff: noqa: E501, SIM905 - tables of words read best with one row on one line
"""Understands what to draw: backgrounds, shapes, texts and simple landscapes, from one prompt. Every word must be understood."""

from __future__ import annotations

import re

from notebook_img.errors import UsageError
from notebook_img.providers.local import colours
from notebook_img.providers.local.amounts import Parameter
from notebook_img.providers.local.phrases import Phrase, cut
from notebook_img.providers.local.readers import read_place
from notebook_img.providers.local.scene import Background, Item, Scene

MOST_SHAPES = 500

SHAPES: dict[str, str] = {
    "circle": r"circles?|dis[ck]s?|balls?|dots?",
    "ring": r"rings?|hoops?|donuts?",
    "ellipse": r"ellipses?|ovals?",
    "square": r"squares?|box(?:es)?",
    "rectangle": r"rectangles?|bars?",
    "triangle": r"triangles?",
    "diamond": r"diamonds?|rhomb(?:us|uses|i)",
    "pentagon": r"pentagons?",
    "hexagon": r"hexagons?",
    "star": r"stars?",
    "heart": r"hearts?",
    "cross": r"cross(?:es)?|plus signs?",
    "line": r"lines?",
    "arrow": r"arrows?",
    "moon": r"(?:crescent |half |full )?moons?|crescents?",
    "sun": r"suns?",
    "cloud": r"clouds?",
    "flower": r"flowers?|daisy|daisies",
    "tree": r"trees?|firs?|fir trees?",
    "house": r"houses?",
}
"""Shapes and what they are called."""

PATTERNS: dict[str, str] = {
    "checkerboard": r"(?:checker|chequer|chess) ?boards?|check(?:ered|s)|chequered(?: pattern)?",
    "stripes": r"stripes?|striped",
    "dots": r"polka dots?|dotted|dots? pattern|pattern of dots?",
    "grid": r"(?:square )?grid|graph paper",
    "clouds": r"(?:cloudy|soft|perlin|smooth) noise|marbled?",
    "noise": r"(?:white |random )?noise|static",
    "gradient": r"gradients?|colou?r (?:ramp|fade)|fade",
}
"""Backgrounds that repeat or run."""

LANDS: dict[str, str] = {
    "mountains": r"mountains?|mountainous|peaks|alps",
    "hills": r"hills?|hilly|meadows?|fields?|dunes?",
    "sea": r"sea|ocean|lake|water|seaside",
}
TIMES: dict[str, str] = {
    "sunset": r"sunset|dusk|evening(?: sky)?|sunrise|dawn",
    "night": r"night(?: sky| scene)?|starry(?: night)?(?: sky)?|midnight",
    "day": r"(?:blue |clear |bright )?(?:sky|day(?:time)?)|landscape|scenery",
}

COUNTS: dict[str, int] = {
    word: number
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
} | {"a couple of": 2, "a few": 4, "several": 6, "some": 5, "a dozen": 12, "twenty": 20, "many": 24, "lots of": 30, "thirty": 30, "fifty": 50, "a hundred": 100, "hundred": 100}  # fmt: skip

SIZES: tuple[tuple[str, float], ...] = (
    (r"tiny|very small", 0.4),
    (r"small|little", 0.65),
    (r"medium(?: sized)?", 1.0),
    (r"very (?:large|big)|huge|giant|enormous", 2.0),
    (r"large|big", 1.45),
)

EXAMPLES: tuple[str, ...] = (
    "three small red circles on a blue gradient",
    "a radial gradient from gold to crimson",
    "a black and white checkerboard",
    "diagonal stripes in teal and cream",
    "white polka dots on navy",
    "a card saying 'Hello'",
    "a yellow star at the top left and a pink heart in the centre",
    "sunset over hills",
    "night sky with stars and a moon",
    "soft noise from navy to white",
)
"""One prompt for each thing it can draw; also the examples of the help."""

CAN = "circles, squares, triangles, stars, hearts and a dozen more shapes, gradients, stripes, checkerboards, dots, noise, text cards, sunset or night over hills, mountains or the sea"


class UnknownSceneError(UsageError):
    """Words the engine cannot draw; ``phrase`` has them."""

    def __init__(self, phrase: str) -> None:
        super().__init__(f"The built-in engine cannot draw {phrase!r}.")
        self.phrase = phrase


SPLIT = re.compile(
    r"\s*(?:[,;\n]|\.(?=\s|$))\s*(?:(?:and|with|on)\b)?\s*|\s+(?P<word>and|with|plus|on top of|on|over|above|below|under|beside|against|in front of|&)\s+",
    re.IGNORECASE,
)
GRADIENT_ENDS = re.compile(r"(\bfrom\b|\bbetween\b)(.+?)\s(?:and|to|into)\s", re.IGNORECASE)


def parse(prompt: str) -> Scene:
    """Return the scene a prompt describes.

    Raises
    ------
    UnknownSceneError
        When a word is neither a shape, a colour, a place nor anything else of the grammar.
    UsageError
        For too many shapes, too long a prompt, or no thing to draw.
    """
    if len(prompt) > 4000:
        raise UsageError(f"The built-in engine reads prompts of up to 4000 characters; this one has {len(prompt)}.")
    pieces = cut(prompt)
    text = re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", pieces.text)
    # "between X and Y" and "black and white" are one thing; "with" and "and" part things elsewhere.
    text = GRADIENT_ENDS.sub(r"\1\2 to ", text)
    scene = Scene()
    start, mark = 0, ""
    unknown: list[str] = []
    previous: Background | Item | None = None
    ends = [*((match.start(), match.end(), match["word"] or ",") for match in SPLIT.finditer(text)), (len(text), len(text), "")]
    for end, following, word in ends:
        part = Phrase(text[start:end], pieces.quoted)
        if part.text.strip():
            try:
                previous = _understood(part, mark.casefold(), scene, previous)
            except UnknownSceneError as error:
                unknown.append(error.phrase)
        start, mark = following, word
    if unknown:
        whole = " ".join(prompt.split())
        raise UnknownSceneError(", ".join(unknown) if len(whole) > 60 else whole)
    if previous is None:
        raise UsageError(f"The prompt names nothing to draw. The built-in engine can draw for example {EXAMPLES[0]!r}.")
    if sum(item.count for item in scene.items) > MOST_SHAPES:
        raise UsageError(f"The built-in engine draws up to {MOST_SHAPES} shapes in one picture.")
    return scene


def _colours(phrase: Phrase) -> list[str]:
    found: list[str] = []
    while (colour := colours.take(phrase)) is not None and len(found) < 8:
        found.append(colour)
    return found


def _count(phrase: Phrase, source: str) -> int:
    """Take a count out of the phrase; 1 if none is said."""
    for word in sorted(COUNTS, key=len, reverse=True):
        if phrase.take(word):
            return COUNTS[word]
    match = phrase.take(r"\d{1,4}|zero")
    count = int(match.group()) if match and match.group().isdecimal() else int(match is None)
    if not count:
        raise UsageError(f"{source!r} asks for none of them: leave it out, or say how many, for example {EXAMPLES[0]!r}.")
    return count


def _understood(phrase: Phrase, mark: str, scene: Scene, previous: Background | Item | None) -> Background | Item | None:
    """Put what a part of the prompt says into the scene; return what colours that follow belong to."""
    source = re.sub(r"⟦(\d+)⟧", lambda match: f'"{phrase.quoted[int(match.group(1))]}"', " ".join(phrase.text.split()))
    text = phrase.take_quoted()
    if text is not None or phrase.take(r"(?:text|title|greeting|business) card"):
        return _text(phrase, text, source, scene)
    for kind, pattern in PATTERNS.items():
        if phrase.take(pattern):
            return _pattern(kind, phrase, source, scene)
    shape = next((name for name, pattern in SHAPES.items() if _is_shape(phrase, name, pattern, scene)), None)
    if shape is None and (landed := _landscape(phrase, scene)) is not None:
        _finish(phrase, source)
        return landed
    if shape is not None:
        return _shape(shape, phrase, source, scene)
    found = _colours(phrase)
    if isinstance(previous, Background) and previous.kind != "plain" and (match := phrase.take(r"(\d{1,3}) ?[x×] ?\d{1,3}")):
        previous.cells = int(match[1])
    phrase.take(r"background|backdrop|canvas|ground|card|surface|paper|wall")
    phrase.take(r"plain|solid|flat|empty")
    _finish(phrase, source)
    if not found:
        return previous
    if previous is scene.background and previous is not None and previous.kind != "plain" and previous.colours:
        scene.background.colours += found  # "white polka dots on navy"
        return previous
    if (
        mark in {"on", "over", "against", "in front of", "on top of"}
        or previous is None
        or (mark == "with" and not scene.background.colours)
    ):
        scene.background.colours = found
        return scene.background
    previous.colours += found
    return previous


def _finish(phrase: Phrase, source: str) -> None:
    if phrase.left(
        frozenset(
            {
                "showing",
                "texture",
                "wallpaper",
                "scene",
                "drawing",
                "simple",
                "colored",
                "coloured",
                "colour",
                "color",
                "filled",
                "solid",
                "behind",
            }
        )
    ):
        raise UnknownSceneError(source)


def _is_shape(phrase: Phrase, name: str, pattern: str, scene: Scene) -> bool:
    if name == "moon":
        return bool(
            phrase.take(r"(?=(?:(?:very )?(?:thin|slim) )?(?:crescent|half|full)?\s*moon)(?=.)")
            or re.search(r"\b(?:moon|crescent)s?\b", phrase.text, re.IGNORECASE)
        )
    if name == "star" and scene.background.time == "night" and re.search(r"\bstars\b", phrase.text, re.IGNORECASE):
        scene.stars = True
    return bool(phrase.take(pattern))


def _shape(shape: str, phrase: Phrase, source: str, scene: Scene) -> Item | Background:
    if shape == "star" and scene.stars and not any(item.shape == "star" for item in scene.items):
        _count(phrase, source)
        phrase.take(r"twinkling|bright|shining")
        _finish(phrase, source)
        return scene.background
    item = Item(shape)
    if shape == "moon":
        from notebook_img.providers.local.readers import read_moon

        item.lit = read_moon(phrase, Parameter("moon", "moon"), {}) or 0.25
        phrase.take(r"moons|crescents?")
    item.place = read_place(phrase, Parameter("place", "place"), {}) or ""
    item.outlined = bool(phrase.take(r"outlined?|hollow|empty|unfilled"))
    for pattern, size in SIZES:
        if phrase.take(pattern):
            item.size = size
            break
    item.count = _count(phrase, source)
    item.colours = _colours(phrase)
    _finish(phrase, source)
    scene.items.append(item)
    return item


def _pattern(kind: str, phrase: Phrase, source: str, scene: Scene) -> Background:
    background = scene.background
    kept = background.colours
    background.kind = kind
    if phrase.take(r"radial|circular|round"):
        background.direction = "radial"
    elif phrase.take(r"diagonal(?:ly)?"):
        background.direction = "diagonal"
    elif phrase.take(r"vertical(?:ly)?|top to bottom"):
        background.direction = "vertical"
    elif phrase.take(r"horizontal(?:ly)?|left to right"):
        background.direction = "horizontal"
    phrase.take(r"linear|pattern|background|seamless")
    match = phrase.take(r"(\d{1,3}) ?[x×] ?\d{1,3}|(\d{1,3})(?: (?:cells|squares|columns))?")
    background.cells = int(match[1] or match[2]) if match else 0
    if match and not background.cells:
        raise UsageError(f"{source!r} asks for none of them: leave the number out, or say one from 1 on.")
    for pattern, size in SIZES:
        if not background.cells and phrase.take(pattern):
            background.cells = max(2, round(8 / size))
    background.colours = kept + _colours(phrase)
    _finish(phrase, source)
    return background


def _landscape(phrase: Phrase, scene: Scene) -> Background | None:
    found = False
    for name, pattern in LANDS.items():
        if phrase.take(pattern):
            scene.background.lands.append(name)
            found = True
    for name, pattern in TIMES.items():
        if phrase.take(pattern):
            scene.background.time = scene.background.time or name
            found = True
            if name == "night" and re.search(r"starry", phrase.text, re.IGNORECASE):
                scene.stars = True
    if not found:
        return None
    scene.background.kind = "landscape"
    scene.background.time = scene.background.time or "day"
    phrase.take(r"rolling|high|snowy|calm|green|quiet|blue|red|golden|snow capped")
    return scene.background


def _text(phrase: Phrase, text: str | None, source: str, scene: Scene) -> Item:
    if text is None or not text.strip():
        raise UsageError(f"{source!r} needs its text, in quotes: \"a card saying 'Hello'\".")
    if len(text) > 500:
        raise UsageError("A text of more than 500 characters is too long to be drawn.")
    item = Item("text", text=text.strip())
    card = bool(phrase.take(r"(?:text |title |greeting |business |postal )?(?:card|sign|poster|banner|slide)"))
    phrase.take(r"text|words?|letters|title|label|caption|lettering|heading")
    phrase.take(r"(?:that )?(?:saying|says|say|reading|reads|written|called|titled)")
    item.place = read_place(phrase, Parameter("place", "place"), {}) or ""
    for pattern, size in SIZES:
        if phrase.take(pattern):
            item.size = size
            break
    found = _colours(phrase)
    _finish(phrase, source)
    before = source.partition('"')[0]
    if card and not scene.background.colours and re.search(r"\b(?:card|sign|poster|banner|slide)\b", before, re.IGNORECASE):
        # Colours before the text are the card's, those after it the letters'.
        ahead = _colours(Phrase(before))
        scene.background.colours = [colour for colour in ahead if colour in found]
        found = [colour for colour in found if colour not in ahead]
    item.colours = found
    scene.items.append(item)
    return item


def canvas(aspect_ratio: str | None, size: str | None) -> tuple[int, int]:
    """Return width and height in pixels: the longest side is 1024 unless `size` says otherwise.

    Raises
    ------
    UsageError
        For a ratio or a size that is none.
    """
    longest = 1024
    if size:
        match = re.fullmatch(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*", size, re.IGNORECASE)
        if match:
            width, height = int(match[1]), int(match[2])
            if not (1 <= width <= 12_000 and 1 <= height <= 12_000 and width * height <= 64_000_000):
                raise UsageError(f"{size} is out of range: the built-in engine draws up to 12000 px a side and 64 million pixels.")
            return width, height
        named = {"512": 512, "1k": 1024, "2k": 2048, "4k": 4096}
        if size.casefold() not in named:
            raise UsageError(f"{size!r} is not a size the built-in engine knows: 512, 1K, 2K, 4K or WIDTHxHEIGHT.")
        longest = named[size.casefold()]
    if not aspect_ratio:
        return longest, longest
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[:/x]\s*(\d+(?:\.\d+)?)\s*", aspect_ratio)
    ratio = float(match[1]) / float(match[2]) if match and float(match[2]) > 0 else 0.0
    if not 0.02 <= ratio <= 50:
        raise UsageError(f"{aspect_ratio!r} is not a usable aspect ratio. Write for example 16:9.")
    return (longest, max(1, round(longest / ratio))) if ratio >= 1 else (max(1, round(longest * ratio)), longest)
