"""The package as it is built, installed and started elsewhere: metadata, constraints, Binder."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a git checkout: git clone the project")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_the_versions_tested_with_satisfy_the_ranges():
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    for text in PROJECT["dependencies"]:
        requirement = Requirement(text)
        version = pins.get(requirement.name.lower())
        assert version, f"{requirement.name} is not in constraints.txt"
        assert requirement.specifier.contains(Version(version)), f"{requirement} against {version}"


def test_constraints_name_no_index():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "--" not in text


def test_the_extras_are_what_is_heavy():
    assert list(PROJECT["optional-dependencies"]) == ["heic", "azure", "panel", "team", "vision"]


def test_binder_starts_a_python_the_package_takes():
    runtime = (ROOT / "binder" / "runtime.txt").read_text().strip()
    match = re.fullmatch(r"python-(\d+\.\d+)", runtime)
    assert match, "repo2docker falls back to Python 3.10 when it cannot read runtime.txt"
    assert SpecifierSet(PROJECT["requires-python"]).contains(match[1])
    names = {path.name for path in (ROOT / "binder").iterdir()}
    assert "environment.yml" not in names, "it would switch requirements.txt and runtime.txt off"
    assert not (ROOT / ".binder").exists(), "two binder folders are an error"
    for line in (ROOT / "binder" / "requirements.txt").read_text().splitlines():
        Requirement(line)
    post_build = (ROOT / "binder" / "postBuild").read_text()
    assert "pip install" in post_build, "with a binder folder the package is not installed by itself"
    assert post_build.startswith("#!")
    if os.name != "nt":
        assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_binder_installs_in_a_fresh_environment_and_runs_the_quickstart(tmp_path):
    if os.name == "nt":
        pytest.skip("binder/postBuild is a POSIX script: run it on Linux")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    environment = {**os.environ, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(venv)}
    environment.pop("PYTHONPATH", None)
    pip = [venv / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    reachable = subprocess.run(
        [*pip, "--dry-run", "--no-deps", "--ignore-installed", "six"], env=environment, capture_output=True, timeout=300, check=False
    )
    if reachable.returncode:
        pytest.skip("needs a package index: run with a network, or set PIP_INDEX_URL")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    subprocess.run(
        [*pip, "--constraint", "constraints.txt", "-r", "binder/requirements.txt"], cwd=clone, env=environment, check=True, timeout=600
    )
    subprocess.run(["bash", "binder/postBuild"], cwd=clone, env=environment, check=True, timeout=600)
    done = subprocess.run(
        [venv / "bin" / "python", "-m", "notebooks.demo"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    page = (clone / "build" / "01-quickstart.html").read_text(encoding="utf-8")
    assert page.count("data:image/") >= 8
    assert "built-in, not AI" in page


@pytest.mark.slow
def test_the_wheel_holds_what_it_needs_and_nothing_else(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    if built.returncode and re.search(r"[Cc]onnection|resolve|index", built.stderr):
        pytest.skip("needs a package index for the build backend: run with a network")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    ours = {path.relative_to(ROOT).as_posix() for path in tracked()}
    assert {name for name in ours if name.startswith(("notebook_img/", "notebook-img.py"))} <= {*names}
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "benchmarks/"))]
    assert wheel.stat().st_size < 1_600_000
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    for name in ("notebook_img", "notebook-img"):
        loaded = subprocess.run(
            [sys.executable, "-c", LOADED, name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
            capture_output=True,
        )
        assert loaded.returncode == 0, loaded.stderr.decode()


LOADED = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", sys.argv[1])
assert "imgedit" in shell.magics_manager.magics["cell"]
import notebook_img
assert notebook_img.__file__.startswith(sys.path[1]), notebook_img.__file__
"""


def test_every_module_says_what_it_is_for():
    for path in sorted((ROOT / "notebook_img").rglob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_emulators_never_import_the_package():
    for path in (ROOT / "tests" / "emulators").glob("*.py"):
        assert not re.search(r"^\s*(from|import) notebook_img\b", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_notebooks_are_committed_without_outputs_and_with_cell_ids():
    import nbformat

    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(notebooks) >= 3
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert "widgets" not in notebook.metadata, path
        assert notebook.metadata["kernelspec"]["name"] == "python3", path
        for cell in notebook.cells:
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path
        assert any("assert " in cell.source for cell in notebook.cells if cell.cell_type == "code"), f"{path} asserts nothing"


def test_no_tracked_file_has_a_key_or_a_path_of_somebodys_machine():
    suspects = re.compile(rb"AIza[0-9A-Za-z_-]{30}|\bsk-[A-Za-z0-9]{20}|/home/(?!me/)[a-z]+/[a-z]|/Users/[A-Z]?[a-z]+/[a-z]")
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".lock"} or not path.is_file():
            continue
        found = suspects.search(path.read_bytes())
        assert not found, f"{path}: {found[0][:60]!r}"
