"""A question mark at the end of a line magic is part of the question, not IPython's request for help (ipython#14258).

IPython rewrites ``%askimage cat.png what is this?`` to ``pinfo this`` before any magic runs. `protect_question` stands among the
clean-up transformers, which come earlier, and turns such a line into the call IPython would have made of it without the mark.
"""

from __future__ import annotations

import ast
import re

PROMPT_MAGICS = ("imggen", "imgedit", "askimage", "imgask")
"""The magics whose line is a prompt."""

_OURS = re.compile(rf"(?P<left>\s*|\s*[^\W\d][^#]*?=\s*)%(?P<name>{'|'.join(PROMPT_MAGICS)}) (?P<text>.*\?)\s*", re.DOTALL)
_ESCAPED = re.compile(r"\s*(?:[%!?,;/]|(?P<left>[^\W\d][^=#]*=)\s*(?:%[^\W\d]|!))")
_TOKEN = re.compile(r"""(?P<comment>#.*)|(?P<triple>\"{3}|'{3})|(?P<single>["'])|(?P<open>[(\[{])|(?P<close>[)\]}])""")


def protect_question(lines: list[str]) -> list[str]:
    r"""Rewrite the lines of our magics that end in ``?``; an input transformer for ``input_transformers_cleanup``.

    ``%askimage?``, ``%imgedit??`` and ``?%askimage`` stay requests for help. Bodies of cell magics, strings and expressions over
    several lines, and everything else stay as they are.

    Parameters
    ----------
    lines : list of str
        A cell's lines with their ends.

    Returns
    -------
    list of str
        As many lines, less those joined by a backslash at their end (as IPython joins them).
    """
    cell = "".join(lines)
    if "?" not in cell or "%" not in cell or cell.startswith("%%"):
        return lines
    done: list[str] = []
    state = _Outside()
    position = 0
    while position < len(lines):
        end = position + 1
        if state.between_statements:
            escaped = _ESCAPED.match(lines[position])
            if escaped and escaped["left"] and not _is_target(escaped["left"]):
                escaped = None
            while escaped and lines[end - 1].endswith("\\\n") and end < len(lines):
                end += 1
            if escaped:
                done += _protected(lines[position:end])
                position = end
                continue
        state.read(lines[position])
        done.append(lines[position])
        position = end
    return done


def _protected(lines: list[str]) -> list[str]:
    # Joined as IPython's assemble_continued_line does (core/inputtransformer2.py of 9.18).
    joined = " ".join([*(line.rstrip()[:-1] for line in lines[:-1]), lines[-1].rstrip()])
    found = _OURS.fullmatch(joined)
    if found is None or (found["left"].strip() and not _is_target(found["left"])):
        return lines
    return [f"{found['left']}get_ipython().run_line_magic({found['name']!r}, {found['text']!r})\n"]


def _is_target(left: str) -> bool:
    """Return whether ``left`` is the left side of an assignment with its sign."""
    try:
        ast.parse(f"{left.strip()} 0")
    except (SyntaxError, ValueError):
        return False
    return True


class _Outside:
    """Follows Python's strings and brackets from line to line, to know where a statement can begin."""

    def __init__(self) -> None:
        self.quote = ""
        self.depth = 0
        self.continued = False

    @property
    def between_statements(self) -> bool:
        return not (self.quote or self.depth or self.continued)

    def read(self, line: str) -> None:
        position = 0
        self.continued = False
        text = line.rstrip("\r\n")
        while position < len(text):
            if self.quote:
                closing = re.compile(rf"(?:\\.|(?!{self.quote}).)*{self.quote}").match(text, position)
                if closing is None:
                    # A string in single quotes ends with its line, unless the line is continued.
                    if len(self.quote) == 1 and not text.endswith("\\"):
                        self.quote = ""
                    return
                self.quote, position = "", closing.end()
                continue
            token = _TOKEN.search(text, position)
            if token is None:
                break
            position = token.end()
            if token["comment"]:
                return
            if token["open"]:
                self.depth += 1
            elif token["close"]:
                self.depth = max(0, self.depth - 1)
            else:
                self.quote = token[0]
        if not self.quote:
            self.continued = text.endswith("\\")


_BARE_CELL = re.compile(r"%%(imggen|imgedit|askimage|imgask|imgsession)(?:\s|$)")


def fill_empty_body(lines: list[str]) -> list[str]:
    """Give the cell an empty line as its body; an input transformer for ``input_transformers_cleanup``.

    Parameters
    ----------
    lines : list of str
        A cell's lines with their ends.
    """
    if lines and _BARE_CELL.match(lines[0]) and not "".join(lines[1:]):
        return [lines[0].rstrip("\n") + "\n", "\n"]
    return lines
