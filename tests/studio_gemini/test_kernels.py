"""Gemini in real kernels: through the magics, after a restart, while waiting, and when stopped."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.emulators.process import Running
from tests.jupyter.kernels import PATIENCE, Kernel
from tests.studio_gemini.conftest import KEY, MODEL, painted

Start = Callable[..., AbstractContextManager[Kernel]]


def watched(kernel: Kernel, code: str, *, stop_when: Callable[[str], bool] = lambda _text: False) -> tuple[list[str], str]:
    """Run a cell and return the texts its displays had one after the other, and its status; interrupt it when told."""
    message = kernel.begin(code)
    seen: list[str] = []
    stopped = False
    while True:
        got = kernel.client.get_iopub_msg(timeout=PATIENCE)
        if got["parent_header"].get("msg_id") != message:
            continue
        content = got["content"]
        if got["msg_type"] == "status" and content["execution_state"] == "idle":
            break
        if got["msg_type"] in {"display_data", "update_display_data", "execute_result"}:
            seen.append(f"{got['msg_type']}: {content['data'].get('text/plain', '')}")
        if got["msg_type"] == "error":
            seen.append(f"error: {content['ename']}: {content['evalue']}")
        if not stopped and seen and stop_when(seen[-1]):
            kernel.manager.interrupt_kernel()
            stopped = True
    while True:
        reply = kernel.client.get_shell_msg(timeout=PATIENCE)
        if reply["parent_header"].get("msg_id") == message:
            return seen, reply["content"]["status"]


def test_a_session_by_magics_alone(kernel_of: Start, service: Running, home: Path):
    with kernel_of() as kernel:
        kernel.good("%load_ext notebook_img")
        first = kernel.good("%%imgedit sample:chelsea -o night.png\nmake it night, with a thin crescent moon")
        assert "go to Google Gemini; this call costs $0.035 to $0.047. Daily budget: $5.00." in first.text
        caption = r"work/t1 · gemini:gemini-nano-banana-2\.1 · 1256 × 835 · [\d.]+ s · \$0\.035 · today \$0\.035 · saved \S*night.png"
        assert re.search(caption, first.text), first.text
        assert first.drawn == 1

        second = kernel.good("%imgedit warmer")
        assert "Google Gemini" not in second.text, "the notice comes once in a kernel"
        assert "today $0.071" in second.text
        assert "Here is your picture." in second.text

        grid = kernel.good("%imgedit -n 2 --aspect 1:1 add a red scarf")
        assert "Picture 2 of 2: add a red scarf" in grid.text
        assert "t3.2" in grid.shown[0]["text/html"]
        assert kernel.run("%imgedit closer").error.startswith("UsageError: work/t3 has 2 pictures")
        kernel.good("%imgedit --pick 2 -r sample:coffee closer")

        both = kernel.good("%imgedit -m gemini -m gemini:gemini-3-pro-image make it a pencil drawing")
        assert "gemini:gemini-3-pro-image" in both.text
        assert "today" in kernel.good("%img").text

        cost = kernel.good("%imgsession cost").text
        assert "gemini:gemini-nano-banana-2.1" in cost
        assert "gemini:gemini-3-pro-image" in cost
        spent = kernel.value("sum(turn.cost for turn in __import__('notebook_img').session().turns)")
        assert f"${spent:.3f}" in cost or f"${spent:.2f}" in cost

        assert "History sent in session 'work': window (setting history)." in kernel.good("%imgsession history").text
        kernel.good("%imgsession history full")
        kernel.good("%imgedit add stars")
        assert len(painted(service)[-1]["body"]["contents"]) > 5
        assert kernel.run("%imgsession history all").error == (
            "UsageError: There is no history kind 'all'. It is one of window, full, server."
        )
        kernel.good("%imgedit --history server add a boat")
        assert service.requests("interactions")

        tree = kernel.good("%imgsession tree").text
        assert "← head" in tree
        answer = kernel.good("%askimage what is this?")
        assert "what is this?" in answer.text
        everything = json.dumps([ran.outputs for ran in (first, second, grid, both)])
        assert KEY not in everything
        assert all(len(json.dumps(ran.outputs)) < 200_000 for ran in (first, second, grid, both))


def test_after_a_restart_the_next_turn_goes_on_with_the_models_own_state(kernel_of: Start, service: Running):
    service.control(signature_bytes=300_000)
    with kernel_of() as kernel:
        kernel.good("%load_ext notebook_img")
        kernel.good("%imgedit -s fox sample:chelsea make it night")

    with kernel_of() as kernel:
        kernel.good("%load_ext notebook_img")
        again = kernel.good("%imgedit -s fox sample:chelsea make it night")
        assert "replayed" in again.text
        assert len(painted(service)) == 1, "what was paid for is not paid for again"

        following = kernel.good("%imgedit -s fox warmer")

        assert "fox/t2 from t1" in following.text
        assert "Warning" not in following.text
        row = painted(service)[-1]
        assert row["state"] == "answered"
        assert row["size"] > 2 * 300_000
        assert [content["role"] for content in row["body"]["contents"]] == ["user", "model", "user"]


def test_refusals_missing_keys_and_fallbacks_in_cells(kernel_of: Start, service: Running):
    with kernel_of(GEMINI_API_KEY="") as kernel:
        kernel.good("%load_ext notebook_img")
        error = kernel.run("%imggen -m gemini a fox").error
        assert error.startswith("KeyMissingError: No key for Google Gemini is set up. Set a key with %img key gemini or in GEMINI_API_KEY")
        kernel.good(f"import os; os.environ['GEMINI_API_KEY'] = {KEY!r}")

        service.control({"kind": "reply", "reply": "finish", "reason": "IMAGE_SAFETY", "text": "I would rather paint a cat."})
        refused = kernel.run("%imggen a fox")
        assert refused.status == "error"
        assert refused.traceback == f"RefusedError: {refused.error.removeprefix('RefusedError: ')}"
        assert "I would rather paint a cat" in refused.traceback
        assert kernel.value("len(__import__('notebook_img').session().turns)") == 0

        service.control({"kind": "status", "status": 503, "path": "nano-banana-2.1", "times": -1})
        kernel.good("%config NotebookImg.fallback = 'gemini:gemini-3-pro-image'")
        kernel.good("import notebook_img.providers.retry as retry; retry.FIRST_WAIT = 0.01")
        assert (
            "gemini:gemini-nano-banana-2.1 stayed unavailable, so gemini:gemini-3-pro-image answered." in kernel.good("%imggen a fox").text
        )


def test_waiting_for_a_tired_service_is_shown_and_can_be_stopped(kernel_of: Start, service: Running):
    with kernel_of() as kernel:
        kernel.good("%load_ext notebook_img")
        kernel.good("%imggen warm up")
        service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "2"}})
        seen, status = watched(kernel, "%imggen a fox")

        assert status == "ok"
        waits = [text for text in seen if "trying again in 2 s (attempt 2 of 5)" in text]
        assert any(text.startswith("update_display_data") for text in waits), seen
        assert f"· {MODEL} ·" in seen[-1]
        assert seen[-1].startswith("update_display_data"), "the finished picture takes the place of the progress"

        service.control({"kind": "status", "status": 429, "headers": {"Retry-After": "60"}})
        asked = len(painted(service))
        stopped: list[float] = []

        def stop(text: str) -> bool:
            if "trying again in 6" in text:
                stopped.append(time.monotonic())
                return True
            return False

        seen, status = watched(kernel, "%imggen another fox", stop_when=stop)

        assert status == "error"
        assert "Stopped" in seen[-1]
        assert time.monotonic() - stopped[0] < 1.5
        assert len(painted(service)) == asked + 1


CALLS = {
    "a magic": "%imggen a slow fox",
    "a sync call": "session.generate('a slow fox')",
    "an awaited call": "await session.aio.generate('a slow fox')",
    "a loop": "for number in range(5):\n    session.generate(f'slow fox {number}')",
    "a cell magic in a loop": "for number in range(5):\n    %imggen slow fox {number}",
    "several at once": "import asyncio\nawait asyncio.gather(*(session.aio.generate(f'slow fox {n}') for n in range(3)))",
}


def test_stop_means_stop(kernel_of: Start, service: Running):
    with kernel_of() as kernel:
        kernel.good("%load_ext notebook_img")
        kernel.good("import notebook_img as ni; session = ni.session('fox')")
        kernel.good("%imggen -s fox warm up")
        for name, code in CALLS.items():
            service.reset()
            service.control({"kind": "hang", "times": -1}, key=KEY)
            wanted = 3 if "gather" in code else 1
            message = kernel.begin(code)
            service.wait_for(lambda rows, wanted=wanted: len(rows) == wanted and all(row["state"] == "open" for row in rows), timeout=20)
            pressed = time.time()
            kernel.manager.interrupt_kernel()
            ran = kernel.finish(message)
            returned = time.time() - pressed

            assert ran.status == "error", name
            assert ran.error.split(":")[0] == ("CancelledError" if "await" in code else "Stopped"), (name, ran.error)
            assert returned < 1.5, (name, returned)
            rows = service.wait_for(lambda rows: all(row["state"] != "open" for row in rows) and rows, timeout=5)
            assert [row["state"] for row in rows] == ["client left"] * wanted, name
            assert max(row["ended"] for row in rows) - pressed < 1, (name, max(row["ended"] for row in rows) - pressed)
        assert kernel.value("len(session.turns)") == 1, "a stopped turn leaves no trace in the tree"
        states = kernel.value("[row.state for row in ni.Studio().store.spend_rows()]")
        assert states == ["unknown"] * 8 + ["billed"], "but what it may have cost is on record"
        service.reset()
        assert kernel.good("%imggen -s fox a quick fox").drawn == 1
