"""A notebook begun without a key, a key set in the middle, the kernel restarted, Run All: as a new user does it, in real kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.emulators.process import Running
from tests.jupyter.kernels import environment, running_kernel

KEY = "AIza-test-key-0123456789-abcd"
LOAD = "%load_ext notebook_img"
WITHOUT = "%imgedit sample:chelsea warmer"
CELLS = ("%imgedit add a red scarf", "%imgedit crop to a square", "%imgedit -m local brighter", "%imgedit add a hat")


def test_the_key_takes_effect_at_once_and_what_was_made_before_stays_free(tmp_path: Path, start_emulator: Callable[..., Running]) -> None:
    service = start_emulator("gemini")
    env = environment(
        tmp_path / "home",
        GOOGLE_GEMINI_BASE_URL=service.url,
        NOTEBOOK_IMG_BUDGET="1000",
        JPY_SESSION_NAME=str(tmp_path / "work" / "lynx.ipynb"),
    )
    models = "[t.model.partition(':')[0] for t in __import__('notebook_img').session().turns]"
    with running_kernel(env, tmp_path / "work") as kernel:
        kernel.good(LOAD)
        assert "built-in, not AI" in kernel.good(WITHOUT).text
        kernel.good(f"import os; os.environ['GEMINI_API_KEY'] = {KEY!r}")
        ran = [kernel.good(cell) for cell in CELLS]
        said = ran[0].text
        assert "go to Google Gemini from now on; before, they went to local" in said
        assert "from now on" not in ran[3].text, "once"
        assert "built-in, exact, free" in ran[1].text
        assert kernel.value(models) == ["local", "gemini", "local", "local", "gemini"], "one -m local keeps nothing"
        assert kernel.value("__import__('notebook_img').session().model") == ""
    sent = len(service.requests("enerateContent"))
    assert sent == 2
    with running_kernel({**env, "GEMINI_API_KEY": KEY}, tmp_path / "work") as kernel:
        kernel.good(LOAD)
        again = [kernel.good(cell) for cell in (WITHOUT, *CELLS)]
        assert len(service.requests("enerateContent")) == sent, "Run All sends nothing"
        assert "replayed (built-in); run again to ask Google Gemini" in again[0].text
        assert all("replayed" in each.text for each in again)
        kernel.good("%imgsession model local")
        assert "built-in" in kernel.good("%imgedit darker").text
        kernel.good("%imgsession model gemini")
        kernel.good("%imgedit add a bow")
        assert len(service.requests("enerateContent")) == sent + 1
        # Two models at once are a comparison and no choice; one that is typed for an image is.
        kernel.good("%imgsession two")
        kernel.good("%imgedit -m gemini -m local sample:coffee brighter")
        assert kernel.value("__import__('notebook_img').session().model") == ""
        kernel.good("%imgedit -m gemini sample:coffee add a spoon")
        assert kernel.value("__import__('notebook_img').session().model").startswith("gemini")
