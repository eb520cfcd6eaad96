"""The calls of a session and of a turn, to be awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notebook_img.tree.session import Session
    from notebook_img.tree.turn import Turn


class AsyncSession:
    """A session's calls, to be awaited."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def generate(self, prompt: str, **options: Any) -> Turn:
        """Await `Session.generate`."""
        return await self._session.actor.aio.generate(prompt, session=self._session, **options)  # type: ignore[no-any-return]

    async def edit(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `Session.edit`."""
        return await self._session.actor.aio.edit(prompt, image, session=self._session, **options)  # type: ignore[no-any-return]

    async def ask(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        """Await `Session.ask`."""
        return await self._session.actor.aio.ask(prompt, image, session=self._session, **options)  # type: ignore[no-any-return]


class AsyncTurn:
    """A turn's `edit` and `ask`, to be awaited."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def edit(self, prompt: str = "", **options: Any) -> Turn:
        """Await `Turn.edit`."""
        session = self._turn.session
        return await session.actor.aio.edit(prompt, session=session, start=self._turn, **options)  # type: ignore[no-any-return]

    async def ask(self, prompt: str = "", **options: Any) -> Turn:
        """Await `Turn.ask`."""
        session = self._turn.session
        return await session.actor.aio.ask(prompt, session=session, start=self._turn, **options)  # type: ignore[no-any-return]
