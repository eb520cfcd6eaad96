"""A session's history as pictures: lines, branches and questions, as nested lists and as a drawing for terminals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from notebook_img.display.captions import NO_MATH, counted
from notebook_img.display.figures import image_html
from notebook_img.errors import NotebookImgError
from notebook_img.pictures import TINY_SIDE, Bundle, Preview, preview, shorten, still

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from notebook_img.pictures import Picture

MOST = 60
"""Turns drawn; of a longer history the middle is folded."""
_NOTE = 120
"""Characters of a note."""
_THUMBNAIL = 112
"""Width on the page, CSS pixels; drawn from twice as many where there are few."""
_THUMBNAILS_BYTES = 150_000
"""Of all together: base64 makes 200,000 of them."""
_THUMBNAIL_BYTES = 12_000

_LIST = "list-style:none;margin:0;padding:0"
_CARD = f"width:{_THUMBNAIL + 8}px;font-size:.85em;line-height:1.35;overflow-wrap:anywhere;margin:0"
_BRANCHES = f"{_LIST};margin:8px 0 0 14px"
_BRANCH = "border-left:2px solid #8888;padding:0 0 10px 14px;margin:0"


@dataclass(frozen=True)
class TreeNode:
    """One turn of a history.

    Attributes
    ----------
    id : str
        ``t7``.
    parent : str, optional
        Id of the turn it follows; None for the first of a line.
    kind : str
        ``generate``, ``edit`` or ``ask``.
    prompt : str
        What was asked.
    picture : Picture, optional
        Its first picture; of a question the one it is about, where that is not the one above it. None where the file is missing.
    is_head : bool
        Whether the next edit goes on from here.
    note : str
        A word more: ``4 pictures``, ``gemini``.
    """

    id: str
    parent: str | None
    kind: Literal["generate", "edit", "ask"]
    prompt: str
    picture: Picture | None = None
    is_head: bool = False
    note: str = ""


@dataclass
class _Twig:
    """A node in the drawn tree, with what is folded before and after it."""

    node: TreeNode
    edits: list[_Twig] = field(default_factory=list)
    questions: list[_Twig] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def drawn(nodes: Sequence[TreeNode], most: int = MOST) -> set[str]:
    """Return the ids of the nodes that `tree` draws: only those need a prompt and a picture."""
    return _kept(nodes, {node.id: node for node in nodes}, most)


def tree(
    nodes: Sequence[TreeNode],
    *,
    name: str = "",
    most: int = MOST,
    earlier: int = 0,
    counts: tuple[int, int] | None = None,
    more: str = "",
    batches: tuple[Sequence[TreeNode], int] = ((), 0),
) -> Bundle:
    """Draw a session's history.

    Parameters
    ----------
    nodes : sequence of TreeNode
        Oldest first. A parent that is not among them makes its child the first of a line.
    name : str
        The session's name.
    most : int
        Turns drawn; beyond that the middle is folded, and that is said.
    earlier : int
        Turns before the first of `nodes`, which are counted only.
    counts : (int, int), optional
        Turns and questions of the whole session, where `nodes` are a part of it.
    more : str
        How the reader comes to what is not drawn.
    batches : (sequence of TreeNode, int)
        What was made many at once beside the session, each batch one node, and how many older ones there are.

    Returns
    -------
    Bundle
        ``text/html`` (nested lists), a still image and ``text/plain``, below 300 kB altogether.
    """
    roots, lost = _grown(nodes, most)
    shown = sum(1 for root in roots for _ in _walk(root))
    asked = sum(node.kind == "ask" for node in nodes)
    turns, questions = counts or (len(nodes) - asked, asked)
    title = f"Session {shorten(name, 80)}: " if name else ""
    title += " and ".join([counted(turns, "turn"), *([counted(questions, "question")] if questions else [])])
    if shown < turns + questions:
        title += f", {shown} of them drawn"
    many, older = [_Twig(one) for one in batches[0]], batches[1]
    title += f"; {counted(len(many) + older, 'batch', 'batches')}" if many else ""
    pictures = [twig.node.picture for root in (*roots, *many) for twig in _walk(root) if twig.node.picture is not None]
    painter = _Painter(
        side=2 * _THUMBNAIL if len(pictures) <= 24 else round(1.4 * _THUMBNAIL),
        most_bytes=min(_THUMBNAIL_BYTES, _THUMBNAILS_BYTES // max(1, len(pictures))),
    )
    painter.prepare(pictures)
    lines = [title]
    body = []
    if earlier:
        lines.append(f"… {counted(earlier, 'earlier turn')} not drawn")
        body.append(_remark(lines[-1]))
    lines += _text(roots)
    body += [f'<div style="margin:0 0 18px">{painter.row(group)}</div>' for group in _rows(roots)]
    if many:
        rows = [f"… {counted(older, 'older batch', 'older batches')} not drawn"] if older else []
        lines += ["", *rows, *_text(many)]
        body += [*map(_remark, rows), f'<div style="margin:0 0 18px">{painter.row(many)}</div>']
    if lost:
        lines.append(f"… {counted(len(lost), 'older turn')} of other lines not drawn: {_span(lost)}")
        body.append(_remark(lines[-1]))
    if more and shown < turns + questions:
        lines.append(more)
        body.append(_remark(more))
    html = [f'<div class="{NO_MATH}" style="max-width:100%">', f'<div style="margin:0 0 8px"><b>{escape(title)}</b></div>', *body, "</div>"]
    # The latest are the ones most often looked for; more would be specks.
    image, facts = still(painter.seen[-_STILL:], title) if painter.seen else ({}, {})
    words = "\n".join(lines)
    return Bundle({"text/html": "\n".join(html), **image, "text/plain": words}, facts, Bundle({"text/plain": words}))


_STILL = 16
"""Thumbnails of the still image."""


class _Painter:
    """Turns twigs into HTML; knows how many bytes a thumbnail may have."""

    def __init__(self, *, side: int, most_bytes: int) -> None:
        self.side = side
        self.most_bytes = most_bytes
        self.seen: list[tuple[Preview, str]] = []
        """Thumbnails drawn so far, and whose they are."""

    def prepare(self, pictures: Sequence[Picture]) -> None:
        """Make all thumbnails, several at once: most of the time goes into decoding, which needs no lock of Python's."""
        with ThreadPoolExecutor(max_workers=4) as workers:
            for _ in workers.map(self.thumbnail, pictures):
                pass

    def thumbnail(self, picture: Picture) -> Preview | None:
        """Return a picture's thumbnail (the latest ones are kept); None where its file is damaged."""
        try:
            return preview(picture, self.side, self.most_bytes)
        except NotebookImgError:
            return None

    def row(self, group: Sequence[_Twig]) -> str:
        """Return a line, or lone turns beside each other."""
        return self.line(group[0]) if len(group) == 1 else _flow([self.card(twig) for twig in group])

    def line(self, first: _Twig) -> str:
        """Return a line as a row of cards, with the branches at its end under it."""
        cards, last = [], first
        for twig in _straight(first):
            if twig.before:
                cards.append(_fold(twig.before))
            cards.append(self.card(twig))
            last = twig
        if last.after:
            cards.append(_fold(last.after))
        out = [_flow(cards)]
        if len(last.edits) > 1:
            out.append(f'<ul style="{_BRANCHES}">')
            for child in last.edits:
                head = f'<div style="opacity:.8;font-size:.85em;padding:4px 0">from {escape(last.node.id)}:</div>'
                out.append(f'<li style="{_BRANCH}">{head}\n{self.line(child)}</li>')
            out.append("</ul>")
        return "\n".join(out)

    def card(self, twig: _Twig) -> str:
        """Return one turn: thumbnail, id, prompt, and the questions about it."""
        node = twig.node
        prompt = escape(shorten(node.prompt, 90))
        head = " <b>← head</b>" if node.is_head else ""
        note = f'<div style="opacity:.8">{escape(shorten(node.note, _NOTE))}</div>' if node.note else ""
        image = self._image(node) if node.kind != "ask" else ""
        if not image:
            image = '<div style="opacity:.8;border:1px dashed #8888;border-radius:3px;padding:.8em .4em;margin:0 0 4px">no picture</div>'
        asked = "".join(
            f'<li style="margin:4px 0 0;padding-left:6px;border-left:2px solid #8888">{self._question(one)}</li>'
            for question in twig.questions
            for one in _walk(question)
        )
        asked = f'<ul style="{_LIST}">{asked}</ul>' if asked else ""
        ring = ";outline:2px solid currentColor;outline-offset:3px;border-radius:2px" if node.is_head else ""
        body = self._question(twig) if node.kind == "ask" else f"{image}<div><b>{escape(node.id)}</b>{head}</div><div>{prompt}</div>{note}"
        return f'<li style="{_CARD}{ring}">{body}{asked}</li>'

    def _image(self, node: TreeNode) -> str:
        seen = self.thumbnail(node.picture) if node.picture is not None else None
        if seen is None:
            return ""
        self.seen.append((seen, node.id))
        width = round(seen.width * min(_THUMBNAIL / max(seen.width, seen.height), 1 if seen.width > TINY_SIDE else 2))
        return image_html(seen, f"{node.id}: {shorten(node.prompt, 100)}", width=max(width, 8), style="margin:0 0 4px")

    def _question(self, twig: _Twig) -> str:
        image = self._image(twig.node)
        note = f" ({escape(shorten(twig.node.note, _NOTE))})" if twig.node.note else ""
        folded = f"<div>… {counted(len(twig.before), 'question')} not drawn</div>" if twig.before else ""
        rest = f"<div>… {counted(len(twig.after), 'question')} not drawn</div>" if twig.after else ""
        return f"{folded}{image}<b>? {escape(twig.node.id)}</b> {escape(shorten(twig.node.prompt, 90))}{note}{rest}"


def _flow(cards: Sequence[str]) -> str:
    return "\n".join([f'<ul style="{_LIST};display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start">', *cards, "</ul>"])


def _rows(roots: Sequence[_Twig]) -> list[list[_Twig]]:
    """Return the lines, lone turns in a row together: twelve photographs are no twelve lines."""
    return [group for lone, found in groupby(roots, _is_lone) for group in ([list(found)] if lone else [[root] for root in found])]


def _is_lone(twig: _Twig) -> bool:
    return not (twig.edits or twig.before or twig.after)


def _text(roots: Sequence[_Twig]) -> list[str]:
    lines: list[str] = []
    for group in _rows(roots):
        if lines:
            lines.append("")
        for root in group:
            _draw(root, "", "", lines)
    return lines


def _draw(first: _Twig, lead: str, prefix: str, lines: list[str]) -> None:
    """Draw a line straight down; only what branches off is indented, so that a hundred edits stay readable."""
    for twig in _straight(first):
        if twig.before:
            lines.append(f"{lead}… {counted(len(twig.before), 'turn')} not drawn: {_span(twig.before)}")
            lead = prefix
        lines.append(lead + _label(twig.node))
        lead = prefix
        goes_on = bool(twig.edits or twig.after)
        for number, question in enumerate(twig.questions):
            last = number == len(twig.questions) - 1 and not goes_on
            _draw_questions(question, prefix + ("└─ " if last else "├─ "), prefix + ("   " if last else "│  "), lines)
        if twig.after:
            lines.append(f"{prefix}… {counted(len(twig.after), 'turn')} not drawn: {_span(twig.after)}")
        if len(twig.edits) > 1:
            for number, child in enumerate(twig.edits):
                last = number == len(twig.edits) - 1
                _draw(child, prefix + ("└─ " if last else "├─ "), prefix + ("   " if last else "│  "), lines)


def _draw_questions(first: _Twig, lead: str, prefix: str, lines: list[str]) -> None:
    for twig in _walk(first):
        if twig.before:
            lines.append(f"{lead}… {counted(len(twig.before), 'question')} not drawn: {_span(twig.before)}")
            lead = prefix
        lines.append(lead + _label(twig.node))
        lead = prefix
        if twig.after:
            lines.append(f"{prefix}… {counted(len(twig.after), 'question')} not drawn: {_span(twig.after)}")


def _label(node: TreeNode) -> str:
    sign = "? " if node.kind == "ask" else ""
    note = f" ({shorten(node.note, _NOTE)})" if node.note else ""
    return f"{sign}{node.id}  {shorten(node.prompt, 80)}{note}".rstrip() + ("  ← head" if node.is_head else "")


def _fold(ids: Sequence[str]) -> str:
    return f'<li style="{_CARD};align-self:center;opacity:.8">… {counted(len(ids), "turn")} not drawn: {escape(_span(ids))}</li>'


def _straight(first: _Twig) -> Iterator[_Twig]:
    """Yield a line until it ends or branches."""
    twig = first
    yield twig
    while len(twig.edits) == 1:
        twig = twig.edits[0]
        yield twig


def _walk(first: _Twig) -> Iterator[_Twig]:
    """Yield a twig and everything above it, without recursion: a line may have ten thousand turns."""
    waiting = [first]
    while waiting:
        twig = waiting.pop()
        yield twig
        waiting += reversed([*twig.questions, *twig.edits])


def _grown(nodes: Sequence[TreeNode], most: int) -> tuple[list[_Twig], list[str]]:
    """Return the twigs that are drawn, by their roots, and the ids that hang on none of them."""
    known: dict[str, TreeNode] = {}
    for node in nodes:
        # A parent comes first; what does not is damaged, and must not lead round in a ring.
        known[node.id] = node if node.parent in known else replace(node, parent=None)
    nodes = list(known.values())
    kept = _kept(nodes, known, most)
    twigs = {node.id: _Twig(node) for node in nodes if node.id in kept}
    roots: list[_Twig] = []
    hidden = [node.id for node in nodes if node.id not in kept]
    placed: set[str] = set()
    for node in nodes:
        if node.id not in kept:
            continue
        between, above = [], node.parent
        while above in known and above not in kept:
            between.append(above)
            above = known[above].parent
        between = [name for name in reversed(between) if name not in placed]
        placed.update(between)
        twigs[node.id].before = between
        if above is None or above not in known:
            roots.append(twigs[node.id])
        else:
            (twigs[above].questions if node.kind == "ask" else twigs[above].edits).append(twigs[node.id])
    lost = []
    anchors: dict[str, str | None] = {}
    for name in hidden:
        # Parents come first, so theirs is known already: looking for each anew takes a minute in a line of 50,000 turns.
        above = known[name].parent
        anchors[name] = above if above in kept else anchors.get(above or "")
        if name in placed:
            continue
        if (anchor := anchors[name]) is not None:
            twigs[anchor].after.append(name)
        else:
            lost.append(name)
    return roots, lost


def _kept(nodes: Sequence[TreeNode], known: dict[str, TreeNode], most: int) -> set[str]:
    """Choose what is drawn: the head with its latest past, where lines begin and branch, then the newest and the oldest."""
    if len(nodes) <= most:
        return set(known)
    children: dict[str | None, int] = {}
    for node in nodes:
        if node.kind != "ask":
            children[node.parent] = children.get(node.parent, 0) + 1
    past: list[str] = []
    at = next((node.id for node in nodes if node.is_head), None)
    while at in known and len(past) < most // 4:
        past.append(at)
        at = known[at].parent
    starts = [node.id for node in nodes if node.parent not in known]
    forks = [node.id for node in nodes if children.get(node.id, 0) > 1]
    names = [node.id for node in nodes]
    newest, oldest = names[::-1], names
    wishes = [*past, *starts[:1], *starts[-most // 6 :], *forks[-most // 6 :], *oldest[: most // 6], *newest]
    return set(list(dict.fromkeys(wishes))[:most])


def _remark(words: str) -> str:
    return f'<div style="opacity:.8;font-size:.85em">{escape(words)}</div>'


def _span(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}" if len(ids) > 2 else f"{ids[0]}, {ids[1]}"
