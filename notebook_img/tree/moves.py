"""Where undo and redo go, and what the lines of a tree are: pure functions over numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Step:
    """What undo needs to know of one turn."""

    parent: int | None
    head_before: int | None


def undo_target(head: int, step_of: Callable[[int], Step | None]) -> int | None:
    """Return where undo goes from a head: its parent, or from the first turn of a line the head before that line began.

    A parent that was deleted since counts as none.

    Parameters
    ----------
    head : int
        Number of the present head.
    step_of : callable
        Gives a turn's step by number, None for a turn that does not exist.
    """
    step = step_of(head)
    if step is None:
        return None
    target = step.parent if step.parent is not None and step_of(step.parent) is not None else step.head_before
    return target if target is None or step_of(target) is not None else None


def redo_place(head: int | None, redo: Sequence[int | None], step_of: Callable[[int], Step | None]) -> int | None:
    """Return the position in `redo` of the head that redo goes to, or None when there is nothing to redo.

    Several kernels with heads of their own share one list, so it is the latest entry whose undo led to this head.
    """
    for position in reversed(range(len(redo))):
        candidate = redo[position]
        if candidate is not None and step_of(candidate) is not None and undo_target(candidate, step_of) == head:
            return position
    return None


def lines(parents: Mapping[int, int | None]) -> list[tuple[int, ...]]:
    """Return all paths from a first turn to a leaf, by the leaf's number.

    Parameters
    ----------
    parents : mapping
        Parent by number, questions left out. A parent that is not among them begins a line.
    """
    inner = {parent for parent in parents.values() if parent is not None}
    found = []
    for leaf in sorted(number for number in parents if number not in inner):
        path: list[int] = []
        at: int | None = leaf
        while at is not None and at in parents:
            path.append(at)
            at = parents[at]
        found.append(tuple(reversed(path)))
    return found
