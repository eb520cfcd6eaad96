"""How often a model is asked: rates that are set, rates that refusals teach, shared by all processes of a home. The emulator's own limit
judges; time is the one thing that is mocked, there and here alike."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notebook_img.calls import Progress, make_call
from notebook_img.errors import RateLimitError, Stopped, UsageError
from notebook_img.providers.interface import QueueEvent
from notebook_img.settings import Rate, rate_for, read_rate, read_rates
from notebook_img.store import Store, rates
from notebook_img.studio.studio import Studio
from tests.emulators.process import Running
from tests.gemini_service import environ, new_studio, service

__all__ = ["environ", "new_studio", "service"]

MODEL = "gemini:gemini-nano-banana-2.1"
FIVE = Rate(5, 60.0)


@pytest.fixture
def service_key() -> str:
    return "AIza-rates-key-9876543210-zy"


class Clock:
    """Time that passes only where calls wait and none is on its way; the emulator goes by it too."""

    def __init__(self, service: Running) -> None:
        self.now = 1_000_000.0
        self.service = service
        self.on_their_way = 0
        self.counting = threading.Lock()
        self.one = asyncio.Lock()
        service.control(clock=self.now)

    def slow(self, studio: Studio) -> Studio:
        studio.shared.clock, studio.shared.sleep = self, self.sleep
        take = studio.store.take_token

        def counted(*words: Any) -> float:
            with self.counting:
                self.on_their_way += 1  # also while it is asked whether it may go
            if (left := take(*words)) > 0:
                with self.counting:
                    self.on_their_way -= 1
            return left

        studio.store.take_token = counted  # type: ignore[method-assign]
        return studio

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        async with self.one:
            while until > self.now:
                await asyncio.sleep(0.01)  # pause between two looks at another process
                if await asyncio.to_thread(self.nothing_is_on_its_way):
                    self.now = until
                    await asyncio.to_thread(self.service.control, clock=until)

    def nothing_is_on_its_way(self) -> bool:
        return sum(row["state"] in ("answered", "limited") for row in asked(self.service)) == self.on_their_way


def all_at_once(calls: list[tuple[Studio, str]], **options: Any) -> list[Any]:
    """Make calls side by side; return turns and errors."""

    async def work() -> list[Any]:
        made = (studio.session("fox").aio.ask(question, "sample:chelsea", **options) for studio, question in calls)
        return await asyncio.gather(*made, return_exceptions=True)

    return asyncio.run(work())


def asked(service: Running) -> list[dict[str, Any]]:
    return [row for row in service.requests() if "enerateContent" in row["path"]]


def failures(results: list[Any]) -> list[Any]:
    return [result for result in results if isinstance(result, BaseException)]


# ------------------------------------------------------------------------------------------ calls against a service's limit


def test_sixty_calls_at_a_set_rate_of_five_a_minute_meet_no_refusal(new_studio: Callable[..., Studio], service: Running):
    service.control(limit={"calls": 5, "seconds": 60, "path": "enerateContent"})
    clock = Clock(service)
    studio = clock.slow(new_studio(budget=100))

    results = all_at_once([(studio, f"Is it {number}?") for number in range(60)], rate="5/min")

    assert not failures(results)
    rows = asked(service)
    assert [row["state"] for row in rows] == ["answered"] * 60
    assert clock.now == pytest.approx(1_000_000 + 11 * 60, abs=1)  # 5 at once, and 55 more in eleven minutes


def test_sixty_calls_learn_the_rate_from_refusals_and_none_fails(new_studio: Callable[..., Studio], service: Running):
    service.control(limit={"calls": 5, "seconds": 60, "path": "enerateContent"})
    clock = Clock(service)
    studio = clock.slow(new_studio(budget=100))

    results = all_at_once([(studio, f"Is it {number}?") for number in range(60)])

    assert not failures(results)
    rows = asked(service)
    assert sum(row["state"] == "answered" for row in rows) == 60
    # The first crowd is refused once; after that only the occasional question whether more is allowed by now.
    assert sum(row["state"] == "limited" for row in rows) < 55 + 30
    assert len(studio.store.spend_rows(limit=None)) == 60


def test_two_studios_of_one_home_share_a_rate(new_studio: Callable[..., Studio], service: Running):
    service.control(limit={"calls": 5, "seconds": 60, "path": "enerateContent"})
    clock = Clock(service)
    one, other = (clock.slow(new_studio(budget=100, rate="gemini=5/min")) for _ in range(2))

    results = all_at_once([((one, other)[number % 2], f"Is it {number}?") for number in range(20)])

    assert not failures(results)
    assert [row["state"] for row in asked(service)] == ["answered"] * 20


def test_a_call_that_waits_says_why_and_can_be_stopped_at_no_cost(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(rate="1/hour")
    studio.session("fox").generate("a fox")
    told: list[QueueEvent] = []

    def tell(event: Any) -> None:
        if isinstance(event, QueueEvent) and event.seconds is not None:
            told.append(event)
            raise KeyboardInterrupt

    with pytest.raises(Stopped, match="nothing was billed"):
        studio.run(studio.session("fox"), make_call("generate", "another fox"), tell)

    shown = Progress()
    assert shown.take(told[0]) == "waiting"
    assert shown.line.startswith(f"{MODEL} takes 1 call a hour, so this one waits; the next one is sent in 3")
    assert len(asked(service)) == 1
    row = studio.store.spend_rows(limit=1)[0]
    assert (row.state, row.cost) == ("failed", 0)


def test_a_service_that_lets_nobody_in_still_fails_within_the_time_for_retries(new_studio: Callable[..., Studio], service: Running):
    studio = new_studio(retries=2)
    service.control({"kind": "status", "status": 429, "times": -1})

    with pytest.raises(RateLimitError, match="Tried 3 times"):
        studio.session("fox").generate("a fox")

    assert len(asked(service)) == 3


def test_a_day_that_is_used_up_teaches_no_rate(new_studio: Callable[..., Studio], service: Running):
    service.control({"kind": "reply", "reply": "quota", "per_day": True})
    studio = new_studio()
    with pytest.raises(RateLimitError):
        studio.session("fox").generate("a fox")
    assert studio.store.learned_rate(MODEL, 0.0) is None
    studio.session("fox").generate("a fox")  # at once


# ------------------------------------------------------------------------------------------ the row


@pytest.fixture
def store(home: Path) -> Store:
    return Store.open(home)


def test_a_token_comes_back_a_period_after_it_was_taken(store: Store):
    assert [store.take_token(MODEL, FIVE, 100.0 + number) for number in range(5)] == [0.0] * 5
    assert store.take_token(MODEL, FIVE, 110.0) == 50.0
    assert store.take_token(MODEL, FIVE, 160.5) == 0.0
    assert store.take_token(MODEL, FIVE, 160.5) == 0.5


def test_models_do_not_share_their_tokens(store: Store):
    assert store.take_token("gemini:a", Rate(1, 60), 100.0) == 0.0
    assert store.take_token("gemini:b", Rate(1, 60), 100.0) == 0.0


def test_a_model_without_a_limit_has_no_row_to_write(store: Store):
    assert store.take_token(MODEL, None, 100.0) == 0.0
    with store._database.read() as connection:
        assert not connection.exec_driver_sql("SELECT * FROM rates").all()


def test_refusals_teach_what_was_let_in_and_are_forgotten_in_time(store: Store):
    sent = [100.0 + number for number in range(8)]
    for at in sent[3:]:
        store.learn_rate(MODEL, [other for other in sent if other < 103 or other > at], at, 110.0, 50.0)
    assert store.learned_rate(MODEL, 110.0) == Rate(3, 60.0)
    assert store.take_token(MODEL, None, 120.0) == 40.0  # as the service asked
    assert store.take_token(MODEL, None, 161.0) == 0.0
    assert store.learned_rate(MODEL, 110.0 + 601) is None
    assert store.take_token(MODEL, None, 110.0 + 601) == 0.0


def test_a_learned_rate_grows_while_nothing_is_refused(store: Store):
    store.learn_rate(MODEL, [100.0, 101.0], 102.0, 102.0, 0.0)
    now, taken = 102.0, 0
    while now < 102 + 540:
        if left := store.take_token(MODEL, None, now):
            now += left
        else:
            taken += 1
    assert store.learned_rate(MODEL, now) == Rate(6, 60.0)


def test_a_single_call_that_was_refused_teaches_to_wait_but_no_rate(store: Store):
    store.learn_rate(MODEL, [], 100.0, 100.0, 7.0)
    assert store.take_token(MODEL, None, 101.0) == 6.0
    assert store.learned_rate(MODEL, 101.0) is None


def test_a_set_rate_holds_beside_a_learned_one(store: Store):
    store.learn_rate(MODEL, [100.0, 101.0, 102.0], 103.0, 103.0, 0.0)
    assert store.take_token(MODEL, Rate(100, 1), 104.0) == pytest.approx(56.0)
    assert store.take_token(MODEL, Rate(4, 3600), 161.0) == 0.0
    assert store.take_token(MODEL, Rate(4, 3600), 162.0) == pytest.approx(100.0 + 3600 - 162)


def test_a_slow_rate_counts_what_callers_with_a_faster_one_or_none_have_sent(store: Store):
    slow = Rate(4, 3600.0)
    assert store.take_token(MODEL, slow, 100.0) == 0.0
    assert store.take_token(MODEL, Rate(2, 1.0), 300.0) == 0.0  # more than a minute later
    assert store.take_token(MODEL, None, 700.0) == 0.0
    assert store.take_token(MODEL, slow, 1000.0) == 0.0
    assert store.take_token(MODEL, slow, 1001.0) == 100.0 + 3600 - 1001


def test_what_is_remembered_of_a_fast_model_has_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "KEPT", 10)
    for number in range(30):
        assert store.take_token(MODEL, Rate(2, 1.0), 100.0 + 100 * number) == 0.0
    with store._database.read() as connection:
        (sent,) = connection.exec_driver_sql("SELECT sent FROM rates").scalars()
    assert len(json.loads(sent)) == 11


TAKER = """
import json, sys
from pathlib import Path
from notebook_img.settings import Rate
from notebook_img.store import Store
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([store.take_token("gemini:a", Rate(60, 60.0), 1000.0) for _ in range(50)]))
"""


def test_processes_that_take_at_the_same_time_never_take_more_than_there_is(home: Path):
    Store.open(home).close()
    takers = [
        subprocess.Popen([sys.executable, "-c", TAKER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for taker in takers:
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        taker.stdin.write("\n")
        taker.stdin.flush()
    waits = [json.loads(taker.communicate()[0]) for taker in takers]
    assert sum(wait == 0.0 for row in waits for wait in row) == 60


# ------------------------------------------------------------------------------------------ how a rate is written


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/min", FIVE),
        ("2 per second", Rate(2, 1.0)),
        ("100/hour", Rate(100, 3600.0)),
        ("7 / Minutes", Rate(7, 60.0)),
        ("9/day", Rate(9, 86400.0)),
    ],
)
def test_rates_are_read(text: str, rate: Rate):
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["5", "0/min", "min", "5/week", "-1/min", "", "5/min/min"])
def test_what_is_no_rate_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match="such as 5/min"):
        read_rate(text)
    with pytest.raises(UsageError, match="For example: rate='5/min'"):
        make_call("generate", "a fox", None, {"rate": text or "x"})


def test_the_nearest_name_decides():
    rates = read_rates("100/hour, gemini=5/min, gemini:pro=1/min")
    assert [rate_for(model, rates) for model in ("gemini:pro", "gemini:flash", "openai:x")] == [Rate(1, 60.0), FIVE, Rate(100, 3600.0)]
    with pytest.raises(UsageError, match=r"rate = 'gemini=often'.*such as 5/min"):
        Studio(rate="gemini=often")
