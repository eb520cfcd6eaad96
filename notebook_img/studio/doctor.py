"""The doctor: what is ready, what is missing, what a crash may have left. No network call unless asked for."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from notebook_img import keys, loop
from notebook_img.calls import waiting_jobs
from notebook_img.display import counted
from notebook_img.errors import NotebookImgError
from notebook_img.hints import Hint
from notebook_img.providers import service_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from notebook_img.providers.interface import Kind
    from notebook_img.studio.studio import Studio


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    state: Literal["ok", "missing", "problem", "info"]
    details: str
    hints: tuple[Hint, ...] = ()
    title: str = ""
    """Of a connection: the service in words. Its findings make one table."""
    facts: tuple[tuple[str, str], ...] = ()
    """More about it, each under a word."""

    @property
    def sentence(self) -> str:
        """The details, which `worded` ends with the hints."""
        return self.details


def _problem(what: str, error: NotebookImgError) -> Finding:
    return Finding(what, "problem", error.sentence, error.hints)


def examine(
    studio: Studio,
    *,
    online: bool = False,
    repair: bool = False,
    verify: bool = False,
    rebuild: bool = False,
    places: Sequence[Path] = (),
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Finding]:
    """Return what is ready and what is missing.

    Parameters
    ----------
    studio : Studio
        Whose home and settings are looked at.
    online : bool
        Also ask every service that is set up what it offers.
    repair : bool
        Mend what a crash can leave: half-written files, stale reservations, runs that never ended. Nothing is deleted.
    verify : bool
        Check every picture by its hash, and heal those that any copy has the bytes of.
    rebuild : bool
        Make turns again that the index has lost.
    places : sequence of Path
        Packs, exports and folders to look in for copies and lost turns, besides those replies may come from.
    tell : callable
        Told how many pictures are checked, and how many there are.
    """
    mending = _Mending(repair, verify, rebuild, places, tell)
    return [*_versions(), *_store(studio, mending), *_services(studio, online=online), *_extras()]


@dataclass(frozen=True)
class _Mending:
    """What is to be done to a store, and where to look for what it lacks."""

    repair: bool
    verify: bool
    rebuild: bool
    places: Sequence[Path]
    tell: Callable[[int, int], None]

    def work(self, studio: Studio) -> Iterator[Finding]:
        """Do it, in the order in which one helps the next."""
        if self.rebuild:
            from notebook_img.store import rebuild_store

            studio.shared.close()
            address = studio.settings.address
            home = address if address.is_shared else address.folder
            yield from (Finding("rebuild", "info", done) for done in rebuild_store(home, self.places))
        if self.verify:
            from notebook_img.store import verify_store

            yield from (Finding("verify", "info", found) for found in verify_store(studio.store, self._copies(studio), self.tell))
        if self.repair:
            from notebook_img.store import repair_store

            yield from (Finding("repair", "info", done) for done in repair_store(studio.store) or ["nothing to mend"])

    def _copies(self, studio: Studio) -> list[Path]:
        """Return where copies may be: what was named, where replies may come from, and the folders of the sessions' notebooks."""
        from notebook_img.replay import find_packs

        folders = [studio.working_folder, *(Path(record.notebook).parent for record in studio.store.sessions() if record.notebook)]
        named = [path for path in studio.settings.replay_from if path.exists()]
        return [*self.places, *find_packs(list(dict.fromkeys(folders)), named)]


def _versions() -> Iterator[Finding]:
    from notebook_img._version import __version__

    yield Finding("notebook_img", "ok", f"{__version__} on Python {sys.version.split()[0]}, {sys.platform}")
    names = ("ipython", "ipywidgets", "anywidget", "google-genai", "openai", "mcp", "pillow", "sqlalchemy")
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Finding(name, "problem", f"not installed: pip install {name}")
    yield Finding("libraries", "ok", ", ".join(found))


def _store(studio: Studio, mending: _Mending) -> Iterator[Finding]:
    home = studio.settings.home
    try:
        yield from mending.work(studio)
        store = studio.store
        sessions = store.sessions()
        turns = sum(record.turns for record in sessions)
        yield Finding("store", "ok", f"{studio.settings.address}: {counted(len(sessions), 'session')}, {counted(turns, 'turn')}")
        if studio.settings.address.is_shared:
            said = (
                f"shared: whoever can use it sees all of it. Pictures in {studio.settings.pictures}, what belongs to this machine in {home}"
            )
            yield Finding("home", "info", said)
        from notebook_img.store import check_store

        for problem in check_store(store):
            yield Finding("store", "problem", problem.sentence, problem.hints)
        for job in waiting_jobs(studio):
            details = f"{job.id} ({job.model}) waits with the service; its owner is gone."
            yield Finding("job", "info", details, (Hint("resume-job", job=job.id),))
    except NotebookImgError as error:
        yield _problem("store", error)
    if not os.access(home if os.path.lexists(home) else home.parent, os.W_OK):
        yield Finding("home", "problem", f"{home} is not writable; set NOTEBOOK_IMG_HOME to a folder of yours")


def _services(studio: Studio, *, online: bool) -> Iterator[Finding]:
    """Tell of each connection what the provider declares, so that a new one needs no line here."""
    from notebook_img import providers

    try:
        rows = service_rows(studio.settings)
    except NotebookImgError as error:
        yield _problem("endpoints", error)
        rows = service_rows(studio.settings, own=False)
    else:
        if wrong := providers.usable_own_models(studio.settings)[1]:
            yield Finding("endpoints", "problem", wrong)
    for row in rows:
        name, title, ready = row["name"], row["title"], row["state"] == "ready"
        said = ", ".join(part for part in (title, f"key from {row['key']}" if row["key"] else "") if part) if ready else row["state"]
        yield Finding(name, "ok" if ready else "missing", said, row["hints"], title, tuple(_facts(studio, row)))
        if online and ready:
            yield from (dataclasses.replace(found, title=title) for found in _asked(studio, name))


_USES: Mapping[str, Kind] = {"pictures": "generate", "edits": "edit", "questions": "ask"}


def _facts(studio: Studio, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from notebook_img import providers

    try:
        provider = providers.get(row["name"], studio.settings)
        address = provider.address() if hasattr(provider, "address") else ""
        uses: dict[str, list[str]] = {}
        for word, kind in _USES.items():
            if model := provider.default_model(kind):
                uses.setdefault(model, []).append(word)
    except NotebookImgError:
        return  # what is wrong is the state
    known = {word: row.get(word, "") for word in ("key", "connection")} | {"address": address}
    yield from ((word, told) for word, told in known.items() if told)
    for model, words in uses.items():
        price = providers.price_words(providers.model_info(provider, model, studio.settings))
        yield ", ".join(words), f"{model}, {'price unknown' if price == 'unknown' else price}"
    caution = getattr(provider, "caution", "")
    if caution and caution not in row["state"]:
        yield "caution", caution


def _asked(studio: Studio, name: str) -> Iterator[Finding]:
    """Ask a service what it has."""
    from notebook_img import providers

    services = providers.key_services(studio.settings)
    try:
        provider = providers.get(name, studio.settings)
        for sentence in loop.run(lambda _tell: provider.probe()):
            yield Finding(name, "info", keys.redact(sentence, services, studio.settings))
    except NotebookImgError as error:
        yield Finding(name, "problem", keys.redact(error.sentence, services, studio.settings), error.hints)


def tables_of(findings: Sequence[Finding], say: Callable[[Finding], str]) -> list[tuple[str, list[list[str]]]]:
    """Return the report as tables, each with its title: first of the installation, then one for each connection.

    Parameters
    ----------
    say : callable
        Puts a finding into the words of a surface.
    """
    general = [[each.what, each.state, say(each)] for each in findings if not each.title]
    tables: dict[str, list[list[str]]] = {}
    for each in findings:
        if not each.title:
            continue
        title = each.title if each.title.casefold() == each.what else f"{each.title} ({each.what})"
        if title not in tables:
            ready = each.state == "ok"
            tables[title] = [["state", "ready" if ready else say(each)], *map(list, each.facts)]
        else:
            tables[title].append(["problem" if each.state == "problem" else "online", say(each)])
    return [("", general), *tables.items()]


def _extras() -> Iterator[Finding]:
    heic = importlib.util.find_spec("pillow_heif") is not None
    yield Finding("HEIC", "ok" if heic else "missing", "photographs of phones can be read" if heic else "pip install 'notebook-img[heic]'")
    ssim = importlib.util.find_spec("skimage") is not None
    yield Finding("SSIM", "ok" if ssim else "missing", "comparisons tell SSIM" if ssim else "pip install scikit-image")
