"""Jobs that outlive the one who waits: deadlines, interrupts, kills; fetched later by any process, and paid once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from notebook_img import loop
from notebook_img.calls.call import make_call
from notebook_img.calls.jobs import is_left, leave_job, resume_job, unfinished_jobs
from notebook_img.calls.perform import perform_call
from notebook_img.cli import main
from notebook_img.errors import JobPendingError, NotFoundError, RefusedError, UsageError
from notebook_img.hints import Hint
from notebook_img.studio.doctor import examine
from tests.emulators.process import ROOT
from tests.pictures.regions.stand_in import tiled
from tests.studio.conftest import jimeng_environ, noise, rgb

SLOW = [20] * 8 + [50]


@pytest.fixture
def impatient(studio_of, jimeng):
    """A studio whose deadline comes before the job is done."""
    jimeng.control(states=SLOW)
    return studio_of({**jimeng_environ(jimeng), "JIMENG_DEADLINE": "1", "JIMENG_POLL": "0.3"})


@pytest.fixture
def left(impatient):
    """A studio and the id of a job it has left with the service."""
    with pytest.raises(JobPendingError) as caught:
        impatient.session("fox", model="jimeng").generate("a fox", size="1K", seed=2_555_000_001)
    assert caught.value.job
    return patient(impatient), caught.value.job


def patient(studio):
    """Let a studio wait until the job is done."""
    studio.settings.jimeng_poll = 0.01
    studio.settings.jimeng_deadline = 20.0
    return studio


def submitted(jimeng) -> int:
    return len(jimeng.requests("aigc_draft/generate"))


def test_a_deadline_leaves_a_job_that_is_fetched_later_without_paying_again(left, jimeng):
    studio, job = left
    (row,) = studio.jobs()
    assert (row.id, row.state, row.session) == (job, "submitted", "fox")
    assert not list(studio.session("fox").turns)
    (turn,) = studio.resume(job)
    assert len(turn.pictures) == 4
    assert (turn.prompt, turn.seed, turn.model) == ("a fox", 2_555_000_001, "jimeng:jimeng-4.5")
    assert studio.session("fox").head.id == turn.id
    assert submitted(jimeng) == 1
    assert studio.store.job(job).state == "done"
    assert studio.store.job(job).turn == turn.full_id
    assert [row.state for row in studio.store.spend_rows()] == ["billed"]


def test_the_error_says_what_to_do_and_the_doctor_knows(left):
    studio, job = left
    assert any(job in finding.details and Hint("resume-job", job=job) in finding.hints for finding in examine(studio))


def test_the_service_s_own_id_finds_the_job_too(left):
    studio, job = left
    (turn,) = studio.resume(studio.store.job(job).submit_id)
    assert turn.pictures


def test_all_waiting_jobs_are_fetched_when_none_is_named(left):
    studio, _ = left
    assert len(studio.resume()) == 1
    assert studio.resume() == []


def test_a_job_still_unfinished_stays_resumable_under_our_id(impatient, jimeng):
    jimeng.control(states=[20] * 60 + [50])
    with pytest.raises(JobPendingError) as caught:
        impatient.session("fox", model="jimeng").generate("a fox", size="1K")
    job = caught.value.job
    with pytest.raises(JobPendingError) as again:
        impatient.resume(job)
    assert again.value.job == job
    assert impatient.store.job(job).state == "submitted"


def test_a_resumed_job_writes_the_file_its_call_asked_for_and_eats_no_other(impatient, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = impatient.session("fox", model="jimeng")
    for name in ("fox.png", "owl.png"):
        with pytest.raises(JobPendingError):
            session.generate(name, size="1K", output=name)
    (tmp_path / "owl-2.png").write_bytes(b"came later")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    turns = {turn.prompt: turn for turn in patient(impatient).resume()}
    fox, owl = turns["fox.png"], turns["owl.png"]
    assert [path.relative_to(tmp_path).name for path in fox.files] == [f"fox-{number}.png" for number in (1, 2, 3, 4)]
    assert [path.read_bytes()[:4] for path in fox.files] == [b"\x89PNG"] * 4
    assert owl.files == ()
    assert any("already exists" in said and owl.full_id in said for said in owl.notices)
    assert (tmp_path / "owl-2.png").read_bytes() == b"came later"
    assert [path.name for path in tmp_path.glob("owl*")] == ["owl-2.png"], "all of them or none"


def test_the_next_edit_goes_on_from_a_resumed_picture(left):
    studio, job = left
    (turn,) = studio.resume(job)
    assert studio.session("fox").edit("crop to a square", pick=2, model="local").parent.id == f"{turn.id}.2"


def test_a_resumed_edit_stays_inside_its_mask(impatient):
    session = impatient.session("fox", model="jimeng")
    with pytest.raises(JobPendingError) as caught:
        session.edit("make it night", noise((192, 128)), mask="40,30,80,60")
    (turn,) = patient(impatient).resume(caught.value.job)
    before, after = rgb(turn.inputs[0]), rgb(turn.picture)
    assert (before[:30] == after[:30]).all()
    assert (before[45:75, 55:105] != after[45:75, 55:105]).any()
    assert len(turn.delivered) == 4


def test_a_resumed_region_is_pasted_by_the_plan_of_its_row_in_any_process(impatient, studio_of, jimeng):
    photograph = tiled("coffee", 0, 0, 2400, 1600)
    with pytest.raises(JobPendingError) as caught:
        impatient.session("fox", model="jimeng").edit("make it night", photograph, mask="1600,1000,160,120")
    plan = impatient.store.job(caught.value.job).request["region"]
    other = studio_of({**jimeng_environ(jimeng), "JIMENG_POLL": "0.01"})
    (turn,) = other.resume(caught.value.job)
    assert turn.sent["region"] == plan
    assert plan["frame"][2] - plan["frame"][0] < 1200
    after = rgb(turn.picture)
    changed = (after != photograph).any(axis=2)
    assert changed[1000:1120, 1600:1760].any()
    changed[1000:1120, 1600:1760] = False
    assert not changed.any()


@pytest.mark.parametrize("size", ["768x512", "1024x1024"], ids=["same frame", "another frame"])
def test_a_row_of_before_there_were_plans_is_pasted_as_it_was_then(impatient, size):
    session = impatient.session("fox", model="jimeng")
    with pytest.raises(JobPendingError) as caught:
        session.edit("make it night", noise((192, 128)), mask="40,30,80,60", size=size)
    row = impatient.store.job(caught.value.job)
    impatient.store.update_job(row.id, request={name: value for name, value in row.request.items() if name != "region"})
    (turn,) = patient(impatient).resume(row.id)
    if size == "768x512":
        assert (rgb(turn.inputs[0])[:30] == rgb(turn.picture)[:30]).all()
        assert len(turn.delivered) == 4
    else:
        assert turn.picture.size == (1024, 1024)
        assert any("Kept as it was delivered" in warning for warning in turn.warnings)


def test_a_session_that_was_renamed_or_deleted_meanwhile_loses_nothing(left, jimeng):
    studio, job = left
    studio.session("fox").rename("vixen")
    (turn,) = studio.resume(job)
    assert turn.full_id == "vixen/t1"
    studio.settings.jimeng_deadline = 1.0
    studio.settings.jimeng_poll = 0.3
    with pytest.raises(JobPendingError) as caught:
        studio.session("owl", model="jimeng").generate("an owl", size="1K")
    studio.session("owl").delete()
    (turn,) = patient(studio).resume(caught.value.job)
    assert turn.full_id == "owl/t1"


def rewritten(studio, job, change) -> None:
    """Let a job's row have been written by another version of the package."""
    request = json.loads(json.dumps(studio.store.job(job).request))
    change(request["pending"])
    studio.store.update_job(job, request=request)


def test_a_row_with_fields_of_another_version_is_fetched_all_the_same(left, jimeng):
    def newer(pending) -> None:
        pending["mood"] = "merry"
        pending["origin"]["planet"] = "Mars"
        pending["asks"] = pending.pop("asked")
        for name in ("head_before", "warnings", "kind", "number"):
            del pending[name]

    studio, job = left
    rewritten(studio, job, newer)
    (turn,) = studio.resume(job)
    assert (len(turn.pictures), turn.prompt, turn.seed, turn.model) == (4, "a fox", 2_555_000_001, "jimeng:jimeng-4.5")
    assert (turn.full_id, turn.kind, dict(turn.asked)) == ("fox/t1", "generate", {})
    assert submitted(jimeng) == 1


def test_a_row_whose_pictures_lack_facts_has_them_from_the_pictures(impatient):
    def newer(pending) -> None:
        for use in pending["pictures"]:
            use["frame"] = [use.pop("width"), use.pop("height")]
            del use["bytes"], use["mime_type"]

    session = impatient.session("fox", model="jimeng")
    with pytest.raises(JobPendingError) as caught:
        session.edit("make it night", noise((192, 128)), mask="40,30,80,60")
    rewritten(impatient, caught.value.job, newer)
    (turn,) = patient(impatient).resume(caught.value.job)
    assert [(use.role, use.width, use.height, use.mime_type) for use in turn.record.uses("input", "mask")] == [
        ("input", 192, 128, "image/png"),
        ("mask", 192, 128, "image/png"),
    ]
    assert (rgb(turn.inputs[0])[:30] == rgb(turn.picture)[:30]).all(), "the mask holds still"


def test_what_is_left_and_what_may_still_come(left):
    studio, job = left
    here, ended, elsewhere = studio.store.owner, f"{studio.store.owner.split(':')[0]}:{2**31 - 1}:1", "another host:1:1"

    def told(state: str, owner: str) -> tuple[bool, bool]:
        row = studio.store.update_job(job, state=state, owner=owner)
        return is_left(studio.store, row), bool(unfinished_jobs(studio.store, "fox"))

    assert told("submitted", here) == (True, True)
    assert told("running", here) == (False, True)
    assert told("running", elsewhere) == (False, True), "nobody can tell, so it is not taken away from whoever may wait"
    assert told("running", ended) == (True, True)
    assert [row.id for row in studio.waiting_jobs()] == [job]
    assert told("failed", ended) == (False, False)
    studio.store.update_job(job, request={"tool": "generate_image"})
    assert told("running", ended) == (True, False), "what no service has is lost with its process"
    assert studio.waiting_jobs() == []


def test_interrupting_leaves_a_job(studio_of, jimeng):
    jimeng.control(states=SLOW)
    studio = studio_of({**jimeng_environ(jimeng), "JIMENG_POLL": "0.2"})
    session = studio.session("fox", model="jimeng")
    asked = studio.prepare(session, make_call("generate", "a fox", None, {"size": "1K"}))

    async def interrupted() -> None:
        task = asyncio.ensure_future(perform_call(studio, asked, lambda _event: None))
        await loop.in_thread(jimeng.wait_for, bool, "get_history_by_ids")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run(lambda _tell: interrupted())
    assert [row.state for row in studio.jobs()] == ["submitted"]
    assert len(studio.resume()) == 1
    assert submitted(jimeng) == 1


def test_a_job_that_fails_for_good_says_so_and_is_not_offered_again(studio_of, jimeng):
    jimeng.control({"kind": "reply", "reply": "filtered", "path": "aigc_draft"})
    studio = studio_of(jimeng_environ(jimeng))
    with pytest.raises(RefusedError):
        studio.session("fox", model="jimeng").generate("a fox", size="1K")
    (row,) = studio.jobs()
    assert row.state == "failed"
    with pytest.raises(UsageError, match="cannot be resumed"):
        studio.resume(row.id)
    assert studio.resume() == []


def test_unknown_and_finished_jobs_are_clear_errors(left):
    studio, job = left
    with pytest.raises(NotFoundError, match=job):
        studio.resume(job[:-1] + "zz")
    studio.resume(job)
    with pytest.raises(UsageError, match="fox/t1"):
        studio.resume(job)


def test_two_processes_that_resume_at_once_store_one_turn(left, studio_of):
    studio, job = left
    row = studio.store.job(job)

    def fetch() -> object:
        try:
            return loop.run(lambda tell: resume_job(studio, row, tell))
        except UsageError as error:
            return error

    assert studio.store.claim_job(row)
    studio.store.update_job(job, state="running", owner="elsewhere:1:1")
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(fetch).result(), UsageError)
    assert not list(studio.session("fox").turns)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows cannot tell that a process has ended by its id")
def test_a_killed_process_leaves_a_job_that_another_one_fetches(home, jimeng, studio_of, monkeypatch, capsys, tmp_path):
    jimeng.control(states=[*[20] * 60, 50])
    environ = {**jimeng_environ(jimeng), "NOTEBOOK_IMG_HOME": str(home)}
    waiting = subprocess.Popen([sys.executable, "-m", "tests.studio.waiting"], cwd=ROOT, env={**os.environ, **environ})
    try:
        jimeng.wait_for(lambda rows: len(rows) > 3, "get_history_by_ids", timeout=60)
    finally:
        waiting.kill()
        waiting.wait(10)
    (row,) = studio_of(environ).jobs()
    assert row.state == "running"
    assert any("its owner is gone" in finding.details for finding in examine(studio_of(environ)))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert main(["resume", row.id]) == 0
    assert len(capsys.readouterr().out.split()) == 4
    turn = studio_of(environ).session("fox").turn("t1")
    assert (turn.prompt, turn.seed) == ("a fox in the snow", 2_555_000_001)
    assert submitted(jimeng) == 1


def test_the_command_line_tells_which_job_is_left(jimeng, home, monkeypatch, capsys, tmp_path):
    jimeng.control(states=SLOW)
    for name, value in {**jimeng_environ(jimeng), "JIMENG_DEADLINE": "1", "JIMENG_POLL": "0.3"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "a fox", "-m", "jimeng", "--size", "1K", "-s", "fox", "--json"]) == 8
    told = capsys.readouterr()
    job = json.loads(told.out)["error"]["job"]
    assert f"notebook-img resume {job}" in told.err
    monkeypatch.setenv("JIMENG_POLL", "0.01")
    assert main(["resume", job]) == 0


def test_a_job_whose_pictures_could_not_be_stored_can_be_fetched_again(home) -> None:
    import time

    from notebook_img import Studio
    from notebook_img.errors import RefusedError, StoreError
    from notebook_img.records import JobRecord

    studio = Studio(home=home)
    now = time.time()
    for name, error, state in (
        ("j1", StoreError("The disk is full."), "submitted"),
        ("j2", RefusedError("Filtered.", stage="output", reason="2038"), "failed"),
    ):
        studio.store.add_job(JobRecord(name, "fox", "running", studio.store.owner, now, now, model="jimeng:jimeng-4.0", submit_id=name))
        leave_job(studio, name, error)
        left = studio.store.job(name)
        assert left is not None
        assert left.state == state
    studio.close()
