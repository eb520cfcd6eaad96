# ruff: noqa: E501, SIM905 - tables of words read best with one row on one line
"""Cuts a prompt into phrases: quoted text is kept whole, separators are words and marks, and what is left over is known."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from notebook_img.providers.local.colours import NAMED

SEPARATOR = re.compile(
    r"\s*(?:[\n;!]|[,，、](?!\S*[%]\S*,)|\.(?=\s|$)|,)\s*(?:(?:and\s+)?(?:then|also|after\s+that|finally|next)\b)?\s*(?:and\b)?\s*"
    r"|\s+(?:and\s+(?:then|also|after\s+that|finally)|and|then|plus|after\s+that|afterwards|finally|&)\s+",
    re.IGNORECASE,
)

_COLOUR_WORDS = "|".join(sorted({word for name in NAMED for word in re.findall(r"[a-z]+", name)}))
_LOOKS = (
    r"very|tiny|small|smaller|medium|large|larger|big|bigger|huge|giant|bold|sized?|font|letters|coloured|colored|opacity|opaque|please|"
    + _COLOUR_WORDS
)
"""How a text is to look. Such a word may also be part of it ('the kids' blue car'), where a further apostrophe closes."""
_INSIDE = r"(?!\s['‘](?!n['’]|(?:tis|twas|til|em|cause)\b|\d)\w)."
"""Any character of a text in apostrophes that does not begin another such text; 'n', 'tis and '90s do not."""

# A closing apostrophe is one that ends the prompt or stands before a mark or one of the words that go on after a text,
# so that 'the cats' toy' and 'it's me' are whole. Where there is none, the last apostrophe before another text closes.
QUOTED = re.compile(
    r"\"([^\"]*)\"|“([^”]*)”|«([^»]*)»"
    rf"|(?<!\w)['‘]((?:{_INSIDE})*?)['’](?=\s*(?:$|[,.;:!?)\n#]|\d+\s*(?:%|percent|px)"
    r"|(?:and|then|at|in|on|to|with|from|along|across|as|below|above|top|bottom|plus|using|over)\b"
    rf"|(?:{_LOOKS})\b(?![^'’]*\w['’](?!\w))))"
    rf"|(?<!\w)['‘](?!n['’])((?:{_INSIDE})*)['’](?!\w)",
    re.DOTALL | re.IGNORECASE,
)

LIST_NUMBER = re.compile(r"^[ \t]*(?:\(?\d{1,2}[.):]|[-*•])[ \t]+(?=[^\W\d]|⟦)", re.MULTILINE)
"""What numbers the lines of a list. Left there, "1. brighter" would be brighter by 1."""

_UNITS = r"[.,:/x×*]\d|\s*(?:%|°|px|pixels?|pt|points?|per\s?cent|pct|deg|stops?|ev\b|f\b|x\b|×|times|fold|levels?|colou?rs?|tones?|steps?)"
IMAGE = re.compile(
    rf"(?P<quoted>{QUOTED.pattern})"
    rf"|\b(?P<kind>image|picture|photo)\s+(?:no\.?\s*|number\s+|#)?(?P<index>[1-9]|1[0-6]|one)\b(?!{_UNITS})",
    re.DOTALL | re.IGNORECASE,
)
MARKED = re.compile(r"⟨(\w+)#(\w+)⟩")
FIRST = re.compile(r"⟨\w+#(?:1|one)⟩", re.IGNORECASE)


def mark_images(prompt: str) -> str:
    """Mark pictures named by number, as ``{photo}`` gives them in a prompt, so that no number is taken for an amount."""
    prompt = re.sub(r"[⟨⟩]", " ", prompt)
    return IMAGE.sub(lambda found: found[0] if found["quoted"] is not None else f"⟨{found['kind']}#{found['index']}⟩", prompt)


def unmarked(text: str) -> str:
    """Return a text as it was before `mark_images`."""
    return MARKED.sub(r"\1 \2", text)


FILLERS = frozenset(
    """the a an it its it's this that these those image images picture pictures photo photos photograph pic of to by in on at with please make
    makes made give get apply put do use using set turn have lets let's can could would should you your i want me my like now just also and so
    as be is whole entire effect filter style look looking version into from for some all kindly overall everything there here one shot there's
    add adding added create render want need we us our i'd across over around go going try then & + , . : ; ! ? ( )""".split()
)
"""Words that carry no meaning of their own for this engine. Any other word that no pattern takes makes a phrase unknown."""


@functools.cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return `pattern` as whole words in any case; a blank in it stands for any white space."""
    spaced = pattern.replace(" ?", r"\s*").replace(" ", r"\s+")
    return re.compile(rf"(?<![\w#])(?:{spaced})(?!\w)", re.IGNORECASE)


@dataclass
class Phrase:
    """Words still to be understood. Quoted texts are ``⟦0⟧``, ``⟦1⟧`` ... in `text`."""

    text: str
    quoted: tuple[str, ...] = ()
    single: bool = True
    """Whether it contains no separator, so that unquoted text may be read to its end."""

    def copy(self) -> Phrase:
        """Return a copy to try a pattern on."""
        return Phrase(self.text, self.quoted, self.single)

    def take(self, pattern: str) -> re.Match[str] | None:
        """Find `pattern`, take it out of the text and return the match."""
        match = compiled(pattern).search(self.text)
        if match:
            self.text = f"{self.text[: match.start()]} {self.text[match.end() :]}"
        return match

    def take_quoted(self) -> str | None:
        """Take the first quoted text out."""
        match = re.search(r"⟦(\d+)⟧", self.text)
        if not match:
            return None
        self.text = f"{self.text[: match.start()]} {self.text[match.end() :]}"
        return self.quoted[int(match.group(1))]

    def left(self, more: frozenset[str] = frozenset()) -> list[str]:
        """Return the words nothing has taken, without the fillers."""
        # Image 1 is the one that is edited, so its name adds nothing.
        words = re.findall(r"[^\s,.:;!?()&+]+", FIRST.sub(" ", self.text))
        return [word for word in words if word.casefold() not in FILLERS and word.casefold() not in more]


@dataclass(frozen=True)
class Pieces:
    """A prompt cut at its separators. `spans` are offsets into `text`, where quoted texts are placeholders."""

    text: str
    quoted: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def phrase(self, first: int, last: int) -> Phrase:
        """Return the pieces from `first` to `last` (inclusive) as one phrase."""
        text = self.text[self.spans[first][0] : self.spans[last][1]]
        # Hyphens between letters are blanks: black-and-white, top-left, auto-levels.
        return Phrase(re.sub(r"(?<=[^\W\d])-(?=[^\W\d])", " ", text), self.quoted, single=first == last)

    def source(self, first: int, last: int) -> str:
        """Return the pieces as they were typed, for messages."""
        text = self.text[self.spans[first][0] : self.spans[last][1]]
        text = re.sub(r"⟦(\d+)⟧", lambda match: f'"{self.quoted[int(match.group(1))]}"', text)
        return unmarked(" ".join(text.split()))


def cut(prompt: str) -> Pieces:
    """Cut a prompt into its pieces."""
    quoted: list[str] = []

    def keep(match: re.Match[str]) -> str:
        quoted.append(next(group for group in match.groups() if group is not None))
        return f"⟦{len(quoted) - 1}⟧"

    text = QUOTED.sub(keep, re.sub(r"[⟦⟧]", " ", prompt)).replace("’", "'").replace("−", "-")
    text = LIST_NUMBER.sub("", text)
    spans: list[tuple[int, int]] = []
    start = 0
    for match in SEPARATOR.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return Pieces(text, tuple(quoted), tuple((first, last) for first, last in spans if text[first:last].strip(" ,.;:!?")))
