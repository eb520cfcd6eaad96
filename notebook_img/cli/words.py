"""What the commands share: the studio of a shell, and flags among words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from notebook_img.studio import Studio


def open_studio() -> Studio:
    """Return the studio of this shell."""
    from notebook_img.cli.printing import say
    from notebook_img.records import Origin
    from notebook_img.shell_words import in_shell_words
    from notebook_img.studio import Studio

    studio = Studio()
    studio.origin = Origin(surface="cli")
    studio.say = lambda text: say(in_shell_words(text))
    return studio


def split_flags(words: list[str], *known: str) -> tuple[list[str], set[str]]:
    """Split off flags; an unknown one is an error with the nearest name."""
    flags = {word for word in words if word.startswith("--")}
    for flag in flags - set(known):
        raise UsageError(f"There is no option {flag} here.{did_you_mean(flag, known)} It takes {', '.join(known) or 'none'}.")
    return [word for word in words if word not in flags], flags
