"""Messages of the core name magics, as most people meet them in a notebook; in a shell the same things have other names."""

from __future__ import annotations

import re
from collections.abc import Callable

_CALLS = {"imggen": "generate", "imgedit": "edit", "askimage": "ask", "imgask": "ask"}

_REPLACED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"%img key ([\w-]+|NAME)", r"notebook-img keys set \1"),
    (r"%imgsession (\S+) creates it\.", r"Naming an image with -s \1 creates it."),
    (r"start one with %imgsession NAME", "start one with an image and -s NAME"),
    (r"%imgsession NAME", "-s NAME and an image"),
    (r"%imgsession tree shows", "notebook-img show SESSION shows"),
    (r"%imgsession resume", "notebook-img resume"),
    (r"%imgsession (rename|export|import|cost|list)", r"notebook-img sessions \1"),
    (r"%img local", "notebook-img edit --help"),
    (r"%config NotebookImg\.budget or NOTEBOOK_IMG_BUDGET", "NOTEBOOK_IMG_BUDGET"),
    (r"%config NotebookImg\.(\w+)", lambda found: f"NOTEBOOK_IMG_{found[1].upper()}"),
    (r"%img (doctor|models)", r"notebook-img \1"),
    (r"%(imggen|imgedit|askimage|imgask) (?:-h|--help)", lambda found: f"notebook-img {_CALLS[found[1]]} --help"),
    (r"(for example: )%(imggen|imgedit|askimage|imgask) (.*?)(?=$|\n)", lambda found: f"{found[1]}{_command(found[2], found[3])}"),
    (r"%(imggen|imgedit|askimage|imgask)\b", lambda found: f"notebook-img {_CALLS[found[1]]}"),
    (r"%imgsession\b", "notebook-img show SESSION"),
)
"""What a magic is called in a shell, the longer forms first."""


def _command(magic: str, text: str) -> str:
    """Return an example as a shell wants it: the words that are text in quotes."""
    image, _, rest = text.partition(" ")
    if image.startswith("sample:"):
        return f"notebook-img {_CALLS[magic]} {image} '{rest}'"
    return f"notebook-img {_CALLS[magic]} '{text}'"


def in_shell_words(text: str) -> str:
    """Return a message with its magics named as a shell's commands."""
    if "%" not in text:
        return text
    for pattern, replacement in _REPLACED:
        text = re.sub(pattern, replacement, text)
    return text
