"""A mask that could mean either: both readings are seen, and an option chooses, in a cell, a shell and Python alike."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from IPython.utils.capture import capture_output
from PIL import Image

import notebook_img as ni
from notebook_img.cli import main
from notebook_img.errors import AmbiguousMaskError, UsageError
from notebook_img.pictures import load
from tests.jupyter.conftest import StartShell

SIZE = (120, 80)
PART = (30, 20, 60, 50)


@pytest.fixture(autouse=True)
def files(cwd: Path) -> Path:
    pixels = np.random.default_rng(3).integers(40, 200, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(pixels).save(cwd / "photo.png")
    mask = Image.new("RGBA", SIZE)
    mask.paste("white", PART)
    mask.save(cwd / "mask.png")
    return cwd


def changed(before: Path, after: Path) -> tuple[bool, bool]:
    """Return whether pixels within the white part have changed, and pixels around it."""
    differs = (np.asarray(Image.open(before).convert("RGB")) != np.asarray(Image.open(after).convert("RGB"))).any(axis=2)
    part = np.zeros(differs.shape, bool)
    part[PART[1] : PART[3], PART[0] : PART[2]] = True
    return bool(differs[part].any()), bool(differs[~part].any())


WHERE = {"painted": (True, False), "transparent": (False, True)}


def test_a_cell_shows_both_readings_with_the_option_that_chooses_and_the_line_works(start_shell: StartShell, files: Path) -> None:
    shell = start_shell()
    with capture_output() as seen:
        ran = shell.run_cell("%imgedit photo.png --mask mask.png grayscale")
    assert isinstance(ran.error_in_exec, AmbiguousMaskError)
    assert ran.error_in_exec.line.endswith("Choose with --mask-reading painted or --mask-reading transparent.")
    assert "(9% of the picture)" in ran.error_in_exec.line
    (shown,) = seen.outputs
    html = shown.data["text/html"]
    assert re.findall(r">--mask-reading (\w+)<", html) == ["painted", "transparent"]
    shots = [load(url) for url in re.findall(r'src="(data:[^"]+)"', html)]
    assert [shot.size for shot in shots] == [SIZE, SIZE]
    # What may change is coloured, what stays is darkened: red is far above green in one place only.
    centres = [np.asarray(shot.pil())[35, 45].astype(int) for shot in shots]
    corners = [np.asarray(shot.pil())[5, 5].astype(int) for shot in shots]
    assert [pixel[0] - pixel[1] > 60 for pixel in centres] == [True, False]
    assert [pixel[0] - pixel[1] > 60 for pixel in corners] == [False, True]
    assert len(repr(shown.data)) < 150_000
    for reading, where in WHERE.items():
        ran = shell.run_cell(f"%imgedit photo.png --mask mask.png --mask-reading {reading} -o {reading}.png grayscale")
        assert ran.success, ran.error_in_exec
        assert changed(files / "photo.png", files / f"{reading}.png") == where


def test_a_shell_says_it_in_a_sentence_and_takes_the_option(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "photo.png", "--mask", "mask.png", "-o", "out.png", "grayscale"]) != 0
    said = capsys.readouterr().err
    assert "what is painted may change (9% of the picture), or what is transparent (91%)" in said
    assert "--mask-reading painted" in said
    for reading, where in WHERE.items():
        words = ["edit", "photo.png", "--mask", "mask.png", "--mask-reading", reading, "-o", f"{reading}.png", "grayscale"]
        assert main(words) == 0
        assert changed(files / "photo.png", files / f"{reading}.png") == where


def test_python_has_the_readings_and_the_argument(home: Path, files: Path) -> None:
    session = ni.Studio(home=home).session("fox", model="local")
    with pytest.raises(AmbiguousMaskError, match="mask_reading='painted' or mask_reading='transparent'") as caught:
        session.edit("grayscale", "photo.png", mask="mask.png")
    for reading, where in WHERE.items():
        turn = session.edit("grayscale", "photo.png", mask="mask.png", mask_reading=reading, output=f"{reading}.png")
        assert (turn.mask.array() == caught.value.readings[reading].array()).all()
        assert changed(files / "photo.png", files / f"{reading}.png") == where
    # The pixels of the mask are what is compared, so the same reading in black and white is the same request.
    assert turn.record.asked == {}
    grey = session.edit("grayscale", "photo.png", mask=caught.value.readings["transparent"])
    assert grey.record.request_key == turn.record.request_key
    with pytest.raises(UsageError, match="no mask to read"):
        session.edit("grayscale", "photo.png", mask_reading="painted")
