"""``%imgsession export FILE.py``: a script that repeats the work of a session through ``ni.*``, and really runs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from notebook_img import Studio
from notebook_img.errors import OutputError, UsageError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def studio(home, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    made = Studio(home=home, model="local")
    yield made
    made.close()


def run(script, home, cwd, **environ):
    """Run a script as a colleague would: with an empty home, from another folder."""
    cwd.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=cwd,
        env={**os.environ, "NOTEBOOK_IMG_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environ},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hashes(session):
    return [[picture.sha256 for picture in turn.pictures] for turn in session.turns]


def outline(session):
    return [(turn.kind, turn.prompt, turn.record.parent, turn.record.picked) for turn in session.turns]


def repeated(script, name, tmp_path):
    """Run the script with an empty home and return its session."""
    home = tmp_path / "empty home"
    run(script, home, tmp_path / "elsewhere")
    return Studio(home=home).session(f"{name}-repeated", create=False)


def test_the_script_gives_the_same_pictures_with_branches_questions_and_several_pictures(studio, tmp_path):
    s = studio.session("fox")
    Image.new("RGB", (40, 30), "tomato").save("mine.png")
    pixels = np.zeros((20, 30, 3), dtype="uint8")
    pixels[:, 10:] = (0, 90, 200)
    s.edit("make it night", "sample:chelsea")
    s.edit("warmer by 20 %")
    s.ask("what size is it?")
    s.ask("and how bright is it?")
    s.checkout("t1")
    s.edit("pencil sketch")
    s.generate("three white circles on a blue gradient", n=2, aspect_ratio="16:9", seed=7)
    s.turn("t6").pick(2).edit("invert")
    s.edit("rotate 90 degrees", "mine.png")
    s.edit("add a border of 5 px", pixels, mask=None)
    s.edit("invert", "sample:coffee", mask="10,10,50,40")
    s.ask("what are their sizes and colours?", ["sample:coffee", "mine.png"])
    s.checkout("t7")

    script = s.export("work.py")

    again = repeated(script, "fox", tmp_path)
    assert outline(again) == outline(s)
    assert hashes(again) == hashes(s)
    assert [turn.text for turn in again.turns] == [turn.text for turn in s.turns]
    assert again.head.id == "t7"
    written = script.read_text(encoding="utf-8")
    assert "'sample:chelsea'" in written
    assert "HERE / 'mine.png'" in written, "a file beside the script is named"
    assert len(list((script.parent / "work-files").iterdir())) == 2, "an array and a mask came from no file"
    assert written.isascii()


@pytest.mark.parametrize(
    "prompt",
    [
        "add the caption 'it''s \"fine\"'",
        'add the caption """ + __import__("os").getcwd() + """',
        "add the caption '{x} \\ \\n $HOME %s'",
        "warmer\nand then\n  invert",
        "add the caption 'Füchse 狐 \N{FOX FACE}'",
        "add the caption '\u202e\x07'",
    ],
)
def test_prompts_come_back_as_they_were(studio, tmp_path, prompt):
    from notebook_img.studio.script import export_script

    s = studio.session("fox")
    s.edit("warmer", "sample:coffee")
    record = studio.store.turn(s.id, 1)
    import dataclasses

    studio.store.add_turn(dataclasses.replace(record, number=0, prompt=prompt, parent=1), {}, move_head=True)
    script = export_script(studio, s, tmp_path / "work.py")
    calls = [node for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    edits = [call for call in calls if getattr(call.func, "attr", "") == "edit"]
    assert [ast.literal_eval(call.args[0]) for call in edits] == ["warmer", prompt]


def test_a_file_that_changed_since_is_written_beside_the_script(studio, tmp_path):
    s = studio.session("fox")
    Image.new("RGB", (12, 12), "red").save("mine.png")
    s.edit("invert", "mine.png")
    Image.new("RGB", (12, 12), "blue").save("mine.png")
    script = s.export("work.py")
    assert "HERE / 'mine.png'" not in script.read_text()
    assert "FILES / 'mine.png'" in script.read_text()
    assert hashes(repeated(script, "fox", tmp_path)) == hashes(s)


def test_a_picture_of_another_turn_is_named_by_that_turn(studio, tmp_path):
    s = studio.session("fox")
    s.generate("a red circle on white", n=2, seed=1)
    s.edit("invert", s.turn("t1").pick(2).picture)
    s.ask("what size is it?", ["t2", "sample:coffee"])
    script = s.export("work.py")
    assert "t1.pick(2)" in script.read_text()
    assert "[t2, 'sample:coffee']" in script.read_text()
    assert hashes(repeated(script, "fox", tmp_path)) == hashes(s)


def test_exporting_again_updates_our_script_and_never_eats_another_file(studio):
    s = studio.session("fox")
    s.edit("invert", "sample:coffee")
    script = s.export("work.py")
    s.edit("warmer")
    assert s.export("work.py").read_text().count(".edit(") == 2
    script.write_text("print('my own work')")
    with pytest.raises(OutputError, match="already exists"):
        s.export("work.py")
    assert script.read_text() == "print('my own work')"


def test_force_overwrites_another_file_and_says_nothing_false_of_it_where_that_fails(studio):
    s = studio.session("fox")
    s.edit("invert", np.zeros((20, 20, 3), np.uint8))
    script, folder = Path("work.py"), Path("work-files")
    script.write_text("print('my own work')")
    folder.write_text("no folder")
    with pytest.raises(OutputError, match="work-files"):
        s.export("work.py", force=True)
    with pytest.raises(OutputError, match="already exists"):
        s.export("work.py")
    assert script.read_text() == "print('my own work')"
    folder.unlink()
    assert ".edit(" in s.export("work.py", force=True).read_text()


def test_what_cannot_be_exported_is_said(studio):
    s = studio.session("fox")
    with pytest.raises(UsageError, match="no turns"):
        s.export("work.py")
    with pytest.raises(UsageError, match=r"\.zip .*\.py"):
        s.export("work.txt")


def test_a_session_name_full_of_quotes_is_text(studio, tmp_path):
    s = studio.session("it's my fox")
    s.edit("invert", "sample:coffee")
    assert hashes(repeated(s.export("work.py"), "it's my fox", tmp_path)) == hashes(s)


def test_a_typed_question_to_a_service_is_repeated_with_its_form_model_and_options(start_emulator, tmp_path, home):
    from notebook_img import Settings
    from tests.studio.conftest import openai_environ

    service = start_emulator("openai")
    service.reset()  # it may have served other tests
    environ = openai_environ(service)
    studio = Studio(settings=Settings({"NOTEBOOK_IMG_HOME": str(home), **environ}))
    s = studio.session("fox")
    schema = {
        "type": "object",
        "properties": {"width": {"type": "integer"}, "colour": {"type": "string"}},
        "required": ["width", "colour"],
        "additionalProperties": False,
    }
    s.edit("make it night", "sample:coffee", quality="low")
    answer = s.ask("How wide is it?", "sample:chelsea", schema=schema)
    script = s.export(tmp_path / "work.py")
    studio.close()
    again = run(script, tmp_path / "empty home", tmp_path / "elsewhere", **environ)
    assert "make it night" in again
    repeated = Studio(home=tmp_path / "empty home").session("fox-repeated", create=False)
    assert repeated.turn("t2").value == answer.value is not None
    assert repeated.turn("t1").asked == {"quality": "low"}
    assert [turn.model for turn in repeated.turns] == [turn.model for turn in s.turns]
    assert not any(value in script.read_text() for name, value in environ.items() if "KEY" in name)
