"""How large an image may be before it is read (bytes) and before it is decoded (pixels).

Our own limits, checked against the header. Pillow's global `MAX_IMAGE_PIXELS` is neither used nor changed: it is one for
the whole process and not safe to change while other threads decode.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notebook_img.errors import PictureError

if TYPE_CHECKING:
    from notebook_img.settings import Settings


@dataclass(frozen=True)
class Limits:
    """The largest image that is accepted."""

    max_bytes: int = 200_000_000
    max_pixels: int = 150_000_000

    @classmethod
    def of(cls, settings: Settings | None) -> Limits:
        """Return the limits `settings` say, or those of the environment where there are no settings."""
        if settings is None:
            from notebook_img.settings import Settings

            settings = Settings()
        return cls(settings.max_bytes, settings.max_pixels)

    def check_bytes(self, count: int, what: str) -> None:
        """Raise PictureError when `count` bytes exceed the limit."""
        if count > self.max_bytes:
            raise PictureError(
                f"{what} has {readable_bytes(count)}, more than the limit of {readable_bytes(self.max_bytes)} "
                "(the setting max_bytes, NOTEBOOK_IMG_MAX_BYTES, raises it)."
            )

    def check_file(self, found: os.stat_result, what: str, *, inside: str = "") -> None:
        """Raise PictureError for what cannot be read as an image file: a folder, a device, nothing, too much.

        Parameters
        ----------
        found : os.stat_result
            Of the file.
        what : str
            What a message calls it.
        inside : str
            A sentence about what a folder holds, told when it is one.
        """
        if stat.S_ISDIR(found.st_mode):
            raise PictureError(f"{what} is a folder. Name an image in it.{inside}")
        # A pipe or device would block, or never end.
        if not stat.S_ISREG(found.st_mode):
            raise PictureError(f"{what} is not an ordinary file.")
        if found.st_size == 0:
            raise PictureError(f"{what} is empty.")
        self.check_bytes(found.st_size, what)

    def check_pixels(self, width: int, height: int, what: str) -> None:
        """Raise PictureError when a picture of this size has too many pixels, or none."""
        if width < 1 or height < 1:
            raise PictureError(f"{what} is damaged: its header says {width} x {height} pixels.")
        if width * height > self.max_pixels:
            raise PictureError(
                f"{what} has {width} x {height} pixels, more than the limit of {self.max_pixels / 1e6:g} million "
                "(the setting max_pixels, NOTEBOOK_IMG_MAX_PIXELS, raises it)."
            )


def readable_bytes(count: int) -> str:
    """Return ``"2.1 GB"`` and the like, decimal units."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
