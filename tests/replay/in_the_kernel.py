"""Runs in a real kernel: begins it anew without starting another process, and tells what the last cell did. See real_kernels.py."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

STATE: dict[str, dict[str, Any]] = {
    "notebook_img.jupyter.kernel": {"_kernel": lambda: None, "_watched": dict},
    "notebook_img.studio.default": {"_default": lambda: None, "_attach": lambda: None},
}
"""What the package keeps for the process of a kernel, and how it is at first."""
_seen: dict[str, int] = {"sent": 0, "run": 0}


def begin_anew(environ: dict[str, str | None], folder: str, vscode: str) -> None:
    """Forget what the package knows of this kernel and of its notebook, as if the kernel had been restarted."""
    shell: Any = sys.modules["IPython"].get_ipython()  # type: ignore[attr-defined]
    if "notebook_img" in shell.extension_manager.loaded:
        shell.extension_manager.unload_extension("notebook_img")
    if "notebook_img.jupyter.kernel" in sys.modules:  # Python alone attaches it too
        sys.modules["notebook_img.jupyter.kernel"].unwatch(shell)
    default: Any = sys.modules.get("notebook_img.studio.default")
    if default is not None and default._default is not None:
        default._default.close()
    for name, state in STATE.items():
        for variable, fresh in state.items() if name in sys.modules else ():
            setattr(sys.modules[name], variable, fresh())
    from tests.replay.painter import Painter

    Painter.reset()
    for name, value in environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    shell.user_ns.pop("__vsc_ipynb_file__", None)
    if vscode:
        shell.user_ns["__vsc_ipynb_file__"] = vscode
    os.chdir(folder)
    _seen.update(sent=0, run=_last_run())


def told() -> str:
    """Return as JSON what happened since the last time: requests sent, and of each turn a cell got its picture and its parent's."""
    from notebook_img.jupyter.kernel import kernel
    from notebook_img.studio import default_studio
    from tests.replay.painter import Painter

    studio = default_studio()
    sent, _seen["sent"] = len(Painter.calls) - _seen["sent"], len(Painter.calls)
    got = []
    here = kernel().id  # an import brings runs of others
    for run in sorted(studio.store.runs(), key=lambda run: run.id):
        for reply in studio.store.replies(run.id) if run.id > _seen["run"] else ():
            turn = studio.store.turn(reply.session_id, reply.turn)
            if turn is not None and turn.kind != "ask" and run.kernel == here:
                parent = studio.store.turn(reply.session_id, turn.parent) if turn.parent else None
                got.append([_picture(turn), _picture(parent)])
    _seen["run"] = max((run.id for run in studio.store.runs()), default=0)
    record = studio.current()
    return json.dumps({"sent": sent, "got": got, "session": record.name if record is not None else ""})


def _last_run() -> int:
    from notebook_img.settings import Settings
    from notebook_img.store import Store

    home = Settings().home
    if not (Path(home) / "store.sqlite").is_file():
        return 0
    with Store.open(home) as store:
        return max((run.id for run in store.runs()), default=0)


def _picture(turn: Any) -> str:
    uses = turn.uses("output") if turn is not None else ()
    return str(uses[0].sha256) if uses else ""
