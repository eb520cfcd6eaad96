"""Sessions and lists of turns as contact sheets: what a person sees who ends a cell with one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from notebook_img.display import counted
from notebook_img.ids import turn_id
from notebook_img.tree.pictures import stored_picture
from notebook_img.tree.turn import Turn
from notebook_img.tree.values import Drawn, running_shell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notebook_img.display import SheetItem
    from notebook_img.pictures import Bundle
    from notebook_img.records import TurnRecord
    from notebook_img.store import Store
    from notebook_img.tree.session import Session


class TurnList(Drawn, list[Turn]):
    """Turns that draw themselves as a contact sheet."""

    def _ipython_display_(self) -> None:
        """Draw nothing if a magic has shown all of them in the cell that is running."""
        shell = running_shell()
        if shell is None or not self or any(turn.shown_in != shell.execution_count for turn in self):
            super()._ipython_display_()

    def _drawing(self) -> Bundle:
        return turns_sheet(self)

    def _form(self) -> str:
        return self[0].session.actor.settings.figure if self else "html"


def turns_sheet(turns: Sequence[Turn]) -> Bundle:
    """Return turns as a contact sheet; those of several sessions with their session's name."""
    from notebook_img import display

    several = len({turn.record.session_id for turn in turns}) > 1
    items = [item for turn in turns[-display.MOST_ITEMS :] for item in _items(turn, several=several)]
    return display.sheet(items, title=_count(turns), more=max(0, len(turns) - display.MOST_ITEMS))


def session_sheet(session: Session, *, words: str) -> Bundle:
    """Return a session as a contact sheet of its latest pictures, its questions counted; `words` is what a terminal shows."""
    from notebook_img import display

    store, head = session.actor.store, session.actor.head(session.id)
    records = [record for record in store.turns(session.id, limit=2 * display.MOST_ITEMS, newest_first=True) if record.kind != "ask"]
    records = records[: display.MOST_ITEMS][::-1]
    turns, questions = store.count_turns(session.id)
    items = [item for record in records for item in _made(store, record, record.id, head=record.number == head)]
    title = f"Session {session.name}: {_numbers(turns, questions)}"
    drawn = display.sheet(items, title=title, more=turns - len(records))
    return replace(drawn, data={**drawn.data, "text/plain": words})


def _items(turn: Turn, *, several: bool) -> list[SheetItem]:
    from notebook_img import display

    store = turn.session.actor.store
    label = turn.full_id if several else turn.id
    if turn.kind == "ask":
        seen = turn.record.uses("input")
        words = f"{turn.prompt} {turn.text}"
        return [display.SheetItem(label, words, stored_picture(store, seen[0]) if seen else None, "question")]
    if turn.picked is not None:
        return [display.SheetItem(label, turn.prompt, turn.picture)]
    return _made(store, turn.record, label)


def _made(store: Store, record: TurnRecord, label: str, *, head: bool = False) -> list[SheetItem]:
    from notebook_img import display

    made = record.uses("output")
    session = label.rpartition("/")[0]
    labels = [label] if len(made) == 1 else [turn_id(record.number, number, session) for number in range(1, len(made) + 1)]
    return [
        display.SheetItem(each, record.prompt, stored_picture(store, use), "head" if head else "")
        for each, use in zip(labels, made, strict=True)
    ]


def _count(turns: Iterable[Turn]) -> str:
    kinds = [turn.kind for turn in turns]
    return _numbers(sum(kind != "ask" for kind in kinds), kinds.count("ask"))


def _numbers(turns: int, questions: int) -> str:
    asked = counted(questions, "question") if questions else ""
    made = counted(turns, "turn") if turns or not questions else ""
    return " and ".join(filter(None, (made, asked)))
