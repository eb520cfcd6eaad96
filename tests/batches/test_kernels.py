"""A batch in a notebook's cell: run again, in a new kernel, with more rows, with one changed, from a pack, stopped."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.batches.conftest import KEY
from tests.emulators.process import Running
from tests.jupyter.kernels import Kernel, Ran, environment, lab_cell, running_kernel

Start = Callable[..., AbstractContextManager[Kernel]]


@pytest.fixture
def start(service: Running, home: Path, photos: Path) -> Start:
    """Start kernels in the folder of the photos, in the notebook ``work.ipynb``."""
    notebook = photos.parent / "work.ipynb"
    notebook.write_text("{}")

    @contextmanager
    def begun(folder: Path = photos.parent, at: Path = home, key: str = KEY, **more: str) -> Iterator[Kernel]:
        keyed = {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": service.url} if key else {}
        env = environment(at, **keyed, JPY_SESSION_NAME=str(folder / "work.ipynb"), **more)
        with running_kernel(env, folder) as kernel:
            kernel.good("%load_ext notebook_img\nimport notebook_img as ni")
            yield kernel

    return begun


def cell(kernel: Kernel, code: str, name: str = "c1") -> Ran:
    ran = kernel.run_as(code, lab_cell(name))
    assert ran.status == "ok", ran.traceback
    return ran


def sent(service: Running) -> int:
    return len(service.requests("enerateContent"))


TABLE = "table = [{{'photo': f'photos/cat {{n}}.' + ('png' if n % 3 else 'PNG')}} for n in range(1, {0})]"
EDIT = "%imgedit -m gemini --budget 3 --over table make it night"


def test_the_same_cell_sends_only_what_was_never_sent(start: Start, service: Running) -> None:
    with start() as kernel:
        cell(kernel, TABLE.format(4), "t")
        cell(kernel, EDIT)
        assert sent(service) == 3
        assert "3 done before; nothing to send" in cell(kernel, EDIT).text
        assert sent(service) == 3
    with start() as kernel:
        cell(kernel, TABLE.format(4), "t")
        cell(kernel, EDIT)
        assert sent(service) == 3
        cell(kernel, TABLE.format(6), "t")  # two more rows and Shift-Enter
        assert "3 done before; 2 to do" in cell(kernel, EDIT).text
        assert sent(service) == 5
        cell(kernel, "table[0]['photo'] = 'photos/cat 9.PNG'", "u")
        cell(kernel, EDIT)
        assert sent(service) == 6
        assert kernel.value("[len(ni.batches()), ni.batches()[0].counts.words, len(ni.batches()[0].session.turns)]") == [
            1,
            "5 of 5 done",
            6,
        ]
        cell(kernel, EDIT.replace("%imgedit", "%imgedit --fresh"))
        assert sent(service) == 11


def test_a_colleague_without_a_key_gets_a_batch_from_the_pack(start: Start, service: Running, photos: Path, tmp_path: Path) -> None:
    with start() as kernel:
        cell(kernel, TABLE.format(4), "t")
        cell(kernel, EDIT)
    with start() as kernel:  # all of it is kept, and counts as what the cell got
        cell(kernel, TABLE.format(4), "t")
        cell(kernel, EDIT)
        cell(kernel, "%imgsession pack", "p")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(photos, elsewhere / "photos")
    for name in ("work.ipynb", "work.pictures.zip"):
        shutil.copy(photos.parent / name, elsewhere / name)
    with start(elsewhere, tmp_path / "other-home", "") as kernel:
        cell(kernel, TABLE.format(4), "t")
        assert "3 done before; nothing to send" in cell(kernel, EDIT).text
        assert kernel.value("ni.batches()[0].counts.words") == "3 of 3 done"
    assert sent(service) == 3


def test_stop_ends_the_cell_and_says_what_remains(start: Start, service: Running) -> None:
    with start(NOTEBOOK_IMG_AT_ONCE="2") as kernel:
        cell(kernel, TABLE.format(13), "t")
        service.control({"kind": "hang", "times": -1, "after": 4, "path": "enerateContent"})
        message = kernel.begin("b = %imgedit -m gemini --budget 3 --over table make it night")
        service.wait_for(lambda rows: len(rows) == 6, "enerateContent")
        kernel.manager.interrupt_kernel()
        ran = kernel.finish(message)
        assert ran.status == "error"
        # What became of the two is said where it is known within half a second.
        assert re.search(r"was stopped: 4 of 12 done, 2 (failed|under way), 6 to do", ran.error)
        assert "%imgbatch resume b1 goes on" in ran.error
        counts = kernel.value("[vars(ni.batches()[0].counts)]")[0]
        assert (counts["done"], counts["unsure"], counts["waiting"]) == (4, 2, 6)
        service.reset()
        service.control(key=KEY)
        kernel.good("%imgbatch resume b1")
        assert sent(service) == 6  # what may have been billed is not sent again on its own
        kernel.good("ni.batches()[0].retry(billed=True)")
        assert kernel.value("ni.batches()[0].counts.words") == "12 of 12 done"


def test_the_live_table_stays_small(start: Start, service: Running) -> None:
    service.control(latency=0.4)
    with start(NOTEBOOK_IMG_AT_ONCE="4") as kernel:
        cell(kernel, TABLE.format(13), "t")
        message = kernel.begin(EDIT)
        tables = []
        while True:
            got = kernel.client.get_iopub_msg(timeout=60)
            if got["parent_header"].get("msg_id") != message:
                continue
            if got["msg_type"] in ("display_data", "update_display_data"):
                tables.append(got["content"]["data"])
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                break
        live = [data for data in tables if "<progress" in data.get("text/html", "")]
        assert live
        assert all(one != next_one for one, next_one in itertools.pairwise(live)), "nothing travels while nothing changes"
        assert "of 12 done" in live[-1]["text/plain"]
        assert "left" in live[-1]["text/plain"]
        assert max(len(str(data)) for data in tables) < 200_000
        assert tables[-1]["text/plain"].startswith("Batch b1: 12 of 12 done")


LATER = "%imgedit -m gemini --budget 3 --later --over table make it night"


def test_the_same_cell_in_a_new_kernel_fetches_what_a_service_did_meanwhile(start: Start, service: Running) -> None:
    service.control(batches="running")
    with start() as kernel:
        cell(kernel, TABLE.format(4), "t")
        assert "3 at the service" in cell(kernel, LATER).text
        alone = kernel.run("%imggen --later -m gemini a fox")
        assert "--later belongs to a batch" in alone.traceback
    service.control(batches="succeeded")
    with start() as kernel:
        cell(kernel, TABLE.format(4), "t")
        assert "3 of 3 done" in cell(kernel, LATER).text
        assert "3 done before; nothing to send" in cell(kernel, LATER).text
    assert sent(service) == 1  # one job, and no call of its own
