"""A session as a Python script that repeats its work through ``ni.*``; pictures it cannot name are files beside it."""

from __future__ import annotations

import hashlib
import keyword
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError, OutputError, UsageError
from notebook_img.files import reason, write_atomically
from notebook_img.pictures import without_private_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from notebook_img.records import PictureUse, TurnRecord
    from notebook_img.tree import Session
    from notebook_img.workspace import Workspace

WIDTH = 120
"""Columns of the script, where prompts allow it."""
HASH_LETTERS = 16


@dataclass
class _Script:
    """The script while it is written."""

    workspace: Workspace
    session: Session
    path: Path
    model: str = ""
    """The session's: calls that went elsewhere name theirs."""
    lines: list[str] = field(default_factory=list)
    turns: dict[int, TurnRecord] = field(default_factory=dict)
    """Turns written so far."""
    files: dict[Path, PictureUse] = field(default_factory=dict)
    """Pictures to write beside the script."""
    uses_folder: bool = False
    uses_files: bool = False
    head: int | None = None
    """Where the head is at this point of the script."""
    keep_metadata: bool = False

    @property
    def folder(self) -> Path:
        return self.path.parent / f"{self.path.stem}-files"

    def data(self, use: PictureUse) -> bytes:
        """Return the file to write for a picture."""
        data = self.workspace.store.read_picture(use.sha256)
        return data if self.keep_metadata else without_private_parts(data)[0]

    def is_ours(self, file: Path, use: PictureUse) -> bool:
        """Return whether a file is this picture, with what tells place and owner or without."""
        if _is_file(file, use.sha256):
            return True
        cut = without_private_parts(self.workspace.store.read_picture(use.sha256))[0]
        return _is_file(file, hashlib.sha256(cut).hexdigest())


def export_script(workspace: Workspace, session: Session, path: Path, *, force: bool = False, keep_metadata: bool = False) -> Path:
    """Write a script that repeats the work of a session: every line of it, with its branches and questions.

    Parameters
    ----------
    workspace : Workspace
        Whose head the script ends at.
    session : Session
        The session.
    path : Path
        The script. A file that is not ours, or was changed since, is not overwritten.
    force : bool
        Overwrite it whatever it holds.
    keep_metadata : bool
        Leave place, serial numbers and owner in the files of input pictures.

    Returns
    -------
    Path
        The script. Pictures that came from no file beside it or sample lie in ``NAME-files``, under the names they had.

    Raises
    ------
    UsageError
        When the session has no turns.
    OutputError
        When a file cannot or must not be written.
    StoreError
        When a picture is missing from the store.
    """
    from notebook_img.calls import refuse_foreign

    path = path.resolve()
    records = workspace.store.turns(session.id)
    if not records:
        raise UsageError(f"Session {session.name!r} has no turns yet, so there is nothing to repeat.")
    refuse_foreign(path, workspace.store, force=force)
    model = session.model or Counter(record.model for record in records).most_common(1)[0][0]
    script = _Script(workspace, session, path, model=model, keep_metadata=keep_metadata)
    for record in records:
        _add(script, record)
    head = workspace.head(session.id)
    if head != script.head and head in script.turns:
        script.lines.append(f"s.checkout(t{head})")
    text = _whole(script, records)
    try:
        if script.files:
            script.folder.mkdir(exist_ok=True)
        for file, use in script.files.items():
            if not file.exists() or script.is_ours(file, use):
                write_atomically(file, script.data(use))
    except OSError as error:
        raise OutputError(f"{script.folder} cannot be created: {reason(error)}.") from error
    code = text.encode("utf-8")
    write_atomically(path, code)
    workspace.store.note_written(path, hashlib.sha256(code).hexdigest())
    return path


def _whole(script: _Script, records: Sequence[TurnRecord]) -> str:
    """Return the script's text: what it is, imports, the session, the calls."""
    counted = Counter(record.model for record in records)
    calls = ", ".join(f"{count} x {_plain(model)}" for model, count in counted.most_common())
    head = [
        '"""Repeats the work of a notebook_img session, in a session of its own.',
        "",
        f"{len(records)} call{'s' if len(records) != 1 else ''}: {calls}.",
        "Services are asked, and paid, again; the daily budget holds here too.",
        '"""',
        "",
    ]
    if script.uses_folder or script.uses_files:
        head += ["from pathlib import Path", ""]
    head += ["import notebook_img as ni", ""]
    if script.uses_folder or script.uses_files:
        head.append("HERE = Path(__file__).resolve().parent")
    if script.uses_files:
        head.append(f"FILES = HERE / {script.folder.name!r}")
    model = script.model
    name = f"{script.session.name[:60]}-repeated"
    head += [f"s = ni.session({name!r}{f', model={model!r}' if model else ''})", ""]
    return "\n".join([*head, *script.lines, "", "print(s.tree().text)", ""])


def _plain(text: str) -> str:
    """Return text made safe for a docstring."""
    return "".join(letter for letter in text if letter.isalnum() or letter in " :./-_+@")


def _add(script: _Script, record: TurnRecord) -> None:
    """Add the call that made a turn."""
    start, images, references = _sources(script, record)
    if record.kind != "ask":
        if start == "s" and record.head_before in script.turns and record.head_before != script.head:
            # Undo from the first turn of a line goes to where the head was before.
            script.lines.append(f"s.checkout(t{record.head_before})")
        script.head = record.number
    prompt = _text(record.prompt)
    arguments = [prompt]
    if images:
        arguments.append(images[0] if len(images) == 1 else f"[{', '.join(images)}]")
    if references:
        arguments.append(f"references=[{', '.join(references)}]")
    arguments += _options(script, record)
    call = f"t{record.number} = {start}.{record.kind}"
    line = f"{call}({', '.join(arguments)})"
    if len(line) > WIDTH or "\n" in prompt:
        line = "\n".join([f"{call}(", *(f"    {argument.replace(chr(10), chr(10) + '    ')}," for argument in arguments), ")"])
    script.lines.append(line)
    script.turns[record.number] = record


def _sources(script: _Script, record: TurnRecord) -> tuple[str, list[str], list[str]]:
    """Return what the call is made on (the session or a turn), the images it names, and its references."""
    inputs, references = list(record.uses("input")), [_picture(script, use) for use in record.uses("reference")]
    parent = script.turns.get(record.parent) if record.parent is not None else None
    if parent is None:
        return "s", [_picture(script, use) for use in inputs], references
    pick = f".pick({record.picked})" if record.picked else ""
    # What a turn goes on from needs no naming; a question may have been shown more.
    known = (
        len(parent.uses("input")) if parent.kind == "ask" else 1 if record.picked or record.kind == "edit" else len(parent.uses("output"))
    )
    return f"t{parent.number}{pick}", [], [*(_picture(script, use) for use in inputs[known:]), *references]


def _options(script: _Script, record: TurnRecord) -> list[str]:
    """Return the keyword arguments: model, mask and what was typed."""
    given: dict[str, Any] = {name: value for name, value in record.asked.items() if name not in ("again", "seed", "model", "mask", "grow")}
    seed = _seed(script.workspace, record)
    if seed is not None:
        given["seed"] = seed
    if isinstance(record.answer, dict) and record.answer.get("schema") and not {"table", "row"} & given.keys():
        given["schema"] = record.answer["schema"]
    parts = []
    masks = record.uses("mask")
    if masks and "outpaint" not in given:
        parts.append(f"mask={_picture(script, masks[0])}")
    if record.model != script.model:
        # Where another name answered, the one that was asked for (a server's own default) is asked for again.
        parts.append(f"model={str(record.asked.get('model') or record.model)!r}")
    odd = {name: value for name, value in given.items() if not name.isidentifier() or keyword.iskeyword(name)}
    parts += [f"{name}={value!r}" for name, value in given.items() if name not in odd]
    return [*parts, *([f"**{odd!r}"] if odd else [])]


def _seed(workspace: Workspace, record: TurnRecord) -> int | None:
    """Return the seed that was typed, else the one that was used where the model takes seeds."""
    from notebook_img import providers

    typed = record.asked.get("seed")
    if typed is not None or record.seed is None or record.kind == "ask":
        return None if typed is None else int(typed)
    try:
        name, model = providers.resolve(record.model, workspace.settings)
        takes = providers.model_info(providers.get(name, workspace.settings), model, workspace.settings).capabilities.seed
    except NotebookImgError:  # a provider that is not installed here
        return None
    return record.seed if takes else None


def _picture(script: _Script, use: PictureUse) -> str:
    """Return the expression for a picture: a turn of the script, a sample, a file beside it, else a file written for it."""
    made = _made_by(script.turns.values(), use)
    if made:
        return made
    if use.name.startswith("sample:"):
        return repr(use.name)
    if use.name and Path(use.name).name == use.name and _is_file(script.path.parent / use.name, use.sha256):
        script.uses_folder = True
        return f"HERE / {use.name!r}"
    script.uses_files = True
    file = _place_for(script, use)
    script.files[file] = use
    return f"FILES / {file.name!r}"


def _place_for(script: _Script, use: PictureUse) -> Path:
    """Return the file a picture is written to: called as it was, and by its hash as well where another one has that name."""
    from notebook_img.calls import portable
    from notebook_img.pictures import MIME_TYPES, SUFFIXES, sniff

    # Without what is private a file can be of another type.
    hashed, suffix = use.sha256.removeprefix("px:")[:HASH_LETTERS], SUFFIXES.get(sniff(script.data(use)) or "", "")
    named = Path(use.name).suffix
    stem = portable(use.name.removesuffix(named if named.casefold() in MIME_TYPES else "")) if use.name else hashed
    file = script.folder / f"{stem}{suffix}"
    other = script.files[file].sha256 != use.sha256 if file in script.files else file.exists() and not script.is_ours(file, use)
    return script.folder / f"{stem}-{hashed}{suffix}" if other else file


def _made_by(turns: Iterable[TurnRecord], use: PictureUse) -> str:
    """Return the turn of the script whose picture this is, where it was named as a turn's, else an empty string."""
    from notebook_img.calls import TURN_ID

    if not TURN_ID.fullmatch(use.name):
        return ""
    for turn in turns:
        hashes = [made.sha256 for made in turn.uses("output")]
        if use.sha256 in hashes:
            return f"t{turn.number}" + (f".pick({hashes.index(use.sha256) + 1})" if len(hashes) > 1 else "")
    return ""


def _is_file(path: Path, sha256: str) -> bool:
    """Return whether a file still has these bytes."""
    try:
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _text(prompt: str) -> str:
    """Return a prompt as a literal, one string per line."""
    if "\n" not in prompt.strip("\n"):
        return repr(prompt)
    return "\n".join(repr(line) for line in prompt.splitlines(keepends=True))


__all__ = ["export_script"]
