"""Whether a mask is given by words (``the cup``) or is a picture, a turn, a file, numbers or boxes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from notebook_img.errors import UsageError
from notebook_img.ids import parse_id
from notebook_img.options import IMAGE_SUFFIXES

NO_WORDS = re.compile(r"[\d\s,;.\-]+|(https?|data|file|sample):.*", re.DOTALL)
ARTICLES = {"a", "an", "the"}


def words_of(mask: Any) -> str:
    """Return the words a mask is given by; empty where it is a picture, a turn's id, a file, numbers or boxes.

    What has the suffix of an image or a path separator is always a file, and so is one that exists.

    Raises
    ------
    UsageError
        For a lone article: the rest of the words was not quoted.
    """
    if not isinstance(mask, str):
        return ""
    words = mask.strip()
    if not words or NO_WORDS.fullmatch(words) or re.search(r"[/\\\n]", words) or Path(words).suffix.casefold() in IMAGE_SUFFIXES:
        return ""
    if parse_id(words) or os.path.exists(words):  # noqa: PTH110 - Path.exists raises for what is too long for a name
        return ""
    if words.casefold() in ARTICLES:
        raise UsageError(f'A mask of "{words}" alone names nothing. Put its words in quotes, for example "the cup".')
    return words
