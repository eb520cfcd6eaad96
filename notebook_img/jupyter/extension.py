"""Loading and unloading the extension: magics, event hooks, the question-mark transformer and the completer.

Sessions live in the process's studio, not in the magics, so that ``%reload_ext`` keeps them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notebook_img.jupyter.kernel import unwatch, watched
from notebook_img.jupyter.transformers import fill_empty_body, protect_question

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_loaded: dict[int, Hooks] = {}
TRANSFORMERS = (protect_question, fill_empty_body)
"""What reads a cell before IPython does."""


class Hooks:
    """What is registered with one shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        from notebook_img.jupyter.completion import Completion
        from notebook_img.jupyter.magics import NotebookImg

        self.shell = shell
        self.kernel = watched(shell)
        self.magics = NotebookImg(self.kernel)
        self.completion = Completion(self.kernel)

    def register(self) -> None:
        """Register everything with the shell."""
        shell = self.shell
        shell.register_magics(self.magics)
        shell.input_transformers_cleanup.extend(TRANSFORMERS)
        if shell.Completer is not None:
            shell.Completer.custom_matchers.append(self.completion)

    def unregister(self) -> None:
        """Unregister everything; IPython itself leaves magics in place (measured with 9.18)."""
        shell = self.shell
        unwatch(shell)
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


def load(shell: InteractiveShell) -> None:
    """Register with a shell, once."""
    if id(shell) in _loaded:
        unload(shell)
    hooks = Hooks(shell)
    hooks.register()
    _loaded[id(shell)] = hooks


def unload(shell: InteractiveShell) -> None:
    """Unregister everything from a shell."""
    hooks = _loaded.pop(id(shell), None)
    if hooks is not None:
        hooks.unregister()
