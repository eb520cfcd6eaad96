"""An answer in the model's own Markdown, with the caption under it.

``text/markdown`` and no HTML beside it: every front end ranks HTML higher and has a better Markdown renderer than we would
write. What renders Markdown in a notebook lets HTML through, also ``<script>`` in a trusted one, so a model's ``<`` never gets
there as such, and links lead to web pages or nowhere. Pictures from the web are not loaded: a model that has read a hostile
picture could otherwise send what it knows in the address of an image.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from notebook_img.display.captions import Caption, cut
from notebook_img.display.figures import image_html, small
from notebook_img.pictures import PREVIEW_BYTES, PREVIEW_SIDE, Bundle, still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notebook_img.display.figures import Shot

_PIECES = re.compile(
    r"""
      (?P<fence>^(?P<indent>[ ]{0,3})(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)\n(?P<block>.*?)(?:^[ ]{0,3}(?P=mark)[`~]*[ \t]*$|\Z))
    | (?P<code>(?<![`\\])(?P<ticks>`{1,2})(?!`)(?P<inline>[^\n]+?)(?<!`)(?P=ticks)(?!`))
    | (?P<math>\$\$.+?\$\$ | (?<![\\\w$])\$(?=[^\s$])[^$\n]+?(?<=[^\s$\\])\$(?![\w$]))
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_CODE_ESCAPES = {ord(c): f"&#{ord(c)};" for c in "<>&\"'`*_[]!$~\\|"}
_UNSAFE_LINK = re.compile(r"\](?=\(|:)(?!.\s*(?:https?://|mailto:))")
_DOLLAR = re.compile(r"\\?\$")
_WORDS = re.compile(r"[^\W\d_]{3,}\s+[^\W\d_]{2,}")
"""Two words in a row: between two dollar signs that is a sentence with two prices in it, unless a command (``\\text``) is there too."""
_PICTURE = re.compile(r"!(?=\[)")


def answer(
    text: str,
    shots: Sequence[Shot] = (),
    caption: Caption | None = None,
    *,
    max_side: int = PREVIEW_SIDE,
    max_bytes: int = PREVIEW_BYTES,
) -> Bundle:
    """Show an answer.

    Parameters
    ----------
    text : str
        The model's words, Markdown.
    shots : sequence of Shot
        Pictures under it, for example one with boxes drawn on it.
    caption : Caption, optional
        The line under all of it. Its own `text` is left out.
    max_side : int
        Longest side of a picture, pixels.
    max_bytes : int
        Bytes of all pictures together.

    Returns
    -------
    Bundle
        ``text/markdown`` and ``text/plain``, and a still image where pictures are shown.
    """
    caption, text = caption or Caption(), cut(text.strip())
    seen = [(small(shot.picture, max_side, max_bytes // len(shots)), shot.label) for shot in shots]
    # A block of HTML in Markdown ends at an empty line; none of ours has one inside.
    images = [image_html(one, shot.words) for (one, _), shot in zip(seen, shots, strict=True)]
    under = [caption.line_html(), *(f"⚠ {escape(warning.strip())}" for warning in caption.warnings)]
    lines = [f"<div><small>{' '.join(line.split())}</small></div>" for line in under if line]
    first, last = safe_markdown(text), _without_math("\n".join(lines))
    said = [caption.line(), *(f"Warning: {warning.strip()}" for warning in caption.warnings)]
    words = _words([first, last], [text, *said])
    if not seen:
        return Bundle(words)
    image, facts = still(seen, shots[0].words)
    whole = _words([first, *(f"<div>{image}</div>" for image in images), last], [text, *(f"[{shot.words}]" for shot in shots), *said])
    return Bundle({**whole, **image}, facts, caption=Bundle(words))


def _words(markdown: Sequence[str], plain: Sequence[str]) -> dict[str, str]:
    return {"text/markdown": "\n\n".join(part for part in markdown if part), "text/plain": "\n".join(part for part in plain if part)}


def answers_together(labelled: Sequence[tuple[str, Bundle]]) -> Bundle:
    """Show several answers to one question under each other.

    Parameters
    ----------
    labelled : sequence of (str, Bundle)
        What stands over each answer, for example its model, and the answer as `answer` returns it.

    Returns
    -------
    Bundle
        ``text/markdown`` and ``text/plain``, and one still image of all pictures where there are some.
    """
    named = [(" ".join(label.split()), bundle) for label, bundle in labelled]
    seen = [(image, f"{name}: {alt}", name) for name, bundle in named for image, alt in bundle.stills]
    if not seen:
        return Bundle(_under_names(named))
    image, facts = still([(one, name) for one, _, name in seen], "; ".join(words for _, words, _ in seen))
    words = _under_names([(name, bundle.caption or bundle) for name, bundle in named])
    return Bundle({**_under_names(named), **image}, facts, caption=Bundle(words))


def _under_names(named: Sequence[tuple[str, Bundle]]) -> dict[str, str]:
    markdown = [f"<div><b>{_without_math(escape(name))}</b></div>\n\n{bundle.data['text/markdown']}" for name, bundle in named]
    return {"text/markdown": "\n\n".join(markdown), "text/plain": "\n\n".join(f"{name}:\n{bundle.text}" for name, bundle in named)}


def safe_markdown(text: str) -> str:
    """Return a model's Markdown with all of its HTML turned into text.

    Whatever a renderer takes the text for, there is no ``<`` left in it that is not ours, so nothing depends on both agreeing about
    where code begins: recognised code is handed on as ``<pre>`` and ``<code>`` with character references inside.
    """
    out, done = [], 0
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    for piece in _PIECES.finditer(text):
        out.append(_prose(text[done : piece.start()]))
        done = piece.end()
        if piece["fence"] is not None:
            out.append(_block(piece["info"], piece["block"]))
        elif piece["code"] is not None:
            out.append(f"<code>{piece['inline'].strip().translate(_CODE_ESCAPES)}</code>")
        elif _WORDS.search(piece["math"]) and "\\" not in piece["math"] and not piece["math"].startswith("$$"):
            out.append(_prose(piece["math"]))
        else:
            # A formula is not HTML: MathJax would show a character reference as its letters.
            out.append(_UNSAFE_LINK.sub(r"]\\", piece["math"].replace("<", r"\lt ").replace(">", r"\gt ")))
    out.append(_prose(text[done:]))
    return "".join(out).strip()


def _prose(text: str) -> str:
    # ">" begins a quotation and does no harm without "<".
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    # A price or a shell's name: in an element of its own it begins no formula that ends at the next one.
    text = _DOLLAR.sub("<span>&#36;</span>", text)
    return _UNSAFE_LINK.sub(r"]\\", _PICTURE.sub("", text))


def _block(info: str, code: str) -> str:
    language = re.sub(r"[^\w+#-]", "", info.split(maxsplit=1)[0] if info.split() else "")
    name = f' class="language-{language}"' if language else ""
    return f"\n\n<pre><code{name}>{code.translate(_CODE_ESCAPES)}</code></pre>\n\n"


def _without_math(html: str) -> str:
    return html.replace("$", "&#36;")
