"""%imgsession: status, switching, looking back, undo and redo, branches, costs, packs and exports."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from notebook_img.display import counted
from notebook_img.errors import UsageError, did_you_mean
from notebook_img.ids import parse_id
from notebook_img.jupyter.line import split_words
from notebook_img.jupyter.output import Screen, put, tell
from notebook_img.jupyter.wording import IN_CELLS, in_cells_words
from notebook_img.tree import drift_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from notebook_img.jupyter.kernel import NotebookKernel
    from notebook_img.studio import Studio
    from notebook_img.tree import Session, Turn

KEEPS = "--keep-metadata"

MISSPELT = 0.8
"""How like a command a word has to be to be no name of a new session: ``undoo`` is, ``shop`` (show) and ``house`` (use) are not."""

SAID = {
    "back": "undo",
    "clear": "new NAME",
    "create": "new NAME",
    "forward": "redo",
    "goto": "checkout ID",
    "load": "import FILE",
    "log": "tree",
    "ls": "list",
    "open": "NAME",
    "remove": "delete NAME --yes",
    "reset": "new NAME",
    "rm": "delete NAME --yes",
    "save": "export FILE",
    "sessions": "list",
    "status": "",
    "switch": "use NAME",
}
"""What to write for words that are commands elsewhere."""

COMMANDS: dict[str, tuple[str, str]] = {
    "new": ("new NAME", "create a session, whatever its name"),
    "use": ("use NAME", "switch to an existing session, where it was left"),
    "list": ("list", "all sessions, the one used last first"),
    "show": ("show [ID] [ID]", "one turn with its full picture; two ids: side by side, slider and difference"),
    "tree": ("tree [NAME|ID]", "the history as pictures, with branches and questions; up to a turn"),
    "undo": ("undo", "go back to the picture before"),
    "redo": ("redo", "reverse an undo"),
    "checkout": ("checkout ID", "go to a turn and continue from there"),
    "rename": ("rename NAME", "give the session another name"),
    "delete": ("delete NAME --yes", "delete a session; delete ID --yes: a turn and all that follows it"),
    "cost": ("cost", "what was spent, by model and day"),
    "history": ("history [window|full|server]", "what of the session is sent with each edit; without a word, show the choice"),
    "pack": (
        "pack [FILE] [--all] [--keep-metadata]",
        "write what the cells give back into NOTEBOOK.pictures.zip beside the notebook; --all: also what they gave before",
    ),
    "export": ("export FILE [--force] [--keep-metadata]", "FILE.py: a script that repeats the work; FILE.zip: everything"),
    "model": ("model [NAME]", "keep a model for the session; without a name, say which it keeps"),
    "import": ("import FILE", "bring in the sessions of an exported zip"),
    "resume": ("resume [JOB]", "fetch pictures a service went on with after the wait had ended"),
    "panel": ("panel", "the session with mouse and brush"),
}


@in_cells_words
def run(kernel: NotebookKernel, line: str) -> Any:
    """Do one %imgsession command."""
    words = split_words(line)
    if not words:
        return put(status(kernel.studio, kernel.studio.session()))
    command, *rest = words
    if command in ("-h", "--help", "help"):
        print(help_text())  # noqa: T201 - help is text
        return None
    if command in COMMANDS:
        return ACTIONS[command](kernel, rest)
    if command.startswith("-"):
        raise UsageError(f"%imgsession has no option {command}. It takes a command or a session's name: %imgsession -h.")
    if rest or kernel.studio.store.session_named(command) is None:
        _refuse_misspelt(command, rest)
    return _open(kernel, command)


def _refuse_misspelt(command: str, rest: list[str]) -> None:
    """Refuse a word that is no command, and no session's name either or too near to a command to be meant as one."""
    if command.casefold() in SAID:
        meant = f" Write {f'%imgsession {SAID[command.casefold()]}'.strip()}."
    elif near := get_close_matches(command.casefold(), COMMANDS, n=1, cutoff=MISSPELT):
        meant = f" Did you mean {near[0]!r}?"
    elif rest:
        meant = did_you_mean(command, COMMANDS)
    else:
        return
    create = "" if rest else f" To create a session of that name: %imgsession new {command}."
    raise UsageError(f"%imgsession has no command {command!r}.{meant}{create or ' %imgsession -h lists them.'}")


def _open(kernel: NotebookKernel, name: str) -> Any:
    return put(status(kernel.studio, kernel.studio.session(name)))


def _new(kernel: NotebookKernel, rest: list[str]) -> Any:
    name = _one(rest, "new")
    if kernel.studio.store.session_named(name) is not None:
        raise UsageError(f"There is a session {name!r} already. %imgsession use {name} switches to it.")
    return _open(kernel, name)


def help_text() -> str:
    """Return the list of commands."""
    rows = [("NAME", "open a session, or create it"), *COMMANDS.values()]
    width = max(len(usage) for usage, _ in rows)
    return "\n".join(
        ["%imgsession shows the session's status. Commands:", *(f"  %imgsession {usage:<{width}}  {words}" for usage, words in rows)]
    )


def status(studio: Studio, session: Session) -> Any:
    """Return the session's status as a table."""
    from notebook_img import display
    from notebook_img.studio import spent_today

    head = session.head
    rows = [
        ["session", session.name],
        ["turns", str(len(session.turns))],
        ["current turn", f"{head.id}: {head.prompt[:60]}" if head else "none yet"],
        ["model", session.model or "the default (%imgsession model NAME keeps one)"],
        ["spent today", spent_today(studio)],
    ]
    if waiting := studio.waiting_jobs():
        rows.append(["left with a service", f"{len(waiting)}: %imgsession resume"])
    return display.table(["", ""], rows, caption=f"Session {session.name}")


def _head_shown(kernel: NotebookKernel, session: Session, said: str) -> Turn | None:
    """Report where the head is now, and show its picture."""
    turn = session.head
    if turn is None:
        tell(kernel.shell, f"{said}: session {session.name!r} is at its beginning; name an image in the next edit.")
        return None
    tell(kernel.shell, f"{said}: session {session.name!r} is at {turn.id}, and goes on from there.")
    bundle = turn.figure(max_side=kernel.studio.settings.preview)
    kernel.put(bundle)
    return kernel.shown(turn)


def _none(rest: list[str], command: str) -> None:
    if rest:
        raise UsageError(f"%imgsession {command} takes nothing more, not {' '.join(rest)!r}.")


def _flags(rest: list[str], command: str, *known: str) -> tuple[list[str], set[str]]:
    """Return the words that are no flags, and the flags; an unknown one is an error with the nearest."""
    flags = {word for word in rest if word.startswith("--")}
    if unknown := flags.difference(known):
        raise UsageError(
            f"%imgsession {command} has no option {min(unknown)}.{did_you_mean(min(unknown), known)} It takes {', '.join(known)}."
        )
    return [word for word in rest if word not in flags], flags


def _one(rest: list[str], command: str) -> str:
    if len(rest) != 1:
        raise UsageError(f"Write %imgsession {COMMANDS[command][0]}.")
    return rest[0]


def _use(kernel: NotebookKernel, rest: list[str]) -> None:
    name = _one(rest, "use")
    session = kernel.studio.session(name, create=False)
    kernel.studio.reread_head(session.id)
    put(status(kernel.studio, session))


def _list(kernel: NotebookKernel, rest: list[str]) -> None:
    _none(rest, "list")
    from notebook_img import display

    current, sessions = kernel.studio.session().id, kernel.studio.sessions()
    rows = [
        [
            session.name + (" (current)" if session.id == current else ""),
            str(session.record.turns),
            session.record.shown_model,
            display.moment(session.record.updated),
        ]
        for session in sessions
        if session.record.turns or session.id == current
    ]
    empty = len(sessions) - len(rows)
    caption = f"Sessions, and {empty} more without a turn" if empty else "Sessions"
    put(display.table(["session", "turns", "model", "last used"], rows, caption=caption))


def _show_turn(kernel: NotebookKernel, turn: Turn) -> Turn:
    kernel.put(turn.figure(max_side=2048, max_bytes=2_000_000))
    return kernel.shown(turn)


def _tree(kernel: NotebookKernel, rest: list[str]) -> None:
    if rest[:1] in (["-s"], ["--session"]):  # as the magics write it
        rest = rest[1:]
    named = parse_id(_one(rest, "tree")) if rest else None
    name = named.session if named is not None else rest[0] if rest else ""
    session = kernel.studio.session_for(name, creates=False) if name else kernel.studio.session()
    kernel.put(session.tree(None if named is None else named.number, wording=IN_CELLS))


def _undo(kernel: NotebookKernel, rest: list[str]) -> Turn | None:
    _none(rest, "undo")
    session = kernel.studio.session()
    session.undo()
    return _head_shown(kernel, session, "Undone")


def _redo(kernel: NotebookKernel, rest: list[str]) -> Turn | None:
    _none(rest, "redo")
    session = kernel.studio.session()
    session.redo()
    return _head_shown(kernel, session, "Redone")


def _checkout(kernel: NotebookKernel, rest: list[str]) -> Turn | None:
    session = kernel.studio.session()
    session.checkout(_one(rest, "checkout"))
    return _head_shown(kernel, session, "Checked out")


def _rename(kernel: NotebookKernel, rest: list[str]) -> None:
    session = kernel.studio.session()
    old = session.name
    session.rename(_one(rest, "rename"))
    tell(kernel.shell, f"Session {old!r} is now called {session.name!r}.")


def _delete(kernel: NotebookKernel, rest: list[str]) -> None:
    from notebook_img.calls import TURN_ID

    rest, flags = _flags(rest, "delete", "--yes")
    sure = "--yes" in flags
    name = _one(rest, "delete")
    if TURN_ID.fullmatch(name):
        session = kernel.studio.session()
        turn = session.turn(name)
        following = session.following(turn.id)
        if not sure:
            more = f" and the {len(following)} that follow it" if following else ""
            raise UsageError(f"This would delete {turn.full_id}{more} for good. If that is meant: %imgsession delete {name} --yes")
        session.delete_turn(turn.id)
        tell(kernel.shell, f"Deleted {turn.full_id}{f' and {len(following)} more' if following else ''}.")
        return
    session = kernel.studio.session_for(name, creates=False)
    if not sure:
        raise UsageError(
            f"This would delete session {name!r} with its {counted(session.record.turns, 'turn')} for good. "
            f"If that is meant: %imgsession delete {name} --yes"
        )
    session.delete()
    tell(kernel.shell, f"Session {name!r} is deleted. What it cost stays in the books.")


def _cost(kernel: NotebookKernel, rest: list[str]) -> None:
    from notebook_img.studio import cost_table

    session = kernel.studio.session_for(_one(rest, "cost"), creates=False).name if rest else None
    put(cost_table(kernel.studio.store, session=session))


def _history(kernel: NotebookKernel, rest: list[str]) -> None:
    session = kernel.studio.session()
    if rest:
        session.history = _one(rest, "history")
    chosen = session.history or f"{kernel.studio.settings.history} (setting history)"
    tell(kernel.shell, f"History sent in session {session.name!r}: {chosen}.")


def _model(kernel: NotebookKernel, rest: list[str]) -> None:
    session = kernel.studio.session()
    if rest:
        session = kernel.studio.session(model=_one(rest, "model"))
        tell(kernel.shell, f"Session {session.name!r} keeps {session.model} from now on.")
    else:
        tell(kernel.shell, f"Session {session.name!r}: {session.model or 'follows the default model'}.")


def _pack(kernel: NotebookKernel, rest: list[str]) -> Any:
    from notebook_img.studio import write_pack

    names, flags = _flags(rest, "pack", "--all", "--force", KEEPS)
    if len(names) > 1:
        raise UsageError(f"Write %imgsession {COMMANDS['pack'][0]}.")
    packed = write_pack(
        kernel.studio, names[0] if names else None, everything="--all" in flags, force="--force" in flags, keep_metadata=KEEPS in flags
    )
    more = " Share it beside the notebook: whoever runs it there gets these pictures without a key." if packed.new else ""
    tell(kernel.shell, f"{packed.words}{more}")
    return packed.path


def _export(kernel: NotebookKernel, rest: list[str]) -> Any:
    session = kernel.studio.session()
    names, flags = _flags(rest, "export", "--force", KEEPS)
    path = session.export(_one(names, "export"), force="--force" in flags, keep_metadata=KEEPS in flags)
    tell(kernel.shell, f"Exported session {session.name!r} to {path}.")
    return path


def _import(kernel: NotebookKernel, rest: list[str]) -> None:
    kernel.studio.import_sessions(_one(rest, "import"))


def _resume(kernel: NotebookKernel, rest: list[str]) -> Any:
    with Screen(kernel.shell, "Fetching") as screen:
        turns = kernel.studio.resume(rest[0] if rest else None, screen.on_event)
    if not turns:
        tell(kernel.shell, "No job is waiting with a service.")
    for turn in turns:
        kernel.put(turn.figure(max_side=kernel.studio.settings.preview))
        kernel.shown(turn)
    return turns or None


def _panel(_magics: NotebookKernel, rest: list[str]) -> Any:
    _none(rest, "panel")
    from notebook_img.api import panel

    return panel()


def _compare(kernel: NotebookKernel, session: Session, first: str, second: str) -> None:
    kernel.put(session.turn(first).compare(session.turn(second)))


def _show(kernel: NotebookKernel, rest: list[str]) -> Any:
    session = kernel.studio.session()
    if len(rest) == 2:
        return _compare(kernel, session, *rest)
    if len(rest) > 2:
        raise UsageError("Write %imgsession show t3, or %imgsession show t3 t7 to compare two.")
    turn = session.turn(rest[0]) if rest else session.head
    if turn is None:
        raise UsageError(f"Session {session.name!r} has no turn to show yet.")
    _show_turn(kernel, turn)
    for line in drift_lines(turn):
        tell(kernel.shell, line)
    return kernel.shown(turn)


ACTIONS: dict[str, Callable[[NotebookKernel, list[str]], Any]] = {
    "new": _new,
    "use": _use,
    "list": _list,
    "show": _show,
    "tree": _tree,
    "undo": _undo,
    "redo": _redo,
    "checkout": _checkout,
    "rename": _rename,
    "delete": _delete,
    "cost": _cost,
    "history": _history,
    "pack": _pack,
    "export": _export,
    "import": _import,
    "model": _model,
    "resume": _resume,
    "panel": _panel,
}
