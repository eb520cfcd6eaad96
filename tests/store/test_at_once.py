"""What several processes do at the same moment: one new session for all, writers that are killed, deletions in between."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from notebook_img.store import Store
from tests.needs import needs_fork
from tests.store.making import add

ROOT = Path(__file__).parents[2]

OPEN = """
import sys
from pathlib import Path
from notebook_img.settings import Settings
from notebook_img.studio.studio import Studio
studio = Studio(settings=Settings({"NOTEBOOK_IMG_HOME": sys.argv[1]}))
way = int(sys.argv[2])
studio.say = lambda _: None
studio.store.sessions()
for line in sys.stdin:
    name = line.strip()
    try:
        if way == 0:
            found = studio.session(name)
        elif way == 1:
            found = studio.session_for(name, creates=True)
        else:
            studio.notebook = Path("/somewhere", f"{name}.ipynb")
            studio._current._id = None
            found = studio.session()
        print(found.name, flush=True)
    except Exception as error:
        print("wrong", type(error).__name__, error, flush=True)
"""


def test_eight_processes_that_open_a_new_session_at_once_all_get_it_320_times_of_320(home: Path) -> None:
    with Store.open(home) as store:
        openers = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(home), str(number % 3)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            for number in range(8)
        ]
        got = []
        for turn in range(40):
            for opener in openers:
                opener.stdin.write(f"s{turn}\n")  # type: ignore[union-attr]
            got += [opener.stdout.readline().strip() == f"s{turn}" for opener in openers]  # type: ignore[union-attr]
        for opener in openers:
            opener.communicate(timeout=30)
        assert (got.count(True), len(got)) == (320, 320)
        assert sorted(store.session_names()) == sorted(f"s{turn}" for turn in range(40))


def test_a_session_somebody_stores_a_turn_in_is_not_taken_for_an_empty_one(store: Store) -> None:
    fox, _ = store.open_session("fox")
    add(store, fox, 1)
    store.delete_session(fox.id, only_empty=True)
    assert store.session(fox.id) is not None


@needs_fork
@pytest.mark.parametrize("kills", [24, pytest.param(500, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])])
def test_of_eight_writers_that_also_delete_and_are_killed_none_loses_a_finished_turn(home: Path, kills: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.killed_writers", str(home), str(kills)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["wrong"] == []
    assert told["kills"] == kills
    assert told["finished"] > 2 * kills
    assert told["deleted"] > kills // 2
