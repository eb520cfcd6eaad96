"""The magics: thin shells that turn a line into a call, show what comes back, and return the Turn."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Bool, Float, TraitError, Unicode, default, observe, validate
from traitlets import Int as Whole

from notebook_img.errors import NotebookImgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from notebook_img.jupyter.kernel import NotebookKernel
    from notebook_img.options import Command


@magics_class
class NotebookImg(Magics):
    """Make, edit and question images. Settings: ``%config NotebookImg``."""

    model = Unicode(
        "", help="Default model, as provider:model or provider. Empty: the first service with a key, else the built-in engine."
    ).tag(config=True)
    preview = Whole(768, help="Longest side of inline previews, pixels (64 to 4096).").tag(config=True)
    budget = Float(5.0, help="US dollars per local day, over all surfaces that share the home.").tag(config=True)
    replay = Unicode("restart", help="When a stored reply is given back: restart, always, only, off.").tag(config=True)
    save_to = Unicode("", help="Folder that gets a copy of every picture, relative to the notebook. Empty: none.").tag(config=True)
    history = Unicode("window", help="What of a session is sent to a service: window, full, server.").tag(config=True)
    fallback = Unicode("", help="Model that is asked when the chosen one stays overloaded. Empty: none.").tag(config=True)
    question_turns = Whole(0, help="Most questions in a row about a picture; 0 for no limit.").tag(config=True)
    verbose_errors = Bool(default_value=False, help="Show whole tracebacks instead of one sentence.").tag(config=True)

    shell: InteractiveShell

    _settings = ("model", "preview", "budget", "replay", "save_to", "history", "fallback", "question_turns", "verbose_errors")

    def __init__(self, kernel: NotebookKernel) -> None:
        self._ready = False
        self.kernel = kernel
        self._drop_unusable(kernel.shell)
        super().__init__(shell=kernel.shell)
        self._ready = True
        for name in self._settings:
            if name in self._config_names():
                self._apply(name, getattr(self, name))

    # ------------------------------------------------------------------------------------------ settings

    @default("model")
    def _default_model(self) -> str:
        return str(self._from_environment("model"))

    @default("budget")
    def _default_budget(self) -> float:
        return float(self._from_environment("budget"))

    @default("replay")
    def _default_replay(self) -> str:
        return str(self._from_environment("replay"))

    @staticmethod
    def _from_environment(name: str) -> Any:
        from notebook_img.settings import Settings

        return getattr(Settings(), name)

    def _drop_unusable(self, shell: InteractiveShell) -> None:
        """Take values out of the shell's configuration that were refused: IPython keeps what ``%config`` could not set."""
        section = shell.config.get("NotebookImg", {})
        for name in [name for name in section if name in self._settings]:
            try:
                self._checked(name, section[name])
            except NotebookImgError as error:
                warnings.warn(f"NotebookImg.{name} stays as it is: {error}", stacklevel=2)
                del section[name]

    def _config_names(self) -> set[str]:
        """Return the traits that a configuration file or command line has set."""
        section = self.config.get("NotebookImg", {}) if self.config else {}
        return set(section)

    @validate(*_settings)
    def _validated(self, proposal: Mapping[str, Any]) -> Any:
        # traitlets takes the old value back for a TraitError only.
        try:
            return self._checked(proposal["trait"].name, proposal["value"])
        except NotebookImgError as error:
            raise TraitError(str(error)) from error

    @staticmethod
    def _checked(name: str, value: Any) -> Any:
        from notebook_img.settings import Settings

        if name in ("model", "fallback") and value:
            from notebook_img import providers
            from notebook_img.studio import default_studio

            providers.resolve(value, default_studio().settings)
            return value
        probe = Settings({})
        probe.set(name, value if value != "" else None)
        return getattr(probe, name) if value != "" else value

    @observe(*_settings)
    def _changed(self, change: Mapping[str, Any]) -> None:
        if self._ready:
            self._apply(change["name"], change["new"])

    def _apply(self, name: str, value: Any) -> None:
        from notebook_img.studio import default_studio

        default_studio().settings.set(name, value if value != "" else None)
        if name == "verbose_errors":
            NotebookImgError.verbose = bool(value)

    # ------------------------------------------------------------------------------------------ magics

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def imggen(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Make an image: ``%imggen -n 4 --aspect 16:9 a watercolour fox``. ``%imggen -h`` lists the options."""
        return self._perform("generate", line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def imgedit(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Edit an image over many turns: ``%imgedit sample:chelsea make it night``, then ``%imgedit warmer``."""
        return self._perform("edit", line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def askimage(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Ask about an image: ``%askimage cat.png what breed is this?``."""
        return self._perform("ask", line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def imgask(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Ask about an image; the same as ``%askimage``."""
        return self._perform("ask", line, cell, local_ns)

    @no_var_expand
    @line_magic
    def img(self, line: str) -> Any:
        """Show session, head, model, what is ready and what was spent; ``%img key``, ``%img local``, ``%img doctor``."""
        from notebook_img.jupyter.commands.front import front

        return front(self.kernel, line)

    @no_var_expand
    @line_cell_magic
    def imgsession(self, line: str, cell: str | None = None) -> Any:
        """Look at, switch, undo, redo, branch, pack and export sessions. ``%imgsession -h`` lists what it does."""
        from notebook_img.jupyter.commands.session import run

        if cell is not None:
            raise UsageError("%%imgsession has no cell form. Write one command in a line: %imgsession tree.")
        return run(self.kernel, line)

    @no_var_expand
    @line_magic
    def imgmcp(self, line: str) -> Any:
        """Serve this kernel's images to MCP clients: ``%imgmcp start``, ``stop``, ``status``, ``config CLIENT``, ``log``."""
        from notebook_img.jupyter.commands.mcp import run

        return run(self.kernel, line)

    # ------------------------------------------------------------------------------------------ doing

    def _perform(self, command: Command, line: str, cell: str | None, local_ns: dict[str, Any] | None) -> Any:
        from notebook_img.jupyter.commands.image import perform

        return perform(self.kernel, command, line, cell, self.kernel.namespace(local_ns))
