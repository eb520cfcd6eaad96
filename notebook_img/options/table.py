"""Every option is one row: magics, command line, panel and Python share its names, its values, what it needs and its help.

How an option is found among words is the business of arguments.py; how a value is read, of values.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_img.options import values
from notebook_img.options.option import ALL, Option, own_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notebook_img.options.option import Command, OwnOptionLike

PAINTING: frozenset[Command] = frozenset({"generate", "edit"})
FOLLOWING: frozenset[Command] = frozenset({"edit", "ask"})
EDIT: frozenset[Command] = frozenset({"edit"})
ASK: frozenset[Command] = frozenset({"ask"})

HISTORIES = ("window", "full", "server")
MASK_READINGS = ("painted", "transparent")
DETAILS = ("auto", "low", "medium", "high", "original")

OPTIONS: tuple[Option, ...] = (
    Option(
        "images",
        ("-i", "--image"),
        "An image: file, URL, sample:NAME, turn, or a Python expression; may be repeated.",
        "many",
        values.ANYTHING,
        metavar="X",
    ),
    Option(
        "references",
        ("-r", "--reference"),
        "A reference image (style, person, object); may be repeated.",
        "many",
        values.ANYTHING,
        metavar="X",
        needs="references",
    ),
    Option(
        "mask",
        ("--mask",),
        "Where the image may change: an image, x,y,w,h in pixels, boxes, or words for what is to be found.",
        reader=values.OBJECT,
        metavar="MASK",
        commands=EDIT,
        needs="mask",
    ),
    Option(
        "mask_reading",
        ("--mask-reading",),
        "What may change in a mask with transparency that could mean either.",
        example="painted",
        choices=MASK_READINGS,
        commands=EDIT,
        needs="mask",
    ),
    Option(
        "grow",
        ("--grow",),
        "Widen the mask by pixels or percent, such as 12 or 1%; a negative amount shrinks it.",
        reader=values.ANYTHING,
        example="1%",
        metavar="N",
        commands=EDIT,
        needs="mask",
    ),
    Option(
        "model",
        ("-m", "--model"),
        "provider:model, or a provider; repeated: a result of each, side by side.",
        "many",
        example="gemini",
        metavar="MODEL",
    ),
    Option("session", ("-s", "--session"), "Work in this session.", metavar="NAME"),
    Option(
        "start",
        ("--from",),
        "Continue from this turn or picture (t7, t7.2, fox/t7).",
        reader=values.ANYTHING,
        metavar="ID",
        commands=FOLLOWING,
    ),
    Option(
        "pick",
        ("--pick",),
        "Continue from this picture of several, counted from 1.",
        reader=values.whole(1, 1000),
        example=2,
        metavar="K",
        commands=FOLLOWING,
    ),
    Option(
        "output",
        ("-o", "--output"),
        "Also write the picture here.",
        reader=values.FILE,
        example="night.png",
        metavar="FILE",
        commands=PAINTING,
    ),
    Option("force", ("--force",), "Overwrite the file, whatever it contains.", "flag", values.FLAG, commands=PAINTING),
    Option(
        "assign",
        ("--as",),
        "Assign the result to this variable.",
        reader=values.VARIABLE,
        example="sales",
        metavar="NAME",
        notebook_only=True,
    ),
    # What is asked, in the order turns record it.
    Option(
        "n",
        ("-n", "--count"),
        "How many pictures.",
        reader=values.whole(1, 100),
        example=4,
        metavar="N",
        commands=PAINTING,
        needs="count",
        in_request=True,
    ),
    Option(
        "aspect_ratio",
        ("--aspect",),
        "Aspect ratio, such as 16:9.",
        reader=values.RATIO,
        example="16:9",
        metavar="RATIO",
        commands=PAINTING,
        needs="aspect_ratio",
        in_request=True,
    ),
    Option(
        "size",
        ("--size",),
        "Size, such as 2K or 1024x768.",
        reader=values.SIZE,
        example="2K",
        metavar="SIZE",
        commands=PAINTING,
        needs="size",
        in_request=True,
    ),
    Option(
        "seed",
        ("--seed",),
        "Whole number that makes a result repeatable.",
        reader=values.whole(0),
        example=7,
        metavar="N",
        commands=PAINTING,
        needs="seed",
        in_request=True,
    ),
    Option(
        "negative_prompt",
        ("--negative",),
        "What should not be in the picture.",
        example="text, watermark",
        metavar="TEXT",
        commands=PAINTING,
        needs="negative_prompt",
        in_request=True,
        free=True,
    ),
    Option(
        "strength",
        ("--strength",),
        "How far the picture may go from its input, 0 to 1.",
        reader=values.SHARE,
        example=0.6,
        metavar="X",
        commands=PAINTING,
        needs="strength",
        in_request=True,
    ),
    Option(
        "history",
        ("--history",),
        "How much of the session is sent to the service.",
        example="window",
        choices=HISTORIES,
        # Making a picture too: what a service is to go on from later it has to keep from the first turn.
        commands=ALL,
        needs="history",
        in_request=True,
    ),
    Option(
        "schema",
        ("--schema",),
        "Answer as data that fits this schema: a class or a JSON schema.",
        reader=values.OBJECT,
        metavar="NAME",
        commands=ASK,
    ),
    Option(
        "table",
        ("--table",),
        'Answer as a table with these columns: "year int, sales float?" (? allows gaps).',
        reader=values.COLUMNS,
        example="year int, sales float?",
        metavar="COLUMNS",
        commands=ASK,
        in_request=True,
        free=True,
    ),
    Option(
        "row",
        ("--row",),
        'Answer as one row with these columns: "breed str, age float?" (? allows gaps).',
        reader=values.COLUMNS,
        example="breed str, age float?",
        metavar="COLUMNS",
        commands=ASK,
        in_request=True,
        free=True,
    ),
    Option(
        "boxes",
        ("--boxes",),
        "Answer with boxes: of everything notable, or of WHAT.",
        "optional",
        example="cats",
        metavar="WHAT",
        commands=ASK,
        needs="boxes",
        in_request=True,
        free=True,
    ),
    Option(
        "detail",
        ("--detail",),
        "How closely the model looks.",
        example="high",
        choices=DETAILS,
        commands=ASK,
        needs="detail",
        in_request=True,
    ),
    Option(
        "outpaint",
        ("--outpaint",),
        "Widen the picture to a ratio and paint what is new.",
        reader=values.RATIO,
        example="16:9",
        metavar="RATIO",
        commands=EDIT,
        needs="mask",
        in_request=True,
    ),
    Option(
        "align",
        ("--align",),
        "Undo what the model moved or scaled; colours stay as they came.",
        "flag",
        values.FLAG,
        commands=EDIT,
        in_request=True,
    ),
    Option("again", ("--again",), "The same prompt from the same start, with a new seed.", "flag", values.FLAG, in_request=True),
    Option(
        "confine",
        ("--no-confine",),
        "Keep the service's picture outside the mask too.",
        "flag",
        values.FLAG,
        commands=EDIT,
        needs="mask",
        in_request=True,
        constant=False,
    ),
    Option(
        "keep_metadata",
        ("--keep-metadata",),
        "Send place, serial numbers and owner that stand in the files of input pictures.",
        "flag",
        values.FLAG,
    ),
    Option(
        "rate",
        ("--rate",),
        "Send at most so many calls to a model: 5/min, 2/s, 100/hour.",
        reader=values.RATE,
        example="5/min",
        metavar="RATE",
    ),
    # A batch: one call over many items.
    Option("each", ("--each",), "Do this with every file that is named, one by one: a batch.", "flag", values.FLAG, commands=FOLLOWING),
    Option(
        "over",
        ("--over",),
        "A batch over a list, column or table; NAME=a,b,c combines values of a brace or an option. May be repeated.",
        "many",
        example="animal=fox,owl",
        metavar="X",
    ),
    Option(
        "first",
        ("--first",),
        "Of a batch: do the first N items, and price the rest.",
        reader=values.whole(1),
        example=20,
        metavar="N",
    ),
    Option(
        "budget",
        ("--budget",),
        "Of a batch: US dollars for all its runs and retries.",
        reader=values.NUMBER,
        example=3,
        metavar="USD",
    ),
    Option("later", ("--later",), "Of a batch: the service does it later, at half the price; any process fetches it.", "flag", values.FLAG),
    Option("strict", ("--strict",), "Of a batch: fail if any item fails.", "flag", values.FLAG),
    Option("fresh", ("--fresh",), "Ask again even if a reply is stored.", "flag", values.FLAG),
    Option("dry_run", ("--dry-run",), "Show the final prompt, pictures, model and cost; send nothing.", "flag", values.FLAG),
    Option("quiet", ("--quiet",), "Show nothing.", "flag", values.FLAG),
    Option("no_vars", ("--no-vars",), "Keep braces as they are: no {variables} in this text.", "flag", values.FLAG, notebook_only=True),
    Option("help", ("-h", "--help"), "Show this help.", "flag", values.FLAG),
)
"""All options but the providers' own."""


def table_for(command: Command, own: Iterable[OwnOptionLike | Option] = (), *, notebook: bool = True) -> dict[str, Option]:
    """Return the options `command` takes, by flag.

    Parameters
    ----------
    command : str
        ``generate``, ``edit`` or ``ask``.
    own : iterable
        Options of providers (where two share a name, either's choices are taken), or `Option` objects of a surface.
    notebook : bool
        Whether options that need a notebook are in it.
    """
    table = {
        flag: option for option in OPTIONS if command in option.commands and (notebook or not option.notebook_only) for flag in option.flags
    }
    shared = frozenset(table)
    for item in own:
        option = item if isinstance(item, Option) else own_option(item)
        if command not in option.commands or not shared.isdisjoint(option.flags):
            continue
        known = table.get(option.long)
        if known is not None and known.own and option.own:
            choices = tuple(dict.fromkeys(known.choices + option.choices)) if known.choices and option.choices else ()
            if choices:
                option = replace(option, choices=choices)
            elif known.reader is not option.reader:  # they differ in kind: the provider that is asked checks it
                option = replace(option, choices=(), reader=values.TEXT, metavar="VALUE", takes="value")
        table.update(dict.fromkeys(option.flags, option))
    return table
