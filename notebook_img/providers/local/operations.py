# ruff: noqa: E501 - tables of words read best with one row on one line
"""The table of edits: what the built-in engine can do, in which words, with which amounts.

Light on purpose: completion and ``%img local`` read it without loading PIL or numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from notebook_img.providers.local.amounts import Length, Parameter


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    help: str
    words: tuple[str, ...]
    """Words people use for it, for the help and for near names."""
    triggers: Mapping[str, Mapping[str, Any]]
    """Patterns of which one has to be in the phrase, each with what it settles (``sign``, a default, a value)."""
    parameters: tuple[Parameter, ...]
    example: str
    function: str
    """``module:function`` in ``notebook_img.providers.local.pixels``."""
    done: str
    """What was done, in the past tense; after ``|`` for a negative amount."""
    changes_frame: bool = False
    """Whether width, height or the place of things change, which a mask does not allow."""
    needs_image: bool = False
    """Whether it works with a second picture."""
    seeded: bool = False
    """Whether its result varies with the seed."""
    fillers: frozenset[str] = field(default_factory=frozenset)
    """Words without meaning of their own in phrases of this row only."""
    exact: str = ""
    """A pattern of words that mean just this and nothing a model could do better; such phrases run here also when there is a model."""


def _amount(default: float = 20.0, low: float = -100.0, high: float = 100.0, *, base: float = 0.0) -> tuple[Parameter, ...]:
    return (Parameter("amount", "amount", default, low, high, "%", base),)


def _strength(default: float = 100.0, low: float = 0.0, high: float = 100.0) -> Parameter:
    return Parameter("amount", "strength", default, low, high, "%")


def _words(*words: str) -> frozenset[str]:
    return frozenset(words)


_CROP = r"crop(?:ped|ping)?(?: down)?|cut(?: down)?|trim(?:med)?"
_CUT_OUT = (
    r"cut ?outs?(?: of)?|cut (?:it|this|that) out|(?:remove|erase|delete|take away|drop|knock out) (?:the |its )?back ?ground"
    r"|(?:make )?(?:the |its )?back ?ground transparent|(?:with )?(?:a )?transparent back ?ground|isolate"
)
_PUT_ON = r"(?:put|place|set|lay)(?: (?:it|this|that|the (?:subject|object|product)))?(?: on(?:to)?| in front of| against)(?: an?| the)?"
_RATIO = Parameter("ratio", "ratio", help="16:9, square, widescreen, portrait ...")
_PLACE = Parameter("place", "place", "centre", help="top, left, bottom right, centre ...")

_NAMED = r"(?:with |and )?(?:the |their |file )?(?:captions?|labels?|names?|titles?)"
_LAID_OUT = _words(
    "all", "them", "these", "those", "both", "two", "three", "four", "pictures", "images", "photos", "photographs", "put", "lay", "laid", "arrange",
    "arranged", "show", "place", "into", "out", "one", "together", "background", "width", "underneath", "under", "each", "below", "as",
)  # fmt: skip

OPERATIONS: tuple[Operation, ...] = (
    # --- frame
    Operation(
        "crop", "Cut to an aspect ratio.", ("crop", "cut", "square", "widescreen"),
        {_CROP + r"|make|change|format": {}}, (_RATIO, _PLACE),
        "crop to 16:9", "frame:crop_ratio", "cropped to {ratio}", changes_frame=True, exact=_CROP,
    ),
    Operation(
        "crop to a box", "Cut to x,y,width,height in px or %.", ("crop", "cut out", "box"),
        {_CROP + r"|cut out|keep": {}}, (Parameter("box", "box", help="x,y,width,height"),),
        "crop to 10,10,80,80 %", "frame:crop_box", "cropped to the box {box}", changes_frame=True, exact=_CROP,
    ),
    Operation(
        "crop to a size", "Cut to width x height in pixels.", ("crop",),
        {_CROP: {}}, (Parameter("size", "pixel size", unit="px", help="800x600"), _PLACE),
        "crop to 200x150 px from the top left", "frame:crop_size", "cropped to {size} px", changes_frame=True, exact=_CROP,
    ),
    Operation(
        "crop to the centre", "Keep the middle of the picture.", ("crop to the centre", "middle"),
        {rf"(?:{_CROP}|keep)(?: to| out)?(?: only)?(?: the)? (?:cent(?:re|er)|middle)": {}},
        (Parameter("amount", "strength", 50.0, 5.0, 100.0, "%"),),
        "crop to the centre 60 %", "frame:crop_centre", "cropped to the centre {amount} %", changes_frame=True, exact=_CROP,
    ),
    Operation(
        "crop a side", "Cut something off a side, or off all of them.", ("crop off", "cut off", "remove the left"),
        {rf"(?:{_CROP}|remove|take)(?= .*(?:off|away|left|right|top|bottom|each|all|every|from))": {}},
        (Parameter("side", "place", "all sides"), Parameter("length", "length", None, 1, 20_000, "px or %")),
        "crop 10 % off the left", "frame:crop_side", "cropped {length} off {side}", changes_frame=True,
        fillers=_words("off", "away", "each", "every", "side", "sides", "edge", "edges", "border"), exact=_CROP,
    ),
    Operation(
        "keep a part", "Keep a half, third or quarter.", ("left half", "top third", "keep"),
        {rf"{_CROP}|keep|show": {}},
        (Parameter("fraction", "fraction", help="half, third, quarter"), Parameter("side", "place", help="left, right, top, bottom")),
        "keep the left half", "frame:keep_part", "kept {fraction} % at the {side}", changes_frame=True, fillers=_words("only"), exact=_CROP,
    ),
    Operation(
        "crop to a circle", "Cut out a circle; the rest becomes transparent.", ("circle", "round", "avatar"),
        {rf"(?:{_CROP})(?: (?:in)?to)?(?: a)? (?:circle|disc|disk)|(?:make|cut)(?: it)?(?: (?:in)?to)?(?: a)? (?:circle|disc|disk|circular)|circular crop": {}},
        (), "crop to a circle", "frame:circle", "cut to a circle", changes_frame=True, fillers=_words("out"),
    ),
    Operation(
        "cut out", "Make everything but what the picture is of transparent; better with weights of your own (NOTEBOOK_IMG_CUTOUT_MODEL).",
        ("cut out", "remove the background", "transparent background", "isolate"),
        {_CUT_OUT: {}}, (Parameter("fetch", "flag", False, help="with (?:weights|u2net|rembg)"),),
        "cut out", "cutting:cut_out", "cut out", fillers=_words("subject", "object", "foreground", "person", "thing", "product", "main"), exact=_CUT_OUT,
    ),
    Operation(
        "put on a colour", "Put what was cut out on a colour; a picture without transparency is cut out first.", ("put on white", "white background"),
        {_PUT_ON: {}, r"(?=.*background)": {}}, (Parameter("colour", "colour"),),
        "put it on white", "cutting:put_on_colour", "put on {colour}",
        fillers=_words("background", "plain", "solid", "backdrop", "pure", "onto", "ground", "subject", "object", "product", "colour", "color"), exact=_PUT_ON,
    ),
    Operation(
        "put on a picture", "Put what was cut out on a second picture, scaled and cut to the frame.", ("put on image 2",),
        {_PUT_ON: {}}, (Parameter("image", "image", 2),),
        "put it on image 2", "cutting:put_on_picture", "put on image {image}", needs_image=True,
        fillers=_words("background", "onto", "subject", "object", "product"),
    ),
    Operation(
        "trim", "Cut an even margin off.", ("trim", "autocrop", "remove the margins"),
        {r"trim(?:med)?(?: away| off)?(?: (?:the )?(?:edges?|borders?|margins?|whitespace|white space|background|sides?))?|auto ?crop"
         r"|(?:remove|cut off|crop) (?:the )?(?:margins?|borders?|whitespace|white space)": {}},
        (), "trim the margins", "frame:trim", "trimmed", changes_frame=True, fillers=_words("even", "empty", "white", "off", "away"),
    ),
    Operation(
        "pad", "Add an even margin up to an aspect ratio.", ("pad", "letterbox", "extend the canvas"),
        {r"pad(?:ded|ding)?|letterbox|extend (?:the )?canvas|fit": {}},
        (_RATIO, Parameter("blurred", "flag", False, help=r"blurr?(?:ed)?"), Parameter("colour", "colour", "#ffffff")),
        "pad to 16:9 with navy", "frame:pad", "padded to {ratio}", changes_frame=True,
        fillers=_words("background", "margins", "margin", "bars", "copy", "itself", "canvas"),
    ),
    Operation(
        "resize", "Give it another size in pixels; the longest side where one number is given.", ("resize", "shrink", "enlarge", "width"),
        {r"scaled? up|enlarged?|upscaled?": {"direction": 1}, r"scaled? down|shrink|reduced?|downscaled?": {"direction": -1},
         r"resized?|scaled?|size|make|change": {}},
        (Parameter("size", "pixel size", unit="px", help="800 px wide, 600 px tall, 800x600, 1024"),
         Parameter("stretch", "flag", False, help=r"stretch(?:ed|ing)?|distort(?:ed|ing)?|exactly"),
         Parameter("fit", "flag", False, help=r"(?:fit(?:ting)? )?(?:within|inside|into)|fit(?:ting)?"),
         Parameter("direction", "preset", optional=True)),
        "resize to 200 px wide", "frame:resize", "resized to {size} px", changes_frame=True, fillers=_words("width", "height", "max", "maximum", "most"), exact=r"resiz\w*|scale\w*",
    ),
    Operation(
        "scale", "Change the size by a factor.", ("half the size", "double the size", "smaller", "larger", "bigger"),
        {r"smaller|downscaled?|downsized?|shrink|scaled? down|(?:reduce|decrease|lower)(?: the| its)? size": {"sign": -1},
         r"larger|bigger|upscaled?|enlarged?|scaled? up|(?:increase|raise)(?: the| its)? size": {"sign": 1},
         r"reduced?": {"sign": -1, "default": None}, r"resized?|scaled?|rescaled?|(?:in |the )?size": {}},
        (Parameter("factor", "factor", None, 1.0, 1000.0, "%"),),
        "scale to 50 %", "frame:scale", "scaled to {factor} %", changes_frame=True, fillers=_words("original", "size"), exact=r"resiz\w*|scale\w*",
    ),
    Operation(
        "zoom", "Cut to the middle and bring it back to the same size.", ("zoom in", "closer"),
        {r"zoom(?:ed)?(?: in)?|closer|close up": {"sign": 1, "default": 50.0}},
        (Parameter("factor", "factor", None, 101.0, 1000.0, "%"), _PLACE),
        "zoom in 1.5x", "frame:zoom", "zoomed in to {factor} %", changes_frame=True, fillers=_words("come", "move"),
    ),
    Operation(
        "rotate", "Turn by an angle, clockwise; corners are filled.", ("rotate", "turn", "clockwise", "upside down"),
        {r"rotat(?:e|ed|ion)|turn(?:ed)?|spin|tilt": {}},
        (Parameter("angle", "degrees", None, -3600, 3600, "°"), Parameter("transparent", "flag", False, help=r"transparent"),
         Parameter("colour", "colour", "#ffffff")),
        "rotate by 90 degrees", "frame:rotate", "rotated by {angle}° clockwise|rotated by {angle}° anticlockwise", changes_frame=True,
        fillers=_words("around", "corners", "background"), exact=r"rotat\w*|turn\w*",
    ),
    Operation(
        "straighten", "Turn a little and cut to the largest level rectangle.", ("straighten", "level the horizon"),
        {r"straighten(?:ed)?|level(?: the)? horizon": {}},
        (Parameter("angle", "degrees", None, -45, 45, "°"),),
        "straighten by 3 degrees", "frame:straighten", "straightened by {angle}° clockwise|straightened by {angle}° anticlockwise",
        changes_frame=True, fillers=_words("horizon"),
    ),
    Operation(
        "flip", "Mirror left to right.", ("flip", "mirror", "horizontally"),
        {r"mirror(?:ed)?(?: horizontally| image| left (?:to|and) right)?|flip(?:ped)?(?: (?:it )?(?:horizontally|left (?:to|and) right|sideways))?|horizontal flip": {}},
        (), "mirror it", "frame:mirror", "mirrored left to right", changes_frame=True, exact=r"flip\w*|mirror\w*",
    ),
    Operation(
        "flip upside down", "Mirror top to bottom.", ("flip vertically", "upside down"),
        {r"(?:flip(?:ped)?|mirror(?:ed)?)(?: it)? (?:vertically|upside down|top (?:to|and) bottom)|vertical flip|upside down": {}},
        (), "flip vertically", "frame:flip", "flipped upside down", changes_frame=True, exact=r"flip\w*|mirror\w*",
    ),
    Operation(
        "border", "Draw a frame around it.", ("border", "frame", "margin", "passe-partout"),
        {r"border(?:ed)?|frame(?:d)?|margins?|outline around|passe partout|matting": {}},
        (Parameter("width", "length", Length(3.0), 1, 4000, "px or %"), Parameter("colour", "colour", "#ffffff")),
        "add a 12 px navy border", "frame:border", "framed in {colour}, {width}", changes_frame=True,
        fillers=_words("around", "wide", "width", "thick", "colour", "color", "coloured", "colored"), exact=r"border",
    ),
    Operation(
        "rounded corners", "Round the corners; outside is transparent.", ("round the corners", "rounded"),
        {r"round(?:ed|ing)?(?: off)?(?: the| its)? corners?|corners? (?:rounded|radius)": {}},
        (Parameter("radius", "length", Length(8.0), 1, 10_000, "px or %"),),
        "round the corners by 40 px", "frame:rounded", "rounded the corners by {radius}", changes_frame=True, fillers=_words("radius"),
    ),
    # --- tone and colour
    Operation(
        "brightness", "Brighter or darker.", ("brighter", "lighter", "darker", "brighten", "darken", "dim"),
        {r"bright(?:er|en|ened|en up)?|light(?:er|en|ened|en up)": {"sign": 1}, r"dark(?:er|en|ened)?|dim(?:mer|med)?": {"sign": -1}, r"brightness|lightness|luminosity": {}},
        _amount(20, -100, 400, base=100), "brighter by 20 %", "tone:brightness", "brightened by {amount} %|darkened by {amount} %",
    ),
    Operation(
        "exposure", "Expose longer or shorter, in stops.", ("exposure", "overexpose", "underexpose"),
        {r"over ?exposed?": {"sign": 1}, r"under ?exposed?": {"sign": -1}, r"exposure|expose": {}},
        (Parameter("stops", "stops", 0.5, -5, 5, "stops"),), "exposure +0.7 stops", "tone:exposure",
        "exposed {stops} stops more|exposed {stops} stops less",
    ),
    Operation(
        "contrast", "More or less contrast.", ("contrast", "punchier", "flatter", "contrasty"),
        {r"punch(?:y|ier)|contrast(?:y|ier)|crunch(?:y|ier)": {"sign": 1}, r"flat(?:ter)?(?: contrast)?|flatten(?:ed)?(?: the)? contrast": {"sign": -1}, r"contrasts?": {}},
        _amount(25, -100, 300, base=100), "more contrast", "tone:contrast", "contrast raised by {amount} %|contrast lowered by {amount} %",
    ),
    Operation(
        "saturation", "Stronger or weaker colours.", ("saturation", "vivid", "colourful", "vibrant", "muted", "desaturate"),
        {r"(?:over ?)?saturated?|vivid(?:er)?|colou?rful|vibran(?:t|ce)|stronger colou?rs|richer(?: colou?rs)?": {"sign": 1},
         r"desaturated?|muted?|pal(?:e|er)|washed out|dull(?:er)?": {"sign": -1}, r"saturation|colou?rs?": {}},
        _amount(30, -100, 300, base=100), "saturation +40 %", "tone:saturation", "colours strengthened by {amount} %|colours weakened by {amount} %",
        fillers=_words("colour", "color", "colours", "colors"),
    ),
    Operation(
        "warmth", "Warmer or cooler light.", ("warmer", "cooler", "colder", "warmth", "temperature"),
        {r"warm(?:er|ed|ed up)?(?: up)?": {"sign": 1}, r"cool(?:er|ed)?(?: down)?|cold(?:er)?": {"sign": -1}, r"warmth|(?:colou?r )?temperature": {}},
        _amount(), "warmer by 20 %", "tone:warmth", "warmed by {amount} %|cooled by {amount} %", fillers=_words("colours", "colors", "light", "tones", "tone"),
    ),
    Operation(
        "hue", "Turn all colours round the colour wheel.", ("hue", "shift the colours"),
        {r"hues?|(?:shift|rotate|turn) (?:the )?(?:hues?|colou?rs?)": {}},
        (Parameter("angle", "degrees", None, -360, 360, "°"),), "shift the hue by 60 degrees", "tone:hue", "hue turned by {angle}°|hue turned back by {angle}°",
        fillers=_words("shift", "rotate", "wheel", "colour", "color", "round"),
    ),
    Operation(
        "gamma", "A gamma curve; above 1 lightens the middle tones.", ("gamma", "middle tones"),
        {r"gamma(?: correct(?:ion)?)?": {}}, (Parameter("gamma", "number", None, 0.1, 10.0),),
        "gamma 1.8", "tone:gamma", "gamma {gamma}", fillers=_words("correct", "correction"),
    ),
    Operation(
        "shadows", "Lift or deepen the dark parts.", ("shadows", "lift the shadows", "fill light"),
        {r"(?:lift|open|brighten|lighten|raise|recover)(?: up)?(?: the)? (?:shadows|dark parts|darks)|(?:lighter|brighter) shadows|fill light": {"sign": 1},
         r"(?:deepen|darken|crush)(?: the)? (?:shadows|blacks)|(?:darker|deeper) shadows": {"sign": -1}, r"shadows": {}},
        _amount(40), "lift the shadows by 40 %", "tone:shadows", "shadows lifted by {amount} %|shadows deepened by {amount} %",
    ),
    Operation(
        "highlights", "Bring back or lift the bright parts.", ("highlights", "recover the highlights"),
        {r"(?:recover|tame|darken|reduce|lower|bring (?:back|down)|pull down)(?: the)? (?:highlights|bright parts)|darker highlights": {"sign": -1},
         r"(?:lift|brighten|boost|raise)(?: the)? highlights|brighter highlights": {"sign": 1}, r"highlights": {}},
        _amount(40), "recover the highlights by 50 %", "tone:highlights", "highlights lifted by {amount} %|highlights brought back by {amount} %",
    ),
    Operation(
        "auto-levels", "Stretch the tones to the full range.", ("auto levels", "auto contrast", "enhance", "normalise"),
        {r"auto ?(?:levels?|contrast|tones?|enhance|correct|fix|adjust)|automatic(?:ally)? (?:levels?|contrast|enhance)|normali[sz]ed?"
         r"|(?:enhance|improve|stretch)(?: the)?(?: levels?| tones?| contrast)?|equali[sz]e|levels": {}},
        (_strength(),), "auto-levels", "tone:auto_levels", "levels stretched", exact=r"auto ?levels?|auto-levels?",
    ),
    Operation(
        "white balance", "Take a colour cast out.", ("white balance", "colour cast", "neutral"),
        {r"(?:auto(?:matic)? )?white balanced?|(?:remove|fix|correct|neutrali[sz]e)(?: the)? colou?r cast|neutrali[sz]e(?: the)? colou?rs": {}},
        (_strength(),), "fix the white balance", "tone:white_balance", "colour cast taken out", fillers=_words("fix", "correct"),
    ),
    Operation(
        "greyscale", "Black and white.", ("black and white", "greyscale", "grey", "monochrome", "b&w"),
        {r"(?:in(?:to)? )?(?:black (?:and|&|n) white|b ?& ?w|bw|gr[ae]y ?scale|gr[ae]y|monochrom(?:e|atic)|mono)|(?:remove|drop|without|no)(?: all)?(?: the)? colou?rs?": {}},
        (_strength(),), "make it black and white", "tone:greyscale", "made black and white", fillers=_words("colour", "color", "convert", "tones"), exact=r"gr[ae]y ?scale",
    ),
    Operation(
        "sepia", "Brown tones of an old photograph.", ("sepia", "brown tones", "old photograph"),
        {r"sepia(?: tone[ds]?)?|brown tones|old photo(?:graph)?": {}}, (_strength(),), "sepia by 80 %", "tone:sepia", "sepia by {amount} %",
    ),
    Operation(
        "vintage", "Faded colours, warm light, a soft vignette.", ("vintage", "retro", "faded film"),
        {r"vintage|retro|faded film|old film|analog(?:ue)?|1970s|seventies": {}}, (_strength(),), "make it vintage", "tone:vintage", "vintage colours",
        fillers=_words("photograph", "film", "colours", "colors", "feel", "tone"),
    ),
    Operation(
        "invert", "Turn it into a negative.", ("invert", "negative"),
        {r"invert(?:ed)?(?: the)?(?: colou?rs?)?|(?:a )?(?:photo(?:graphic)? )?negative|reverse(?: the)? colou?rs?": {}},
        (_strength(),), "invert the colours", "tone:invert", "inverted",
    ),
    Operation(
        "posterise", "Few tones per channel.", ("posterise", "posterize", "poster"),
        {r"posteri[sz](?:e|ed|ation)|poster(?: effect)?": {}}, (Parameter("levels", "number", 5.0, 2, 64, "levels", inverse=True),),
        "posterise to 4 levels", "tone:posterise", "posterised to {levels} levels", fillers=_words("levels"),
    ),
    Operation(
        "threshold", "Only black and white, no grey.", ("threshold", "bilevel", "stencil"),
        {r"threshold(?:ed)?|bi ?level|stencil|pure black and white|1 ?bit": {}}, (_strength(50, 1, 99),),
        "threshold at 45 %", "tone:threshold", "cut to black and white at {amount} %",
    ),
    Operation(
        "solarise", "Turn bright tones over.", ("solarise", "solarize"),
        {r"solari[sz](?:e|ed|ation)": {"opposite": "way"}}, (_strength(50, 0, 100),), "solarise", "tone:solarise", "solarised above {amount} %",
    ),
    Operation(
        "tint", "Lay a colour over it.", ("tint", "colourise", "tone"),
        {r"tint(?:ed)?|colou?ri[sz]ed?|(?:colou?r )?wash|tone[ds]?": {}},
        (Parameter("colour", "colour"), _strength(30)), "tint with orange by 30 %", "tone:tint", "tinted {colour} by {amount} %",
        fillers=_words("colour", "color"),
    ),
    Operation(
        "duotone", "Two colours for dark and bright.", ("duotone", "two colours"),
        {r"duo ?tone|two tone|gradient map": {}}, (Parameter("colours", "pair"),), "duotone navy and gold", "tone:duotone", "duotone of {colours}",
        fillers=_words("colours", "colors"),
    ),
    Operation(
        "opacity", "Make it see-through.", ("opacity", "fade", "transparent"),
        {r"opaque": {"default": 100.0}, r"opacity|alpha|faded?(?: out)?(?=.* opa(?:city|que))": {}, r"transparen(?:t|cy)|see through|translucent": {"opposite": True},
         r"faded?(?: out)?(?!.* opa(?:city|que))": {"opposite": "way"}},
        (_strength(50),), "fade to 60 % opacity", "tone:opacity", "opacity set to {amount} %", fillers=_words("opacity", "opaque", "fade", "faded"),
    ),
    # --- detail
    Operation(
        "sharpen", "Crisper edges.", ("sharpen", "sharper", "crisper", "clarity"),
        {r"sharp(?:en|ened|er|ness)?(?: up)?|crisp(?:er)?|less blurr?(?:y|ed)|deblurr?|unsharp mask|clarity|clearer": {}},
        (Parameter("amount", "strength", 100.0, 0.0, 500.0, "%"),), "sharpen by 150 %", "detail:sharpen", "sharpened by {amount} %",
        fillers=_words("details", "detail", "edges", "more"),
    ),
    Operation(
        "blur", "Softer, by a radius.", ("blur", "soften", "defocus"),
        {r"(?:gaussian )?blurr?(?:ed|y|ier)?|soft(?:en|ened|er)|de ?focus(?:ed)?|out of focus|smooth(?:ed|er|en)?": {}},
        (Parameter("radius", "length", Length(0.8), 0, 1000, "px or %"),), "blur by 4 px", "detail:blur", "blurred by {radius}",
        fillers=_words("radius", "more"),
    ),
    Operation(
        "denoise", "Take noise out and keep the edges.", ("denoise", "remove noise", "clean up"),
        {r"de ?noised?|(?:remove|reduce|less|take out)(?: the)? (?:noise|grain)|noise reduction|clean(?:ed)? up|despeckle": {}},
        (Parameter("amount", "strength", 50.0, 0.0, 100.0, "%"),), "denoise by 60 %", "detail:denoise", "denoised by {amount} %",
    ),
    Operation(
        "grain", "Film grain.", ("grain", "noise", "film grain"),
        {r"(?:film )?grain(?:y|ier)?|nois(?:e|y)": {}}, (Parameter("amount", "strength", 15.0, 0.0, 100.0, "%"),),
        "add film grain of 20 %", "detail:grain", "grain of {amount} % added", seeded=True, fillers=_words("more"),
    ),
    Operation(
        "pixelate", "Coarse square blocks.", ("pixelate", "mosaic", "blocks", "censor"),
        {r"pixel(?:ated?|i[sz]ed?|ation)|mosaic|censor(?:ed)?|8 ?bit": {}}, (Parameter("block", "length", Length(3.0), 2, 2000, "px or %"),),
        "pixelate with 12 px blocks", "detail:pixelate", "pixelated in blocks of {block}", fillers=_words("blocks", "block", "squares"),
    ),
    Operation(
        "vignette", "Darker corners.", ("vignette", "dark corners"),
        {r"vignett(?:e|ed|ing)|dark(?:er|en)?(?: the)? (?:corners|edges)": {}},
        (_strength(45), Parameter("colour", "colour", "#000000")), "add a vignette of 50 %", "detail:vignette", "vignette of {amount} %",
    ),
    Operation(
        "glow", "A soft, dreamy glow.", ("glow", "dreamy", "bloom"),
        {r"(?:soft )?glow(?:ing)?|dream(?:y|ier)|bloom|soft focus|orton": {}}, (_strength(50),), "add a soft glow", "detail:glow", "glow of {amount} %",
    ),
    Operation(
        "pencil sketch", "Pencil on paper.", ("pencil", "sketch", "drawing"),
        {r"(?:pencil|graphite|charcoal)(?: (?:sketch|drawing))?|sketch(?:ed)?|(?:line )?drawing": {"tone": "grey"},
         r"colou?red (?:pencil|sketch|drawing)s?(?: (?:sketch|drawing))?|colou?r (?:pencil|sketch)(?: (?:sketch|drawing))?": {"tone": "colour"}},
        (_strength(100), Parameter("tone", "preset", "grey")), "make it a pencil sketch", "detail:sketch", "drawn in pencil", fillers=_words("like", "draw", "drawn"),
    ),
    Operation(
        "emboss", "A relief lit from the side.", ("emboss", "relief"),
        {r"emboss(?:ed)?|relief": {}}, (_strength(100),), "emboss", "detail:emboss", "embossed",
    ),
    Operation(
        "edges", "Only the outlines.", ("edges", "outlines", "contours"),
        {r"(?:find |detect |show |trace )?(?:the |only )?(?:edges?|outlines?|contours?)(?: detection| only)?|edge detect(?:ion)?": {}},
        (_strength(100),), "find the edges", "detail:edges", "reduced to its outlines",
    ),
    # --- light, text and other pictures
    Operation(
        "night", "A night grade: dark, blue, dim; with moon and stars if said.", ("night", "moonlit", "midnight", "moon", "stars"),
        {r"(?:at |by |into |like )?(?:(?:the )?(?:middle of the )?night(?: ?time)?)|day (?:in)?to night|nocturnal|midnight|moonlit|moonlight|after dark": {}},
        (Parameter("moon", "moon", 0.0), Parameter("stars", "flag", False, help=r"(?:a few |many |some |lots of )?(?:twinkling )?(?:stars|starry(?: sky)?)"),
         Parameter("place", "place", ""), _strength(100)),
        "make it night, with a thin crescent moon", "night:night", "made night", seeded=True,
        fillers=_words("sky", "scene", "under", "day", "shining", "small", "few"),
    ),
    Operation(
        "caption", "Text over the picture.", ("caption", "text", "title", "write", "label"),
        {r"captions?(?:ed)?(?: (?:saying|reading|that (?:says|reads)|text))?|(?:the )?(?:text|words?|title|heading|label|subtitle)(?: (?:saying|reading|that (?:says|reads)))?"
         r"|write(?: the (?:words?|text))?|saying": {}},
        (Parameter("text", "text"), Parameter("place", "place", "bottom"),
         Parameter("size", "size", 100.0, 20, 500, "%"), Parameter("colour", "text colour", "#ffffff")),
        "add the caption 'Chelsea'", "text:caption", "captioned '{text}'",
        fillers=_words("caption", "text", "title", "letters", "saying", "words", "word", "label", "coloured", "below", "under", "above", "font", "reading", "says"),
    ),
    Operation(
        "watermark", "A see-through mark in a corner.", ("watermark", "copyright", "signature"),
        {r"water ?mark(?:ed)?(?: (?:saying|reading|text))?|copyright(?: notice)?|sign(?:ed|ature)?(?: (?:with|as))?": {}},
        (Parameter("text", "text"), Parameter("place", "place", "bottom right"), _strength(55), Parameter("colour", "text colour", "#ffffff")),
        "watermark '© Ada' at the bottom left", "text:watermark", "watermarked '{text}'",
        fillers=_words("text", "opacity", "saying", "opaque", "watermark"),
    ),
    Operation(
        "flatten", "Put a background under transparency.", ("flatten", "background"),
        {r"flatten(?:ed)?|background|backdrop|fill(?: the)? (?:transparency|transparent (?:parts?|pixels?|areas?))": {}},
        (Parameter("colour", "colour", "#ffffff"),), "flatten onto teal", "frame:flatten", "put on {colour}", fillers=_words("background", "plain", "onto"),
    ),
    Operation(
        "blend", "Mix with a second picture, by an amount.", ("blend", "mix", "overlay", "double exposure"),
        {r"blend(?:ed)?|mix(?:ed)?|overla(?:y|id)|double exposure|merge(?:d)?|combine(?:d)?": {}},
        (Parameter("image", "image", 2), _strength(50),
         Parameter("mode", "mode", "normal", help="multiply, screen, overlay, lighten, darken, difference, soft light")),
        "blend with image 2 by 40 %", "text:blend", "blended with image {image} by {amount} %", needs_image=True,
        fillers=_words("mode", "reference", "over", "them", "both"),
    ),
    Operation(
        "contact sheet", "All pictures that are named, in rows.", ("contact sheet", "grid", "collage", "montage"),
        {r"contact ?sheets?|(?:photo |picture |image )?(?:grid|collage|montage)": {}},
        (Parameter("grid", "grid", "", help="4 x 3, 4 columns"), Parameter("captions", "flag", False, help=_NAMED),
         Parameter("size", "pixel size", optional=True, help="2000 px wide"), Parameter("colour", "colour", "#ffffff")),
        "contact sheet 4 x 3 with captions", "sheets:contact_sheet", "laid out as a contact sheet", changes_frame=True, needs_image=True,
        fillers=_LAID_OUT, exact=r"contact ?sheet",
    ),
    Operation(
        "side by side", "All pictures that are named, beside each other or one above the other.",
        ("side by side", "next to each other", "one above the other", "stacked"),
        {r"side by side|(?:next to|beside) (?:each other|one another|it)|in (?:a|one) row": {"direction": "across"},
         r"(?:one |each )?(?:above|below|under|over) (?:the|each) other|stack(?:ed)?|in (?:a|one) column": {"direction": "upright"}},
        (Parameter("captions", "flag", False, help=_NAMED), Parameter("colour", "colour", "#ffffff"), Parameter("direction", "preset", "across")),
        "side by side with captions", "sheets:side_by_side", "put together", changes_frame=True, needs_image=True,
        fillers=_LAID_OUT, exact=r"side by side|(?:next to|above) (?:each|the) other",
    ),
)  # fmt: skip
