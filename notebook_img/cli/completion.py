"""``completion``: what a shell's Tab offers, and the few lines that ask for it in bash, zsh and fish.

The scripts only hand the line over; what it can go on with is found here, as it is for the magics (`studio.Completions`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from notebook_img.cli.printing import print_json, split_flags
from notebook_img.cli.sessions import ACTIONS, FLAGS
from notebook_img.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from notebook_img.studio import Completions

SCRIPTS = {
    "bash": """\
# Tab completion of notebook-img for bash. Put this into ~/.bashrc:  eval "$(notebook-img completion bash)"
_notebook_img() {
    local found
    COMPREPLY=()
    while IFS= read -r found; do
        COMPREPLY+=("$found")
    done < <(notebook-img completion bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -F _notebook_img notebook-img
""",
    "zsh": """\
#compdef notebook-img
# Tab completion of notebook-img for zsh. Put this into ~/.zshrc, after compinit:  eval "$(notebook-img completion zsh)"
_notebook_img() {
    local -a found
    found=("${(@f)$(notebook-img completion zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    compadd -S '' -- ${(M)found:#*/}
    compadd -- ${found:#*/}
}
compdef _notebook_img notebook-img
""",
    "fish": """\
# Tab completion of notebook-img for fish. Put this into ~/.config/fish/config.fish:  notebook-img completion fish | source
function __notebook_img_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process) (commandline --current-token --cut-at-cursor)
    notebook-img completion fish $words[2..] 2>/dev/null
end
complete --command notebook-img --no-files --arguments '(__notebook_img_complete)'
""",
}
"""What each shell reads."""

MOST = 200


def completion(words: list[str]) -> int:
    """Print a shell's script, or what its line can go on with; return the exit code."""
    shell, *line = words or [""]
    if shell not in SCRIPTS:
        rest, flags = split_flags(words, "--json")
        if flags and not rest:
            print_json(SCRIPTS)
            return 0
        raise UsageError(f"Write notebook-img completion {', '.join(SCRIPTS)}.{did_you_mean(shell, SCRIPTS)}")
    if not line or line == ["--json"]:
        print_json({"shell": shell, "script": SCRIPTS[shell]}) if line else print(SCRIPTS[shell], end="")
        return 0
    # A Tab that prints a traceback spoils the line that is being typed.
    try:
        found = in_bash(*line[:2]) if shell == "bash" else candidates(line[:-1], line[-1])
    except Exception:
        return 1
    print(*found, sep="\n", end="\n" if found else "")
    return 0


def in_bash(line: str, breaks: str = "") -> list[str]:
    """Return what the words of ``COMP_LINE`` can go on with, as bash wants it: escaped, and without what stands before a break.

    To bash ``sample:chelsea`` and ``--model=gemini`` are several words (``COMP_WORDBREAKS``), of which it replaces the last.
    """
    words, last, quote = split(line)
    cut = 0 if quote else max((last.rfind(each) + 1 for each in ":=" if each in breaks), default=0)
    found = candidates(words[1:], last)
    return [each[cut:] if quote else re.sub(r"[^\w./:=@%+,~-]", r"\\\g<0>", each[cut:]) for each in found]


def split(line: str) -> tuple[list[str], str, str]:
    """Return the words of an unfinished line, the last one, and the quotation mark that is open in it."""
    words: list[str] = []
    word, quote, begun = "", "", False
    letters = iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            word, begun = word + next(letters, ""), True
        elif quote:
            word, quote = (word, "") if letter == quote else (word + letter, quote)
        elif letter in "\"'":
            quote, begun = letter, True
        elif letter.isspace():
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + letter, True
    return words, word, quote


def candidates(words: Sequence[str], last: str) -> list[str]:
    """Return what can follow the words after the program's name, and begins with `last`.

    Parameters
    ----------
    words : sequence of str
        Whole words before the one that is being typed.
    last : str
        What there is of that one.
    """
    from notebook_img.cli import CALLS, COMMANDS

    if not words:
        return [name for name in COMMANDS if name.startswith(last)]
    command, *rest = words
    known = _completions()
    if command in CALLS:
        glued = ""
        if last.startswith("--") and "=" in last:
            flag, _, last = last.partition("=")
            glued, rest = f"{flag}=", [*rest, flag]
        found: Iterable[str] = [f"{glued}{each}" for each in known.prompt_words(command, rest, last)]  # type: ignore[arg-type]
    elif command in ARGUMENTS:
        found = [each for each in ARGUMENTS[command](known, rest, last) if each.startswith(last)]
    else:
        found = ()
    return list(dict.fromkeys(each for each in found if "\n" not in each))[:MOST]


def _completions() -> Completions:
    from notebook_img.cli.images import surface_options
    from notebook_img.cli.printing import open_studio
    from notebook_img.studio import Completions

    return Completions(open_studio(), own=tuple(surface_options()))


def _sessions(known: Completions, words: Sequence[str], last: str) -> Iterable[str]:
    from notebook_img.studio import image_files

    if not words:
        return [*ACTIONS, "--json"]
    if words[0] == "import":
        return image_files(last, suffixes={".zip"})
    if words[0] == "export" and len(words) == 2:
        return [*image_files(last, suffixes={".zip", ".py"}), *FLAGS]
    return [*(known.sessions() if words[0] in ACTIONS and words[0] != "list" and len(words) == 1 else ()), *FLAGS]


def _history(known: Completions, words: Sequence[str], last: str) -> Iterable[str]:
    """Offer sessions; with a slash, or after ``--until``, turns."""
    from notebook_img.studio import image_files

    if words and words[-1] == "-o":
        return image_files(last)
    if words and words[-1] == "--until":
        return known.ids(last, words=["-s", words[0]])
    return [*known.sessions(), *(known.ids(last) if "/" in last else ()), "--json", "--until", *(("-o", "--force") if words else ())]


def _cost(known: Completions, words: Sequence[str], last: str) -> Iterable[str]:
    from notebook_img.studio import COST_BY

    if words and words[-1] == "--by":
        done, comma, _ = last.rpartition(",")
        return [f"{done}{comma}{name}" for name in COST_BY if name not in done.split(",")]
    return [*known.sessions(), "--by", "--csv", "--json"]


def _models(known: Completions, _words: Sequence[str], _last: str) -> Iterable[str]:
    rows = [row["name"] for row in known.studio.models()]
    return [*dict.fromkeys(name.split(":")[0] for name in rows), *rows, "--json"]


def _resume(known: Completions, _words: Sequence[str], _last: str) -> Iterable[str]:
    return [*(job.id for job in (known.studio.waiting_jobs() if known.has_store else ())), "--json"]


def _keys(known: Completions, words: Sequence[str], _last: str) -> Iterable[str]:
    from notebook_img import providers

    if not words:
        return ("list", "set", "forget", "--json")
    return [each.name for each in providers.key_services(known.studio.settings)] if len(words) == 1 and words[0] != "list" else ("--json",)


def _doctor(_known: Completions, _words: Sequence[str], last: str) -> Iterable[str]:
    from notebook_img.studio import image_files

    return ["--online", "--repair", "--verify", "--rebuild", "--json", *(image_files(last, suffixes={".zip"}) if last else ())]


def _mcp(_known: Completions, words: Sequence[str], _last: str) -> Iterable[str]:
    from importlib import import_module

    if words and words[-1] == "--config":
        return list(import_module("notebook_img.mcp").CLIENTS)  # surfaces do not import each other
    return ("--http", "--host", "--notebook", "--alone", "--tools", "--allow", "--links", "--sessions", "--config", "--shared", "--dotenv")


ARGUMENTS: Mapping[str, Callable[[Completions, Sequence[str], str], Iterable[str]]] = {
    "sessions": _sessions,
    "show": _history,
    "tree": _history,
    "cost": _cost,
    "models": _models,
    "resume": _resume,
    "keys": _keys,
    "doctor": _doctor,
    "mcp": _mcp,
    "completion": lambda _known, words, _last: () if words else (*SCRIPTS, "--json"),
}
"""What each command takes besides those that make or question pictures."""
