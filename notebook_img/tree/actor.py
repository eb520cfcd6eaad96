"""What sessions and turns need of the studio they belong to. The studio satisfies this; nothing here imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from notebook_img.ids import TurnId
    from notebook_img.settings import Settings
    from notebook_img.store import Store
    from notebook_img.tree.session import Session
    from notebook_img.tree.turn import Turn


class Actor(Protocol):
    """A studio, as sessions and turns see it."""

    say: Callable[[str], None]
    """Tells the person something."""

    @property
    def store(self) -> Store:
        """The store that holds everything."""

    @property
    def settings(self) -> Settings:
        """Its settings."""

    @property
    def aio(self) -> Any:
        """`generate`, `edit` and `ask`, to be awaited."""

    def generate(self, prompt: str, *, session: Session | None = None, **options: Any) -> Turn:
        """Make an image."""

    def edit(self, prompt: str = "", image: Any = None, *, session: Session | None = None, **options: Any) -> Turn:
        """Edit an image, or go on from the head or from ``start``."""

    def ask(self, prompt: str = "", image: Any = None, *, session: Session | None = None, **options: Any) -> Turn:
        """Ask about an image, or about the head's picture or that of ``start``."""

    def head(self, session_id: str) -> int | None:
        """Return this studio's own head of a session."""

    def cell_start(self, session_id: str, head: int | None) -> int | None:
        """Return where the running cell starts: the head, or where its earlier run started if the head is a result of that run."""

    def typed_turn(self, session_id: str, typed: TurnId) -> tuple[str, int]:
        """Return session id and number of the turn that a typed id means."""

    def move_head(self, session_id: str, to: int | None, kind: str, *, redo: Sequence[int | None] | None = None) -> None:
        """Move this studio's head and the stored one, and keep what can be redone."""

    def export(self, session: Session, path: Path, *, force: bool = False, keep_metadata: bool = False) -> Path:
        """Write a script that repeats the session's work, over any file with `force`; return its path."""
