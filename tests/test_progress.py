"""Events in words: one state for every surface."""

from __future__ import annotations

from notebook_img.calls import Notice, Progress
from notebook_img.loop import Tick
from notebook_img.providers.interface import PartialEvent, ProgressEvent, SubmittedEvent, TextEvent, WaitEvent


def taking(*events: object) -> tuple[Progress, list[str]]:
    progress = Progress("working")
    return progress, [progress.take(event) for event in events]


def test_each_event_changes_its_part_and_says_which():
    progress, changes = taking(
        ProgressEvent("drawing 1 of 2", 0.5), TextEvent("A fox"), TextEvent(" in snow."), PartialEvent(b"early"), PartialEvent(b"later")
    )
    assert changes == ["message", "text", "text", "partial", "partial"]
    assert (progress.message, progress.fraction, progress.text, progress.partial) == ("drawing 1 of 2", 0.5, "A fox in snow.", b"later")


def test_a_wait_counts_the_attempts_to_come_out_of_all_there_may_be():
    first = WaitEvent(seconds=2.3, reason="Gemini is busy.", attempt=1, most=4)
    last = WaitEvent(seconds=16, reason="Gemini is busy.", attempt=4, most=4)
    progress, changes = taking(first)
    assert changes == ["waiting"]
    assert progress.line == "Gemini is busy; trying again in 2 s (attempt 2 of 5)"
    progress.take(last)
    assert progress.line == "Gemini is busy; trying again in 16 s (attempt 5 of 5)"


def test_a_wait_is_over_when_anything_comes():
    wait = WaitEvent(seconds=2, reason="busy.", attempt=1, most=4)
    for event in (ProgressEvent("painting"), TextEvent("A"), PartialEvent(b"early"), SubmittedEvent("j1", {})):
        progress, _ = taking(wait, event)
        assert progress.waiting == "", event
    assert progress.line == "the service has taken the job"


def test_what_says_nothing_of_the_call_changes_nothing():
    wait = WaitEvent(seconds=2, reason="busy.", attempt=1, most=4)
    progress, changes = taking(wait, Tick(), Notice("Prompts go to Gemini."), object())
    assert changes[1:] == ["", "", ""]
    assert progress.line.startswith("busy; trying again")
