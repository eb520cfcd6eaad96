"""The built-in engine: ordinary image operations in plain words, small scenes, facts about pictures. No AI, no key, no network."""

from __future__ import annotations

from notebook_img.providers.local.abilities import can_draw, can_tell
from notebook_img.providers.local.edits import cuts_out, is_exact
from notebook_img.providers.local.help import HelpRow, help_table, operation_names, operation_words
from notebook_img.providers.local.provider import LocalProvider

__all__ = ["HelpRow", "LocalProvider", "can_draw", "can_tell", "cuts_out", "help_table", "is_exact", "operation_names", "operation_words"]
