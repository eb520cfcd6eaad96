"""The kernel as the magics see it: its studio, the cell that runs, the notebook's path, the user's variables."""

from __future__ import annotations

import os
from collections import ChainMap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import UsageError
from notebook_img.replay import Kernel

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

    from notebook_img.pictures import Bundle
    from notebook_img.studio import Batch, Studio
    from notebook_img.tree import Turn

Namespace = ChainMap[str, Any]

_kernel: Kernel | None = None


def kernel() -> Kernel:
    """Return the cells of this process."""
    global _kernel  # noqa: PLW0603 - one per process, kept over reloads
    if _kernel is None:
        _kernel = Kernel()
    return _kernel


_watched: dict[int, NotebookKernel] = {}


def watched(shell: InteractiveShell) -> NotebookKernel:
    """Return what watches a shell's cells, registered at the first call."""
    if id(shell) not in _watched:
        _watched[id(shell)] = NotebookKernel(shell)
        _watched[id(shell)].register()
    return _watched[id(shell)]


def unwatch(shell: InteractiveShell) -> None:
    """Stop watching a shell's cells."""
    if (found := _watched.pop(id(shell), None)) is not None:
        found.unregister()


class NotebookKernel:
    """What the commands work with.

    Parameters
    ----------
    shell : InteractiveShell
        The shell the magics are registered with.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.cell = ""
        """Source of the cell that runs."""

    @property
    def studio(self) -> Studio:
        """The kernel's studio."""
        from notebook_img.studio import default_studio

        return default_studio()

    # ------------------------------------------------------------------------------------------ cells

    def register(self) -> None:
        """Watch the cells of the shell, the running one included, and tell the process's studio whose kernel it works in."""
        from notebook_img.studio import attach_to_default

        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)
        # The cell that loads the extension, or makes the first call without it, runs already; its place counts too.
        history = getattr(self.shell.history_manager, "input_hist_raw", None) or [""]
        kernel().begin(str(history[-1]), cell_id=cell_id(self.shell), notebook=str(notebook_path(self.shell) or ""))
        attach_to_default(self._attach)

    def unregister(self) -> None:
        """Stop watching."""
        for event, hook in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            if hook in self.shell.events.callbacks.get(event, []):
                self.shell.events.unregister(event, hook)
        kernel().abandon()

    def before(self, info: ExecutionInfo) -> None:
        """Record that a cell starts."""
        self.cell = info.raw_cell or ""
        kernel().begin(
            self.cell,
            cell_id=str(getattr(info, "cell_id", None) or cell_id(self.shell)),
            notebook=str(notebook_path(self.shell) or ""),
        )

    def after(self, result: ExecutionResult) -> None:
        """Record how it ended."""
        kernel().end(lambda: self.studio.store, failed=not result.success)

    def _attach(self, studio: Studio) -> None:
        from notebook_img.jupyter.output import tell
        from notebook_img.records import Origin

        studio.shared.kernel = kernel()
        studio.origin = Origin(surface="cell", kernel=kernel().id)
        studio.say = lambda text: tell(self.shell, text)
        studio.shared.batch_screen = self._batch_screen
        studio.notebook = notebook_path(self.shell)

    def _batch_screen(self, batch: Batch) -> AbstractContextManager[Any]:
        from notebook_img.jupyter.batch_screen import BatchScreen

        return BatchScreen(self.shell, batch)

    # ------------------------------------------------------------------------------------------ variables

    def namespace(self, local_ns: dict[str, Any] | None) -> Namespace:
        """Return the caller's variables, the innermost first."""
        return ChainMap(local_ns or {}, self.shell.user_ns)

    def assign(self, name: str, value: Any) -> None:
        """Assign a result to a variable of the notebook (``--as``)."""
        if not name.isidentifier():
            raise UsageError(f"--as {name} is not a variable name. Use letters, digits and underscores.")
        self.shell.user_ns[name] = value

    def put(self, figure: Bundle) -> None:
        """Show a figure as the setting `figure` says."""
        from notebook_img.jupyter.output import put

        put(figure, self.studio.settings.figure)

    def shown(self, turn: Turn) -> Turn:
        """Mark a turn as shown in this execution, so that being the cell's last value does not draw it twice."""
        turn.shown_in = self.shell.execution_count
        return turn


def cell_id(shell: Any) -> str:
    """Return the front end's id of the running cell, or an empty string (nbclient and terminals send none)."""
    running = getattr(shell, "kernel", None)
    if running is None:
        return ""
    try:
        return str(running.get_parent().get("metadata", {}).get("cellId") or "")
    except (AttributeError, TypeError, LookupError):
        return ""


def notebook_path(shell: Any) -> Path | None:
    """Return the notebook's path where the front end sends it.

    JupyterLab and Notebook 7 set ``JPY_SESSION_NAME`` (measured with JupyterLab 4.6), VS Code a variable in the namespace.
    """
    text = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or ""
    return Path(text) if str(text).endswith(".ipynb") else None
