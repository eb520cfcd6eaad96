"""Pictures the tests of this folder draw with, and what they all ask of HTML."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from notebook_img.pictures import Picture

VOID = {"img", "br", "hr", "input", "wbr"}
HOSTILE = """<script>alert("1")</script> "it's" & <img src=x onerror=alert(1)>"""


def file_of(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def picture(width: int = 320, height: int = 240, *, kind: str = "PNG", seed: int = 0, name: str = "") -> Picture:
    """A smooth picture, different for every seed."""
    y, x = np.mgrid[:height, :width]
    channels = [127 + 120 * np.sin((x * (k + 1) + y * (seed + 1)) / 60 + k) for k in range(3)]
    return Picture(file_of(np.stack(channels, axis=2).astype(np.uint8), kind), name=name)


def noise(width: int, height: int, channels: int = 3, *, kind: str = "PNG", seed: int = 0) -> Picture:
    """What compresses worst."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Picture(file_of(values, kind))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class Page(HTMLParser):
    """Reads HTML strictly: what is opened must be closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        assert not [name for name in names if name.startswith("on")], f"{tag} has a handler"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """What is read when there are no styles."""
        return re.sub(r"\s+", " ", "".join(self.words)).strip()

    @property
    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(html: str) -> Page:
    """Check what every page must be, and return it for more."""
    read = Page(html)
    assert not {"script", "style", "link", "iframe", "object", "svg"} & {tag for tag, _ in read.tags}
    for image in read.images:
        assert image.get("alt"), "an image without alternative text"
        assert str(image["src"]).startswith(("data:image/jpeg;base64,", "data:image/png;base64,")), "an image from elsewhere"
        assert opened(shown(image))
    return read


def shown(image: dict[str, str | None]) -> bytes:
    return base64.b64decode(str(image["src"]).split(",", 1)[1], validate=True)


def grows_by(*data: object) -> int:
    """How many bytes an output adds to a notebook file."""
    return len(json.dumps(data, indent=1).encode())
