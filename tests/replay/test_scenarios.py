"""The rules of running again in one process: the table of scenarios.py, and what a row cannot say."""

from __future__ import annotations

import threading

import pytest

from notebook_img.calls import replay_lookup
from tests.replay.painter import Painter
from tests.replay.scenarios import IN_PLACE, A, Open


@pytest.mark.parametrize("name", IN_PLACE)
def test_running_again(name, kernel, monkeypatch):
    labels: dict[str, str] = {}
    running = None
    for number, step in enumerate(IN_PLACE[name]):
        if isinstance(step, Open):
            if step.painter:
                monkeypatch.setenv("PAINTER_MODEL", step.painter)
            running = kernel(model=step.model)
            if step.forgets_model:
                running.studio.store.update_session(running.session.id, model="")
            continue
        done = running.run(step.cell, step.source)
        where = f"{name}, step {number}: {step}"
        assert (done.error is not None) == bool(step.fails), f"{where}: {done.error!r}"
        assert done.calls == step.sent, where
        painted = [turn for turn in done.turns if turn.kind != "ask"]
        for label, turn in zip(step.gives.split(), painted, strict=True):
            sha256 = turn.picture.sha256
            assert labels.setdefault(label, sha256) == sha256, f"{where}: {label} is another picture than before"
            assert [other for other, known in labels.items() if known == sha256] == [label], f"{where}: {label} is not new"
        if step.parents is not None:
            got = [turn.parent.picture.sha256 if turn.parent else None for turn in painted]
            assert got == [labels[label] for label in step.parents.split()], where


def test_a_loop_of_thirty_that_fails_at_the_seventeenth_costs_fourteen_calls_more(kernel, painter):
    running = kernel()
    source = "for i in range(30): gen(f'fox {i}')"
    painter.fail_at = 16
    first = running.run("L", source)
    assert first.error is not None
    assert first.calls == 16
    second = running.run("L", source)
    assert second.error is None
    assert second.calls == 14
    assert second.hashes[:16] == first.hashes
    assert kernel().run("L", source).hashes == second.hashes


def test_a_stopped_run_in_a_new_kernel_goes_on_giving_back(kernel, painter):
    source = "for i in range(6): gen(f'fox {i}')"
    whole = kernel().run("L", source).hashes
    running = kernel()
    stopped = running.run("L", source.replace("range(6)", "range(3)") + "\n1 / 0")
    assert (stopped.calls, stopped.hashes) == (0, whole[:3])
    again = running.run("L", source)
    assert (again.calls, again.hashes) == (0, whole)


def test_two_notebooks_share_a_session_at_once(kernel, tmp_path):
    one, two = kernel(notebook=tmp_path / "one.ipynb"), kernel(notebook=tmp_path / "two.ipynb")
    a = one.run("A", A)
    x = two.run("X", "edit('second', 'sample:coffee')")
    b = one.run("B", "edit('night')")
    y = two.run("Y", "edit('day')")
    assert b.turns[0].parent == a.turns[0]
    assert y.turns[0].parent == x.turns[0]
    one, two = kernel(notebook=tmp_path / "one.ipynb"), kernel(notebook=tmp_path / "two.ipynb")
    again = [one.run("A", A), two.run("X", "edit('second', 'sample:coffee')"), one.run("B", "edit('night')"), two.run("Y", "edit('day')")]
    assert [cell.calls for cell in again] == [0, 0, 0, 0]
    assert [cell.hashes for cell in again] == [a.hashes, x.hashes, b.hashes, y.hashes]


@pytest.mark.parametrize("ids", [True, False], ids=["with cell ids", "without"])
def test_a_renamed_notebook_gives_back_the_same(kernel, tmp_path, ids):
    old, new = tmp_path / "old.ipynb", tmp_path / "new.ipynb"
    old.touch()
    first = kernel(notebook=old, session=None, ids=ids)
    made = [first.run("A", A), first.run("B", "edit('night')")]
    old.rename(new)
    second = kernel(notebook=new, session=None, ids=ids)
    again = [second.run("A", A), second.run("B", "edit('night')")]
    assert [cell.calls for cell in again] == [0, 0]
    assert [cell.hashes for cell in again] == [cell.hashes for cell in made]


def test_without_ids_equal_cells_are_two_cells(kernel):
    first = kernel(ids=False)
    made = [first.run("?", A), first.run("?", "edit('darker')"), first.run("?", "edit('darker')")]
    assert made[2].turns[0].parent == made[1].turns[0]
    second = kernel(ids=False)
    again = [second.run("?", A), second.run("?", "edit('darker')"), second.run("?", "edit('darker')")]
    assert [cell.calls for cell in again] == [0, 0, 0]
    assert [cell.hashes for cell in again] == [cell.hashes for cell in made]


def test_a_notebook_run_with_ids_is_given_back_where_nothing_tells_ids(kernel):
    first = kernel()
    made = [first.run("A", A), first.run("A", A), first.run("B", "edit('night')")]
    second = kernel(ids=False)
    again = [second.run("?", A), second.run("?", "edit('night')")]
    assert [cell.calls for cell in again] == [0, 0]
    assert [cell.hashes for cell in again] == [made[1].hashes, made[2].hashes]


def test_without_a_key_everything_stored_comes_back_and_the_rest_is_an_error(kernel, painter):
    made = kernel().run("A", A)
    painter.key = False
    running = kernel()
    assert running.run("A", A).hashes == made.hashes
    failed = running.run("B", "edit('something new')")
    assert "PAINTER_KEY" in str(failed.error)
    assert len(running.session.turns) == 1


def test_a_colleague_with_an_empty_home_and_no_key_gets_every_picture_from_the_pack(kernel, painter, tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    notebook = folder / "work.ipynb"
    notebook.touch()
    cells = [("A", A), ("B", "edit('night')"), ("Q", "ask('what is it?')"), ("C", "edit('warm')")]
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    made = [first.run(cell, source) for cell, source in cells]
    path, turns, size = first.studio.pack()
    assert path == folder / "work.pictures.zip"
    assert turns == 4, "the roll that was rejected stays behind"
    assert size == path.stat().st_size
    painter.key = False
    for ids in (True, False):
        colleague = kernel(home=tmp_path / f"empty {ids}", notebook=notebook, session=None, ids=ids)
        again = [colleague.run(cell, source) for cell, source in cells]
        assert [cell.error for cell in again] == [None] * 4
        assert [cell.hashes for cell in again] == [cell.hashes for cell in made]
        assert again[2].turns[0].text == made[2].turns[0].text
        assert all(turn.replayed for cell in again for turn in cell.turns)
    assert painter.calls.count("night") == 1


def test_a_pack_that_was_tampered_with_is_refused_and_the_service_is_asked(kernel, tmp_path):
    import zipfile

    notebook = tmp_path / "work.ipynb"
    notebook.touch()
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    path, _, _ = first.studio.pack()
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item, data[:-20] + b"x" * 20 if item.filename.startswith("pictures/") else data)
    broken.replace(path)
    failed = kernel(home=tmp_path / "empty", notebook=notebook, session=None)
    done = failed.run("A", A)
    assert (done.calls, done.error) == (1, None)
    [said] = [text for text in failed.said if "A pack was left out" in text]
    assert "does not match its hash" in said
    assert path.name in said
    failed.run("B", A)
    assert len([text for text in failed.said if "A pack was left out" in text]) == 1


@pytest.mark.parametrize("damage", ["truncated", "newer", "its sessions"])
def test_an_unreadable_pack_is_said_and_left_out(kernel, tmp_path, damage):
    import json
    import zipfile

    notebook = tmp_path / "work.ipynb"
    notebook.touch()
    first = kernel(notebook=notebook, session=None)
    first.run("A", A)
    path, _, _ = first.studio.pack()
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    else:
        with zipfile.ZipFile(path) as old:
            members = {item.filename: old.read(item) for item in old.infolist()}
        manifest = json.loads(members["manifest.json"])
        if damage == "newer":
            members["manifest.json"] = json.dumps({**manifest, "version": 99}).encode()
        else:
            members["sessions.json"] = members["sessions.json"].replace(b"first", b"worst")
        with zipfile.ZipFile(path, "w") as new:
            for name, data in members.items():
                new.writestr(name, data)
    running = kernel(home=tmp_path / "empty", notebook=notebook, session=None)
    done = running.run("A", A)
    assert done.error is None
    assert done.calls == 1
    assert any(
        "A pack was left out" in text and any(why in text for why in ("newer", "cut off", "does not match its hash"))
        for text in running.said
    )


def test_replies_come_from_a_store_that_the_setting_names(kernel, painter, home, tmp_path, monkeypatch):
    made = kernel().run("A", A)
    painter.key = False
    monkeypatch.setenv("NOTEBOOK_IMG_REPLAY_FROM", str(home))
    other = kernel(home=tmp_path / "other")
    assert other.run("A", A).hashes == made.hashes


def test_a_store_that_the_setting_names_gives_the_roll_that_was_kept(kernel, painter, home, tmp_path, monkeypatch):
    first = kernel()
    first.run("A", A)
    kept = first.run("A", A)
    painter.key = False
    monkeypatch.setenv("NOTEBOOK_IMG_REPLAY_FROM", str(home))
    assert kernel(home=tmp_path / "other").run("elsewhere", f"{A}  # in another cell").hashes == kept.hashes


def test_an_image_file_changed_under_the_same_name_is_a_new_request(kernel, tmp_path):
    from PIL import Image

    path = tmp_path / "mine.png"
    Image.new("RGB", (9, 9), "red").save(path)
    source = f"edit('night', {str(path)!r})"
    made = kernel().run("A", source)
    Image.new("RGB", (9, 9), "blue").save(path)
    again = kernel().run("A", source)
    assert (again.calls, again.hashes != made.hashes) == (1, True)


def test_arrays_with_the_same_pixels_are_the_same_request(kernel):
    source = "import numpy as np; edit('night', np.full((8, 8, 3), 77, dtype='uint8'))"
    made = kernel().run("A", source)
    again = kernel().run("A", source)
    assert (again.calls, again.hashes) == (0, made.hashes)


def test_a_deleted_turn_is_asked_for_anew_and_what_followed_too(kernel):
    first = kernel()
    first.run("A", A)
    first.run("B", "edit('night')")
    first.session.delete_turn("t1")
    second = kernel()
    assert [second.run("A", A).calls, second.run("B", "edit('night')").calls] == [1, 1]


def test_a_session_deleted_in_another_process_is_an_error_that_says_so(kernel):
    running = kernel()
    running.run("A", A)
    kernel().session.delete()
    failed = running.run("B", "edit('night')")
    assert "deleted" in str(failed.error)


def test_mode_only_gives_back_or_fails_with_the_nearest_request(kernel):
    made = kernel().run("A", A)
    running = kernel(replay="only")
    assert running.run("A", A).hashes == made.hashes
    assert running.run("A", A).hashes == made.hashes
    failed = running.run("B", "edit('firsts', 'sample:chelsea')")
    assert failed.calls == 0
    assert "'B'" in str(failed.error)
    assert "fox/t1" in str(failed.error)


def test_mode_always_gives_the_same_reply_until_fresh(kernel):
    running = kernel(replay="always")
    first = running.run("A", "gen('fox'); gen('fox')")
    assert first.calls == 1
    assert len(set(first.hashes)) == 1
    fresh = running.run("A", "gen('fox', fresh=True)")
    assert fresh.calls == 1
    assert running.run("A", "gen('fox')").hashes == fresh.hashes
    assert kernel(replay="always").run("Z", "gen('fox')").hashes == fresh.hashes


def test_mode_off_always_asks(kernel):
    kernel().run("A", A)
    assert kernel(replay="off").run("A", A).calls == 1


def test_outside_a_kernel_every_call_asks(home, painter):
    from notebook_img import Studio

    for expected in (1, 2):
        studio = Studio(home=home, model="painter")
        studio.session("fox").generate("fox")
        assert len(painter.calls) == expected
        studio.close()


def test_vscode_ids_tell_cells_apart_only_in_the_running_kernel(kernel):
    first = kernel()
    made = [first.run("vscode-notebook-cell:/a.ipynb#W1", A), first.run("vscode-notebook-cell:/a.ipynb#W2", "edit('night')")]
    again = first.run("vscode-notebook-cell:/a.ipynb#W2", "edit('night')")
    assert again.calls == 1
    assert again.turns[0].parent == made[0].turns[0]
    second = kernel()
    back = [second.run("vscode-notebook-cell:/b.ipynb#W7", A), second.run("vscode-notebook-cell:/b.ipynb#W9", "edit('night')")]
    assert [cell.calls for cell in back] == [0, 0]
    assert back[1].hashes == again.hashes


def test_a_cell_whose_words_changed_starts_where_it_started_with_ids_of_vscode_too(kernel):
    running = kernel()
    a = running.run("vscode-notebook-cell:/a.ipynb#W0sZmlsZQ==", A)
    first = running.run("vscode-notebook-cell:/a.ipynb#W1sZmlsZQ==", "edit('night')")
    changed = running.run("vscode-notebook-cell:/a.ipynb#W1sZmlsZQ==", "edit('dusk')")
    assert changed.turns[0].parent == first.turns[0].parent == a.turns[0], "not on top of its own result"
    back = running.run("vscode-notebook-cell:/a.ipynb#W1sZmlsZQ==", "edit('night')")
    assert back.turns[0].parent == a.turns[0]
    after = running.run("vscode-notebook-cell:/a.ipynb#W2sZmlsZQ==", "edit('a scarf')")
    assert after.turns[0].parent == back.turns[0], "another cell goes on from it"


def test_a_question_that_changed_is_asked_where_it_was_asked_with_ids_of_vscode(kernel):
    running = kernel()
    running.run("vscode-notebook-cell:/a.ipynb#W0sZmlsZQ==", A)
    running.run("vscode-notebook-cell:/a.ipynb#W1sZmlsZQ==", "ask('what is it?')")
    changed = running.run("vscode-notebook-cell:/a.ipynb#W1sZmlsZQ==", "ask('and what colour?')")
    assert changed.turns[0].parent.kind != "ask", "it follows the picture, not its own answer"


def test_mode_only_leaves_the_built_in_engine_free(kernel, painter):
    running = kernel(replay="only", model="local")
    assert running.run("A", "gen('a red circle')").turns[0].model == "local:builtin"
    assert running.run("B", "edit('crop to a square')").error is None
    assert painter.calls == []


def test_a_miss_in_mode_only_lists_what_is_stored_about_the_picture(kernel):
    kernel().run("A", A)
    kernel().run("B", "edit('make it night', start='t1')")
    kernel().run("C", "edit('make it dawn', start='t1')")
    missed = kernel(replay="only").run("D", "edit('make it dusk', start='t1')").error
    text = str(missed)
    assert "Stored about this picture: " in text
    assert "'make it night' (fox/t2)" in text
    assert "'make it dawn' (fox/t3)" in text


def test_a_miss_lists_what_a_pack_has_about_the_picture(kernel, tmp_path):
    teacher = kernel()
    teacher.run("A", A)
    teacher.run("B", "edit('make it night')")
    path = teacher.studio.pack(str(tmp_path / "class.pictures.zip"))[0]
    student = kernel(home=tmp_path / "student", replay="only", replay_from=(path,))
    assert student.run("A", A).error is None
    text = str(student.run("B", "edit('make it nigth')").error)
    assert "Stored about this picture: 'make it night'" in text


def test_again_repeats_the_head_with_the_same_prompt_and_start(kernel):
    running = kernel()
    a = running.run("A", A)
    b = running.run("B", "edit('night')")
    c = running.run("C", "edit(again=True)")
    assert c.calls == 1
    assert c.turns[0].prompt == "night"
    assert c.turns[0].parent == a.turns[0]
    assert c.hashes != b.hashes
    second = kernel()
    assert [second.run("A", A).calls, second.run("B", "edit('night')").calls, second.run("C", "edit(again=True)").calls] == [0, 0, 0]


def test_equal_requests_at_once_come_back_in_the_order_they_were_made(kernel):
    source = """
import asyncio
async def four():
    return await asyncio.gather(*(s.aio.generate('fox') for _ in range(4)))
keep(asyncio.run(four()))
"""
    made = kernel().run("G", source)
    assert (made.error, made.calls) == (None, 4)
    assert len(set(made.hashes)) == 4
    again = kernel().run("G", source)
    assert (again.error, again.calls) == (None, 0)
    assert again.hashes == made.hashes


def test_a_reply_that_is_stored_and_not_noted_yet_is_not_given_to_an_equal_request(kernel, monkeypatch):
    noted = threading.Event()
    note = replay_lookup.note

    def late(*given):
        noted.wait(20)
        note(*given)

    monkeypatch.setattr(replay_lookup, "note", late)
    source = """
import asyncio
async def two():
    first = asyncio.ensure_future(s.aio.generate('fox'))
    while not s.turns:
        await asyncio.sleep(0.01)
    second = asyncio.ensure_future(s.aio.generate('fox'))
    for _ in range(300):
        if len(asked()) == 2:
            break
        await asyncio.sleep(0.01)
    noted()
    return await asyncio.gather(first, second)
keep(asyncio.run(two()))
"""
    running = kernel()
    made = running.run("G", source, asked=lambda: Painter.calls, noted=noted.set)
    assert (made.error, made.calls) == (None, 2)
    assert len(set(made.hashes)) == 2


def test_a_dry_run_is_no_request(kernel):
    first = kernel()
    made = first.run("A", "gen('fox')")
    second = kernel()
    again = second.run("A", "s.generate('fox', dry_run=True); gen('fox')")
    assert (again.calls, again.hashes) == (0, made.hashes)


def test_a_request_that_failed_and_was_tried_again_in_the_same_cell_counts_once(kernel, painter):
    source = "try: gen('fox')\nexcept Exception: gen('fox')"
    painter.fail_at = 0
    made = kernel().run("A", source)
    assert made.calls == 1
    again = kernel().run("A", source)
    assert (again.calls, again.hashes) == (0, made.hashes)
