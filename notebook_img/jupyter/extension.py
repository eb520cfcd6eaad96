"""Loading and unloading the extension: magics, event hooks, the question-mark transformer and the completer.

Sessions live in the process's studio, not in the magics, so that ``%reload_ext`` keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.jupyter.kernel import NotebookKernel, cell_id, kernel, notebook_path
from notebook_img.jupyter.transformers import fill_empty_body, protect_question

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell

_loaded: dict[int, Hooks] = {}
TRANSFORMERS = (protect_question, fill_empty_body)
"""What reads a cell before IPython does."""


class Hooks:
    """What is registered with one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        from notebook_img.jupyter.completion import Completion
        from notebook_img.jupyter.magics import NotebookImg

        self.shell = shell
        self.kernel = NotebookKernel(shell)
        self.magics = NotebookImg(self.kernel)
        self.completion = Completion(self.kernel)

    def register(self) -> None:
        """Register everything with the shell."""
        shell = self.shell
        shell.register_magics(self.magics)
        shell.events.register("pre_run_cell", self.before)
        shell.events.register("post_run_cell", self.after)
        shell.input_transformers_cleanup.extend(TRANSFORMERS)
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self.completion)
        # The cell that loads the extension runs already; its place counts too.
        history = getattr(shell.history_manager, "input_hist_raw", None) or [""]
        kernel().begin(str(history[-1]), cell_id=cell_id(shell), notebook=str(notebook_path(shell) or ""))

    def unregister(self) -> None:
        """Take everything out again; IPython itself leaves magics in place (measured with 9.18)."""
        shell = self.shell
        for event, hook in (("pre_run_cell", self.before), ("post_run_cell", self.after)):
            if hook in shell.events.callbacks.get(event, []):
                shell.events.unregister(event, hook)
        for transformer in TRANSFORMERS:
            if transformer in shell.input_transformers_cleanup:
                shell.input_transformers_cleanup.remove(transformer)
        if shell.Completer is not None and self.completion in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(self.completion)
        manager = shell.magics_manager
        for kind in ("line", "cell"):
            for name, function in list(manager.magics[kind].items()):
                if getattr(function, "__self__", None) is self.magics:
                    del manager.magics[kind][name]
        manager.registry.pop(type(self.magics).__name__, None)
        configurables: list[Any] = shell.configurables
        configurables[:] = [each for each in configurables if each is not self.magics]

    def before(self, info: ExecutionInfo) -> None:
        """Note the cell that starts to run."""
        self.kernel.cell = info.raw_cell or ""
        kernel().begin(
            info.raw_cell or "",
            cell_id=str(getattr(info, "cell_id", None) or cell_id(self.shell)),
            notebook=str(notebook_path(self.shell) or ""),
        )

    def after(self, result: ExecutionResult) -> None:
        """Note how it ended."""
        kernel().end(lambda: self.kernel.studio.store, failed=not result.success)


def load(shell: InteractiveShell) -> None:
    """Register with a shell, once."""
    if id(shell) in _loaded:
        unload(shell)
    hooks = Hooks(shell)
    hooks.register()
    _loaded[id(shell)] = hooks


def unload(shell: InteractiveShell) -> None:
    """Take everything out of a shell again."""
    hooks = _loaded.pop(id(shell), None)
    if hooks is not None:
        hooks.unregister()
