"""Every option once: its name, its values, its help, and how it is read from a typed line or from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.options.arguments import Given as Given
    from notebook_img.options.arguments import Parsed as Parsed
    from notebook_img.options.arguments import find_option as find_option
    from notebook_img.options.arguments import looks_like_option as looks_like_option
    from notebook_img.options.arguments import parse_words as parse_words
    from notebook_img.options.arguments import values_of as values_of
    from notebook_img.options.help import help_text as help_text
    from notebook_img.options.image_words import IMAGE_SUFFIXES as IMAGE_SUFFIXES
    from notebook_img.options.image_words import PATTERN as PATTERN
    from notebook_img.options.image_words import file_note as file_note
    from notebook_img.options.image_words import is_image_word as is_image_word
    from notebook_img.options.option import ALL as ALL
    from notebook_img.options.option import Command as Command
    from notebook_img.options.option import Option as Option
    from notebook_img.options.option import OwnOptionLike as OwnOptionLike
    from notebook_img.options.option import own_option as own_option
    from notebook_img.options.table import OPTIONS as OPTIONS
    from notebook_img.options.table import table_for as table_for
    from notebook_img.options.values import FLAG as FLAG
    from notebook_img.options.values import OBJECT as OBJECT
    from notebook_img.options.values import PLAIN as PLAIN
    from notebook_img.options.values import TEXT as TEXT
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        arguments="Given Parsed find_option looks_like_option parse_words values_of",
        help="help_text",
        image_words="IMAGE_SUFFIXES PATTERN file_note is_image_word",
        option="ALL Command Option OwnOptionLike own_option",
        table="OPTIONS table_for",
        values="FLAG OBJECT PLAIN TEXT",
    )
