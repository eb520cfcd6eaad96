from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notebook_img.errors import NotFoundError, UsageError
from notebook_img.store import Store
from notebook_img.tree import Session
from notebook_img.tree.moves import Step, lines, redo_place, undo_target
from tests.tree.acting import Acting

TREE = {
    # number: (parent, head before)
    1: Step(None, None),
    2: Step(1, 1),
    3: Step(2, 2),
    4: Step(None, 3),  # a new line begun at t3
    5: Step(4, 4),
    6: Step(2, 5),  # a branch from t2, begun at t5
    7: Step(99, 6),  # its parent was deleted
    8: Step(99, 98),  # and all else too
}


@pytest.mark.parametrize(("head", "target"), [(1, None), (2, 1), (3, 2), (4, 3), (5, 4), (6, 2), (7, 6), (8, None), (99, None)])
def test_undo_goes_to_the_parent_or_to_the_head_before_the_line_began(head: int, target: int | None) -> None:
    assert undo_target(head, TREE.get) == target


@pytest.mark.parametrize(
    ("head", "redo", "place"),
    [
        (None, [], None),
        (2, [3], 0),
        (1, [3, 2], 1),
        (None, [3, 2, 1], 2),
        (3, [4], 0),
        (5, [3], None),  # another kernel's undo
        (2, [3, 5], 0),  # ours below another kernel's
        (2, [6, 3], 1),
        (3, [99], None),
        (None, [99, None], None),
    ],
)
def test_redo_takes_the_latest_undo_that_led_to_this_head(head: int | None, redo: list[int | None], place: int | None) -> None:
    assert redo_place(head, redo, TREE.get) == place


def test_lines_are_the_paths_from_a_first_turn_to_a_leaf() -> None:
    assert lines({}) == []
    assert lines({number: step.parent for number, step in TREE.items()}) == [(1, 2, 3), (4, 5), (1, 2, 6), (7,), (8,)]


SCRIPTS = [
    # what is done, and the head after it
    ("g", "t1"),
    ("g e", "t2"),
    ("g e u", "t1"),
    ("g e u u", None),
    ("g e u r", "t2"),
    ("g e u u r r", "t2"),
    ("g e u u r", "t1"),
    ("g e n", "t3"),
    ("g e n u", "t2"),
    ("g e n u u", "t1"),
    ("g e n u u r r", "t3"),
    ("g n e u u", "t1"),
    ("g e c1 e", "t3"),
    ("g e c1 e u", "t1"),
    ("g e c1 e u u", None),
    ("g e c1 u", None),
    ("g e q", "t2"),
    ("g e q u", "t1"),
    ("g e q e u", "t2"),
    ("g e u q r", "t2"),
    ("g e u e u", "t1"),
    ("g e u e u r", "t3"),
]


@pytest.mark.parametrize(("script", "head"), SCRIPTS)
def test_the_head_after_a_few_steps(fox: Session, script: str, head: str | None) -> None:
    """g generate, e edit, n edit of a named image, q question, u undo, r redo, c1 checkout t1."""
    for step in script.split():
        match step[0]:
            case "g":
                fox.generate("a fox")
            case "e":
                fox.edit("warmer")
            case "n":
                fox.edit("warmer", "other.png")
            case "q":
                fox.ask("what is it?")
            case "u":
                fox.undo()
            case "r":
                fox.redo()
            case "c":
                fox.checkout(f"t{step[1:]}")
    assert (fox.head.id if fox.head else None) == head


@pytest.mark.parametrize("script", ["r", "g r", "g e u e r", "g e u r r", "g e u c1 r"])
def test_there_is_nothing_to_redo_after_a_new_turn_or_before_an_undo(fox: Session, script: str) -> None:
    with pytest.raises(UsageError, match="nothing to redo"):
        test_the_head_after_a_few_steps(fox, script, None)


def test_there_is_nothing_to_undo_without_a_head(fox: Session) -> None:
    with pytest.raises(UsageError, match="nothing to undo in session 'fox'"):
        fox.undo()


def test_redo_survives_a_restart(actor: Acting, fox: Session) -> None:
    fox.generate("a fox")
    fox.edit("warmer")
    fox.undo()
    with Store.open(actor.store.home) as store:
        again = Session(Acting(store), fox.id)
        assert again.head is not None
        assert again.head.id == "t1"
        assert again.redo().id == "t2"  # type: ignore[union-attr]


def test_two_kernels_undo_and_redo_each_their_own_way(actor: Acting, fox: Session) -> None:
    fox.generate("a fox")
    fox.edit("warmer")
    other = Session(Acting(actor.store), fox.id)
    other.checkout("t1")
    other.edit("colder")
    other.undo()
    fox.undo()
    assert (fox.head.id, other.head.id) == ("t1", "t1")  # type: ignore[union-attr]
    assert fox.redo().id == "t2"  # type: ignore[union-attr]
    assert other.redo().id == "t3"  # type: ignore[union-attr]


def test_a_cell_with_an_undo_or_a_redo_that_is_run_again_ends_where_it_ended(actor: Acting, fox: Session) -> None:
    fox.generate("a fox")
    fox.edit("warmer")
    fox.undo()
    actor.starts[fox.id] = 2
    assert fox.undo().id == "t1"  # type: ignore[union-attr]
    fox.redo()
    actor.starts[fox.id] = 1
    assert fox.redo().id == "t2"  # type: ignore[union-attr]


def test_a_question_is_never_the_head(fox: Session) -> None:
    fox.generate("a fox")
    question = fox.ask("what is it?")
    with pytest.raises(UsageError, match=r"fox/t2 is a question.*It is about t1"):
        fox.checkout(question)
    with pytest.raises(UsageError, match="whole turn"):
        fox.checkout("t1.1")
    with pytest.raises(NotFoundError):
        fox.checkout("t9")
    assert fox.head.id == "t1"  # type: ignore[union-attr]


def test_a_deleted_head_goes_to_its_parent(actor: Acting, fox: Session) -> None:
    fox.generate("a fox")
    fox.edit("warmer")
    fox.edit("colder")
    assert fox.delete_turn("t2") == [2, 3]
    assert fox.head.id == "t1"  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="nothing to redo"):
        fox.redo()


class Model(RuleBasedStateMachine):
    """A session against a list and a few dictionaries."""

    @initialize()
    def begin(self) -> None:
        import tempfile
        from pathlib import Path

        self.folder = tempfile.TemporaryDirectory(prefix="notebook_img-test-")
        self.store = Store.open(Path(self.folder.name))
        self.session = Session(Acting(self.store), self.store.create_session("fox").id)
        self.parents: dict[int, int | None] = {}
        self.before: dict[int, int | None] = {}
        self.questions: set[int] = set()
        self.head: int | None = None
        self.redo: list[int] = []
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def note(self, parent: int | None, *, question: bool = False) -> None:
        self.number += 1
        self.parents[self.number], self.before[self.number] = parent, self.head
        if question:
            self.questions.add(self.number)
        else:
            self.head, self.redo = self.number, []

    @rule()
    def generate(self) -> None:
        self.session.generate("x")
        self.note(None)

    @rule(data=st.data())
    def edit_a_turn(self, data: st.DataObject) -> None:
        painted = sorted(set(self.parents) - self.questions)
        if painted:
            start = data.draw(st.sampled_from(painted))
            self.session.turn(start).edit("x")
            self.note(start)

    @precondition(lambda self: self.head is not None)
    @rule()
    def edit_the_head(self) -> None:
        self.session.edit("x")
        self.note(self.head)

    @precondition(lambda self: self.head is not None)
    @rule()
    def ask(self) -> None:
        self.session.ask("x")
        self.note(self.head, question=True)

    @rule(data=st.data())
    def checkout(self, data: st.DataObject) -> None:
        painted = sorted(set(self.parents) - self.questions)
        if painted:
            self.head, self.redo = data.draw(st.sampled_from(painted)), []
            self.session.checkout(self.head)

    @rule()
    def undo(self) -> None:
        if self.head is None:
            with pytest.raises(UsageError):
                self.session.undo()
            return
        self.session.undo()
        self.redo.append(self.head)
        parent = self.parents[self.head]
        self.head = self.before[self.head] if parent is None else parent

    @rule()
    def redo_it(self) -> None:
        if not self.redo:
            with pytest.raises(UsageError):
                self.session.redo()
            return
        self.session.redo()
        self.head = self.redo.pop()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.session = Session(Acting(self.store), self.session.id)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.parents:
            return
        number = data.draw(st.sampled_from(sorted(self.parents)))
        gone = {number}
        for other in sorted(self.parents):
            if self.parents[other] in gone:
                gone.add(other)
        if gone & set(self.before.values()):
            return  # what undo does without them is told by the table above
        parent = self.parents[number]
        assert self.session.delete_turn(number) == sorted(gone)
        if self.head in gone:
            self.head, self.redo = parent, []
        self.redo = [head for head in self.redo if head not in gone]
        for other in gone:
            del self.parents[other], self.before[other]

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "session"):
            return
        head = self.session.head
        assert (head.number if head else None) == self.head
        assert [turn.number for turn in self.session.turns] == sorted(self.parents)
        assert len(self.session.turns) == len(self.parents)
        painted = {number: parent for number, parent in self.parents.items() if number not in self.questions}
        leaves = [number for number in sorted(painted) if number not in painted.values()]
        assert [line[-1].number for line in self.session.lines()] == leaves
        record = self.session.record
        assert record.head == self.head
        assert list(record.redo) == self.redo


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
