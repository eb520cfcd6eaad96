"""The magics: thin shells that turn a line into a call, show what comes back, and return the Turn."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand

from notebook_img.errors import NotebookImgError, UsageError
from notebook_img.jupyter.traits import NAMES, check, setting_traits
from notebook_img.settings import Settings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from notebook_img.jupyter.kernel import NotebookKernel
    from notebook_img.options import Command


@magics_class
class NotebookImg(Magics):
    """Make, edit and question images. Settings: ``%config NotebookImg``."""

    locals().update(setting_traits())  # a class body's own names: traitlets sees them as if they were written here

    shell: InteractiveShell

    def __init__(self, kernel: NotebookKernel) -> None:
        self.kernel = kernel
        self._drop_unusable(kernel.shell)
        try:
            NotebookImgError.verbose = Settings().verbose_errors
        except UsageError as error:
            warnings.warn(str(error), stacklevel=2)
        super().__init__(shell=kernel.shell)

    @staticmethod
    def _drop_unusable(shell: InteractiveShell) -> None:
        """Take values out of the shell's configuration that were refused: IPython keeps what ``%config`` could not set."""
        section = shell.config.get("NotebookImg", {})
        for name in [name for name in section if name in NAMES]:
            try:
                check(name, section[name])
            except NotebookImgError as error:
                warnings.warn(f"NotebookImg.{name} stays as it is: {error}", stacklevel=2)
                del section[name]

    # ------------------------------------------------------------------------------------------ magics

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def imggen(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Make an image from words.

        %imggen [options] what to make [options]

            %imggen a watercolour fox
            %imggen -n 4 --aspect 16:9 --size 2K a watercolour fox
            %imggen -m gemini -m openai -o fox.png a watercolour fox
            %imggen a card that says {greeting}

        -n N: several  -o FILE: also as a file  -m MODEL: which model  --dry-run: what would be sent, and its price
        %imggen -h lists all options the current model takes.
        """
        return self._perform("generate", line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def imgedit(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Edit an image, over many turns.

        %imgedit [options] [images] what to change [options]

            %imgedit sample:chelsea make it night     begins with a picture: a file, a URL, t2, {variable}
            %imgedit warmer by 20 %                   goes on from the last one
            %imgedit put {logo} on the mug            {logo} goes along
            %imgedit --mask 40,20,200,180 a red hat   only there

        -o FILE: also as a file  --from ID: go on from another turn  -m MODEL: which model  --dry-run: what would be sent
        %imgedit -h lists all options the current model takes; %img local what works without a key.
        """
        return self._perform("edit", line, cell, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def askimage(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Ask about an image.

        %askimage [options] [images] a question [options]

            %askimage what is in it?                  about the last picture, or goes on from the last question
            %askimage cat.png what breed is this?
            %askimage chart.png --table "year int, sales float?" --as sales
            %askimage street.jpg --boxes cars

        --table, --schema, --boxes: an answer in a form  --as NAME: into a variable  -m MODEL: which model
        %askimage -h lists all options the current model takes.
        """
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
    def imgbatch(self, line: str) -> Any:
        """List batches, look at one, go on with it, stop it: ``%imgbatch``, ``show``, ``resume``, ``retry``, ``stop``."""
        from notebook_img.jupyter.commands.batch import run

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
