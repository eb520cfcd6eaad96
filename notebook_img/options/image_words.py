"""Which leading words of a command are images and which are already text. The loader decides whether they can be read."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from notebook_img.errors import NotFoundError
from notebook_img.ids import parse_id

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGE_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "tif", "tiff", "heic", "heif", "hif", "avif", "ico", "jp2"),
        *("j2k", "jxl", "ppm", "pgm", "pbm", "pnm", "mpo", "tga", "psd", "svg", "exr"),
        *("dng", "nef", "nrw", "cr2", "cr3", "arw", "orf", "rw2", "raf", "pef", "srw"),
    )
)
"""Suffixes that mark a leading word as an image. Wider than what can be read, so that a ``logo.svg`` gets the loader's sentence."""

PATTERN = re.compile(r"[*?]|\[.+\]")
"""What makes a word a pattern of file names."""
_URL = re.compile(r"https?://\S|file://\S|data:[\w.+-]+/[\w.+-]+[;,]", re.IGNORECASE)
_PATH = re.compile(r"\.{1,2}[/\\]|~[/\\]|/|\\\\|[A-Za-z]:[/\\]")


def looks_like_turn(word: str) -> bool:
    """Return whether `word` is written like the id of a turn or picture: ``t7``, ``t7.2``, ``fox/t7``."""
    return parse_id(word) is not None


def _is_picture_file(word: str) -> bool:
    from notebook_img.pictures import is_picture_file

    return is_picture_file(word)


def file_note(word: str, *, exists: Callable[[str], bool]) -> str:
    """Return a remark on a first word that is taken for text although a file or folder has that name; empty where none has."""
    if not word or len(word) > 255 or re.search(r"[\s{}<>/\\]", word) or word in (".", "..") or not exists(word):
        return ""
    named = f"folder; the folder is written {word}/" if os.path.isdir(word) else "file, which is no picture"  # noqa: PTH112 - a word
    return f"{word!r} is text here, and also the name of a {named}."


def is_image_word(
    word: str,
    *,
    exists: Callable[[str], bool],
    is_id: Callable[[str], bool] = looks_like_turn,
    followed: bool = True,
    is_file: Callable[[str], bool] = _is_picture_file,
) -> bool:
    r"""Return whether a leading word is an image.

    It is when it is a URL, ``sample:NAME``, an id of the session or written like one, a file whose bytes are a picture whatever its
    name, has an image suffix or a path separator.
    With spaces in it (it was quoted), it is when the file exists, or has an image suffix and text follows: ``"What is in cat.png"``
    on its own is a question. Words with braces, tags (``</b>``), single LaTeX commands (``\alpha``) and fractions (``1/2``) are
    text unless such a file exists.

    Parameters
    ----------
    word : str
        The word without its quotes.
    exists, is_id : callable
        Whether a file exists, and whether the session knows an id.
    followed : bool
        Whether more words follow.
    is_file : callable
        Whether a file exists whose bytes are a picture.

    Raises
    ------
    NotFoundError
        For a word with a path separator that is neither a file nor written like the path of one (``b/w``): it may be
        either, and a wrong guess would be paid for.
    """
    if not any(letter.isspace() for letter in word):
        if _URL.match(word) or re.fullmatch(r"sample:[\w.-]+", word) or looks_like_turn(word) or is_id(word):
            return True
    elif "\n" in word:
        return False
    elif is_id is not looks_like_turn and is_id(word):
        return True  # quoted: 'My Notebook/t7'; only who knows the sessions can tell it from text
    if not word or len(word) > 4096:
        return False
    stem, suffix = os.path.splitext(word)  # noqa: PTH122 - a word, not yet a path
    spaced = any(letter.isspace() for letter in word)
    if stem and suffix.casefold() in IMAGE_SUFFIXES and not re.search(r"[{}<>]", word):
        return followed or not spaced or exists(word)
    if spaced or re.search(r"[{}<>]", word):
        return exists(word)
    if word in (".", "..") and followed:
        return True  # the loader says that it is a folder
    if not re.search(r"[/\\]", word):
        return is_file(word)
    if exists(word):
        return True
    if re.fullmatch(r"\\\w+\W*|[\d.,]+/[\d.,]+\W*|[/\\]+\W*", word):
        return False
    if _PATH.match(word):
        return True
    if PATTERN.search(word):
        return True
    raise NotFoundError(
        f"There is no file {word[:80]!r}. A first word with a slash counts as an image; to have it in the text, put -- before the text."
    )
