"""The magics in a real kernel: every rule of how a line is written, and what is shown and returned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jupyter.kernels import Kernel


def last(kernel: Kernel, what: str) -> object:
    """Return something of the session's last turn."""
    return kernel.value(f"(lambda t: {what})(ni.session().turns[-1])")


# Options, images, text


@pytest.mark.parametrize(
    "line",
    [
        "%imgedit -o {file} sample:chelsea rotate 90 degrees",
        "%imgedit sample:chelsea rotate 90 degrees -o {file}",
        "%imgedit sample:chelsea -o {file} rotate 90 degrees",
        "%%imgedit sample:chelsea -o {file}\nrotate 90 degrees",
        "%%imgedit -o {file}\nsample:chelsea rotate 90 degrees",
    ],
)
def test_options_stand_before_or_after_the_text(kernel: Kernel, place: Path, line: str, request: pytest.FixtureRequest) -> None:
    file = place / f"{abs(hash(request.node.name))}.png"
    code = line.format(file=file.name)
    if "\nsample" in code:
        # A cell's body is text and nothing else.
        assert "UsageError" in kernel.run(code).error
        return
    kernel.good(code)
    assert file.read_bytes().startswith(b"\x89PNG")
    assert last(kernel, "t.prompt") == "rotate 90 degrees"
    assert last(kernel, "t.picture.size") == [300, 451]


def test_a_body_is_never_read_for_options_and_words_on_the_line_come_first(kernel: Kernel) -> None:
    ran = kernel.good("%%imggen --dry-run -m gemini --aspect 1:1 a card that says\n'--size 4K'   # not a comment -o x.png")
    assert "a card that says\n'--size 4K'   # not a comment -o x.png" in ran.printed
    assert "aspect_ratio=1:1\n" in ran.printed


def test_text_may_hold_quotes_apostrophes_hashes_and_dollars(kernel: Kernel) -> None:
    line = """it's Chelsea's $5 "cat" at 100 % of { nothing } #1"""
    assert f" {line}\n" in kernel.good(f"%imggen --dry-run -m gemini {line}").printed
    kernel.good("%imggen a #ff0000 circle on white  # this is dropped")
    assert last(kernel, "t.prompt") == "a #ff0000 circle on white"


def test_a_question_mark_at_the_end_is_part_of_the_question(kernel: Kernel) -> None:
    ran = kernel.good("%askimage sample:coffee what size is it?")
    assert last(kernel, "t.prompt") == "what size is it?"
    assert "450" in ran.text or "400" in ran.text
    kernel.good("answer = %askimage sample:chelsea what size is it?")
    assert kernel.value("answer.prompt") == "what size is it?"


def test_a_question_mark_behind_the_name_is_ipythons_help(kernel: Kernel) -> None:
    turns = kernel.value("len(ni.session().turns)")
    kernel.good("%askimage?")
    assert kernel.value("len(ni.session().turns)") == turns


def test_two_dashes_make_the_rest_text(kernel: Kernel) -> None:
    assert "--bold card\n" in kernel.good("%imggen --dry-run -m gemini -- --bold card").printed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%imgedit --asspect 1:1 sample:chelsea warmer", "Did you mean '--aspect'"),
        ("%imgedit sample:chelsea warmer --asspect 1:1", "Did you mean '--aspect'"),
        ("%imgedit undo", "%imgsession undo"),
        ("%imgedit help", "--help"),
        ("%imgedit reset", "%imgsession undo"),
        ("%imgedit", "for example"),
        ("%imggen", "for example"),
        ("%askimage", "for example"),
        ("%%imggen\n", "for example"),
        ("%%imgedit sample:chelsea\n   \n", "for example"),
        ("%imgedit warmer", "nothing to go on from"),
        ("%askimage what size is it?", "no picture to ask about"),
        ("%imgedit missing-cat.png warmer", "missing-cat.png"),
        ("%imgedit t99 warmer", "t99"),
        ("%imgedit -s no-such-session warmer", "no-such-session"),
        ("%imgedit -m gemni sample:chelsea warmer", "Did you mean 'gemini'"),
        ("%imgedit -m local:nothing sample:chelsea warmer", "local"),
        ("%imgsession tre", "%imgsession new tre"),
        ("%imgsession undo now", "takes nothing more"),
        ("%imgsession undo", "nothing to undo"),
        ("%imgsession redo", "nothing to redo"),
        ("%imgsession delete s1", "--yes"),
        ("%imgsession checkout t99", "t99"),
        ("%img modles", "Did you mean 'models'"),
        ("%img key gemni", "Did you mean 'gemini'"),
        ("%imgmcp strat", "Did you mean 'start'"),
        ("%imgedit --as 1x sample:chelsea warmer", "variable"),
        ("%imgedit --pick 2 sample:chelsea warmer", "pick chooses"),
        ("%imggen -n 0 a red circle", "from 1 to 100"),
        ("%askimage -o x.png sample:chelsea what size is it?", "-o"),
    ],
)
def test_what_is_wrong_is_said_with_a_way_on(kernel: Kernel, line: str, says: str) -> None:
    if "delete" in line:
        kernel.good("there = ni.Studio().session('s1')")  # whichever worker this runs on; naming it `_` would end IPython's own
    turns = kernel.value("[len(each.turns) for each in ni.sessions()]")
    ran = kernel.run(line)
    assert ran.status == "error"
    assert says in ran.error
    assert len(ran.error) < 600
    assert len(ran.traceback) < 700
    assert len(ran.traceback.splitlines()) <= 2
    assert kernel.value("[len(each.turns) for each in ni.sessions()]") == turns, "nothing was stored"


def test_a_bare_variable_that_holds_an_image_asks_for_braces_or_quotes(kernel: Kernel) -> None:
    kernel.good("photo = ni.Picture(ni.edit('invert', 'sample:coffee').picture.data)")
    ran = kernel.run("%imgedit photo warmer")
    assert "{photo}" in ran.error
    kernel.good("%imgedit {photo} warmer")
    kernel.good("a = photo\n%imggen a red circle on white")
    assert last(kernel, "t.prompt") == "a red circle on white", "an article is no variable"
    kernel.good("%imgedit {photo} warmer")
    assert last(kernel, "t.parent") is None


# Variables


def test_braces_hold_variables_once_and_images_are_attached(kernel: Kernel) -> None:
    kernel.good("amount = {'x': 20}\nclass Tone: word = 'warmer'\nlogo = ni.Picture(ni.generate('a red circle').picture.data)")
    kernel.good("%imgedit sample:chelsea {Tone.word} by {amount['x']:03d} %")
    assert last(kernel, "t.prompt") == "warmer by 020 %"
    kernel.good("value = '{amount}'")
    kernel.good("%imggen a card that says '{value} {{nothing_here}} {{value}}'")
    assert last(kernel, "t.prompt") == "a card that says '{amount} {nothing_here} {value}'"
    kernel.good("%imgedit sample:chelsea blend with {logo} by 30 %")
    assert last(kernel, "t.prompt") == "blend with image 2 by 30 %"
    assert last(kernel, "len(t.references)") == 1
    ran = kernel.good("%imggen --no-vars a card that says '{value}'")
    assert last(kernel, "t.prompt") == "a card that says '{value}'", ran.text


def test_loop_and_function_variables_are_seen_and_each_round_is_shown(kernel: Kernel) -> None:
    ran = kernel.good("for colour in ('red', 'green', 'blue'):\n    %imggen a {colour} circle -o loop-{colour}.png\nprint('end')")
    assert ran.drawn == 3
    assert ran.printed == "end\n"
    assert kernel.value("[t.prompt for t in ni.session().turns]") == [f"a {each} circle" for each in ("red", "green", "blue")]
    kernel.good("def paint(thing):\n    t = %imggen --quiet a {thing} on white\n    return t\nturn = paint('blue square')")
    assert kernel.value("turn.prompt") == "a blue square on white"


def test_any_image_of_the_notebook_can_be_named(kernel: Kernel) -> None:
    kernel.good(
        "import numpy as np, PIL.Image, io, matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt\n"
        "array = np.zeros((20, 30, 3), dtype='uint8'); image = PIL.Image.new('RGB', (40, 10), 'red')\n"
        "fig = plt.figure(figsize=(2, 1)); fig.add_subplot().plot([1, 2]); plt.close(fig)\n"
        "pictures = {'a': image}; out = io.BytesIO(); image.save(out, 'PNG'); data = out.getvalue()"
    )
    for name, size in (("array", [30, 20]), ("image", [40, 10]), ("pictures['a']", [40, 10]), ("data", [40, 10])):
        kernel.good(f"%imgedit -i {name} invert")
        assert last(kernel, "t.picture.size") == size
    ran = kernel.good("%imgedit -i fig invert")
    assert last(kernel, "t.picture.width") >= 390
    assert "redraw" not in ran.text, "the built-in engine redraws nothing; a model may, and then it is said"
    kernel.good("%imgedit {array} invert")
    assert last(kernel, "t.picture.size") == [30, 20]
    ran = kernel.run("%imgedit -i plt invert")
    assert "plt" in ran.error


# What is shown, what is returned


def test_a_picture_is_shown_once_with_caption_alt_text_and_text(kernel: Kernel) -> None:
    ran = kernel.good("%imgedit sample:chelsea make it night")
    assert ran.drawn == 1
    [data] = ran.shown
    assert set(data) - {"image/jpeg", "image/png"} == {"text/html", "text/plain"}
    assert 'alt="' in data["text/html"]
    assert "local:" in data["text/plain"]
    assert "451 × 300" in data["text/plain"]
    assert "not AI" in data["text/plain"]


def test_an_error_of_a_magic_names_magics_and_one_of_python_names_python(kernel: Kernel) -> None:
    of_magic, of_python = kernel.run("%imgedit warmer"), kernel.run("ni.edit('warmer')")
    assert of_magic.error.endswith("Name an image. For example: %imgedit sample:chelsea make it night")
    assert of_python.error.endswith("Name an image. For example: ni.edit('make it night', 'sample:chelsea')")
    for ran in (of_magic, of_python):
        assert ran.traceback == ran.error, "the saved output has the same words"
    assert kernel.run("%imgedit -s foks warmer").error.endswith("%imgsession foks creates it.")
    assert "Set a key with %img key gemini or in GEMINI_API_KEY" in kernel.run("%imggen -m gemini a fox").error


def test_mid_cell_and_assigned_results_are_shown_too(kernel: Kernel) -> None:
    ran = kernel.good("%imgedit sample:chelsea invert\nt = %imgedit warmer\nprint(t.id)")
    assert ran.drawn == 2
    assert ran.printed == "t2\n"


def test_a_turn_is_not_drawn_twice_by_its_own_cell_and_drawn_again_by_a_later_one(kernel: Kernel) -> None:
    assert kernel.good("t = %imgedit sample:chelsea invert\nt").drawn == 1
    assert kernel.good("t").drawn == 1
    assert kernel.good("%imgedit warmer").drawn == 1
    assert kernel.good("_").drawn == 1
    assert kernel.good("from IPython.display import display\ndisplay(t, t)").drawn == 2


def test_quiet_shows_nothing_and_returns_the_turn(kernel: Kernel) -> None:
    ran = kernel.good("%imgedit --quiet sample:chelsea invert")
    assert ran.drawn == 0
    assert ran.outputs == []
    ran = kernel.good("t = %imgedit --quiet warmer\nt")
    assert ran.drawn == 1, "what stands alone on the last line is shown"
    assert kernel.value("t.id") == "t2"
    assert kernel.good("%%imgedit --quiet\ncooler").outputs == []


def test_a_semicolon_is_no_part_of_the_prompt(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert;")
    assert last(kernel, "t.prompt") == "invert"


def test_several_pictures_are_one_grid_and_one_must_be_picked(kernel: Kernel) -> None:
    ran = kernel.good("%imggen -n 3 noise")
    assert ran.drawn == 1
    assert ran.shown[0]["text/html"].count("<img") == 3
    assert "t1.3" in ran.shown[0]["text/html"]
    turns = kernel.value("len(ni.session().turns)")
    ran = kernel.run("%imgedit invert")
    assert "--pick 2" in ran.error
    assert "t1.2" in ran.error
    assert kernel.value("len(ni.session().turns)") == turns
    kernel.good("%imgedit --pick 3 invert")
    assert last(kernel, "(t.record.parent, t.record.picked)") == [1, 3]
    kernel.good("%imgedit t1.2 invert")
    assert last(kernel, "(t.record.parent, t.record.picked)") == [1, 2]
    kernel.good("%imgedit --from t1 --pick 1 invert")
    assert last(kernel, "(t.record.parent, t.record.picked)") == [1, 1]
    assert "4" in kernel.run("%imgedit --from t1 --pick 4 invert").error
    kernel.good("a = ni.session().turn('t1').pick(2).edit('sepia')")
    assert kernel.value("a.record.picked") == 2


def test_a_result_is_assigned_to_the_name_of_as(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert --as inverted")
    assert kernel.value("inverted.id") == "t1"
    kernel.good("%imggen --quiet --as made -n 2 noise")
    assert kernel.value("[p.width > 0 for p in made.pictures]") == [True, True]


def test_a_dry_run_shows_what_would_be_sent_and_stores_nothing(kernel: Kernel) -> None:
    ran = kernel.good("word = 'warmer'\n%imgedit --dry-run sample:chelsea {word} by 20 % -o never.png")
    for part in ("Dry run", "warmer by 20 %", "local:", "451 × 300", "nothing"):
        assert part in ran.printed
    assert kernel.value("len(ni.session().turns)") == 0


def test_several_models_make_siblings_in_one_grid(kernel: Kernel) -> None:
    kernel.good("%imgedit sample:chelsea invert")
    ran = kernel.good("both = %imgedit -m local -m local:builtin warmer -o both.png")
    assert kernel.value("[(t.parent.id, t.prompt) for t in both]") == [["t1", "warmer"]] * 2
    assert ran.drawn == 1
    assert ran.shown[0]["text/html"].count("<img") == 2
    assert kernel.value("ni.session().head.id == both[0].id"), "the first one named is the head"
    assert kernel.value("sorted(__import__('pathlib').Path.cwd().glob('both*'))")


def test_help_is_printed_for_h_and_stores_nothing(kernel: Kernel) -> None:
    for line in (
        "%imgedit -h",
        "%imggen --help",
        "%%imggen -h\n",
        "%askimage -h",
        "%imgask -h",
        "%imgsession -h",
        "%img -h",
        "%imgmcp -h",
        "%imgedit ?",
    ):
        printed = kernel.good(line).printed
        assert "%img" in printed or "%askimage" in printed, line
    help_text = kernel.good("%imgedit -h").printed
    for option in ("--image", "--mask", "--from", "--pick", "--output", "--as", "--dry-run", "--quiet", "--no-vars", "--model"):
        assert option in help_text
    assert max(map(len, help_text.splitlines())) <= 140
    assert kernel.value("len(ni.session().turns)") == 0


# Settings


def test_config_sets_the_kernels_settings_and_refuses_what_makes_no_sense(kernel: Kernel) -> None:
    kernel.good("%config NotebookImg.preview = 100")
    html = kernel.good("%imgedit sample:chelsea invert").shown[0]["text/html"]
    assert 'width="100"' in html or "100" in html
    kernel.good("%config NotebookImg.preview = 768\n%config NotebookImg.model = 'local'\n%config NotebookImg.model = ''")
    for line, says in (
        ("%config NotebookImg.replay = 'sometimes'", "restart, always, only, off"),
        ("%config NotebookImg.model = 'gemni'", "Did you mean 'gemini'"),
        ("%config NotebookImg.budget = -1", "at least 0"),
        ("%config NotebookImg.preview = 5", "64"),
    ):
        ran = kernel.run(line)
        # IPython prints what %config could not do, and goes on.
        assert says in ran.complaints, line
    assert "Current" in kernel.good("%config NotebookImg").printed
    assert (
        kernel.value("[get_ipython().magics_manager.registry['NotebookImg'].replay, ni.session().actor.settings.replay]") == ["restart"] * 2
    )


def test_saved_copies_lie_in_the_folder_of_save_to(kernel: Kernel, place: Path) -> None:
    kernel.good("%config NotebookImg.save_to = 'copies'")
    ran = kernel.good("%imggen -n 2 noise")
    kernel.good("%config NotebookImg.save_to = ''")
    names = sorted(path.name for path in (place / "copies").iterdir())
    assert len(names) == 2
    assert "copies" in ran.text, "the caption names the files"


# Errors


def test_tb_shows_the_whole_traceback_of_the_last_error(kernel: Kernel) -> None:
    ran = kernel.run("%imgedit t99 warmer")
    assert ran.traceback == f"NotFoundError: {ran.outputs[-1]['evalue']}"
    whole = kernel.good("%tb")
    assert "Traceback" in whole.text + whole.complaints
    assert "resolve.py" in whole.text + whole.complaints


def test_verbose_errors_show_it_at_once(kernel: Kernel) -> None:
    kernel.good("%config NotebookImg.verbose_errors = True")
    ran = kernel.run("%imgedit t98 warmer")
    kernel.good("%config NotebookImg.verbose_errors = False")
    assert "resolve.py" in ran.traceback
    assert "resolve.py" not in kernel.run("%imgedit t98 warmer").traceback


# Loading


def test_reloading_and_unloading_really_work_and_keep_the_session(kernel: Kernel) -> None:
    name = kernel.value("ni.session().name")
    kernel.good("%imgedit sample:chelsea invert")
    kernel.good("%reload_ext notebook_img")
    ran = kernel.good("%imgedit warmer")
    assert ran.drawn == 1
    assert kernel.value("(ni.session().name, ni.session().head.id)") == [name, "t2"]
    kernel.good("%unload_ext notebook_img")
    gone = kernel.run("%imgedit cooler")
    assert "not found" in gone.complaints + gone.error
    hooks = "[sum('notebook_img' in getattr(f, '__module__', type(f).__module__) for f in get_ipython().events.callbacks[e]) for e in ('pre_run_cell', 'post_run_cell')]"
    assert kernel.value(hooks) == [0, 0]
    assert kernel.value("[m for m in get_ipython().Completer.custom_matchers if 'notebook_img' in type(m).__module__]") == []
    assert kernel.value("[t for t in get_ipython().input_transformers_cleanup if 'notebook_img' in t.__module__]") == []
    assert kernel.value("'NotebookImg' in [type(each).__name__ for each in get_ipython().configurables]") is False
    kernel.good("%load_ext notebook_img")
    assert kernel.value(hooks) == [1, 1]
    assert kernel.good("%imgedit cooler").drawn == 1
    assert kernel.value("(ni.session().name, ni.session().head.id)") == [name, "t3"]
    kernel.good("%reload_ext notebook_img\n%reload_ext notebook_img")
    assert kernel.value(hooks) == [1, 1]
