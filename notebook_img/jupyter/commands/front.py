"""%img, the front door: the current session, what is ready, what was spent, and five things to try."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.display import counted
from notebook_img.errors import UsageError, did_you_mean
from notebook_img.hints import worded
from notebook_img.jupyter.line import split_words
from notebook_img.jupyter.output import put, tell
from notebook_img.jupyter.wording import IN_CELLS, in_cells_words

if TYPE_CHECKING:
    from notebook_img.jupyter.kernel import NotebookKernel

EXAMPLES = (
    ("%%imgedit sample:chelsea -o night.png", "the next lines say what to do: make it night"),
    ("%imgedit warmer by 20 %", "continues from the previous picture"),
    ("%imggen three small red circles on a blue gradient", "makes a picture"),
    ("%askimage sample:coffee what colours are in it?", "asks about one"),
    ("%imgsession tree", "shows the history as pictures"),
)

COMMANDS = {
    "key": "key NAME [--forget]",
    "local": "local",
    "doctor": "doctor [--online] [--repair] [--verify] [--rebuild]",
    "models": "models [WORD]",
}


@in_cells_words
def front(kernel: NotebookKernel, line: str) -> Any:
    """Do one %img command; without one, show the overview."""
    words = split_words(line)
    if not words:
        _overview(kernel)
        return None
    command, *rest = words
    if command in ("-h", "--help", "help"):
        print("%img shows an overview. Commands: " + ", ".join(f"%img {usage}" for usage in COMMANDS.values()))  # noqa: T201
        return None
    if command == "key":
        return _key(kernel, rest)
    if command == "local":
        if rest:
            raise UsageError(
                f"%img local takes nothing more, not {' '.join(rest)!r}. To edit with the built-in engine, write %imgedit -m local."
            )
        return _local()
    if command == "models":
        return _models(kernel, rest)
    if command == "doctor":
        return _doctor(kernel, rest)
    raise UsageError(
        f"%img has no command {command!r}.{did_you_mean(command, COMMANDS)} It has {', '.join(COMMANDS)}; to edit an image, write %imgedit."
    )


def _overview(kernel: NotebookKernel) -> None:
    from notebook_img import display
    from notebook_img.providers import PAID_ORDER, choose_model, service_rows
    from notebook_img.studio import spent_today

    studio = kernel.studio
    session = studio.session()
    head = session.head
    provider, model = choose_model("edit", studio.settings, session=session.model, ran_on=session.record.ran_on)
    asker, ask_model = choose_model("ask", studio.settings, session=session.model)
    services = service_rows(studio.settings)
    ready = [row["title"] for row in services if row["state"] == "ready"]
    waiting = [name for name in PAID_ORDER if any(row["name"] == name and row["state"] != "ready" for row in services)]
    rows = [
        ["session", f"{session.name}, {counted(session.record.turns, 'turn')}"],
        ["current turn", f"{head.id}: {head.prompt[:60]}" if head else "none yet"],
        ["edits go to", f"{provider.name}:{model}" + (" (built-in, not AI)" if provider.name == "local" else "")],
        ["questions go to", f"{asker.name}:{ask_model}" + (" (built-in, not AI)" if asker.name == "local" else "")],
        ["ready", ", ".join(ready)],
        ["not set up", ", ".join(f"%img key {name}" for name in waiting) or "nothing"],
        ["spent today", spent_today(studio)],
    ]
    put(display.table(["", ""], rows, caption="notebook_img"))
    put(display.table(["write", "and it"], [list(example) for example in EXAMPLES], caption="Things to try"))


def _key(kernel: NotebookKernel, rest: list[str]) -> None:
    from notebook_img import keys, providers

    settings = kernel.studio.settings
    forget = "--forget" in rest
    names = [word for word in rest if word != "--forget"]
    if len(names) != 1:
        services = ", ".join(each.name for each in providers.key_services(settings))
        raise UsageError(f"Write %img key NAME, one of {services}. The key itself is asked for and never shown.")
    known = providers.key_service(names[0], settings)
    if forget:
        had = keys.forget(known, settings)
        tell(kernel.shell, f"The kept key of {known.title} is forgotten." if had else f"No key of {known.title} was kept.")
        return
    source = f"from {known.page}; " if known.page else ""
    given = getpass.getpass(f"Key for {known.title} ({source}nothing is shown while you type): ")
    tell(kernel.shell, keys.kept_words(known, keys.keep(known, given, settings), settings))


def _local() -> None:
    from notebook_img import display
    from notebook_img.providers.local import can_draw, can_tell, help_table

    rows = [[row.name, row.help, row.example, row.parameters] for row in help_table()]
    caption = "What the built-in engine can do (ordinary image operations, not AI): %imgedit"
    put(display.table(["edit", "what it does", "for example", "amounts"], rows, caption=caption))
    put(display.table(["what", "which"], can_draw(), caption="What it draws: %imggen"))
    caption = 'What it tells: %askimage, also as a table (--table "width int, sharpness float")'
    put(display.table(["fact", "what it is"], can_tell(), caption=caption))


def _models(kernel: NotebookKernel, words: list[str]) -> None:
    from notebook_img import display
    from notebook_img.providers import model_table, rows_named, usable_own_models

    put(display.table(*model_table(rows_named(kernel.studio.models(), words)), caption="Models"))
    if wrong := usable_own_models(kernel.studio.settings)[1]:
        tell(kernel.shell, wrong)


def _doctor(kernel: NotebookKernel, rest: list[str]) -> None:
    from notebook_img import display
    from notebook_img.studio import examine, tables_of

    known = ("--online", "--repair", "--verify", "--rebuild")
    online, repair, verify, rebuild = (name in rest for name in known)
    places = [Path(word).expanduser() for word in rest if word not in known]
    if lacking := [place for place in places if not place.exists()]:
        raise UsageError(
            f"%img doctor has no {str(lacking[0])!r}.{did_you_mean(str(lacking[0]), known)} "
            f"It takes {', '.join(known)}, and files or folders to look in."
        )
    findings = examine(kernel.studio, online=online, repair=repair, verify=verify, rebuild=rebuild, places=places)
    for title, rows in tables_of(findings, lambda item: worded(item, IN_CELLS)):
        put(display.table(["what", "state", "details"] if not title else ["", ""], rows, caption=title or "Doctor"))
