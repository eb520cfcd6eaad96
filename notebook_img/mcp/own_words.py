"""A server speaks only of tools it has: what names another one is left out, sentence by sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_NAME = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True)
class OwnWords:
    """The tools a server has, and all there are.

    Attributes
    ----------
    served : frozenset of str
        Names of its tools.
    known : frozenset of str
        Names of all tools.
    """

    served: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    def of(self, text: str) -> str:
        """Return text without the sentences that name a tool this server lacks."""
        others = self.known - self.served
        kept = [sentence for sentence in _SENTENCE.split(text) if not others & set(_NAME.findall(sentence))]
        return " ".join(kept) if len(kept) < len(_SENTENCE.split(text)) else text

    def has(self, *names: str) -> bool:
        """Whether this server has all of these tools."""
        return self.served.issuperset(names)
