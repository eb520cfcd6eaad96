"""What else is the same request: a file whose bytes changed but not what is seen of it, and a URL whose picture is known already."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
from typing import TYPE_CHECKING, Any

from notebook_img.errors import NotebookImgError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from notebook_img.calls.request import PreparedCall
    from notebook_img.calls.resolve import PlacedCall
    from notebook_img.pictures import Picture
    from notebook_img.records import PictureUse
    from notebook_img.workspace import Workspace

MOST_PIXELS = 40_000_000
"""Pixels of the largest file whose content is compared: it has to be decoded."""
MOST_WAYS = 20
"""Most other forms of a request that are looked for."""
MOST_CONTENTS = 4096
"""Most files whose content this process remembers; then it begins anew."""
NAMED = ("input", "reference")
"""Roles of pictures that are named in a call."""


def address_hash(url: str) -> str:
    """Return what a URL is known by; itself it may hold a signature."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def content_hash(picture: Picture) -> str:
    """Return a hash of what is seen of a picture, its colour profile included; empty where that cannot be said of its pixels.

    Files that differ in nothing but a time stamp, a comment or the notes this package writes have the same.
    """
    if (known := _contents.get(picture.sha256)) is None:
        if len(_contents) >= MOST_CONTENTS:
            _contents.clear()
        known = _contents[picture.sha256] = _content_hash(picture)
    return known


_contents: dict[str, str] = {}
"""By hash of the file: a photograph that is edited time and again is decoded once."""


def _content_hash(picture: Picture) -> str:
    from notebook_img.pictures import key_of_pixels

    try:
        if picture.width * picture.height > MOST_PIXELS or picture.notes:
            return ""  # several frames, 16 bits: its pixels as they are shown are not all of it
        image = picture.pil()
    except NotebookImgError:
        return ""
    profile = image.info.get("icc_profile") or b""
    return hashlib.sha256(key_of_pixels(image).encode() + profile).hexdigest()[:32]


def with_content(uses: Iterable[PictureUse], pictures: Mapping[str, Picture], workspace: Workspace) -> tuple[PictureUse, ...]:
    """Return uses with the content of those that are files of the user's; what the store made is known by its bytes."""
    done = []
    for use in uses:
        picture = pictures.get(use.sha256)
        own = picture is not None and picture.path is not None and workspace.store.owns(picture.path)
        if picture is not None and not own and use.role in NAMED and not use.pixels_key:
            use = dataclasses.replace(use, content=content_hash(picture))  # noqa: PLW2901
        done.append(use)
    return tuple(done)


def other_keys(workspace: Workspace, ready: PreparedCall) -> Iterator[str]:
    """Give the keys of requests that differ from this one only in the bytes of its files."""
    ways: list[list[str]] = []
    for use in ready.named:
        hashes = [use.pixels_key or use.sha256]
        picture = ready.sources.get(use.sha256)
        if picture is not None and not use.pixels_key and use.role in NAMED and (content := content_hash(picture)):
            same = [*workspace.store.same_content(content), *workspace.packs().same_content(content)]
            hashes += [sha256 for sha256 in dict.fromkeys(same) if sha256 != use.sha256]
        ways.append(hashes)
    for chosen in itertools.islice(itertools.product(*ways), 1, MOST_WAYS):
        yield ready.key_with([(use.role, sha256) for use, sha256 in zip(ready.named, chosen, strict=True)])


def without_network(workspace: Workspace, asked: PlacedCall) -> Iterator[PlacedCall]:
    """Give the call with pictures that are known in place of its URLs, the latest first; nothing where one is not known."""
    urls = [] if asked.call.fresh and workspace.settings.replay != "only" else urls_of(asked)
    known = [_known(workspace, url) for url in urls]
    for chosen in itertools.islice(itertools.product(*known), MOST_WAYS if urls else 0):
        found = dict(zip(urls, chosen, strict=True))
        inputs, references = (
            tuple(found[value] if _is_url(value) else value for value in each) for each in (asked.inputs, asked.references)
        )
        call = asked.call.but(mask=found[asked.call.mask]) if _is_url(asked.call.mask) else asked.call
        yield dataclasses.replace(asked, call=call, inputs=inputs, references=references)


def urls_of(asked: PlacedCall) -> list[str]:
    """Return the URLs a call would have to fetch."""
    return list(dict.fromkeys(value for value in (*asked.inputs, *asked.references, asked.call.mask) if _is_url(value)))


def with_addresses(uses: Sequence[PictureUse], values: Sequence[Any], pictures: Sequence[Picture]) -> list[PictureUse]:
    """Return uses that say which URL each came from."""
    urls = {picture.sha256: value for value, picture in zip(values, pictures, strict=False) if _is_url(value)}
    return [dataclasses.replace(use, address=address_hash(urls[use.sha256])) if use.sha256 in urls else use for use in uses]


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value[:8].casefold().startswith(("http://", "https://"))


def _known(workspace: Workspace, url: str) -> list[Picture]:
    from notebook_img.pictures import Picture
    from notebook_img.tree import stored_picture

    address = address_hash(url)
    found = {use.sha256: stored_picture(workspace.store, use) for use in workspace.store.from_address(address)}
    packs = workspace.packs()
    for use in packs.from_address(address):
        if use.sha256 not in found:
            found[use.sha256] = Picture(
                functools.partial(packs.read_picture, use.sha256),
                name=use.name,
                mime_type=use.mime_type,
                sha256=use.sha256,
                width=use.width,
                height=use.height,
                encoded_here=bool(use.pixels_key),
                pixels_key=use.pixels_key or None,
            )
    return list(found.values())
