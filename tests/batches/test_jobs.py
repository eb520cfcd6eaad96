"""Items whose service takes a job: what a batch has left there is fetched by whoever goes on with it, and paid once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import notebook_img as ni
from notebook_img.errors import JobPendingError
from tests.emulators.process import Running

ANIMALS = ["fox", "owl", "bear"]


@dataclass(frozen=True)
class Service:
    """A service that takes jobs."""

    environ: dict[str, str]
    """URL stands for the emulator's."""
    asks: Callable[[dict[str, Any]], bool]
    """Whether a request asks for a picture, so that it costs."""
    faults: tuple[dict[str, Any], ...] = ()
    slow: dict[str, Any] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)
    patient: dict[str, str] = field(default_factory=dict)
    """The environment of who goes on."""


SERVICES = {
    "fal": Service(
        {"FAL_KEY": "fal-emulator-key-0123456789:abcdef", "FAL_BASE_URL": "URL", "FAL_POLL": "0.01", "FAL_DEADLINE": "1"},
        lambda row: row["method"] == "POST" and "/fal-ai/" in row["path"],
        slow={"looks": 100_000},
        done={"looks": 1},
        patient={"FAL_DEADLINE": "60"},
    ),
    "jimeng": Service(
        {
            "JIMENG_API_TOKEN": "jimeng-token-first-0001",
            "JIMENG_BASE_URL": "URL",
            "JIMENG_UPLOAD_URL": "URL",
            "JIMENG_POLL": "0.3",
            "JIMENG_DEADLINE": "1",
        },
        lambda row: "aigc_draft/generate" in row["path"],
        slow={"states": [20] * 8 + [50]},
        patient={"JIMENG_DEADLINE": "60", "JIMENG_POLL": "0.01"},
    ),
    "ark": Service(
        {"ARK_API_KEY": "ark-emulator-key-0123456789", "ARK_BASE_URL": "URL/api/v3"},
        lambda row: row["path"].endswith("/images/generations"),
        faults=({"kind": "status", "status": 503, "path": "/results/", "times": 3},),
    ),
}


@dataclass
class Left:
    """A service with three jobs that a batch has left there."""

    name: str
    running: Running
    environ: dict[str, str]

    @contextlib.contextmanager
    def studio(self) -> Iterator[ni.Studio]:
        with contextlib.closing(ni.Studio(settings=ni.Settings(self.environ, timeout=20, retries=0))) as studio:
            yield studio

    def asked(self, studio: ni.Studio) -> Any:
        output = "out/{animal}.png"
        return studio.batch.generate("a {animal}", over={"animal": ANIMALS}, model=self.name, budget=9, at_once=3, output=output)

    @property
    def sent(self) -> int:
        return sum(map(SERVICES[self.name].asks, self.running.requests()))


@pytest.fixture(params=SERVICES)
def left(request: pytest.FixtureRequest, start_emulator: Callable[..., Running], home: Path, photos: Path) -> Left:
    service, running = SERVICES[request.param], start_emulator(request.param)
    running.control(*service.faults, **service.slow)
    environ = {name: value.replace("URL", running.url) if value.startswith("URL") else value for name, value in service.environ.items()}
    found = Left(request.param, running, {"NOTEBOOK_IMG_HOME": str(home), **environ})
    with found.studio() as studio, pytest.raises(JobPendingError, match="All 3 items of batch b1 failed"):
        found.asked(studio)
    assert found.sent == 3
    running.control(**service.done)
    found.environ |= service.patient
    return found


@pytest.mark.parametrize("goes_on", ["resume", "retry", "retry billed", "same call", "one by one"])
def test_what_a_service_still_has_is_fetched_and_paid_once(left: Left, goes_on: str) -> None:
    with left.studio() as studio:
        batch = studio.batch.named("b1")
        assert batch.counts.words == "0 of 3 done, 3 failed"
        if goes_on == "same call":
            batch = left.asked(studio)
        elif goes_on == "one by one":
            studio.resume()
        else:
            {"resume": batch.resume, "retry": batch.retry, "retry billed": lambda: batch.retry(billed=True)}[goes_on]()
        assert batch.counts.words == "3 of 3 done"
        assert left.sent == 3
        assert [item.turn.prompt for item in batch] == [f"a {animal}" for animal in ANIMALS]
        assert [(item.error, item.record.billed) for item in batch] == [("", "no")] * 3
        rows = studio.store.spend_rows()
        assert [row.state for row in rows] == ["billed"] * 3
        assert batch.cost == pytest.approx(sum(row.cost or 0.0 for row in rows)) == pytest.approx(sum(item.cost or 0.0 for item in batch))
        assert len(batch.session.turns) == 3
        assert {path.stem.partition("-")[0] for path in Path("out").iterdir()} == set(ANIMALS)
        batch.resume()
        assert (left.sent, len(batch.session.turns)) == (3, 3)
