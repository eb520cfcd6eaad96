"""A studio small enough to read: its edits are one-pixel pictures. What sessions and turns do with a real one is tested in tests/ itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from notebook_img.ids import TurnId
from notebook_img.records import PictureUse, TurnRecord
from notebook_img.settings import Settings
from notebook_img.store import Store
from notebook_img.tree import Session, Turn
from tests.store.making import png, use


class Acting:
    """Satisfies `notebook_img.tree.Actor`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.settings = Settings({})
        self.heads: dict[str, int | None] = {}
        self.starts: dict[str, int | None] = {}
        self.moves: list[str] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.said: list[str] = []
        self.say = self.said.append

    @property
    def aio(self) -> AsyncActing:
        return AsyncActing(self)

    def head(self, session_id: str) -> int | None:
        if session_id not in self.heads:
            record = self.store.session(session_id)
            self.heads[session_id] = record.head if record else None
        return self.heads[session_id]

    def cell_start(self, session_id: str, head: int | None) -> int | None:
        # Where a cell that runs again started before; None outside one.
        return self.starts.pop(session_id) if session_id in self.starts else head

    def typed_turn(self, session_id: str, typed: TurnId) -> tuple[str, int]:
        named = self.store.session_named(typed.session) if typed.session else None
        return session_id if not typed.session else named.id if named else "", typed.number

    def move_head(self, session_id: str, to: int | None, kind: str, *, redo: Sequence[int | None] | None = None) -> None:
        self.heads[session_id] = to
        self.moves.append(kind)
        self.store.update_session(session_id, head=to, redo=tuple(redo or ()))

    def generate(self, prompt: str, *, session: Session | None = None, **options: Any) -> Turn:
        return self._add("generate", prompt, session, None, options)

    def edit(
        self, prompt: str = "", image: Any = None, *, session: Session | None = None, start: Turn | None = None, **options: Any
    ) -> Turn:
        assert session is not None
        number = start.number if start else None if image is not None else self.head(session.id)
        return self._add("edit", prompt, session, number, options, picked=start.picked if start else None)

    def ask(
        self, prompt: str = "", image: Any = None, *, session: Session | None = None, start: Turn | None = None, **options: Any
    ) -> Turn:
        assert session is not None
        number = start.number if start else None if image is not None else self.head(session.id)
        return self._add("ask", prompt, session, number, options)

    def _add(
        self, kind: Any, prompt: str, session: Session | None, parent: int | None, options: dict[str, Any], picked: int | None = None
    ) -> Turn:
        assert session is not None
        self.calls.append((kind, dict(options)))
        head = self.head(session.id)
        count = 0 if kind == "ask" else options.get("n", 1)
        made = [png(f"{prompt}/{head}/{index}") for index in range(count)]
        uses: list[PictureUse] = [use(data) for data in made]
        pictures = dict(zip((one.sha256 for one in uses), made, strict=True))
        if kind == "ask" and parent is not None:
            before = self.store.turn(session.id, parent)
            assert before is not None
            uses += [PictureUse(**{**vars(one), "role": "input"}) for one in before.pictures]
        record = TurnRecord(
            session_id=session.id,
            number=0,
            kind=kind,
            prompt=prompt,
            model="local:built-in",
            parent=parent,
            picked=picked,
            head_before=head,
            pictures=tuple(uses),
            text="a fox" if kind == "ask" else "",
            cost=options.get("cost", 0.0),
            started=time.time(),
            seconds=0.1,
            note="built-in, not AI",
            answer=options.get("answer"),
        )
        stored = self.store.add_turn(record, pictures, move_head=kind != "ask")
        if kind != "ask":
            self.heads[session.id] = stored.number
        return session.turn_from(stored)


class AsyncActing:
    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def generate(self, prompt: str, **options: Any) -> Turn:
        return self._acting.generate(prompt, **options)

    async def edit(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        return self._acting.edit(prompt, image, **options)

    async def ask(self, prompt: str = "", image: Any = None, **options: Any) -> Turn:
        return self._acting.ask(prompt, image, **options)
