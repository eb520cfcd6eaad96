"""The rules that keep the house: what may stand at the root, who imports what from where, which names mean what.

The direction of imports between folders is import-linter's (`make check`, the contracts in pyproject.toml).
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from pickle import loads

import pytest

from notebook_img.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
HOUSE = PROJECT / "notebook_img"

ROOT = {
    "__init__",
    "__main__",
    "_face",
    "_version",
    "api",
    "workspace",
    "keys",
    "records",
    "ids",
    "files",
    "loop",
    "errors",
}
ROOT |= {"attributes", "hints", "network"}
"""Modules at the root; everything else belongs into the folder of its concept."""

OLD_NAMES = {
    *("asking", "exporting", "giving", "keeping", "opening", "performing", "preparing", "sharing", "showing", "running", "repeating"),
    *("looking", "leaving", "calling", "joining", "serving", "setting_up", "utils", "util", "helpers", "common", "misc", "manager"),
}
"""Names that say neither what is done nor to what."""


@dataclass(frozen=True)
class Import:
    """One imported name (``*`` is not used here), or a module where `name` is empty."""

    by: str
    module: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.name or self.module} from {self.module}"


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module by its dotted name, a package by its own."""
    found = {}
    for path in sorted(HOUSE.rglob("*.py")):
        parts = path.relative_to(PROJECT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def is_package(module: str) -> bool:
    return (PROJECT / module.replace(".", "/")).is_dir()


def rooms() -> set[str]:
    return {module for module in modules() if module.count(".") == 1 and is_package(module)}


def room_of(module: str) -> str:
    """Return the folder right below the root, or a root module itself."""
    return ".".join(module.split(".")[:2])


def for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(module: str, *, typing: bool) -> Iterator[Import]:
    """Yield what a module imports of ours, inside functions too; with `typing` also what only the type checker sees."""

    def walk(node: ast.AST) -> Iterator[Import]:
        if isinstance(node, ast.If) and for_typing(node) and not typing:
            for child in node.orelse:
                yield from walk(child)
            return
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno} imports relatively"
            if (node.module or "").split(".")[0] == "notebook_img":
                yield from (Import(module, node.module or "", name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (Import(module, name.name, "", node.lineno) for name in node.names if name.name.split(".")[0] == "notebook_img")
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    yield from walk(modules()[module])


@cache
def face(package: str) -> dict[str, str]:
    """Return the names a folder gives at run time, and from which module: the arguments of its `face` call."""
    calls = [node for node in ast.walk(modules()[package]) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "face"]
    return {
        name: f"{package}.{argument.arg}"
        for call in calls
        for argument in call.keywords
        for name in ast.literal_eval(argument.value).split()
    }


def faces() -> list[str]:
    return [module for module in modules() if is_package(module) and face(module)]


# ------------------------------------------------------------------------------------------ names


def test_the_root_holds_only_the_agreed_modules() -> None:
    assert {path.stem for path in HOUSE.glob("*.py")} <= ROOT
    assert {path.name for path in HOUSE.iterdir() if path.is_file() and path.suffix != ".py"} == {"py.typed"}


def test_no_module_has_a_name_that_tells_nothing() -> None:
    assert not {module for module in modules() if module.rpartition(".")[2] in OLD_NAMES}


@pytest.mark.parametrize("package", faces())
def test_no_name_of_a_face_is_a_module_of_its_folder(package: str) -> None:
    """Importing the module would take the name's place."""
    own = {module.rpartition(".")[2] for module in modules() if module.rpartition(".")[0] == package}
    assert not own & {*face(package)}


# ------------------------------------------------------------------------------------------ faces


def test_most_rooms_have_a_face() -> None:
    """The magics are reached through the extension hook, the command line through `main`."""
    assert rooms() - {*faces()} == {"notebook_img.jupyter", "notebook_img.cli"}


@pytest.mark.parametrize("package", faces())
def test_a_face_tells_type_checkers_the_names_it_gives(package: str) -> None:
    typed = {found.name: found.module for found in imports(package, typing=True) if found.module != "notebook_img._face"}
    assert typed == face(package)


@pytest.mark.parametrize("package", faces())
def test_a_face_gives_every_name_and_the_nearest_for_a_wrong_one(package: str) -> None:
    found = importlib.import_module(package)
    assert all(hasattr(found, name) for name in face(package))
    assert {*found.__all__} == {*dir(found)} == {*face(package)}
    name = max(face(package), key=len)
    with pytest.raises(AttributeError, match=f"Did you mean '{name}'"):
        getattr(found, name[:-2] + name[-1])


def from_a_face(found: Import) -> bool:
    """Return whether another room's name is imported in a way that is allowed."""
    room = room_of(found.module)
    if room == "notebook_img.providers" and found.module != room:
        # What third parties build on, and each provider's own face.
        own = found.module.count(".") == 2 and is_package(found.module) and found.name in exported(found.module)
        return own or found.module == "notebook_img.providers.interface"
    if found.by == "notebook_img.__main__":
        return found.module == "notebook_img.cli" and found.name == "main"
    return found.module == room and (not is_package(room) or found.name in face(room))


def exported(package: str) -> list[str]:
    return list(importlib.import_module(package).__all__)


@pytest.mark.parametrize("room", sorted({room_of(module) for module in modules()} - {"notebook_img"}))
def test_a_room_imports_the_names_of_others_from_their_faces(room: str) -> None:
    mine = [module for module in modules() if room_of(module) == room]
    others = [found for module in mine for found in imports(module, typing=True) if room_of(found.module) != room]
    # `from notebook_img import keys` names a module of the ground, or a room for its face.
    own = [found for found in others if found.module == "notebook_img"]
    assert {found.name for found in own} <= {module.rpartition(".")[2] for module in modules() if module.count(".") == 1}
    assert not [str(found) for found in others if found not in own and not from_a_face(found)]


def test_what_a_model_takes_is_asked_where_the_users_own_words_count_too() -> None:
    asked = [
        f"{module}:{node.lineno}"
        for module, tree in modules().items()
        if room_of(module) != "notebook_img.providers"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "model_info"
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "providers")
    ]
    assert not asked


def test_the_package_itself_reaches_into_a_room_only_for_the_extension() -> None:
    reached = {found.module for found in imports("notebook_img", typing=True) if not from_a_face(found)}
    assert reached == {"notebook_img.jupyter.extension"}


# ------------------------------------------------------------------------------------------ circles


def leads_to(found: Import) -> str:
    """Return the module that is loaded for an import: of a face the one behind the name."""
    named = f"{found.module}.{found.name}"
    return named if named in modules() else face(found.module).get(found.name, found.module) if is_package(found.module) else found.module


@cache
def graph() -> dict[str, frozenset[str]]:
    return {
        module: frozenset() if face(module) else frozenset(leads_to(found) for found in imports(module, typing=False)) - {module}
        for module in modules()
        if module != "notebook_img"  # it loads a name from wherever it is when it is asked for
    }


def circle(edges: dict[str, frozenset[str]]) -> list[str]:
    """Return modules that import each other in a ring, or an empty list."""
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done or module not in edges:
            return []
        for other in sorted(edges[module]):
            if found := walk(other, (*way, module)):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(edges) if (found := walk(module, ()))), [])


def test_no_modules_import_each_other_in_a_ring() -> None:
    """Imports inside functions count: one that only puts a ring off is a sign of two modules that are one."""
    assert not circle(graph())


def test_no_rooms_import_each_other_in_a_ring() -> None:
    between: dict[str, set[str]] = {}
    for module, others in graph().items():
        between.setdefault(room_of(module), set()).update(room_of(other) for other in others)
    assert not circle({room: frozenset(others - {room}) for room, others in between.items()})


def test_a_module_that_is_looked_up_by_name_is_a_face_or_ones_own() -> None:
    """`import_module` with a name of ours is seen by no contract: it leads to a face, or into one's own folder.

    `ni` calls made without a magic have to tell the kernel's cells that they are watched, hence the one exception.
    """
    ways = set()
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
                target = ast.unparse(node.args[0]).strip("f'")
                if target.startswith("notebook_img") and module != "notebook_img":
                    ways.add((module, target))
    within = {(module, target) for module, target in ways if "{" in target}
    assert all(target.startswith(f"{room_of(module)}.") for module, target in within)
    upwards = {(module, target) for module, target in ways - within if target not in faces()}
    assert upwards == {("notebook_img.api", "notebook_img.jupyter.kernel")}


# ------------------------------------------------------------------------------------------ documents

MAP = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
DOCUMENTS = {"docs/architecture.md": MAP, "CONTRIBUTING.md": (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")}
PATH = re.compile(r"`([\w.-]+/[\w./-]*|[\w.-]+\.(?:py|md|toml|txt|json|js))`")
"""A file or folder in backticks, from the project's folder or from the package's."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_and_folder_that_the_documents_name_exists(document: str) -> None:
    named = PATH.findall(DOCUMENTS[document])
    assert len(named) > 10
    assert not [path for path in named if not (HOUSE / path).exists() and not (PROJECT / path).exists()]


def test_every_function_that_the_map_names_exists() -> None:
    ours = {
        node.name for tree in modules().values() for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)\(\)`", MAP)} <= ours


def test_the_map_has_every_room_and_root_module() -> None:
    ours = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in HOUSE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert ours - {"__init__.py", "__main__.py"} <= {*PATH.findall(MAP)}


def test_the_map_shows_the_contract_that_is_checked() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = re.findall(r"```text\n(.*?)```", MAP, re.DOTALL)
    assert shown == ["".join(row.replace("notebook_img.", "") + "\n" for row in layers)]


def test_modules_that_comments_point_to_exist() -> None:
    folders = (HOUSE, PROJECT / "tests", PROJECT / "benchmarks")
    paths = [str(path) for found in (*(folder.rglob("*.py") for folder in folders), PROJECT.glob("*.py")) for path in found]
    for source in (*HOUSE.rglob("*.py"), PROJECT / "docs" / "decisions.md"):
        for name in re.findall(r"(?:[\w-]+/)*\b[a-z][\w-]+\.py\b", source.read_text(encoding="utf-8")):
            assert name in ELSEWHERE or any(path.endswith(f"/{name}") for path in paths), f"{source}: {name}"


ELSEWHERE = {
    *("image_generate_params.py", "image_edit_params.py", "types/shared/chat_model.py"),  # OpenAI's SDK
    *("IPython/core/formatters.py", "core/inputtransformer2.py"),  # IPython
    "server/main.py",  # in the bundle for clients
}


# ------------------------------------------------------------------------------------------ what others rely on


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("notebook_img.providers.interface", "Provider"),
        ("notebook_img.providers.retry", "retrying"),
        ("notebook_img.providers.ark", "ArkProvider"),
        ("notebook_img.providers.gemini", "GeminiProvider"),
        ("notebook_img.providers.local", "LocalProvider"),
        ("notebook_img.providers.jimeng", "JimengProvider"),
        ("notebook_img.providers.openai", "OpenAIProvider"),
        ("notebook_img.cli", "main"),
        ("notebook_img.mcp.bundle", "main"),
        ("notebook_img", "load_ipython_extension"),
        ("notebook_img", "unload_ipython_extension"),
    ],
)
def test_paths_that_others_import_stay(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(module), name))


def test_entry_points_lead_to_what_they_name() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"notebook-img": "notebook_img.cli:main"}
    for name, value in project["entry-points"]["notebook_img.providers"].items():
        assert EntryPoint(name, value, "notebook_img.providers").load()(Settings({})).name == name


def test_the_bundle_for_clients_is_made_under_its_old_name_too(tmp_path: Path) -> None:
    target = tmp_path / "notebook-img.mcpb"
    subprocess.run([sys.executable, "-m", "notebook_img.mcp.bundle", str(target)], check=True, capture_output=True, timeout=120)
    assert "manifest.json" in zipfile.ZipFile(target).namelist()


def test_pickles_of_the_first_version_are_read() -> None:
    picture = loads(b64decode(PICKLED_PICTURE))
    assert (picture.name, picture.size, picture.mime_type) == ("dot", (2, 1), "image/png")
    error = loads(b64decode(PICKLED_ERROR))
    assert (type(error).__name__, str(error), error.stage, error.reason) == ("RefusedError", "no", "prompt", "SAFETY")


PICKLED_PICTURE = """
gASVhgAAAAAAAACMHW5vdGVib29rX2ltZy5waWN0dXJlcy5waWN0dXJllIwIX3Jlc3RvcmWUk5QoQ0SJUE5HDQoaCgAAAA1JSERSAAAAAgAAAAEIAAAAANFJ
IFYAAAALSURBVHicY2RnAAAAFAAJ7vI30AAAAABJRU5ErkJggpSMA2RvdJR9lCmJTk50lFKULg==
"""
PICKLED_ERROR = """
gASVvQAAAAAAAACME25vdGVib29rX2ltZy5lcnJvcnOUjAhfcmVidWlsdJSTlGgAjAxSZWZ1c2VkRXJyb3KUk5SMAm5vlIWUfZQojAhwcm92aWRlcpSMBmdl
bWluaZSMBW1vZGVslIwBeJSMBnN0YXR1c5ROjAtyZXRyeV9hZnRlcpROjAV1c2FnZZROjARjb3N0lE6MBXN0YWdllIwGcHJvbXB0lIwGcmVhc29ulIwGU0FG
RVRZlIwEdGV4dJSMAJR1h5RSlC4=
"""
"""Both written at 344ad51: they name `pictures.picture._restore` and `errors._rebuilt`."""
