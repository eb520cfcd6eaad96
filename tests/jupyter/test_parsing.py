"""The lines of magics: the table below is the specification."""

from __future__ import annotations

import pytest

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.jupyter.line import parse, split_words
from notebook_img.options import help_text
from notebook_img.options.arguments import Parsed
from notebook_img.options.table import OPTIONS
from notebook_img.providers.interface import Capabilities, OwnOption

FILES = {"cat.png", "my cat.png", "photos", "photos/cat", r"C:\pics\cat.png", "fig"}
OWN = (
    OwnOption("quality", "Rendering quality.", ("low", "medium", "high")),
    OwnOption("guidance", "How closely the prompt is followed.", type=float),
    OwnOption("web_search", "Look things up.", type=bool),
)


def read(line: str, body: str | None = None, command="edit", **more) -> Parsed:
    more.setdefault("is_id", lambda word: word == "t7.2")
    more.setdefault("exists", FILES.__contains__)
    return parse(line, body, command, own=OWN, **more)


def said(line, body=None, command="edit", **more):
    found = read(line, body, command, **more)
    return found.text, found.images, found.values


@pytest.mark.parametrize(
    ("command", "line", "body", "text", "images", "values"),
    [
        # the examples of the design
        (
            "edit",
            "sample:chelsea -o night.png",
            "make it night, with a thin crescent moon\n",
            "make it night, with a thin crescent moon",
            ["sample:chelsea"],
            {"output": "night.png"},
        ),
        ("edit", "add a red scarf", None, "add a red scarf", [], {}),
        ("edit", "put {logo} on the mug in {photo}", None, "put {logo} on the mug in {photo}", [], {}),
        ("generate", "-n 4 --aspect 16:9 a watercolour fox", None, "a watercolour fox", [], {"n": 4, "aspect_ratio": "16:9"}),
        ("edit", "--pick 3 add a scarf", None, "add a scarf", [], {"pick": 3}),
        ("edit", "-m gemini -m openai make it a pencil drawing", None, "make it a pencil drawing", [], {"model": ["gemini", "openai"]}),
        ("edit", "--quiet darker still", None, "darker still", [], {"quiet": True}),
        # options behind a leading picture, whether it is a file or in braces
        ("edit", "cat.png --quiet warmer", None, "warmer", ["cat.png"], {"quiet": True}),
        ("edit", "{photo} --size 2K warmer", None, "{photo} warmer", [], {"size": "2K"}),
        ("edit", "{photo} {logo} --quiet -n 2 put it there --force", None, "{photo} {logo} put it there", [], {"quiet": True, "n": 2, "force": True}),
        ("edit", "{photo} --quiet", "warmer\n", "{photo}\nwarmer", [], {"quiet": True}),
        ("edit", "{photo} -- --quiet", None, "{photo} --quiet", [], {}),
        ("ask", "cat.png", "What breed is this?\n", "What breed is this?", ["cat.png"], {}),
        (
            "ask",
            'chart.png --table "year int, sales float" --as sales  the values in this chart',
            None,
            "the values in this chart",
            ["chart.png"],
            {"table": "year int, sales float", "assign": "sales"},
        ),
        # every option
        ("edit", "-i a.png --image {fig} -r style.jpg --reference b.png x", None, "x", [], {"images": ["a.png", "{fig}"], "references": ["style.jpg", "b.png"]}),
        ("edit", "--mask 10,20,30,40 --no-confine warmer", None, "warmer", [], {"mask": "10,20,30,40", "confine": False}),
        ("edit", "--outpaint 21:9", None, "", [], {"outpaint": "21:9"}),
        ("edit", "--again", None, "", [], {"again": True}),
        ("edit", "-s fox --from t3 x", None, "x", [], {"session": "fox", "start": "t3"}),
        ("edit", "--output a.png --force --dry-run --fresh x", None, "x", [], {"output": "a.png", "force": True, "dry_run": True, "fresh": True}),
        ("edit", "--count 2 --size 2k --seed 0 --strength 0 x", None, "x", [], {"n": 2, "size": "2K", "seed": 0, "strength": 0.0}),
        ("edit", "--size 1024x768 --negative 'hands, text' --history full --no-vars x", None, "x", [],
         {"size": "1024x768", "negative_prompt": "hands, text", "history": "full", "no_vars": True}),
        ("ask", "--schema Receipt --detail high read it", None, "read it", [], {"schema": "Receipt", "detail": "high"}),
        # a provider's own
        ("edit", "--quality HIGH --guidance 2.5 x", None, "x", [], {"options": {"quality": "high", "guidance": 2.5}}),
        ("edit", "--web-search x", None, "x", [], {"options": {"web_search": True}}),
        ("edit", "--web-search=no x", None, "x", [], {"options": {"web_search": False}}),
        # options behind the text, on both sides, with =
        ("edit", "make it night -o night.png --quiet", None, "make it night", [], {"output": "night.png", "quiet": True}),
        ("edit", "--quiet make it night -o night.png", None, "make it night", [], {"output": "night.png", "quiet": True}),
        ("edit", "cat.png -o n.png make it night --size=2K", None, "make it night", ["cat.png"], {"output": "n.png", "size": "2K"}),
        ("edit", '--output="my file.png" x', None, "x", [], {"output": "my file.png"}),
        ("edit", "x --output='my file.png'", None, "x", [], {"output": "my file.png"}),
        ("edit", 'it\'s a cat -o "it\'s a.png"', None, "it's a cat", [], {"output": "it's a.png"}),
        # paths of Windows
        ("edit", r"-o C:\new\table.png x", None, "x", [], {"output": r"C:\new\table.png"}),
        ("edit", r'-o "C:\my pics\n.png" x', None, "x", [], {"output": r"C:\my pics\n.png"}),
        ("edit", r"C:\pics\cat.png x", None, "x", [r"C:\pics\cat.png"], {}),
        # -- ends options
        ("edit", "--quiet -- --force is the text --quiet", None, "--force is the text --quiet", [], {"quiet": True}),
        ("edit", "write this -- --quiet", None, "write this --quiet", [], {}),
        ("edit", "-- cat.png is the text", None, "cat.png is the text", [], {}),
        ("edit", "night -- with a moon", None, "night -- with a moon", [], {}),
        ("edit", "night -- with a moon --quiet", None, "night -- with a moon", [], {"quiet": True}),
        # in the middle they are text
        ("edit", "explain --quiet to me please", None, "explain --quiet to me please", [], {}),
        ("edit", "a sign --open all night long", None, "a sign --open all night long", [], {}),
        ("edit", 'write "use --force" on it', None, 'write "use --force" on it', [], {}),
        ("edit", 'the sign says "use --size 2K"', None, 'the sign says "use --size 2K"', [], {}),
        ("edit", "the sign says 'use --quiet'", None, "the sign says 'use --quiet'", [], {}),
        ("edit", 'a 5" nail --quiet', None, 'a 5" nail', [], {"quiet": True}),
        ("edit", "the dogs' bowl, isn't it -n 2", None, "the dogs' bowl, isn't it", [], {"n": 2}),
        ("edit", "make it green-ish -ish", None, "make it green-ish -ish", [], {}),
        ("edit", "-5 % brightness", None, "-5 % brightness", [], {}),
        ("edit", "brightness - a bit --> more", None, "brightness - a bit --> more", [], {}),
        # quotes
        ("ask", '"What is this?"', None, "What is this?", [], {}),
        ("ask", '"What is this?" --quiet', None, "What is this?", [], {"quiet": True}),
        ("ask", "'What is this?'", None, "What is this?", [], {}),
        ("ask", '"a" and "b"', None, '"a" and "b"', [], {}),
        ("edit", '"Hello" in neon letters', None, '"Hello" in neon letters', [], {}),
        ("edit", "it's a cat", None, "it's a cat", [], {}),
        ("edit", "don't", None, "don't", [], {}),
        ("edit", "'tis the season", None, "'tis the season", [], {}),
        ("ask", '"What is in cat.png"', None, "What is in cat.png", [], {}),
        # comments and the silencing semicolon
        ("edit", "darker  # not too much", None, "darker", [], {}),
        ("edit", "make it #ff0000", None, "make it #ff0000", [], {}),
        ("edit", "make it  #ff0000", None, "make it  #ff0000", [], {}),
        ("edit", "the # symbol", None, "the # symbol", [], {}),
        ("edit", 'write "a  # b"  # a comment', None, 'write "a  # b"', [], {}),
        ("edit", "darker -o a.png  # keep", None, "darker", [], {"output": "a.png"}),
        ("edit", "it's dark  # isn't it", None, "it's dark", [], {}),
        ("edit", "darker;", None, "darker", [], {}),
        ("edit", "", "darker;", "darker;", [], {}),
        ("edit", "darker --quiet ;  # shh", None, "darker", [], {"quiet": True}),
        ("edit", "darker  #", None, "darker", [], {}),
        # leading images
        ("edit", "https://x.org/a?b=c make it night", None, "make it night", ["https://x.org/a?b=c"], {}),
        ("edit", "data:image/png;base64,AAAA= x", None, "x", ["data:image/png;base64,AAAA="], {}),
        ("edit", "data: a chart of it", None, "data: a chart of it", [], {}),
        ("edit", "t7 x", None, "x", ["t7"], {}),
        ("edit", "t7.2 x", None, "x", ["t7.2"], {}),
        ("edit", "fox/t7 x", None, "x", ["fox/t7"], {}),
        ("edit", "T1 weighted scan", None, "T1 weighted scan", [], {}),
        ("edit", "missing.png x", None, "x", ["missing.png"], {}),
        ("edit", "a.png b.JPG x c.png", None, "x c.png", ["a.png", "b.JPG"], {}),
        ("edit", "a.png, b.png blend them", None, "blend them", ["a.png", "b.png"], {}),
        ("edit", '"my cat.png" x', None, "x", ["my cat.png"], {}),
        ("edit", "'my lost cat.png' x", None, "x", ["my lost cat.png"], {}),
        ("edit", '"my lost cat.png"', "x", "x", ["my lost cat.png"], {}),
        ("edit", "./a x", None, "x", ["./a"], {}),
        ("edit", "photos/cat x", None, "x", ["photos/cat"], {}),
        ("edit", "/nowhere/a x", None, "x", ["/nowhere/a"], {}),
        ("edit", "make cat.png night", None, "make cat.png night", [], {}),
        ("edit", "1/2 of it", None, "1/2 of it", [], {}),
        ("edit", r"\alpha \frac{a}{b}", None, r"\alpha \frac{a}{b}", [], {}),
        ("edit", "</b> in bold", None, "</b> in bold", [], {}),
        ("edit", "black and/or white", None, "black and/or white", [], {}),
        ("edit", '{"a": [1, 2]} as a diagram', None, '{"a": [1, 2]} as a diagram', [], {}),
        # bodies
        ("edit", "", "--quiet\n-o x.png\n  # no comment  # none\nit's;\n", "--quiet\n-o x.png\n  # no comment  # none\nit's;", [], {}),
        ("edit", "as a poster -n 2", "\n\n  FOX\n--force\n\n", "as a poster\n  FOX\n--force", [], {"n": 2}),
        ("edit", "-n 2  # twice", "x", "x", [], {"n": 2}),
        ("ask", "", "cat.png is its name?", "cat.png is its name?", [], {}),
        ("ask", "", '"quoted"\n', '"quoted"', [], {}),
        ("edit", "--", "x", "x", [], {}),
        # $ is never touched
        ("edit", "a $5 note for $USER", None, "a $5 note for $USER", [], {}),
        # boxes: a word only where no text follows it
        ("ask", "cat.png --boxes", None, "", ["cat.png"], {"boxes": ""}),
        ("ask", "cat.png --boxes cats", None, "", ["cat.png"], {"boxes": "cats"}),
        ("ask", "cat.png --boxes cats", "mark them", "mark them", ["cat.png"], {"boxes": "cats"}),
        ("ask", "--boxes where are the cats", None, "where are the cats", [], {"boxes": ""}),
        ("ask", "where are they --boxes cats", None, "where are they", [], {"boxes": "cats"}),
        ("ask", "where are they --boxes --quiet", None, "where are they", [], {"boxes": "", "quiet": True}),
        ("ask", '--boxes "red cats" where', None, "where", [], {"boxes": "red cats"}),
        ("ask", "--boxes=cats where are they", None, "where are they", [], {"boxes": "cats"}),
        ("ask", "--boxes cat.png where", None, "where", ["cat.png"], {"boxes": ""}),
        # lone words in quotes, nouns for %imggen
        ("edit", '"undo"', None, "undo", [], {}),
        ("edit", "-- undo", None, "undo", [], {}),
        ("edit", "undo the crop", None, "undo the crop", [], {}),
        ("generate", "tree", None, "tree", [], {}),
    ],
)  # fmt: skip
def test_a_line_says(command, line, body, text, images, values):
    assert said(line, body, command) == (text, images, values)


@pytest.mark.parametrize(
    ("command", "line", "body", "says"),
    [
        ("edit", "--asspect 16:9 x", None, "'--aspect'"),
        ("edit", "x --asspect 16:9", None, "'--aspect'"),
        ("edit", "x --asspect=16:9", None, "'--aspect'"),
        ("edit", "x --queit", None, "'--quiet'"),
        ("edit", "x --quiet --queit", None, "'--quiet'"),
        ("edit", 'x --titel "a b"', None, "--titel"),
        ("edit", "--asp 16:9 x", None, "'--aspect'"),
        ("edit", "--out x.png y", None, "'--output'"),
        ("edit", "--aspect_ratio 16:9 x", None, "'--aspect'"),
        ("edit", "--negative-prompt a x", None, "'--negative'"),
        ("edit", "-n4 x", None, "'-n 4'"),
        ("edit", "-x y", None, "'-x'"),
        ("edit", "-quiet x", None, "'--quiet'"),
        ("edit", "x -quiet", None, "'--quiet'"),
        ("edit", "—quiet x", None, "--quiet"),
        ("edit", "x –quiet", None, "--quiet"),
        ("edit", "--quailty high x", None, "'--quality'"),
        ("edit", "--zzzzqqq x", None, "-- before the text"),
        ("edit", "--boxes cats x", None, "for asking, not for editing"),
        ("generate", "--pick 2 x", None, "for editing and asking, not for generating"),
        ("edit", "--queit", "x", "'--quiet'"),
        # values
        ("edit", "-n 0 x", None, "from 1 to 100"),
        ("edit", "-n two x", None, "whole number"),
        ("edit", "--pick 0 x", None, "from 1 to 1000"),
        ("edit", "--seed 1.5 x", None, "whole number"),
        ("edit", "--seed -1 x", None, "of 0 or more"),
        ("edit", "--strength 1.2 x", None, "0 to 1"),
        ("edit", "--strength nan x", None, "0 to 1"),
        ("edit", "--aspect 16/9 x", None, "16:9"),
        ("edit", "--aspect 0:9 x", None, "width:height"),
        ("edit", "--outpaint wide x", None, "width:height"),
        ("edit", "--size huge x", None, "2K"),
        ("edit", "--size 0x7 x", None, "2K"),
        ("edit", "--history fulll x", None, "'full'"),
        ("ask", "--detail hihg x", None, "'high'"),
        ("edit", "--quality hgih x", None, "'high'"),
        ("edit", "--guidance much x", None, "number"),
        ("edit", "--web-search=perhaps x", None, "True or False"),
        ("ask", '--table "year itn" x', None, "'int'"),
        ("ask", '--table "year int, year int" x', None, "twice"),
        ("ask", '--table "," x', None, "columns"),
        ("edit", "--as my-cat x", None, "variable"),
        ("edit", "--as class x", None, "variable"),
        ("edit", "x --size", None, "--size needs a value"),
        ("edit", "--size --quiet x", None, "--size needs a value"),
        ("edit", "-o", "x", "--output needs a value"),
        ("edit", "-o= x", None, "needs a value"),
        ("edit", '-o "" x', None, "needs a value"),
        ("edit", '-o "my file.png x', None, "not closed"),
        ("edit", 'x -o "my file.png', None, "not closed"),
        ("edit", "--quiet=yes x", None, "takes no value"),
        ("edit", "--size 1K x --size 2K", None, "twice"),
        ("edit", "x --negative blurry, low quality", None, "quotes"),
        ("edit", "--negative blurry, low quality a cat", None, "quotes"),
        ("ask", "where --boxes the red cats", None, "quotes"),
        # prompts
        ("edit", "", None, "%imgedit sample:chelsea make it night"),
        ("generate", "  # nothing", None, "%imggen"),
        ("ask", "cat.png", "  \n\n", "%askimage"),
        ("edit", "--quiet", None, "no prompt"),
        ("ask", "cat.png --schema Receipt", None, "no question"),
        ("edit", "undo", None, "%imgsession undo"),
        ("edit", "Undo;", None, "%imgsession undo"),
        ("edit", "", "undo\n", "%imgsession undo"),
        ("edit", "redo", None, "%imgsession redo"),
        ("ask", "help", None, "%askimage --help"),
        ("edit", "reset", None, "%imgsession undo"),
        ("edit", "checkout", None, "%imgsession checkout"),
        ("edit", "tree", None, "%imgsession tree"),
        ("edit", "list", None, "%imgsession list"),
        ("edit", "history", None, "%imgsession tree"),
        ("generate", "undo", None, "%imgsession undo"),
        ("edit", "fig as a drawing", None, "write {fig}"),
        ("edit", "--quiet fig", None, "write {fig}"),
        ("edit", "fig", "as a drawing", "write {fig}"),
    ],
)
def test_a_line_is_refused_with_a_sentence(command, line, body, says):
    with pytest.raises(UsageError) as error:
        read(line, body, command, holds_image=lambda word: word == "fig")
    assert says in str(error.value)
    assert len(str(error.value)) < 600
    assert str(error.value)[-1] in ".?" or "for example: %" in str(error.value)


@pytest.mark.parametrize("word", ["b/w", "black/white", "and/or", r"photos\dog"])
def test_a_first_word_with_a_slash_that_is_no_file_is_refused_before_anything_is_paid(word):
    with pytest.raises(NotFoundError, match="put -- before the text"):
        read(f"{word} photo of a cat")
    assert read(f"-- {word} photo of a cat").text == f"{word} photo of a cat"
    assert read(f'"{word} photo of a cat"').text == f"{word} photo of a cat"


@pytest.mark.parametrize("line", ["-h", "--help", "--quiet -h", "make it night --help", "cat.png -h", "--help --asspect", "?", "-h undo"])
def test_help_is_found_in_the_place_of_options(line):
    assert read(line).help


def test_help_in_the_text_is_text():
    assert read("a button that says --help in red ink").text == "a button that says --help in red ink"


def test_an_option_in_the_middle_is_said():
    assert read("explain --quiet to me please").notes == (
        "--quiet is in the middle of the text and is part of it; options go before or after the text.",
    )
    assert read('write "use --force" on it').notes == ()


def test_a_variable_that_holds_an_image_may_stand_elsewhere_or_in_quotes():
    def holds(word):
        return word == "fig"

    assert read("{fig} as a drawing", holds_image=holds).text == "{fig} as a drawing"
    assert read("a fig tree", holds_image=holds).text == "a fig tree"
    assert read('"fig tree"', holds_image=holds).text == "fig tree"
    assert read("-- fig tree", holds_image=holds).text == "fig tree"
    assert read("", "fig tree", holds_image=holds).text == "fig tree"


def test_variables_fill_option_values_and_leading_words_but_not_the_text():
    def fill(text):
        return text.replace("{i}", "3").replace("{file}", "cat.png").replace("{words}", "b/w photo, see cat.png")

    found = read("{file} --seed {i} -o out_{i}.png take {i} of {file}", fill=fill)
    assert (found.text, found.images) == ("take {i} of {file}", ["cat.png"])
    assert found.values == {"seed": 3, "output": "out_3.png"}
    assert read("{words}", fill=fill).text == "{words}"
    assert read("--no-vars -o {i}.png x", fill=fill).values["output"] == "{i}.png"


def test_words_of_other_magics_keep_their_quotes_together():
    assert split_words(r'export "my work.zip" C:\new\x.py  # later') == ["export", "my work.zip", r"C:\new\x.py"]
    assert split_words("rename it's") == ["rename", "it's"]
    with pytest.raises(UsageError):
        split_words('export "my work')


def test_help_lists_what_the_model_takes_and_names_the_rest():
    text = help_text("edit", OWN, Capabilities(seed=True, options=OWN[:1], aspect_ratios=("1:1", "16:9")), model="local:built-in")
    listed = {line.split()[0] for line in text.splitlines() if line.startswith("  --")}
    assert {"--seed", "--quality"} <= listed
    assert not {"--negative", "--guidance"} & listed
    assert "local:built-in does not take --negative, --strength" in text
    assert "--guidance" in text
    assert "1:1, 16:9" in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("command", ["generate", "edit", "ask"])
def test_help_names_every_option(command):
    text = help_text(command, OWN)
    for option in OPTIONS:
        assert (f"{option.long} " in text or f"{option.long}\n" in text) == (command in option.commands)
