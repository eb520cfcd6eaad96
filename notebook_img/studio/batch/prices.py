"""What a batch would cost and how long it would take, in the one line that every surface shows before anything is sent."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notebook_img.calls import set_rate
from notebook_img.errors import BudgetError, UsageError
from notebook_img.hints import Hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notebook_img.records import BatchRecord
    from notebook_img.studio.batch.planning import Plan, Priced
    from notebook_img.workspace import Workspace

KEPT = frozenset({"done", "refused", "failed", "sent"})
"""States in which an item is not sent again on its own."""
LONG = 1800.0
"""Seconds above which the line says how a terminal goes on with it."""


@dataclass(frozen=True)
class Prices:
    """The price line of a batch."""

    total: int
    kept: int
    """Done before, or replayed at no cost."""
    failed: int
    """Failed before; they wait for a retry."""
    broken: int
    """Cannot be sent: a missing picture, a field without a value."""
    sends: int
    """How many are sent now."""
    low: float
    """US dollars for those, at least."""
    high: float | None
    """US dollars at most; None where the price of any is unknown."""
    later: int
    """How many are left for later (``first``)."""
    later_high: float | None
    models: tuple[str, ...]
    seconds: float | None
    files: tuple[int, int] = (0, 0)
    """How many files are written, and how many of them exist."""
    suffixes: str = ""
    by_service: bool = False
    """Whether the service does them later, at its price for that."""

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        plan: Plan,
        states: Mapping[str, Sequence[str]],
        first: int | None,
        *,
        at_once: int,
        files: tuple[int, int],
        suffixes: str,
        by_service: bool,
    ) -> Prices:
        """Price a plan, with the states of the items of the batch that it joins."""
        known = _with_states(plan, states)
        now_in = [state for _, state in known]
        free = [one for one, state in known if state not in KEPT and one.is_free]
        sends = to_send(plan, states)
        now = [one for one in sends if first is None or one.item.position < first]
        rest = [one for one in sends if first is not None and one.item.position >= first]
        models = Counter(one.model for one in now)
        rate = str(plan.shared.get("rate") or "")
        each = [None if by_service else _seconds(workspace, model, count, at_once, rate) for model, count in models.items()]
        return cls(
            len(plan.priced),
            now_in.count("done") + len(free),
            now_in.count("failed") + now_in.count("refused"),
            sum(one.item.state == "failed" for one in plan.priced),
            len(now),
            sum(one.low or 0.0 for one in now),
            None if any(one.high is None for one in now) else sum(one.high or 0.0 for one in now),
            len(rest),
            None if any(one.high is None for one in rest) else sum(one.high or 0.0 for one in rest),
            tuple(models),
            None if None in each else sum(filter(None, each)),
            files,
            suffixes,
            by_service,
        )

    def above(self, limit: float) -> bool:
        """Return whether it may cost more than a limit, or an unknown amount."""
        return self.high is None or self.high > limit

    @property
    def suggestion(self) -> str:
        """A budget that would do, in US dollars."""
        return _enough(self.high)

    @property
    def words(self) -> str:
        """The line."""
        from notebook_img.display import counted, price_range_words

        of = f" ({self.suffixes})" if self.suffixes else ""
        price = "at a price that is not known" if self.high is None else price_range_words(self.low, self.high)
        cost = "free" if self.high == 0.0 else price
        parts = [
            f"{counted(self.total, 'item')}{of}",
            f"{self.kept:,} done before" if self.kept else "",
            f"{self.failed:,} failed before" if self.failed else "",
            f"{self.broken:,} cannot be sent" if self.broken else "",
            f"{self.sends:,} to do with {' and '.join(self.models[:3])}, {cost}{self._time}" if self.sends else "nothing to send",
            self._files,
        ]
        rest = ""
        if self.later:
            rest = f" The other {self.later:,} would cost {_at_most(self.later_high)}."
        return f"{'; '.join(filter(None, parts))}.{rest}"

    def going_on(self, batch: str) -> str:
        """Return how a terminal takes over a batch that takes long; empty for a short one."""
        if self.seconds is None or self.seconds <= LONG:
            return ""
        return f" This takes a while: notebook-img batch resume {batch} in a terminal goes on with it, whatever becomes of this process."

    @property
    def _time(self) -> str:
        if self.by_service:
            return ", done later by the service"
        if self.seconds is None or self.seconds < 5:
            return ""
        return f", about {self.seconds:.0f} s" if self.seconds < 90 else f", about {self.seconds / 60:.0f} min"

    @property
    def _files(self) -> str:
        from notebook_img.display import counted

        files, there = self.files
        return f"{counted(files, 'file')}{f', {there:,} of them there already' if there else ''}" if files else ""


def to_send(plan: Plan, states: Mapping[str, Sequence[str]]) -> list[Priced]:
    """Return the items of a plan that would be sent; `states` are those in the batch that it joins, by key."""
    return [one for one, state in _with_states(plan, states) if state not in KEPT and not one.is_free]


def _with_states(plan: Plan, states: Mapping[str, Sequence[str]]) -> list[tuple[Priced, str]]:
    """Return the sound items of a plan with their states in the batch that it joins, empty where they are new."""
    left = {key: iter(several) for key, several in states.items()}
    return [(one, next(left.get(one.item.key, iter(())), "")) for one in plan.priced if one.item.state == "waiting"]


def _seconds(workspace: Workspace, model: str, count: int, at_once: int, typed: str) -> float | None:
    """Return how long a model takes for so many calls: as its latest ones did, and no faster than its rate allows."""
    store = workspace.store
    typical = store.typical_seconds(model)
    rates = [set_rate(workspace, model, typed), store.learned_rate(model, workspace.shared.clock())]
    paced = max(((count / rate.calls - 1) * rate.seconds for rate in rates if rate is not None), default=0.0)
    if typical is None:
        return paced if paced > 0 else None
    return max(paced, math.ceil(count / at_once) * typical)


def check_budget(budget: Any) -> None:
    """Refuse what is no amount of US dollars."""
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget >= 0:
        raise UsageError(f"budget has to be a number of US dollars, not {budget!r}.")


def read_budget(text: str) -> float:
    """Return an amount as it was typed."""
    try:
        amount = float(text)
    except ValueError:
        raise UsageError(f"--budget has to be a number of US dollars, not {text!r}.") from None
    check_budget(amount)
    return amount


def check_rest(record: BatchRecord, most: float) -> None:
    """Refuse to go on with what was priced but not agreed to (``first``), where it may cost more than may be spent unasked.

    Raises
    ------
    BudgetError
        When the batch has no budget.
    """
    if record.budget is not None or "rest" not in record.facts:
        return
    rest = record.facts["rest"]
    if rest is None or rest > most:
        amount = _enough(None if rest is None else rest + record.spent)
        sentence = f"Nothing was sent: what is left of batch {record.name} would cost {_at_most(rest)}."
        raise BudgetError(sentence, hint=Hint("batch-budget", budget=amount))


def _at_most(price: float | None) -> str:
    from notebook_img.display import money

    return "an unknown amount" if price is None else f"up to {money(price)}" if price else "nothing"


def _enough(price: float | None) -> str:
    """Return a budget that would do, in US dollars."""
    return "5" if price is None else f"{math.ceil(price * 10 + 1e-9) / 10:.2f}"
