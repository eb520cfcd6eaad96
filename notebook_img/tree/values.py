"""What a cell shows that ends with a turn, with several or with a session."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from notebook_img.attributes import NamesNearest

if TYPE_CHECKING:
    from notebook_img.pictures import Bundle


class Drawn(NamesNearest):
    """A value that draws itself: as one output, or as picture and caption in two (the setting `figure`)."""

    shown_in: int | None = None
    """IPython's execution count in which it was shown already: as the last value of that cell it is not drawn again."""

    def _drawing(self) -> Bundle:
        raise NotImplementedError

    def _form(self) -> str:
        """Return the setting `figure`."""
        raise NotImplementedError

    def _ipython_display_(self) -> None:
        shell = running_shell()
        if self.shown_in is not None and shell is not None and shell.execution_count == self.shown_in:
            return
        if (form := self._form()) == "html":
            raise NotImplementedError  # IPython takes that as "not here", and asks for the mime bundle
        replace(self._drawing(), form=form)._ipython_display_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._drawing()._repr_mimebundle_(include, exclude)


def running_shell() -> Any:
    """Return the running IPython shell, without importing IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
